/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every driver must do: small programs in machine code, and the exits that they must give.
 * What it must do about time and about saved states is in contract_time_test.c and
 * contract_states_test.c.
 */
#include "host/driver/contract_fixture.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

/* ---- Ports ---- */

static void test_out_on_a_port_of_the_abi_exits(void **state)
{
    SKIP_WITHOUT_DRIVER();
    static const uint8_t ports[] = {MT_PORT_LOG, MT_PORT_CALL, MT_PORT_ABORT, MT_PORT_DONE,
                                    MT_PORT_TRY_CALL};
    for (size_t i = 0; i < sizeof(ports); i++) {
        /* mov $port, %edx; mov $7, %al; out %al, %dx; ud2 */
        struct mt_exit exit = RUN(*state, MOV_EDX(ports[i]), 0xB0, 7, OUT, 0x0F, 0x0B);
        assert_port(&exit, ports[i], 7);
        /* mov $9, %al; out %al, $port */
        exit = RUN(*state, 0xB0, 9, 0xE6, ports[i]);
        assert_port(&exit, ports[i], 9);
    }
}

static void test_the_stub_page_reaches_the_host(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* mov $STUB, %ecx; mov $104, %edx; mov $1, %al; 1: call *%rcx; inc %al; jmp 1b */
    struct mt_exit exit = RUN(f, MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT), MOV_EDX(MT_PORT_DONE), 0xB0,
                              1, 0xFF, 0xD1, 0xFE, 0xC0, 0xEB, 0xFA);
    for (uint8_t i = 1; i < 20; i++) {
        assert_port(&exit, MT_PORT_DONE, i);
        exit = run_on(f);
    }
}

static void test_the_stub_page_changes_no_register(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* Registers get the values 0x100 + n; stc; std; call *%rcx; and all is pushed. */
    const uint8_t code[] = {MOV(0xBB, 0x101),
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
                            DONE};
    const uint64_t wanted[] = {0x10D, 0x101, MT_STUB_PAGE, MT_PORT_LOG, 0x102, 0x103, 0x104, 0x105,
                               0x106, 0x107, 0x108,        0x109,       0x10A, 0x10B, 0x10C};
    uint64_t pushed[16];
    struct mt_exit exit = run_code(f, code, sizeof(code));
    assert_port(&exit, MT_PORT_LOG, 0x0D);
    exit = run_on(f);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    memcpy(pushed, guest_bytes(f, INITIAL_RSP - sizeof(pushed)), sizeof(pushed));
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(pushed[14 - i], wanted[i]);
    assert_int_equal(pushed[15] & 0x401, 0x401);
}

static void test_other_ports_are_refused(void **state)
{
    SKIP_WITHOUT_DRIVER();
    static const uint16_t ports[] = {0, 98, 100, 103, 106, 255, 256, 1016, 0xCF8, 65535};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct mt_exit exit = RUN(*state, MOV_EDX(ports[i]), OUT);
        assert_fault(&exit, 13, CODE + 5);
        exit = RUN(*state, MOV_EDX(ports[i]), MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT), 0xFF, 0xE1);
        assert_fault(&exit, 13, MT_STUB_PAGE + MT_STUB_OUT);
    }
}

static void test_a_wide_out_does_not_reach_neighbouring_ports(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* mov $99, %edx; out %eax, %dx: covers 99 to 102, of which 100 is not allowed */
    struct mt_exit exit = RUN(*state, MOV_EDX(99), 0xEF);
    assert_fault(&exit, 13, CODE + 5);
    /* mov $101, %edx; out %ax, %dx: 101 and 102 are */
    exit = RUN(*state, MOV_EDX(101), 0x66, 0xEF);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(exit.port.size_bytes, 2);
}

static void test_in_is_an_exit_of_its_own(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* mov $101, %edx; in %dx, %al */
    struct mt_exit exit = RUN(*state, MOV_EDX(101), 0xEC);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_true(exit.port.is_in);
}

