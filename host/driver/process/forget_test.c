/* SPDX-License-Identifier: Apache-2.0 */
/* What a child left for its host - its registers, and frames on the stack for signals - is nowhere
 * that a later call could read it. */
#include "host/driver/process/fixture.h"

#include "host/base/page_set.h"
#include <string.h>
#include <unistd.h>

#define MARK 0x5EC2E7A5C3F01234ull
#define MARK_BYTES 0x34, 0x12, 0xF0, 0xC3, 0xA5, 0xE7, 0xC2, 0x5E
#define AVX 4u /* of the components of vector state */

/*
 *         mov $104, %edx
 *         out %al, %dx             with no mark anywhere
 *         test %rbx, %rbx
 *         jnz 1f
 *         movabs $MARK, %r12
 *         movq %r12, %xmm7
 *         out %al, %dx             with the mark
 *      1: out %al, %dx
 *         jmp 1b
 */
static const uint8_t marks[] = {0xBA, MT_PORT_DONE, 0,    0,    0,    0xEE,       0x48, 0x85,
                                0xDB, 0x75,         0x10, 0x49, 0xBC, MARK_BYTES, 0x66, 0x49,
                                0x0F, 0x6E,         0xFC, 0xEE, 0xEE, 0xEB,       0xFD};

/*
 *         mov $104, %edx
 *         movabs $MARK, %rax
 *         movq %rax, %xmm7
 *         vinsertf128 $1, %xmm7, %ymm7, %ymm7
 *         xor %eax, %eax
 *         out %al, %dx
 *      1: mov $104, %edx
 *         out %al, %dx
 *         jmp 1b
 */
static const uint8_t wide_marks[] = {
    0xBA, MT_PORT_DONE, 0,    0,    0,    0x48, 0xB8, MARK_BYTES, 0x66, 0x48, 0x0F,
    0x6E, 0xF8,         0xC4, 0xE3, 0x45, 0x18, 0xFF, 0x01,       0x31, 0xC0, 0xEE,
    0xBA, MT_PORT_DONE, 0,    0,    0,    0xEE, 0xEB, 0xF8};
#define WIDE_QUIET (CODE + sizeof(wide_marks) - 8)

/* mov $104, %edx; mov $MT_STUB_PAGE, %eax; 1: call *%rax; jmp 1b */
static const uint8_t calls[] = {0xBA,
                                MT_PORT_DONE,
                                0,
                                0,
                                0,
                                0xB8,
                                MT_STUB_PAGE & 0xFF,
                                MT_STUB_PAGE >> 8 & 0xFF,
                                MT_STUB_PAGE >> 16,
                                0,
                                0xFF,
                                0xD0,
                                0xEB,
                                0xFC};
_Static_assert(MT_STUB_OUT == 0, "the call above");

static unsigned count_marks(const uint8_t *from, size_t len_bytes)
{
    const uint64_t mark = MARK;
    unsigned n = 0;
    for (size_t i = 0; i + sizeof(mark) <= len_bytes; i += sizeof(mark))
        n += memcmp(from + i, &mark, sizeof(mark)) == 0;
    return n;
}

static unsigned marks_left(const struct fixture *f)
{
    return count_marks(f->machine->from, MT_PROCESS_FROM_BYTES);
}

static void leave_by_port(struct fixture *f)
{
    mote_error err = {0};
    assert_int_equal(run_on(f).kind, MT_EXIT_PORT);
    assert_int_equal(mt_driver_process.quiesce(f->machine, &err), MOTE_OK);
}

/* What a restore does. Returns the system calls of the forgetting. */
static uint64_t restore(struct fixture *f, const struct mt_cpu *cpu)
{
    struct mt_page_set set;
    mote_error err = {0};
    assert_true(mt_page_set_init(&set, &f->allocator, 4));
    assert_int_equal(mt_driver_process.list_written(f->machine, &set, &err), MOTE_OK);
    mt_page_set_fini(&set, &f->allocator);
    uint64_t before = f->machine->n_system_calls;
    mt_driver_process.forget(f->machine);
    uint64_t n_system_calls = f->machine->n_system_calls - before;
    if (cpu != NULL)
        assert_int_equal(mt_driver_process.load(f->machine, cpu, &err), MOTE_OK);
    return n_system_calls;
}

