/* SPDX-License-Identifier: Apache-2.0 */
/* The stub under attack: a guest that jumps into it, and one that forges what it tells the host. */
#include "host/driver/process/fixture.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Any exit will do, and so will none before the deadline; the next child of the zygote works. */
static void jump_to(struct fixture *f, uint64_t address)
{
    memcpy(guest_bytes(f, DATA), &address, sizeof(address));
    start(f, CODE + 0x100, 3 * MS);
    struct mt_exit exit = run_on(f);
    for (int i = 0; i < 3 && exit.kind != MT_EXIT_DIED && exit.kind != MT_EXIT_INTERRUPTED; i++)
        exit = run_on(f);
    if (exit.kind == MT_EXIT_DIED || exit.kind == MT_EXIT_INTERRUPTED)
        renew(f);
}

static void test_jumps_into_every_byte_of_the_stub(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    uint8_t code[0x200];
    struct mt_machine *sibling;
    struct mt_window window;
    mote_error err = {0};
    /* At 0x100: mov $-1, %rax, %rbx, %rdi, %rsi; jmp *DATA */
    static const uint8_t jumps[] = {
        0x48,       0xC7, 0xC0, 0xFF, 0xFF, 0xFF,        0xFF,
        0x48,       0x89, 0xC3, 0x48, 0x89, 0xC7,        0x48,
        0x89,       0xC6, 0xFF, 0x24, 0x25, DATA & 0xFF, DATA >> 8 & 0xFF,
        DATA >> 16, 0};
    memset(code, 0xCC, sizeof(code));
    memcpy(code, answers, sizeof(answers));
    memcpy(code + 0x100, jumps, sizeof(jumps));
    load(&fixture, code, sizeof(code));
    assert_int_equal(mt_driver_process.create(fixture.prepared, &sibling, &window, &err), MOTE_OK);
    for (uint64_t i = 0; i < MT_KEEP_END; i++)
        jump_to(&fixture, MT_STUB_PAGE + i);
    for (uint64_t i = MT_KEEP_END; i < MT_PAGE_BYTES; i += 61)
        jump_to(&fixture, MT_STUB_PAGE + i);
    renew(&fixture);
    assert_answers(&fixture);
    mt_driver_process.destroy(fixture.machine, false);
    fixture.machine = sibling;
    fixture.window = window;
    assert_answers(&fixture);
    unload(&fixture);
}

/* What a guest leaves for the host, then it waits. */
struct forgery {
    uint64_t is_out;
    uint64_t is_signal;
    uint64_t frame; /* offset from MT_PROCESS_FROM */
    uint64_t vectors;
    int32_t code;
    int32_t signal;
    uint64_t rip;
    enum mt_exit_kind kind;
};

#define END MT_PROCESS_FROM_BYTES
#define SENT 0
#define WAIT MT_KEEP_WAIT & 0xFF, MT_KEEP_WAIT >> 8
#define FRAME_BYTES ((uint64_t)sizeof(struct mt_frame))

/* The host takes a signal behind the telling for one while spinning: between the two is nothing
 * that such a signal could find. */
static void test_an_exit_is_told_by_the_last_instruction_before_spinning(void **state)
{
    static const uint8_t tell[MT_TELL_BYTES] = {0x48, 0xC7, 0x00, 1, 0, 0, 0}; /* movq $1, (%rax) */
    const uint8_t *at = mt_process_stub;
    size_t n = 0;
    (void)state;
    assert_int_equal(MT_FROM_IS_OUT, 0);
    while ((at = memmem(at, (size_t)(mt_process_stub_end - at), tell, sizeof(tell))) != NULL) {
        assert_int_equal((size_t)(at - mt_process_stub) % MT_PAGE_BYTES,
                         MT_KEEP_SPIN - MT_TELL_BYTES);
        at++;
        n++;
    }
    assert_int_equal(n, 1);
}

