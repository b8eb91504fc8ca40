/* SPDX-License-Identifier: Apache-2.0 */
/* The KVM driver by itself: small programs in machine code, and the exits that they must give. */
#include "abi/memory_map.h"
#include "abi/ports.h"
#include "host/driver/kvm/kvm_internal.h"
#include "host/os/clock.h"
#include <mote/image.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLES_BYTES 0x8000u
#define CODE (MT_BASE_ADDRESS + TABLES_BYTES)
#define DATA (CODE + 0x1000)
#define GUARD (DATA + 0x1000)
#define STACK (GUARD + 0x1000)
#define KERNEL_STACK (STACK + 0x1000)
#define BOOT_STACK (KERNEL_STACK + 0x1000)
#define ONE_SECOND_NS 1000000000ull

#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)

struct fixture {
    uint8_t *code;
    struct mt_region regions[7];
    struct mt_plan plan;
    void *prepared;
    struct mt_machine *machine;
    struct mt_window window;
};

static bool has_kvm(void)
{
    return access("/dev/kvm", R_OK | W_OK) == 0;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    mote_allocator allocator;
    mote_error err = {0};
    *state = f;
    if (!has_kvm())
        return 0;
    f->code = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct mt_region regions[] = {
        {"page tables", MT_BASE_ADDRESS, TABLES_BYTES, 0, MT_BACKING_TABLES, NULL, false, 0, 0},
        {"code", CODE, 0x1000, MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE, MT_BACKING_SHARED, f->code,
         false, 0, 0},
        {"data", DATA, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"guard", GUARD, 0x1000, 0, MT_BACKING_NONE, NULL, false, 0, 0},
        {"stack", STACK, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"kernel stack", KERNEL_STACK, 0x1000, 0, MT_BACKING_MONITOR, NULL, false, 0, 0x1000},
        {"boot stack", BOOT_STACK, 0x1000, 0, MT_BACKING_MONITOR, NULL, false, 0, 0x1000},
    };
    memcpy(f->regions, regions, sizeof(regions));
    f->plan = (struct mt_plan){
        f->regions, 7, MT_BASE_ADDRESS, TABLES_BYTES, KERNEL_STACK + 4096, BOOT_STACK + 4096};
    mt_allocator_set(&allocator, NULL);
    if (mt_driver_kvm.prepare(&f->plan, &allocator, &f->prepared, &err) != MOTE_OK ||
        mt_driver_kvm.create(f->prepared, &f->machine, &f->window, &err) != MOTE_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (!has_kvm())
        return 0;
    mt_driver_kvm.destroy(f->machine, false);
    mt_driver_kvm.unprepare(f->prepared);
    munmap(f->code, 0x1000);
    return 0;
}

/* Run code from its start until it needs the host. */
static struct mt_exit run_code(struct fixture *f, const void *code, size_t len_bytes)
{
    struct mt_exit exit;
    mote_error err = {0};
    memset(f->code, 0xCC, 0x1000);
    memcpy(f->code, code, len_bytes);
    const struct mt_registers start = {.rip = CODE,
                                       .rsp = STACK + 0x1000 - 0x28,
                                       .rcx = 0x1111,
                                       .rdx = 0x2222,
                                       .r8 = 0x3333,
                                       .r9 = 0x4444};
    mt_driver_kvm.enter(f->machine, &start);
    assert_int_equal(mt_driver_kvm.begin(f->machine, mt_clock_ns() + ONE_SECOND_NS / 20, &err),
                     MOTE_OK);
    do
        assert_int_equal(mt_driver_kvm.run(f->machine, &exit, &err), MOTE_OK);
    while (exit.kind == MT_EXIT_INTERRUPTED && mt_clock_ns() < f->machine->deadline_ns);
    return exit;
}

#define RUN(f, ...) \
    run_code(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

#define SKIP_WITHOUT_KVM() \
    if (!has_kvm()) { \
        print_message("skipped: no access to /dev/kvm\n"); \
        skip(); \
    }

static void test_out_on_a_port_of_the_abi_exits(void **state)
{
    SKIP_WITHOUT_KVM();
    /* mov $104, %edx; mov $7, %al; out %al, %dx; ud2 */
    struct mt_exit exit = RUN(*state, 0xBA, 104, 0, 0, 0, 0xB0, 7, 0xEE, 0x0F, 0x0B);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(exit.port.number, MT_PORT_DONE);
    assert_int_equal(exit.port.value, 7);
    assert_int_equal(exit.port.size_bytes, 1);
    assert_int_equal(exit.port.count, 1);
    assert_false(exit.port.is_in);
}

static void test_entry_registers_arrive_and_others_are_zero(void **state)
{
    SKIP_WITHOUT_KVM();
    struct fixture *f = *state;
    /* Push all general registers but RSP, then exit: mov %rsp,%rdi is not needed. */
    struct mt_exit exit =
        RUN(f, 0x50, 0x53, 0x51, 0x52, 0x56, 0x57, 0x55, 0x41, 0x50, 0x41, 0x51, 0x41, 0x52, 0x41,
            0x53, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57, 0xBA, 104, 0, 0, 0, 0xEE);
    const uint64_t wanted[] = {CODE, 0, 0x1111, 0x2222, 0, 0, 0, 0x3333, 0x4444, 0, 0, 0, 0, 0, 0};
    uint64_t pushed[15];
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    memcpy(pushed, f->window.host + (STACK + 0x1000 - 0x28 - sizeof(pushed) - f->window.start),
           sizeof(pushed));
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(pushed[14 - i], wanted[i]);
}

static void test_vector_state_is_reset_on_entry(void **state)
{
    SKIP_WITHOUT_KVM();
    struct fixture *f = *state;
    static const uint8_t canary[32] = "this must not survive the entry";
    memcpy(f->window.host + (DATA - f->window.start), canary, sizeof(canary));
    /* mov $DATA, %ecx; vmovdqu (%rcx), %ymm3; ldmxcsr with rounding up is left out; out */
    const uint8_t fill[] = {
        0xB9, DATA & 0xFF, DATA >> 8 & 0xFF, DATA >> 16, 0, 0xC5, 0xFE, 0x6F, 0x19, 0xBA, 104, 0, 0,
        0,    0xEE};
    /* mov $DATA, %ecx; vmovdqu %ymm3, (%rcx); out */
    const uint8_t look[] = {
        0xB9, DATA & 0xFF, DATA >> 8 & 0xFF, DATA >> 16, 0, 0xC5, 0xFE, 0x7F, 0x19, 0xBA, 104, 0, 0,
        0,    0xEE};
    static const uint8_t zero[32];
    assert_int_equal(run_code(f, fill, sizeof(fill)).kind, MT_EXIT_PORT);
    assert_int_equal(run_code(f, look, sizeof(look)).kind, MT_EXIT_PORT);
    assert_memory_equal(f->window.host + (DATA - f->window.start), zero, sizeof(zero));
}

static void test_other_ports_are_refused(void **state)
{
    SKIP_WITHOUT_KVM();
    static const uint16_t ports[] = {0, 98, 100, 103, 105, 255, 256, 1016, 0xCF8, 65535};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct mt_exit exit =
            RUN(*state, 0xBA, (uint8_t)ports[i], (uint8_t)(ports[i] >> 8), 0, 0, 0xEE);
        assert_int_equal(exit.kind, MT_EXIT_FAULT);
        assert_int_equal(exit.fault.vector, 13);
        assert_int_equal(exit.fault.rip, CODE + 5);
    }
}

static void test_a_wide_out_does_not_reach_neighbouring_ports(void **state)
{
    SKIP_WITHOUT_KVM();
    /* mov $99, %edx; out %eax, %dx: covers 99 to 102, of which 100 is not allowed */
    struct mt_exit exit = RUN(*state, 0xBA, 99, 0, 0, 0, 0xEF);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 13);
}

