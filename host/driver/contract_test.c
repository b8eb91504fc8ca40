/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every driver must do: small programs in machine code, and the exits that they must give. The
 * same cases run on each driver; where two may differ, the table of differences says how and why.
 */
#include "abi/memory_map.h"
#include "abi/ports.h"
#include "host/driver/kvm/kvm.h"
#include "host/driver/process/process.h"
#include "host/os/clock.h"
#include <mote/image.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <cpuid.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLES_BYTES 0x8000u
#define CODE (MT_BASE_ADDRESS + TABLES_BYTES)
#define DATA (CODE + 0x1000)
#define GUARD (DATA + 0x1000)
#define CONSTANT (GUARD + 0x1000)
#define STACK (CONSTANT + 0x1000)
#define KERNEL_STACK (STACK + 0x1000)
#define BOOT_STACK (KERNEL_STACK + 0x1000)
#define INITIAL_RSP (STACK + 0x1000 - 0x28)

#define MS 1000000ull
#define LIMIT_NS (2000 * MS)
#define LONG_NS (20000 * MS)

#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)

#define BYTE_OF(number, n) (uint8_t)((number) >> 8 * (n))
#define BYTES_OF(number) \
    BYTE_OF(number, 0), BYTE_OF(number, 1), BYTE_OF(number, 2), BYTE_OF(number, 3)
#define MOV(opcode, number) (opcode), BYTES_OF(number)
#define MOV_HIGH(opcode, number) 0x41, (opcode), BYTES_OF(number)
#define PUSHF 0x9C
#define PUSH_LOW 0x50, 0x53, 0x51, 0x52, 0x56, 0x57, 0x55 /* rax rbx rcx rdx rsi rdi rbp */
#define PUSH_HIGH \
    0x41, 0x50, 0x41, 0x51, 0x41, 0x52, 0x41, 0x53, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57
#define WRFSBASE_RCX 0xF3, 0x48, 0x0F, 0xAE, 0xD1
#define WRGSBASE_RCX 0xF3, 0x48, 0x0F, 0xAE, 0xD9
#define PUSH_FSBASE 0xF3, 0x48, 0x0F, 0xAE, 0xC0, 0x50 /* rdfsbase %rax; push %rax */
#define PUSH_GSBASE 0xF3, 0x48, 0x0F, 0xAE, 0xC8, 0x50
#define COUNT_IN_XMM5 0x66, 0x0F, 0x7E, 0xE8, 0xFF, 0xC0, 0x66, 0x0F, 0x6E, 0xE8
#define MOV_ECX(address) 0xB9, BYTES_OF(address)
#define MOV_EDX(number) 0xBA, BYTES_OF(number)
#define OUT 0xEE
#define DONE MOV_EDX(MT_PORT_DONE), OUT

/* ---- Where drivers differ ---- */

struct differences {
    const char *name; /* as the tests' groups have it */
    const struct mt_driver *driver;
    uint64_t spin_ns; /* how its waits begin */
    /* A process has no monitor pages: nothing is mapped where a VM has them. */
    bool has_monitor_pages;
    /* In a process the filter sees the number before any exception could be raised. */
    bool refuses_syscalls;
    /* Linux has a 32-bit code segment, which the monitor has not: in a process the jump there is
     * noticed at the next exit, not at the jump. */
    bool has_32_bit_segment;
    /* A child maps the sandbox's memory from the same file: the host's mapping is a shared one. */
    const char *mapping_rights;
};

static const struct differences all_differences[] = {
    {"kvm", &mt_driver_kvm, 0, true, false, false, "rw-p"},
    {"process", &mt_driver_process, 0, false, true, true, "rw-s"},
    {"process, spinning", &mt_driver_process, 200000, false, true, true, "rw-s"},
    {"process, spinning for a moment", &mt_driver_process, 1000, false, true, true, "rw-s"},
};

static const struct differences *current;
static bool works;

/* ---- A sandbox of few pages ---- */

