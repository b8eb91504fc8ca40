/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread alarms. */
#include "host/os/alarm.h"

#include "host/base/error.h"
#include "host/os/process.h"
#include <errno.h>
#include <mote/sandbox.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct mt_alarm {
    timer_t timer;         /* (c) */
    uint64_t process_mark; /* (c) */
    pid_t process;         /* (c) */
    pid_t thread;          /* (c) */
    bool was_blocked;      /* (c) by the application, before us */
    uint64_t armed_for_ns; /* when the timer fires; 0 when it does not. Own thread only */
    _Atomic unsigned n_holds;
    _Atomic bool is_rung; /* by the timer, and it was not armed since */
    /* (c): set once, before any other thread sees it */
};

static pthread_key_t thread_end_key;
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;
static int thread_end_error;
/* Eight bytes of the static TLS that the C library keeps for libraries loaded later: no call to
 * find them. */
static _Thread_local struct mt_alarm *own_alarm __attribute__((tls_model("initial-exec")));

int mt_alarm_signal(void)
{
    return SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN;
}

static void only_our_signal(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, mt_alarm_signal());
}

/* Undo what set_up() did to the calling thread. Holds may be left in other threads' hands: the
 * memory stays until they are given up. */
static void take_down(struct mt_alarm *alarm)
{
    timer_delete(alarm->timer);
    while (mt_alarm_drain(alarm))
        continue;
    if (!alarm->was_blocked) {
        sigset_t ours;
        only_our_signal(&ours);
        pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    }
    own_alarm = NULL;
}

/* In a forked child the timer's number is another's, or will be. What remains of the alarm there is
 * that the signal is blocked. */
static void forget_inherited(const struct mt_alarm *alarm)
{
    sigset_t ours;
    only_our_signal(&ours);
    if (!alarm->was_blocked)
        pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    own_alarm = NULL;
}

static void on_thread_end(void *value)
{
    struct mt_alarm *alarm = value;
    if (!mt_process_is(alarm->process_mark)) {
        forget_inherited(alarm);
        return;
    }
    take_down(alarm);
    mt_alarm_release(alarm);
}

static void make_thread_end_key(void)
{
    thread_end_error = pthread_key_create(&thread_end_key, on_thread_end);
}

static mote_status make_timer(struct mt_alarm *alarm, mote_error *err)
{
    struct sigevent event;
    memset(&event, 0, sizeof(event));
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = mt_alarm_signal();
    event.sigev_notify_thread_id = alarm->thread;
    if (timer_create(CLOCK_MONOTONIC, &event, &alarm->timer) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "timer_create");
    return MOTE_OK;
}

static mote_status set_up(struct mt_alarm *alarm, mote_error *err)
{
    sigset_t ours;
    sigset_t before;
    only_our_signal(&ours);
    mote_status status = mt_process_mark(&alarm->process_mark, err);
    if (status != MOTE_OK)
        return status;
    alarm->process = getpid();
    alarm->thread = (pid_t)syscall(SYS_gettid);
    status = make_timer(alarm, err);
    if (status != MOTE_OK)
        return status;
    int failure = pthread_setspecific(thread_end_key, alarm);
    if (failure != 0) {
        timer_delete(alarm->timer);
        return mt_fail_errno(err, MOTE_E_MEMORY, failure, "pthread_setspecific");
    }
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    alarm->was_blocked = sigismember(&before, mt_alarm_signal()) == 1;
    /* The thread itself holds its alarm, until it ends or gives up the last other hold. */
    atomic_store(&alarm->n_holds, 1);
    return MOTE_OK;
}

mote_status mt_alarm_hold(struct mt_alarm **out, mote_error *err)
{
    /* A forked child inherits the thread-local pointer, but neither timer nor thread id. */
    if (own_alarm != NULL && !mt_process_is(own_alarm->process_mark)) {
        pthread_setspecific(thread_end_key, NULL);
        forget_inherited(own_alarm);
    }
    if (own_alarm == NULL) {
        pthread_once(&thread_end_once, make_thread_end_key);
        if (thread_end_error != 0)
            return mt_fail_errno(err, MOTE_E_SYSTEM, thread_end_error, "pthread_key_create");
        struct mt_alarm *alarm = calloc(1, sizeof(*alarm));
        if (alarm == NULL)
            return mt_fail(err, MOTE_E_MEMORY, "no memory for the thread's alarm");
        mote_status status = set_up(alarm, err);
        if (status != MOTE_OK) {
            free(alarm);
            return status;
        }
        own_alarm = alarm;
    }
    atomic_fetch_add(&own_alarm->n_holds, 1);
    *out = own_alarm;
    return MOTE_OK;
}

void mt_alarm_release(struct mt_alarm *alarm)
{
    unsigned left = atomic_fetch_sub(&alarm->n_holds, 1) - 1;
    if (left == 1 && alarm == own_alarm) {
        pthread_setspecific(thread_end_key, NULL);
        take_down(alarm);
        left = atomic_fetch_sub(&alarm->n_holds, 1) - 1;
    }
    if (left == 0)
        free(alarm);
}

bool mt_alarm_is_own(const struct mt_alarm *alarm)
{
    return alarm == own_alarm;
}

static const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};

mote_status mt_alarm_arm(struct mt_alarm *alarm, uint64_t deadline_ns, uint64_t *n_system_calls,
                         mote_error *err)
{
    if (alarm->armed_for_ns != 0 && alarm->armed_for_ns <= deadline_ns)
        return MOTE_OK;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                     .tv_nsec = (long)(deadline_ns % 1000000000u)},
    };
    ++*n_system_calls;
    if (timer_settime(alarm->timer, TIMER_ABSTIME, &when, NULL) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "timer_settime");
    alarm->armed_for_ns = deadline_ns;
    /* Somebody rang by the timer, which was perhaps set anew before it fired. */
    if (atomic_exchange(&alarm->is_rung, false))
        (void)timer_settime(alarm->timer, 0, &at_once, NULL);
    return MOTE_OK;
}

bool mt_alarm_drain(struct mt_alarm *alarm)
{
    sigset_t ours;
    siginfo_t info;
    const struct timespec no_wait = {0, 0};
    only_our_signal(&ours);
    if (sigtimedwait(&ours, &info, &no_wait) != mt_alarm_signal())
        return false;
    if (info.si_code == SI_TIMER)
        alarm->armed_for_ns = 0;
    return true;
}

void mt_alarm_open_mask(sigset_t *mask)
{
    pthread_sigmask(SIG_SETMASK, NULL, mask);
    sigdelset(mask, mt_alarm_signal());
}

/* Where no more signals may be queued (RLIMIT_SIGPENDING) the timer has one of its own. Its thread
 * may arm the timer just then, and looks for that. */
bool mt_alarm_ring(struct mt_alarm *alarm)
{
    if (syscall(SYS_tgkill, alarm->process, alarm->thread, mt_alarm_signal()) == 0)
        return true;
    if (errno != EAGAIN)
        return false;
    atomic_store(&alarm->is_rung, true);
    return timer_settime(alarm->timer, 0, &at_once, NULL) == 0;
}
