/* SPDX-License-Identifier: Apache-2.0 */
/* The worker and its filter: what is allowed and what is not, and that it always ends. */
#include "host/hostfn/filter.h"
#include "host/hostfn/system_calls.h"
#include "host/hostfn/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef MT_HAS_SANITIZER
#define HAS_SANITIZER 1
#else
#define HAS_SANITIZER 0
#endif

#define PAGE_BYTES 4096u
#define X32 0x40000000

static mote_allocator allocator;
static const struct mt_system_calls nothing;

static struct mt_worker *open_worker(void)
{
    struct mt_worker *worker = NULL;
    mote_error err;
    if (mt_worker_create(&allocator, &worker, &err) != MOTE_OK) {
        print_message("skipped: no worker here: %s\n", err.text);
        skip();
    }
    return worker;
}

static struct mt_verdict run(struct mt_worker *worker, const struct mt_system_calls *allowed,
                             void (*fn)(void *context), void *context)
{
    struct mt_verdict verdict;
    mote_error err;
    if (mt_worker_run(worker, allowed, fn, context, &verdict, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    return verdict;
}

static struct mt_system_calls set_of(const int *numbers, size_t n)
{
    struct mt_system_calls set;
    assert_int_equal(mt_system_calls_set(&set, numbers, n, NULL), MOTE_OK);
    return set;
}

static size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

/* A thread that has been joined may be listed for another moment. */
static size_t count_threads(size_t wanted)
{
    size_t n = count_entries("/proc/self/task");
    for (int i = 0; i < 20000 && n != wanted; i++) {
        usleep(1000);
        n = count_entries("/proc/self/task");
    }
    return n;
}

/* ---- One system call ---- */

struct one_call {
    long number;
    unsigned long args[3];
    long result;
    int with_errno;
};

static void call(void *context)
{
    struct one_call *one = context;
    errno = 0;
    one->result = syscall(one->number, one->args[0], one->args[1], one->args[2]);
    one->with_errno = errno;
}

static void assert_allowed(struct mt_worker *worker, struct one_call one)
{
    struct mt_verdict verdict = run(worker, &nothing, call, &one);
    if (verdict.is_refused || one.with_errno == EPERM || one.with_errno == ENOSYS)
        fail_msg("system call %ld was refused", one.number);
}

static void assert_refused(struct mt_worker *worker, const struct mt_system_calls *allowed,
                           struct one_call one)
{
    struct mt_verdict verdict = run(worker, allowed, call, &one);
    if (!verdict.is_refused || verdict.number != one.number || verdict.is_foreign ||
        one.result != -1 || one.with_errno != EPERM)
        fail_msg("system call %ld was not refused: %ld, errno %d", one.number, one.result,
                 one.with_errno);
}

/* The C library and the kernel take the low half of descriptor and request. */
static void test_each_rule_allows_its_call(void **state)
{
    (void)state;
    const unsigned long garbage = 0xABCDull << 32;
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t word = 0;
    assert_ptr_not_equal(page, MAP_FAILED);
    const struct one_call calls[] = {
        {.number = SYS_futex, .args = {(unsigned long)&word, 1, 1}},
        {.number = SYS_sched_yield},
        {.number = SYS_getpid},
        {.number = SYS_madvise, .args = {(unsigned long)page, PAGE_BYTES, MADV_NORMAL}},
        {.number = SYS_munmap, .args = {(unsigned long)page, PAGE_BYTES}},
        {.number = SYS_rt_sigprocmask},
        {.number = SYS_rt_sigaction, .args = {SIGUSR1}},
        {.number = SYS_sigaltstack},
        {.number = SYS_write, .args = {1, (unsigned long)"", 0}},
        {.number = SYS_write, .args = {2, (unsigned long)"", 0}},
        {.number = SYS_write, .args = {garbage | 2, (unsigned long)"", 0}},
        {.number = SYS_ioctl, .args = {0, TCGETS, 0}},
        {.number = SYS_ioctl, .args = {garbage, garbage | TCGETS, 0}},
        {.number = SYS_setreuid, .args = {-1ul, -1ul}},
        {.number = SYS_setregid, .args = {-1ul, -1ul}},
        {.number = SYS_setresuid, .args = {-1ul, -1ul, -1ul}},
        {.number = SYS_setresgid, .args = {-1ul, -1ul, -1ul}},
        {.number = SYS_setuid, .args = {getuid()}},
        {.number = SYS_setgid, .args = {getgid()}},
    };
    struct mt_worker *worker = open_worker();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        assert_allowed(worker, calls[i]);
    /* Without a right to it the kernel itself refuses this one. */
    struct one_call groups = {.number = SYS_setgroups, .args = {-1ul}};
    assert_false(run(worker, &nothing, call, &groups).is_refused);
    mt_worker_destroy(worker, false);
}

static void test_other_arguments_of_a_rule_are_refused(void **state)
{
    (void)state;
    const struct one_call calls[] = {
        {.number = SYS_write, .args = {0, (unsigned long)"", 0}},
        {.number = SYS_write, .args = {3, (unsigned long)"", 0}},
        {.number = SYS_write, .args = {-1ul, (unsigned long)"", 0}},
        {.number = SYS_ioctl, .args = {0, TCGETS - 1, 0}},
        {.number = SYS_ioctl, .args = {0, TCGETS + 1, 0}},
        {.number = SYS_ioctl, .args = {1, FIONREAD, 0}},
    };
    struct mt_worker *worker = open_worker();
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        assert_refused(worker, &nothing, calls[i]);
    mt_worker_destroy(worker, false);
}

static bool is_in_base_list(int number)
{
    static const int numbers[] = {
        SYS_futex,        SYS_sched_yield,  SYS_munmap,      SYS_madvise,  SYS_rt_sigprocmask,
        SYS_rt_sigaction, SYS_rt_sigreturn, SYS_sigaltstack, SYS_exit,     SYS_restart_syscall,
        SYS_getpid,       SYS_setuid,       SYS_setgid,      SYS_setreuid, SYS_setregid,
        SYS_setresuid,    SYS_setresgid,    SYS_setgroups,
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/* The kernel's own, which it asks no filter about: uretprobe and uprobe. */
static bool is_beyond_filters(int number)
{
    return number == 335 || number == 336;
}

static bool is_sanitizers(int number)
{
    return HAS_SANITIZER && (number == SYS_mmap || number == SYS_mprotect);
}

/* pause(2), with which the worker waits, and exit_group(2) among them. */
static void test_every_other_number_is_refused(void **state)
{
    (void)state;
    struct mt_worker *worker = open_worker();
    for (int number = 0; number < (int)MT_N_SYSTEM_CALLS; number++)
        if (!is_in_base_list(number) && !is_beyond_filters(number) && !is_sanitizers(number))
            assert_refused(worker, &nothing, (struct one_call){.number = number});
    mt_worker_destroy(worker, false);
}

static void test_what_is_registered_is_allowed_by_number_alone(void **state)
{
    (void)state;
    static const int numbers[] = {SYS_getppid, SYS_openat, SYS_write};
    const struct mt_system_calls allowed = set_of(numbers, 3);
    struct mt_worker *worker = open_worker();
    struct one_call parent = {.number = SYS_getppid};
    struct one_call open_any = {.number = SYS_openat,
                                .args = {(unsigned long)AT_FDCWD, (unsigned long)"/", O_RDONLY}};
    struct one_call write_any = {.number = SYS_write, .args = {(unsigned long)-1, 0, 0}};
    assert_false(run(worker, &allowed, call, &parent).is_refused);
    assert_int_equal(parent.result, getppid());
    assert_false(run(worker, &allowed, call, &open_any).is_refused);
    assert_true(open_any.result >= 0);
    close((int)open_any.result);
    assert_false(run(worker, &allowed, call, &write_any).is_refused);
    assert_int_equal(write_any.with_errno, EBADF);
    assert_refused(worker, &allowed, (struct one_call){.number = SYS_close, .args = {1000}});
    /* It was the last job's. */
    assert_refused(worker, &nothing, (struct one_call){.number = SYS_getppid});
    mt_worker_destroy(worker, false);
}

static void refused_twice(void *context)
{
    *(bool *)context = syscall(SYS_getppid) == -1 && syscall(SYS_getuid) == -1 && errno == EPERM;
}

static void test_the_first_refusal_is_told_and_the_job_goes_on(void **state)
{
    (void)state;
    bool is_right = false;
    struct mt_worker *worker = open_worker();
    struct mt_verdict verdict = run(worker, &nothing, refused_twice, &is_right);
    assert_true(is_right);
    assert_true(verdict.is_refused);
    assert_int_equal(verdict.number, SYS_getppid);
    mt_worker_destroy(worker, false);
}

/* ---- Other ABIs ---- */

static void test_x32_is_refused(void **state)
{
    (void)state;
    static const int numbers[] = {SYS_getppid};
    const struct mt_system_calls allowed = set_of(numbers, 1);
    struct mt_worker *worker = open_worker();
    assert_refused(worker, &allowed, (struct one_call){.number = X32 + SYS_getppid});
    assert_refused(worker, &allowed, (struct one_call){.number = X32 + SYS_sched_yield});
    mt_worker_destroy(worker, false);
}

/* i386's getppid and sched_yield. */
#define I386_GETPPID 64
#define I386_FUTEX 240
#define I386_WRITE 4

static void call_i386(void *context)
{
    struct one_call *one = context;
    long result = one->number;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(1), "c"(0), "d"(0) : "memory", "cc");
    one->result = result;
}

static bool has_i386(void)
{
    int how = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct one_call one = {.number = I386_GETPPID};
        signal(SIGSEGV, SIG_DFL);
        call_i386(&one);
        _exit(one.result > 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

/* Their numbers are those of other calls: 11 is munmap on x86-64, and execve there. */
static void test_calls_of_another_architecture_are_refused(void **state)
{
    (void)state;
    static const int theirs[] = {I386_GETPPID, SYS_munmap, SYS_futex, I386_WRITE, SYS_exit};
    const struct mt_system_calls allowed = set_of(theirs, 5);
    if (!has_i386()) {
        print_message("skipped: this kernel has no calls of i386\n");
        skip();
    }
    struct mt_worker *worker = open_worker();
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        struct one_call one = {.number = theirs[i]};
        struct mt_verdict verdict = run(worker, &allowed, call_i386, &one);
        assert_true(verdict.is_refused && verdict.is_foreign);
        assert_int_equal(verdict.number, theirs[i]);
        assert_int_equal(one.result, -EPERM);
    }
    mt_worker_destroy(worker, false);
}

/* ---- The thread alone ---- */

static void read_status(const char *task, const char *field, char *to, size_t room)
{
    char path[64];
    char line[256];
    snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    to[0] = '\0';
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, field, strlen(field)) == 0)
            snprintf(to, room, "%s", line + strlen(field));
    fclose(file);
}

static pid_t id_of(struct mt_worker *worker)
{
    static const int numbers[] = {SYS_gettid};
    const struct mt_system_calls allowed = set_of(numbers, 1);
    struct one_call one = {.number = SYS_gettid};
    assert_false(run(worker, &allowed, call, &one).is_refused);
    return (pid_t)one.result;
}

static void test_only_the_worker_is_filtered(void **state)
{
    (void)state;
    static const char *const fields[] = {"Seccomp:", "Seccomp_filters:", "NoNewPrivs:", "SigBlk:"};
    char before[4][64];
    char now[64];
    char own[16];
    char workers[16];
    snprintf(own, sizeof(own), "%d", (int)syscall(SYS_gettid));
    for (size_t i = 0; i < 4; i++)
        read_status(own, fields[i], before[i], sizeof(before[i]));
    struct mt_worker *worker = open_worker();
    snprintf(workers, sizeof(workers), "%d", (int)id_of(worker));
    for (size_t i = 0; i < 4; i++) {
        read_status(own, fields[i], now, sizeof(now));
        assert_string_equal(now, before[i]);
    }
    read_status(workers, "Seccomp:", now, sizeof(now));
    assert_int_equal(atoi(now), SECCOMP_MODE_FILTER);
    read_status(workers, "NoNewPrivs:", now, sizeof(now));
    assert_int_equal(atoi(now), 1);
    mt_worker_destroy(worker, false);
}

static void test_the_listener_is_closed_by_exec(void **state)
{
    (void)state;
    size_t n_found = 0;
    struct mt_worker *worker = open_worker();
    for (int fd = 0; fd < 1024; fd++) {
        char path[64];
        char link[64] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, link, sizeof(link) - 1) < 0 || strstr(link, "seccomp") == NULL)
            continue;
        n_found++;
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    assert_int_equal(n_found, 1);
    mt_worker_destroy(worker, false);
}

static void test_nothing_is_left_of_many(void **state)
{
    (void)state;
    mt_worker_destroy(open_worker(), false); /* what the C library loads once */
    size_t n_threads = count_entries("/proc/self/task");
    size_t n_descriptors = count_entries("/proc/self/fd");
    for (int i = 0; i < 100; i++) {
        struct mt_worker *worker = open_worker();
        if (i % 2 == 0)
            id_of(worker);
        mt_worker_destroy(worker, false);
    }
    mt_worker_destroy(NULL, false);
    assert_int_equal(count_threads(n_threads), n_threads);
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors);
}

