/* SPDX-License-Identifier: Apache-2.0 */
/* Exits of KVM as a kernel gives them that is wrong, old or short of something: run pages that the
 * test fills in, since no guest makes such exits. */
#include "host/driver/kvm/kvm_internal.h"
#include "monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define PRIVATE_START 0x300000u
#define PRIVATE_BYTES 0x1000u
#define FRAME_BYTES 40u
#define RIP 0x212345u
#define USER_CODE 0x33u
#define PAGE_FAULT 14u
#define INVALID_OPCODE 6u

/* Guards on both sides show a byte too many. */
static struct {
    uint64_t below[8];
    uint64_t memory[PRIVATE_BYTES / 8];
    uint64_t above[8];
} host;

static struct kvm_run run;
static struct mt_kvm_prepared prepared = {
    .run_bytes = sizeof(run), .private_start = PRIVATE_START, .private_len_bytes = PRIVATE_BYTES};
static struct mt_machine machine = {.prepared = &prepared, .run = &run, .vcpu_fd = -1};

/* An exception as the monitor reports it: `out` to the port of its number, from its gates. */
static void set_exception(unsigned vector, uint64_t rsp)
{
    memset(&host, 0, sizeof(host));
    memset(&run, 0, sizeof(run));
    machine.private_memory = (uint8_t *)host.memory;
    run.exit_reason = KVM_EXIT_IO;
    run.io.direction = KVM_EXIT_IO_OUT;
    run.io.port = (uint16_t)vector;
    run.io.size = 1;
    run.io.count = 1;
    run.s.regs.regs.rip = MT_KVM_GATES;
    run.s.regs.regs.rsp = rsp;
}

/* The frame that a CPU pushes without an error code: RIP, CS, RFLAGS, RSP, SS. */
static void set_frame(uint64_t at, uint64_t cs)
{
    const uint64_t frame[] = {RIP, cs, 2, PRIVATE_START + 8, 0x2B};
    memcpy((uint8_t *)host.memory + (at - PRIVATE_START), frame, sizeof(frame));
}

static struct mt_exit read_exit(void)
{
    struct mt_exit exit;
    memset(&exit, 0xA5, sizeof(exit));
    mt_kvm_read_exit(&machine, &exit);
    return exit;
}

static void assert_died(const char *beginning)
{
    struct mt_exit exit = read_exit();
    assert_int_equal(exit.kind, MT_EXIT_DIED);
    assert_memory_equal(exit.died, beginning, strlen(beginning));
}

static void test_a_frame_on_the_monitors_stack_is_read(void **state)
{
    (void)state;
    static const uint64_t places[] = {PRIVATE_START, PRIVATE_START + 64,
                                      PRIVATE_START + PRIVATE_BYTES - FRAME_BYTES};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        set_exception(INVALID_OPCODE, places[i]);
        set_frame(places[i], USER_CODE);
        struct mt_exit exit = read_exit();
        assert_int_equal(exit.kind, MT_EXIT_FAULT);
        assert_int_equal(exit.fault.vector, INVALID_OPCODE);
        assert_int_equal(exit.fault.rip, RIP);
    }
}

static void test_a_frame_outside_of_it_is_not(void **state)
{
    (void)state;
    const uint64_t end = PRIVATE_START + PRIVATE_BYTES;
    const uint64_t places[] = {0,       PRIVATE_START - 1, PRIVATE_START - FRAME_BYTES,
                               end,     end - 8,           end - FRAME_BYTES + 1,
                               end + 8, UINT64_MAX,        UINT64_MAX - FRAME_BYTES + 1};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        set_exception(INVALID_OPCODE, places[i]);
        assert_died("exception frame outside the monitor's stack at");
        set_exception(PAGE_FAULT, places[i]);
        assert_died("exception frame outside the monitor's stack at");
    }
    /* The error code alone is inside, and its frame is not. */
    set_exception(PAGE_FAULT, end - FRAME_BYTES);
    assert_died("exception frame outside the monitor's stack at");
}

