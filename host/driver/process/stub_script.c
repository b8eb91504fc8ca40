/* SPDX-License-Identifier: Apache-2.0 */
/* The script of children: what every one of them does, in this order. */
#include "host/driver/process/stub_script.h"

#include "host/driver/process/stub_calls.h"
#include "host/driver/process/stub_filter.h"
#include <errno.h>
#include <linux/seccomp.h>
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

struct child_call {
    uint32_t number;
    uint32_t step; /* enum mt_stub_step, for the host */
    int64_t arguments[6];
    int64_t result;
};

_Static_assert(sizeof(struct child_call) == MT_CHILD_CALL_BYTES &&
                   offsetof(struct child_call, number) == MT_CHILD_CALL_NUMBER &&
                   offsetof(struct child_call, step) == MT_CHILD_CALL_STEP &&
                   offsetof(struct child_call, arguments) == MT_CHILD_CALL_ARGUMENTS &&
                   offsetof(struct child_call, result) == MT_CHILD_CALL_RESULT,
               "stub_child.S reads these");

/* Read by stub_child.S. */
struct child_call stub_script[MT_ZYGOTE_MAX_MAPPINGS + OTHER_CALLS]
    __attribute__((visibility("hidden")));

static unsigned n_calls;

static void add(uint32_t step, int64_t result, uint32_t number, int64_t a, int64_t b, int64_t c,
                int64_t d, int64_t e, int64_t f)
{
    stub_script[n_calls++] = (struct child_call){number, step, {a, b, c, d, e, f}, result};
}

/* ---- Memory ---- */

static void add_map(uint64_t start, uint64_t len_bytes, uint32_t protection, uint64_t file_offset)
{
    add(MT_STEP_MAP_PRIVATE, (int64_t)start, SYS_mmap, (int64_t)start, (int64_t)len_bytes,
        protection, MAP_SHARED | MAP_FIXED, MT_CHILD_MEMORY, (int64_t)file_offset);
}

static void add_maps(const struct mt_stub_plan *plan)
{
    for (uint64_t i = 0; i < plan->n_mappings && i < MT_ZYGOTE_MAX_MAPPINGS; i++) {
        const struct mt_stub_mapping *mapping = &plan->mappings[i];
        if (mapping->is_private)
            add_map(mapping->start, mapping->len_bytes, mapping->protection, mapping->file_offset);
    }
    add_map(MT_PROCESS_TO, MT_PROCESS_TO_BYTES, PROT_READ, plan->control_offset);
    add_map(MT_PROCESS_FROM, MT_PROCESS_FROM_BYTES, PROT_READ | PROT_WRITE,
            plan->control_offset + MT_PROCESS_TO_BYTES);
}

/* ---- The listener ---- */

/* A kernel that does not know a flag says so before it looks for a program. */
static long listener_flags(void)
{
    const long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long result = stub_call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, 0);
    return result == -EINVAL ? SECCOMP_FILTER_FLAG_NEW_LISTENER : flags;
}

static void add_listener(void)
{
    static struct sock_fprog program;
    program = stub_child_program();
    add(MT_STEP_FILTER, MT_CHILD_LISTENER, SYS_seccomp, SECCOMP_SET_MODE_FILTER, listener_flags(),
        stub_address(&program), 0, 0, 0);
}

static void add_message(void)
{
    static union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr head;
    } control;
    static struct iovec part;
    static struct msghdr message;
    const int fds[2] = {MT_CHILD_LISTENER, MT_CHILD_SELF};
    control.head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(fds)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    __builtin_memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
    part =
        (struct iovec){(void *)(MT_PROCESS_FROM + MT_FROM_ANSWER), sizeof(struct mt_stub_answer)};
    message = (struct msghdr){.msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control)};
    add(MT_STEP_HAND_OVER, sizeof(struct mt_stub_answer), SYS_sendmsg, MT_ZYGOTE_CHANNEL,
        stub_address(&message), MSG_NOSIGNAL, 0, 0, 0);
}

static void add_close(bool has_close_range)
{
    if (has_close_range) {
        add(MT_STEP_HAND_OVER, 0, SYS_close_range, 0, UINT32_MAX, 0, 0, 0, 0);
        return;
    }
    for (int fd = 0; fd <= MT_CHILD_LISTENER; fd++)
        add(MT_STEP_HAND_OVER, 0, SYS_close, fd, 0, 0, 0, 0, 0);
}

/* The zygote is where the host was when it asked; a child goes where calls come from. */
static void add_processors(void)
{
    static unsigned char all[STUB_PROCESSORS_BYTES];
    for (unsigned i = 0; i < sizeof(all); i++)
        all[i] = 0xFF;
    add(MT_STEP_PROCESSORS, 0, SYS_sched_setaffinity, 0, sizeof(all), stub_address(all), 0, 0, 0);
}

void stub_write_script(const struct stub_facts *facts)
{
    static const struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
    n_calls = 0;
    add(MT_STEP_PARENT_DEATH, 0, SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    add(MT_STEP_PARENT_DEATH, facts->zygote, SYS_getppid, 0, 0, 0, 0, 0, 0);
    add(MT_STEP_PARENT_DEATH, 0, SYS_prctl, PR_SET_NAME, stub_address("mote-guest"), 0, 0, 0, 0);
    add_maps(facts->plan);
    add(MT_STEP_TICK, 0, SYS_setitimer, ITIMER_PROF, stub_address(&tick), 0, 0, 0, 0);
    if (facts->can_move)
        add_processors();
    add_listener();
    add_message();
    add_close(facts->has_close_range);
    add(MT_STEP_HAND_OVER, 0, SYS_munmap, MT_PROCESS_SETUP, MT_PROCESS_SETUP_BYTES, 0, 0, 0, 0);
}
