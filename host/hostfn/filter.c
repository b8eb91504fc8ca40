/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter over the worker (seccomp(2)). What it allows makes no notification, whatever function
 * runs; everything else is reported, system calls of other architectures and of x32 too, whose
 * numbers are none of these.
 *
 * Of descriptor and request the kernel takes the low 32 bits (write(2), ioctl(2)), and so does the
 * filter. Both are values in registers, not in memory: no other thread can change them meanwhile.
 */
#include "host/hostfn/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIELD(member) ((uint32_t)offsetof(struct seccomp_data, member))
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
/* Skip n instructions when the loaded word is another one. */
#define WHEN(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n)
#define ALLOW(value) WHEN(value, 1), RETURN(SECCOMP_RET_ALLOW)

static struct sock_filter program[] = {
    LOAD(FIELD(arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
    RETURN(SECCOMP_RET_USER_NOTIF),
    LOAD(FIELD(nr)),
    /* What Hyperlight 0.1 allows. */
    ALLOW(SYS_futex),
    ALLOW(SYS_sched_yield),
    ALLOW(SYS_munmap),
    ALLOW(SYS_madvise),
    ALLOW(SYS_rt_sigprocmask),
    ALLOW(SYS_rt_sigaction),
    ALLOW(SYS_rt_sigreturn),
    ALLOW(SYS_sigaltstack),
    ALLOW(SYS_exit),
    WHEN(SYS_write, 6),
    LOAD(FIELD(args[0])),
    ALLOW(STDOUT_FILENO),
    ALLOW(STDERR_FILENO),
    RETURN(SECCOMP_RET_USER_NOTIF),
    WHEN(SYS_ioctl, 4),
    LOAD(FIELD(args[1])),
    ALLOW(TCGETS),
    RETURN(SECCOMP_RET_USER_NOTIF),
    /* What a thread makes of itself: a call that a stop has interrupted goes on; and when any
     * thread gives up rights of the process, the C library has every thread do so (nptl(7)), in the
     * handler of a signal of which it asks whether it is this process's. It ends the process where
     * one thread cannot. */
    ALLOW(SYS_restart_syscall),
    ALLOW(SYS_getpid),
    ALLOW(SYS_setuid),
    ALLOW(SYS_setgid),
    ALLOW(SYS_setreuid),
    ALLOW(SYS_setregid),
    ALLOW(SYS_setresuid),
    ALLOW(SYS_setresgid),
    ALLOW(SYS_setgroups),
#ifdef MT_HAS_SANITIZER
    /* It takes memory on any thread, with locks held that the caller may need to answer. */
    ALLOW(SYS_mmap),
    ALLOW(SYS_mprotect),
#endif
    RETURN(SECCOMP_RET_USER_NOTIF),
};

struct sock_fprog mt_filter_program(void)
{
    return (struct sock_fprog){sizeof(program) / sizeof(program[0]), program};
}