static void test_in_is_an_exit_of_its_own(void **state)
{
    SKIP_WITHOUT_KVM();
    /* mov $101, %edx; in %dx, %al */
    struct mt_exit exit = RUN(*state, 0xBA, 101, 0, 0, 0, 0xEC);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_true(exit.port.is_in);
}

static void test_hlt_is_general_protection_at_its_address(void **state)
{
    SKIP_WITHOUT_KVM();
    struct mt_exit exit = RUN(*state, 0x90, 0xF4);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 13);
    assert_int_equal(exit.fault.error_code, 0);
    assert_int_equal(exit.fault.rip, CODE + 1);
    assert_int_equal(exit.fault.rsp, STACK + 0x1000 - 0x28);
}

struct access {
    uint64_t address;
    bool is_write;
    uint32_t error_code;
};

static void test_page_faults_name_address_and_access(void **state)
{
    SKIP_WITHOUT_KVM();
    static const struct access accesses[] = {
        {0, false, 4},
        {8, true, 6},
        {CODE, true, 7},
        {GUARD, false, 4},
        {GUARD + 0xFFF, true, 6},
        {KERNEL_STACK, false, 5},
        {KERNEL_STACK + 0xFF8, true, 7},
        {BOOT_STACK, true, 7},
        {MT_BASE_ADDRESS, false, 4},
        {MT_BASE_ADDRESS + 0x1000, true, 6},
        {MT_KVM_GATES, false, 5},
        {MT_KVM_TABLES, true, 7},
        {MT_KVM_IDT, false, 5},
        {MT_STUB_PAGE, true, 7},
        {MT_VECTOR_IMAGE, true, 7},
        {MT_MONITOR_START, false, 4},
        {MT_MONITOR_END - 1, false, 4},
        {0x40000000, false, 4},
    };
    for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        uint64_t at = accesses[i].address;
        /* movabs $at, %rcx; mov (%rcx), %al or mov %al, (%rcx) */
        struct mt_exit exit =
            RUN(*state, 0x48, 0xB9, (uint8_t)at, (uint8_t)(at >> 8), (uint8_t)(at >> 16),
                (uint8_t)(at >> 24), 0, 0, 0, 0, accesses[i].is_write ? 0x88 : 0x8A, 0x01);
        assert_int_equal(exit.kind, MT_EXIT_FAULT);
        assert_int_equal(exit.fault.vector, 14);
        assert_int_equal(exit.fault.address, at);
        assert_int_equal(exit.fault.error_code, accesses[i].error_code);
        assert_int_equal(exit.fault.rip, CODE + 10);
    }
}

