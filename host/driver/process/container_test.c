/* SPDX-License-Identifier: Apache-2.0 */
/* The process driver for an ordinary user, in an empty root, and in a container. */
#include "host/base/page_set_test.h"
#include "host/driver/process/container_profile.h"
#include "host/driver/process/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_NAMESPACE 77
#define NOT_HERE 78 /* what is to be missing cannot be taken away */

/* No /proc, no /dev: the root is a folder that is no longer there. Who is an ordinary user already
 * may change the root in a namespace of users alone. */
static int become_nobody_in_nothing(void)
{
    char folder[] = "/tmp/mote-process-XXXXXX";
    bool is_root = geteuid() == 0;
    if (!is_root && unshare(CLONE_NEWUSER) != 0)
        return NO_NAMESPACE;
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0 || chdir(folder) != 0 ||
        rmdir(folder) != 0 || chroot(".") != 0)
        return 2;
    return is_root && (setgid(65534) != 0 || setuid(65534) != 0) ? 2 : 0;
}

static int call_with_nothing(void)
{
    int status = become_nobody_in_nothing();
    return status != 0 ? status : call_once();
}

static void test_works_without_privileges_and_files(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    int status;
    pid_t host = fork();
    if (host == 0)
        _exit(call_with_nothing());
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NAMESPACE) {
        print_message("skipped: needs root, or namespaces of users\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static uint64_t counter_of(const struct fixture *f)
{
    uint64_t value;
    memcpy(&value, f->window.host + (DATA - f->window.start), sizeof(value));
    return value;
}

/* mov $104, %edx; 1: incq DATA; out %al, %dx; jmp 1b; at 0x40: jmp . */
static const uint8_t counts[0x42] = {
    0xBA,        MT_PORT_DONE,     0,          0, 0,    0x48, 0xFF, 0x04,          0x25,
    DATA & 0xFF, DATA >> 8 & 0xFF, DATA >> 16, 0, 0xEE, 0xEB, 0xF5, [0x40] = 0xEB, [0x41] = 0xFE};

static bool comes_to(struct fixture *f, enum mt_exit_kind wanted)
{
    struct mt_exit exit;
    mote_error err = {0};
    uint64_t end_ns = mt_clock_ns() + 5000 * MS;
    if (mt_driver_process.begin(f->machine, end_ns, &err) != MOTE_OK)
        return false;
    do
        if (mt_driver_process.run(f->machine, &exit, &err) != MOTE_OK)
            return false;
    while (exit.kind != wanted && exit.kind == MT_EXIT_INTERRUPTED && mt_clock_ns() < end_ns);
    return exit.kind == wanted;
}

static bool enters(struct fixture *f, uint64_t rip, enum mt_exit_kind wanted)
{
    const struct mt_registers registers = {.rip = rip, .rsp = STACK_END};
    mt_driver_process.enter(f->machine, &registers);
    return comes_to(f, wanted);
}

/* Bring the counter back to where it was, as a snapshot does. */
static bool goes_back(struct fixture *f)
{
    struct mt_page_set set;
    struct mt_cpu cpu;
    mote_error err = {0};
    const uint64_t was = counter_of(f);
    if (!mt_page_set_init(&set, &f->allocator, 4) ||
        mt_driver_process.quiesce(f->machine, &err) != MOTE_OK ||
        mt_driver_process.track(f->machine, UINT64_MAX, &err) != MOTE_OK ||
        mt_driver_process.save(f->machine, &cpu, &err) != MOTE_OK)
        return false;
    if (!comes_to(f, MT_EXIT_PORT) || counter_of(f) != was + 1 ||
        mt_driver_process.quiesce(f->machine, &err) != MOTE_OK ||
        mt_driver_process.list_written(f->machine, &set, &err) != MOTE_OK || !page_set_has(&set, 0))
        return false;
    memcpy(guest_bytes(f, DATA), &was, sizeof(was));
    if (mt_driver_process.load(f->machine, &cpu, &err) != MOTE_OK || !comes_to(f, MT_EXIT_PORT))
        return false;
    mt_page_set_fini(&set, &f->allocator);
    return counter_of(f) == was + 1;
}

/* All that a sandbox does in its life. Returns the number of what did not work. */
static int live(void)
{
    struct fixture f;
    mote_driver_report report = {.struct_size = sizeof(report)};
    mote_error err = {0};
    mt_driver_process.examine(&report);
    init_plan(&f, counts, sizeof(counts));
    if (!report.works ||
        mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK) {
        print_message("%s%s\n", report.reason, err.text);
        return 10;
    }
    if (!enters(&f, CODE, MT_EXIT_PORT) || !comes_to(&f, MT_EXIT_PORT) || counter_of(&f) != 2)
        return 11;
    if (!goes_back(&f))
        return 12;
    mt_driver_process.kick(f.machine);
    if (!enters(&f, CODE + 0x40, MT_EXIT_INTERRUPTED))
        return 13;
    if (!enters(&f, CODE, MT_EXIT_PORT))
        return 14;
    int child = f.machine->pid;
    unload(&f);
    for (int i = 0; i < 20000 && kill(child, 0) == 0; i++)
        usleep(1000);
    return kill(child, 0) == 0 ? 15 : 0;
}

static unsigned refusal;

static int live_in_a_container(void)
{
    return mt_container_confine(refusal) != 0 ? 2 : live();
}

/* As an ordinary user, in an empty root. */
static int live_in_an_empty_container(void)
{
    return become_nobody_in_nothing() != 0 ? 3 : live_in_a_container();
}

/* Docker and containerd refuse with EPERM, Podman with ENOSYS. */
static void test_works_under_a_containers_usual_profile(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const unsigned refusals[] = {EPERM, ENOSYS};
    for (size_t i = 0; i < 2; i++) {
        refusal = refusals[i];
        assert_forked(live_in_a_container);
        if (geteuid() == 0)
            assert_forked(live_in_an_empty_container);
    }
}

/* ---- Advice ---- */

/* Whether the driver works, or it is said how it would. */
static bool is_advised(const char *advice)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    mt_driver_process.examine(&report);
    if (report.works || strstr(report.advice, advice) != NULL)
        return true;
    print_message("%s: %s\n", report.reason, report.advice);
    return false;
}

static int want_descriptors(void)
{
    for (rlim_t n = 20; n > 3; n--) {
        const struct rlimit limit = {n, n};
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || !is_advised("ulimit -n"))
            return 1;
    }
    return 0;
}

