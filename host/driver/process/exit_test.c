/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of what a child says, without a child: each place where a signal can hit, and each
 * bound of what is read. */
#include "abi/ports.h"
#include "host/driver/process/process_internal.h"
#include <mote/image.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CODE MT_BASE_ADDRESS
#define DATA (CODE + 0x1000)
#define END (MT_PROCESS_FROM + MT_PROCESS_FROM_BYTES)
#define STACK (MT_PROCESS_FROM + MT_FROM_STACK)
#define FRAME (MT_PROCESS_FROM + 0x4000)
#define OTHER (MT_PROCESS_FROM + 0x8000)
#define GUEST_STACK (DATA + 0x800)
#define PLACE(offset) (MT_STUB_PAGE + (offset))
#define BROKEN_OFF ((uint64_t)-EINTR)
#define LEAST_AREA 576u

static const struct mt_region regions[] = {
    {.name = "code", .start = CODE, .len_bytes = 0x1000, .rights = 5, .backing = MT_BACKING_SHARED},
    {.name = "data",
     .start = DATA,
     .len_bytes = 0x1000,
     .rights = 3,
     .backing = MT_BACKING_PRIVATE},
    {.name = "none", .start = DATA + 0x1000, .len_bytes = 0x1000, .rights = 3},
    {.name = "tables",
     .start = DATA + 0x2000,
     .len_bytes = 0x1000,
     .rights = 3,
     .backing = MT_BACKING_TABLES},
    {.name = "guard", .start = DATA + 0x3000, .len_bytes = 0x1000, .backing = MT_BACKING_PRIVATE},
    {.name = "monitor", .start = DATA + 0x4000, .len_bytes = 0x1000, .backing = MT_BACKING_MONITOR},
};

static const struct mt_plan plan = {.regions = regions,
                                    .n_regions = sizeof(regions) / sizeof(regions[0])};
static struct mt_process_prepared prepared;
static uint8_t shared_code[0x1000 + 16]; /* more than the region */

static int set_up(void **state)
{
    struct mt_machine *machine = calloc(1, sizeof(*machine));
    static struct mt_region with_code[sizeof(regions) / sizeof(regions[0])];
    static struct mt_plan own;
    memcpy(with_code, regions, sizeof(regions));
    with_code[0].shared = shared_code;
    own = plan;
    own.regions = with_code;
    prepared.plan = &own;
    machine->prepared = &prepared;
    machine->from = calloc(1, MT_PROCESS_FROM_BYTES);
    *state = machine;
    return 0;
}

static int tear_down(void **state)
{
    struct mt_machine *machine = *state;
    free(machine->from);
    free(machine);
    return 0;
}

static void put(const struct mt_machine *machine, uint64_t offset, uint64_t value)
{
    memcpy(machine->from + offset, &value, sizeof(value));
}

static uint64_t get(const struct mt_machine *machine, uint64_t offset)
{
    uint64_t value;
    memcpy(&value, machine->from + offset, sizeof(value));
    return value;
}

static void put_frame(const struct mt_machine *machine, uint64_t at, const struct mt_frame *frame)
{
    memcpy(machine->from + (at - MT_PROCESS_FROM), frame, sizeof(*frame));
}

/* Say that a signal came, and read what is made of it. */
static struct mt_exit read_signal(struct mt_machine *machine, const struct mt_frame *frame)
{
    struct mt_exit exit;
    memset(&exit, 0, sizeof(exit));
    put_frame(machine, FRAME, frame);
    put(machine, MT_FROM_FRAME, FRAME);
    put(machine, MT_FROM_IS_SIGNAL, 1);
    machine->next = MT_NEXT_WAIT;
    machine->is_vectors_in_frame = false;
    mt_process_read_exit(machine, &exit);
    return exit;
}

/* ---- Interruptions ---- */

struct interruption {
    uint64_t rip;
    uint64_t rax;
    uint64_t rsp;
    bool is_out;  /* the guest used the stub page, and that was not read */
    bool is_lost; /* our last answer */
    enum mt_next next;
    uint64_t about; /* the frame that is to be told next; 0: none */
};

#define IN_GUEST 0, GUEST_STACK
#define IN_HANDLER 0, STACK