static void test_forged_frames_are_read_within_their_bounds(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const struct forgery forgeries[] = {
        {0, 0, 0, 0, 0, 0, 0, MT_EXIT_DIED},
        {2, 2, 0, 0, 0, 0, 0, MT_EXIT_DIED},
        {0, 1, 0, 0, 0, SIGUSR1, 0, MT_EXIT_DIED},
        {0, 1, MT_FROM_STACK - 1, 0, 0, SIGUSR1, 0, MT_EXIT_DIED},
        {0, 1, END - FRAME_BYTES + 1, 0, 0, SIGUSR1, 0, MT_EXIT_DIED},
        {0, 1, END, 0, 0, SIGUSR1, 0, MT_EXIT_DIED},
        {0, 1, UINT64_MAX - MT_PROCESS_FROM, 0, 0, SIGUSR1, 0, MT_EXIT_DIED},
        /* Frames in their place, that say what the guest wants. */
        {0, 1, END - FRAME_BYTES, 0, SENT, SIGUSR1, CODE, MT_EXIT_INTERRUPTED},
        {0, 1, 0x2000, UINT64_MAX, SENT, SIGUSR1, CODE, MT_EXIT_INTERRUPTED},
        {0, 1, 0x2000, MT_PROCESS_FROM, SENT, SIGUSR1, CODE, MT_EXIT_INTERRUPTED},
        {0, 1, 0x2000, MT_PROCESS_FROM + END - 1, SENT, SIGUSR1, CODE, MT_EXIT_INTERRUPTED},
        {0, 1, 0x2000, MT_PROCESS_FROM + END - 576, SENT, SIGUSR1, CODE, MT_EXIT_INTERRUPTED},
        {0, 1, 0x2000, MT_PROCESS_FROM + 0x3000, SENT, SIGUSR1, CODE, MT_EXIT_INTERRUPTED},
        {0, 1, 0x2000, MT_PROCESS_FROM + 0x3001, SENT, SIGUSR1, CODE, MT_EXIT_INTERRUPTED},
        {0, 1, 0x2000, 0, 1, SIGSEGV, CODE, MT_EXIT_FAULT},
        {0, 1, 0x2000, 0, 1, SIGSYS, CODE, MT_EXIT_REFUSED},
    };
    uint8_t code[0x200];
    /* At 0x100: copy DATA + 0x100 to FROM, 0x1f00 bytes; the rest of FROM is 0xFF from 0x2f00 on;
     * wait. */
    static const uint8_t forges[] = {
        0xBE, 0,    0x11, 0x20, 0,                         /* mov $DATA + 0x100, %esi */
        0x48, 0xBF, 0,    0xF0, 0x18, 0,    0,    0, 0, 0, /* movabs $FROM, %rdi */
        0xB9, 0x40, 0,    0,    0,    0xF3, 0xA4,          /* mov $0x40, %ecx; rep movsb */
        0x48, 0x8B, 0x3C, 0x25, 0,    0x10, 0x20, 0,       /* mov DATA, %rdi */
        0xB9, 0xB8, 1,    0,    0,    0xF3, 0xA4,          /* mov $440, %ecx; rep movsb */
        0x48, 0xB8, WAIT, 0x18, 0,    0,    0,    0, 0,    /* movabs $WAIT, %rax */
        0xFF, 0xE0,                                        /* jmp *%rax */
    };
    memset(code, 0xCC, sizeof(code));
    memcpy(code, answers, sizeof(answers));
    memcpy(code + 0x100, forges, sizeof(forges));
    load(&fixture, code, sizeof(code));
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
        const struct forgery *forgery = &forgeries[i];
        struct mt_frame frame;
        memset(&frame, 0xFF, sizeof(frame)); /* all flags but TF, hostile pointers */
        frame.rflags = ~0x100ull;
        frame.rip = forgery->rip;
        frame.rsp = STACK_END;
        frame.cs = 0x33;
        frame.vectors = forgery->vectors;
        frame.signal = forgery->signal;
        frame.code = forgery->code;
        uint64_t header[8] = {forgery->is_out, forgery->is_signal,
                              MT_PROCESS_FROM + forgery->frame};
        /* Where the bounds check has to refuse, the frame itself is put where there is room. */
        uint64_t target =
            MT_PROCESS_FROM + (forgery->kind == MT_EXIT_DIED ? 0x2000 : forgery->frame);
        renew(&fixture);
        memset(fixture.machine->from + 0x3000, 0xFF, 0x2000); /* vector state of all ones */
        memset(fixture.machine->from + END - 576, 0xFF, 64);
        memcpy(guest_bytes(&fixture, DATA), &target, sizeof(target));
        memcpy(guest_bytes(&fixture, DATA + 0x100), header, sizeof(header));
        memcpy(guest_bytes(&fixture, DATA + 0x140), &frame, sizeof(frame));
        start(&fixture, CODE + 0x100, 20000 * MS);
        struct mt_exit exit = run_once(&fixture);
        if (exit.kind != forgery->kind)
            fail_msg("forgery %zu: exit of kind %d, %s", i, (int)exit.kind, exit.died);
        if (exit.kind == MT_EXIT_INTERRUPTED) {
            /* Resumed from a frame of hostile vector state: nothing of it faults. */
            exit = run_on(&fixture);
            if (exit.kind != MT_EXIT_PORT)
                fail_msg("forgery %zu, resumed: exit of kind %d, %s", i, (int)exit.kind, exit.died);
        }
    }
    unload(&fixture);
}

