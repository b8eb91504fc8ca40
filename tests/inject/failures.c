/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of libc that fail once, as the kernel lets them fail: a close() that fails has closed,
 * a waitid() that fails has waited (POSIX: ECHILD where children are not kept), a munmap() that
 * fails has not unmapped. Those that cannot fail for a correct caller - clocks, signal masks,
 * getpid() - are left alone, and so is what libc calls inside.
 */
#include "tests/inject/failures.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

struct failures {
    atomic_bool is_armed;
    enum failures_of kind;
    _Atomic size_t n_before; /* calls that still go through */
    int with_errno;
    const char *_Atomic failed;
};

static _Thread_local struct failures own;
/* Those of who started the thread while they were armed: its calls are the library's, too. Other
 * threads' calls go through. */
static _Thread_local struct failures *starters;

static struct failures *failures_here(void)
{
    return starters != NULL ? starters : &own;
}

static struct {
    void *at;
    size_t len_bytes;
} not_unmapped;

static _Atomic int64_t mapped_bytes;

void failures_arm(enum failures_of kind, size_t n_before, int with_errno)
{
    own.kind = kind;
    own.n_before = n_before;
    own.with_errno = with_errno;
    own.failed = NULL;
    own.is_armed = true;
}

void failures_disarm(void)
{
    own.is_armed = false;
}

const char *failures_failed(void)
{
    return own.failed;
}

static bool is_next(enum failures_of kind, const char *what)
{
    struct failures *failures = failures_here();
    if (!failures->is_armed || failures->failed != NULL || failures->kind != kind)
        return false;
    if (failures->n_before > 0) {
        failures->n_before--;
        return false;
    }
    failures->failed = what;
    errno = failures->with_errno;
    return true;
}

static bool fails(const char *what)
{
    return is_next(FAILURES_OF_SYSTEM_CALLS, what);
}

/* ---- Allocations ---- */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return is_next(FAILURES_OF_ALLOCATIONS, "malloc") ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t each);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_calloc(size_t n, size_t each)
{
    return is_next(FAILURES_OF_ALLOCATIONS, "calloc") ? NULL : __real_calloc(n, each);
}

void *__real_realloc(void *block, size_t n);
void *__wrap_realloc(void *block, size_t n);
void *__wrap_realloc(void *block, size_t n)
{
    return is_next(FAILURES_OF_ALLOCATIONS, "realloc") ? NULL : __real_realloc(block, n);
}

/* ---- Memory ---- */

void *__real_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset)
{
    if (fails("mmap"))
        return MAP_FAILED;
    void *mapped = __real_mmap(at, n, rights, flags, fd, offset);
    /* What has a fixed place lies in what was mapped before. */
    if (mapped != MAP_FAILED && (flags & MAP_FIXED) == 0)
        atomic_fetch_add(&mapped_bytes, (int64_t)n);
    return mapped;
}

int __real_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n)
{
    if (!fails("munmap")) {
        atomic_fetch_sub(&mapped_bytes, (int64_t)n);
        return __real_munmap(at, n);
    }
    not_unmapped.at = at;
    not_unmapped.len_bytes = n;
    return -1;
}

void failures_clean_up(void)
{
    if (not_unmapped.at != NULL)
        __wrap_munmap(not_unmapped.at, not_unmapped.len_bytes);
    not_unmapped.at = NULL;
}

int64_t failures_mapped_bytes(void)
{
    return atomic_load(&mapped_bytes);
}

int __real_mprotect(void *at, size_t n, int rights);
int __wrap_mprotect(void *at, size_t n, int rights);
int __wrap_mprotect(void *at, size_t n, int rights)
{
    return fails("mprotect") ? -1 : __real_mprotect(at, n, rights);
}

int __real_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice)
{
    return fails("madvise") ? -1 : __real_madvise(at, n, advice);
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
    return fails("memfd_create") ? -1 : __real_memfd_create(name, flags);
}