static void test_a_forked_child_releases_its_copies(void **state)
{
    (void)state;
    int how = 0;
    size_t n_descriptors = count_entries("/proc/self/fd");
    struct mt_worker *worker = open_worker();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        mt_worker_destroy(worker, true);
        _exit(count_entries("/proc/self/fd") == n_descriptors ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    id_of(worker);
    mt_worker_destroy(worker, false);
}

/* ---- Callers under a filter ---- */

struct inner_job {
    struct mt_worker *worker;
    int n_done;
    mote_status status;
};

static void add_one(void *context)
{
    ++*(int *)context;
}

static void run_inner(void *context)
{
    struct inner_job *job = context;
    struct mt_verdict verdict;
    job->status = mt_worker_run(job->worker, &nothing, add_one, &job->n_done, &verdict, NULL);
}

/* As a host function does that calls into another sandbox. */
static void test_a_caller_that_may_not_listen_leaves_the_worker_as_it_was(void **state)
{
    (void)state;
    static const int numbers[] = {SYS_ioctl, SYS_poll};
    const struct mt_system_calls sets[] = {nothing, set_of(numbers, 1), set_of(numbers + 1, 1)};
    struct mt_worker *outer = open_worker();
    struct inner_job job = {.worker = open_worker()};
    int n_done = 0;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        assert_true(run(outer, &sets[i], run_inner, &job).is_refused);
        assert_int_equal(job.status, MOTE_E_SYSTEM);
        assert_int_equal(job.n_done, 0);
        run(job.worker, &nothing, add_one, &n_done);
        assert_int_equal(n_done, i + 1);
    }
    const struct mt_system_calls both = set_of(numbers, 2);
    assert_false(run(outer, &both, run_inner, &job).is_refused);
    assert_int_equal(job.status, MOTE_OK);
    assert_int_equal(job.n_done, 1);
    mt_worker_destroy(job.worker, false);
    mt_worker_destroy(outer, false);
}

