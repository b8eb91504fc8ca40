/* SPDX-License-Identifier: Apache-2.0 */
/* Time limits, cancels, and more than one thread. */
#include "tests/api/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOSTILE MOTE_BUILD_DIR "/guests/hostile.elf"

static void test_an_endless_call_ends_at_its_limit(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 30000;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    uint64_t started_us = now_us();
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.limit.kind, "wall");
    assert_string_equal(last_error.limit.phase, "call");
    assert_int_equal(last_error.limit.limit_us, 30000);
    assert_true(last_error.limit.elapsed_us >= 30000);
    assert_true(now_us() - started_us >= 30000 && now_us() - started_us < 5000000);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_there_is_a_limit_by_default(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    assert_int_equal(last_error.limit.limit_us, 1000000);
    mote_sandbox_destroy(sandbox);
}

/* Short and long limits take turns on one thread, whose one timer must serve all of them. */
static void test_limits_of_different_lengths_share_a_thread(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config brief = MOTE_CONFIG_INIT;
    brief.time_limit_us = 5000;
    mote_sandbox *patient = open_sandbox(HELLO, NULL);
    for (int i = 0; i < 10; i++) {
        mote_sandbox *hasty = open_sandbox(HELLO, &brief);
        assert_echoes(patient);
        assert_status(call_void(hasty, "Spin"), MOTE_E_TIME_LIMIT);
        assert_true(last_error.limit.elapsed_us >= 5000);
        assert_echoes(patient);
        mote_sandbox_destroy(hasty);
    }
    mote_sandbox_destroy(patient);
}

static void test_a_host_function_past_the_limit_is_named(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 10000;
    config.cancel_wait_us = 10000;
    struct slow_answer answer = {60000, mote_void()};
    const mote_host_function function = {
        .name = "Nothing", .fn = answer_slowly, .context = &answer, .returns = MOTE_TYPE_VOID};
    mote_sandbox *sandbox = open_with_function(HELLO, &config, &function);
    assert_status(call_void(sandbox, "HostNothing"), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.function, "Nothing");
    mote_sandbox_destroy(sandbox);
}

#define RECORD_US 2000u

static void take_slowly(void *context, const mote_log_record *record)
{
    unsigned *n_records = context;
    (void)record;
    usleep(RECORD_US);
    (*n_records)++;
}

/* It hardly runs itself: all the time is the callback's. On a busy machine the limit may pass
 * before it logs at all. */
static void test_a_guest_that_only_logs_ends_at_its_limit(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    unsigned n_records = 0;
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 25 * RECORD_US;
    config.log = take_slowly;
    config.log_context = &n_records;
    for (int i = 0; i < 100 && n_records == 0; i++) {
        mote_sandbox *sandbox = open_sandbox(HOSTILE, &config);
        assert_status(call_void(sandbox, "LogForever"), MOTE_E_TIME_LIMIT);
        mote_sandbox_destroy(sandbox);
    }
    assert_in_range(n_records, 1, 25 + 1);
}

/* ---- Cancel ---- */

static void test_a_cancel_from_another_thread_ends_the_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    /* No timer of the initialisation's is left that would end the run in the cancel's place. */
    config.init_limit_us = config.time_limit_us = 60000000;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    pthread_t thread = cancel_soon(sandbox);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_string_equal(last_error.limit.kind, "cancel");
    assert_true(last_error.limit.elapsed_us < 10000000);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_a_cancel_ends_an_initialisation(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.init_limit_us = 60000000;
    mote_image *image = open_image(MOTE_BUILD_DIR "/tests/guests/startup-spin.elf");
    mote_sandbox *sandbox = NULL;
    assert_ok(mote_sandbox_create(image, for_test(&config), &sandbox, &last_error));
    mote_image_unref(image);
    pthread_t thread = cancel_soon(sandbox);
    assert_status(mote_sandbox_init(sandbox, &last_error), MOTE_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_string_equal(last_error.limit.phase, "init");
    mote_sandbox_destroy(sandbox);
}

struct canceller {
    mote_sandbox *sandbox;
    _Atomic bool is_over;
};

static void *cancel_often(void *value)
{
    struct canceller *canceller = value;
    unsigned seed = 1;
    while (!atomic_load(&canceller->is_over)) {
        mote_sandbox_cancel(canceller->sandbox);
        usleep((useconds_t)(rand_r(&seed) % 300));
    }
    return NULL;
}

/* Cancels come at any moment: a call either succeeds or is cancelled, and a cancel that came late
 * is never seen by the next call of a new sandbox on the same thread. */
static void test_cancels_at_any_moment_hit_only_the_running_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *witness = open_sandbox(HELLO, NULL);
    size_t n_cancelled = 0;
    /* On a busy machine few cancels come while there is a call. */
    for (int round = 0; round < 50 || (n_cancelled == 0 && round < 5000); round++) {
        struct canceller canceller = {open_sandbox(HELLO, NULL), false};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_often, &canceller), 0);
        mote_status status = MOTE_OK;
        for (int i = 0; i < 100 && status == MOTE_OK; i++)
            status = call_void(canceller.sandbox, "Nothing");
        assert_true(status == MOTE_OK || status == MOTE_E_CANCELLED);
        n_cancelled += status == MOTE_E_CANCELLED;
        assert_echoes(witness);
        atomic_store(&canceller.is_over, true);
        pthread_join(thread, NULL);
        mote_sandbox_destroy(canceller.sandbox);
    }
    assert_true(n_cancelled > 0);
    mote_sandbox_destroy(witness);
}

