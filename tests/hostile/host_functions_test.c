/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions that do what they must not: use their own sandbox, nest, never come back, and
 * change what the thread has. */
#include "tests/api/keeper.h"

#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

#define SECRETS MOTE_BUILD_DIR "/tests/guests/secrets.elf"

static mote_status ask(mote_sandbox *sandbox, int32_t n, mote_value *result, mote_error *err)
{
    const mote_value arg = mote_i32(n);
    return mote_call(sandbox, "AskHost", &arg, 1, MOTE_TYPE_I32, result, err);
}

/* ---- The sandbox itself ---- */

struct inside {
    mote_sandbox *sandbox;
    mote_snapshot *snapshot;
    size_t n_wrong;
};

static mote_status use_everything(void *context, const mote_value *args, size_t n_args,
                                  mote_value *result, mote_error *err)
{
    struct inside *inside = context;
    mote_sandbox *own = inside->sandbox;
    mote_snapshot *snapshot = NULL;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    const mote_host_function function = {.name = "F", .fn = answer_7, .returns = MOTE_TYPE_I32};
    (void)args, (void)n_args, (void)err;
    const mote_status outcomes[] = {
        mote_call(own, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, NULL),
        mote_call_reset(own, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, NULL),
        mote_sandbox_init(own, NULL),
        mote_sandbox_register(own, &function, NULL),
        mote_sandbox_evolve(own, NULL, NULL, NULL),
        mote_snapshot_take(own, &snapshot, NULL),
        mote_sandbox_restore(own, NULL, NULL),
        mote_sandbox_restore(own, inside->snapshot, NULL),
        mote_sandbox_push(own, NULL),
        mote_sandbox_pop(own, NULL),
        mote_context_begin(own, NULL),
        mote_context_finish(own, NULL),
        mote_sandbox_stats_get(own, &stats, NULL),
        mote_sandbox_destroy(own),
    };
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        inside->n_wrong += outcomes[i] != MOTE_E_REENTRY;
    inside->n_wrong += mote_sandbox_state_get(own) != MOTE_SANDBOX_READY || snapshot != NULL;
    *result = mote_i32(1);
    return MOTE_OK;
}

static void test_every_function_is_refused_inside_a_host_function(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct inside inside = {0};
    mote_value result;
    inside.sandbox = open_asking(NULL, use_everything, &inside);
    assert_ok(mote_snapshot_take(inside.sandbox, &inside.snapshot, &last_error));
    for (int i = 0; i < 3; i++) {
        assert_ok(ask(inside.sandbox, 1, &result, &last_error));
        assert_int_equal(result.as.i32, 1);
        assert_int_equal(inside.n_wrong, 0);
    }
    assert_ok(mote_sandbox_restore(inside.sandbox, inside.snapshot, &last_error));
    mote_snapshot_unref(inside.snapshot);
    assert_int_equal(mote_sandbox_destroy(inside.sandbox), MOTE_OK);
}

static mote_status cancel_own(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)args, (void)n_args, (void)err;
    *result = mote_i32((int32_t)mote_sandbox_cancel(*(mote_sandbox **)context));
    return MOTE_OK;
}

static void test_a_host_function_may_cancel_its_own_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = NULL;
    mote_value result;
    sandbox = open_asking(NULL, cancel_own, &sandbox);
    for (int i = 0; i < 5; i++) {
        assert_status(ask(sandbox, 1, NULL, &last_error), MOTE_E_CANCELLED);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_ok(mote_call(sandbox, "Get", NULL, 0, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, 0);
    }
    mote_sandbox_destroy(sandbox);
}

/* ---- Nesting ---- */

#define DEPTH 12

static mote_sandbox *links[DEPTH];

/* Asks the next sandbox for its depth; the last one asks the first. */
static mote_status ask_next(void *context, const mote_value *args, size_t n_args,
                            mote_value *result, mote_error *err)
{
    const int32_t depth = args[0].as.i32;
    mote_error inner;
    (void)context, (void)n_args, (void)err;
    if (depth == DEPTH - 1) {
        bool is_refused = ask(links[0], 0, NULL, &inner) == MOTE_E_REENTRY;
        *result = mote_i32(is_refused ? 100 : -1);
        return MOTE_OK;
    }
    return ask(links[depth + 1], depth + 1, result, &inner);
}