static void destroy_inner(void *context)
{
    mt_worker_destroy(context, false);
}

/* Its thread stays: nobody can tell it to end. */
static void test_a_caller_that_may_not_listen_does_not_wait_for_the_end(void **state)
{
    (void)state;
    struct mt_worker *outer = open_worker();
    assert_true(run(outer, &nothing, destroy_inner, open_worker()).is_refused);
    id_of(outer);
    mt_worker_destroy(outer, false);
}

/* ---- Cost ---- */

static void test_a_job_costs_four_system_calls(void **state)
{
    (void)state;
    int n = 0;
    struct mt_worker *worker = open_worker();
    for (unsigned i = 1; i <= 100; i++) {
        run(worker, &nothing, add_one, &n);
        assert_in_range(mt_worker_n_system_calls(worker), 4 * i, 4 * i);
    }
    assert_int_equal(n, 100);
    mt_worker_destroy(worker, false);
}

#define N_THREADS 8
#define N_JOBS 300

static void *work_alone(void *context)
{
    struct mt_worker *worker = NULL;
    struct mt_verdict verdict;
    int n = 0;
    if (mt_worker_create(&allocator, &worker, NULL) != MOTE_OK)
        return context;
    for (int i = 0; i < N_JOBS; i++) {
        struct one_call one = {.number = SYS_getppid};
        if (mt_worker_run(worker, &nothing, add_one, &n, &verdict, NULL) != MOTE_OK ||
            verdict.is_refused ||
            mt_worker_run(worker, &nothing, call, &one, &verdict, NULL) != MOTE_OK ||
            !verdict.is_refused)
            break;
    }
    mt_worker_destroy(worker, false);
    return n == N_JOBS ? NULL : context;
}

