/* SPDX-License-Identifier: Apache-2.0 */
/* How host and child wait for each other: spinning, by a listener, or by futex without one. */
#include "host/driver/process/fixture.h"

#include "host/base/error.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Spinning ---- */

/* mov $104, %edx; mov $0x180000, %ecx; 1: call *%rcx; jmp 1b */
static const uint8_t calls[] = {0xBA, MT_PORT_DONE, 0, 0,    0,    0xB9, 0,
                                0,    0x18,         0, 0xFF, 0xD1, 0xEB, 0xFC};

static bool bind_to(pid_t process, size_t processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return sched_setaffinity(process, sizeof(set), &set) == 0;
}

/* Start a guest that calls again and again, and give host and child a processor each. */
static bool start_apart(uint64_t limit_ns, cpu_set_t *before)
{
    load(&fixture, calls, sizeof(calls));
    mt_driver_process.spin(fixture.machine, MS);
    start(&fixture, CODE, limit_ns);
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    sched_getaffinity(0, sizeof(*before), before);
    return bind_to(0, 0) && bind_to(fixture.machine->pid, 1);
}

static void end_apart(bool are_apart, const cpu_set_t *before)
{
    sched_setaffinity(0, sizeof(*before), before);
    unload(&fixture);
    if (!are_apart) {
        print_message("skipped: needs two processors\n");
        skip();
    }
}

/* With a processor for each most calls make none; when that comes to pass the system decides. */
static void test_a_call_between_two_that_spin_makes_no_system_call(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    cpu_set_t before;
    uint64_t n_calls = 1;
    bool are_apart = start_apart(20000 * MS, &before);
    while (are_apart && n_calls > 0 && mt_clock_ns() < fixture.deadline_ns - 1000 * MS) {
        n_calls = mt_driver_process.n_system_calls(fixture.machine);
        assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
        n_calls = mt_driver_process.n_system_calls(fixture.machine) - n_calls;
    }
    end_apart(are_apart, &before);
    assert_int_equal(n_calls, 0);
}

/* The clock is not read at each of them: few go on behind the deadline. */
static void test_exits_of_a_child_that_spins_end_at_the_deadline(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    cpu_set_t before;
    struct mt_exit exit;
    unsigned n_late = 0;
    bool are_apart = start_apart(25 * MS, &before);
    do {
        exit = run_once(&fixture);
        n_late += mt_clock_ns() >= fixture.deadline_ns;
    } while (n_late < 1000 && (exit.kind == MT_EXIT_PORT || n_late == 0));
    end_apart(are_apart, &before);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_true(n_late <= 17);
}

/* A child that was found spinning is at rest only when the kernel says so. */
static void test_a_spinning_child_comes_to_rest(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static struct mt_cpu cpu;
    mote_error err = {0};
    load(&fixture, calls, sizeof(calls));
    mt_driver_process.spin(fixture.machine, 10 * MS);
    start(&fixture, CODE, 20000 * MS);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
        assert_int_equal(mt_driver_process.quiesce(fixture.machine, &err), MOTE_OK);
        assert_true(fixture.machine->is_parked);
        assert_int_equal(mt_driver_process.save(fixture.machine, &cpu, &err), MOTE_OK);
        assert_int_equal(cpu.rdx, MT_PORT_DONE);
        assert_int_equal(cpu.rip, MT_STUB_PAGE + MT_STUB_RETURN);
        if (i % 2)
            assert_int_equal(mt_driver_process.load(fixture.machine, &cpu, &err), MOTE_OK);
    }
    unload(&fixture);
}

static void *kick_soon(void *machine)
{
    usleep(5000);
    mt_driver_process.kick(machine);
    return NULL;
}