/* ---- Threads ---- */

static void *spin_in(void *sandbox)
{
    return (void *)(intptr_t)spin_until_cancelled(sandbox);
}

static void test_two_threads_at_once_are_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 60000000;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    const mote_host_function function = {.name = "F", .fn = answer_7, .returns = MOTE_TYPE_I32};
    pthread_t thread;
    void *outcome;
    assert_int_equal(pthread_create(&thread, NULL, spin_in, sandbox), 0);
    wait_until_busy(sandbox);
    assert_status(call_void(sandbox, "Nothing"), MOTE_E_BUSY);
    assert_status(mote_sandbox_init(sandbox, &last_error), MOTE_E_BUSY);
    assert_status(mote_sandbox_register(sandbox, &function, &last_error), MOTE_E_BUSY);
    assert_status(mote_sandbox_stats_get(sandbox, &stats, &last_error), MOTE_E_BUSY);
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_E_BUSY);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    pthread_join(cancel_soon(sandbox), NULL);
    pthread_join(thread, &outcome);
    assert_int_equal((mote_status)(intptr_t)outcome, MOTE_E_CANCELLED);
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

struct turns {
    mote_sandbox *sandboxes[2];
    pthread_mutex_t locks[2];
    unsigned offset;
    size_t n_wrong;
};

static struct turns turns;

static void *call_in_turn(void *offset)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < 200; i++) {
        size_t which = (i + (size_t)(intptr_t)offset) % 2;
        const mote_value args[] = {mote_i32((int32_t)i), mote_i32(1)};
        mote_value result;
        pthread_mutex_lock(&turns.locks[which]);
        mote_status status =
            mote_call(turns.sandboxes[which], "Add", args, 2, MOTE_TYPE_I32, &result, NULL);
        n_wrong += status != MOTE_OK || result.as.i32 != (int32_t)i + 1;
        pthread_mutex_unlock(&turns.locks[which]);
    }
    return (void *)n_wrong;
}

/* Two sandboxes of one image, both used from two threads in turn, destroyed in either order. */
static void test_two_sandboxes_two_threads(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (size_t order = 0; order < 2; order++) {
        mote_image *image = open_image(HELLO);
        pthread_t threads[2];
        for (size_t i = 0; i < 2; i++) {
            pthread_mutex_init(&turns.locks[i], NULL);
            assert_ok(mote_sandbox_create(image, for_test(NULL), &turns.sandboxes[i], &last_error));
            assert_ok(mote_sandbox_init(turns.sandboxes[i], &last_error));
        }
        mote_image_unref(image);
        for (intptr_t i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, call_in_turn, (void *)i), 0);
        for (size_t i = 0; i < 2; i++) {
            void *n_wrong;
            pthread_join(threads[i], &n_wrong);
            assert_null(n_wrong);
        }
        mote_sandbox_destroy(turns.sandboxes[order]);
        mote_sandbox_destroy(turns.sandboxes[1 - order]);
    }
}

static void *create_call_destroy(void *image)
{
    for (int i = 0; i < 10; i++) {
        mote_sandbox *sandbox = NULL;
        if (mote_sandbox_create(image, for_test(NULL), &sandbox, NULL) != MOTE_OK ||
            mote_sandbox_init(sandbox, NULL) != MOTE_OK ||
            mote_call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, NULL) != MOTE_OK ||
            mote_sandbox_destroy(sandbox) != MOTE_OK)
            return image;
    }
    return NULL;
}