static void test_many_threads_have_workers_of_their_own(void **state)
{
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_alone, state), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

/* ---- Signals and rights ---- */

static atomic_int n_handled;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&n_handled, 1);
}

/* rt_sigreturn is allowed, too. */
static void trap(void *context)
{
    (void)context;
    __asm__ volatile("int3");
}

static void test_a_signal_breaks_no_wait_and_no_job_off(void **state)
{
    (void)state;
    struct mt_worker *worker = open_worker();
    pid_t id = id_of(worker);
    struct sigaction before;
    for (int i = 0; i < 20; i++) {
        int n = 0;
        struct sigaction action = {.sa_handler = on_signal,
                                   .sa_flags = i % 2 == 0 ? SA_RESTART : 0};
        sigaction(SIGTRAP, &action, i == 0 ? &before : NULL);
        atomic_store(&n_handled, 0);
        assert_int_equal(syscall(SYS_tgkill, getpid(), id, SIGTRAP), 0);
        for (int k = 0; i % 4 < 2 && k < 20000 && atomic_load(&n_handled) == 0; k++)
            usleep(1000);
        assert_false(run(worker, &nothing, add_one, &n).is_refused);
        assert_int_equal(n, 1);
        assert_false(run(worker, &nothing, trap, NULL).is_refused);
        assert_int_equal(atomic_load(&n_handled), 2);
    }
    sigaction(SIGTRAP, &before, NULL);
    mt_worker_destroy(worker, false);
}