static void test_a_string_goes_out_byte_by_byte(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* mov $104, %edx; mov $DATA, %esi; mov $3, %ecx; rep outsb; mov %sil, %al; out %al, %dx */
    const uint8_t code[] = {
        MOV_EDX(MT_PORT_DONE), 0xBE, BYTES_OF(DATA), MOV_ECX(3), 0xF3, 0x6E, 0x40, 0x88, 0xF0, OUT};
    load(f, code, sizeof(code));
    memcpy(guest_bytes(f, DATA), "abc", 3);
    struct mt_exit exit = run_from(f, 0, LIMIT_NS);
    for (uint8_t i = 0; i < 3; i++) {
        assert_port(&exit, MT_PORT_DONE, 'a' + i);
        exit = run_on(f);
    }
    assert_port(&exit, MT_PORT_DONE, (DATA + 3) & 0xFF);
    /* xor %ecx, %ecx; rep outsb, which is nothing; mov $9, %al; out %al, %dx */
    exit = RUN(f, MOV_EDX(MT_PORT_DONE), 0x31, 0xC9, 0xF3, 0x6E, 0xB0, 9, OUT);
    assert_port(&exit, MT_PORT_DONE, 9);
    /* xor %esi, %esi; outsb */
    exit = RUN(f, MOV_EDX(MT_PORT_DONE), 0x31, 0xF6, 0x6E);
    assert_fault(&exit, 14, CODE + 7);
    assert_int_equal(exit.fault.address, 0);
}

static void test_a_run_goes_on_behind_its_out(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* mov $104,%edx; mov $1,%al; 1: out %al,%dx; inc %al; jmp 1b */
    struct mt_exit exit = RUN(f, MOV_EDX(MT_PORT_DONE), 0xB0, 1, OUT, 0xFE, 0xC0, 0xEB, 0xFB);
    for (uint8_t i = 1; i < 20; i++) {
        assert_port(&exit, MT_PORT_DONE, i);
        exit = run_on(f);
    }
}

/* ---- Registers ---- */

/* AC, NT, DF, TF: what an instruction does not just overwrite. IF may be on or off. */
#define FLAGS_THAT_LAST 0x44500ull

static void test_entry_registers_arrive_and_others_are_zero(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    struct mt_exit exit = RUN(f, PUSH_LOW, PUSH_HIGH, PUSHF, DONE);
    const uint64_t wanted[] = {CODE, 0, 0x1111, 0x2222, 0, 0, 0, 0x3333, 0x4444, 0, 0, 0, 0, 0, 0};
    uint64_t pushed[16];
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    memcpy(pushed, guest_bytes(f, INITIAL_RSP - sizeof(pushed)), sizeof(pushed));
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(pushed[15 - i], wanted[i]);
    assert_int_equal(pushed[0] & FLAGS_THAT_LAST, 0);
}

static void test_vector_state_is_reset_on_entry(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    static const uint8_t canary[32] = "this must not survive the entry";
    static const uint8_t zero[32];
    /* mov $DATA, %ecx; vmovdqu (%rcx), %ymm3; out */
    const uint8_t fill[] = {MOV_ECX(DATA), 0xC5, 0xFE, 0x6F, 0x19, DONE};
    /* mov $DATA, %ecx; vmovdqu %ymm3, (%rcx); out */
    const uint8_t look[] = {MOV_ECX(DATA), 0xC5, 0xFE, 0x7F, 0x19, DONE};
    load_two(f, fill, sizeof(fill), look, sizeof(look));
    memcpy(guest_bytes(f, DATA), canary, sizeof(canary));
    assert_int_equal(run_from(f, 0, LIMIT_NS).kind, MT_EXIT_PORT);
    assert_int_equal(run_from(f, SECOND, LIMIT_NS).kind, MT_EXIT_PORT);
    assert_memory_equal(guest_bytes(f, DATA), zero, sizeof(zero));
}

static void test_mxcsr_bases_and_flags_are_reset_on_entry(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* ldmxcsr (%rcx); the bases; std; stc */
    const uint8_t change[] = {MOV_ECX(DATA), 0x0F, 0xAE, 0x11, WRFSBASE_RCX,
                              WRGSBASE_RCX,  0xFD, 0xF9, DONE};
    /* stmxcsr 8(%rcx) */
    const uint8_t look[] = {PUSHF, MOV_ECX(DATA), 0x0F,        0xAE, 0x59,
                            0x08,  PUSH_FSBASE,   PUSH_GSBASE, DONE};
    const uint32_t rounding_up = 0x5F80;
    uint32_t mxcsr;
    uint64_t pushed[3];
    load_two(f, change, sizeof(change), look, sizeof(look));
    memcpy(guest_bytes(f, DATA), &rounding_up, sizeof(rounding_up));
    assert_int_equal(run_from(f, 0, LIMIT_NS).kind, MT_EXIT_PORT);
    assert_int_equal(run_from(f, SECOND, LIMIT_NS).kind, MT_EXIT_PORT);
    memcpy(&mxcsr, guest_bytes(f, DATA + 8), sizeof(mxcsr));
    memcpy(pushed, guest_bytes(f, INITIAL_RSP - sizeof(pushed)), sizeof(pushed));
    assert_int_equal(mxcsr, 0x1F80);
    assert_int_equal(pushed[0], 0);
    assert_int_equal(pushed[1], 0);
    assert_int_equal(pushed[2] & FLAGS_THAT_LAST, 0);
}