/* What a child says of its waiting is in memory that the guest may write. */
static void test_a_guest_that_only_says_that_it_waits_is_not_believed(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* mov $FROM, %eax; movb $1, (%rax); 1: movb $1, MT_FROM_HAS_TOLD(%rax); jmp 1b */
    static const uint8_t code[] = {
        0xB8, 0, 0xF0, 0x18, 0, 0xC6, 0, 1, 0xC6, 0x80, MT_FROM_HAS_TOLD, 0, 0, 0, 1, 0xEB, 0xF7};
    load(&fixture, code, sizeof(code));
    start(&fixture, CODE, 50 * MS);
    struct mt_exit exit = run_on(&fixture);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_true(mt_clock_ns() >= fixture.deadline_ns);
    unload(&fixture);
}

/* What a guest that forges says: an exit, and that it sleeps, while it goes on. */
static void test_a_guest_that_lies_about_its_waiting_is_stopped(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* movb $1, FROM + IS_OUT; 1: incl DATA; jmp 1b */
    static const uint8_t code[] = {
        0xC6,       0x04, 0x25, 0,   0xF0, 0x18, 0, 0x01, 0xFF, 0x04, 0x25, 0, DATA >> 8 & 0xFF,
        DATA >> 16, 0,    0xEB, 0xF7};
    mote_error err = {0};
    uint32_t before;
    uint32_t after;
    load(&fixture, code, sizeof(code));
    mt_driver_process.spin(fixture.machine, 10 * MS);
    start(&fixture, CODE, 20000 * MS);
    run_once(&fixture);
    assert_int_equal(mt_driver_process.quiesce(fixture.machine, &err), MOTE_OK);
    memcpy(&before, guest_bytes(&fixture, DATA), sizeof(before));
    usleep(20000);
    memcpy(&after, guest_bytes(&fixture, DATA), sizeof(after));
    assert_int_equal(after, before);
    unload(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jumps_into_every_byte_of_the_stub),
        cmocka_unit_test(test_an_exit_is_told_by_the_last_instruction_before_spinning),
        cmocka_unit_test(test_forged_frames_are_read_within_their_bounds),
        cmocka_unit_test(test_a_guest_that_only_says_that_it_waits_is_not_believed),
        cmocka_unit_test(test_a_guest_that_lies_about_its_waiting_is_stopped),
    };
    return cmocka_run_group_tests_name("process stub", tests, find_driver, NULL);
}
