/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that pass under the profile which container engines (Docker, Podman, containerd)
 * apply to a container without added capabilities, on x86-64, in runs of their numbers. Calls that
 * are younger than the profile do not exist under it, nor does clone3, whose flags no filter sees.
 */
#include "host/driver/process/container_profile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    unsigned first;
    unsigned last;
} allowed[] = {
    {SYS_read, SYS_socket - 1},
    {SYS_socket + 1, SYS_clone - 1},
    {SYS_clone + 1, SYS_times},
    {SYS_getuid, SYS_getuid},
    {SYS_getgid, SYS_mknod},
    {SYS_personality, SYS_personality},
    {SYS_statfs, SYS_fstatfs},
    {SYS_getpriority, SYS_munlockall},
    {SYS_modify_ldt, SYS_modify_ldt},
    {SYS_prctl, SYS_setrlimit},
    {SYS_sync, SYS_sync},
    {SYS_gettid, SYS_get_thread_area},
    {SYS_epoll_create, SYS_timer_delete},
    {SYS_clock_gettime, SYS_utimes},
    {SYS_mq_open, SYS_mq_getsetattr},
    {SYS_waitid, SYS_waitid},
    {SYS_ioprio_set, SYS_inotify_rm_watch},
    {SYS_openat, SYS_ppoll},
    {SYS_set_robust_list, SYS_vmsplice},
    {SYS_utimensat, SYS_rt_tgsigqueueinfo},
    {SYS_recvmmsg, SYS_recvmmsg},
    {SYS_fanotify_mark, SYS_name_to_handle_at},
    {SYS_clock_adjtime, SYS_sendmmsg},
    {SYS_getcpu, SYS_getcpu},
    {SYS_sched_setattr, SYS_memfd_create},
    {SYS_execveat, SYS_execveat},
    {SYS_membarrier, SYS_rseq},
    {SYS_pidfd_send_signal, SYS_pidfd_send_signal},
    {SYS_pidfd_open, SYS_pidfd_open},
    {SYS_close_range, SYS_openat2},
    {SYS_faccessat2, SYS_faccessat2},
    {SYS_epoll_pwait2, SYS_epoll_pwait2},
    {SYS_landlock_create_ruleset, SYS_futex_waitv},
};

#define N_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))
#define NEWEST SYS_futex_waitv
#define NAMESPACE_FLAGS 0x7E020000u

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define WHEN(test, value, n_skipped) BPF_JUMP(BPF_JMP | (test) | BPF_K, value, 0, n_skipped)
#define REFUSE(number) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (number))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int set_filter(unsigned refusal)
{
    const struct sock_filter begin[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        REFUSE(refusal),
        LOAD(nr),
        WHEN(BPF_JEQ, SYS_clone3, 1),
        REFUSE(ENOSYS),
        WHEN(BPF_JGT, NEWEST, 1),
        REFUSE(ENOSYS),
        WHEN(BPF_JEQ, SYS_clone, 4),
        LOAD(args[0]),
        WHEN(BPF_JSET, NAMESPACE_FLAGS, 1),
        REFUSE(refusal),
        ALLOW,
        WHEN(BPF_JEQ, SYS_socket, 4),
        LOAD(args[0]),
        WHEN(BPF_JEQ, AF_VSOCK, 1),
        REFUSE(refusal),
        ALLOW,
    };
    struct sock_filter filter[sizeof(begin) / sizeof(begin[0]) + 4 * N_ALLOWED + 1];
    size_t n = sizeof(begin) / sizeof(begin[0]);
    memcpy(filter, begin, sizeof(begin));
    for (size_t i = 0; i < N_ALLOWED; i++) {
        const struct sock_filter run[] = {
            BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, allowed[i].first, 1, 0),
            REFUSE(refusal),
            BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, allowed[i].last, 1, 0),
            ALLOW,
        };
        memcpy(filter + n, run, sizeof(run));
        n += sizeof(run) / sizeof(run[0]);
    }
    filter[n++] = (struct sock_filter)REFUSE(refusal);
    const struct sock_fprog program = {(unsigned short)n, filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
    return (int)syscall(SYS_capset, &header, none);
}

int mt_container_confine(unsigned refusal)
{
    return drop_capabilities() != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
           set_filter(refusal) != 0;
}
