/* SPDX-License-Identifier: Apache-2.0 */
/* What every driver must do: save the state of a guest that is at rest, and load it again. */
#include "host/driver/contract_fixture.h"

#include <string.h>

static void do_nothing(struct fixture *f)
{
    (void)f;
}

static void track(struct fixture *f)
{
    mote_error err = {0};
    assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(driver->track(f->machine, UINT64_MAX, &err), MOTE_OK);
}

static void enter_and_track(struct fixture *f)
{
    enter(f, SECOND);
    track(f);
}

static void run_to_a_port(struct fixture *f)
{
    assert_int_equal(run_from(f, SECOND, LIMIT_NS).kind, MT_EXIT_PORT);
}

static void run_to_a_fault(struct fixture *f)
{
    run_to_a_port(f);
    assert_int_equal(run_on(f).kind, MT_EXIT_FAULT);
}

/* Load a state and see what the guest finds. */
static void assert_loads(struct fixture *f, const struct mt_cpu *cpu)
{
    static const uint64_t wanted[] = {0x101, 0x101, DATA};
    mote_error err = {0};
    memset(guest_bytes(f, DATA), 0, sizeof(wanted));
    assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(driver->load(f->machine, cpu, &err), MOTE_OK);
    begin(f, LIMIT_NS);
    struct mt_exit exit = run_on(f);
    assert_port(&exit, MT_PORT_DONE, DATA & 0xFF);
    assert_memory_equal(guest_bytes(f, DATA), wanted, sizeof(wanted));
}

static void test_a_state_loads_again_whatever_came_between(void **state)
{
    static void (*const between[])(struct fixture *) = {
        do_nothing, run_to_a_port, run_to_a_fault, track, enter_and_track,
    };
    static struct mt_cpu cpu;
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* movd %ebx, %xmm5; call *%rcx; mov %rbx, DATA; movd %xmm5, DATA + 8; rdfsbase %rax;
     * mov %rax, DATA + 16 */
    const uint8_t code[] = {MOV(0xBB, 0x101),
                            MOV_ECX(DATA),
                            WRFSBASE_RCX,
                            0x66,
                            0x0F,
                            0x6E,
                            0xEB,
                            MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT),
                            MOV_EDX(MT_PORT_LOG),
                            0xFF,
                            0xD1,
                            0x48,
                            0x89,
                            0x1C,
                            0x25,
                            BYTES_OF(DATA),
                            0x66,
                            0x0F,
                            0x7E,
                            0x2C,
                            0x25,
                            BYTES_OF(DATA + 8),
                            0xF3,
                            0x48,
                            0x0F,
                            0xAE,
                            0xC0,
                            0x48,
                            0x89,
                            0x04,
                            0x25,
                            BYTES_OF(DATA + 16),
                            DONE};
    /* xorps %xmm5, %xmm5; out; hlt */
    const uint8_t other[] = {MOV(0xBB, 7),         0x0F, 0x57, 0xED, MOV_ECX(0), WRFSBASE_RCX,
                             MOV_EDX(MT_PORT_LOG), OUT,  0xF4};
    for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
        mote_error err = {0};
        load_two(f, code, sizeof(code), other, sizeof(other));
        assert_int_equal(run_from(f, 0, LIMIT_NS).kind, MT_EXIT_PORT);
        assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
        assert_int_equal(driver->save(f->machine, &cpu, &err), MOTE_OK);
        assert_loads(f, &cpu);
        between[i](f);
        assert_loads(f, &cpu);
    }
}

/* How many words all_registers pushes: flags, general registers, bases, a vector register. */
#define N_PUSHED 19

/* Registers get values; stc; std; call *%rcx; and all is pushed, %xmm5 through %eax. */
static const uint8_t all_registers[] = {MOV(0xBB, 0x101),
                                        0x66,
                                        0x0F,
                                        0x6E,
                                        0xEB,
                                        MOV_ECX(DATA),
                                        WRFSBASE_RCX,
                                        MOV_ECX(STACK),
                                        WRGSBASE_RCX,
                                        MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT),
                                        MOV_EDX(MT_PORT_LOG),
                                        MOV(0xBE, 0x102),
                                        MOV(0xBF, 0x103),
                                        MOV(0xBD, 0x104),
                                        MOV_HIGH(0xB8, 0x105),
                                        MOV_HIGH(0xB9, 0x106),
                                        MOV_HIGH(0xBA, 0x107),
                                        MOV_HIGH(0xBB, 0x108),
                                        MOV_HIGH(0xBC, 0x109),
                                        MOV_HIGH(0xBD, 0x10A),
                                        MOV_HIGH(0xBE, 0x10B),
                                        MOV_HIGH(0xBF, 0x10C),
                                        MOV(0xB8, 0x10D),
                                        0xF9,
                                        0xFD,
                                        0xFF,
                                        0xD1,
                                        PUSHF,
                                        PUSH_LOW,
                                        PUSH_HIGH,
                                        PUSH_FSBASE,
                                        PUSH_GSBASE,
                                        0x66,
                                        0x0F,
                                        0x7E,
                                        0xE8,
                                        0x50,
                                        DONE};

