/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads at one sandbox, one snapshot, or many of both; cancels and signals at any time.
 */
#include "tests/api/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PART 5 /* so much less is done */
#else
#define PART 1
#endif

#define PATIENCE_US 60000000u

static mote_sandbox *open_keeper(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = PATIENCE_US;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

static void *spin(void *sandbox)
{
    return (void *)(intptr_t)spin_until_cancelled(sandbox);
}

/* ---- Everything, while a guest runs ---- */

static mote_sandbox *start_spinning(pthread_t *thread)
{
    mote_sandbox *sandbox = open_keeper();
    assert_int_equal(pthread_create(thread, NULL, spin, sandbox), 0);
    wait_until_busy(sandbox);
    return sandbox;
}

static void stop_spinning(mote_sandbox *sandbox, pthread_t thread)
{
    void *status;
    /* The call may have claimed the sandbox without being under way yet. */
    while (mote_sandbox_state_get(sandbox) != MOTE_SANDBOX_POISONED) {
        assert_int_equal(mote_sandbox_cancel(sandbox), MOTE_OK);
        usleep(100);
    }
    pthread_join(thread, &status);
    assert_int_equal((mote_status)(intptr_t)status, MOTE_E_CANCELLED);
}

static void test_every_function_says_busy_while_a_guest_runs(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    pthread_t thread;
    mote_snapshot *snapshot = NULL;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    const mote_host_function function = {.name = "F", .fn = answer_7, .returns = MOTE_TYPE_I32};
    mote_sandbox *sandbox = start_spinning(&thread);
    const mote_status outcomes[] = {
        mote_call(sandbox, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, NULL),
        mote_call_reset(sandbox, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, NULL),
        mote_sandbox_init(sandbox, NULL),
        mote_sandbox_register(sandbox, &function, NULL),
        mote_sandbox_evolve(sandbox, NULL, NULL, NULL),
        mote_snapshot_take(sandbox, &snapshot, NULL),
        mote_sandbox_restore(sandbox, NULL, NULL),
        mote_sandbox_push(sandbox, NULL),
        mote_sandbox_pop(sandbox, NULL),
        mote_context_begin(sandbox, NULL),
        mote_context_finish(sandbox, NULL),
        mote_sandbox_stats_get(sandbox, &stats, NULL),
        mote_sandbox_destroy(sandbox),
    };
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        assert_int_equal(outcomes[i], MOTE_E_BUSY);
    assert_null(snapshot);
    stop_spinning(sandbox, thread);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

/* The state is read without the guest's leave, and without a system call. */
static void test_the_state_is_told_at_once_while_a_guest_loops(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    pthread_t thread;
    mote_sandbox *sandbox = start_spinning(&thread);
    uint64_t started_us = now_us();
    for (int i = 0; i < 100000; i++)
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    assert_true(now_us() - started_us < 10000000);
    stop_spinning(sandbox, thread);
    mote_sandbox_destroy(sandbox);
}

/* ---- Cancels ---- */

struct target {
    mote_sandbox *sandbox;
    atomic_long begun; /* cancels */
    atomic_long ended;
    atomic_bool is_over;
};

static void *cancel_often(void *context)
{
    struct target *target = context;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    while (!atomic_load(&target->is_over)) {
        const struct timespec gap = {.tv_nsec = rand_r(&seed) % 200000};
        nanosleep(&gap, NULL);
        atomic_fetch_add(&target->begun, 1);
        mote_sandbox_cancel(target->sandbox);
        atomic_fetch_add(&target->ended, 1);
    }
    return NULL;
}

/* Calls that reset, among cancels: one is cancelled by a cancel that was there during it, or not at
 * all, and its state is the snapshot's afterwards either way. */
static void test_a_late_cancel_reaches_no_later_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct target target = {.sandbox = open_keeper()};
    const mote_value one = mote_i32(1);
    pthread_t thread;
    int n_cancelled = 0;
    int n_calls = 0;
    assert_int_equal(pthread_create(&thread, NULL, cancel_often, &target), 0);
    while (n_cancelled < 100 / PART || n_calls < 4000 / PART) {
        mote_value result = mote_i32(0);
        const char *function = n_calls % 40 == 0 ? "Spin" : "Add";
        size_t n_args = n_calls % 40 == 0 ? 0 : 1;
        long ended_before = atomic_load(&target.ended);
        mote_status status = mote_call_reset(target.sandbox, function, &one, n_args, MOTE_TYPE_ANY,
                                             &result, &last_error);
        long begun_after = atomic_load(&target.begun);
        if (status == MOTE_OK)
            assert_int_equal(result.as.i32, 1);
        else
            assert_status(status, MOTE_E_CANCELLED);
        if (status == MOTE_E_CANCELLED)
            assert_true(begun_after > ended_before);
        assert_int_equal(mote_sandbox_state_get(target.sandbox), MOTE_SANDBOX_READY);
        n_cancelled += status == MOTE_E_CANCELLED;
        n_calls++;
    }
    atomic_store(&target.is_over, true);
    pthread_join(thread, NULL);
    for (int i = 0; i < 10; i++)
        assert_ok(
            mote_call_reset(target.sandbox, "Add", &one, 1, MOTE_TYPE_ANY, NULL, &last_error));
    mote_sandbox_destroy(target.sandbox);
}

#define N_CANCELLERS 16

/* A storm neither loses a cancel nor stops the calls between; others hear none of it. */
static void test_a_storm_of_cancels_hits_one_sandbox_only(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct target target = {.sandbox = open_keeper()};
    mote_sandbox *witness = open_sandbox(HELLO, NULL);
    pthread_t threads[N_CANCELLERS];
    for (int i = 0; i < N_CANCELLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, cancel_often, &target), 0);
    for (int i = 0; i < 150 / PART; i++) {
        assert_status(
            mote_call_reset(target.sandbox, "Spin", NULL, 0, MOTE_TYPE_ANY, NULL, &last_error),
            MOTE_E_CANCELLED);
        assert_echoes(witness);
    }
    atomic_store(&target.is_over, true);
    for (int i = 0; i < N_CANCELLERS; i++)
        pthread_join(threads[i], NULL);
    assert_ok(mote_call_reset(target.sandbox, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, &last_error));
    mote_sandbox_destroy(target.sandbox);
    mote_sandbox_destroy(witness);
}