static const struct interruption interruptions[] = {
    {CODE, IN_GUEST, false, false, MT_NEXT_CONTEXT, 0},
    {CODE, IN_HANDLER, true, false, MT_NEXT_CONTEXT, 0},
    {PLACE(MT_KEEP_HANDLER - 1), IN_HANDLER, true, false, MT_NEXT_CONTEXT, 0},
    /* At its first instruction the handler's frame is where RSP is, later RBX is. */
    {PLACE(MT_KEEP_HANDLER), 0, OTHER, false, false, MT_NEXT_TELL, OTHER},
    {PLACE(MT_KEEP_HANDLER + 3), 0, OTHER + 8, false, false, MT_NEXT_TELL, OTHER + 16},
    {PLACE(MT_KEEP_WAIT), IN_HANDLER, false, false, MT_NEXT_TELL, OTHER + 16},
    {PLACE(MT_KEEP_RESUME - 1), IN_HANDLER, false, false, MT_NEXT_TELL, OTHER + 16},
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, STACK, false, false, MT_NEXT_TELL, OTHER + 16},
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, END, false, false, MT_NEXT_TELL, OTHER + 16},
    /* No stack for signals: not in a handler. */
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, STACK - 1, false, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, END + 1, false, false, MT_NEXT_REPEAT, 0},
    /* Our answer was lost: all is known. */
    {PLACE(MT_KEEP_HANDLER), IN_HANDLER, false, true, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, STACK, false, true, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, GUEST_STACK, true, true, MT_NEXT_REPEAT, 0},
    /* What the guest told is told at the next run, unless it was. */
    {PLACE(MT_KEEP_WAIT), IN_GUEST, true, false, MT_NEXT_TELL, 0},
    {PLACE(MT_KEEP_RESUME - 1), IN_GUEST, true, false, MT_NEXT_TELL, 0},
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, GUEST_STACK, true, false, MT_NEXT_TELL, 0},
    {PLACE(MT_KEEP_RESUME), BROKEN_OFF, GUEST_STACK, false, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_WAIT), IN_GUEST, false, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_SPIN), IN_GUEST, true, false, MT_NEXT_TELL, 0},
    {PLACE(MT_KEEP_SPIN), IN_GUEST, false, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_SPIN_END - 1), IN_GUEST, true, false, MT_NEXT_TELL, 0},
    {PLACE(MT_KEEP_SPIN_END - 1), IN_GUEST, false, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RETURN), IN_GUEST, true, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RETURN_END - 1), IN_GUEST, false, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RETURN_END), IN_GUEST, true, false, MT_NEXT_CONTEXT, 0},
    {PLACE(MT_KEEP_SPIN - 1), IN_GUEST, true, false, MT_NEXT_CONTEXT, 0},
    /* It was answered, and had not resumed. */
    {PLACE(MT_KEEP_RESUME), IN_GUEST, true, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RESUME), IN_HANDLER, false, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RESUME + 1), BROKEN_OFF, STACK, true, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RESUME_END - 1), IN_GUEST, true, false, MT_NEXT_REPEAT, 0},
    {PLACE(MT_KEEP_RESUME_END), IN_GUEST, true, false, MT_NEXT_CONTEXT, 0},
};

static void assert_interruption(struct mt_machine *machine, size_t i, int signal, int code)
{
    const struct interruption *each = &interruptions[i];
    const struct mt_frame frame = {.rip = each->rip,
                                   .rax = each->rax,
                                   .rsp = each->rsp,
                                   .rbx = OTHER + 16,
                                   .cs = 0x33,
                                   .signal = signal,
                                   .code = code};
    put(machine, MT_FROM_IS_OUT, each->is_out);
    machine->is_answer_lost = each->is_lost;
    struct mt_exit exit = read_signal(machine, &frame);
    bool is_of_frame = each->next == MT_NEXT_TELL && each->about == 0;
    if (exit.kind != MT_EXIT_INTERRUPTED || machine->next != each->next ||
        machine->is_vectors_in_frame != is_of_frame ||
        get(machine, MT_FROM_FRAME) != (each->about != 0 ? each->about : FRAME) ||
        get(machine, MT_FROM_IS_SIGNAL) != (each->about != 0))
        fail_msg("interruption %zu: exit of kind %d, next %d, frame 0x%llx", i, (int)exit.kind,
                 (int)machine->next, (unsigned long long)get(machine, MT_FROM_FRAME));
}

