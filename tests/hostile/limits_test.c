/* SPDX-License-Identifier: Apache-2.0 */
/* A starved host: kernels that refuse, resource limits, storms of signals, and sizes at every edge.
 * The linker puts this program's ioctl() in the place of libc's (--wrap). */
#include "tests/hostile/witness.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* ---- In the place of ioctl() ---- */

static struct {
    bool is_on;
    size_t n_until; /* calls that still go through */
    int with_errno;
    bool has_failed;
    /* Or: what a request with an argument is answered. */
    unsigned long request;
    unsigned long argument;
    int answer;
} fake;

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    if (fake.request != 0 && request == fake.request && (unsigned long)argument == fake.argument)
        return fake.answer;
    if (!fake.is_on || fake.has_failed || fake.n_until-- > 0)
        return __real_ioctl(fd, request, argument);
    fake.has_failed = true;
    errno = fake.with_errno;
    return -1;
}

/* ---- From a file to a result ---- */

static mote_config on_kvm(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "kvm";
    return config;
}

static mote_status walk(mote_sandbox **sandbox)
{
    const mote_config config = on_kvm();
    const mote_value text = mote_str("x");
    mote_status status = mote_open(HOSTILE, &config, sandbox, &last_error);
    if (status == MOTE_OK)
        status = mote_call(*sandbox, "Echo", &text, 1, MOTE_TYPE_STR, NULL, &last_error);
    return status;
}

static mote_status walk_and_clear(void)
{
    mote_sandbox *sandbox = NULL;
    memset(&last_error, 0, sizeof(last_error));
    mote_status status = walk(&sandbox);
    mote_sandbox_destroy(sandbox);
    return status;
}

/* ---- I02, I03: each ioctl of the walk, with each errno ---- */

static bool walk_with_failure(size_t n, int with_errno)
{
    memset(&fake, 0, sizeof(fake));
    fake.is_on = true;
    fake.n_until = n;
    fake.with_errno = with_errno;
    mote_status status = walk_and_clear();
    bool has_failed = fake.has_failed;
    memset(&fake, 0, sizeof(fake));
    if (status != MOTE_OK) {
        assert_int_equal(mote_status_class(status), MOTE_CLASS_HOST);
        assert_int_equal(last_error.code, status);
        assert_int_equal(last_error.os_errno, with_errno);
    }
    return has_failed;
}

static void test_each_ioctl_fails_with_each_errno(void **state)
{
    (void)state;
    NEEDS_KVM();
    static const int errnos[] = {EINTR, EAGAIN, ENOMEM, EFAULT, EINVAL,
                                 EIO,   ENOSPC, EBUSY,  EPERM,  ENODEV};
    size_t n_descriptors = count_descriptors();
    size_t n_failures = 0;
    assert_int_equal(walk_and_clear(), MOTE_OK);
    for (size_t i = 0; i < COUNT(errnos); i++) {
        size_t n = 0;
        while (walk_with_failure(n, errnos[i]))
            n++;
        n_failures += n;
        assert_int_equal(count_descriptors(), n_descriptors);
        assert_int_equal(walk_and_clear(), MOTE_OK);
    }
    print_message("%zu failures\n", n_failures);
    assert_true(n_failures > 100);
}

/* ---- I08: a kernel that lacks something ---- */

static void test_what_a_kernel_lacks_is_named(void **state)
{
    (void)state;
    NEEDS_KVM();
    static const struct {
        unsigned long request;
        unsigned long argument;
        int answer;
        const char *named;
    } lacks[] = {
        {KVM_GET_API_VERSION, 0, 11, "API version 11"},
        {KVM_GET_API_VERSION, 0, 13, "API version 13"},
        {KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY, 0, "KVM_CAP_USER_MEMORY"},
        {KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM, 0, "KVM_CAP_READONLY_MEM"},
        {KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS, 0, "KVM_CAP_SYNC_REGS"},
        {KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS, "KVM_CAP_SYNC_REGS"},
        {KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS,
         "KVM_CAP_SYNC_REGS"},
        {KVM_CHECK_EXTENSION, KVM_CAP_EXT_CPUID, 0, "KVM_CAP_EXT_CPUID"},
        {KVM_CHECK_EXTENSION, KVM_CAP_XCRS, 0, "KVM_CAP_XCRS"},
    };
    for (size_t i = 0; i < COUNT(lacks); i++) {
        fake.request = lacks[i].request;
        fake.argument = lacks[i].argument;
        fake.answer = lacks[i].answer;
        mote_status status = walk_and_clear();
        memset(&fake, 0, sizeof(fake));
        assert_status(status, MOTE_E_NO_HYPERVISOR);
        assert_non_null(strstr(last_error.text, lacks[i].named));
    }
    assert_int_equal(walk_and_clear(), MOTE_OK);
}

