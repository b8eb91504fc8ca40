/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failure injection: every system call that the library makes on the way from a file to a result
 * fails once. Each time the caller gets an error with its cause, or a result where the call was
 * only advice; nothing is left behind, and other sandboxes stay right. The linker puts these
 * functions in the place of libc's (--wrap).
 */
#include "tests/api/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- Which call fails ---- */

static struct {
    bool is_armed;
    size_t n_until; /* calls that still go through */
    int with_errno;
    const char *failed; /* what was made to fail; NULL for nothing yet */
} injection;

static bool fails(const char *what)
{
    if (!injection.is_armed || injection.failed != NULL)
        return false;
    if (injection.n_until > 0) {
        injection.n_until--;
        return false;
    }
    injection.failed = what;
    errno = injection.with_errno;
    return true;
}

static void arm(size_t n_until, int with_errno)
{
    injection.n_until = n_until;
    injection.with_errno = with_errno;
    injection.failed = NULL;
    injection.is_armed = true;
}

/* ---- In the place of libc ---- */

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    return fails("ioctl") ? -1 : __real_ioctl(fd, request, argument);
}

void *__real_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset)
{
    return fails("mmap") ? MAP_FAILED : __real_mmap(at, n, rights, flags, fd, offset);
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

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    return fails("open") ? -1 : __real_open(path, flags);
}

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n)
{
    return fails("read") ? -1 : __real_read(fd, to, n);
}

int __real_fstat(int fd, struct stat *facts);
int __wrap_fstat(int fd, struct stat *facts);
int __wrap_fstat(int fd, struct stat *facts)
{
    return fails("fstat") ? -1 : __real_fstat(fd, facts);
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

/* ---- The way from a file to a result ---- */

static mote_status answer(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    return MOTE_OK;
}

static mote_status walk(mote_image **image, mote_sandbox **sandbox)
{
    const mote_host_function function = {
        .name = "Nothing", .fn = answer, .returns = MOTE_TYPE_VOID};
    const mote_value text = mote_str("x");
    mote_status status = mote_image_open(HELLO, NULL, image, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_create(*image, for_test(NULL), sandbox, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_register(*sandbox, &function, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_init(*sandbox, &last_error);
    if (status == MOTE_OK)
        status = mote_call(*sandbox, "EchoStr", &text, 1, MOTE_TYPE_STR, NULL, &last_error);
    if (status == MOTE_OK)
        status = mote_call(*sandbox, "HostNothing", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error);
    return status;
}

static bool is_expected(mote_status status)
{
    return status == MOTE_E_SYSTEM || status == MOTE_E_MEMORY || status == MOTE_E_NO_HYPERVISOR ||
           status == MOTE_E_IMAGE_OPEN;
}

/* Fail the n-th system call of the walk. Returns false when the walk makes fewer. */
static bool walk_with_failure(size_t n, int with_errno, mote_sandbox *witness)
{
    mote_image *image = NULL;
    mote_sandbox *sandbox = NULL;
    memset(&last_error, 0, sizeof(last_error));
    arm(n, with_errno);
    mote_status status = walk(&image, &sandbox);
    injection.is_armed = false;
    if (status != MOTE_OK) {
        if (!is_expected(status) || last_error.text[0] == '\0')
            print_error("%s %zu: %s: %s\n", injection.failed, n, mote_status_name(status),
                        last_error.text);
        assert_true(is_expected(status));
        assert_true(last_error.text[0] != '\0');
        assert_int_equal(last_error.code, status);
    }
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
    mote_image_unref(image);
    assert_echoes(witness);
    return injection.failed != NULL;
}

static void fail_each_once(int with_errno)
{
    mote_sandbox *witness = open_sandbox(HELLO, NULL);
    mote_image *image = NULL;
    mote_sandbox *sandbox = NULL;
    assert_ok(walk(&image, &sandbox));
    mote_sandbox_destroy(sandbox);
    mote_image_unref(image);
    size_t n_descriptors = count_descriptors();
    size_t n_mappings = count_mappings();
    size_t n = 0;
    while (walk_with_failure(n, with_errno, witness)) {
        assert_int_equal(count_descriptors(), n_descriptors);
        assert_in_range(count_mappings(), n_mappings - 4, n_mappings + 4);
        n++;
    }
    print_message("%zu system calls failed once each\n", n);
    assert_true(n > 30);
    mote_sandbox_destroy(witness);
}

static void test_every_system_call_may_fail_for_want_of_memory(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    fail_each_once(ENOMEM);
}

static void test_every_system_call_may_be_forbidden(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    fail_each_once(EPERM);
}

/* The first sandbox of a process makes more: the process mark, the self-test. */
static void test_the_first_sandbox_of_a_process(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (size_t n = 0; n < 60; n++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            mote_image *image = NULL;
            mote_sandbox *sandbox = NULL;
            arm(n, ENOMEM);
            mote_status status = walk(&image, &sandbox);
            injection.is_armed = false;
            if (status != MOTE_OK && !is_expected(status))
                _exit(1);
            mote_sandbox_destroy(sandbox);
            mote_image_unref(image);
            image = NULL;
            sandbox = NULL;
            _exit(walk(&image, &sandbox) == MOTE_OK ? 0 : 2);
        }
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how));
        assert_int_equal(WEXITSTATUS(how), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* Forks first: what the process has learnt is inherited. */
        cmocka_unit_test(test_the_first_sandbox_of_a_process),
        cmocka_unit_test(test_every_system_call_may_fail_for_want_of_memory),
        cmocka_unit_test(test_every_system_call_may_be_forbidden),
    };
    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
