/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two filters of a child. The zygote puts the first over itself, once: at the place of the
 * waiting call that call is allowed, in the zygote's own code what zygote and new child have to do,
 * and nothing anywhere else. When a child has unmapped that code, the waiting call is left. The
 * second is each child's own, since a listener belongs to a filter: it reports every call that is
 * not of the zygote's code. Of the answers of both the kernel takes the stricter one (seccomp(2)),
 * so that the waiting call is reported, and all else is trapped. What costs time in a filter is to
 * make it: the second has four instructions.
 *
 * Where no listener can be had there is no second one, and the first allows one call more: by it a
 * child tells its host that it is about to wait. A guest that makes either call wakes its host,
 * which then finds nobody waiting, or waits as it would anyway.
 *
 * A call is told by architecture, place, number and arguments. The place is the address behind the
 * instruction.
 */
#include "host/driver/process/stub_filter.h"

#include "host/driver/process/stub_layout.h"
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#define FIELD(member) ((uint32_t)offsetof(struct seccomp_data, member))
#define LOW(member) FIELD(member)
#define HIGH(member) (FIELD(member) + 4)

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
/* Go on when the loaded word is this one, or else trap. */
#define DEMAND(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0), RETURN(SECCOMP_RET_TRAP)
/* Skip n instructions when the loaded word is another one. */
#define WHEN(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n)

#define DEMAND_FIELD(offset, value) LOAD(offset), DEMAND(value)
#define DEMAND_ARGUMENT(index, high, low) \
    DEMAND_FIELD(LOW(args[index]), low), DEMAND_FIELD(HIGH(args[index]), high)

#define PLACE(offset) (MT_STUB_PAGE + (offset))

/* Architecture and place, whose low half stays loaded. */
#define PROLOGUE \
    DEMAND_FIELD(FIELD(arch), AUDIT_ARCH_X86_64), DEMAND_FIELD(HIGH(instruction_pointer), 0), \
        LOAD(LOW(instruction_pointer))

/* By futex: the host, and nobody else, is woken. */
#define TELLING \
    DEMAND_FIELD(FIELD(nr), SYS_futex), DEMAND_ARGUMENT(0, 0, MT_PROCESS_FROM + MT_FROM_HAS_TOLD), \
        DEMAND_ARGUMENT(1, 0, FUTEX_WAKE), DEMAND_ARGUMENT(2, 0, 1), DEMAND_ARGUMENT(3, 0, 0), \
        DEMAND_ARGUMENT(4, 0, 0), DEMAND_ARGUMENT(5, 0, 0), RETURN(SECCOMP_RET_ALLOW)

#define WAITING \
    DEMAND_FIELD(FIELD(nr), SYS_futex), DEMAND_ARGUMENT(0, 0, MT_PROCESS_TO + MT_TO_WORD), \
        DEMAND_ARGUMENT(1, 0, FUTEX_WAIT), DEMAND_ARGUMENT(2, 0, 0), DEMAND_ARGUMENT(3, 0, 0), \
        DEMAND_ARGUMENT(4, 0, 0), DEMAND_ARGUMENT(5, 0, 0), RETURN(SECCOMP_RET_ALLOW)
#define N_CALL 40 /* instructions of each */

#define ALLOW(number) WHEN(number, 1), RETURN(SECCOMP_RET_ALLOW)

/* What zygote and new child have to do, besides. */
#define REST \
    WHEN(PLACE(MT_KEEP_STOPPED), 1), RETURN(SECCOMP_RET_KILL_PROCESS), \
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, MT_PROCESS_SETUP, 1, 0), RETURN(SECCOMP_RET_TRAP), \
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, MT_PROCESS_END, 0, 1), RETURN(SECCOMP_RET_TRAP), \
        LOAD(FIELD(nr)), OF_ZYGOTE, OF_BOTH, OF_CHILD, RETURN(SECCOMP_RET_TRAP)
#define OF_ZYGOTE ALLOW(SYS_poll), ALLOW(SYS_recvmsg), ALLOW(SYS_clone)
#define OF_BOTH \
    ALLOW(SYS_close), ALLOW(SYS_sched_setaffinity), ALLOW(SYS_sendto), ALLOW(SYS_exit_group)
#define OF_CHILD \
    ALLOW(SYS_getpid), ALLOW(SYS_getppid), ALLOW(SYS_pidfd_open), ALLOW(SYS_prctl), \
        ALLOW(SYS_mmap), ALLOW(SYS_setitimer), ALLOW(SYS_seccomp), ALLOW(SYS_userfaultfd), \
        ALLOW(SYS_openat), ALLOW(SYS_sendmsg), ALLOW(SYS_close_range), ALLOW(SYS_munmap)

static struct sock_filter zygote[] = {
    PROLOGUE,
    WHEN(PLACE(MT_KEEP_RESUME), N_CALL),
    WAITING,
    REST,
};

static struct sock_filter zygote_by_futex[] = {
    PROLOGUE, WHEN(PLACE(MT_KEEP_RESUME), N_CALL),
    WAITING,  WHEN(PLACE(MT_KEEP_TOLD), N_CALL),
    TELLING,  REST,
};

static struct sock_filter child[] = {
    LOAD(LOW(instruction_pointer)),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, MT_PROCESS_SETUP, 0, 1),
    RETURN(SECCOMP_RET_ALLOW),
    RETURN(SECCOMP_RET_USER_NOTIF),
};

struct sock_fprog stub_zygote_program(bool waits_by_futex)
{
    if (waits_by_futex)
        return (struct sock_fprog){sizeof(zygote_by_futex) / sizeof(zygote_by_futex[0]),
                                   zygote_by_futex};
    return (struct sock_fprog){sizeof(zygote) / sizeof(zygote[0]), zygote};
}

struct sock_fprog stub_child_program(void)
{
    return (struct sock_fprog){sizeof(child) / sizeof(child[0]), child};
}
