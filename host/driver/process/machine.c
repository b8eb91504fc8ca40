/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines: a file of memory, mapped here and in the child, and the child. The file holds the
 * private memory, then what the child resumes from, then what it leaves for us.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Kernels from 6.6 on: wake the other side on the processor of the one that goes to sleep. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ul

#define CONTROL_BYTES (MT_PROCESS_TO_BYTES + MT_PROCESS_FROM_BYTES)

/* ---- Memory ---- */

/* One range of addresses: guard, private memory, guard, control pages, guard. Nothing is populated:
 * a page that only one side touches costs that side's fault, and one that both touch a fault of
 * each either way. */
static mote_status map_memory(struct mt_machine *machine, int fd, mote_error *err)
{
    const int rw = PROT_READ | PROT_WRITE;
    uint64_t len_bytes = machine->prepared->private_len_bytes;
    size_t reserved_bytes = len_bytes + CONTROL_BYTES + 3 * MT_PAGE_BYTES;
    void *reserved =
        mmap(NULL, reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of guest memory");
    machine->reserved = reserved;
    machine->reserved_bytes = reserved_bytes;
    machine->private_memory = machine->reserved + MT_PAGE_BYTES;
    machine->to = machine->private_memory + len_bytes + MT_PAGE_BYTES;
    machine->from = machine->to + MT_PROCESS_TO_BYTES;
    if (len_bytes > 0 &&
        mmap(machine->private_memory, len_bytes, rw, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of guest memory");
    if (mmap(machine->to, CONTROL_BYTES, rw, MAP_SHARED | MAP_FIXED, fd, (off_t)len_bytes) ==
        MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of the control pages");
    if (madvise(reserved, reserved_bytes, MADV_DONTFORK) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTFORK)");
    return MOTE_OK;
}

/* ---- The child ---- */

static mote_status ask_for_child(struct mt_machine *machine, int fd, mote_error *err)
{
    struct mt_process_prepared *prepared = machine->prepared;
    int fds[2] = {-1, -1};
    pthread_mutex_lock(&prepared->lock);
    const struct mt_stub_request request = {.sequence = ++prepared->n_requests,
                                            .processor = (uint64_t)sched_getcpu()};
    const struct mt_stub_answer ready = {.sequence = request.sequence};
    memcpy(machine->from + MT_FROM_ANSWER, &ready, sizeof(ready));
    int channel = prepared->zygote.channel;
    mote_status status = mt_channel_send(channel, &request, sizeof(request), fd, err);
    if (status == MOTE_OK)
        status = mt_channel_receive(channel, request.sequence, fds, err);
    pthread_mutex_unlock(&prepared->lock);
    machine->listener = fds[0];
    machine->child = fds[1];
    if (status == MOTE_OK && (fds[0] < 0 || fds[1] < 0))
        return mt_fail(err, MOTE_E_SYSTEM, "a child came without its descriptors");
    return status;
}

/* A guest that could not be stopped is not let run. */
static mote_status make_child(struct mt_machine *machine, int fd, mote_error *err)
{
    mote_status status = ask_for_child(machine, fd, err);
    if (status != MOTE_OK)
        return status;
    if (syscall(SYS_pidfd_send_signal, machine->child, 0, NULL, 0) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "pidfd_send_signal to the child");
    ioctl(machine->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
    return MOTE_OK;
}

static mote_status fill(struct mt_machine *machine, mote_error *err)
{
    int fd;
    mote_status status = mt_process_make_file(
        "mote-memory", machine->prepared->private_len_bytes + CONTROL_BYTES, &fd, err);
    if (status != MOTE_OK)
        return status;
    status = map_memory(machine, fd, err);
    if (status == MOTE_OK)
        status = make_child(machine, fd, err);
    close(fd);
    return status;
}

mote_status mt_process_create(void *opaque, struct mt_machine **out, struct mt_window *window,
                              mote_error *err)
{
    struct mt_process_prepared *prepared = opaque;
    struct mt_machine *machine = mt_alloc_zero(&prepared->allocator, sizeof(*machine));
    if (machine == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a machine");
    machine->prepared = prepared;
    machine->listener = -1;
    machine->child = -1;
    mote_status status = fill(machine, err);
    if (status != MOTE_OK) {
        mt_process_destroy(machine, false);
        return status;
    }
    *out = machine;
    *window = (struct mt_window){.host = machine->private_memory,
                                 .start = prepared->private_start,
                                 .len_bytes = prepared->private_len_bytes};
    return MOTE_OK;
}

/* The zygote's children leave no zombie: nobody has to wait for them. */
void mt_process_destroy(struct mt_machine *machine, bool is_copy)
{
    if (machine == NULL)
        return;
    if (machine->child >= 0) {
        if (!is_copy)
            syscall(SYS_pidfd_send_signal, machine->child, SIGKILL, NULL, 0);
        close(machine->child);
    }
    if (machine->listener >= 0)
        close(machine->listener);
    if (machine->reserved != NULL && !is_copy)
        munmap(machine->reserved, machine->reserved_bytes);
    mt_release(&machine->prepared->allocator, machine);
}