/* The first 32 vectors are the CPU's exceptions; what lies past them has no error code. */
static void test_error_codes_come_with_the_exceptions_that_have_one(void **state)
{
    (void)state;
    static const struct {
        unsigned vector;
        bool has_error_code;
    } vectors[] = {{6, false},  {7, false},  {8, true},   {9, false},  {10, true},  {13, true},
                   {15, false}, {16, false}, {17, true},  {18, false}, {21, true},  {28, false},
                   {29, true},  {30, true},  {31, false}, {32, false}, {40, false}, {255, false}};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        set_exception(vectors[i].vector, PRIVATE_START + 64);
        host.memory[8] = 0x1234;
        set_frame(PRIVATE_START + (vectors[i].has_error_code ? 72 : 64), USER_CODE);
        struct mt_exit exit = read_exit();
        assert_int_equal(exit.kind, MT_EXIT_FAULT);
        assert_int_equal(exit.fault.vector, vectors[i].vector);
        assert_int_equal(exit.fault.error_code, vectors[i].has_error_code ? 0x1234 : 0);
        assert_int_equal(exit.fault.rip, RIP);
    }
}

static void test_special_registers_that_cannot_be_read(void **state)
{
    (void)state;
    set_exception(PAGE_FAULT, PRIVATE_START);
    set_frame(PRIVATE_START + 8, USER_CODE);
    assert_died("special registers cannot be read, vector");
}

static void test_an_exception_in_the_monitor_itself(void **state)
{
    (void)state;
    set_exception(INVALID_OPCODE, PRIVATE_START);
    set_frame(PRIVATE_START, 0x08);
    assert_died("exception in the monitor at 0x212345");
}

/* Only what comes from the gates is an exception. */
static void test_a_port_of_the_guest_is_none(void **state)
{
    (void)state;
    static const uint64_t rips[] = {0, MT_KVM_GATES - 1,
                                    MT_KVM_GATES + MT_MONITOR_GATES * MT_MONITOR_GATE_BYTES + 1,
                                    RIP, UINT64_MAX};
    for (size_t i = 0; i < sizeof(rips) / sizeof(rips[0]); i++) {
        set_exception(INVALID_OPCODE, PRIVATE_START);
        set_frame(PRIVATE_START, USER_CODE);
        run.s.regs.regs.rip = rips[i];
        run.io.data_offset = offsetof(struct kvm_run, padding1);
        run.padding1[0] = 77;
        struct mt_exit exit = read_exit();
        assert_int_equal(exit.kind, MT_EXIT_PORT);
        assert_int_equal(exit.port.number, INVALID_OPCODE);
        assert_int_equal(exit.port.value, 77);
        assert_false(exit.port.is_in);
    }
}

/* Data of an `in` is not the guest's, and data past the run page is nobody's. */
static void test_a_port_without_data_has_the_value_zero(void **state)
{
    (void)state;
    set_exception(INVALID_OPCODE, PRIVATE_START);
    run.s.regs.regs.rip = RIP;
    run.io.data_offset = sizeof(run);
    assert_int_equal(read_exit().port.value, 0);
    run.io.data_offset = UINT64_MAX;
    assert_int_equal(read_exit().port.value, 0);
    run.io.data_offset = offsetof(struct kvm_run, padding1);
    run.padding1[0] = 77;
    run.io.direction = KVM_EXIT_IO_IN;
    struct mt_exit exit = read_exit();
    assert_int_equal(exit.port.value, 0);
    assert_true(exit.port.is_in);
}

static void test_other_reasons_are_the_end_and_named(void **state)
{
    (void)state;
    static const struct {
        uint32_t reason;
        const char *beginning;
    } reasons[] = {
        {KVM_EXIT_MMIO, "access to unbacked guest-physical address"},
        {KVM_EXIT_SHUTDOWN, "triple fault, rip"},
        {KVM_EXIT_FAIL_ENTRY, "the CPU refused to enter the guest, reason"},
        {KVM_EXIT_INTERNAL_ERROR, "KVM cannot go on, suberror"},
        {KVM_EXIT_HLT, "unexpected exit of KVM, reason 0x5"},
        {UINT32_MAX, "unexpected exit of KVM, reason 0xffffffff"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        memset(&run, 0, sizeof(run));
        run.exit_reason = reasons[i].reason;
        assert_died(reasons[i].beginning);
    }
    run.exit_reason = KVM_EXIT_INTR;
    assert_int_equal(read_exit().kind, MT_EXIT_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_on_the_monitors_stack_is_read),
        cmocka_unit_test(test_a_frame_outside_of_it_is_not),
        cmocka_unit_test(test_error_codes_come_with_the_exceptions_that_have_one),
        cmocka_unit_test(test_special_registers_that_cannot_be_read),
        cmocka_unit_test(test_an_exception_in_the_monitor_itself),
        cmocka_unit_test(test_a_port_of_the_guest_is_none),
        cmocka_unit_test(test_a_port_without_data_has_the_value_zero),
        cmocka_unit_test(test_other_reasons_are_the_end_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