/* For the kernel a sandbox's memory is a file; past the limit it would send us SIGXFSZ. */
static int want_large_files(void)
{
    for (rlim_t n = 0x100000; n > 0; n /= 4) {
        const struct rlimit limit = {n, n};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || !is_advised("ulimit -f"))
            return 1;
    }
    return 0;
}

/* Of a user who has no other process. */
static int want_processes(void)
{
    if (geteuid() != 0 || setgid(54321) != 0 || setuid(54321) != 0)
        return NOT_HERE;
    for (rlim_t n = 4; n > 0; n--) {
        const struct rlimit limit = {n, n};
        if (setrlimit(RLIMIT_NPROC, &limit) != 0 || !is_advised("ulimit -u"))
            return 1;
    }
    return 0;
}

static int run_where_no_memory_is_executed(void)
{
    int setting = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
    if (setting < 0 || write(setting, "2", 1) != 1)
        return NOT_HERE;
    return is_advised("vm.memfd_noexec") ? 0 : 1;
}

/* The setting is that of a namespace of processes. */
static int want_executable_memory(void)
{
    int status;
    if (unshare(CLONE_NEWPID) != 0)
        return NOT_HERE;
    pid_t first = fork();
    if (first == 0)
        _exit(run_where_no_memory_is_executed());
    return waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void test_what_is_missing_is_said(void **state)
{
    static int (*const wants[])(void) = {want_descriptors, want_large_files, want_processes,
                                         want_executable_memory};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        int status;
        pid_t host = fork();
        if (host == 0)
            _exit(wants[i]());
        assert_int_equal(waitpid(host, &status, 0), host);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != NOT_HERE)
            assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_works_without_privileges_and_files),
        cmocka_unit_test(test_works_under_a_containers_usual_profile),
        cmocka_unit_test(test_what_is_missing_is_said),
    };
    return cmocka_run_group_tests_name("process container", tests, find_driver, NULL);
}
