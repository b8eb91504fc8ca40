/* SPDX-License-Identifier: Apache-2.0 */
/* How children end, by a kill or with their host, and what the host notices of its children. */
#include "host/driver/process/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef N_KILLS
#define N_KILLS 200
#endif

static const uint8_t loops[] = {0xEB, 0xFE};

/* ---- Death ---- */

static void test_a_killed_child_is_an_exit(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    kill(pid_of(fixture.machine->child), SIGKILL);
    struct mt_exit exit = run_on(&fixture);
    assert_int_equal(exit.kind, MT_EXIT_DIED);
    exit = run_on(&fixture);
    assert_int_equal(exit.kind, MT_EXIT_DIED);
    renew(&fixture);
    assert_answers(&fixture);
    unload(&fixture);
}

static void *kill_soon(void *child)
{
    usleep((useconds_t)(rand() % 500));
    kill(*(int *)child, SIGKILL);
    return NULL;
}

static void test_children_killed_at_any_moment(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    for (int i = 0; i < N_KILLS; i++) {
        pthread_t thread;
        struct mt_exit exit;
        int child = pid_of(fixture.machine->child);
        pthread_create(&thread, NULL, kill_soon, &child);
        start(&fixture, CODE, 10000 * MS);
        do
            exit = run_on(&fixture);
        while (exit.kind == MT_EXIT_PORT);
        assert_int_equal(exit.kind, MT_EXIT_DIED);
        pthread_join(thread, NULL);
        renew(&fixture);
    }
    assert_answers(&fixture);
    unload(&fixture);
}

static int prepare_and_loop(int to_parent)
{
    struct fixture f;
    mote_error err = {0};
    struct mt_exit exit;
    init_plan(&f, loops, sizeof(loops));
    if (mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK)
        return 1;
    const struct mt_process_prepared *prepared = f.prepared;
    int pids[2] = {pid_of(prepared->zygote.keeper), pid_of(f.machine->child)};
    start(&f, CODE, 60000 * MS);
    if (write(to_parent, pids, sizeof(pids)) != (ssize_t)sizeof(pids))
        return 1;
    do {
        if (mt_driver_process.run(f.machine, &exit, &err) != MOTE_OK)
            return 1;
    } while (exit.kind == MT_EXIT_INTERRUPTED);
    return 1;
}

/* Whether a process runs; a zombie does not. */
static bool is_running(int pid)
{
    char path[64];
    char state = 'X';
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return false;
    if (fscanf(stream, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    fclose(stream);
    return state != 'Z' && state != 'X';
}

static void test_children_end_with_their_host(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    int ends[2];
    int pids[2];
    assert_int_equal(pipe(ends), 0);
    pid_t host = fork();
    if (host == 0)
        _exit(prepare_and_loop(ends[1]));
    assert_int_equal(read(ends[0], pids, sizeof(pids)), sizeof(pids));
    bool were_running = is_running(pids[0]) && is_running(pids[1]);
    kill(host, SIGKILL);
    assert_true(were_running);
    assert_int_equal(waitpid(host, NULL, 0), host);
    uint64_t end_ns = mt_clock_ns() + 5000 * MS;
    while ((is_running(pids[0]) || is_running(pids[1])) && mt_clock_ns() < end_ns)
        usleep(1000);
    assert_false(is_running(pids[0]) || is_running(pids[1]));
    close(ends[0]);
    close(ends[1]);
}

/* The zygote is the child's parent. */
static int zygote_pid(const struct fixture *f)
{
    char path[64];
    int zygote = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid_of(f->machine->child));
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%*d (%*[^)]) %*c %d", &zygote), 1);
    fclose(stream);
    return zygote;
}

static void test_a_killed_zygote_takes_its_children_and_is_made_anew(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    size_t n_descriptors = count_entries("/proc/self/fd");
    kill(zygote_pid(&fixture), SIGKILL);
    struct mt_exit exit;
    do
        exit = run_on(&fixture);
    while (exit.kind == MT_EXIT_PORT); /* the child dies soon after */
    assert_int_equal(exit.kind, MT_EXIT_DIED);
    for (int i = 0; i < 2; i++) {
        renew(&fixture);
        assert_answers(&fixture);
    }
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors);
    unload(&fixture);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

static void *make_in_thread(void *prepared)
{
    struct mt_machine *machine = NULL;
    struct mt_window window;
    mote_error err = {0};
    (void)mt_driver_process.create(prepared, &machine, &window, &err);
    return machine;
}