static void test_data_is_not_executable(void **state)
{
    SKIP_WITHOUT_KVM();
    /* mov $DATA, %ecx; jmp *%rcx */
    struct mt_exit exit =
        RUN(*state, 0xB9, DATA & 0xFF, DATA >> 8 & 0xFF, DATA >> 16, 0, 0xFF, 0xE1);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 14);
    assert_int_equal(exit.fault.error_code, 0x15);
    assert_int_equal(exit.fault.address, DATA);
}

static void test_exceptions_come_with_their_vector(void **state)
{
    SKIP_WITHOUT_KVM();
    struct mt_exit exit = RUN(*state, 0x0F, 0x0B);
    assert_int_equal(exit.fault.vector, 6);
    exit = RUN(*state, 0xCC);
    assert_int_equal(exit.fault.vector, 3);
    /* xor %ecx, %ecx; div %ecx */
    exit = RUN(*state, 0x31, 0xC9, 0xF7, 0xF1);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 0);
}

static void test_syscall_is_named(void **state)
{
    SKIP_WITHOUT_KVM();
    struct mt_exit exit = RUN(*state, 0x90, 0x0F, 0x05);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_true(exit.fault.is_syscall || exit.fault.vector == 6);
    assert_int_equal(exit.fault.rip, CODE + 1);
}

static void test_a_bad_stack_is_an_ordinary_fault(void **state)
{
    SKIP_WITHOUT_KVM();
    /* xor %esp, %esp; push %rax */
    struct mt_exit exit = RUN(*state, 0x31, 0xE4, 0x50);
    assert_int_equal(exit.kind, MT_EXIT_FAULT);
    assert_int_equal(exit.fault.vector, 14);
    assert_int_equal(exit.fault.address, UINT64_MAX - 7);
}