static void test_each_place_of_an_interruption(void **state)
{
    for (size_t i = 0; i < sizeof(interruptions) / sizeof(interruptions[0]); i++) {
        assert_interruption(*state, i, MT_PROCESS_KICK, 0);
        assert_interruption(*state, i, MT_PROCESS_TICK, 128); /* SI_KERNEL */
    }
}

/* The frame may have been forgotten between the signal and what was told of it. */
static void test_what_a_lost_answer_is_followed_by_needs_no_frame(void **state)
{
    struct mt_machine *machine = *state;
    const struct mt_frame forgotten = {.rip = 0};
    machine->is_answer_lost = true;
    struct mt_exit exit = read_signal(machine, &forgotten);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_int_equal(machine->next, MT_NEXT_REPEAT);
    put(machine, MT_FROM_FRAME, 0);
    put(machine, MT_FROM_IS_SIGNAL, 1);
    mt_process_read_exit(machine, &exit);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_int_equal(machine->next, MT_NEXT_REPEAT);
    assert_int_equal(get(machine, MT_FROM_IS_SIGNAL), 0);
}

/* Who denied himself all memory (wrpkru) before he came to the wait could not read there. */
static void test_rights_that_a_guest_gave_up_do_not_end_the_next_run(void **state)
{
    static const struct {
        uint64_t rip;
        enum mt_exit_kind kind;
    } places[] = {{PLACE(MT_KEEP_RESUME - 1), MT_EXIT_FAULT},
                  {PLACE(MT_KEEP_RESUME), MT_EXIT_INTERRUPTED},
                  {PLACE(MT_KEEP_RESUME_END - 1), MT_EXIT_INTERRUPTED},
                  {PLACE(MT_KEEP_RESUME_END), MT_EXIT_FAULT},
                  {CODE, MT_EXIT_FAULT}};
    struct mt_machine *machine = *state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct mt_frame frame = {
            .rip = places[i].rip, .cs = 0x33, .signal = SIGSEGV, .code = SEGV_PKUERR, .vector = 14};
        assert_int_equal(read_signal(machine, &frame).kind, places[i].kind);
        if (places[i].kind == MT_EXIT_INTERRUPTED)
            assert_int_equal(machine->next, MT_NEXT_REPEAT);
        frame.code = SEGV_ACCERR;
        assert_int_equal(read_signal(machine, &frame).kind, MT_EXIT_FAULT);
    }
}

static void test_signals_that_came_besides_end_a_run_first(void **state)
{
    struct mt_machine *machine = *state;
    const struct mt_frame frame = {.rip = CODE, .cs = 0x33, .signal = SIGFPE, .code = 1};
    uint32_t one = 1;
    memcpy(machine->from + MT_FROM_IS_KICKED, &one, sizeof(one));
    struct mt_exit exit = read_signal(machine, &frame);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_int_equal(machine->next, MT_NEXT_TELL);
    mt_process_read_exit(machine, &exit);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(machine->next, MT_NEXT_CONTEXT);
    assert_false(mt_process_take_kick(machine));
}

static void test_the_first_of_several_frames_is_found(void **state)
{
    struct mt_machine *machine = *state;
    const struct mt_frame guest = {.rip = CODE, .rsp = GUEST_STACK, .rax = 7};
    const struct mt_frame nested = {.rip = PLACE(MT_KEEP_RESUME), .rsp = STACK, .rbx = OTHER};
    const struct mt_frame of_itself = {.rip = PLACE(MT_KEEP_RESUME), .rsp = STACK, .rbx = FRAME};
    bool is_first;
    put_frame(machine, OTHER, &guest);
    put_frame(machine, FRAME, &nested);
    put(machine, MT_FROM_FRAME, OTHER);
    assert_true(mt_process_read_first_frame(machine, &is_first));
    assert_true(is_first);
    put(machine, MT_FROM_FRAME, FRAME);
    assert_true(mt_process_read_first_frame(machine, &is_first));
    assert_false(is_first);
    assert_int_equal(machine->frame.rax, 7);
    put_frame(machine, FRAME, &of_itself);
    put(machine, MT_FROM_FRAME, FRAME);
    assert_false(mt_process_read_first_frame(machine, &is_first));
    machine->frame = guest;
    put(machine, MT_FROM_FRAME, END);
    assert_false(mt_process_read_first_frame(machine, &is_first));
}