/* As it waits for the zygote, which everybody else waits for then. */
static void test_a_thread_that_is_cancelled_leaves_others_their_zygote(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    pthread_t thread;
    void *result;
    load(&fixture, answers, sizeof(answers));
    struct mt_process_prepared *prepared = fixture.prepared;
    int zygote = zygote_pid(&fixture);
    assert_int_equal(kill(zygote, SIGSTOP), 0);
    assert_int_equal(pthread_create(&thread, NULL, make_in_thread, prepared), 0);
    usleep(50000);
    pthread_cancel(thread);
    usleep(50000);
    assert_int_equal(kill(zygote, SIGCONT), 0);
    pthread_join(thread, &result);
    int failure = pthread_mutex_trylock(&prepared->lock);
    if (failure == 0)
        pthread_mutex_unlock(&prepared->lock);
    assert_int_equal(failure, 0);
    renew(&fixture);
    assert_answers(&fixture);
    if (result != PTHREAD_CANCELED)
        mt_driver_process.destroy(result, false);
    unload(&fixture);
}

static volatile sig_atomic_t n_alarms;
static int stopped_zygote;

#define MANY_ALARMS 150 /* 3 s */

/* Who waits for it without an end gets it back after a while. */
static void count_alarm(int signal)
{
    (void)signal;
    if (++n_alarms == MANY_ALARMS)
        kill(stopped_zygote, SIGCONT);
}

static mote_status make_under_alarms(struct mt_machine **machine)
{
    const struct itimerval often = {{0, 20000}, {0, 20000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    const struct sigaction count = {.sa_handler = count_alarm};
    struct sigaction before;
    struct mt_window window;
    mote_error err = {0};
    n_alarms = 0;
    sigaction(SIGALRM, &count, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    mote_status status = mt_driver_process.create(fixture.prepared, machine, &window, &err);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    return status;
}

/* Signals to the host do not make it wait any longer. */
static void test_a_zygote_that_is_stopped_is_waited_for_until_an_end(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    const struct timeval patience = {.tv_usec = 200000};
    struct mt_machine *machine = NULL;
    load(&fixture, answers, sizeof(answers));
    struct mt_process_prepared *prepared = fixture.prepared;
    int channel = prepared->zygote.channel;
    assert_int_equal(setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    stopped_zygote = zygote_pid(&fixture);
    assert_int_equal(kill(stopped_zygote, SIGSTOP), 0);
    mote_status status = make_under_alarms(&machine);
    assert_int_equal(kill(stopped_zygote, SIGCONT), 0);
    if (machine != NULL)
        mt_driver_process.destroy(machine, false);
    assert_int_equal(status, MOTE_E_SYSTEM);
    assert_true(n_alarms < MANY_ALARMS);
    renew(&fixture);
    assert_answers(&fixture);
    unload(&fixture);
}

/* A child that is told to stop while it gives up what it was set up with goes on with that. */
static void test_a_kick_leaves_no_child_half_made(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    for (int i = 0; i < 300; i++) {
        char path[64];
        char line[256];
        renew(&fixture);
        start(&fixture, CODE, 5000 * MS);
        for (int n = 0; n < i % 40; n++)
            __asm__ volatile("pause");
        mt_driver_process.kick(fixture.machine);
        struct mt_exit exit = run_on(&fixture);
        while (exit.kind == MT_EXIT_INTERRUPTED)
            exit = run_on(&fixture);
        assert_int_equal(exit.kind, MT_EXIT_PORT);
        if (geteuid() != 0)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/fd", pid_of(fixture.machine->child));
        assert_int_equal(count_entries(path), 0);
        snprintf(path, sizeof(path), "/proc/%d/maps", pid_of(fixture.machine->child));
        FILE *maps = fopen(path, "r");
        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps) != NULL) {
            unsigned long first = strtoul(line, NULL, 16);
            assert_false(first >= MT_PROCESS_SETUP && first < MT_PROCESS_END);
        }
        fclose(maps);
    }
    unload(&fixture);
}

/* ---- What the host notices ---- */

static volatile sig_atomic_t n_signals;

static void count_signal(int signal)
{
    (void)signal;
    n_signals++;
}

static void test_the_hosts_own_waiting_is_undisturbed(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    struct sigaction count = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    struct sigaction before;
    int status;
    sigaction(SIGCHLD, &count, &before);
    n_signals = 0;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    pid_t own = fork();
    if (own == 0)
        _exit(7);
    assert_int_equal(waitpid(-1, &status, 0), own);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(n_signals, 1);
    renew(&fixture);
    unload(&fixture);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
    assert_int_equal(n_signals, 1);
    sigaction(SIGCHLD, &before, NULL);
}

static size_t count_lines(const char *path)
{
    size_t n = 0;
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    for (int c = fgetc(stream); c != EOF; c = fgetc(stream))
        n += c == '\n';
    fclose(stream);
    return n;
}

/* Children of the zygote, zombies too. */
static size_t count_children(pid_t of)
{
    size_t n = 0;
    DIR *folder = opendir("/proc");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[300];
        int parent = 0;
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        FILE *stream = entry->d_name[0] >= '0' && entry->d_name[0] <= '9' ? fopen(path, "r") : NULL;
        if (stream == NULL)
            continue;
        if (fscanf(stream, "%*d (%*[^)]) %*c %d", &parent) == 1)
            n += parent == of;
        fclose(stream);
    }
    closedir(folder);
    return n;
}

static void test_many_lives_leave_nothing(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    size_t n_descriptors = count_entries("/proc/self/fd");
    size_t n_own = 2 + ((struct mt_process_prepared *)fixture.prepared)->waiting->n_descriptors;
    size_t n_mappings = count_lines("/proc/self/maps");
    int zygote = zygote_pid(&fixture);
    for (int i = 0; i < 1000; i++) {
        renew(&fixture);
        if (i % 10 == 0)
            assert_answers(&fixture);
    }
    assert_answers(&fixture);
    uint64_t end_ns = mt_clock_ns() + 5000 * MS;
    while (count_children(zygote) > 1 && mt_clock_ns() < end_ns)
        usleep(1000);
    assert_int_equal(count_children(zygote), 1);
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors);
    assert_in_range(count_lines("/proc/self/maps"), n_mappings - 2, n_mappings + 2);
    unload(&fixture);
    for (int i = 0; i < 20; i++) {
        load(&fixture, answers, sizeof(answers));
        unload(&fixture);
    }
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors - n_own);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