/* The C library makes every thread do the same, and ends the process where one cannot. */
static void test_the_process_may_give_up_rights(void **state)
{
    (void)state;
    static const int numbers[] = {SYS_geteuid};
    const struct mt_system_calls allowed = set_of(numbers, 1);
    const uid_t other = getuid() == 0 ? 65534 : getuid();
    const uid_t own = getuid();
    struct mt_worker *worker = open_worker();
    for (int i = 0; i < 2; i++) {
        uid_t wanted = i == 0 ? other : own;
        struct one_call one = {.number = SYS_geteuid};
        assert_int_equal(setresuid((uid_t)-1, wanted, (uid_t)-1), 0);
        assert_false(run(worker, &allowed, call, &one).is_refused);
        assert_int_equal(one.result, wanted);
    }
    mt_worker_destroy(worker, false);
}

/* ---- Ends ---- */

static void end_by_exit(void *context)
{
    (void)context;
    pthread_exit(NULL);
}

static void assert_ends_and_goes_on(void (*fn)(void *context))
{
    size_t n_threads = count_entries("/proc/self/task");
    struct mt_worker *worker = open_worker();
    for (int i = 0; i < 3; i++) {
        int n = 0;
        struct mt_verdict verdict = run(worker, &nothing, fn, NULL);
        assert_true(verdict.has_ended_thread);
        assert_false(verdict.is_refused);
        verdict = run(worker, &nothing, add_one, &n);
        assert_false(verdict.has_ended_thread);
        assert_int_equal(n, 1);
        assert_refused(worker, &nothing, (struct one_call){.number = SYS_getppid});
    }
    assert_true(run(worker, &nothing, fn, NULL).has_ended_thread);
    mt_worker_destroy(worker, false);
    assert_int_equal(count_threads(n_threads), n_threads);
}

static void test_a_job_that_exits_its_thread_is_noticed(void **state)
{
    (void)state;
    assert_ends_and_goes_on(end_by_exit);
}

/* A sanitizer must know of every thread's end. */
#ifndef MT_HAS_SANITIZER
static void end_by_call(void *context)
{
    (void)context;
    syscall(SYS_exit, 0);
}