/* What the host's own thread has. */
static uint64_t host_selectors(void)
{
    uint64_t all[4];
    __asm__ volatile("mov %%ds, %0" : "=r"(all[0]));
    __asm__ volatile("mov %%es, %0" : "=r"(all[1]));
    __asm__ volatile("mov %%fs, %0" : "=r"(all[2]));
    __asm__ volatile("mov %%gs, %0" : "=r"(all[3]));
    return all[0] | all[1] << 16 | all[2] << 32 | all[3] << 48;
}

static void test_selectors_are_reset_on_entry(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* mov %eax to ds, es, fs, gs */
    static const uint8_t loads[] = {0xD8, 0xC0, 0xE0, 0xE8};
    /* Data segments of Linux and of the monitor. */
    static const uint8_t selectors[] = {0x2B, 0x33};
    /* mov %ds, %eax; push %rax; and so on */
    const uint8_t look[] = {0x8C, 0xD8, 0x50, 0x8C, 0xC0, 0x50, 0x8C,
                            0xE0, 0x50, 0x8C, 0xE8, 0x50, DONE};
    const uint64_t host_before = host_selectors();
    uint64_t before[4];
    uint64_t after[4];
    load(f, look, sizeof(look));
    assert_int_equal(run_from(f, 0, LIMIT_NS).kind, MT_EXIT_PORT);
    memcpy(before, guest_bytes(f, INITIAL_RSP - sizeof(before)), sizeof(before));
    for (size_t i = 0; i < sizeof(loads) * sizeof(selectors); i++) {
        const uint8_t change[] = {MOV(0xB8, selectors[i % 2]), 0x8E, loads[i / 2], DONE};
        load_two(f, change, sizeof(change), look, sizeof(look));
        run_from(f, 0, LIMIT_NS); /* which is a fault where there is no such segment */
        assert_int_equal(host_selectors(), host_before);
        assert_int_equal(run_from(f, SECOND, LIMIT_NS).kind, MT_EXIT_PORT);
        memcpy(after, guest_bytes(f, INITIAL_RSP - sizeof(after)), sizeof(after));
        assert_memory_equal(before, after, sizeof(before));
    }
}

/* Computes for many times as long as whatever may interrupt it, and then compares what it has in
 * registers with what it put there. */
static void test_interruptions_change_nothing(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* vmovdqu (%rcx), %ymm3; mov $0x12345678, %r15d; mov $0x10000000, %eax; std; 1: dec %eax;
     * jnz 1b; pushf; push %r15; vmovdqu %ymm3, 0x20(%rcx) */
    const uint8_t code[] = {MOV_ECX(DATA),
                            0xC5,
                            0xFE,
                            0x6F,
                            0x19,
                            WRFSBASE_RCX,
                            MOV_HIGH(0xBF, 0x12345678),
                            MOV(0xB8, 0x10000000),
                            0xFD,
                            0xFF,
                            0xC8,
                            0x75,
                            0xFC,
                            PUSHF,
                            0x41,
                            0x57,
                            PUSH_FSBASE,
                            0xC5,
                            0xFE,
                            0x7F,
                            0x59,
                            0x20,
                            DONE};
    static const uint8_t canary[32] = "this has to survive all of them";
    uint64_t pushed[3];
    load(f, code, sizeof(code));
    memcpy(guest_bytes(f, DATA), canary, sizeof(canary));
    struct mt_exit exit = run_from(f, 0, LONG_NS);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    memcpy(pushed, guest_bytes(f, INITIAL_RSP - sizeof(pushed)), sizeof(pushed));
    assert_int_equal(pushed[0], DATA);
    assert_int_equal(pushed[1], 0x12345678);
    assert_int_equal(pushed[2] & 0x400, 0x400);
    assert_memory_equal(guest_bytes(f, DATA + 0x20), canary, sizeof(canary));
}

