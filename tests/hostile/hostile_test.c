/* SPDX-License-Identifier: Apache-2.0 */
/* Every misdeed of the hostile guest: a precise error in bounded time, a poisoned sandbox, and
 * another sandbox of the same process that still answers. */
#include "tests/api/fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define HOSTILE MOTE_BUILD_DIR "/guests/hostile.elf"

/* A refused system call has no vector where guests run in a process. */
#define NO_VECTOR (-1)
#define END (-2)

/* Vectors may differ between drivers and kinds of KVM: as many as are listed, END ends them. */
struct misdeed {
    const char *function;
    size_t n_args;
    mote_value args[2];
    mote_status status;
    const char *cause; /* NULL: not compared */
    int vectors[4];
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
        __VA_ARGS__, -1 \
    }
#define OTHER(status) \
    status, NULL, \
    { \
        -1 \
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
    {"Interrupt", 1, {NUMBER(0x80)}, FAULT(NULL, 6, 13)},
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

#define N_MISDEEDS (sizeof(misdeeds) / sizeof(misdeeds[0]))

static bool is_listed(int vector, const int *vectors)
{
    for (size_t i = 0; vectors[i] != END; i++) {
        if (vectors[i] == vector)
            return true;
    }
    return false;
}

static void assert_echo(mote_sandbox *sandbox)
{
    const mote_value text = mote_str("witness");
    mote_value result;
    assert_ok(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, &result, &last_error));
    assert_string_equal(result.as.str.data, "witness");
}

static void commit(const struct misdeed *misdeed, mote_sandbox *witness)
{
    mote_config config = MOTE_CONFIG_INIT;
    bool is_endless = misdeed->status == MOTE_E_TIME_LIMIT;
    if (is_endless)
        config.time_limit_us = 100000;
    mote_sandbox *sandbox = open_sandbox(HOSTILE, &config);
    /* Which may last longer than that, on a slow or busy machine. */
    if (!is_endless)
        assert_echo(sandbox);
    memset(&last_error, 0, sizeof(last_error));
    mote_status status = mote_call(sandbox, misdeed->function, misdeed->args, misdeed->n_args,
                                   MOTE_TYPE_VOID, NULL, &last_error);
    if (status != misdeed->status)
        print_error("%s: %s: %s\n", misdeed->function, mote_status_name(status), last_error.text);
    assert_int_equal(status, misdeed->status);
    if (misdeed->cause != NULL)
        assert_string_equal(last_error.fault.cause, misdeed->cause);
    if (status == MOTE_E_GUEST_FAULT)
        assert_true(is_listed(last_error.fault.vector, misdeed->vectors));
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_status(call_void(sandbox, "Halt"), MOTE_E_POISONED);
    assert_echo(witness);
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

static void test_each_misdeed_is_named_and_contained(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *witness = open_sandbox(HOSTILE, NULL);
    for (size_t i = 0; i < N_MISDEEDS; i++)
        commit(&misdeeds[i], witness);
    mote_sandbox_destroy(witness);
}

/* `int N` ends in a fault, or on kvm_pvm sometimes in nothing at all. Never in harm. */
static void test_every_software_interrupt(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *witness = open_sandbox(HOSTILE, NULL);
    for (uint32_t vector = 0; vector < 256; vector++) {
        const mote_value arg = mote_u32(vector);
        mote_sandbox *sandbox = open_sandbox(HOSTILE, NULL);
        mote_status status =
            mote_call(sandbox, "Interrupt", &arg, 1, MOTE_TYPE_VOID, NULL, &last_error);
        assert_true(status == MOTE_OK || status == MOTE_E_GUEST_FAULT);
        mote_sandbox_destroy(sandbox);
    }
    assert_echo(witness);
    mote_sandbox_destroy(witness);
}

/* Whatever a guest writes into its PEB or its input buffer, the host does not read it back. */
static void test_a_corrupted_peb_does_not_reach_the_host(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint64_t values[] = {0, 1, 0x1000, UINT64_MAX, 1ull << 63, 0x200000};
    for (uint32_t field = 0; field < 23; field++) {
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            const mote_value args[] = {mote_u32(field), mote_u64(values[i])};
            mote_sandbox *sandbox = open_sandbox(HOSTILE, NULL);
            assert_ok(mote_call(sandbox, "CorruptPeb", args, 2, MOTE_TYPE_VOID, NULL, &last_error));
            assert_echo(sandbox);
            mote_sandbox_destroy(sandbox);
        }
    }
}

static void test_a_corrupted_input_buffer_is_rebuilt(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HOSTILE, NULL);
    for (int i = 0; i < 3; i++) {
        assert_ok(call_void(sandbox, "CorruptInput"));
        assert_echo(sandbox);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_a_returned_error_does_not_poison(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HOSTILE, NULL);
    const mote_value args[] = {mote_u32(77), mote_str("mine")};
    assert_status(mote_call(sandbox, "ReturnError", args, 2, MOTE_TYPE_VOID, NULL, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 77);
    assert_echo(sandbox);
    mote_sandbox_destroy(sandbox);
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
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
