/* SPDX-License-Identifier: Apache-2.0 */
/* Sets and names of system calls. */
#include "host/hostfn/system_calls.h"

#include "host/base/error.h"
#include <string.h>
#include <sys/syscall.h>

/* What host functions make by mistake, or need to have allowed: others are told by number. */
#define EACH_NAME(X) \
    X(accept) \
    X(access) \
    X(arch_prctl) \
    X(bind) \
    X(brk) \
    X(chdir) \
    X(chmod) \
    X(chown) \
    X(clock_gettime) \
    X(clock_nanosleep) \
    X(clone) \
    X(clone3) \
    X(close) \
    X(connect) \
    X(dup) \
    X(dup2) \
    X(epoll_create1) \
    X(epoll_ctl) \
    X(epoll_wait) \
    X(eventfd2) \
    X(execve) \
    X(exit_group) \
    X(faccessat) \
    X(fchmod) \
    X(fcntl) \
    X(fdatasync) \
    X(fork) \
    X(fstat) \
    X(fsync) \
    X(ftruncate) \
    X(getcwd) \
    X(getdents64) \
    X(getegid) \
    X(geteuid) \
    X(getgid) \
    X(getpeername) \
    X(getpid) \
    X(getppid) \
    X(getrandom) \
    X(getsockname) \
    X(getsockopt) \
    X(gettid) \
    X(gettimeofday) \
    X(getuid) \
    X(ioctl) \
    X(kill) \
    X(listen) \
    X(lseek) \
    X(lstat) \
    X(membarrier) \
    X(memfd_create) \
    X(mkdir) \
    X(mmap) \
    X(mprotect) \
    X(mremap) \
    X(nanosleep) \
    X(newfstatat) \
    X(open) \
    X(openat) \
    X(pause) \
    X(pipe) \
    X(pipe2) \
    X(poll) \
    X(ppoll) \
    X(prctl) \
    X(pread64) \
    X(prlimit64) \
    X(ptrace) \
    X(pwrite64) \
    X(read) \
    X(readlink) \
    X(readv) \
    X(recvfrom) \
    X(recvmsg) \
    X(rename) \
    X(rmdir) \
    X(sched_getaffinity) \
    X(sched_setaffinity) \
    X(seccomp) \
    X(select) \
    X(sendmsg) \
    X(sendto) \
    X(setsockopt) \
    X(shutdown) \
    X(socket) \
    X(socketpair) \
    X(stat) \
    X(statx) \
    X(tgkill) \
    X(time) \
    X(timer_create) \
    X(timerfd_create) \
    X(uname) \
    X(unlink) \
    X(unlinkat) \
    X(vfork) \
    X(wait4) \
    X(waitid) \
    X(write) \
    X(writev)

static const struct {
    int number;
    const char *name;
} names[] = {
#define NAMED(name) {SYS_##name, #name},
    EACH_NAME(NAMED)
#undef NAMED
};

static uint64_t bit_of(int number)
{
    return 1ull << ((unsigned)number % MT_SYSTEM_CALLS_PER_WORD);
}

/* What is negative is large here. */
static bool is_number(int number)
{
    return (unsigned)number < MT_N_SYSTEM_CALLS;
}

/* What they start would be under the filter, too, with nobody to answer for it. */
static bool starts_others(int number)
{
    return number == SYS_clone || number == SYS_clone3 || number == SYS_fork || number == SYS_vfork;
}

mote_status mt_system_calls_set(struct mt_system_calls *set, const int *numbers, size_t n,
                                mote_error *err)
{
    struct mt_system_calls made = {{0}};
    if (numbers == NULL && n > 0)
        return mt_fail(err, MOTE_E_ARGUMENT, "system_calls is NULL with a length of %zu", n);
    for (size_t i = 0; i < n; i++) {
        if (!is_number(numbers[i]))
            return mt_fail(err, MOTE_E_ARGUMENT, "system call %d is not between 0 and %u",
                           numbers[i], MT_N_SYSTEM_CALLS - 1);
        if (starts_others(numbers[i]))
            return mt_fail(err, MOTE_E_ARGUMENT, "system call %d starts threads or processes",
                           numbers[i]);
        made.words[(unsigned)numbers[i] / MT_SYSTEM_CALLS_PER_WORD] |= bit_of(numbers[i]);
    }
    *set = made;
    return MOTE_OK;
}

bool mt_system_calls_has(const struct mt_system_calls *set, int number)
{
    return is_number(number) &&
           (set->words[(unsigned)number / MT_SYSTEM_CALLS_PER_WORD] & bit_of(number)) != 0;
}

void mt_system_calls_add(struct mt_system_calls *to, const struct mt_system_calls *added)
{
    for (size_t i = 0; i < sizeof(to->words) / sizeof(to->words[0]); i++)
        to->words[i] |= added->words[i];
}

const char *mt_system_call_name(int number)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}
