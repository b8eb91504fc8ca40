/* SPDX-License-Identifier: Apache-2.0 */
/* Every misdeed of the hostile guest: a precise error in bounded time, a poisoned sandbox, and
 * another sandbox of the same process that still answers. */
#include "tests/hostile/witness.h"

#include "abi/peb.h"
#include "host/sandbox/sandbox.h"
#include <string.h>

/* A refused system call has no vector where guests run in a process. */
#define NO_VECTOR (-1)
#define END (-2)

/* Vectors may differ between drivers and kinds of KVM. */
struct misdeed {
    const char *function;
    size_t n_args;
    mote_value args[2];
    mote_status status;
    const char *cause; /* NULL: not compared */
    int vectors[4];    /* END ends them */
};

#define NO_ARGS \
    0, \
    { \
        { \
            .type = MOTE_TYPE_VOID \
        } \
    }
#define NUMBER(n) \
    { \
        .type = MOTE_TYPE_U32, .as.u32 = (n) \
    }
#define ADDRESS(n) \
    { \
        .type = MOTE_TYPE_U64, .as.u64 = (n) \
    }
#define TEXT(t) \
    { \
        .type = MOTE_TYPE_STR, .as.str = {(t), sizeof(t) - 1 } \
    }
#define FAULT(cause, ...) \
    MOTE_E_GUEST_FAULT, cause, \
    { \
        __VA_ARGS__, END \
    }
#define OTHER(status) \
    status, NULL, \
    { \
        END \
    }
#define PRIVILEGED(name) \
    { \
        "Privileged", 1, {TEXT(name)}, FAULT("privileged instruction", 13) \
    }

