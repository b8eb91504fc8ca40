/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions: each region and each way of touching it has its cause; who may finish by `hlt`. */
#include "tests/script/fixture.h"

#include <string.h>

enum { READ = 4, WRITE = 6, FETCH = 20, PROTECTION = 1 };

struct page_fault {
    enum mt_place place;
    uint64_t offset;
    uint32_t error_code;
    const char *region;
    const char *cause;
};

static void assert_page_fault(const struct page_fault *wanted)
{
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    uint64_t address = guest_place(&guest, wanted->place) + wanted->offset;
    uint64_t rip = guest_code(&guest, 0x48);
    guest_fault(&guest, 14, wanted->error_code, address, rip);
    assert_error(guest_echo(&guest), MOTE_E_GUEST_FAULT);
    const mote_fault *fault = &last_error.fault;
    mote_access access = wanted->error_code & 16  ? MOTE_ACCESS_EXECUTE
                         : wanted->error_code & 2 ? MOTE_ACCESS_WRITE
                                                  : MOTE_ACCESS_READ;
    assert_int_equal(fault->vector, 14);
    assert_string_equal(fault->name, "#PF");
    assert_int_equal(fault->error_code, wanted->error_code);
    assert_int_equal(fault->has_address, 1);
    assert_int_equal(fault->address, address);
    assert_int_equal(fault->access, access);
    assert_int_equal(fault->rip, rip);
    assert_string_equal(fault->region, wanted->region);
    assert_string_equal(fault->cause, wanted->cause);
    assert_string_equal(fault->symbol, "start+0x8");
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    assert_error(guest_echo(&guest), MOTE_E_POISONED);
    guest_close(&guest);
}

static void test_page_faults_in_each_region(void **state)
{
    (void)state;
    const struct page_fault faults[] = {
        {MT_PLACE_TABLES, 0, READ, "page tables", "access to the monitor"},
        {MT_PLACE_CODE, 0, WRITE | PROTECTION, "read-only data", "write to read-only data"},
        {MT_PLACE_CODE, MAKER_CODE, WRITE | PROTECTION, "code", "write to read-only code"},
        {MT_PLACE_CODE, MAKER_WRITABLE, FETCH | PROTECTION, "data", "execute of data"},
        {MT_PLACE_PEB, 0, FETCH | PROTECTION, "PEB", "execute of data"},
        {MT_PLACE_HOST_DEFINITIONS, 0, WRITE | PROTECTION, "host functions",
         "write to read-only data"},
        {MT_PLACE_HOST_EXCEPTION, 8, WRITE | PROTECTION, "host exception",
         "write to read-only data"},
        {MT_PLACE_GUEST_ERROR, 0, FETCH | PROTECTION, "guest error", "execute of data"},
        {MT_PLACE_INPUT, 0, FETCH | PROTECTION, "input", "execute of data"},
        {MT_PLACE_OUTPUT, 0x3FFF, FETCH | PROTECTION, "output", "execute of data"},
        {MT_PLACE_PANIC, 0, FETCH | PROTECTION, "panic context", "execute of data"},
        {MT_PLACE_HEAP, 0, FETCH | PROTECTION, "heap", "execute of data"},
        {MT_PLACE_HEAP_GUARD, 0, WRITE, "guard", "stack overflow"},
        {MT_PLACE_HEAP_GUARD, 0xFFF, READ, "guard", "stack overflow"},
        {MT_PLACE_STACK, 0, FETCH | PROTECTION, "stack", "execute of data"},
        {MT_PLACE_STACK_GUARD, 0, WRITE, "guard", "guard page"},
        {MT_PLACE_KERNEL_STACK, 0, READ | PROTECTION, "kernel stack", "access to the monitor"},
        {MT_PLACE_KERNEL_GUARD, 0, READ, "guard", "guard page"},
        {MT_PLACE_BOOT_STACK, 0, WRITE | PROTECTION, "boot stack", "access to the monitor"},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        assert_page_fault(&faults[i]);
}

struct absolute_fault {
    uint64_t address;
    const char *region;
    const char *cause;
};

static void test_page_faults_outside_all_regions(void **state)
{
    (void)state;
    static const struct absolute_fault faults[] = {
        {0, "null pages", "null pointer"},
        {0xFFFF, "null pages", "null pointer"},
        {0x10000, "", "unmapped address"},
        {0xFFFFF, "", "unmapped address"},
        {0x100000, "monitor", "access to the monitor"},
        {0x1FFFFF, "monitor", "access to the monitor"},
        {0x40000000, "", "unmapped address"},
        {UINT64_MAX, "", "unmapped address"},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        guest_fault(&guest, 14, READ, faults[i].address, guest_code(&guest, 0));
        assert_error(guest_echo(&guest), MOTE_E_GUEST_FAULT);
        assert_string_equal(last_error.fault.region, faults[i].region);
        assert_string_equal(last_error.fault.cause, faults[i].cause);
        guest_close(&guest);
    }
}

struct exception {
    uint8_t vector;
    const char *name;
    const char *cause;
};

static void test_each_vector_has_its_name(void **state)
{
    (void)state;
    static const struct exception exceptions[] = {
        {0, "#DE", "divide error"},
        {1, "#DB", "debug trap"},
        {2, "NMI", "non-maskable interrupt"},
        {3, "#BP", "breakpoint"},
        {4, "#OF", "overflow trap"},
        {5, "#BR", "bound range exceeded"},
        {6, "#UD", "invalid opcode"},
        {7, "#NM", "device not available"},
        {8, "#DF", "double fault"},
        {9, "", "unknown exception"},
        {10, "#TS", "invalid task segment"},
        {11, "#NP", "segment not present"},
        {12, "#SS", "stack segment fault"},
        {15, "", "unknown exception"},
        {16, "#MF", "x87 error"},
        {17, "#AC", "misaligned access"},
        {18, "#MC", "machine check"},
        {19, "#XM", "SIMD floating-point error"},
        {21, "#CP", "control protection"},
        {255, "", "unknown exception"},
    };
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        guest_fault(&guest, exceptions[i].vector, 0, 0, guest_code(&guest, 0));
        assert_error(guest_echo(&guest), MOTE_E_GUEST_FAULT);
        assert_int_equal(last_error.fault.vector, exceptions[i].vector);
        assert_string_equal(last_error.fault.name, exceptions[i].name);
        assert_string_equal(last_error.fault.cause, exceptions[i].cause);
        assert_int_equal(last_error.fault.has_address, 0);
        guest_close(&guest);
    }
}

