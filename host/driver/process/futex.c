/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting by futex, where no seccomp listener can be had. A child tells that it is about to wait by
 * FUTEX_WAKE, which is its own word only, and waits by FUTEX_WAIT at a word that it cannot write.
 * By FUTEX_CMP_REQUEUE the host moves it, as it sleeps, to another word: that the kernel moved
 * somebody is its word that the child is in the one call at the one place, since no other could
 * bring it to the first word; and nobody but the host can wake it at the second. A signal ends such
 * a wait, as it does a notification's on older kernels.
 *
 * Three system calls a round, and two of the child's. Nothing tells the host of a child that died,
 * or of a wait that the kernel began anew (SIGSTOP and SIGCONT do that): it looks, now and then.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include "host/os/clock.h"
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FIRST_LOOK_NS 1000000ull /* the next after twice the time, and so on */
#define LAST_LOOK_NS 16000000ull
#define N_YIELDS 32u /* to a child on its way from telling to waiting; if it is one */
#define PAUSE_NS 50000l

static uint32_t *word_at(uint8_t *page, uint64_t offset)
{
    return (uint32_t *)(void *)(page + offset);
}

static long futex(struct mt_machine *machine, uint32_t *word, int operation, uint32_t value,
                  const struct timespec *timeout)
{
    machine->n_system_calls++;
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

/* Move the child, and nobody else, from one word that is 0 to another. 1 when it was there, 0 when
 * not, -1 with errno when the kernel does not do it. */
static long move(struct mt_machine *machine, uint64_t from, uint64_t to)
{
    machine->n_system_calls++;
    return syscall(SYS_futex, word_at(machine->to, from), FUTEX_CMP_REQUEUE, 0L, 1L,
                   word_at(machine->to, to), 0L);
}

static void take_word(struct mt_machine *machine)
{
    uint32_t *word = word_at(machine->from, MT_FROM_HAS_TOLD);
    machine->has_told |= __atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL) != 0;
}

/* What a child told before it left its wait is of no more use. */
static mote_status answer(struct mt_machine *machine, bool *is_lost, mote_error *err)
{
    take_word(machine);
    long n = futex(machine, word_at(machine->to, MT_TO_PARKED), FUTEX_WAKE, 1, NULL);
    if (n < 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "futex");
    *is_lost = n == 0;
    machine->has_told &= *is_lost;
    return MOTE_OK;
}

static bool is_gone(struct mt_machine *machine)
{
    struct pollfd child = {machine->child, POLLIN, 0};
    machine->n_system_calls++;
    return poll(&child, 1, 0) == 1;
}

/* Let a child that told come to its wait. One that lies has the time that it takes. */
static void let_it_wait(struct mt_machine *machine, unsigned n_tries)
{
    const struct timespec pause = {0, PAUSE_NS};
    machine->n_system_calls++;
    if (n_tries < N_YIELDS)
        sched_yield();
    else
        nanosleep(&pause, NULL);
}

/* Sleep until the child tells, or for some time. Returns an errno. */
static int sleep_until_told(struct mt_machine *machine, uint64_t time_ns)
{
    const struct timespec timeout = mt_clock_timeout(time_ns);
    uint32_t *has_told = word_at(machine->from, MT_FROM_HAS_TOLD);
    return futex(machine, has_told, FUTEX_WAIT, 0, &timeout) == 0 ? 0 : errno;
}

/* What is known of the child in one wait for it. */
struct look {
    unsigned n_tries; /* to find it waiting since it told */
    uint64_t next_ns; /* until it is looked for untold */
};

/* Whether the child waits for an answer. MT_EVENT_INTERRUPTED: it does not. */
static enum mt_event look_if_parked(struct mt_machine *machine)
{
    long n = move(machine, MT_TO_WORD, MT_TO_PARKED);
    machine->is_parked = n == 1;
    machine->has_told &= !machine->is_parked;
    if (n < 0)
        return MT_EVENT_FAILED;
    return machine->is_parked ? MT_EVENT_PARKED : MT_EVENT_INTERRUPTED;
}

/* One step of a wait for the child. MT_EVENT_INTERRUPTED: another, or not. */
static enum mt_event look_once(struct mt_machine *machine, struct look *look, uint64_t left_ns)
{
    take_word(machine);
    if (machine->has_told) {
        enum mt_event event = look_if_parked(machine);
        if (event != MT_EVENT_INTERRUPTED)
            return event;
        let_it_wait(machine, look->n_tries++);
        return look->n_tries % N_YIELDS == 0 && is_gone(machine) ? MT_EVENT_DIED
                                                                 : MT_EVENT_INTERRUPTED;
    }
    int failure = sleep_until_told(machine, left_ns < look->next_ns ? left_ns : look->next_ns);
    if (failure == ETIMEDOUT) {
        look->next_ns = look->next_ns < LAST_LOOK_NS ? 2 * look->next_ns : LAST_LOOK_NS;
        if (is_gone(machine))
            return MT_EVENT_DIED;
        return look_if_parked(machine);
    }
    errno = failure;
    return failure == 0 || failure == EAGAIN || failure == EINTR ? MT_EVENT_INTERRUPTED
                                                                 : MT_EVENT_FAILED;
}

static enum mt_event receive_until(struct mt_machine *machine, uint64_t end_ns)
{
    struct look look = {.next_ns = FIRST_LOOK_NS};
    for (;;) {
        uint64_t now = mt_clock_ns();
        errno = 0;
        enum mt_event event = look_once(machine, &look, now < end_ns ? end_ns - now : 0);
        if (event != MT_EVENT_INTERRUPTED || errno == EINTR || now >= end_ns)
            return event;
    }
}

static enum mt_event receive(struct mt_machine *machine)
{
    return receive_until(machine, UINT64_MAX);
}

static bool is_still_waiting(struct mt_machine *machine)
{
    return move(machine, MT_TO_PARKED, MT_TO_PARKED) == 1;
}

const struct mt_waiting mt_waiting_by_futex = {.name = "futex",
                                               .n_descriptors = 2,
                                               .answer = answer,
                                               .receive = receive,
                                               .receive_until = receive_until,
                                               .is_still_waiting = is_still_waiting};
