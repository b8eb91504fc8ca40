/* SPDX-License-Identifier: Apache-2.0 */
/* The script of children: what every one of them does, in this order. */
#include "host/driver/process/stub_script.h"

#include "host/driver/process/stub_calls.h"
#include "host/driver/process/stub_filter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#define TICK_US 10000
#define OTHER_CALLS 24 /* more than there are besides those of the plan */

struct stub_child_call {
    uint32_t number;
    uint32_t step; /* enum mt_stub_step, for the host */
    int64_t arguments[6];
    int64_t result;
};

_Static_assert(sizeof(struct stub_child_call) == MT_CHILD_CALL_BYTES &&
                   offsetof(struct stub_child_call, number) == MT_CHILD_CALL_NUMBER &&
                   offsetof(struct stub_child_call, step) == MT_CHILD_CALL_STEP &&
                   offsetof(struct stub_child_call, arguments) == MT_CHILD_CALL_ARGUMENTS &&
                   offsetof(struct stub_child_call, result) == MT_CHILD_CALL_RESULT,
               "stub_child.S reads these");

struct script {
    struct stub_child_call calls[MT_ZYGOTE_MAX_MAPPINGS + OTHER_CALLS];
    unsigned n_calls;
    int n_descriptors; /* that the child has by then */
};

/* Of a child as it is made first, and of one whose writes are tracked. */
static struct script plain;
static struct script tracked;

static void add(struct script *script, uint32_t step, int64_t result, uint32_t number, int64_t a,
                int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)
{
    script->calls[script->n_calls++] =
        (struct stub_child_call){number, step, {a, b, c, d, e, f}, result};
}

/* ---- Memory ---- */

static void add_map(struct script *script, uint64_t start, uint64_t len_bytes, uint32_t protection,
                    uint64_t file_offset)
{
    add(script, MT_STEP_MAP_PRIVATE, (int64_t)start, SYS_mmap, (int64_t)start, (int64_t)len_bytes,
        protection, MAP_SHARED | MAP_FIXED, MT_CHILD_MEMORY, (int64_t)file_offset);
}

static void add_maps(struct script *script, const struct mt_stub_plan *plan, bool is_tracked)
{
    uint64_t control = plan->control_offset + (is_tracked ? MT_PROCESS_CONTROL_BYTES : 0);
    for (uint64_t i = 0; i < plan->n_mappings && i < MT_ZYGOTE_MAX_MAPPINGS; i++) {
        const struct mt_stub_mapping *mapping = &plan->mappings[i];
        if (mapping->is_private)
            add_map(script, mapping->start, mapping->len_bytes, mapping->protection,
                    mapping->file_offset);
    }
    add_map(script, MT_PROCESS_TO, MT_PROCESS_TO_BYTES, PROT_READ, control);
    add_map(script, MT_PROCESS_FROM, MT_PROCESS_FROM_BYTES, PROT_READ | PROT_WRITE,
            control + MT_PROCESS_TO_BYTES);
}

/* ---- The listener ---- */

/* A kernel that does not know a flag says so before it looks for a program. */
static long listener_flags(void)
{
    const long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long result = stub_call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, 0);
    return result == -EINVAL ? SECCOMP_FILTER_FLAG_NEW_LISTENER : flags;
}

/* The new descriptor that a call is to return: each gets the next number. */
static int next_descriptor(struct script *script)
{
    return script->n_descriptors++;
}

static void add_listener(struct script *script)
{
    static struct sock_fprog program;
    program = stub_child_program();
    add(script, MT_STEP_FILTER, next_descriptor(script), SYS_seccomp, SECCOMP_SET_MODE_FILTER,
        listener_flags(), stub_address(&program), 0, 0, 0);
}

/* The other processes of the user may look into the child as long as it is dumpable, as they may
 * look into the host. It has no guest yet. */
static void add_tracking(struct script *script)
{
    add(script, MT_STEP_USERFAULTFD, next_descriptor(script), SYS_userfaultfd,
        O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY, 0, 0, 0, 0, 0);
    add(script, MT_STEP_DUMPABLE, 0, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0, 0);
    add(script, MT_STEP_PAGEMAP, next_descriptor(script), SYS_openat, AT_FDCWD,
        stub_address("/proc/self/pagemap"), O_RDONLY | O_CLOEXEC, 0, 0, 0);
    add(script, MT_STEP_DUMPABLE, 0, SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0, 0);
}