static void test_sandboxes_nest_and_a_circle_is_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_value result;
    for (size_t i = 0; i < DEPTH; i++)
        links[i] = open_asking(NULL, ask_next, NULL);
    for (int i = 0; i < 3; i++) {
        assert_ok(ask(links[0], 0, &result, &last_error));
        assert_int_equal(result.as.i32, 100);
    }
    for (size_t i = 0; i < DEPTH; i++)
        mote_sandbox_destroy(links[i]);
}

/* ---- Functions that do not return ---- */

static jmp_buf way_out;

static mote_status jump_out(void *context, const mote_value *args, size_t n_args,
                            mote_value *result, mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)result, (void)err;
    longjmp(way_out, 1);
}

static int in_child(int (*fn)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(fn());
    int how = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 100 + WTERMSIG(how);
}

/* The call is never over: every use says so, and nothing is released. */
static int jumps_out(void)
{
    static mote_sandbox *sandbox;
    mote_error err;
    sandbox = open_asking(NULL, jump_out, NULL);
    if (setjmp(way_out) == 0) {
        (void)ask(sandbox, 1, NULL, &err);
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        if (ask(sandbox, 1, NULL, &err) != MOTE_E_REENTRY)
            return 2;
        if (mote_sandbox_restore(sandbox, NULL, &err) != MOTE_E_REENTRY)
            return 3;
        if (mote_sandbox_destroy(sandbox) != MOTE_E_REENTRY)
            return 4;
    }
    /* Others do not mind. */
    mote_sandbox *other = open_sandbox(HELLO, NULL);
    assert_echoes(other);
    return mote_sandbox_destroy(other) == MOTE_OK ? 0 : 5;
}

static void test_a_host_function_that_jumps_out_is_noticed(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    assert_int_equal(in_child(jumps_out), 0);
}

static mote_status end_thread(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)result, (void)err;
    pthread_exit(NULL);
}

static void *ask_once(void *sandbox)
{
    mote_error err;
    (void)ask(sandbox, 1, NULL, &err);
    return sandbox;
}

/* The frames are unwound, as a C++ exception would unwind them. */
static int ends_its_thread(void)
{
    mote_error err;
    pthread_t thread;
    void *returned = &thread;
    mote_sandbox *sandbox = open_asking(NULL, end_thread, NULL);
    if (pthread_create(&thread, NULL, ask_once, sandbox) != 0)
        return 1;
    pthread_join(thread, &returned);
    if (returned != NULL)
        return 2;
    if (ask(sandbox, 1, NULL, &err) != MOTE_E_BUSY || mote_sandbox_destroy(sandbox) != MOTE_E_BUSY)
        return 3;
    mote_sandbox *other = open_sandbox(HELLO, NULL);
    assert_echoes(other);
    return mote_sandbox_destroy(other) == MOTE_OK ? 0 : 4;
}

static void test_a_host_function_that_ends_its_thread_is_noticed(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    assert_int_equal(in_child(ends_its_thread), 0);
}

/* ---- Functions that keep what they borrowed ---- */

static const char *kept;

static mote_status keep_text(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    (void)context, (void)n_args, (void)err;
    kept = args[0].as.str.data;
    *result = args[0]; /* may be given back: it is copied before the borrowed text is gone */
    return MOTE_OK;
}

static int reads_what_it_kept(void)
{
    const mote_host_function function = {.name = "EchoStr",
                                         .fn = keep_text,
                                         .returns = MOTE_TYPE_STR,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_STR}};
    const mote_value text = mote_str("borrowed");
    mote_value result;
    mote_sandbox *sandbox = open_with_function(HELLO, NULL, &function);
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_call(sandbox, "HostEchoStr", &text, 1, MOTE_TYPE_STR, &result, &last_error));
        if (strcmp(result.as.str.data, "borrowed") != 0 || kept == NULL)
            return 2;
    }