/* ---- Faults ---- */

static void test_hlt_is_general_protection_at_its_address(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct mt_exit exit = RUN(*state, 0x90, 0xF4);
    assert_fault(&exit, 13, CODE + 1);
    assert_int_equal(exit.fault.error_code, 0);
    assert_int_equal(exit.fault.rsp, INITIAL_RSP);
}

struct access {
    uint64_t address;
    bool is_write;
    bool is_of_monitor; /* there in a VM only */
    uint32_t error_code;
};

static void test_page_faults_name_address_and_access(void **state)
{
    SKIP_WITHOUT_DRIVER();
    static const struct access accesses[] = {
        {0, false, false, 4},
        {8, true, false, 6},
        {CODE, true, false, 7},
        {CONSTANT, true, false, 7},
        {GUARD, false, false, 4},
        {GUARD + 0xFFF, true, false, 6},
        {KERNEL_STACK, false, false, 5},
        {KERNEL_STACK + 0xFF8, true, false, 7},
        {BOOT_STACK, true, false, 7},
        {MT_BASE_ADDRESS, false, false, 4},
        {MT_BASE_ADDRESS + 0x1000, true, false, 6},
        {MT_MONITOR_START + 0x1000, false, true, 5},
        {MT_MONITOR_START + 0x2000, true, true, 7},
        {MT_MONITOR_START + 0x3000, false, true, 5},
        {MT_STUB_PAGE, true, false, 7},
        {MT_VECTOR_IMAGE, true, false, 7},
        {MT_MONITOR_START, false, false, 4},
        {MT_MONITOR_END - 1, false, false, 4},
        {0x40000000, false, false, 4},
    };
    for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        uint64_t at = accesses[i].address;
        /* movabs $at, %rcx; mov (%rcx), %al or mov %al, (%rcx) */
        struct mt_exit exit = RUN(*state, 0x48, 0xB9, BYTES_OF(at), 0, 0, 0, 0,
                                  accesses[i].is_write ? 0x88 : 0x8A, 0x01);
        uint32_t error_code = accesses[i].error_code;
        if (accesses[i].is_of_monitor && !current->has_monitor_pages)
            error_code &= ~1u;
        assert_fault(&exit, 14, CODE + 10);
        assert_int_equal(exit.fault.address, at);
        assert_int_equal(exit.fault.error_code, error_code);
        assert_int_equal(exit.fault.rsp, INITIAL_RSP);
    }
}

static void test_data_is_not_executable(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* mov $DATA, %ecx; jmp *%rcx */
    struct mt_exit exit = RUN(*state, MOV_ECX(DATA), 0xFF, 0xE1);
    assert_fault(&exit, 14, DATA);
    assert_int_equal(exit.fault.error_code, 0x15);
    assert_int_equal(exit.fault.address, DATA);
}

/* QEMU's emulator names itself in CPUID leaf 0x40000000. */
static bool is_emulated_cpu(void)
{
    uint32_t eax;
    uint32_t name[3];
    __cpuid(0x40000000, eax, name[0], name[1], name[2]);
    return memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
}

static void test_exceptions_come_with_their_vector(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct mt_exit exit = RUN(*state, 0x0F, 0x0B);
    assert_fault(&exit, 6, CODE);
    exit = RUN(*state, 0xCC);
    assert_fault(&exit, 3, CODE + 1);
    /* xor %ecx, %ecx; div %ecx */
    exit = RUN(*state, 0x31, 0xC9, 0xF7, 0xF1);
    assert_fault(&exit, 0, CODE + 2);
    /* mov $DATA, %ecx; movl $0x1D00, (%rcx); ldmxcsr (%rcx); pxor, divss %xmm0, %xmm0 */
    exit = RUN(*state, MOV_ECX(DATA), 0xC7, 0x01, 0, 0x1D, 0, 0, 0x0F, 0xAE, 0x11, 0x66, 0x0F, 0xEF,
               0xC0, 0xF3, 0x0F, 0x5E, 0xC0);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    /* QEMU's emulator does not raise #XM: there the guest runs on into an int3. */
    assert_int_equal(exit.fault.vector, is_emulated_cpu() ? 3 : 19);
    /* movabs $0x8000000000000000, %rcx; mov (%rcx), %al */
    exit = RUN(*state, 0x48, 0xB9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x8A, 0x01);
    assert_fault(&exit, 13, CODE + 10);
}