static void test_a_thread_that_ends_without_the_c_library_is_noticed(void **state)
{
    (void)state;
    assert_ends_and_goes_on(end_by_call);
}

#endif

/* ---- Where it cannot be ---- */

struct trial {
    int number; /* that the trial's thread is refused */
    int with_errno;
    mote_status status;
    mote_error err;
};

static void *create_under_a_filter(void *context)
{
    struct trial *trial = context;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)trial->number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)trial->with_errno),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {4, filter};
    struct mt_worker *worker = NULL;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return NULL;
    trial->status = mt_worker_create(&allocator, &worker, &trial->err);
    return NULL;
}

static void *create_under_a_listener(void *context)
{
    struct trial *trial = context;
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {1, &allow};
    struct mt_worker *worker = NULL;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return NULL;
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0)
        return NULL;
    trial->status = mt_worker_create(&allocator, &worker, &trial->err);
    close(listener);
    return NULL;
}

static void assert_fails_under(void *(*fn)(void *), struct trial trial, int with_errno,
                               const char *text)
{
    pthread_t thread;
    size_t n_threads = count_entries("/proc/self/task");
    size_t n_descriptors = count_entries("/proc/self/fd");
    assert_int_equal(pthread_create(&thread, NULL, fn, &trial), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(trial.status, MOTE_E_SYSTEM);
    assert_int_equal(trial.err.os_errno, with_errno);
    assert_non_null(strstr(trial.err.text, text));
    assert_int_equal(count_threads(n_threads), n_threads);
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors);
}

static void test_without_notification_creation_fails(void **state)
{
    (void)state;
    assert_fails_under(create_under_a_filter, (struct trial){SYS_seccomp, EINVAL, 0, {0}}, EINVAL,
                       "seccomp(");
    assert_fails_under(create_under_a_filter, (struct trial){SYS_prctl, EPERM, 0, {0}}, EPERM,
                       "prctl(");
    assert_fails_under(create_under_a_listener, (struct trial){0}, EBUSY, "seccomp(");
}

/* Kernels before 5.5 have no SECCOMP_USER_NOTIF_FLAG_CONTINUE. */
static void test_where_no_call_can_go_through_creation_fails(void **state)
{
    (void)state;
    assert_fails_under(create_under_a_filter, (struct trial){SYS_getppid, ENOSYS, 0, {0}}, 0,
                       "go through");
}

/* ---- Sets and names ---- */

/* ---- A caller that is cancelled ---- */

struct cancelled_caller {
    struct mt_worker *worker;
    atomic_bool is_inside;
    atomic_bool may_return;
    atomic_bool has_ended; /* the caller */
    bool has_returned;     /* its run */
};

static void wait_inside(void *context)
{
    struct cancelled_caller *caller = context;
    atomic_store(&caller->is_inside, true);
    while (!atomic_load(&caller->may_return))
        continue;
}

static void note_end(void *context)
{
    atomic_store(&((struct cancelled_caller *)context)->has_ended, true);
}

static void *run_until_cancelled(void *context)
{
    struct cancelled_caller *caller = context;
    struct mt_verdict verdict;
    pthread_cleanup_push(note_end, caller);
    caller->has_returned =
        mt_worker_run(caller->worker, &nothing, wait_inside, caller, &verdict, NULL) == MOTE_OK;
    pthread_testcancel();
    pthread_cleanup_pop(1);
    return NULL;
}

/* The job uses what is on the caller's stack. */
static void test_a_caller_that_is_cancelled_waits_for_its_job(void **state)
{
    (void)state;
    struct cancelled_caller caller = {.worker = open_worker()};
    pthread_t thread;
    void *how = NULL;
    assert_int_equal(pthread_create(&thread, NULL, run_until_cancelled, &caller), 0);
    while (!atomic_load(&caller.is_inside))
        usleep(1000);
    assert_int_equal(pthread_cancel(thread), 0);
    usleep(50000);
    bool was_early = atomic_load(&caller.has_ended);
    atomic_store(&caller.may_return, true);
    assert_int_equal(pthread_join(thread, &how), 0);
    assert_false(was_early);
    assert_true(caller.has_returned);
    assert_ptr_equal(how, PTHREAD_CANCELED);
    mt_worker_destroy(caller.worker, false);
}

