/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker waits for its next job in a system call that its filter reports: pause(2). That report
 * tells the caller that the job before is done, and its answer starts the next one. So a job takes
 * three system calls of the caller - answer, wait, receive - and one of the worker, and the same
 * wait is for reports of the job's own calls and for the thread's end.
 *
 * `step` says whose turn it is, and makes a report of pause(2) that the job itself makes another
 * one. A signal may break the worker's wait off: the C library uses one when the process gives up
 * rights, and debuggers do. Then the worker waits again, with another report; an answer to the one
 * before fails with ENOENT, which is no error.
 *
 * The filter is on this thread alone, without SECCOMP_FILTER_FLAG_TSYNC, and so is no_new_privs,
 * which the kernel asks for. What it would start inherits both, and no set has a call that starts
 * anything: all reports are the worker's.
 */
#include "host/hostfn/worker.h"

#include "host/base/error.h"
#include "host/hostfn/filter.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

/* Kernels from 6.6 on: wake the other side on the processor of the one that goes to sleep. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ul

/* A thread that has ended need not be known to be: musl does not notice one that did without it. */
#define JOIN_PATIENCE_S 1

enum step { IDLE, READY, RUNNING, ENDING };

struct mt_worker {
    mote_allocator allocator;
    pthread_t thread;
    bool has_thread;
    int listener;    /* -1: none. The worker sets it, and what follows, before it is set up */
    int start_errno; /* why it could not be set up; 0 if it could */
    const char *start_what; /* which operation failed */
    sem_t is_set_up;
    _Atomic unsigned step;     /* orders all that the two sides tell each other */
    void (*fn)(void *context); /* the caller's, before READY */
    void *context;
    /* The caller's own. */
    bool is_parked; /* the worker's wait has been received and not been answered */
    uint64_t parked_id;
    bool has_listened;    /* a thread has */
    pthread_t listened;   /* the last that did */
    bool is_out_of_reach; /* nobody can tell it to end: it keeps all of this */
    uint64_t n_system_calls;
    struct mt_system_calls granted; /* to any job so far */
};

/* ---- The worker's side ---- */

/* What ends a thread from within finds its frames with a library that the C library opens when it
 * is first needed: under the filter that would fail, and end the process. */
static void load_unwinder(void)
{
#ifdef __GLIBC__
    void *frame;
    backtrace(&frame, 1);
#endif
}

static void set_up(struct mt_worker *worker)
{
    struct sock_fprog program = mt_filter_program();
    load_unwinder();
    pthread_setname_np(pthread_self(), "mote-worker");
    worker->start_what = "prctl(PR_SET_NO_NEW_PRIVS) for host functions";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) == 0) {
        worker->start_what = "seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER) for host functions";
        worker->listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                        SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    }
    worker->start_errno = worker->listener < 0 ? errno : 0;
}

/* Report that there is nothing to do, and begin what there is then. False: end. */
static bool wait_for_job(struct mt_worker *worker)
{
    for (;;) {
        /* Where nobody listens any more, the caller has given the worker up. */
        if (syscall(SYS_pause) != 0 && errno == ENOSYS)
            return false;
        unsigned step = READY;
        if (atomic_compare_exchange_strong(&worker->step, &step, RUNNING))
            return true;
        if (step == ENDING)
            return false;
    }
}

static void *work(void *context)
{
    struct mt_worker *worker = context;
    set_up(worker);
    bool is_filtered = worker->start_errno == 0;
    sem_post(&worker->is_set_up);
    while (is_filtered && wait_for_job(worker)) {
        worker->fn(worker->context);
        atomic_store(&worker->step, IDLE);
    }
    return NULL;
}

/* ---- Start ---- */

/* Signals are the application's other threads' business, but for those that an instruction raises.
 */
static void worker_signals(sigset_t *blocked)
{
    static const int raised[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigfillset(blocked);
    for (size_t i = 0; i < sizeof(raised) / sizeof(raised[0]); i++)
        sigdelset(blocked, raised[i]);
}

static void forget_thread(struct mt_worker *worker)
{
    if (worker->listener >= 0)
        close(worker->listener);
    sem_destroy(&worker->is_set_up);
    worker->listener = -1;
    worker->has_thread = false;
    worker->is_parked = false;
}

static mote_status start(struct mt_worker *worker, mote_error *err)
{
    sigset_t blocked;
    sigset_t before;
    worker_signals(&blocked);
    atomic_store(&worker->step, IDLE);
    sem_init(&worker->is_set_up, 0, 0);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int failure = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        sem_destroy(&worker->is_set_up);
        return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "pthread_create for host functions");
    }
    while (sem_wait(&worker->is_set_up) != 0)
        continue;
    if (worker->start_errno != 0) {
        pthread_join(worker->thread, NULL);
        forget_thread(worker);
        return mt_fail_errno(err, MOTE_E_SYSTEM, worker->start_errno, worker->start_what);
    }
    worker->has_thread = true;
    ioctl(worker->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
    return MOTE_OK;
}