static void test_the_trap_flag_traps(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* pushf; orl $0x100, (%rsp); popf; nop; nop */
    struct mt_exit exit = RUN(f, 0x9C, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x9D, 0x90, 0x90);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 1);
    assert_in_range(exit.fault.rip, CODE + 9, CODE + 10);
}

static void test_a_trap_follows_the_out_that_it_is_set_for(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* mov $104, %edx; pushf; orl $0x100, (%rsp); popf; out; nop */
    struct mt_exit exit =
        RUN(f, MOV_EDX(MT_PORT_DONE), PUSHF, 0x81, 0x0C, 0x24, 0, 1, 0, 0, 0x9D, OUT, 0x90);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    exit = run_on(f);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 1);
    /* kvm_pvm raises it one instruction late. */
    assert_in_range(exit.fault.rip, CODE + 15, CODE + 16);
}

static void test_system_calls_are_refused_at_their_place(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* mov $39, %eax; syscall: getpid() */
    struct mt_exit exit = RUN(*state, 0xB8, 39, 0, 0, 0, 0x0F, 0x05);
    if (current->refuses_syscalls) {
        assert_int_equal(exit.kind, MT_EXIT_REFUSED);
    } else {
        assert_int_equal(exit.kind, MT_EXIT_FAULT);
        assert_true(exit.fault.is_syscall || exit.fault.vector == 6);
    }
    assert_int_equal(exit.fault.rip, CODE + 5);
    assert_int_equal(exit.fault.rsp, INITIAL_RSP);
}

static void test_code_of_32_bits_is_a_fault(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* push $0x23; mov $CODE + 16, %ecx; push %rcx; movl $0x23, 4(%rsp); lretl; at 16: hlt */
    struct mt_exit exit = RUN(*state, 0x6A, 0x23, MOV_ECX(CODE + 17), 0x51, 0xC7, 0x44, 0x24, 4,
                              0x23, 0, 0, 0, 0xCB, 0xF4);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    if (current->has_32_bit_segment) {
        /* Not "finished", which is error code 0. */
        assert_fault(&exit, 13, CODE + 17);
        assert_int_equal(exit.fault.error_code, 0x20);
    } else {
        assert_in_range(exit.fault.rip, CODE, CODE + 17);
    }
}

static void test_a_segment_of_32_bits_is_there_where_linux_has_it(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* mov $0x23, %eax; mov %eax, %ds; xor %eax, %eax */
    struct mt_exit exit = RUN(*state, 0xB8, 0x23, 0, 0, 0, 0x8E, 0xD8, 0x31, 0xC0, DONE);
    if (current->has_32_bit_segment) {
        assert_port(&exit, MT_PORT_DONE, 0);
    } else {
        assert_fault(&exit, 13, CODE + 5);
        assert_int_equal(exit.fault.error_code, 0x20);
    }
}

static void test_a_return_without_a_stack_faults_in_the_stub_page(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* mov $104, %edx; xor %eax, %eax; xor %esp, %esp; mov $MT_STUB_PAGE, %ecx; jmp *%rcx */
    struct mt_exit exit = RUN(*state, MOV_EDX(MT_PORT_DONE), 0x31, 0xC0, 0x31, 0xE4,
                              MOV_ECX(MT_STUB_PAGE + MT_STUB_OUT), 0xFF, 0xE1);
    assert_port(&exit, MT_PORT_DONE, 0);
    exit = run_on(*state);
    assert_fault(&exit, 14, MT_STUB_PAGE + current->stub_return);
    assert_int_equal(exit.fault.address, 0);
    assert_int_equal(exit.fault.rsp, 0);
}

static void test_a_bad_stack_is_an_ordinary_fault(void **state)
{
    SKIP_WITHOUT_DRIVER();
    /* xor %esp, %esp; push %rax */
    struct mt_exit exit = RUN(*state, 0x31, 0xE4, 0x50);
    assert_fault(&exit, 14, CODE + 2);
    assert_int_equal(exit.fault.address, UINT64_MAX - 7);
    assert_int_equal(exit.fault.error_code, 6);
}