static const struct misdeed misdeeds[] = {
    {"ReadNull", NO_ARGS, FAULT("null pointer", 14)},
    {"WriteNull", NO_ARGS, FAULT("null pointer", 14)},
    {"CallNull", NO_ARGS, FAULT("null pointer", 14)},
    {"ReadAt", 1, {ADDRESS(0x100000)}, FAULT("access to the monitor", 14)},
    {"ReadAt", 1, {ADDRESS(0x1FFFFF)}, FAULT("access to the monitor", 14)},
    {"ReadAt", 1, {ADDRESS(0x101000)}, FAULT("access to the monitor", 14)},
    {"WriteAt", 1, {ADDRESS(0x180000)}, FAULT("access to the monitor", 14)},
    {"WriteAt", 1, {ADDRESS(0x200000)}, FAULT("access to the monitor", 14)},
    {"ReadAt", 1, {ADDRESS(0x40000000)}, FAULT("unmapped address", 14)},
    {"ReadAt", 1, {ADDRESS(0x7FFFFFFFF000)}, FAULT("unmapped address", 14)},
    {"ReadAt", 1, {ADDRESS(0xFFFF800000000000)}, FAULT("unmapped address", 14)},
    {"ReadAt", 1, {ADDRESS(0xFFFFFFFFFF600000)}, FAULT("unmapped address", 14)},
    {"ReadAt", 1, {ADDRESS(0x800000000000)}, FAULT(NULL, 13)},
    {"WriteAt", 1, {ADDRESS(0x8000000000000000)}, FAULT(NULL, 13)},
    {"CallAt", 1, {ADDRESS(0x8000000000000000)}, FAULT(NULL, 13)},
    {"CallAt", 1, {ADDRESS(0x101000)}, FAULT("access to the monitor", 14)},
    {"CallAt", 1, {ADDRESS(0x40000000)}, FAULT("unmapped address", 14)},
    {"WriteCode", NO_ARGS, FAULT("write to read-only code", 14)},
    {"ExecuteHeap", NO_ARGS, FAULT("execute of data", 14)},
    {"ExecuteStack", NO_ARGS, FAULT("execute of data", 14)},
    {"RecurseForever", NO_ARGS, FAULT("stack overflow", 14)},
    {"LargeFrame", 1, {ADDRESS(70000)}, FAULT("stack overflow", 14)},
    {"LargeFrame", 1, {ADDRESS(100 << 20)}, FAULT("stack overflow", 14)},
    {"DivideByZero", NO_ARGS, FAULT("divide error", 0)},
    {"InvalidOpcode", NO_ARGS, FAULT("invalid opcode", 6)},
    {"Halt", NO_ARGS, OTHER(MOTE_E_NO_RESULT)},
    PRIVILEGED("cli"),
    PRIVILEGED("sti"),
    PRIVILEGED("lgdt"),
    PRIVILEGED("lidt"),
    PRIVILEGED("ltr"),
    PRIVILEGED("mov_cr0"),
    PRIVILEGED("mov_cr3"),
    PRIVILEGED("mov_cr4"),
    PRIVILEGED("rdmsr"),
    PRIVILEGED("wrmsr"),
    PRIVILEGED("invlpg"),
    PRIVILEGED("wbinvd"),
    PRIVILEGED("swapgs"),
    {"Syscall", NO_ARGS, FAULT("syscall instruction", 14, 6, NO_VECTOR)},
    {"Breakpoint", NO_ARGS, FAULT("breakpoint", 3)},
    {"TrapFlag", NO_ARGS, FAULT("debug trap", 1)},
    {"BadStack", NO_ARGS, FAULT(NULL, 12, 13, 14)},
    {"Interrupt", 1, {NUMBER(3)}, FAULT("breakpoint", 3)},
    {"Interrupt", 1, {NUMBER(0x80)}, FAULT(NULL, 6, 13, NO_VECTOR)},
    {"OutPort", 2, {NUMBER(0x3F8), NUMBER(1)}, FAULT("port not allowed", 13)},
    {"OutPort", 2, {NUMBER(100), NUMBER(1)}, FAULT("port not allowed", 13)},
    {"OutPort", 2, {NUMBER(0xCF8), NUMBER(1)}, FAULT("port not allowed", 13)},
    {"OutPort", 2, {NUMBER(99), NUMBER(1)}, OTHER(MOTE_E_PROTOCOL)},
    {"OutPort", 2, {NUMBER(101), NUMBER(0)}, OTHER(MOTE_E_PROTOCOL)},
    {"OutPort", 2, {NUMBER(102), NUMBER(5)}, OTHER(MOTE_E_GUEST_ABORT)},
    {"OutPort", 2, {NUMBER(104), NUMBER(200)}, OTHER(MOTE_E_PROTOCOL)},
    {"InPort", 1, {NUMBER(0x60)}, FAULT("port not allowed", 13)},
    {"InPort", 1, {NUMBER(99)}, OTHER(MOTE_E_PROTOCOL)},
    {"LoopForever", NO_ARGS, OTHER(MOTE_E_TIME_LIMIT)},
    {"HostCallForever", NO_ARGS, OTHER(MOTE_E_TIME_LIMIT)},
    {"LogForever", NO_ARGS, OTHER(MOTE_E_TIME_LIMIT)},
    {"CorruptOutput", 1, {NUMBER(0)}, OTHER(MOTE_E_PROTOCOL)},
    {"CorruptOutput", 1, {NUMBER(1)}, OTHER(MOTE_E_PROTOCOL)},
    {"CorruptOutput", 1, {NUMBER(2)}, OTHER(MOTE_E_PROTOCOL)},
    {"CorruptOutput", 1, {NUMBER(3)}, OTHER(MOTE_E_PROTOCOL)},
    {"CorruptOutput", 1, {NUMBER(4)}, OTHER(MOTE_E_PROTOCOL)},
    {"CorruptOutput", 1, {NUMBER(5)}, OTHER(MOTE_E_PROTOCOL)},
    {"CorruptOutput", 1, {NUMBER(6)}, OTHER(MOTE_E_PROTOCOL)},
    {"CorruptOutput", 1, {NUMBER(7)}, OTHER(MOTE_E_PROTOCOL)},
    {"ReturnNothing", NO_ARGS, OTHER(MOTE_E_NO_RESULT)},
    {"ReturnTwice", NO_ARGS, OTHER(MOTE_E_PROTOCOL)},
    {"ReturnWrongType", NO_ARGS, OTHER(MOTE_E_PROTOCOL)},
    {"Abort", 2, {NUMBER(7), TEXT("over")}, OTHER(MOTE_E_GUEST_ABORT)},
};

static bool is_listed(int vector, const int *vectors)
{
    for (size_t i = 0; vectors[i] != END; i++) {
        if (vectors[i] == vector)
            return true;
    }
    return false;
}