/* ---- Listening ---- */

enum event { GOES_ON, IS_DONE, HAS_ENDED, HAS_FAILED };

static enum event answer(struct mt_worker *worker, uint64_t id, int error, uint32_t flags)
{
    struct seccomp_notif_resp response = {.id = id, .error = error, .flags = flags};
    int result;
    do {
        worker->n_system_calls++;
        result = ioctl(worker->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    } while (result != 0 && errno == EINTR);
    return result == 0 || errno == ENOENT ? GOES_ON : HAS_FAILED;
}

static enum event answer_parked(struct mt_worker *worker)
{
    if (!worker->is_parked)
        return GOES_ON;
    enum event event = answer(worker, worker->parked_id, 0, 0);
    worker->is_parked = event != GOES_ON;
    return event;
}

static int poll_listener(struct mt_worker *worker, struct pollfd *listener, int timeout_ms)
{
    int n;
    *listener = (struct pollfd){worker->listener, POLLIN, 0};
    do {
        worker->n_system_calls++;
        n = poll(listener, 1, timeout_ms);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* A caller may be under a filter itself, as one that runs another sandbox's host function is. Of
 * each that is new it is seen whether it can wait, before anything is handed over; that it can
 * answer is seen when it does. */
static enum event try_to_listen(struct mt_worker *worker)
{
    struct pollfd listener;
    if (worker->has_listened && pthread_equal(worker->listened, pthread_self()))
        return GOES_ON;
    if (poll_listener(worker, &listener, 0) < 0)
        return HAS_FAILED;
    worker->has_listened = true;
    worker->listened = pthread_self();
    return GOES_ON;
}

/* The kernel says, too, when the only thread under the filter has ended (from Linux 5.9 on). */
static enum event wait_for_report(struct mt_worker *worker)
{
    struct pollfd listener;
    if (poll_listener(worker, &listener, -1) < 0)
        return HAS_FAILED;
    if (listener.revents & POLLIN)
        return GOES_ON;
    if ((listener.revents & POLLNVAL) == 0)
        return HAS_ENDED;
    errno = EBADF;
    return HAS_FAILED;
}

/* A signal may have taken a report back. */
static enum event receive(struct mt_worker *worker, struct seccomp_notif *report)
{
    for (;;) {
        enum event event = wait_for_report(worker);
        if (event != GOES_ON)
            return event;
        memset(report, 0, sizeof(*report)); /* the kernel demands it */
        worker->n_system_calls++;
        if (ioctl(worker->listener, SECCOMP_IOCTL_NOTIF_RECV, report) == 0)
            return GOES_ON;
        if (errno != EINTR && errno != ENOENT)
            return HAS_FAILED;
    }
}

/* The worker waits: after its job, or still, since a signal broke its wait off. */
static enum event take_wait(struct mt_worker *worker, uint64_t id, unsigned step)
{
    worker->n_system_calls++;
    worker->parked_id = id;
    worker->is_parked = true;
    return step == IDLE ? IS_DONE : answer_parked(worker);
}

static enum event judge(struct mt_worker *worker, const struct seccomp_notif *report,
                        const struct mt_system_calls *allowed, struct mt_verdict *verdict)
{
    bool is_foreign = report->data.arch != AUDIT_ARCH_X86_64;
    if (!is_foreign && mt_system_calls_has(allowed, report->data.nr))
        return answer(worker, report->id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    if (!verdict->is_refused) {
        verdict->is_refused = true;
        verdict->is_foreign = is_foreign;
        verdict->number = report->data.nr;
    }
    return answer(worker, report->id, -EPERM, 0);
}

/* Answer until the job is done. */
static enum event serve(struct mt_worker *worker, const struct mt_system_calls *allowed,
                        struct mt_verdict *verdict)
{
    enum event event = try_to_listen(worker);
    if (event == GOES_ON)
        event = answer_parked(worker);
    while (event == GOES_ON) {
        struct seccomp_notif report;
        event = receive(worker, &report);
        if (event != GOES_ON)
            break;
        unsigned step = atomic_load(&worker->step);
        bool is_wait =
            report.data.nr == SYS_pause && report.data.arch == AUDIT_ARCH_X86_64 && step != RUNNING;
        event =
            is_wait ? take_wait(worker, report.id, step) : judge(worker, &report, allowed, verdict);
    }
    return event;
}

/* ---- End ---- */

/* The thread has ended, or is about to. */
static void join_ended(struct mt_worker *worker)
{
    struct timespec latest;
    clock_gettime(CLOCK_REALTIME, &latest);
    latest.tv_sec += JOIN_PATIENCE_S;
    pthread_timedjoin_np(worker->thread, NULL, &latest);
    forget_thread(worker);
}

/* The caller may not even close the listener: the thread stays where it waits, with all that it
 * needs. Its job, whose memory is the caller's, comes to an end before. */
static void leave_alone(struct mt_worker *worker)
{
    while (atomic_load(&worker->step) == RUNNING)
        sched_yield();
    pthread_detach(worker->thread);
    worker->is_out_of_reach = true;
}

/* Nothing can be heard of the worker. Without a listener whatever is reported fails with ENOSYS:
 * its job comes to an end, and then its wait. */
static void give_up(struct mt_worker *worker)
{
    if (close(worker->listener) != 0 && errno != EBADF) {
        leave_alone(worker);
        return;
    }
    worker->listener = -1;
    pthread_join(worker->thread, NULL);
    forget_thread(worker);
}

/* Take a job back that the worker has not begun: then it waits on, as before. */
static bool take_back(struct mt_worker *worker)
{
    unsigned step = READY;
    return atomic_compare_exchange_strong(&worker->step, &step, IDLE);
}

/* What a thread ends with has no job of its own: it may call what any job could, and for memory,
 * without which sanitizers let no thread end. */
static void end(struct mt_worker *worker)
{
    static const int for_memory[] = {SYS_mmap, SYS_mprotect, SYS_brk};
    struct mt_system_calls added;
    struct mt_verdict ignored = {0};
    if (mt_system_calls_set(&added, for_memory, 3, NULL) == MOTE_OK)
        mt_system_calls_add(&worker->granted, &added);
    atomic_store(&worker->step, ENDING);
    if (serve(worker, &worker->granted, &ignored) == HAS_ENDED)
        join_ended(worker);
    else
        give_up(worker);
}

void mt_worker_destroy(struct mt_worker *worker, bool is_copy)
{
    if (worker == NULL)
        return;
    if (is_copy && worker->listener >= 0)
        close(worker->listener);
    if (!is_copy && worker->has_thread && !worker->is_out_of_reach)
        end(worker);
    if (!is_copy && worker->is_out_of_reach)
        return;
    mote_allocator allocator = worker->allocator;
    mt_release(&allocator, worker);
}

/* ---- Jobs ---- */

static mote_status run_job(struct mt_worker *worker, const struct mt_system_calls *allowed,
                           void (*fn)(void *context), void *context, struct mt_verdict *verdict,
                           mote_error *err)
{
    if (worker->is_out_of_reach)
        return mt_fail(err, MOTE_E_SYSTEM, "the worker of host functions is out of reach");
    if (!worker->has_thread) {
        mote_status status = start(worker, err);
        if (status != MOTE_OK)
            return status;
    }
    struct mt_verdict found = {0};
    mt_system_calls_add(&worker->granted, allowed);
    worker->fn = fn;
    worker->context = context;
    atomic_store(&worker->step, READY);
    enum event event = serve(worker, allowed, &found);
    if (event == HAS_FAILED) {
        int failure = errno;
        if (failure == EBADF || !take_back(worker))
            give_up(worker);
        return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "seccomp notification of host functions");
    }
    found.has_ended_thread = event == HAS_ENDED;
    if (found.has_ended_thread)
        join_ended(worker);
    *verdict = found;
    return MOTE_OK;
}

/* The job uses what its caller has on its stack: a caller that is cancelled stays until it is done.
 */
mote_status mt_worker_run(struct mt_worker *worker, const struct mt_system_calls *allowed,
                          void (*fn)(void *context), void *context, struct mt_verdict *verdict,
                          mote_error *err)
{
    int before = PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    mote_status status = run_job(worker, allowed, fn, context, verdict, err);
    pthread_setcancelstate(before, NULL);
    return status;
}

static void try_call(void *context)
{
    *(bool *)context = syscall(SYS_getppid) >= 0;
}

/* Whether a call is let through: older kernels can only refuse it. */
static mote_status try_worker(struct mt_worker *worker, mote_error *err)
{
    static const int number = SYS_getppid;
    struct mt_system_calls allowed;
    struct mt_verdict verdict;
    bool goes_through = false;
    mote_status status = mt_system_calls_set(&allowed, &number, 1, err);
    if (status == MOTE_OK)
        status = mt_worker_run(worker, &allowed, try_call, &goes_through, &verdict, err);
    if (status == MOTE_OK && !goes_through)
        status = mt_fail(err, MOTE_E_SYSTEM, "seccomp lets no reported system call go through");
    worker->n_system_calls = 0;
    return status;
}

mote_status mt_worker_create(const mote_allocator *allocator, struct mt_worker **out,
                             mote_error *err)
{
    struct mt_worker *worker = mt_alloc_zero(allocator, sizeof(*worker));
    if (worker == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the worker of host functions");
    worker->allocator = *allocator;
    worker->listener = -1;
    mote_status status = start(worker, err);
    if (status == MOTE_OK)
        status = try_worker(worker, err);
    if (status != MOTE_OK) {
        mt_worker_destroy(worker, false);
        return status;
    }
    *out = worker;
    return MOTE_OK;
}

uint64_t mt_worker_n_system_calls(const struct mt_worker *worker)
{
    return worker->n_system_calls;
}