static void test_an_endless_loop_is_interrupted_at_the_deadline(void **state)
{
    SKIP_WITHOUT_KVM();
    struct fixture *f = *state;
    struct mt_exit exit = RUN(f, 0xEB, 0xFE);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    uint64_t late_ns = mt_clock_ns() - f->machine->deadline_ns;
    assert_true(late_ns < ONE_SECOND_NS / 2);
}

static void *kick_soon(void *machine)
{
    usleep(5000);
    mt_driver_kvm.kick(machine);
    return NULL;
}

static void test_a_kick_interrupts(void **state)
{
    SKIP_WITHOUT_KVM();
    struct fixture *f = *state;
    struct mt_exit exit;
    mote_error err;
    pthread_t thread;
    const struct mt_registers start = {.rip = CODE, .rsp = STACK + 0x1000};
    memcpy(f->code, "\xEB\xFE", 2);
    mt_driver_kvm.enter(f->machine, &start);
    uint64_t started_ns = mt_clock_ns();
    assert_int_equal(mt_driver_kvm.begin(f->machine, started_ns + 20 * ONE_SECOND_NS, &err),
                     MOTE_OK);
    /* An early alarm of an earlier test may interrupt once. */
    pthread_create(&thread, NULL, kick_soon, f->machine);
    do
        assert_int_equal(mt_driver_kvm.run(f->machine, &exit, &err), MOTE_OK);
    while (mt_clock_ns() < started_ns + 4000000);
    pthread_join(thread, NULL);
    assert_int_equal(exit.kind, MT_EXIT_INTERRUPTED);
    assert_true(mt_clock_ns() - started_ns < 10 * ONE_SECOND_NS);
}

static void test_a_run_goes_on_behind_its_out(void **state)
{
    SKIP_WITHOUT_KVM();
    struct fixture *f = *state;
    struct mt_exit exit;
    mote_error err;
    /* mov $104,%edx; mov $1,%al; 1: out %al,%dx; inc %al; jmp 1b */
    exit = RUN(f, 0xBA, 104, 0, 0, 0, 0xB0, 1, 0xEE, 0xFE, 0xC0, 0xEB, 0xFB);
    for (uint8_t i = 1; i < 20; i++) {
        assert_int_equal(exit.kind, MT_EXIT_PORT);
        assert_int_equal(exit.port.value, i);
        do
            assert_int_equal(mt_driver_kvm.run(f->machine, &exit, &err), MOTE_OK);
        while (exit.kind == MT_EXIT_INTERRUPTED);
    }
}

static void test_guest_memory_is_not_executable_for_the_host(void **state)
{
    SKIP_WITHOUT_KVM();
    struct fixture *f = *state;
    char line[256];
    char rights[8] = "";
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
    assert_string_equal(rights, "rw-p");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_out_on_a_port_of_the_abi_exits),
        TEST(test_entry_registers_arrive_and_others_are_zero),
        TEST(test_vector_state_is_reset_on_entry),
        TEST(test_other_ports_are_refused),
        TEST(test_a_wide_out_does_not_reach_neighbouring_ports),
        TEST(test_in_is_an_exit_of_its_own),
        TEST(test_hlt_is_general_protection_at_its_address),
        TEST(test_page_faults_name_address_and_access),
        TEST(test_data_is_not_executable),
        TEST(test_exceptions_come_with_their_vector),
        TEST(test_syscall_is_named),
        TEST(test_a_bad_stack_is_an_ordinary_fault),
        TEST(test_an_endless_loop_is_interrupted_at_the_deadline),
        TEST(test_a_kick_interrupts),
        TEST(test_a_run_goes_on_behind_its_out),
        TEST(test_guest_memory_is_not_executable_for_the_host),
    };
    return cmocka_run_group_tests_name("kvm", tests, NULL, NULL);
}