/* A sandbox that left with marks, and a state to start from that makes none. */
static void load_marked(struct fixture *f, struct mt_cpu *quiet)
{
    mote_error err = {0};
    load(f, marks, sizeof(marks));
    start(f, CODE, 20000 * MS);
    leave_by_port(f);
    assert_int_equal(mt_driver_process.save(f->machine, quiet, &err), MOTE_OK);
    assert_int_equal(marks_left(f), 0);
    leave_by_port(f);
    quiet->rbx = 1;
    assert_true(marks_left(f) > 0);
}

static void test_a_restored_child_finds_nothing_of_the_call_before(void **state)
{
    static struct mt_cpu quiet;
    struct fixture f;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_marked(&f, &quiet);
    restore(&f, &quiet);
    leave_by_port(&f);
    assert_int_equal(marks_left(&f), 0);
    unload(&f);
}

static void test_a_guest_leaves_no_byte_in_its_hosts_pages(void **state)
{
    static struct mt_cpu quiet;
    struct fixture f;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_marked(&f, &quiet);
    for (int i = 0; i < 2; i++) {
        const uint64_t mark = MARK;
        for (size_t at = 0; at < MT_PROCESS_FROM_BYTES; at += sizeof(mark))
            memcpy(f.machine->from + at, &mark, sizeof(mark));
        memset(f.machine->from + MT_FROM_IS_SIGNAL, 0, sizeof(mark));
        restore(&f, &quiet);
        leave_by_port(&f);
        assert_int_equal(marks_left(&f), 0);
    }
    unload(&f);
}

/* The child still has the registers of the call before when it comes. The kernel delivers it as the
 * child resumes; where children wait by futex, at once. */
static void test_a_signal_before_the_child_resumes_leaves_nothing(void **state)
{
    static struct mt_cpu quiet;
    struct fixture f;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_marked(&f, &quiet);
    restore(&f, &quiet);
    assert_int_equal(mt_driver_process.begin(f.machine, f.deadline_ns, &err), MOTE_OK);
    mt_driver_process.kick(f.machine);
    leave_by_port(&f);
    assert_int_equal(marks_left(&f), 0);
    unload(&f);
}

/* The same, and the machine is brought to rest once more, as for a snapshot. */
static void test_a_signal_before_another_rest_leaves_nothing(void **state)
{
    static struct mt_cpu quiet;
    struct fixture f;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_marked(&f, &quiet);
    restore(&f, &quiet);
    mt_driver_process.kick(f.machine);
    usleep(2000);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.begin(f.machine, f.deadline_ns, &err), MOTE_OK);
    leave_by_port(&f);
    assert_int_equal(marks_left(&f), 0);
    unload(&f);
}

/* Where it is entered anew, too; and what it resumed from it can read. */
static void test_no_vector_state_of_a_call_before_stands_where_the_child_resumes_from(void **state)
{
    struct fixture f;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&f, wide_marks, sizeof(wide_marks));
    if (!(f.machine->prepared->vector_components & AVX)) {
        print_message("skipped: the CPU has no AVX\n");
        unload(&f);
        skip();
    }
    start(&f, CODE, 20000 * MS);
    leave_by_port(&f);
    leave_by_port(&f); /* resumed with the marks */
    assert_true(count_marks(f.machine->to, MT_PROCESS_TO_BYTES) > 0);
    restore(&f, NULL);
    start(&f, WIDE_QUIET, 20000 * MS);
    leave_by_port(&f);
    assert_int_equal(count_marks(f.machine->to, MT_PROCESS_TO_BYTES), 0);
    assert_int_equal(marks_left(&f), 0);
    unload(&f);
}

/* The next call is not ended by it, and a guest cannot have it end the child. */
static void test_a_kick_of_a_call_before_is_taken_at_rest(void **state)
{
    static struct mt_cpu quiet;
    struct fixture f;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_marked(&f, &quiet);
    mt_driver_process.kick(f.machine);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    restore(&f, &quiet);
    assert_int_equal(mt_driver_process.begin(f.machine, f.deadline_ns, &err), MOTE_OK);
    assert_int_equal(run_once(&f).kind, MT_EXIT_PORT);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(marks_left(&f), 0);
    unload(&f);
}