struct instruction {
    uint8_t code[4];
    uint8_t vector;
    uint32_t error_code;
    const char *cause;
};

static void test_protection_faults_are_named_by_their_instruction(void **state)
{
    (void)state;
    static const struct instruction instructions[] = {
        {{0xEE, 0x90}, 13, 0, "port not allowed"},
        {{0x66, 0xE5, 0x01}, 13, 0, "port not allowed"},
        {{0xF3, 0x6E}, 13, 0, "port not allowed"},
        {{0xFA, 0x90}, 13, 0, "privileged instruction"},
        {{0x48, 0x0F, 0x22, 0xD8}, 13, 0, "privileged instruction"},
        {{0x0F, 0x30}, 13, 0, "privileged instruction"},
        {{0x0F, 0x05}, 6, 0, "syscall instruction"},
        {{0x0F, 0x34}, 13, 0, "syscall instruction"},
        {{0x0F, 0x0B}, 6, 0, "invalid opcode"},
        {{0x8B, 0x00}, 13, 0, "non-canonical or misaligned address"},
        {{0x8E, 0xD8}, 13, 0x58, "general protection"},
    };
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        struct guest guest;
        memcpy(guest_file()->code, instructions[i].code, 4);
        guest_ready(&guest, GUEST_MOTE, NULL);
        guest_fault(&guest, instructions[i].vector, instructions[i].error_code, 0,
                    guest_code(&guest, 0));
        assert_error(guest_echo(&guest), MOTE_E_GUEST_FAULT);
        assert_string_equal(last_error.fault.cause, instructions[i].cause);
        guest_close(&guest);
    }
}

static void test_a_syscall_is_named_where_the_driver_says_so(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_fault(&guest, 14, FETCH, 0x100800, guest_code(&guest, 0))->exit.fault.is_syscall = true;
    assert_error(guest_echo(&guest), MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "syscall instruction");
    guest_close(&guest);
}