static void test_threads_create_from_one_image(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(HELLO);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, create_call_destroy, image), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    mote_image_unref(image);
}

/* ---- Signals ---- */

static _Atomic unsigned n_handled;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&n_handled, 1);
}

static void *send_signals(void *target)
{
    for (int i = 0; i < 50; i++) {
        usleep(1000);
        pthread_kill(*(pthread_t *)target, SIGUSR1);
    }
    return NULL;
}

/* The application's own signals reach their handlers during a call and do not end it. */
static void test_signals_of_the_application_do_no_harm(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 100000;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    struct sigaction count = {.sa_handler = count_signal};
    struct sigaction before;
    pthread_t self = pthread_self();
    pthread_t thread;
    sigaction(SIGUSR1, &count, &before);
    assert_int_equal(pthread_create(&thread, NULL, send_signals, &self), 0);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
    assert_true(last_error.limit.elapsed_us >= 100000);
    assert_true(atomic_load(&n_handled) > 0);
    mote_sandbox_destroy(sandbox);
}

/* A signal that the thread blocks between two calls stays pending and must not make calls spin. */
static void test_a_blocked_pending_signal_does_no_harm(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    sigset_t blocked;
    const struct timespec no_wait = {0, 0};
    assert_echoes(sandbox);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    pthread_kill(pthread_self(), SIGUSR2);
    for (int i = 0; i < 100; i++)
        assert_echoes(sandbox);
    assert_int_equal(sigtimedwait(&blocked, NULL, &no_wait), SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    mote_sandbox_destroy(sandbox);
}

/* After its last sandbox a thread has its signal mask back and no timer of ours. */
static void test_a_thread_is_left_as_it_was(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    sigset_t before;
    sigset_t after;
    const int number = SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 5000;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    mote_sandbox_destroy(sandbox);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    usleep(20000);
}

/* ---- A thread that is cancelled ---- */

struct cancelled_work {
    mote_image *image;
    mote_sandbox *sandbox;
    bool is_destroyed;
};

static void *create_as_cancelled(void *context)
{
    struct cancelled_work *work = context;
    pthread_cancel(pthread_self());
    if (mote_sandbox_create(work->image, for_test(NULL), &work->sandbox, NULL) != MOTE_OK)
        return NULL;
    pthread_testcancel();
    return NULL;
}

static void *destroy_as_cancelled(void *context)
{
    struct cancelled_work *work = context;
    pthread_cancel(pthread_self());
    work->is_destroyed = mote_sandbox_destroy(work->sandbox) == MOTE_OK;
    pthread_testcancel();
    return NULL;
}

static void assert_is_cancelled_in(void *(*work)(void *context), struct cancelled_work *context)
{
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, work, context), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* What it would leave half done others wait for. */
static void test_a_cancelled_thread_creates_and_destroys_first(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct cancelled_work work = {.image = open_image(HELLO)};
    assert_is_cancelled_in(create_as_cancelled, &work);
    assert_non_null(work.sandbox);
    mote_sandbox *another = NULL;
    assert_ok(mote_sandbox_create(work.image, for_test(NULL), &another, &last_error));
    assert_ok(mote_sandbox_init(work.sandbox, &last_error));
    assert_echoes(work.sandbox);
    assert_is_cancelled_in(destroy_as_cancelled, &work);
    assert_true(work.is_destroyed);
    mote_sandbox_destroy(another);
    mote_image_unref(work.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_endless_call_ends_at_its_limit),
        cmocka_unit_test(test_there_is_a_limit_by_default),
        cmocka_unit_test(test_limits_of_different_lengths_share_a_thread),
        cmocka_unit_test(test_a_host_function_past_the_limit_is_named),
        cmocka_unit_test(test_a_guest_that_only_logs_ends_at_its_limit),
        cmocka_unit_test(test_a_cancel_from_another_thread_ends_the_call),
        cmocka_unit_test(test_a_cancel_ends_an_initialisation),
        cmocka_unit_test(test_cancels_at_any_moment_hit_only_the_running_call),
        cmocka_unit_test(test_two_threads_at_once_are_refused),
        cmocka_unit_test(test_two_sandboxes_two_threads),
        cmocka_unit_test(test_threads_create_from_one_image),
        cmocka_unit_test(test_signals_of_the_application_do_no_harm),
        cmocka_unit_test(test_a_blocked_pending_signal_does_no_harm),
        cmocka_unit_test(test_a_thread_is_left_as_it_was),
        cmocka_unit_test(test_a_cancelled_thread_creates_and_destroys_first),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
