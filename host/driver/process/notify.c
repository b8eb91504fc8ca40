/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting by seccomp's user notification. The kernel holds the child in its call until it is
 * answered, and says so: two system calls a round.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include "host/os/clock.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* It may be gone: older kernels break it off for a signal, and the child waits again. */
static mote_status answer(struct mt_machine *machine, bool *is_lost, mote_error *err)
{
    struct seccomp_notif_resp response = {.id = machine->notification_id};
    int result;
    do {
        machine->n_system_calls++;
        result = ioctl(machine->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno != ENOENT)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "SECCOMP_IOCTL_NOTIF_SEND");
    *is_lost = result != 0;
    return MOTE_OK;
}

static bool is_gone(struct mt_machine *machine)
{
    struct pollfd listener = {machine->listener, POLLIN, 0};
    machine->n_system_calls++;
    return poll(&listener, 1, 0) == 1 && (listener.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* The filter lets nothing else through; a kernel that says otherwise is not believed. */
static bool is_the_wait(const struct seccomp_notif *notification)
{
    return notification->data.instruction_pointer == MT_STUB_PAGE + MT_KEEP_RESUME &&
           notification->data.nr == SYS_futex && notification->data.arch == AUDIT_ARCH_X86_64;
}

/* FAILED with ENOENT: a signal broke off the wait that was there, or the child died. */
static enum mt_event receive_once(struct mt_machine *machine)
{
    struct seccomp_notif notification;
    memset(&notification, 0, sizeof(notification));
    machine->n_system_calls++;
    if (ioctl(machine->listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0)
        return errno == EINTR ? MT_EVENT_INTERRUPTED : MT_EVENT_FAILED;
    machine->notification_id = notification.id;
    machine->pid = (pid_t)notification.pid;
    machine->is_parked = is_the_wait(&notification);
    return machine->is_parked ? MT_EVENT_PARKED : MT_EVENT_DIED;
}

static enum mt_event receive(struct mt_machine *machine)
{
    for (;;) {
        enum mt_event event = receive_once(machine);
        if (event != MT_EVENT_FAILED || errno != ENOENT)
            return event;
        if (is_gone(machine))
            return MT_EVENT_DIED;
    }
}

/* Where the wait that was seen is no more, another call might sleep on: who waits looks again. */
static enum mt_event receive_until(struct mt_machine *machine, uint64_t end_ns)
{
    struct pollfd listener = {machine->listener, POLLIN, 0};
    uint64_t now = mt_clock_ns();
    const struct timespec timeout = mt_clock_timeout(now < end_ns ? end_ns - now : 0);
    machine->n_system_calls++;
    int n = ppoll(&listener, 1, &timeout, NULL);
    if (n == 0 || (n < 0 && errno == EINTR))
        return MT_EVENT_INTERRUPTED;
    if (n < 0)
        return MT_EVENT_FAILED;
    if (!(listener.revents & POLLIN))
        return MT_EVENT_DIED;
    enum mt_event event = receive_once(machine);
    return event == MT_EVENT_FAILED && errno == ENOENT ? MT_EVENT_INTERRUPTED : event;
}

static bool is_still_waiting(struct mt_machine *machine)
{
    machine->n_system_calls++;
    return ioctl(machine->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &machine->notification_id) == 0;
}

const struct mt_waiting mt_waiting_by_notification = {.name = "seccomp notification",
                                                      .n_descriptors = 3,
                                                      .answer = answer,
                                                      .receive = receive,
                                                      .receive_until = receive_until,
                                                      .is_still_waiting = is_still_waiting};