/* The first comes between two calls, as it span; the second as its host looks for an exit. */
static void test_two_signals_to_a_child_that_spins_are_no_fault_of_the_next_guest(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    pthread_t thread;
    load(&fixture, calls, sizeof(calls));
    mt_driver_process.spin(fixture.machine, 20 * MS);
    start(&fixture, CODE, 20000 * MS);
    for (unsigned i = 0; i < 100 && !fixture.machine->is_spinning; i++)
        assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    mt_driver_process.kick(fixture.machine);
    usleep(2000);
    start(&fixture, CODE, 20000 * MS);
    assert_int_equal(pthread_create(&thread, NULL, kick_soon, fixture.machine), 0);
    struct mt_exit exit = run_on(&fixture);
    pthread_join(thread, NULL);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    unload(&fixture);
}

/* The signal's handler says first where its frame is, then that it came. */
static void test_a_frame_that_is_about_to_be_told_of_is_not_forgotten(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    const uint64_t place = MT_PROCESS_FROM + MT_FROM_STACK;
    uint64_t after;
    load(&fixture, calls, sizeof(calls));
    assert_answers(&fixture);
    uint8_t *frame = fixture.machine->from + MT_FROM_FRAME;
    memcpy(frame, &place, sizeof(place));
    fixture.machine->is_spinning = true;
    mt_process_forget_words(fixture.machine);
    memcpy(&after, frame, sizeof(after));
    assert_int_equal(after, place);
    fixture.machine->is_spinning = false;
    mt_process_forget_words(fixture.machine);
    memcpy(&after, frame, sizeof(after));
    assert_int_equal(after, 0);
    unload(&fixture);
}

/* ---- Signals to the host ---- */

/*
 *         mov $0xA, %eax; movd %eax, %xmm5
 *      1: cmpl $0, DATA; je 1b
 *         mov $0xB, %eax; movd %eax, %xmm5
 *         mov $MT_STUB_PAGE, %ecx; mov $104, %edx
 *      2: call *%rcx
 *         movd %xmm5, %eax; jmp 2b
 */
static const uint8_t changes_vectors[] = {
    0xB8, 0x0A, 0,    0,    0,    0x66, 0x0F,         0x6E, 0xE8, 0x83, 0x3C, 0x25, 0,    0x10,
    0x20, 0,    0,    0x74, 0xF6, 0xB8, 0x0B,         0,    0,    0,    0x66, 0x0F, 0x6E, 0xE8,
    0xB9, 0,    0,    0x18, 0,    0xBA, MT_PORT_DONE, 0,    0,    0,    0xFF, 0xD1, 0x66, 0x0F,
    0x7E, 0xE8, 0xEB, 0xF8};
_Static_assert(DATA == 0x201000 && MT_STUB_PAGE == 0x180000, "the code above");
#define XMM5_OFFSET 240u /* in the XSAVE area */

/* A guest that was interrupted with 0xA there, and told an exit with 0xB. */
static void load_changed_vectors(void)
{
    load(&fixture, changes_vectors, sizeof(changes_vectors));
    start(&fixture, CODE, 20000 * MS);
    do
        assert_int_equal(run_once(&fixture).kind, MT_EXIT_INTERRUPTED);
    while (fixture.machine->next != MT_NEXT_CONTEXT && mt_clock_ns() < fixture.deadline_ns);
    *guest_bytes(&fixture, DATA) = 1;
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
}

