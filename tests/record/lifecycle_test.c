/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests of Hyperlight 0.1 that need a virtual CPU (README.md), from sandbox/,
 * func/ and hypervisor/: README.md beside this file says which is which.
 */
#include "tests/record/record.h"

#include "abi/codes.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BRIEF_US (100u * 1000)

/* ---- sandbox/uninitialized.rs ---- */

static void test_new_sandbox_refuses_missing_and_truncated_guests(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = NULL;
    mote_image *image = NULL;
    uint8_t start[1000];
    FILE *file = fopen(RECORD_SIMPLE, "rb");
    assert_non_null(file);
    assert_int_equal(fread(start, 1, sizeof(start), file), sizeof(start));
    fclose(file);
    assert_status(mote_open(RECORD_SIMPLE ".missing", for_test(NULL), &sandbox, &last_error),
                  MOTE_E_IMAGE_OPEN);
    assert_null(sandbox);
    mote_status status = mote_image_from_bytes(start, sizeof(start), NULL, &image, &last_error);
    assert_int_equal(mote_status_class(status), MOTE_CLASS_LOAD);
    assert_null(image);
}

static void test_new_sandbox_takes_other_sizes(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_config config = patient_config();
    config.input_bytes = 0x10000;
    config.output_bytes = 0x10000;
    config.host_definitions_bytes = 0x1000;
    config.host_exception_bytes = 0x10000;
    config.guest_error_bytes = 0x1000;
    config.stack_bytes = 0x10000;
    config.heap_bytes = 0x10000;
    config.guest_panic_bytes = 0x1000;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, &config);
    assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str("hello")), 5);
    close_guest(sandbox);
}

static void test_host_functions_of_no_one_and_two_arguments(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_value result;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_ok(CALL_NONE(mote_call, sandbox, "ViolateSeccompFilters", MOTE_TYPE_U64, &result));
    assert_int_equal(result.as.u64, getpid());
    assert_int_equal(call_i32(sandbox, "PrintOutput", mote_str("one")), 3);
    assert_ok(CALL(mote_call, sandbox, "Add", MOTE_TYPE_I32, &result, mote_i32(40), mote_i32(2)));
    assert_int_equal(result.as.i32, 42);
    close_guest(sandbox);
}

/* A sandbox whose HostAdd is another one, or none. */
static mote_sandbox *open_without_add(const mote_host_function *instead)
{
    mote_config config = patient_config();
    mote_sandbox *sandbox = create_sandbox(RECORD_SIMPLE, &config);
    if (instead != NULL)
        assert_ok(mote_sandbox_register(sandbox, instead, &last_error));
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

/* The 0.1 guest library looks for the name in the definitions before it asks. */
static void test_host_functions_of_another_arity_and_unknown_ones(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    int n_calls = 0;
    const mote_host_function one = {.name = "HostAdd",
                                    .fn = answer_7,
                                    .context = &n_calls,
                                    .n_params = 1,
                                    .params = {MOTE_TYPE_I32}};
    mote_sandbox *sandbox = open_without_add(&one);
    assert_status(CALL(mote_call, sandbox, "Add", MOTE_TYPE_I32, NULL, mote_i32(1), mote_i32(2)),
                  MOTE_E_HOST_FUNCTION_ARGUMENTS);
    assert_int_equal(n_calls, 0);
    close_guest(sandbox);
    sandbox = open_without_add(NULL);
    assert_status(CALL(mote_call, sandbox, "Add", MOTE_TYPE_I32, NULL, mote_i32(1), mote_i32(2)),
                  RECORD_IS_RUST ? MOTE_E_GUEST_ERROR : MOTE_E_HOST_FUNCTION_UNKNOWN);
    assert_true(!RECORD_IS_RUST || strstr(last_error.message, "HostAdd") != NULL);
    close_guest(sandbox);
}

static void count_prints(void *context, const char *text, size_t len_bytes)
{
    *(size_t *)context += len_bytes;
    (void)text;
}

static void test_host_print_goes_where_the_host_wants_it(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    size_t n_printed = 0;
    mote_config config = patient_config();
    config.print = count_prints;
    config.print_context = &n_printed;
    mote_sandbox *sandbox = create_sandbox(RECORD_SIMPLE, &config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str("test2")), 5);
    assert_int_equal(n_printed, 5);
    close_guest(sandbox);
}

