/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines: a file of memory, mapped here and in the child, and the child. The file holds the
 * private memory, then what the child resumes from, then what it leaves for us.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include "host/os/process.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the first child, and of one whose writes are tracked. */
#define CONTROL_BYTES (2 * MT_PROCESS_CONTROL_BYTES)

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
    if (madvise(reserved, reserved_bytes, MADV_DONTDUMP) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTDUMP)");
    return MOTE_OK;
}

/* ---- The child ---- */

/* What the zygote sends of a child; -1 where it sent nothing. */
struct child {
    int self; /* pidfd */
    int listener;
    int faults;
    int pagemap;
    pid_t pid;
};

static const struct child no_child = {-1, -1, -1, -1, 0};

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void close_child(const struct child *child)
{
    close_fd(child->self);
    close_fd(child->listener);
    close_fd(child->faults);
    close_fd(child->pagemap);
}

/* (lock) */
static mote_status ask_once(struct mt_machine *machine, bool is_tracked,
                            struct mt_channel_answer *answer, mote_error *err)
{
    struct mt_process_prepared *prepared = machine->prepared;
    const struct mt_stub_request request = {.sequence = ++prepared->n_requests,
                                            .processor = (uint64_t)sched_getcpu(),
                                            .is_tracked = is_tracked};
    const struct mt_stub_answer ready = {.sequence = request.sequence};
    const uint32_t is_futex = prepared->waiting == &mt_waiting_by_futex;
    memcpy(machine->from + MT_FROM_ANSWER, &ready, sizeof(ready));
    memcpy(machine->to + MT_TO_IS_FUTEX, &is_futex, sizeof(is_futex));
    int channel = prepared->zygote.channel;
    mote_status status = mt_channel_send(channel, &request, sizeof(request), machine->memory, err);
    return status != MOTE_OK ? status : mt_channel_receive(channel, request.sequence, answer, err);
}

/* Of another process is the zygote that a forked child inherited: both would hear the answers to
 * both, and its children end with its host. Of none is one that could not be made. */
static mote_status have_own_zygote(struct mt_process_prepared *prepared, mote_error *err)
{
    if (mt_process_is(prepared->zygote.process_mark))
        return MOTE_OK;
    return mt_process_renew_zygote(prepared, err);
}

/* Whether a child could not have a listener: one is above this process already, the kernel is too
 * old, or somebody forbids it. Want of memory is no such reason. */
static bool is_listener_refused(const struct mt_channel_answer *answer)
{
    static const int refusals[] = {EBUSY, EINVAL, EPERM, EACCES, ENOSYS};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (answer->failed == MT_STEP_FILTER && answer->os_errno == refusals[i])
            return true;
    }
    return false;
}

/* (lock) A zygote that somebody killed is made anew, once, and so is one whose children cannot have
 * what they are told to. */
static mote_status ask(struct mt_machine *machine, bool is_tracked,
                       struct mt_channel_answer *answer, mote_error *err)
{
    struct mt_process_prepared *prepared = machine->prepared;
    mote_status status = have_own_zygote(prepared, err);
    if (status == MOTE_OK)
        status = ask_once(machine, is_tracked, answer, err);
    if (status == MOTE_OK)
        return MOTE_OK;
    if (is_listener_refused(answer) && prepared->waiting == &mt_waiting_by_notification)
        status = mt_process_wait_by_futex(prepared, err);
    else if (mt_process_is_zygote_gone(&prepared->zygote))
        status = mt_process_renew_zygote(prepared, err);
    else
        return status;
    return status != MOTE_OK ? status : ask_once(machine, is_tracked, answer, err);
}

/* Descriptors come in the order of their numbers: of the child, its listener, then those by which
 * its writes are tracked. A thread that is cancelled as it waits must not leave the lock taken. */