/* A guest may have its stack where that for signals is. */
static void test_a_guest_on_the_stack_for_signals_is_in_no_handler(void **state)
{
    struct mt_machine *machine = *state;
    static const uint64_t places[] = {CODE, PLACE(MT_KEEP_HANDLER - 1), PLACE(MT_KEEP_RESUME + 1)};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const struct mt_frame frame = {.rip = places[i], .rsp = STACK, .rbx = OTHER};
        bool is_first;
        put_frame(machine, FRAME, &frame);
        put(machine, MT_FROM_FRAME, FRAME);
        assert_true(mt_process_read_first_frame(machine, &is_first));
        assert_true(is_first);
    }
}

/* ---- Bounds ---- */

static void test_frames_are_read_within_their_stack(void **state)
{
    struct mt_machine *machine = *state;
    const uint64_t last = END - sizeof(struct mt_frame);
    const uint64_t good[] = {STACK, STACK + 1, last};
    const uint64_t bad[] = {0, STACK - 1, last + 1, END, UINT64_MAX};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        put(machine, MT_FROM_FRAME, good[i]);
        assert_true(mt_process_read_frame(machine));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(machine, MT_FROM_FRAME, bad[i]);
        assert_false(mt_process_read_frame(machine));
    }
}

static void test_vector_state_is_read_within_its_stack(void **state)
{
    struct mt_machine *machine = *state;
    const uint64_t good[] = {STACK, END - LEAST_AREA};
    const uint64_t bad[] = {0, MT_PROCESS_FROM, STACK - 1, END - LEAST_AREA + 1, END, UINT64_MAX};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t len_bytes = 0;
        machine->frame.vectors = good[i];
        assert_ptr_equal(mt_process_frame_vectors(machine, &len_bytes),
                         machine->from + (good[i] - MT_PROCESS_FROM));
        assert_int_equal(len_bytes, END - good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t len_bytes = 0;
        machine->frame.vectors = bad[i];
        assert_null(mt_process_frame_vectors(machine, &len_bytes));
    }
}

static void test_what_is_mapped(void **state)
{
    static const uint64_t mapped[] = {MT_STUB_PAGE,  MT_PROCESS_TO + MT_PROCESS_TO_BYTES - 1,
                                      CODE,          DATA - 1,
                                      DATA,          DATA + 0xFFF,
                                      DATA + 0x4000, DATA + 0x4FFF};
    static const uint64_t not_mapped[] = {0,
                                          MT_STUB_PAGE - 1,
                                          MT_PROCESS_TO + MT_PROCESS_TO_BYTES,
                                          CODE - 1,
                                          DATA + 0x1000,
                                          DATA + 0x2000,
                                          DATA + 0x3000,
                                          DATA + 0x5000,
                                          UINT64_MAX};
    for (size_t i = 0; i < sizeof(mapped) / sizeof(mapped[0]); i++)
        assert_true(mt_process_is_mapped(*state, mapped[i]));
    for (size_t i = 0; i < sizeof(not_mapped) / sizeof(not_mapped[0]); i++)
        assert_false(mt_process_is_mapped(*state, not_mapped[i]));
}

/* ---- Exceptions ---- */

struct exception {
    struct mt_frame frame;
    enum mt_exit_kind kind;
    uint8_t vector;
    uint32_t error_code;
    uint64_t rip;
};

#define OF(signal_number, reason) \
    .cs = 0x33, .rip = CODE + 8, .signal = signal_number, .code = reason