#if defined(__SANITIZE_ADDRESS__)
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(quiet, STDERR_FILENO);
    if (*(const volatile char *)kept == 'b')
        return 3; /* nobody noticed */
#endif
    return mote_sandbox_destroy(sandbox) == MOTE_OK ? 0 : 4;
}

/* Only a build with AddressSanitizer can tell. */
static void test_arguments_that_were_kept_are_reported_when_read(void **state)
{
    (void)state;
    NEEDS_DRIVER();
#if defined(__SANITIZE_ADDRESS__)
    assert_int_equal(in_child(reads_what_it_kept), 1);
#else
    assert_int_equal(in_child(reads_what_it_kept), 0);
#endif
}

/* ---- What a thread has ---- */

static mote_status round_upwards(void *context, const mote_value *args, size_t n_args,
                                 mote_value *result, mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)err;
    fesetround(FE_UPWARD);
    *result = mote_i32(1);
    return MOTE_OK;
}

static uint32_t wrong_registers(mote_sandbox *sandbox, uint32_t value)
{
    const mote_value arg = mote_u32(value);
    mote_value result;
    assert_ok(mote_call(sandbox, "CheckRegisters", &arg, 1, MOTE_TYPE_U32, &result, &last_error));
    return result.as.u32;
}

/* The rounding of the thread is its own, and the guest's is the guest's. */
static void test_host_and_guest_round_each_in_their_own_way(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_asking(NULL, round_upwards, NULL);
    const mote_value towards_zero = mote_u32(3);
    assert_ok(
        mote_call(sandbox, "SetRegisters", &towards_zero, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_int_equal(fegetround(), FE_TONEAREST);
    assert_int_equal(wrong_registers(sandbox, 3), 0);
    fesetround(FE_DOWNWARD);
    assert_int_equal(wrong_registers(sandbox, 3), 0);
    assert_int_equal(fegetround(), FE_DOWNWARD);
    /* As any function that a program calls, it may change what the program then has. */
    assert_ok(ask(sandbox, 1, NULL, &last_error));
    assert_int_equal(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    assert_int_equal(wrong_registers(sandbox, 3), 0);
    mote_sandbox_destroy(sandbox);
}

static uint16_t x87_control(void)
{
    uint16_t word;
    __asm__ volatile("fnstcw %0" : "=m"(word));
    return word;
}

/* However a guest ends, whatever it has loaded into the same registers. */
static void test_a_guest_changes_no_register_of_the_thread(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char *const ways[] = {"fault", "abort", "spin"};
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 30000;
    mote_sandbox *sandbox = create_sandbox(SECRETS, &config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    sigset_t mask_before;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    for (size_t i = 0; i < 3; i++) {
        const mote_value args[] = {mote_u32(0x3A), mote_str(ways[i])};
        const unsigned mxcsr = _mm_getcsr() & ~0x3Fu; /* without the flags, which are sticky */
        const uint16_t control = x87_control();
        assert_true(mote_call_reset(sandbox, "LeaveBy", args, 2, MOTE_TYPE_VOID, NULL,
                                    &last_error) != MOTE_OK);
        assert_int_equal(_mm_getcsr() & ~0x3Fu, mxcsr);
        assert_int_equal(x87_control(), control);
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        for (int number = 1; number < 65; number++)
            assert_int_equal(sigismember(&mask, number), sigismember(&mask_before, number));
    }
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_is_refused_inside_a_host_function),
        cmocka_unit_test(test_a_host_function_may_cancel_its_own_call),
        cmocka_unit_test(test_sandboxes_nest_and_a_circle_is_refused),
        cmocka_unit_test(test_a_host_function_that_jumps_out_is_noticed),
        cmocka_unit_test(test_a_host_function_that_ends_its_thread_is_noticed),
        cmocka_unit_test(test_arguments_that_were_kept_are_reported_when_read),
        cmocka_unit_test(test_host_and_guest_round_each_in_their_own_way),
        cmocka_unit_test(test_a_guest_changes_no_register_of_the_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
