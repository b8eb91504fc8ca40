/* SPDX-License-Identifier: Apache-2.0 */
#include "host/os/alarm.h"

#include "host/os/clock.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MS_NS 1000000u

static bool is_blocked(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, mt_alarm_signal()) == 1;
}

static struct mt_alarm *hold(void)
{
    struct mt_alarm *alarm = NULL;
    assert_int_equal(mt_alarm_hold(&alarm, NULL), MOTE_OK);
    return alarm;
}

/* Whether the signal comes, within twenty seconds: what is not to come is not asked for. */
static bool is_heard(struct mt_alarm *alarm)
{
    for (int i = 0; i < 20000; i++) {
        if (mt_alarm_drain(alarm))
            return true;
        usleep(1000);
    }
    return false;
}

/* How many system calls it took. */
static unsigned arm(struct mt_alarm *alarm, uint64_t deadline_ns)
{
    uint64_t n = 0;
    assert_int_equal(mt_alarm_arm(alarm, deadline_ns, &n, NULL), MOTE_OK);
    return (unsigned)n;
}

static void test_the_last_hold_gives_the_mask_back(void **state)
{
    (void)state;
    assert_false(is_blocked());
    struct mt_alarm *first = hold();
    struct mt_alarm *second = hold();
    assert_ptr_equal(first, second);
    assert_true(mt_alarm_is_own(first));
    mt_alarm_release(first);
    assert_true(is_blocked());
    mt_alarm_release(second);
    assert_false(is_blocked());
}

static void *release(void *alarm)
{
    mt_alarm_release(alarm);
    return NULL;
}

/* Nobody else can change a thread's mask: it waits for the thread itself. */
static void test_a_last_hold_that_another_thread_gives_up_leaves_the_alarm(void **state)
{
    (void)state;
    pthread_t thread;
    struct mt_alarm *alarm = hold();
    assert_int_equal(pthread_create(&thread, NULL, release, alarm), 0);
    pthread_join(thread, NULL);
    assert_true(is_blocked());
    assert_ptr_equal(hold(), alarm);
    mt_alarm_release(alarm);
    assert_false(is_blocked());
}

static void test_a_signal_that_was_blocked_stays_so(void **state)
{
    (void)state;
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, mt_alarm_signal());
    pthread_sigmask(SIG_BLOCK, &ours, NULL);
    mt_alarm_release(hold());
    assert_true(is_blocked());
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

static void test_it_is_armed_for_the_earliest_deadline(void **state)
{
    (void)state;
    struct mt_alarm *alarm = hold();
    uint64_t now_ns = mt_clock_ns();
    assert_int_equal(arm(alarm, now_ns + 20 * MS_NS), 1);
    assert_int_equal(arm(alarm, now_ns + 30 * MS_NS), 0);
    assert_int_equal(arm(alarm, now_ns + 10 * MS_NS), 1);
    assert_true(is_heard(alarm));
    assert_true(mt_clock_ns() >= now_ns + 10 * MS_NS);
    assert_false(mt_alarm_drain(alarm));
    assert_int_equal(arm(alarm, now_ns + 3600ull * 1000 * MS_NS), 1);
    mt_alarm_release(alarm);
}

static void *ring(void *alarm)
{
    mt_alarm_ring(alarm);
    return NULL;
}

static void ring_from_another_thread(struct mt_alarm *alarm)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ring, alarm), 0);
    pthread_join(thread, NULL);
}

static void test_it_is_heard_from_another_thread(void **state)
{
    (void)state;
    struct mt_alarm *alarm = hold();
    ring_from_another_thread(alarm);
    assert_true(is_heard(alarm));
    mt_alarm_release(alarm);
}

/* As when any process of the same user has filled the queue. Returns the limit, to be set again. */
static struct rlimit ring_without_a_queue(struct mt_alarm *alarm)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_SIGPENDING, &before), 0);
    const struct rlimit none = {0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    ring_from_another_thread(alarm);
    return before;
}

static void test_it_is_heard_where_no_signal_can_be_queued(void **state)
{
    (void)state;
    struct mt_alarm *alarm = hold();
    const struct rlimit before = ring_without_a_queue(alarm);
    bool heard = is_heard(alarm);
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &before), 0);
    assert_true(heard);
    assert_int_equal(arm(alarm, mt_clock_ns() + 3600ull * 1000 * MS_NS), 1);
    mt_alarm_release(alarm);
}

/* The thread that is rung may set the timer anew before it fires. */
static void test_a_ring_by_the_timer_survives_that_it_is_armed(void **state)
{
    (void)state;
    struct mt_alarm *alarm = hold();
    const struct rlimit before = ring_without_a_queue(alarm);
    assert_int_equal(arm(alarm, mt_clock_ns() + 3600ull * 1000 * MS_NS), 1);
    bool heard = is_heard(alarm);
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &before), 0);
    assert_true(heard);
    mt_alarm_release(alarm);
}