static mote_sandbox *handled_sandbox;
static atomic_int n_handled;

static void cancel_in_handler(int number)
{
    (void)number;
    mote_sandbox_cancel(handled_sandbox);
    atomic_fetch_add(&n_handled, 1);
}

struct signalled {
    pthread_t thread;
    atomic_bool is_over;
};

/* Before the call a cancel is nothing: the signal comes again until the call has ended. */
static void *signal_soon(void *context)
{
    struct signalled *signalled = context;
    do {
        usleep(10000);
        pthread_kill(signalled->thread, SIGUSR1);
    } while (!atomic_load(&signalled->is_over));
    return NULL;
}

/* The handler runs on the very thread whose call it cancels. */
static void test_a_signal_handler_may_cancel(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct sigaction action = {.sa_handler = cancel_in_handler};
    struct sigaction before;
    handled_sandbox = open_keeper();
    sigaction(SIGUSR1, &action, &before);
    for (int i = 0; i < 20 / PART; i++) {
        pthread_t thread;
        struct signalled signalled = {.thread = pthread_self()};
        int n_before = atomic_load(&n_handled);
        assert_int_equal(pthread_create(&thread, NULL, signal_soon, &signalled), 0);
        assert_status(
            mote_call_reset(handled_sandbox, "Spin", NULL, 0, MOTE_TYPE_ANY, NULL, &last_error),
            MOTE_E_CANCELLED);
        assert_true(atomic_load(&n_handled) > n_before);
        atomic_store(&signalled.is_over, true);
        pthread_join(thread, NULL);
    }
    sigaction(SIGUSR1, &before, NULL);
    mote_sandbox_destroy(handled_sandbox);
}

/* ---- The signal itself ---- */

static atomic_bool is_stray_over;

static void *send_strays(void *thread)
{
    while (!atomic_load(&is_stray_over)) {
        pthread_kill(*(pthread_t *)thread, SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN);
        usleep(300);
    }
    return NULL;
}

static void ignore(int number)
{
    (void)number;
}

/* The application uses the same number, with a handler, towards a thread that runs guests: calls go
 * on, and limits are what they were. */
static void test_strays_of_the_signal_end_no_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config brief = MOTE_CONFIG_INIT;
    mote_config patient = MOTE_CONFIG_INIT;
    brief.time_limit_us = 50000;
    patient.time_limit_us = PATIENCE_US;
    pthread_t self = pthread_self();
    pthread_t thread;
    mote_sandbox *limited = open_sandbox(HELLO, &brief);
    mote_sandbox *sandbox = open_sandbox(HELLO, &patient);
    const int number = SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN;
    struct sigaction action = {.sa_handler = ignore};
    struct sigaction before;
    sigaction(number, &action, &before);
    assert_echoes(sandbox);
    assert_int_equal(pthread_create(&thread, NULL, send_strays, &self), 0);
    uint64_t end_us = now_us() + 200000;
    while (now_us() < end_us)
        assert_ok(call_void(sandbox, "Nothing"));
    assert_status(call_void(limited, "Spin"), MOTE_E_TIME_LIMIT);
    assert_true(last_error.limit.elapsed_us >= 50000);
    atomic_store(&is_stray_over, true);
    pthread_join(thread, NULL);
    /* The last one may still be on its way. */
    sigset_t set;
    const struct timespec no_wait = {0, 0};
    sigemptyset(&set);
    sigaddset(&set, number);
    while (sigtimedwait(&set, NULL, &no_wait) > 0)
        ;
    sigaction(number, &before, NULL);
    mote_sandbox_destroy(sandbox);
    mote_sandbox_destroy(limited);
}