/* Run on from a state that was loaded, and see that the guest finds what it had set. */
static void assert_all_registers(struct fixture *f, const uint8_t stack[0x1000])
{
    static const uint64_t wanted[N_PUSHED - 1] = {0x10D,       0x101, MT_STUB_PAGE + MT_STUB_OUT,
                                                  MT_PORT_LOG, 0x102, 0x103,
                                                  0x104,       0x105, 0x106,
                                                  0x107,       0x108, 0x109,
                                                  0x10A,       0x10B, 0x10C,
                                                  DATA,        STACK, 0x101};
    uint64_t pushed[N_PUSHED];
    memcpy(guest_bytes(f, STACK), stack, 0x1000);
    begin(f, LIMIT_NS);
    struct mt_exit exit = run_on(f);
    assert_port(&exit, MT_PORT_DONE, 0x01);
    memcpy(pushed, guest_bytes(f, INITIAL_RSP - sizeof(pushed)), sizeof(pushed));
    assert_int_equal(pushed[N_PUSHED - 1] & 0x401, 0x401);
    for (size_t i = 0; i < N_PUSHED - 1; i++)
        assert_int_equal(pushed[N_PUSHED - 2 - i], wanted[i]);
}

static void save(struct fixture *f, struct mt_cpu *cpu)
{
    mote_error err = {0};
    memset(cpu, 0xA5, sizeof(*cpu));
    assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(driver->save(f->machine, cpu, &err), MOTE_OK);
}

static void load_state(struct fixture *f, const struct mt_cpu *cpu)
{
    mote_error err = {0};
    assert_int_equal(driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(driver->load(f->machine, cpu, &err), MOTE_OK);
}

static void assert_same_registers(const struct mt_cpu *a, const struct mt_cpu *b)
{
    const size_t from = offsetof(struct mt_cpu, rax);
    const size_t len_bytes = offsetof(struct mt_cpu, vector_components) - from;
    assert_memory_equal((const uint8_t *)a + from, (const uint8_t *)b + from, len_bytes);
    assert_memory_equal(a->vector, b->vector, a->vector_len_bytes);
}

static void assert_a_loaded_state_is_saved(struct fixture *f, void (*between)(struct fixture *))
{
    static struct mt_cpu first;
    static struct mt_cpu second;
    static struct mt_cpu third;
    uint8_t stack[0x1000];
    assert_int_equal(run_from(f, 0, LIMIT_NS).kind, MT_EXIT_PORT);
    memcpy(stack, guest_bytes(f, STACK), sizeof(stack));
    save(f, &first);
    between(f);
    load_state(f, &first);
    save(f, &second);
    assert_same_registers(&first, &second);
    assert_all_registers(f, stack);
    /* What was saved of it is loaded like any other, and again. */
    load_state(f, &second);
    save(f, &third);
    assert_same_registers(&first, &third);
    between(f);
    load_state(f, &third);
    assert_all_registers(f, stack);
}

/* A snapshot may be taken between a restore and the next call. */
static void test_a_state_is_saved_that_was_loaded_and_has_not_run(void **state)
{
    static void (*const between[])(struct fixture *) = {
        do_nothing, run_to_a_port, run_to_a_fault, track, enter_and_track,
    };
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* xorps %xmm5, %xmm5; out; hlt */
    const uint8_t other[] = {MOV(0xBB, 7),         0x0F, 0x57, 0xED, MOV_ECX(0), WRFSBASE_RCX,
                             MOV_EDX(MT_PORT_LOG), OUT,  0xF4};
    for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
        load_two(f, all_registers, sizeof(all_registers), other, sizeof(other));
        assert_a_loaded_state_is_saved(f, between[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_state_loads_again_whatever_came_between),
        TEST(test_a_state_is_saved_that_was_loaded_and_has_not_run),
    };
    return run_on_every_driver(tests, sizeof(tests) / sizeof(tests[0]));
}