/* ---- Files ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    return fails("open") ? -1 : __real_open(path, flags);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    int result = __real_close(fd);
    return fails("close") ? -1 : result;
}

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n)
{
    return fails("read") ? -1 : __real_read(fd, to, n);
}

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    return fails("write") ? -1 : __real_write(fd, from, n);
}

ssize_t __real_pwrite(int fd, const void *from, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t n, off_t at)
{
    return fails("pwrite") ? -1 : __real_pwrite(fd, from, n, at);
}

int __real_fstat(int fd, struct stat *facts);
int __wrap_fstat(int fd, struct stat *facts);
int __wrap_fstat(int fd, struct stat *facts)
{
    return fails("fstat") ? -1 : __real_fstat(fd, facts);
}

int __real_ftruncate(int fd, off_t n);
int __wrap_ftruncate(int fd, off_t n);
int __wrap_ftruncate(int fd, off_t n)
{
    return fails("ftruncate") ? -1 : __real_ftruncate(fd, n);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    long argument = va_arg(rest, long);
    va_end(rest);
    return fails("fcntl") ? -1 : __real_fcntl(fd, command, argument);
}

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    return fails("ioctl") ? -1 : __real_ioctl(fd, request, argument);
}

/* ---- Processes and what they say to each other ---- */

int __real_clone(int (*fn)(void *), void *stack, int flags, void *argument, int *fd);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *argument, int *fd);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *argument, int *fd)
{
    return fails("clone") ? -1 : __real_clone(fn, stack, flags, argument, fd);
}

int __real_waitid(idtype_t sort, id_t id, siginfo_t *facts, int options);
int __wrap_waitid(idtype_t sort, id_t id, siginfo_t *facts, int options);
int __wrap_waitid(idtype_t sort, id_t id, siginfo_t *facts, int options)
{
    int result = __real_waitid(sort, id, facts, options);
    return fails("waitid") ? -1 : result;
}

int __real_socketpair(int domain, int sort, int protocol, int ends[2]);
int __wrap_socketpair(int domain, int sort, int protocol, int ends[2]);
int __wrap_socketpair(int domain, int sort, int protocol, int ends[2])
{
    return fails("socketpair") ? -1 : __real_socketpair(domain, sort, protocol, ends);
}

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t n);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t n);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    return fails("setsockopt") ? -1 : __real_setsockopt(fd, level, name, value, n);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return fails("sendmsg") ? -1 : __real_sendmsg(fd, message, flags);
}

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
    return fails("recvmsg") ? -1 : __real_recvmsg(fd, message, flags);
}

int __real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    return fails("poll") ? -1 : __real_poll(fds, n, timeout_ms);
}

int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    return fails("ppoll") ? -1 : __real_ppoll(fds, n, timeout, mask);
}

/* ---- What has no function of its own, and the rest ---- */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long arguments[6];
    va_list rest;
    va_start(rest, number);
    for (size_t i = 0; i < 6; i++)
        arguments[i] = va_arg(rest, long);
    va_end(rest);
    if (fails("syscall"))
        return -1;
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3],
                          arguments[4], arguments[5]);
}

ssize_t __real_getrandom(void *to, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t n, unsigned flags)
{
    return fails("getrandom") ? -1 : __real_getrandom(to, n, flags);
}

int __real_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer);
int __wrap_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer);
int __wrap_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
    return fails("timer_create") ? -1 : __real_timer_create(clock, event, timer);
}

int __real_prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return fails("prctl") ? -1 : __real_prctl(what, a, b, c, d);
}

struct beginning {
    void *(*fn)(void *context);
    void *context;
    struct failures *starters;
};

static void *begin(void *context)
{
    const struct beginning beginning = *(struct beginning *)context;
    free(context);
    starters = beginning.starters;
    return beginning.fn(beginning.context);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*fn)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*fn)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*fn)(void *context), void *context)
{
    if (fails("pthread_create"))
        return failures_here()->with_errno;
    if (!own.is_armed)
        return __real_pthread_create(thread, attributes, fn, context);
    struct beginning *beginning = __real_malloc(sizeof(*beginning));
    if (beginning == NULL)
        return ENOMEM;
    *beginning = (struct beginning){fn, context, &own};
    int failure = __real_pthread_create(thread, attributes, begin, beginning);
    if (failure != 0)
        free(beginning);
    return failure;
}

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    return fails("pthread_setspecific") ? ENOMEM : __real_pthread_setspecific(key, value);
}

int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    return fails("pthread_mutex_init") ? ENOMEM : __real_pthread_mutex_init(mutex, attributes);
}
