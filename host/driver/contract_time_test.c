/* SPDX-License-Identifier: Apache-2.0 */
/* What every driver must do: end a run at its deadline, and when somebody kicks it. */
#include "host/driver/contract_fixture.h"

#include <pthread.h>
#include <unistd.h>

static void test_an_endless_loop_is_interrupted_at_the_deadline(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    static const uint64_t limits_ns[] = {MS, 20 * MS, 100 * MS};
    for (size_t i = 0; i < 3; i++) {
        load(f, "\xEB\xFE", 2);
        struct mt_exit exit = run_from(f, 0, limits_ns[i]);
        uint64_t now = mt_clock_ns();
        assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
        assert_true(now >= f->deadline_ns);
        assert_true(now - f->deadline_ns < LONG_NS);
    }
}

/* Each of them comes soon: none is waited for long enough to notice the deadline meanwhile. */
static void test_endless_exits_are_interrupted_at_the_deadline(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* 1: call *%rcx; jmp 1b */
    const uint8_t code[] = {
        MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT), MOV_EDX(MT_PORT_LOG), 0xFF, 0xD1, 0xEB, 0xFC};
    load(f, code, sizeof(code));
    struct mt_exit exit = run_from(f, 0, 5 * MS);
    while (exit.kind == MT_EXIT_PORT && mt_clock_ns() < f->deadline_ns + LONG_NS)
        exit = run_on(f);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_true(mt_clock_ns() >= f->deadline_ns);
}

static void *kick_soon(void *machine)
{
    usleep(5000);
    driver->kick(machine);
    return NULL;
}

static void test_a_kick_interrupts(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    struct mt_exit exit;
    pthread_t thread;
    load(f, "\xEB\xFE", 2);
    enter(f, 0);
    begin(f, LONG_NS);
    uint64_t started_ns = mt_clock_ns();
    /* An early alarm of an earlier test, or a tick, may interrupt before. */
    pthread_create(&thread, NULL, kick_soon, f->machine);
    do
        exit = run_once(f);
    while (mt_clock_ns() < started_ns + 4 * MS);
    pthread_join(thread, NULL);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_true(mt_clock_ns() - started_ns < 10000 * MS);
}

static void test_a_kick_before_a_run_interrupts_it(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* 1: out %al, %dx; 2: jmp 2b */
    struct mt_exit exit = RUN(f, DONE, 0xEB, 0xFE);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    begin(f, LONG_NS);
    driver->kick(f->machine);
    assert_int_equal(run_once(f).kind, MT_EXIT_INTERRUPTED);
    assert_true(mt_clock_ns() < f->deadline_ns - LONG_NS / 2);
}

/* The guest waits as it was left, or spins, and is to start elsewhere: it may take the kick before
 * that. */
static void test_a_kick_before_a_run_that_starts_anew_interrupts_it(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    static struct mt_cpu cpu;
    mote_error err = {0};
    /* out %al, %dx; 1: jmp 1b; then behind it: call *%rcx */
    const uint8_t loops[] = {DONE, 0xEB, 0xFE};
    const uint8_t calls[] = {MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT), MOV_EDX(MT_PORT_DONE), 0xFF,
                             0xD1};
    load_two(f, loops, sizeof(loops), calls, sizeof(calls));
    assert_int_equal(run_from(f, 0, LONG_NS).kind, MT_EXIT_PORT);
    assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(driver->save(f->machine, &cpu, &err), MOTE_OK);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(run_from(f, SECOND, LONG_NS).kind, MT_EXIT_PORT);
        if (i % 3 > 0)
            assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
        if (i % 3 > 1)
            assert_int_equal(driver->load(f->machine, &cpu, &err), MOTE_OK);
        else
            enter(f, sizeof((const uint8_t[]){DONE}));
        begin(f, LONG_NS);
        uint64_t cpu_time_ns = driver->cpu_time_ns(f->machine);
        driver->kick(f->machine);
        usleep(i % 2 == 0 ? 2000 : 0);
        assert_int_equal(run_once(f).kind, MT_EXIT_INTERRUPTED);
        assert_true(driver->cpu_time_ns(f->machine) - cpu_time_ns < 5 * MS);
    }
}

#define COUNT_IN_XMM5 0x66, 0x0F, 0x7E, 0xE8, 0xFF, 0xC0, 0x66, 0x0F, 0x6E, 0xE8

struct kicker {
    struct mt_machine *machine;
    _Atomic bool is_over;
};

static void *kick_always(void *argument)
{
    struct kicker *kicker = argument;
    for (useconds_t i = 0; !kicker->is_over; i++) {
        usleep(50 + i * 7 % 200); /* KVM comes to nothing when a kick meets every run */
        driver->kick(kicker->machine);
    }
    return NULL;
}

static bool is_port_or_none(const struct mt_exit *exit, unsigned value)
{
    return exit->kind == MT_EXIT_INTERRUPTED ||
           (exit->kind == MT_EXIT_PORT && exit->port.value == value);
}