/* Where the guest was, and what it was about to touch. */
static void assert_place_is_told(const struct misdeed *misdeed)
{
    const mote_fault *fault = &last_error.fault;
    bool is_told_address = strcmp(misdeed->function, "ReadAt") == 0 ||
                           strcmp(misdeed->function, "WriteAt") == 0 ||
                           strcmp(misdeed->function, "CallAt") == 0;
    if (fault->vector != 14 || strcmp(fault->cause, "syscall instruction") == 0)
        return;
    assert_true(fault->has_address);
    assert_int_not_equal(fault->access, MOTE_ACCESS_NONE);
    if (is_told_address)
        assert_int_equal(fault->address, misdeed->args[0].as.u64);
    if (strcmp(fault->cause, "null pointer") == 0) {
        assert_int_equal(fault->address, 0);
        assert_string_equal(fault->region, "null pages");
    }
    if (strcmp(fault->cause, "stack overflow") == 0)
        assert_string_equal(fault->region, "guard");
}

static void commit(const struct misdeed *misdeed)
{
    mote_config config = MOTE_CONFIG_INIT;
    bool is_endless = misdeed->status == MOTE_E_TIME_LIMIT;
    if (is_endless)
        config.time_limit_us = 100000;
    mote_sandbox *sandbox = new_offender(&config);
    /* Which may last longer than that, on a slow or busy machine. */
    if (!is_endless)
        assert_echo(sandbox);
    mote_status status = provoke(sandbox, misdeed->function, misdeed->args, misdeed->n_args);
    const mote_fault *fault = &last_error.fault;
    bool is_right = status == misdeed->status &&
                    (misdeed->cause == NULL || strcmp(fault->cause, misdeed->cause) == 0) &&
                    (status != MOTE_E_GUEST_FAULT || is_listed(fault->vector, misdeed->vectors));
    if (!is_right)
        fail_msg("%s: %s: %s", misdeed->function, mote_status_name(status), last_error.text);
    if (status == MOTE_E_GUEST_FAULT)
        assert_place_is_told(misdeed);
    assert_contained(sandbox, status);
}

static void test_each_misdeed_is_named_and_contained(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (size_t i = 0; i < COUNT(misdeeds); i++)
        commit(&misdeeds[i]);
}

/* `int N` ends in a fault, or on kvm_pvm sometimes in nothing at all. Never in harm. */
static void test_every_software_interrupt(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (uint32_t vector = 0; vector < 256; vector++) {
        const mote_value arg = mote_u32(vector);
        mote_sandbox *sandbox = new_offender(NULL);
        mote_status status = provoke(sandbox, "Interrupt", &arg, 1);
        assert_true(status == MOTE_OK || status == MOTE_E_GUEST_FAULT);
        assert_contained(sandbox, status);
    }
}

static uint64_t peb_word(const mote_sandbox *sandbox, uint32_t field)
{
    uint64_t value = 0;
    uint64_t peb = sandbox->template->layout.start[MT_PLACE_PEB];
    assert_true(
        mt_guest_read_u64(&sandbox->buffers.window, mt_gva(peb + field * sizeof(value)), &value));
    return value;
}

/* Whatever a guest writes into its PEB, the host does not read it back. */
static void test_a_corrupted_peb_does_not_reach_the_host(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint64_t values[] = {0, 1, 0x1000, UINT64_MAX, 1ull << 63, 0x200000};
    for (uint32_t field = 0; field < sizeof(struct mt_peb) / sizeof(uint64_t); field++) {
        for (size_t i = 0; i < COUNT(values); i++) {
            const mote_value args[] = {mote_u32(field), mote_u64(values[i])};
            mote_sandbox *sandbox = new_offender(NULL);
            assert_ok(provoke(sandbox, "CorruptPeb", args, 2));
            assert_int_equal(peb_word(sandbox, field), values[i]);
            assert_contained(sandbox, MOTE_OK);
        }
    }
}

static void test_a_corrupted_input_buffer_is_rebuilt(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = new_offender(NULL);
    for (int i = 0; i < 3; i++) {
        assert_ok(provoke(sandbox, "CorruptInput", NULL, 0));
        assert_echo(sandbox);
    }
    assert_contained(sandbox, MOTE_OK);
}

static void test_a_returned_error_does_not_poison(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = new_offender(NULL);
    const mote_value args[] = {mote_u32(77), mote_str("mine")};
    mote_status status = provoke(sandbox, "ReturnError", args, 2);
    assert_status(status, MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 77);
    assert_contained(sandbox, status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_misdeed_is_named_and_contained),
        cmocka_unit_test(test_every_software_interrupt),
        cmocka_unit_test(test_a_corrupted_peb_does_not_reach_the_host),
        cmocka_unit_test(test_a_corrupted_input_buffer_is_rebuilt),
        cmocka_unit_test(test_a_returned_error_does_not_poison),
    };
    return cmocka_run_group_tests_name("hostile", tests, witness_set_up, witness_tear_down);
}