static void test_a_machine_starts_again_after_a_fault(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    const uint8_t bad[] = {0x31, 0xE4, 0x50};
    const uint8_t good[] = {0xB0, 5, DONE};
    load_two(f, bad, sizeof(bad), good, sizeof(good));
    for (int i = 0; i < 10; i++) {
        struct mt_exit exit = run_from(f, 0, LIMIT_NS);
        assert_fault(&exit, 14, CODE + 2);
        exit = run_from(f, SECOND, LIMIT_NS);
        assert_port(&exit, MT_PORT_DONE, 5);
    }
}

/* ---- Memory ---- */

static void test_guest_memory_is_not_executable_for_the_host(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    char line[256];
    char rights[8] = "";
    load(f, "\xF4", 1);
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long start;
        unsigned long end;
        char found[8];
        if (sscanf(line, "%lx-%lx %7s", &start, &end, found) == 3 &&
            start <= (unsigned long)f->window.host && (unsigned long)f->window.host < end)
            memcpy(rights, found, sizeof(rights));
    }
    fclose(maps);
    assert_string_equal(rights, current->mapping_rights);
}

static void test_both_sides_see_what_the_other_writes(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    /* mov $DATA, %ecx; mov (%rcx), %al; inc %al; mov %al, 1(%rcx); out */
    const uint8_t code[] = {MOV_ECX(DATA), 0x8A, 0x01, 0xFE, 0xC0, 0x88, 0x41, 0x01, DONE};
    load(f, code, sizeof(code));
    for (uint8_t i = 0; i < 10; i++) {
        *guest_bytes(f, DATA) = i;
        struct mt_exit exit = run_from(f, 0, LIMIT_NS);
        assert_port(&exit, MT_PORT_DONE, i + 1u);
        assert_int_equal(*guest_bytes(f, DATA + 1), i + 1);
    }
}

static void test_new_machines_have_zeroed_memory_of_their_own(void **state)
{
    SKIP_WITHOUT_DRIVER();
    struct fixture *f = *state;
    struct mt_machine *other;
    struct mt_window window;
    mote_error err = {0};
    load(f, "\xF4", 1);
    memset(guest_bytes(f, DATA), 0xA5, 0x1000);
    assert_int_equal(driver->create(f->prepared, &other, &window, &err), MOTE_OK);
    for (size_t i = 0; i < window.len_bytes; i++)
        assert_int_equal(window.host[i], 0);
    driver->destroy(other, false);
    assert_int_equal(*guest_bytes(f, DATA), 0xA5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_out_on_a_port_of_the_abi_exits),
        TEST(test_the_stub_page_reaches_the_host),
        TEST(test_the_stub_page_changes_no_register),
        TEST(test_other_ports_are_refused),
        TEST(test_a_wide_out_does_not_reach_neighbouring_ports),
        TEST(test_in_is_an_exit_of_its_own),
        TEST(test_a_string_goes_out_byte_by_byte),
        TEST(test_a_run_goes_on_behind_its_out),
        TEST(test_entry_registers_arrive_and_others_are_zero),
        TEST(test_vector_state_is_reset_on_entry),
        TEST(test_mxcsr_bases_and_flags_are_reset_on_entry),
        TEST(test_selectors_are_reset_on_entry),
        TEST(test_interruptions_change_nothing),
        TEST(test_hlt_is_general_protection_at_its_address),
        TEST(test_page_faults_name_address_and_access),
        TEST(test_data_is_not_executable),
        TEST(test_exceptions_come_with_their_vector),
        TEST(test_the_trap_flag_traps),
        TEST(test_a_trap_follows_the_out_that_it_is_set_for),
        TEST(test_system_calls_are_refused_at_their_place),
        TEST(test_code_of_32_bits_is_a_fault),
        TEST(test_a_segment_of_32_bits_is_there_where_linux_has_it),
        TEST(test_a_return_without_a_stack_faults_in_the_stub_page),
        TEST(test_a_bad_stack_is_an_ordinary_fault),
        TEST(test_a_machine_starts_again_after_a_fault),
        TEST(test_guest_memory_is_not_executable_for_the_host),
        TEST(test_both_sides_see_what_the_other_writes),
        TEST(test_new_machines_have_zeroed_memory_of_their_own),
    };
    return run_on_every_driver(tests, sizeof(tests) / sizeof(tests[0]));
}