/* Made by one thread, and taken over by others. */
static const char *use_and_destroy(void *context, size_t index)
{
    mote_sandbox **sandboxes = context;
    const mote_value n = mote_i32((int32_t)index);
    mote_value result;
    const char *wrong = NULL;
    if (mote_sandbox_evolve(sandboxes[index], NULL, NULL, NULL) != MOTE_OK)
        wrong = "the guest does not start";
    else if (mote_call_reset(sandboxes[index], "AddToStatic", &n, 1, MOTE_TYPE_I32, &result,
                             NULL) != MOTE_OK)
        wrong = "the call fails";
    else if (result.as.i32 != (int32_t)index)
        wrong = "the result is wrong";
    if (mote_sandbox_destroy(sandboxes[index]) != MOTE_OK)
        wrong = "a sandbox is not destroyed";
    return wrong;
}

static void test_ten_sandboxes_go_to_other_threads(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static struct host hosts[10];
    mote_sandbox *sandboxes[10];
    for (size_t i = 0; i < 10; i++)
        sandboxes[i] = create_guest(&hosts[i], RECORD_SIMPLE, NULL);
    run_threads(10, use_and_destroy, sandboxes);
}

/* ---- sandbox/uninitialized_evolve.rs, sandbox/initialized_multi_use.rs ---- */

static void test_evolve(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    const char *const guests[] = {RECORD_SIMPLE, RECORD_CALLBACK};
    for (size_t i = 0; i < 2; i++) {
        mote_sandbox *sandbox = create_guest(&host, guests[i], NULL);
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_CREATED);
        assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
        assert_int_equal(mote_sandbox_depth(sandbox), 1);
        assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str("evolved")), 7);
        close_guest(sandbox);
    }
}

static void echo_a_thousand_times(mote_sandbox *sandbox, bool resets)
{
    const mote_value text = mote_str("hello");
    for (int i = 0; i < 1000; i++) {
        mote_value result;
        assert_ok((resets ? mote_call_reset : mote_call)(sandbox, "Echo", &text, 1, MOTE_TYPE_STR,
                                                         &result, &last_error));
        assert_string_equal(result.as.str.data, "hello");
    }
}

/* What calls leave on stack and heap does not add up: 16 KiB and 20 KiB are enough for all. */
static void test_a_thousand_calls_with_little_stack_and_heap(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_config config = patient_config();
    config.stack_bytes = 16 * 1024;
    config.heap_bytes = 20 * 1024;
    for (int round = 0; round < 2; round++) {
        struct host host;
        mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, &config);
        echo_a_thousand_times(sandbox, round == 0);
        close_guest(sandbox);
    }
}

static mote_status add_5(void *context, mote_sandbox *sandbox, mote_error *err)
{
    const mote_value n = mote_i32(5);
    (void)context;
    return mote_call(sandbox, "AddToStatic", &n, 1, MOTE_TYPE_I32, NULL, err);
}

static void test_evolve_keeps_state_and_devolve_gives_it_back(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_ok(mote_sandbox_evolve(sandbox, add_5, NULL, &last_error));
    assert_int_equal(get_static(sandbox), 5);
    assert_int_equal(reset_i32(sandbox, "AddToStatic", mote_i32(7)), 12);
    assert_int_equal(get_static(sandbox), 5);
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(get_static(sandbox), 0);
    close_guest(sandbox);
}

/* ---- func/call_ctx.rs ---- */

static void test_a_single_use_sandbox_answers_one_call(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = single_use_guest(&host, RECORD_SIMPLE);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(5)), 5);
    assert_status(CALL_NONE(mote_call, sandbox, "GetStatic", MOTE_TYPE_I32, NULL), MOTE_E_SPENT);
    close_guest(sandbox);
}

static void test_a_single_use_context_answers_many_calls(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = single_use_guest(&host, RECORD_SIMPLE);
    assert_ok(mote_context_begin(sandbox, &last_error));
    for (int32_t i = 1; i <= 10; i++)
        assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(1)), i);
    assert_ok(mote_context_finish(sandbox, &last_error));
    assert_status(mote_context_begin(sandbox, &last_error), MOTE_E_SPENT);
    close_guest(sandbox);
}