static struct {
    char control[CMSG_SPACE(MT_CHILD_MAX_SENT * sizeof(int))]
        __attribute__((aligned(sizeof(size_t))));
    struct msghdr head;
} messages[2];

/* What is sent is the host's already: the child lends it a place in memory. */
static void add_message(struct script *script, bool is_tracked)
{
    static const int fds[MT_CHILD_MAX_SENT] = {MT_CHILD_SELF, MT_CHILD_SELF + 1, MT_CHILD_SELF + 2,
                                               MT_CHILD_SELF + 3};
    static struct iovec part = {(void *)(MT_PROCESS_FROM + MT_FROM_ANSWER),
                                sizeof(struct mt_stub_answer)};
    const size_t fds_bytes = (size_t)(script->n_descriptors - MT_CHILD_SELF) * sizeof(fds[0]);
    const struct cmsghdr head = {.cmsg_len = (socklen_t)CMSG_LEN(fds_bytes),
                                 .cmsg_level = SOL_SOCKET,
                                 .cmsg_type = SCM_RIGHTS};
    char *control = messages[is_tracked].control;
    __builtin_memcpy(control, &head, sizeof(head));
    __builtin_memcpy(control + CMSG_LEN(0), fds, fds_bytes);
    messages[is_tracked].head = (struct msghdr){.msg_iov = &part,
                                                .msg_iovlen = 1,
                                                .msg_control = control,
                                                .msg_controllen = (socklen_t)CMSG_SPACE(fds_bytes)};
    add(script, MT_STEP_HAND_OVER, sizeof(struct mt_stub_answer), SYS_sendmsg, MT_ZYGOTE_CHANNEL,
        stub_address(&messages[is_tracked].head), MSG_NOSIGNAL, 0, 0, 0);
}

static void add_close(struct script *script, bool has_close_range)
{
    if (has_close_range) {
        add(script, MT_STEP_HAND_OVER, 0, SYS_close_range, 0, UINT32_MAX, 0, 0, 0, 0);
        return;
    }
    for (int fd = 0; fd < script->n_descriptors; fd++)
        add(script, MT_STEP_HAND_OVER, 0, SYS_close, fd, 0, 0, 0, 0, 0);
}

/* The zygote is where the host was when it asked; a child goes where calls come from. */
static void add_processors(struct script *script)
{
    static unsigned char all[STUB_PROCESSORS_BYTES];
    for (unsigned i = 0; i < sizeof(all); i++)
        all[i] = 0xFF;
    add(script, MT_STEP_PROCESSORS, 0, SYS_sched_setaffinity, 0, sizeof(all), stub_address(all), 0,
        0, 0);
}

static void write_script(struct script *script, const struct stub_facts *facts, bool is_tracked)
{
    static const struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
    script->n_descriptors = MT_CHILD_SELF + 1;
    add(script, MT_STEP_PARENT_DEATH, 0, SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    add(script, MT_STEP_PARENT_DEATH, facts->zygote, SYS_getppid, 0, 0, 0, 0, 0, 0);
    add(script, MT_STEP_PARENT_DEATH, 0, SYS_prctl, PR_SET_NAME, stub_address("mote-guest"), 0, 0,
        0, 0);
    add_maps(script, facts->plan, is_tracked);
    add(script, MT_STEP_TICK, 0, SYS_setitimer, ITIMER_PROF, stub_address(&tick), 0, 0, 0, 0);
    if (facts->can_move)
        add_processors(script);
    if (!facts->plan->waits_by_futex)
        add_listener(script);
    if (is_tracked)
        add_tracking(script);
    add_message(script, is_tracked);
    add_close(script, facts->has_close_range);
    add(script, MT_STEP_HAND_OVER, 0, SYS_munmap, MT_PROCESS_SETUP, MT_PROCESS_SETUP_BYTES, 0, 0, 0,
        0);
}

void stub_write_scripts(const struct stub_facts *facts)
{
    write_script(&plain, facts, false);
    write_script(&tracked, facts, true);
}

const struct stub_child_call *stub_script(bool is_tracked)
{
    return is_tracked ? tracked.calls : plain.calls;
}