static void test_a_timer_that_cannot_be_armed_is_an_error(void **state)
{
    (void)state;
    struct mt_alarm *alarm = hold();
    pid_t child = fork();
    if (child == 0) {
        /* A forked child has no timers: there the parent's handle is nobody's. */
        uint64_t n = 0;
        mote_status status = mt_alarm_arm(alarm, mt_clock_ns() + MS_NS, &n, NULL);
        _exit(status == MOTE_E_SYSTEM && n == 1 ? 0 : 1);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    mt_alarm_release(alarm);
}

/* ---- Forked children ---- */

static int outcome_of(pid_t child)
{
    int how = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 100 + WTERMSIG(how);
}

static void test_a_child_gives_back_the_mask_that_its_parent_had(void **state)
{
    (void)state;
    struct mt_alarm *alarm = hold();
    pid_t child = fork();
    if (child == 0) {
        struct mt_alarm *own = NULL;
        if (mt_alarm_hold(&own, NULL) != MOTE_OK || own == alarm || !is_blocked())
            _exit(1);
        mt_alarm_release(own);
        _exit(is_blocked() ? 2 : 0);
    }
    assert_int_equal(outcome_of(child), 0);
    assert_true(is_blocked());
    mt_alarm_release(alarm);
}

#define CANNOT 77 /* exit status: this host does not let us try */

/* The first of a namespace whose parent is the first of another: the numbers are the same. */
static int has_an_alarm_of_its_own(void)
{
    struct mt_alarm *alarm = NULL;
    uint64_t n = 0;
    if (getpid() != 1 || mt_alarm_hold(&alarm, NULL) != MOTE_OK)
        return 1;
    mote_status status = mt_alarm_arm(alarm, mt_clock_ns() + MS_NS, &n, NULL);
    return status == MOTE_OK && is_heard(alarm) ? 0 : 2;
}

static int in_child(int (*fn)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(fn());
    return child > 0 ? outcome_of(child) : CANNOT;
}

static int holds_in_a_namespace(void)
{
    hold();
    return unshare(CLONE_NEWPID) == 0 ? in_child(has_an_alarm_of_its_own) : CANNOT;
}

static int begins_a_namespace(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 ? in_child(holds_in_a_namespace) : CANNOT;
}

static void test_a_child_of_the_same_number_has_an_alarm_of_its_own(void **state)
{
    (void)state;
    int outcome = in_child(begins_a_namespace);
    if (outcome == CANNOT) {
        print_message("skipped: no namespaces for processes here\n");
        skip();
    }
    assert_int_equal(outcome, 0);
}

#define N_TIMERS 8

/* Timers have small numbers, which begin anew in a child: one of these has that of the alarm's. */
struct timers {
    pthread_t maker;
    timer_t all[N_TIMERS];
};

static int make_timers(timer_t *timers)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    for (int i = 0; i < N_TIMERS; i++)
        if (timer_create(CLOCK_MONOTONIC, &event, &timers[i]) != 0)
            return 1;
    return 0;
}

static void *check_timers(void *context)
{
    const struct timers *timers = context;
    struct itimerspec left;
    if (pthread_join(timers->maker, NULL) != 0)
        _exit(3);
    for (int i = 0; i < N_TIMERS; i++)
        if (timer_gettime(timers->all[i], &left) != 0)
            _exit(4);
    _exit(0);
}

/* The thread that forked ends in the child, which goes on. */
static void *hold_and_fork(void *result)
{
    static struct timers timers;
    pthread_t checker;
    struct mt_alarm *alarm = hold();
    pid_t child = fork();
    if (child == 0) {
        timers.maker = pthread_self();
        if (make_timers(timers.all) != 0)
            _exit(1);
        if (pthread_create(&checker, NULL, check_timers, &timers) != 0)
            _exit(2);
        return NULL;
    }
    *(pid_t *)result = child;
    mt_alarm_release(alarm);
    return NULL;
}

static void test_a_thread_that_ends_in_a_child_leaves_its_timers_alone(void **state)
{
    (void)state;
    pthread_t thread;
    pid_t child = 0;
#if defined(__SANITIZE_THREAD__)
    return; /* ThreadSanitizer allows no new thread in a child of a process that had several */
#endif
    assert_int_equal(pthread_create(&thread, NULL, hold_and_fork, &child), 0);
    pthread_join(thread, NULL);
    assert_int_equal(outcome_of(child), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_hold_gives_the_mask_back),
        cmocka_unit_test(test_a_last_hold_that_another_thread_gives_up_leaves_the_alarm),
        cmocka_unit_test(test_a_signal_that_was_blocked_stays_so),
        cmocka_unit_test(test_it_is_armed_for_the_earliest_deadline),
        cmocka_unit_test(test_it_is_heard_from_another_thread),
        cmocka_unit_test(test_it_is_heard_where_no_signal_can_be_queued),
        cmocka_unit_test(test_a_ring_by_the_timer_survives_that_it_is_armed),
        cmocka_unit_test(test_a_timer_that_cannot_be_armed_is_an_error),
        cmocka_unit_test(test_a_child_gives_back_the_mask_that_its_parent_had),
        cmocka_unit_test(test_a_child_of_the_same_number_has_an_alarm_of_its_own),
        cmocka_unit_test(test_a_thread_that_ends_in_a_child_leaves_its_timers_alone),
    };
    return cmocka_run_group_tests_name("alarm", tests, NULL, NULL);
}