static void test_a_context_keeps_state_and_plain_calls_do_not(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_ok(mote_context_begin(sandbox, &last_error));
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(5)), 5);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(10)), 15);
    assert_ok(mote_context_finish(sandbox, &last_error));
    assert_int_equal(get_static(sandbox), 0);
    assert_int_equal(reset_i32(sandbox, "AddToStatic", mote_i32(5)), 5);
    assert_int_equal(reset_i32(sandbox, "AddToStatic", mote_i32(5)), 5);
    close_guest(sandbox);
}

/* ---- func/guest_dispatch.rs, hypervisor/hypervisor_handler.rs ---- */

static mote_config brief_config(void)
{
    mote_config config = patient_config();
    config.time_limit_us = BRIEF_US;
    return config;
}

/* The limit is for the call before: on a slow or busy machine this one may be late, too. */
static void assert_returns_in_time(mote_sandbox *sandbox, const char *function,
                                   const mote_value *args, size_t n_args, mote_type returns,
                                   mote_value *result)
{
    mote_status status = MOTE_E_TIME_LIMIT;
    for (int i = 0; i < 100 && status == MOTE_E_TIME_LIMIT; i++)
        status = mote_call_reset(sandbox, function, args, n_args, returns, result, &last_error);
    assert_ok(status);
}

static void test_a_spinning_guest_is_stopped_and_called_again(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_config config = brief_config();
    const mote_value text = mote_str("again");
    mote_value result;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, &config);
    for (int i = 0; i < 2; i++) {
        assert_status(CALL_NONE(mote_call, sandbox, "Spin", MOTE_TYPE_VOID, NULL),
                      MOTE_E_TIME_LIMIT);
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_returns_in_time(sandbox, "PrintOutput", &text, 1, MOTE_TYPE_I32, &result);
        assert_int_equal(result.as.i32, 5);
    }
    close_guest(sandbox);
}

static void test_a_cancelled_call_is_followed_by_another(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    pthread_t thread = cancel_soon(sandbox);
    assert_status(CALL_NONE(mote_call, sandbox, "Spin", MOTE_TYPE_VOID, NULL), MOTE_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str("again")), 5);
    close_guest(sandbox);
}

static void test_a_cancel_of_a_finished_call_is_nothing(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str("done")), 4);
    assert_int_equal(mote_sandbox_cancel(sandbox), MOTE_OK);
    assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str("more")), 4);
    close_guest(sandbox);
}

/* A host function is not interrupted; the error names it, and the sandbox can be used again. */
static void test_a_host_function_that_sleeps_past_the_limit(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_config config = brief_config();
    config.cancel_wait_us = 10 * 1000;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_CALLBACK, &config);
    host.sleep_us = 2 * BRIEF_US;
    uint64_t started_us = now_us();
    assert_status(CALL_NONE(mote_call, sandbox, "CallHostSpin", MOTE_TYPE_VOID, NULL),
                  MOTE_E_TIME_LIMIT);
    assert_true(now_us() - started_us >= 2 * BRIEF_US);
    assert_string_equal(last_error.function, "Spin");
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    host.sleep_us = 0;
    assert_returns_in_time(sandbox, "CallHostSpin", NULL, 0, MOTE_TYPE_VOID, NULL);
    close_guest(sandbox);
}

static void test_hello_world(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str("Hello, World!")), 13);
    assert_string_equal(host.printed, "Hello, World!");
    close_guest(sandbox);
}

/* hypervisor/kvm.rs: the entry gets its arguments, from a guest without any library. */
static void test_a_guest_without_a_library_is_initialised(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_config config = patient_config();
    mote_sandbox *sandbox = create_sandbox(ABI01, &config);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_string_equal(mote_sandbox_driver(sandbox), test_driver());
    close_guest(sandbox);
}

/* ---- What the 0.1 host looked for itself, in vain ---- */

#define SMASH MOTE_BUILD_DIR "/tests/guests/smash.elf"