static void *load_in_thread(void *state)
{
    (void)state;
    load(&fixture, answers, sizeof(answers));
    return NULL;
}

static void test_the_thread_that_prepared_may_end(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    pthread_t thread;
    pthread_create(&thread, NULL, load_in_thread, NULL);
    pthread_join(thread, NULL);
    usleep(20000);
    assert_answers(&fixture);
    renew(&fixture);
    assert_answers(&fixture);
    unload(&fixture);
}

static void test_a_forked_child_releases_copies_only(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    int status;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    pid_t copy = fork();
    if (copy == 0) {
        mt_driver_process.destroy(fixture.machine, true);
        mt_driver_process.unprepare(fixture.prepared);
        _exit(0);
    }
    assert_int_equal(waitpid(copy, &status, 0), copy);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_answers(&fixture);
    renew(&fixture);
    assert_answers(&fixture);
    unload(&fixture);
}

#define CANNOT 77 /* exit status: this host does not let us try */

static int end_a_copy(struct fixture *f)
{
    int status;
    pid_t copy = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
    if (copy == 0) {
        mt_driver_process.destroy(f->machine, true);
        mt_driver_process.unprepare(f->prepared);
        _exit(getpid() != 1);
    }
    if (copy < 0 || waitpid(copy, &status, 0) != copy)
        return CANNOT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

/* As the first process of a namespace, which has another one inside. */
static int live_on_when_a_copy_has_ended(void)
{
    const struct mt_registers registers = {.rip = CODE, .rsp = STACK_END};
    static struct fixture f;
    mote_error err = {0};
    struct mt_exit exit = {0};
    init_plan(&f, answers, sizeof(answers));
    if (mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK)
        return 3;
    mt_driver_process.enter(f.machine, &registers);
    for (int i = 0; i < 2; i++) {
        int failure = i == 1 ? end_a_copy(&f) : 0;
        if (failure != 0)
            return failure;
        if (mt_driver_process.begin(f.machine, mt_clock_ns() + 5000 * MS, &err) != MOTE_OK ||
            mt_driver_process.run(f.machine, &exit, &err) != MOTE_OK || exit.kind != MT_EXIT_PORT)
            return 4;
    }
    return 0;
}

static int live_on_in_a_namespace(void)
{
    int status;
    pid_t first = unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 ? fork() : -1;
    if (first == 0)
        _exit(live_on_when_a_copy_has_ended());
    if (first < 0 || waitpid(first, &status, 0) != first)
        return CANNOT;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}

/* Parent and child are both number 1, as in containers in containers. */
static void test_a_forked_child_of_the_same_number_releases_copies_only(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    int status;
    pid_t host = fork();
    if (host == 0)
        _exit(live_on_in_a_namespace());
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT) {
        print_message("skipped: no namespaces for processes here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_child_is_an_exit),
        cmocka_unit_test(test_children_killed_at_any_moment),
        cmocka_unit_test(test_children_end_with_their_host),
        cmocka_unit_test(test_a_killed_zygote_takes_its_children_and_is_made_anew),
        cmocka_unit_test(test_a_thread_that_is_cancelled_leaves_others_their_zygote),
        cmocka_unit_test(test_a_zygote_that_is_stopped_is_waited_for_until_an_end),
        cmocka_unit_test(test_a_kick_leaves_no_child_half_made),
        cmocka_unit_test(test_the_hosts_own_waiting_is_undisturbed),
        cmocka_unit_test(test_many_lives_leave_nothing),
        cmocka_unit_test(test_the_thread_that_prepared_may_end),
        cmocka_unit_test(test_a_forked_child_releases_copies_only),
        cmocka_unit_test(test_a_forked_child_of_the_same_number_releases_copies_only),
    };
    return cmocka_run_group_tests_name("process lives", tests, find_driver, NULL);
}