struct fixture {
    uint8_t *code;
    struct mt_region regions[8];
    struct mt_plan plan;
    void *prepared;
    struct mt_machine *machine;
    struct mt_window window;
    uint64_t deadline_ns;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof(*f));
    *state = f;
    f->code = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct mt_region regions[] = {
        {"page tables", MT_BASE_ADDRESS, TABLES_BYTES, 0, MT_BACKING_TABLES, NULL, false, 0, 0},
        {"code", CODE, 0x1000, MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE, MT_BACKING_SHARED, f->code,
         false, 0, 0},
        {"data", DATA, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"guard", GUARD, 0x1000, 0, MT_BACKING_NONE, NULL, false, 0, 0},
        {"constant", CONSTANT, 0x1000, MOTE_RIGHT_READ, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"stack", STACK, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"kernel stack", KERNEL_STACK, 0x1000, 0, MT_BACKING_MONITOR, NULL, false, 0, 0x1000},
        {"boot stack", BOOT_STACK, 0x1000, 0, MT_BACKING_MONITOR, NULL, false, 0, 0x1000},
    };
    memcpy(f->regions, regions, sizeof(regions));
    f->plan = (struct mt_plan){
        f->regions, 8, MT_BASE_ADDRESS, TABLES_BYTES, KERNEL_STACK + 4096, BOOT_STACK + 4096, 0, 0};
    return 0;
}

static void unload(struct fixture *f)
{
    if (f->machine != NULL)
        current->driver->destroy(f->machine, false);
    if (f->prepared != NULL)
        current->driver->unprepare(f->prepared);
    f->machine = NULL;
    f->prepared = NULL;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unload(f);
    munmap(f->code, 0x1000);
    return 0;
}