/* ---- I04, I05, I06: resource limits, each in a child ---- */

static int in_child(int (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(body());
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 100 + WTERMSIG(how);
}

static bool is_want_of_descriptors(mote_status status)
{
    return (status == MOTE_E_SYSTEM || status == MOTE_E_IMAGE_OPEN) &&
           last_error.os_errno == EMFILE;
}

/* Every limit from none to enough: an error that names EMFILE, and nothing left open. */
static int live_with_few_descriptors(void)
{
    struct rlimit all;
    getrlimit(RLIMIT_NOFILE, &all);
    size_t n_open = count_descriptors();
    size_t n_refused = 0;
    for (rlim_t limit = 0; limit < 40; limit++) {
        const struct rlimit few = {limit, all.rlim_max};
        setrlimit(RLIMIT_NOFILE, &few);
        mote_status status = walk_and_clear();
        setrlimit(RLIMIT_NOFILE, &all);
        if (status != MOTE_OK && !is_want_of_descriptors(status))
            return 1;
        if (status != MOTE_OK)
            n_refused++;
        if (count_descriptors() != n_open)
            return 2;
    }
    return n_refused > 3 && walk_and_clear() == MOTE_OK ? 0 : 3;
}

static void test_every_limit_of_descriptors(void **state)
{
    (void)state;
    NEEDS_KVM();
    assert_int_equal(in_child(live_with_few_descriptors), 0);
}

#if !UNDER_SANITIZERS
static size_t address_space_bytes(void)
{
    size_t n_pages = 0;
    FILE *stream = fopen("/proc/self/statm", "r");
    if (stream == NULL || fscanf(stream, "%zu", &n_pages) != 1)
        _exit(98);
    fclose(stream);
    return n_pages * 4096;
}

/* Sanitizers reserve more address space than any limit allows. */
static int live_in_little_space(void)
{
    struct rlimit all;
    getrlimit(RLIMIT_AS, &all);
    size_t n_refused = 0;
    for (size_t more = 0; more < 40; more++) {
        const struct rlimit little = {address_space_bytes() + more * 256 * 1024, all.rlim_max};
        setrlimit(RLIMIT_AS, &little);
        mote_status status = walk_and_clear();
        setrlimit(RLIMIT_AS, &all);
        bool is_refused = status == MOTE_E_MEMORY || status == MOTE_E_SYSTEM;
        if (status != MOTE_OK && !(is_refused && last_error.code == status))
            return 1;
        n_refused += is_refused;
    }
    return n_refused > 3 && walk_and_clear() == MOTE_OK ? 0 : 3;
}

static void test_every_limit_of_address_space(void **state)
{
    (void)state;
    NEEDS_KVM();
    assert_int_equal(in_child(live_in_little_space), 0);
}
#endif

static int live_with_the_least(void)
{
    static const struct {
        int resource;
        rlim_t limit;
    } limits[] = {{RLIMIT_FSIZE, 0},
                  {RLIMIT_CORE, 0},
                  {RLIMIT_MEMLOCK, 0},
                  {RLIMIT_NPROC, 0},
                  {RLIMIT_STACK, 64 * 1024}};
    for (size_t i = 0; i < COUNT(limits); i++) {
        const struct rlimit least = {limits[i].limit, limits[i].limit};
        if (setrlimit((__rlimit_resource_t)limits[i].resource, &least) != 0)
            return 10;
        if (walk_and_clear() != MOTE_OK)
            return 20 + (int)i;
    }
    return 0;
}

static void test_limits_that_do_not_matter(void **state)
{
    (void)state;
    NEEDS_KVM();
    assert_int_equal(in_child(live_with_the_least), 0);
}

/* ---- I07: a storm of signals ---- */

#define STORM_NS 200000
#define SLOW_STORM_NS 2000000
#define STORM_CALLS rounds(2000)
#define STORM_SANDBOXES rounds(300)
#define FEW_SIGNALS 20u

static _Atomic unsigned n_signals;

/* Calls of some drivers are over before many signals have come. */
static bool goes_on(size_t n_done, size_t n_wanted)
{
    bool is_quiet = atomic_load(&n_signals) <= FEW_SIGNALS;
    return n_done < n_wanted || (is_quiet && n_done < 1000 * n_wanted);
}

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&n_signals, 1);
}