static mote_sandbox *open_smash(void)
{
    mote_config config = patient_config();
    mote_sandbox *sandbox = create_sandbox(SMASH, &config);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

static void test_a_frame_that_is_overrun_ends_the_guest(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_smash();
    assert_int_equal(call_i32(sandbox, "Smash", mote_i32(16)), 16);
    assert_status(CALL(mote_call, sandbox, "Smash", MOTE_TYPE_I32, NULL, mote_i32(64)),
                  MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_GS_CHECK_FAILED);
    close_guest(sandbox);
}

static void test_each_sandbox_has_a_canary_of_its_own(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    uint64_t canaries[2];
    for (size_t i = 0; i < 2; i++) {
        mote_value result;
        mote_sandbox *sandbox = open_smash();
        assert_ok(CALL_NONE(mote_call, sandbox, "Canary", MOTE_TYPE_U64, &result));
        canaries[i] = result.as.u64;
        close_guest(sandbox);
    }
    assert_true(canaries[0] != 0 && canaries[0] != canaries[1]);
}

/* ---- What its guest library left open ---- */

static void test_a_fallback_may_be_left_out(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_config config = patient_config();
    mote_sandbox *sandbox = create_sandbox(MOTE_BUILD_DIR "/tests/guests/bare.elf", &config);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_int_equal(call_i32(sandbox, "Next", mote_i32(6)), 7);
    assert_status(CALL(mote_call, sandbox, "NotThere", MOTE_TYPE_I32, NULL, mote_i32(6)),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    assert_string_equal(last_error.message, "NotThere");
    close_guest(sandbox);
}

/* ---- What the 0.1 host changed in the process ---- */

static struct sigaction at_start[NSIG + 1];

static void get_handlers(struct sigaction *handlers)
{
    for (int number = 1; number <= SIGRTMAX; number++)
        (void)sigaction(number, NULL, &handlers[number]);
}

static void test_no_signal_handler_of_the_process_changes(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    static struct sigaction before[NSIG + 1], after[NSIG + 1];
    mote_config config = brief_config();
    get_handlers(before);
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, &config);
    assert_status(CALL_NONE(mote_call_reset, sandbox, "Spin", MOTE_TYPE_VOID, NULL),
                  MOTE_E_TIME_LIMIT);
    get_handlers(after);
    close_guest(sandbox);
    for (int number = 1; number <= SIGRTMAX; number++)
        assert_ptr_equal(before[number].sa_handler, after[number].sa_handler);
    /* Other sandboxes of this process may have come before. */
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        assert_ptr_equal(after[number].sa_handler, at_start[number].sa_handler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_sandbox_refuses_missing_and_truncated_guests),
        cmocka_unit_test(test_new_sandbox_takes_other_sizes),
        cmocka_unit_test(test_host_functions_of_no_one_and_two_arguments),
        cmocka_unit_test(test_host_functions_of_another_arity_and_unknown_ones),
        cmocka_unit_test(test_host_print_goes_where_the_host_wants_it),
        cmocka_unit_test(test_ten_sandboxes_go_to_other_threads),
        cmocka_unit_test(test_evolve),
        cmocka_unit_test(test_a_thousand_calls_with_little_stack_and_heap),
        cmocka_unit_test(test_evolve_keeps_state_and_devolve_gives_it_back),
        cmocka_unit_test(test_a_single_use_sandbox_answers_one_call),
        cmocka_unit_test(test_a_single_use_context_answers_many_calls),
        cmocka_unit_test(test_a_context_keeps_state_and_plain_calls_do_not),
        cmocka_unit_test(test_a_spinning_guest_is_stopped_and_called_again),
        cmocka_unit_test(test_a_cancelled_call_is_followed_by_another),
        cmocka_unit_test(test_a_cancel_of_a_finished_call_is_nothing),
        cmocka_unit_test(test_a_host_function_that_sleeps_past_the_limit),
        cmocka_unit_test(test_hello_world),
        cmocka_unit_test(test_a_guest_without_a_library_is_initialised),
        cmocka_unit_test(test_a_frame_that_is_overrun_ends_the_guest),
        cmocka_unit_test(test_each_sandbox_has_a_canary_of_its_own),
        cmocka_unit_test(test_a_fallback_may_be_left_out),
        cmocka_unit_test(test_no_signal_handler_of_the_process_changes),
    };
    get_handlers(at_start);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