/* Make a sandbox whose code page begins like this; the rest of it is breakpoints. */
static void load(struct fixture *f, const void *code, size_t len_bytes)
{
    mote_allocator allocator;
    mote_error err = {0};
    unload(f);
    memset(f->code, 0xCC, 0x1000);
    memcpy(f->code, code, len_bytes);
    mt_allocator_set(&allocator, NULL);
    if (current->driver->prepare(&f->plan, &allocator, &f->prepared, &err) != MOTE_OK ||
        current->driver->create(f->prepared, &f->machine, &f->window, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    if (current->driver->spin != NULL)
        current->driver->spin(f->machine, current->spin_ns);
}

static void begin(struct fixture *f, uint64_t limit_ns)
{
    mote_error err = {0};
    f->deadline_ns = mt_clock_ns() + limit_ns;
    assert_int_equal(current->driver->begin(f->machine, f->deadline_ns, &err), MOTE_OK);
}

static struct mt_exit run_once(struct fixture *f)
{
    struct mt_exit exit;
    mote_error err = {0};
    if (current->driver->run(f->machine, &exit, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    if (exit.kind == MT_EXIT_DIED)
        print_message("died: %s\n", exit.died);
    return exit;
}

static struct mt_exit run_on(struct fixture *f)
{
    struct mt_exit exit;
    do
        exit = run_once(f);
    while (exit.kind == MT_EXIT_INTERRUPTED && mt_clock_ns() < f->deadline_ns);
    return exit;
}

static void enter(struct fixture *f, uint64_t offset)
{
    const struct mt_registers start = {.rip = CODE + offset,
                                       .rsp = INITIAL_RSP,
                                       .rcx = 0x1111,
                                       .rdx = 0x2222,
                                       .r8 = 0x3333,
                                       .r9 = 0x4444};
    current->driver->enter(f->machine, &start);
}

/* Run from an offset in the code page until the guest needs the host. */
static struct mt_exit run_from(struct fixture *f, uint64_t offset, uint64_t limit_ns)
{
    enter(f, offset);
    begin(f, limit_ns);
    return run_on(f);
}

static struct mt_exit run_code(struct fixture *f, const void *code, size_t len_bytes)
{
    load(f, code, len_bytes);
    return run_from(f, 0, LIMIT_NS);
}

#define RUN(f, ...) \
    run_code(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static uint8_t *guest_bytes(struct fixture *f, uint64_t address)
{
    return f->window.host + (address - f->window.start);
}

#define SKIP_WITHOUT_DRIVER() \
    if (!works) { \
        print_message("skipped: driver %s does not work here\n", current->driver->name); \
        skip(); \
    }

static void assert_fault(const struct mt_exit *exit, unsigned vector, uint64_t rip)
{
    assert_int_equal(exit->kind, MT_EXIT_FAULT);
    assert_int_equal(exit->fault.vector, vector);
    assert_int_equal(exit->fault.rip, rip);
}

static void assert_port(const struct mt_exit *exit, unsigned number, unsigned value)
{
    assert_int_equal(exit->kind, MT_EXIT_PORT);
    assert_int_equal(exit->port.number, number);
    assert_int_equal(exit->port.value, value);
    assert_int_equal(exit->port.size_bytes, 1);
    assert_int_equal(exit->port.count, 1);
    assert_false(exit->port.is_in);
}

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

#define SECOND 0x200 /* offset of a second program in the code page */

static void load_two(struct fixture *f, const void *first, size_t first_bytes, const void *second,
                     size_t second_bytes)
{
    uint8_t both[0x1000];
    memset(both, 0xCC, sizeof(both));
    memcpy(both, first, first_bytes);
    memcpy(both + SECOND, second, second_bytes);
    load(f, both, sizeof(both));
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

/* ---- Saved states ---- */

static void do_nothing(struct fixture *f)
{
    (void)f;
}

static void track(struct fixture *f)
{
    mote_error err = {0};
    assert_int_equal(current->driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(current->driver->track(f->machine, UINT64_MAX, &err), MOTE_OK);
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
    assert_int_equal(current->driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(current->driver->load(f->machine, cpu, &err), MOTE_OK);
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
        assert_int_equal(current->driver->quiesce(f->machine, &err), MOTE_OK);
        assert_int_equal(current->driver->save(f->machine, &cpu, &err), MOTE_OK);
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
    assert_int_equal(current->driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(current->driver->save(f->machine, cpu, &err), MOTE_OK);
}

static void load_state(struct fixture *f, const struct mt_cpu *cpu)
{
    mote_error err = {0};
    assert_int_equal(current->driver->quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(current->driver->load(f->machine, cpu, &err), MOTE_OK);
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

/* ---- Time ---- */

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
    current->driver->kick(machine);
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
    current->driver->kick(f->machine);
    assert_int_equal(run_once(f).kind, MT_EXIT_INTERRUPTED);
    assert_true(mt_clock_ns() < f->deadline_ns - LONG_NS / 2);
}

struct kicker {
    struct mt_machine *machine;
    _Atomic bool is_over;
};

static void *kick_always(void *argument)
{
    struct kicker *kicker = argument;
    for (useconds_t i = 0; !kicker->is_over; i++) {
        usleep(50 + i * 7 % 200); /* KVM comes to nothing when a kick meets every run */
        current->driver->kick(kicker->machine);
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
    assert_int_equal(current->driver->create(f->prepared, &other, &window, &err), MOTE_OK);
    for (size_t i = 0; i < window.len_bytes; i++)
        assert_int_equal(window.host[i], 0);
    current->driver->destroy(other, false);
    assert_int_equal(*guest_bytes(f, DATA), 0xA5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run_all(const struct differences *differences)
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
        TEST(test_interruptions_change_nothing),
        TEST(test_hlt_is_general_protection_at_its_address),
        TEST(test_page_faults_name_address_and_access),
        TEST(test_data_is_not_executable),
        TEST(test_exceptions_come_with_their_vector),
        TEST(test_the_trap_flag_traps),
        TEST(test_a_trap_follows_the_out_that_it_is_set_for),
        TEST(test_system_calls_are_refused_at_their_place),
        TEST(test_code_of_32_bits_is_a_fault),
        TEST(test_a_bad_stack_is_an_ordinary_fault),
        TEST(test_a_machine_starts_again_after_a_fault),
        TEST(test_a_state_loads_again_whatever_came_between),
        TEST(test_a_state_is_saved_that_was_loaded_and_has_not_run),
        TEST(test_an_endless_loop_is_interrupted_at_the_deadline),
        TEST(test_endless_exits_are_interrupted_at_the_deadline),
        TEST(test_a_kick_interrupts),
        TEST(test_a_kick_before_a_run_interrupts_it),
        TEST(test_kicks_at_any_moment_lose_no_exit),
        TEST(test_kicks_at_any_moment_change_no_register),
        TEST(test_guest_memory_is_not_executable_for_the_host),
        TEST(test_both_sides_see_what_the_other_writes),
        TEST(test_new_machines_have_zeroed_memory_of_their_own),
    };
    mote_driver_report report = {.struct_size = sizeof(report)};
    current = differences;
    current->driver->examine(&report);
    works = report.works;
    if (!works)
        print_message("driver %s: %s\n", current->driver->name, report.reason);
    return cmocka_run_group_tests_name(current->name, tests, NULL, NULL);
}

/* MOTE_TEST_DRIVER names one driver; without it all are tested. ThreadSanitizer cannot follow the
 * process driver's children, which share the host's memory for a moment. */
static bool is_wanted(const char *name)
{
    const char *wanted = getenv("MOTE_TEST_DRIVER");
#ifdef __SANITIZE_THREAD__
    if (wanted == NULL)
        wanted = "kvm";
#endif
    return wanted == NULL || strcmp(wanted, name) == 0;
}

int main(void)
{
    int n_failed = 0;
    for (size_t i = 0; i < sizeof(all_differences) / sizeof(all_differences[0]); i++) {
        if (is_wanted(all_differences[i].driver->name))
            n_failed += run_all(&all_differences[i]);
    }
    return n_failed;
}