static void start_storm(timer_t *timer, struct sigaction *before, long every_ns)
{
    struct sigaction count = {.sa_handler = count_signal};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    const struct itimerspec often = {{0, every_ns}, {0, every_ns}};
    atomic_store(&n_signals, 0);
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    sigaction(SIGUSR1, &count, before);
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, timer), 0);
    assert_int_equal(timer_settime(*timer, 0, &often, NULL), 0);
}

static void end_storm(timer_t timer, const struct sigaction *before)
{
    timer_delete(timer);
    sigaction(SIGUSR1, before, NULL);
    assert_true(atomic_load(&n_signals) > FEW_SIGNALS);
}

static void test_calls_get_through_a_storm_of_signals(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    timer_t timer;
    struct sigaction before;
    mote_sandbox *sandbox = open_sandbox(HOSTILE, NULL);
    start_storm(&timer, &before, STORM_NS);
    for (size_t i = 0; goes_on(i, STORM_CALLS); i++)
        assert_echo(sandbox);
    end_storm(timer, &before);
    mote_sandbox_destroy(sandbox);
}

/* KVM_CREATE_VM is one that a signal interrupts: some of many do, if each has time to end. */
static void test_sandboxes_are_made_in_a_storm_of_signals(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    timer_t timer;
    struct sigaction before;
    start_storm(&timer, &before, SLOW_STORM_NS);
    for (size_t i = 0; goes_on(i, STORM_SANDBOXES); i++) {
        mote_sandbox *sandbox = open_sandbox(HOSTILE, NULL);
        assert_echo(sandbox);
        mote_sandbox_destroy(sandbox);
    }
    end_storm(timer, &before);
}

/* V6: an application that ignores the signal of limits and cancels. It is blocked in the thread and
 * open only inside KVM_RUN, where the kernel does not count it as ignored. */
static void test_an_ignored_signal_is_heard_all_the_same(void **state)
{
    (void)state;
    NEEDS_KVM();
    const int number = SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    mote_config config = on_kvm();
    config.time_limit_us = 20000;
    sigaction(number, &ignore, &before);
    mote_sandbox *sandbox = open_sandbox(HOSTILE, &config);
    assert_status(call_void(sandbox, "LoopForever"), MOTE_E_TIME_LIMIT);
    sigaction(number, &before, NULL);
    mote_sandbox_destroy(sandbox);
}

/* ---- I09: as many sandboxes as there are descriptors ---- */

#define MANY 400u

static int live_among_many(void)
{
    static mote_sandbox *sandboxes[MANY];
    mote_image *image = open_image(HOSTILE);
    const mote_config config = on_kvm();
    const struct rlimit some = {300, 300};
    size_t n_open = count_descriptors();
    size_t n = 0;
    setrlimit(RLIMIT_NOFILE, &some);
    mote_status status = MOTE_OK;
    while (n < MANY && status == MOTE_OK) {
        status = mote_sandbox_create(image, &config, &sandboxes[n], &last_error);
        n += status == MOTE_OK;
    }
    if (!is_want_of_descriptors(status) || n < 100)
        return 1;
    for (size_t i = 0; i < n; i += 10) {
        if (mote_sandbox_init(sandboxes[i], &last_error) != MOTE_OK)
            return 2;
        if (call_void(sandboxes[i], "ReturnNothing") != MOTE_E_NO_RESULT)
            return 3;
    }
    for (size_t i = 0; i < n; i++) {
        if (mote_sandbox_destroy(sandboxes[i]) != MOTE_OK)
            return 4;
    }
    mote_image_unref(image);
    if (count_descriptors() != n_open)
        return 5;
    return walk_and_clear() == MOTE_OK ? 0 : 6;
}

static void test_sandboxes_until_there_are_no_more(void **state)
{
    (void)state;
    NEEDS_KVM();
    assert_int_equal(in_child(live_among_many), 0);
}

/* ---- I11: sizes at every edge ---- */