static void test_each_exception(void **state)
{
    static const struct exception exceptions[] = {
        {{OF(SIGFPE, 1), .vector = 16}, MT_EXIT_FAULT, 16, 0, CODE + 8},
        {{OF(SIGTRAP, 128), .vector = 3}, MT_EXIT_FAULT, 3, 0, CODE + 8},
        /* The page fault's error code: write and fetch are the kernel's, the rest is ours. */
        {{OF(SIGSEGV, 2), .vector = 14, .error_code = 0x7F, .address = DATA},
         MT_EXIT_FAULT,
         14,
         0x17,
         CODE + 8},
        {{OF(SIGSEGV, 1), .vector = 14, .error_code = 7, .address = 0},
         MT_EXIT_FAULT,
         14,
         6,
         CODE + 8},
        {{OF(SIGSEGV, 128), .vector = 13, .error_code = 8}, MT_EXIT_FAULT, 13, 8, CODE + 8},
        {{OF(SIGSEGV, 128), .vector = 13}, MT_EXIT_FAULT, 13, 0, CODE + 8},
        {{OF(SIGILL, 2), .vector = 14}, MT_EXIT_FAULT, 6, 0, CODE + 8},
        {{OF(SIGBUS, 2), .vector = 17}, MT_EXIT_FAULT, 17, 0, CODE + 8},
        {{OF(SIGBUS, 2), .vector = 14}, MT_EXIT_DIED, 0, 0, 0},
        {{OF(SIGSYS, 1)}, MT_EXIT_REFUSED, 0, 0, CODE + 6},
        {{OF(SIGSYS, 0)}, MT_EXIT_INTERRUPTED, 0, 0, 0},
        {{.cs = 0x23, .rip = CODE, .signal = SIGSEGV, .code = 1, .vector = 14},
         MT_EXIT_FAULT,
         13,
         0x20,
         CODE},
    };
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        const struct exception *each = &exceptions[i];
        struct mt_exit exit = read_signal(*state, &each->frame);
        if (exit.kind != each->kind || exit.fault.vector != each->vector ||
            exit.fault.error_code != each->error_code || exit.fault.rip != each->rip)
            fail_msg("exception %zu: exit of kind %d, vector %d, error code 0x%x", i,
                     (int)exit.kind, exit.fault.vector, exit.fault.error_code);
    }
}

/* An `out` whose exception is another than that of its port is no exit by a port. */
static void test_a_port_is_a_general_protection_fault_without_an_error_code(void **state)
{
    static const struct {
        uint64_t vector;
        uint64_t error_code;
        enum mt_exit_kind kind;
    } faults[] = {{13, 0, MT_EXIT_PORT}, {13, 8, MT_EXIT_FAULT}, {16, 0, MT_EXIT_FAULT}};
    shared_code[8] = 0xEE; /* out %al, %dx */
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        const struct mt_frame frame = {OF(SIGSEGV, 128), .rdx = MT_PORT_DONE,
                                       .vector = faults[i].vector,
                                       .error_code = faults[i].error_code};
        assert_int_equal(read_signal(*state, &frame).kind, faults[i].kind);
    }
    shared_code[8] = 0;
}

/* ---- The stub page ---- */

/* What lies behind a region is not looked at, nor is a string that a prefix has elsewhere told. */
static void test_a_port_instruction_lies_in_its_region(void **state)
{
    struct mt_machine *machine = *state;
    struct mt_frame frame = {.signal = SIGSEGV,
                             .code = 0x80,
                             .cs = 0x33,
                             .vector = 13,
                             .rip = CODE + 0xFFE,
                             .rsp = GUEST_STACK,
                             .rsi = CODE,
                             .rdx = MT_PORT_DONE};
    static const struct {
        uint8_t code[4]; /* the first two are the region's last */
        bool is_port;
    } tries[] = {
        {{0x90, 0xEE, 0xEE, 0xEE}, false}, /* nop */
        {{0xF3, 0xEE, 0xEE, 0xEE}, true},  /* a prefix that is no use, out %al, %dx */
        {{0xF3, 0xF3, 0xEE, 0xEE}, false}, /* the instruction would be behind the end */
        {{0xF3, 0xE6, 0x68, 0xEE}, false}, /* and so would the port */
        {{0x2E, 0x6E, 0xEE, 0xEE}, true},  /* outsb */
        {{0x64, 0xEE, 0xEE, 0xEE}, true},  /* prefixes for memory: out %al, %dx uses none */
        {{0x65, 0xEE, 0xEE, 0xEE}, true},  {{0x67, 0xEE, 0xEE, 0xEE}, true},
        {{0x48, 0xEE, 0xEE, 0xEE}, true},  /* REX */
        {{0x64, 0x6E, 0xEE, 0xEE}, false}, /* from where FS points to */
        {{0x65, 0x6E, 0xEE, 0xEE}, false}, {{0x67, 0x6E, 0xEE, 0xEE}, false}, /* from ESI */
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        memcpy(shared_code + 0xFFE, tries[i].code, sizeof(tries[i].code));
        struct mt_exit exit = read_signal(machine, &frame);
        assert_int_equal(exit.kind, tries[i].is_port ? MT_EXIT_PORT : MT_EXIT_FAULT);
    }
    memset(shared_code + 0xFFE, 0, sizeof(tries[0].code));
}