/*
 *         mov $low, %esp
 *         mov $MT_PROCESS_FROM, %ecx
 *         movl $value, word(%rcx)
 *         movl $1, told(%rcx)
 *         mov $(MT_PROCESS_TO + MT_TO_WORD), %edi
 *         xor %esi, %esi; xor %edx, %edx; xor %r10d, %r10d; xor %r8d, %r8d; xor %r9d, %r9d
 *         mov $202, %eax
 *         mov $(MT_STUB_PAGE + MT_KEEP_RESUME - 2), %ecx
 *         jmp *%rcx
 */
#define BYTE(number, n) (uint8_t)((number) >> 8 * (n))
#define BYTES(number) BYTE(number, 0), BYTE(number, 1), BYTE(number, 2), BYTE(number, 3)
#define WAITS_WITHOUT_ROOM(word, value, told) \
    { \
        0xBC, BYTES(MT_PROCESS_FROM + MT_FROM_STACK + 0x88), 0xB9, BYTES(MT_PROCESS_FROM), 0xC7, \
            0x41, (word), BYTES(value), 0xC7, 0x41, (told), BYTES(1), 0xBF, \
            BYTES(MT_PROCESS_TO + MT_TO_WORD), 0x31, 0xF6, 0x31, 0xD2, 0x45, 0x31, 0xD2, 0x45, \
            0x31, 0xC0, 0x45, 0x31, 0xC9, 0xB8, BYTES(202), 0xB9, \
            BYTES(MT_STUB_PAGE + MT_KEEP_RESUME - 2), 0xFF, 0xE1 \
    }
static const uint8_t waits_without_room[] =
    WAITS_WITHOUT_ROOM(MT_FROM_PORT, MT_PORT_DONE, MT_FROM_IS_OUT);

/* Run a guest that waits where no signal can be handled. */
static void load_without_room(struct fixture *f)
{
    load(f, waits_without_room, sizeof(waits_without_room));
    start(f, CODE, 20000 * MS);
    assert_int_equal(run_on(f).kind, MT_EXIT_PORT);
}

static void assert_ends_at_rest(struct fixture *f)
{
    mote_error err = {0};
    mt_driver_process.kick(f->machine);
    assert_int_equal(mt_driver_process.quiesce(f->machine, &err), MOTE_E_SYSTEM);
    assert_int_equal(run_once(f).kind, MT_EXIT_DIED);
    unload(f);
}

static void test_a_guest_without_room_for_a_kick_ends_before_the_next_call(void **state)
{
    struct fixture f;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_without_room(&f);
    assert_ends_at_rest(&f);
}

/* The kick is one of a call that was given up before its first run: the child still waits where the
 * guest of the call before left it. */
static void test_such_a_guest_ends_when_a_call_is_given_up_before_it_runs(void **state)
{
    static struct mt_cpu cpu;
    struct fixture f;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    for (int is_entered = 0; is_entered < 2; is_entered++) {
        load_without_room(&f);
        assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
        assert_int_equal(mt_driver_process.save(f.machine, &cpu, &err), MOTE_OK);
        restore(&f, is_entered ? NULL : &cpu);
        if (is_entered)
            start(&f, CODE, 20000 * MS);
        assert_int_equal(mt_driver_process.begin(f.machine, f.deadline_ns, &err), MOTE_OK);
        assert_ends_at_rest(&f);
    }
}

/* It claims that a signal found it before it had resumed. */
static void test_such_a_guest_ends_when_it_claims_that_it_has_not_resumed(void **state)
{
    const uint64_t offset = MT_FROM_STACK + 2 * MT_SIGNAL_SLOT_BYTES;
    const struct mt_frame frame = {.cs = 0x33, .rip = MT_STUB_PAGE + MT_KEEP_RESUME};
    static const uint8_t claims[] = WAITS_WITHOUT_ROOM(
        MT_FROM_FRAME, MT_PROCESS_FROM + MT_FROM_STACK + 2 * MT_SIGNAL_SLOT_BYTES,
        MT_FROM_IS_SIGNAL);
    struct fixture f;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&f, claims, sizeof(claims));
    memcpy(f.machine->from + offset, &frame, sizeof(frame));
    start(&f, CODE, 20000 * MS);
    do
        assert_int_equal(run_once(&f).kind, MT_EXIT_INTERRUPTED);
    while (f.machine->next != MT_NEXT_REPEAT && mt_clock_ns() < f.deadline_ns);
    assert_ends_at_rest(&f);
}