static void test_sizes_at_every_edge_are_laid_out_or_refused(void **state)
{
    (void)state;
    static const uint64_t edges[] = {0,
                                     1,
                                     7,
                                     4095,
                                     4096,
                                     4097,
                                     0x7FFFFFFF,
                                     0x80000000,
                                     0x80000001,
                                     0xFFFFFFFF,
                                     0x100000000,
                                     0x100000001,
                                     1ull << 63,
                                     UINT64_MAX - 4095,
                                     UINT64_MAX - 1,
                                     UINT64_MAX};
    mote_image *image = open_image(HOSTILE);
    for (size_t first = 0; first < 9; first++) {
        for (size_t second = first; second < 9; second++) {
            for (size_t i = 0; i < COUNT(edges); i++) {
                mote_config config = MOTE_CONFIG_INIT;
                size_t *const sizes[] = {&config.input_bytes,
                                         &config.output_bytes,
                                         &config.host_definitions_bytes,
                                         &config.host_exception_bytes,
                                         &config.guest_error_bytes,
                                         &config.guest_panic_bytes,
                                         &config.kernel_stack_bytes,
                                         &config.stack_bytes,
                                         &config.heap_bytes};
                mote_region regions[32];
                size_t n = 0;
                *sizes[first] = edges[i];
                *sizes[second] = edges[COUNT(edges) - 1 - i];
                mote_status status = mote_image_map(image, &config, regions, 32, &n, &last_error);
                if (status != MOTE_OK) {
                    assert_true(status == MOTE_E_TOO_LARGE || status == MOTE_E_IMAGE_TOO_LARGE);
                    continue;
                }
                assert_in_range(n, 10, 32);
                for (size_t k = 1; k < n; k++)
                    assert_true(regions[k].start >=
                                regions[k - 1].start + regions[k - 1].len_bytes);
                assert_true(regions[n - 1].start + regions[n - 1].len_bytes <= 0x40000000);
            }
        }
    }
    mote_image_unref(image);
}

/* ---- I13: a host that sleeps ---- */

#define LOOP_US 300000u
#define STOP_AFTER_US 100000u
#define STOPPED_US 600000u

static int loop_while_stopped(void)
{
    mote_config config = on_kvm();
    mote_sandbox *sandbox = NULL;
    config.time_limit_us = LOOP_US;
    if (mote_open(HOSTILE, &config, &sandbox, &last_error) != MOTE_OK)
        return 1;
    raise(SIGSTOP); /* ready: the parent lets it go */
    if (call_void(sandbox, "LoopForever") != MOTE_E_TIME_LIMIT)
        return 2;
    return last_error.limit.elapsed_us >= STOPPED_US ? 0 : 3;
}

/* The child's exit status: 3 where it was not stopped in the middle of its call. */
static int stop_in_a_call(void)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(loop_while_stopped());
    int how;
    assert_int_equal(waitpid(child, &how, WUNTRACED), child);
    assert_true(WIFSTOPPED(how));
    kill(child, SIGCONT);
    usleep(STOP_AFTER_US);
    kill(child, SIGSTOP);
    usleep(STOPPED_US);
    kill(child, SIGCONT);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    return WEXITSTATUS(how);
}

/* On a busy machine the stop may come before the call, or after it. */
static void test_a_host_that_was_stopped_ends_the_call_when_it_wakes(void **state)
{
    (void)state;
    NEEDS_KVM();
    int outcome = 3;
    for (int i = 0; i < 20 && outcome == 3; i++)
        outcome = stop_in_a_call();
    assert_int_equal(outcome, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_ioctl_fails_with_each_errno),
        cmocka_unit_test(test_what_a_kernel_lacks_is_named),
        cmocka_unit_test(test_every_limit_of_descriptors),
#if !UNDER_SANITIZERS
        cmocka_unit_test(test_every_limit_of_address_space),
#endif
        cmocka_unit_test(test_limits_that_do_not_matter),
        cmocka_unit_test(test_calls_get_through_a_storm_of_signals),
        cmocka_unit_test(test_sandboxes_are_made_in_a_storm_of_signals),
        cmocka_unit_test(test_an_ignored_signal_is_heard_all_the_same),
        cmocka_unit_test(test_sandboxes_until_there_are_no_more),
        cmocka_unit_test(test_sizes_at_every_edge_are_laid_out_or_refused),
        cmocka_unit_test(test_a_host_that_was_stopped_ends_the_call_when_it_wakes),
    };
    return cmocka_run_group_tests_name("hostile limits", tests, NULL, NULL);
}