static void assert_saves_vectors(void)
{
    static struct mt_cpu cpu;
    mote_error err = {0};
    if (mt_driver_process.save(fixture.machine, &cpu, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    assert_int_equal(cpu.vector[XMM5_OFFSET], 0x0B);
}

/* Where the child can take it as it waits it may do so before it is asked for its state. */
static void test_a_kick_before_a_child_is_saved_changes_nothing_of_it(void **state)
{
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_changed_vectors();
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(mt_driver_process.quiesce(fixture.machine, &err), MOTE_OK);
        mt_driver_process.kick(fixture.machine);
        usleep(i % 4 * 100);
        assert_saves_vectors();
        struct mt_exit exit = run_on(&fixture);
        assert_int_equal(exit.kind, MT_EXIT_PORT);
        assert_int_equal(exit.port.value, 0x0B);
    }
    unload(&fixture);
}

static void assert_goes_on_with_vectors(void)
{
    struct mt_exit exit = run_on(&fixture);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(exit.port.value, 0x0B);
    unload(&fixture);
}

static const struct mt_waiting *undisturbed;
static enum mt_event event_told_late;
static unsigned n_disturbances;

/* What the first of the calls finds the last of them says: signals came first. */
static enum mt_event receive_disturbed(struct mt_machine *machine, uint64_t end_ns)
{
    if (n_disturbances == 0)
        return undisturbed->receive_until(machine, end_ns);
    if (event_told_late == MT_EVENT_INTERRUPTED)
        event_told_late = undisturbed->receive_until(machine, end_ns);
    n_disturbances--;
    machine->is_parked = n_disturbances == 0 && event_told_late == MT_EVENT_PARKED;
    return n_disturbances == 0 ? event_told_late : MT_EVENT_INTERRUPTED;
}

/* Signals to the host say nothing of the child: it is not told to stop for each of them, by which
 * the stack for signals would be used up, and no frame of an earlier one is taken for what it left.
 */
static void test_a_signal_to_its_host_changes_nothing_of_a_saved_child(void **state)
{
    struct mt_waiting disturbed;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_changed_vectors();
    assert_int_equal(mt_driver_process.quiesce(fixture.machine, &err), MOTE_OK);
    undisturbed = fixture.machine->prepared->waiting;
    disturbed = *undisturbed;
    disturbed.receive_until = receive_disturbed;
    fixture.machine->prepared->waiting = &disturbed;
    for (unsigned i = 0; i < 4 * MT_N_SIGNAL_SLOTS; i++) {
        n_disturbances = 2 + i;
        event_told_late = MT_EVENT_INTERRUPTED;
        assert_saves_vectors();
    }
    fixture.machine->prepared->waiting = undisturbed;
    assert_goes_on_with_vectors();
}

static void ignore_signal(int signal)
{
    (void)signal;
}

static void test_signals_to_its_host_at_any_moment_change_nothing_of_a_saved_child(void **state)
{
    const struct itimerval often = {{0, 50}, {0, 50}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    const struct sigaction ignore = {.sa_handler = ignore_signal};
    struct sigaction before;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_changed_vectors();
    assert_int_equal(mt_driver_process.quiesce(fixture.machine, &err), MOTE_OK);
    sigaction(SIGALRM, &ignore, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 3000; i++)
        assert_saves_vectors();
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_goes_on_with_vectors();
}

static uint64_t rip_told(void)
{
    static struct mt_cpu cpu;
    mt_driver_process.inspect(fixture.machine, &cpu);
    return cpu.rip;
}

/* Where an earlier run was interrupted is not told as if this one had been. */
static void test_registers_that_are_not_known_are_told_as_none(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, changes_vectors, sizeof(changes_vectors));
    start(&fixture, CODE, 20000 * MS);
    do
        assert_int_equal(run_once(&fixture).kind, MT_EXIT_INTERRUPTED);
    while (fixture.machine->next != MT_NEXT_CONTEXT && mt_clock_ns() < fixture.deadline_ns);
    assert_in_range(rip_told(), CODE, CODE + sizeof(changes_vectors));
    start(&fixture, CODE, 20000 * MS);
    assert_int_equal(rip_told(), 0);
    leave_running(&fixture);
    assert_int_equal(rip_told(), 0);
    mt_driver_process.forget(fixture.machine);
    assert_int_equal(fixture.machine->frame.rip, 0);
    unload(&fixture);
}

static mote_status answer_in_vain(struct mt_machine *machine, bool *is_lost, mote_error *err)
{
    (void)machine;
    (void)is_lost;
    return mt_fail_errno(err, MOTE_E_SYSTEM, EDOM, "the answer");
}

static void test_the_error_of_an_answer_is_told(void **state)
{
    struct mt_exit exit;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    undisturbed = fixture.machine->prepared->waiting;
    struct mt_waiting disturbed = *undisturbed;
    disturbed.answer = answer_in_vain;
    fixture.machine->prepared->waiting = &disturbed;
    errno = EXDEV;
    assert_int_equal(mt_driver_process.run(fixture.machine, &exit, &err), MOTE_E_SYSTEM);
    fixture.machine->prepared->waiting = undisturbed;
    assert_int_equal(err.os_errno, EDOM);
    unload(&fixture);
}

/* ---- By a listener ---- */

/* The kernel begins its wait anew, without a word to anybody. */
static void test_a_child_that_is_stopped_and_continued_goes_on(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, calls, sizeof(calls));
    assert_answers(&fixture);
    for (int i = 0; i < 10; i++) {
        int pidfd = fixture.machine->child;
        assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, SIGSTOP, NULL, 0), 0);
        usleep(2000);
        if (i % 2 == 0)
            assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0), 0);
        pid_t helper = i % 2 == 1 ? fork() : -1; /* or else only after our answer */
        if (helper == 0) {
            usleep(3000);
            _exit(syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) != 0);
        }
        assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
        if (helper > 0)
            assert_int_equal(waitpid(helper, NULL, 0), helper);
    }
    unload(&fixture);
}