/* What the child leaves as it takes the kick is of the call before. */
static void test_a_kick_that_is_taken_at_rest_leaves_nothing(void **state)
{
    static struct mt_cpu quiet;
    struct fixture f;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load_marked(&f, &quiet);
    restore(&f, &quiet);
    mt_driver_process.kick(f.machine);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.begin(f.machine, f.deadline_ns, &err), MOTE_OK);
    assert_int_equal(run_once(&f).kind, MT_EXIT_PORT);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(marks_left(&f), 0);
    unload(&f);
}

/* How often a child that spins had its turn is what the calls before made of it. */
static void test_no_count_of_turns_is_left(void **state)
{
    static struct mt_cpu cpu;
    struct fixture f;
    mote_error err = {0};
    uint32_t turn;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&f, calls, sizeof(calls));
    mt_driver_process.spin(f.machine, 10 * MS);
    start(&f, CODE, 20000 * MS);
    leave_by_port(&f);
    assert_int_equal(mt_driver_process.save(f.machine, &cpu, &err), MOTE_OK);
    do
        assert_int_equal(run_on(&f).kind, MT_EXIT_PORT);
    while (!f.machine->is_spinning && mt_clock_ns() < f.deadline_ns);
    leave_by_port(&f);
    memcpy(&turn, f.machine->to + MT_TO_TURN, sizeof(turn));
    assert_int_not_equal(turn, 0);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    restore(&f, &cpu);
    memcpy(&turn, f.machine->to + MT_TO_TURN, sizeof(turn));
    assert_int_equal(turn, 0);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(run_on(&f).kind, MT_EXIT_PORT);
    unload(&f);
}

/* Frames are looked for when the file has got pages, and once. */
static void test_to_forget_nothing_takes_no_system_call(void **state)
{
    static struct mt_cpu cpu;
    struct fixture f;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&f, calls, sizeof(calls));
    memset(f.window.host, 0, 4 * MT_PAGE_BYTES); /* all pages exist */
    start(&f, CODE, 20000 * MS);
    leave_by_port(&f);
    assert_int_equal(mt_driver_process.save(f.machine, &cpu, &err), MOTE_OK);
    assert_int_equal(restore(&f, &cpu), 2); /* asked, and given back */
    leave_by_port(&f);
    assert_int_equal(restore(&f, &cpu), 1); /* asked */
    leave_by_port(&f);
    assert_int_equal(restore(&f, &cpu), 0);
    unload(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_restored_child_finds_nothing_of_the_call_before),
        cmocka_unit_test(test_a_guest_leaves_no_byte_in_its_hosts_pages),
        cmocka_unit_test(test_a_signal_before_the_child_resumes_leaves_nothing),
        cmocka_unit_test(test_a_signal_before_another_rest_leaves_nothing),
        cmocka_unit_test(test_no_vector_state_of_a_call_before_stands_where_the_child_resumes_from),
        cmocka_unit_test(test_a_kick_of_a_call_before_is_taken_at_rest),
        cmocka_unit_test(test_a_guest_without_room_for_a_kick_ends_before_the_next_call),
        cmocka_unit_test(test_such_a_guest_ends_when_a_call_is_given_up_before_it_runs),
        cmocka_unit_test(test_such_a_guest_ends_when_it_claims_that_it_has_not_resumed),
        cmocka_unit_test(test_a_kick_that_is_taken_at_rest_leaves_nothing),
        cmocka_unit_test(test_no_count_of_turns_is_left),
        cmocka_unit_test(test_to_forget_nothing_takes_no_system_call),
    };
    return cmocka_run_group_tests_name("process forget", tests, find_driver, NULL);
}