/* ---- Threads ---- */

struct journey {
    mote_sandbox *sandbox;
    mote_snapshot *snapshot;
    int32_t n;
    bool is_wrong;
};

/* One stop: the thread counts, goes back, counts again, fails, goes back, and ends. */
static void *visit(void *context)
{
    struct journey *journey = context;
    const mote_value one = mote_i32(1);
    mote_value result;
    mote_error err;
    mote_snapshot *snapshot = NULL;
    journey->is_wrong =
        mote_sandbox_restore(journey->sandbox, journey->snapshot, &err) != MOTE_OK ||
        mote_call(journey->sandbox, "Add", &one, 1, MOTE_TYPE_I32, &result, &err) != MOTE_OK ||
        result.as.i32 != journey->n + 1 ||
        mote_snapshot_take(journey->sandbox, &snapshot, &err) != MOTE_OK ||
        mote_call(journey->sandbox, "Crash", NULL, 0, MOTE_TYPE_ANY, NULL, &err) !=
            MOTE_E_GUEST_FAULT ||
        mote_sandbox_restore(journey->sandbox, snapshot, &err) != MOTE_OK;
    mote_snapshot_unref(journey->snapshot);
    journey->snapshot = snapshot;
    journey->n++;
    return NULL;
}

/* Made in one thread, restored in others, each of which is gone when the next one comes; destroyed
 * in the first. A cancel after that finds the thread that runs it. */
static void test_a_sandbox_moves_between_threads_with_its_snapshots(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct journey journey = {.sandbox = open_keeper()};
    pthread_t thread;
    void *status;
    assert_ok(mote_snapshot_take(journey.sandbox, &journey.snapshot, &last_error));
    for (int i = 0; i < 30 / PART; i++) {
        assert_int_equal(pthread_create(&thread, NULL, visit, &journey), 0);
        pthread_join(thread, NULL);
        assert_false(journey.is_wrong);
    }
    assert_int_equal(pthread_create(&thread, NULL, spin, journey.sandbox), 0);
    usleep(5000);
    while (mote_sandbox_state_get(journey.sandbox) != MOTE_SANDBOX_POISONED)
        mote_sandbox_cancel(journey.sandbox);
    pthread_join(thread, &status);
    assert_int_equal((mote_status)(intptr_t)status, MOTE_E_CANCELLED);
    mote_snapshot_unref(journey.snapshot);
    mote_sandbox_destroy(journey.sandbox);
}

#define N_THREADS 16

static mote_image *shared_image;
static mote_snapshot *shared_snapshot;

/* Sandboxes of one image, all from one snapshot, each with a state of its own. */
static void *live_from_snapshot(void *number)
{
    const mote_value mine = mote_i32((int32_t)(intptr_t)number);
    for (int i = 0; i < 20 / PART; i++) {
        mote_sandbox *sandbox = NULL;
        mote_snapshot *snapshot = mote_snapshot_ref(shared_snapshot);
        mote_value result;
        mote_error err;
        if (mote_sandbox_create(shared_image, for_test(NULL), &sandbox, &err) != MOTE_OK)
            return shared_image;
        for (int k = 0; k < 5; k++) {
            if (mote_sandbox_restore(sandbox, snapshot, &err) != MOTE_OK ||
                mote_call(sandbox, "Add", &mine, 1, MOTE_TYPE_I32, &result, &err) != MOTE_OK ||
                result.as.i32 != mine.as.i32 + 40)
                return shared_image;
        }
        mote_snapshot_unref(snapshot);
        if (mote_sandbox_destroy(sandbox) != MOTE_OK)
            return shared_image;
    }
    return NULL;
}

static void test_many_threads_live_from_one_snapshot(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value forty = mote_i32(40);
    mote_sandbox *first;
    pthread_t threads[N_THREADS];
    shared_image = open_image(KEEPER);
    assert_ok(mote_sandbox_create(shared_image, for_test(NULL), &first, &last_error));
    assert_ok(mote_sandbox_init(first, &last_error));
    assert_ok(mote_call(first, "Add", &forty, 1, MOTE_TYPE_I32, NULL, &last_error));
    assert_ok(mote_snapshot_take(first, &shared_snapshot, &last_error));
    mote_sandbox_destroy(first);
    for (intptr_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, live_from_snapshot, (void *)i), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    mote_snapshot_unref(shared_snapshot);
    mote_image_unref(shared_image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_says_busy_while_a_guest_runs),
        cmocka_unit_test(test_the_state_is_told_at_once_while_a_guest_loops),
        cmocka_unit_test(test_a_late_cancel_reaches_no_later_call),
        cmocka_unit_test(test_a_storm_of_cancels_hits_one_sandbox_only),
        cmocka_unit_test(test_a_signal_handler_may_cancel),
        cmocka_unit_test(test_strays_of_the_signal_end_no_call),
        cmocka_unit_test(test_a_sandbox_moves_between_threads_with_its_snapshots),
        cmocka_unit_test(test_many_threads_live_from_one_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