/* ---- Without a listener ---- */

static unsigned refusal;

static int call_without_a_listener(void)
{
    const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refusal),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter copy[sizeof(filter) / sizeof(filter[0])];
    mote_driver_report report = {.struct_size = sizeof(report)};
    memcpy(copy, filter, sizeof(filter));
    const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), copy};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return 2;
    mt_driver_process.examine(&report);
    if (!report.works || strcmp(report.kind, "futex") != 0)
        return 3;
    return call_once();
}

static void test_waits_by_futex_where_no_listener_can_be_had(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const unsigned refusals[] = {EBUSY, EINVAL, EPERM, EACCES, ENOSYS};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        refusal = refusals[i];
        assert_forked(call_without_a_listener);
    }
}

/* Want of memory passes: it is told, and no reason to go another way. */
static int fail_without_memory(void)
{
    return call_without_a_listener() == 3 ? 0 : 1;
}

static void test_want_of_memory_for_a_listener_is_an_error(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    if (strcmp(driver_kind(), "futex") == 0) {
        print_message("skipped: no listener can be had here\n");
        skip();
    }
    refusal = ENOMEM;
    assert_forked(fail_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_between_two_that_spin_makes_no_system_call),
        cmocka_unit_test(test_exits_of_a_child_that_spins_end_at_the_deadline),
        cmocka_unit_test(test_a_spinning_child_comes_to_rest),
        cmocka_unit_test(test_two_signals_to_a_child_that_spins_are_no_fault_of_the_next_guest),
        cmocka_unit_test(test_a_frame_that_is_about_to_be_told_of_is_not_forgotten),
        cmocka_unit_test(test_a_kick_before_a_child_is_saved_changes_nothing_of_it),
        cmocka_unit_test(test_a_signal_to_its_host_changes_nothing_of_a_saved_child),
        cmocka_unit_test(test_signals_to_its_host_at_any_moment_change_nothing_of_a_saved_child),
        cmocka_unit_test(test_registers_that_are_not_known_are_told_as_none),
        cmocka_unit_test(test_the_error_of_an_answer_is_told),
        cmocka_unit_test(test_a_child_that_is_stopped_and_continued_goes_on),
        cmocka_unit_test(test_waits_by_futex_where_no_listener_can_be_had),
        cmocka_unit_test(test_want_of_memory_for_a_listener_is_an_error),
    };
    return cmocka_run_group_tests_name("process waits", tests, find_driver, NULL);
}