static mote_status ask_for_child(struct mt_machine *machine, bool is_tracked, struct child *out,
                                 mote_error *err)
{
    struct mt_channel_answer answer = {.fds = {-1, -1, -1, -1}};
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_mutex_lock(&machine->prepared->lock);
    mote_status status = ask(machine, is_tracked, &answer, err);
    bool has_listener = machine->prepared->waiting == &mt_waiting_by_notification;
    pthread_mutex_unlock(&machine->prepared->lock);
    pthread_setcancelstate(cancel_state, NULL);
    const int *next = answer.fds;
    out->self = *next++;
    out->listener = has_listener ? *next++ : -1;
    out->faults = *next++;
    out->pagemap = *next;
    out->pid = answer.sender;
    bool is_whole = out->self >= 0 && (has_listener ? out->listener >= 0 : out->pid > 0) &&
                    (!is_tracked || out->pagemap >= 0);
    if (status == MOTE_OK && !is_whole)
        return mt_fail(err, MOTE_E_SYSTEM, "a child came without its descriptors");
    return status;
}

static void kill_child(int pidfd)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* A futex's wake-up says nothing of where to wake: a thread that is bound to some processors finds
 * its child there. Where that is forbidden the child goes where the system sends it. */
static void bind_as_we_are(const struct mt_machine *machine)
{
    cpu_set_t ours;
    if (machine->prepared->waiting == &mt_waiting_by_futex &&
        sched_getaffinity(0, sizeof(ours), &ours) == 0)
        (void)sched_setaffinity(machine->pid, sizeof(ours), &ours);
}

/* A guest that could not be stopped is not let run. */
static mote_status make_child(struct mt_machine *machine, bool is_tracked, mote_error *err)
{
    struct child child = no_child;
    mote_status status = ask_for_child(machine, is_tracked, &child, err);
    if (status == MOTE_OK && syscall(SYS_pidfd_send_signal, child.self, 0, NULL, 0) != 0)
        status = mt_fail_errno(err, MOTE_E_SYSTEM, errno, "pidfd_send_signal to the child");
    if (status != MOTE_OK) {
        if (child.self >= 0)
            kill_child(child.self);
        close_child(&child); /* without a listener it ends, and with its zygote at the latest */
        return status;
    }
    machine->child = child.self;
    machine->listener = child.listener;
    machine->pid = child.pid;
    bind_as_we_are(machine);
    mt_process_spin(machine, machine->spin_ns);
    machine->faults = child.faults;
    machine->pagemap = child.pagemap;
    machine->is_spinning = false;
    machine->has_arrived = false;
    machine->is_parked = false;
    machine->has_told = false;
    machine->is_answer_lost = false;
    return MOTE_OK;
}

static struct child child_of(const struct mt_machine *machine)
{
    return (struct child){machine->child, machine->listener, machine->faults, machine->pagemap,
                          machine->pid};
}

mote_status mt_process_replace_child(struct mt_machine *machine, mote_error *err)
{
    const struct mt_machine before = *machine;
    uint64_t cpu_time_ns = mt_process_cpu_time_ns(machine);
    machine->to += MT_PROCESS_CONTROL_BYTES;
    machine->from += MT_PROCESS_CONTROL_BYTES;
    machine->resume_id = 0;
    machine->has_wide_vectors = false;
    machine->may_hold_frames = true;
    mote_status status = make_child(machine, true, err);
    if (status != MOTE_OK) {
        *machine = before;
        return status;
    }
    bool has_arrived = mt_process_park(machine);
    const struct child unwanted = child_of(has_arrived ? &before : machine);
    kill_child(unwanted.self);
    close_child(&unwanted);
    if (!has_arrived) {
        *machine = before;
        return mt_fail(err, MOTE_E_SYSTEM, "a child whose writes can be tracked did not arrive");
    }
    machine->cpu_time_before_ns = cpu_time_ns;
    return MOTE_OK;
}

static mote_status fill(struct mt_machine *machine, mote_error *err)
{
    mote_status status = mt_process_make_file(
        "mote-memory", machine->prepared->private_len_bytes + CONTROL_BYTES, &machine->memory, err);
    if (status == MOTE_OK)
        status = map_memory(machine, machine->memory, err);
    if (status == MOTE_OK)
        status = make_child(machine, false, err);
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
    machine->memory = -1;
    machine->child = -1;
    machine->listener = -1;
    machine->faults = -1;
    machine->pagemap = -1;
    machine->may_hold_frames = true;
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
    const struct child child = child_of(machine);
    if (child.self >= 0 && !is_copy)
        kill_child(child.self);
    close_child(&child);
    close_fd(machine->memory);
    if (machine->reserved != NULL && !is_copy)
        munmap(machine->reserved, machine->reserved_bytes);
    mt_release(&machine->prepared->allocator, machine);
}
