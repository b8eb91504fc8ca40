/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest sees that it is in a process; docs/drivers.md lists it. */
#include "host/driver/process/fixture.h"

#include <cpuid.h>
#include <string.h>

/* xor %eax, %eax; xor %ecx, %ecx; cpuid; mov %ebx, DATA; mov $104, %edx; out %al, %dx */
static void test_cpuid_tells_of_the_hosts_processor(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const uint8_t code[] = {
        0x31,       0xC0, 0x31, 0xC9, 0x0F, 0xA2, 0x89, 0x1C, 0x25, 0, DATA >> 8 & 0xFF,
        DATA >> 16, 0,    0xBA, 104,  0,    0,    0,    0xEE};
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
    uint32_t seen;
    __cpuid_count(0, 0, eax, ebx, ecx, edx);
    load(&fixture, code, sizeof(code));
    start(&fixture, CODE, 20000 * MS);
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    memcpy(&seen, guest_bytes(&fixture, DATA), sizeof(seen));
    assert_int_equal(seen, ebx);
    unload(&fixture);
}

static uint64_t read_clock(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void test_rdtsc_reads_the_hosts_clock(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* rdtsc; mov %eax, DATA; mov %edx, DATA + 4; mov $104, %edx; out %al, %dx */
    static const uint8_t code[] = {0x0F,       0x31, 0x89, 0x04, 0x25, 0, DATA >> 8 & 0xFF,
                                   DATA >> 16, 0,    0x89, 0x14, 0x25, 4, DATA >> 8 & 0xFF,
                                   DATA >> 16, 0,    0xBA, 104,  0,    0, 0,
                                   0xEE};
    uint64_t seen;
    load(&fixture, code, sizeof(code));
    start(&fixture, CODE, 20000 * MS);
    uint64_t before = read_clock();
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    uint64_t after = read_clock();
    memcpy(&seen, guest_bytes(&fixture, DATA), sizeof(seen));
    assert_in_range(seen, before, after);
    unload(&fixture);
}

/* uretprobe and uprobe, which the kernel keeps from filters: it raises #UD itself, or the call only
 * fails, and the guest comes to the breakpoint behind it. */
/* As the CPU has it: 8 * n + 2, which names the gate. */
static void test_an_interrupt_of_a_number_names_its_gate(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const uint8_t numbers[] = {1, 2, 14, 32, 0x81, 255};
    for (size_t i = 0; i < sizeof(numbers); i++) {
        const uint8_t code[] = {0xCD, numbers[i]};
        load(&fixture, code, sizeof(code));
        start(&fixture, CODE, 20000 * MS);
        struct mt_exit exit = run_on(&fixture);
        assert_int_equal(exit.kind, MT_EXIT_FAULT);
        assert_int_equal(exit.fault.vector, 13);
        assert_int_equal(exit.fault.error_code, 8 * numbers[i] + 2);
        assert_int_equal(exit.fault.rip, CODE);
        unload(&fixture);
    }
}

/* smsw %eax; mov $104, %edx; out %al, %dx */
static void test_smsw_reads_what_the_hosts_kernel_tells(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const uint8_t code[] = {0x0F, 0x01, 0xE0, 0xBA, MT_PORT_DONE, 0, 0, 0, 0xEE};
    static struct mt_cpu cpu;
    uint64_t ours;
    __asm__ volatile("smsw %0" : "=r"(ours));
    load(&fixture, code, sizeof(code));
    start(&fixture, CODE, 20000 * MS);
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    mt_driver_process.inspect(fixture.machine, &cpu);
    assert_int_equal((uint32_t)cpu.rax, (uint32_t)ours);
    unload(&fixture);
}

static void test_calls_of_uprobes_do_nothing(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    for (uint8_t low = 335 & 0xFF; low <= (336 & 0xFF); low++) {
        /* mov $256 + low, %eax; syscall */
        const uint8_t code[] = {0xB8, low, 1, 0, 0, 0x0F, 0x05};
        load(&fixture, code, sizeof(code));
        start(&fixture, CODE, 20000 * MS);
        struct mt_exit exit = run_on(&fixture);
        /* An older kernel has no such call: then it is refused as all others. */
        if (exit.kind != MT_EXIT_REFUSED) {
            assert_int_equal(exit.kind, MT_EXIT_FAULT);
            assert_true(exit.fault.vector == 6 || exit.fault.vector == 3);
        }
        unload(&fixture);
    }
}

/* mov ADDRESS, %eax; or mov %eax, ADDRESS; then mov $104, %edx; out %al, %dx */
static enum mt_exit_kind touch(uint32_t address, bool is_write)
{
    const uint8_t code[] = {is_write ? 0x89 : 0x8B,
                            0x04,
                            0x25,
                            (uint8_t)address,
                            (uint8_t)(address >> 8),
                            (uint8_t)(address >> 16),
                            (uint8_t)(address >> 24),
                            0xBA,
                            104,
                            0,
                            0,
                            0,
                            0xEE};
    load(&fixture, code, sizeof(code));
    start(&fixture, CODE, 20000 * MS);
    struct mt_exit exit = run_on(&fixture);
    unload(&fixture);
    return exit.kind;
}

static void test_a_guest_may_touch_the_pages_that_it_talks_through(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const uint32_t to_end = MT_PROCESS_TO + MT_PROCESS_TO_BYTES;
    static const uint32_t from_end = MT_PROCESS_FROM + MT_PROCESS_FROM_BYTES;
    assert_int_equal(touch(MT_PROCESS_TO, false), MT_EXIT_PORT);
    assert_int_equal(touch(to_end - 4, false), MT_EXIT_PORT);
    assert_int_equal(touch(to_end, false), MT_EXIT_FAULT);
    assert_int_equal(touch(MT_PROCESS_TO, true), MT_EXIT_FAULT);
    assert_int_equal(touch(to_end - 4, true), MT_EXIT_FAULT);
    assert_int_equal(touch(MT_PROCESS_FROM - 4, true), MT_EXIT_FAULT);
    assert_int_equal(touch(MT_PROCESS_FROM + 0x800, true), MT_EXIT_PORT);
    assert_int_equal(touch(from_end - 4, true), MT_EXIT_PORT);
    assert_int_equal(touch(from_end, true), MT_EXIT_FAULT);
    assert_int_equal(touch(MT_STUB_PAGE, true), MT_EXIT_FAULT);
    assert_int_equal(touch(MT_PROCESS_SETUP, false), MT_EXIT_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpuid_tells_of_the_hosts_processor),
        cmocka_unit_test(test_rdtsc_reads_the_hosts_clock),
        cmocka_unit_test(test_an_interrupt_of_a_number_names_its_gate),
        cmocka_unit_test(test_smsw_reads_what_the_hosts_kernel_tells),
        cmocka_unit_test(test_calls_of_uprobes_do_nothing),
        cmocka_unit_test(test_a_guest_may_touch_the_pages_that_it_talks_through),
    };
    return cmocka_run_group_tests_name("process differences", tests, find_driver, NULL);
}