/* No instruction has more than 15 bytes. */
static void test_prefixes_alone_are_no_instruction(void **state)
{
    struct mt_machine *machine = *state;
    struct mt_frame frame = {.signal = SIGSEGV,
                             .code = 0x80,
                             .cs = 0x33,
                             .vector = 13,
                             .rip = CODE + 0x100,
                             .rsp = GUEST_STACK,
                             .rdx = MT_PORT_DONE};
    uint8_t *code = shared_code + 0x100;
    memset(code, 0x66, 16);
    code[14] = code[15] = 0xEE;
    assert_int_equal(read_signal(machine, &frame).kind, MT_EXIT_PORT);
    frame.rip = CODE + 0x100;
    code[14] = 0x66;
    assert_int_equal(read_signal(machine, &frame).kind, MT_EXIT_FAULT);
    memset(code, 0, 16);
}

static void use_stub_page(struct mt_machine *machine, uint64_t port, struct mt_exit *exit)
{
    memset(exit, 0, sizeof(*exit));
    put(machine, MT_FROM_IS_OUT, 1);
    put(machine, MT_FROM_PORT, port);
    put(machine, MT_FROM_VALUE, 0x1FF);
    mt_process_read_exit(machine, exit);
}

static void test_the_stub_page_knows_the_ports(void **state)
{
    struct mt_machine *machine = *state;
    struct mt_exit exit;
    use_stub_page(machine, 0x10000 + MT_PORT_DONE, &exit);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(exit.port.number, MT_PORT_DONE);
    assert_int_equal(exit.port.value, 0xFF);
    assert_int_equal(machine->next, MT_NEXT_RETURN);
    assert_int_equal(get(machine, MT_FROM_IS_OUT), 0);
    use_stub_page(machine, 98, &exit);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 13);
    assert_int_equal(exit.fault.rip, MT_STUB_PAGE + MT_STUB_OUT);
}

static void test_a_signal_waits_until_the_spinning_child_was_heard(void **state)
{
    struct mt_machine *machine = *state;
    struct mt_exit exit;
    put(machine, MT_FROM_IS_SIGNAL, 1);
    machine->is_spinning = true;
    use_stub_page(machine, MT_PORT_DONE, &exit);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(get(machine, MT_FROM_IS_SIGNAL), 1);
}

static void test_who_says_nothing_has_died(void **state)
{
    static const uint64_t others[] = {0, 2, UINT64_MAX};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct mt_exit exit;
        put(*state, MT_FROM_IS_SIGNAL, others[i]);
        put(*state, MT_FROM_IS_OUT, others[i]);
        mt_process_read_exit(*state, &exit);
        assert_int_equal(exit.kind, MT_EXIT_DIED);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_place_of_an_interruption),
        TEST(test_what_a_lost_answer_is_followed_by_needs_no_frame),
        TEST(test_rights_that_a_guest_gave_up_do_not_end_the_next_run),
        TEST(test_signals_that_came_besides_end_a_run_first),
        TEST(test_the_first_of_several_frames_is_found),
        TEST(test_a_guest_on_the_stack_for_signals_is_in_no_handler),
        TEST(test_frames_are_read_within_their_stack),
        TEST(test_vector_state_is_read_within_its_stack),
        TEST(test_what_is_mapped),
        TEST(test_each_exception),
        TEST(test_a_port_is_a_general_protection_fault_without_an_error_code),
        TEST(test_a_port_instruction_lies_in_its_region),
        TEST(test_prefixes_alone_are_no_instruction),
        TEST(test_the_stub_page_knows_the_ports),
        TEST(test_a_signal_waits_until_the_spinning_child_was_heard),
        TEST(test_who_says_nothing_has_died),
    };
    return cmocka_run_group_tests_name("exits of the process driver", tests, NULL, NULL);
}