static void test_kicks_at_any_moment_lose_no_exit(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    pthread_t thread;
    /* The counter lives in XMM5 and goes out through the stub page and by an instruction of its
     * own: 1: movd %xmm5, %eax; inc %eax; movd %eax, %xmm5; call *%rcx; the same; out; jmp 1b */
    struct mt_exit exit = RUN(f, MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT), MOV_EDX(MT_PORT_DONE),
                              COUNT_IN_XMM5, 0xFF, 0xD1, COUNT_IN_XMM5, OUT, 0xEB, 0xE7);
    struct kicker kicker = {.machine = f->machine};
    uint8_t wanted = 1;
    /* On a busy machine a kick may meet every run: what was not lost comes when they have ended. */
    const uint64_t enough_ns = mt_clock_ns() + LONG_NS / 10;
    begin(f, LONG_NS);
    pthread_create(&thread, NULL, kick_always, &kicker);
    for (int i = 0; i < 3000 && mt_clock_ns() < enough_ns && is_port_or_none(&exit, wanted);) {
        if (exit.kind == MT_EXIT_PORT) {
            wanted++;
            i++;
        }
        exit = run_once(f);
    }
    kicker.is_over = true;
    pthread_join(thread, NULL);
    if (exit.kind == MT_EXIT_INTERRUPTED)
        exit = run_on(f);
    if (exit.kind == MT_EXIT_DIED)
        fail_msg("%s", exit.died);
    assert_port(&exit, MT_PORT_DONE, wanted);
}

#define SET(n, v) 0xB8 + (n), v, v, v, v
#define SET_HIGH(n, v) 0x41, 0xB8 + (n), v, v, v, v
#define UD2_UNLESS_EQUAL 0x74, 0x02, 0x0F, 0x0B
#define CHECK(n, v) 0x48, 0x81, 0xF8 + (n), v, v, v, v, UD2_UNLESS_EQUAL
#define CHECK_HIGH(n, v) 0x49, 0x81, 0xF8 + (n), v, v, v, v, UD2_UNLESS_EQUAL

static void test_kicks_at_any_moment_change_no_register(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    pthread_t thread;
    /* Where it begins only once, or ud2: bts $0, DATA.
     * 1: stc; call *%rcx; jc 2f; ud2; 2: each register is what it was, or ud2; jmp 1b */
    struct mt_exit exit =
        RUN(f, MOV_ECX(DATA), 0x0F, 0xBA, 0x29, 0x00, 0x73, 0x02, 0x0F, 0x0B,
            MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT), MOV_EDX(MT_PORT_DONE), SET(0, 0x10), SET(3, 0x13),
            SET(5, 0x15), SET(6, 0x16), SET(7, 0x17), SET_HIGH(0, 0x20), SET_HIGH(1, 0x21),
            SET_HIGH(2, 0x22), SET_HIGH(3, 0x23), SET_HIGH(4, 0x24), SET_HIGH(5, 0x25),
            SET_HIGH(6, 0x26), SET_HIGH(7, 0x27), 0xF9, 0xFF, 0xD1, 0x72, 0x02, 0x0F, 0x0B,
            CHECK(0, 0x10), CHECK(3, 0x13), CHECK(5, 0x15), CHECK(6, 0x16), CHECK(7, 0x17),
            CHECK_HIGH(0, 0x20), CHECK_HIGH(1, 0x21), CHECK_HIGH(2, 0x22), CHECK_HIGH(3, 0x23),
            CHECK_HIGH(4, 0x24), CHECK_HIGH(5, 0x25), CHECK_HIGH(6, 0x26), CHECK_HIGH(7, 0x27),
            0xE9, 0x65, 0xFF, 0xFF, 0xFF);
    struct kicker kicker = {.machine = f->machine};
    const uint64_t enough_ns = mt_clock_ns() + LONG_NS / 10;
    begin(f, LONG_NS);
    pthread_create(&thread, NULL, kick_always, &kicker);
    for (int i = 0; i < 3000 && mt_clock_ns() < enough_ns && is_port_or_none(&exit, 0x10); i++)
        exit = run_once(f);
    kicker.is_over = true;
    pthread_join(thread, NULL);
    if (exit.kind == MT_EXIT_INTERRUPTED)
        exit = run_on(f);
    assert_port(&exit, MT_PORT_DONE, 0x10);
}

/* Whatever moment the alarm comes at, an exception that was on its way is not the next guest's. */
static void test_an_exception_that_was_interrupted_does_not_meet_the_next_guest(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* xor %esp, %esp; push %rax */
    const uint8_t faults[] = {0x31, 0xE4, 0x50};
    const uint8_t goes_on[] = {MOV(0xB8, 0x42), DONE};
    load_two(f, faults, sizeof(faults), goes_on, sizeof(goes_on));
    for (uint64_t i = 0; i < 12000; i++) {
        mote_error err = {0};
        enter(f, 0);
        begin(f, i * 67 % 150000);
        (void)run_once(f);
        assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
        struct mt_exit exit = run_from(f, SECOND, LIMIT_NS);
        assert_port(&exit, MT_PORT_DONE, 0x42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_endless_loop_is_interrupted_at_the_deadline),
        TEST(test_endless_exits_are_interrupted_at_the_deadline),
        TEST(test_a_kick_interrupts),
        TEST(test_a_kick_before_a_run_interrupts_it),
        TEST(test_a_kick_before_a_run_that_starts_anew_interrupts_it),
        TEST(test_kicks_at_any_moment_lose_no_exit),
        TEST(test_kicks_at_any_moment_change_no_register),
        TEST(test_an_exception_that_was_interrupted_does_not_meet_the_next_guest),
    };
    return run_on_every_driver(tests, sizeof(tests) / sizeof(tests[0]));
}