static void test_sets_are_of_numbers_in_range(void **state)
{
    (void)state;
    static const int edges[] = {0, 63, 64, (int)MT_N_SYSTEM_CALLS - 1, 64};
    static const int low[] = {-1};
    static const int high[] = {(int)MT_N_SYSTEM_CALLS};
    static const int starting[] = {SYS_clone, SYS_clone3, SYS_fork, SYS_vfork};
    struct mt_system_calls set;
    assert_int_equal(mt_system_calls_set(&set, edges, 5, NULL), MOTE_OK);
    for (int number = -2; number < (int)MT_N_SYSTEM_CALLS + 2; number++) {
        bool is_edge =
            number == 0 || number == 63 || number == 64 || number == (int)MT_N_SYSTEM_CALLS - 1;
        assert_int_equal(mt_system_calls_has(&set, number), is_edge);
    }
    const struct mt_system_calls before = set;
    assert_int_equal(mt_system_calls_set(&set, low, 1, NULL), MOTE_E_ARGUMENT);
    assert_int_equal(mt_system_calls_set(&set, high, 1, NULL), MOTE_E_ARGUMENT);
    assert_int_equal(mt_system_calls_set(&set, NULL, 1, NULL), MOTE_E_ARGUMENT);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mt_system_calls_set(&set, &starting[i], 1, NULL), MOTE_E_ARGUMENT);
    assert_memory_equal(&set, &before, sizeof(set));
    assert_int_equal(mt_system_calls_set(&set, NULL, 0, NULL), MOTE_OK);
    assert_memory_equal(&set, &nothing, sizeof(set));
}

static void test_names_are_the_kernels(void **state)
{
    (void)state;
    assert_string_equal(mt_system_call_name(SYS_openat), "openat");
    assert_string_equal(mt_system_call_name(SYS_read), "read");
    assert_null(mt_system_call_name(-1));
    assert_null(mt_system_call_name((int)MT_N_SYSTEM_CALLS));
}

static int set_up(void **state)
{
    (void)state;
    mt_allocator_set(&allocator, NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_allows_its_call),
        cmocka_unit_test(test_other_arguments_of_a_rule_are_refused),
        cmocka_unit_test(test_every_other_number_is_refused),
        cmocka_unit_test(test_what_is_registered_is_allowed_by_number_alone),
        cmocka_unit_test(test_the_first_refusal_is_told_and_the_job_goes_on),
        cmocka_unit_test(test_x32_is_refused),
        cmocka_unit_test(test_calls_of_another_architecture_are_refused),
        cmocka_unit_test(test_only_the_worker_is_filtered),
        cmocka_unit_test(test_the_listener_is_closed_by_exec),
        cmocka_unit_test(test_nothing_is_left_of_many),
        cmocka_unit_test(test_a_forked_child_releases_its_copies),
        cmocka_unit_test(test_a_caller_that_may_not_listen_leaves_the_worker_as_it_was),
        cmocka_unit_test(test_a_caller_that_may_not_listen_does_not_wait_for_the_end),
        cmocka_unit_test(test_a_job_costs_four_system_calls),
        cmocka_unit_test(test_many_threads_have_workers_of_their_own),
        cmocka_unit_test(test_a_signal_breaks_no_wait_and_no_job_off),
        cmocka_unit_test(test_the_process_may_give_up_rights),
        cmocka_unit_test(test_a_job_that_exits_its_thread_is_noticed),
#ifndef MT_HAS_SANITIZER
        cmocka_unit_test(test_a_thread_that_ends_without_the_c_library_is_noticed),
#endif
        cmocka_unit_test(test_without_notification_creation_fails),
        cmocka_unit_test(test_where_no_call_can_go_through_creation_fails),
        cmocka_unit_test(test_a_caller_that_is_cancelled_waits_for_its_job),
        cmocka_unit_test(test_sets_are_of_numbers_in_range),
        cmocka_unit_test(test_names_are_the_kernels),
    };
    return cmocka_run_group_tests_name("worker", tests, set_up, NULL);
}