static void test_a_refused_system_call_has_no_vector(void **state)
{
    (void)state;
    static const enum guest_kind kinds[] = {GUEST_MOTE, GUEST_01};
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        guest_ready(&guest, kinds[i], NULL);
        /* At a `hlt`, and with the numbers of one: it is none. */
        guest_fault(&guest, 13, 0, 0, guest_code(&guest, GUEST_HLT))->exit.kind = MT_EXIT_REFUSED;
        const mote_value text = mote_str("x");
        assert_error(guest_call(&guest, "Echo", &text, 1, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_FAULT);
        assert_int_equal(last_error.fault.vector, -1);
        assert_string_equal(last_error.fault.name, "");
        assert_string_equal(last_error.fault.cause, "syscall instruction");
        assert_int_equal(last_error.fault.has_address, 0);
        assert_int_equal(last_error.fault.rip, guest_code(&guest, GUEST_HLT));
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_rip_may_be_anywhere(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        uint64_t code = guest_place(&guest, MT_PLACE_CODE);
        uint64_t image_end = code + guest.sandbox->template->placed_bytes;
        const uint64_t rips[] = {0,         code - 1,       code,       image_end - 1,
                                 image_end, 0x800000000000, UINT64_MAX, UINT64_MAX - 14};
        guest_fault(&guest, 13, 0, 0, rips[i]);
        assert_error(guest_echo(&guest), MOTE_E_GUEST_FAULT);
        assert_int_equal(last_error.fault.rip, rips[i]);
        assert_int_equal(strcmp(last_error.fault.cause, "jump to a non-canonical address") == 0,
                         rips[i] == 0x800000000000);
        guest_close(&guest);
    }
}

struct halt {
    uint8_t vector;
    uint32_t error_code;
    uint64_t offset;
};

static void test_only_hlt_in_the_images_own_code_finishes(void **state)
{
    (void)state;
    static const struct halt others[] = {
        {13, 1, GUEST_HLT},
        {6, 0, GUEST_HLT},
        {13, 0, GUEST_HLT + 1},
        {13, 0, GUEST_HLT - 1},
    };
    struct guest guest;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        guest_ready(&guest, GUEST_01, NULL);
        guest_push_i32(&guest, 1);
        guest_fault(&guest, others[i].vector, others[i].error_code, 0,
                    guest_code(&guest, others[i].offset));
        assert_error(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_GUEST_FAULT);
        guest_close(&guest);
    }
    /* What the guest writes into its own memory is no code. */
    guest_ready(&guest, GUEST_01, NULL);
    uint64_t heap = guest_place(&guest, MT_PLACE_HEAP);
    guest_write(&guest, heap, "\xF4", 1);
    guest_push_i32(&guest, 1);
    guest_fault(&guest, 13, 0, 0, heap);
    assert_error(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_GUEST_FAULT);
    guest_close(&guest);
}

static void test_hlt_does_not_finish_a_mote_guest(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    /* Not even where there would be a result. */
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    guest_push_result(&guest, &text);
    guest_fault(&guest, 13, 0, 0, guest_code(&guest, GUEST_HLT));
    assert_error(guest_echo(&guest), MOTE_E_NO_RESULT);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

static void test_a_fault_in_init_poisons(void **state)
{
    (void)state;
    struct guest guest;
    guest_open(&guest, GUEST_MOTE, NULL);
    guest_fault(&guest, 0, 0, 0, guest_code(&guest, 0));
    assert_error(guest_init(&guest), MOTE_E_GUEST_FAULT);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_faults_in_each_region),
        cmocka_unit_test(test_page_faults_outside_all_regions),
        cmocka_unit_test(test_each_vector_has_its_name),
        cmocka_unit_test(test_protection_faults_are_named_by_their_instruction),
        cmocka_unit_test(test_a_syscall_is_named_where_the_driver_says_so),
        cmocka_unit_test(test_a_refused_system_call_has_no_vector),
        cmocka_unit_test(test_rip_may_be_anywhere),
        cmocka_unit_test(test_only_hlt_in_the_images_own_code_finishes),
        cmocka_unit_test(test_hlt_does_not_finish_a_mote_guest),
        cmocka_unit_test(test_a_fault_in_init_poisons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
