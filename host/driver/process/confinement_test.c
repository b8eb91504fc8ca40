/* SPDX-License-Identifier: Apache-2.0 */
/* What the child of the process driver has, and that no system call of its guest gets through. */
#include "host/driver/process/fixture.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_CALLS 600u /* more than any table has */
#define X32_BIT 0x40000000u

/* ---- What a child has ---- */

static void test_a_child_has_no_descriptor(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    char path[64];
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    snprintf(path, sizeof(path), "/proc/%d/fd", pid_of(fixture.machine->child));
    if (geteuid() == 0)
        assert_int_equal(count_entries(path), 0);
    unload(&fixture);
}

static bool is_allowed(unsigned long first, unsigned long end, const char *rights)
{
    static const struct {
        unsigned long start;
        unsigned long len_bytes;
        const char *rights;
    } allowed[] = {
        {CODE, 0x1000, "r-xs"},
        {DATA, 0x2000, "rw-s"},
        {CONSTANT, 0x1000, "r--s"},
        {STACK, 0x1000, "rw-s"},
        {MT_STUB_PAGE, 0x1000, "r-xp"},
        {MT_PROCESS_TO, MT_PROCESS_TO_BYTES, "r--s"},
        {MT_PROCESS_FROM, MT_PROCESS_FROM_BYTES, "rw-s"},
    };
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (first == allowed[i].start && end - first == allowed[i].len_bytes)
            return strcmp(rights, allowed[i].rights) == 0;
    }
    return false;
}

/* Neither stack nor heap nor vdso. The vsyscall page is the kernel's, and in every process. */
static void test_a_child_maps_its_guest_and_the_stub(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    char path[64];
    char line[256];
    size_t n = 0;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    snprintf(path, sizeof(path), "/proc/%d/maps", pid_of(fixture.machine->child));
    FILE *maps = fopen(path, "r");
    /* Nobody but root may look into a child. */
    assert_true(maps != NULL || geteuid() != 0);
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        unsigned long first;
        unsigned long end;
        char rights[8];
        if (strstr(line, "[vsyscall]") != NULL)
            continue;
        assert_int_equal(sscanf(line, "%lx-%lx %7s", &first, &end, rights), 3);
        if (!is_allowed(first, end, rights))
            fail_msg("%s", line);
        n++;
    }
    if (maps != NULL) {
        fclose(maps);
        assert_int_equal(n, 7);
    }
    unload(&fixture);
}

static void assert_status_line(const char *status, const char *line)
{
    if (strstr(status, line) == NULL)
        fail_msg("no line %s in %s", line, status);
}

static void read_status(const char *path, char *to, size_t room)
{
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    to[fread(to, 1, room - 1, stream)] = '\0';
    fclose(stream);
}

static long status_number(const char *status, const char *name)
{
    const char *at = strstr(status, name);
    if (at == NULL)
        fail_msg("no line %s in %s", name, status);
    return strtol(at + strlen(name), NULL, 10);
}

static void test_a_child_can_gain_nothing(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    char path[64];
    char own[4096];
    char status[4096];
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    snprintf(path, sizeof(path), "/proc/%d/status", pid_of(fixture.machine->child));
    read_status(path, status, sizeof(status));
    read_status("/proc/self/status", own, sizeof(own));
    long n_filters = fixture.machine->listener >= 0 ? 2 : 1;
    unload(&fixture);
    assert_status_line(status, "Name:\tmote-guest\n");
    assert_status_line(status, "NoNewPrivs:\t1\n");
    assert_status_line(status, "Seccomp:\t2\n");
    assert_status_line(status, "Threads:\t1\n");
    assert_status_line(status, "SigBlk:\t0000000000000000\n");
    assert_int_equal(status_number(status, "Seccomp_filters:\t"),
                     status_number(own, "Seccomp_filters:\t") + n_filters);
}

static void test_a_child_has_limits(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const char *const names[] = {"Max core file size", "Max file size", "Max locked memory",
                                        "Max msgqueue size"};
    char path[64];
    char limits[4096];
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    snprintf(path, sizeof(path), "/proc/%d/limits", pid_of(fixture.machine->child));
    read_status(path, limits, sizeof(limits));
    unload(&fixture);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *at = strstr(limits, names[i]);
        unsigned long soft = 1;
        unsigned long hard = 1;
        if (at == NULL || sscanf(at + strlen(names[i]), "%lu %lu", &soft, &hard) != 2 ||
            soft != 0 || hard != 0)
            fail_msg("%s: %lu, %lu", names[i], soft, hard);
    }
}

/* ---- What a child can do ---- */

/* The kernel keeps these from filters, for its own trampolines, and kills with SIGILL who makes
 * them elsewhere. */
static bool is_probe(uint32_t number)
{
    return number == 335 || number == 336;
}

/* Runs a program that tries one call after the other, its number in EBX. */
static void assert_all_refused(const uint8_t *code, size_t len_bytes, uint32_t first)
{
    load(&fixture, code, len_bytes);
    memcpy(guest_bytes(&fixture, DATA), &first, sizeof(first));
    start(&fixture, CODE, 20000 * MS);
    for (uint32_t i = 0; i <= N_CALLS; i++) {
        struct mt_exit exit = run_on(&fixture);
        if (exit.kind == MT_EXIT_FAULT && exit.fault.vector == 6 && is_probe(first + i))
            continue;
        if (exit.kind != MT_EXIT_REFUSED)
            fail_msg("call %u + %u: exit of kind %d", first, i, (int)exit.kind);
        assert_int_equal(exit.fault.rip, CODE + 9);
    }
    unload(&fixture);
}

static void test_every_system_call_is_refused(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* mov DATA, %ebx; 1: mov %ebx, %eax; syscall; inc %ebx; jmp 1b */
    static const uint8_t code[] = {0x8B,       0x1C, 0x25, DATA & 0xFF, DATA >> 8 & 0xFF,
                                   DATA >> 16, 0,    0x89, 0xD8,        0x0F,
                                   0x05,       0xFF, 0xC3, 0xEB,        0xF8};
    assert_all_refused(code, sizeof(code), 0);
    assert_all_refused(code, sizeof(code), X32_BIT);
    assert_all_refused(code, sizeof(code), UINT32_MAX - N_CALLS);
}

static void test_every_call_of_32_bits_is_refused(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* The same with int $0x80. */
    static const uint8_t code[] = {0x8B,       0x1C, 0x25, DATA & 0xFF, DATA >> 8 & 0xFF,
                                   DATA >> 16, 0,    0x89, 0xD8,        0xCD,
                                   0x80,       0xFF, 0xC3, 0xEB,        0xF8};
    assert_all_refused(code, sizeof(code), 0);
}

/* The waiting call's own number and arguments, from another place. */
static void test_the_waiting_call_is_refused_elsewhere(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* mov $TO, %edi; others zero; mov $202, %eax; syscall */
    static const uint8_t code[] = {0x48, 0xBF, 0,    0x10, 0x18, 0,    0,    0,    0,    0,
                                   0x31, 0xF6, 0x31, 0xD2, 0x45, 0x31, 0xD2, 0x4D, 0x31, 0xC0,
                                   0x4D, 0x31, 0xC9, 0xB8, 202,  0,    0,    0,    0x0F, 0x05};
    load(&fixture, code, sizeof(code));
    start(&fixture, CODE, 20000 * MS);
    struct mt_exit exit = run_on(&fixture);
    assert_int_equal(exit.kind, MT_EXIT_REFUSED);
    assert_int_equal(exit.fault.rip, CODE + sizeof(code) - 2);
    unload(&fixture);
}

/* The two calls that a filter knows, at their places: number and six arguments. */
#define FUTEX_WAKE_OPERATION 1
struct call {
    uint64_t place;
    uint64_t number;
    uint64_t arguments[6];
};

static const struct call waits = {
    MT_KEEP_RESUME, SYS_futex, {MT_PROCESS_TO + MT_TO_WORD, 0, 0, 0, 0, 0}};
static const struct call tells = {
    MT_KEEP_TOLD,
    SYS_futex,
    {MT_PROCESS_FROM + MT_FROM_HAS_TOLD, FUTEX_WAKE_OPERATION, 1, 0, 0, 0}};

static void assert_refused_at_its_place(const struct call *call)
{
    uint64_t place = MT_STUB_PAGE + call->place - 2;
    memcpy(guest_bytes(&fixture, DATA), call->arguments, sizeof(call->arguments));
    memcpy(guest_bytes(&fixture, DATA + 0x30), &call->number, sizeof(call->number));
    memcpy(guest_bytes(&fixture, DATA + 0x38), &place, sizeof(place));
    start(&fixture, CODE, 20000 * MS);
    struct mt_exit exit = run_on(&fixture);
    if (exit.kind != MT_EXIT_REFUSED)
        fail_msg("call %llu, %llx, %llx, %llx: exit of kind %d, %s",
                 (unsigned long long)call->number, (unsigned long long)call->arguments[0],
                 (unsigned long long)call->arguments[1], (unsigned long long)call->arguments[2],
                 (int)exit.kind, exit.died);
    assert_int_equal(exit.fault.rip, place);
}

static void test_each_call_is_refused_with_another_number_or_argument(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* mov $DATA, %ebx; mov of its words to RDI, RSI, RDX, R10, R8, R9, RAX; jmp *0x38(%rbx) */
    static const uint8_t code[] = {0xBB,       DATA & 0xFF, DATA >> 8 & 0xFF,
                                   DATA >> 16, 0,           0x48,
                                   0x8B,       0x3B,        0x48,
                                   0x8B,       0x73,        8,
                                   0x48,       0x8B,        0x53,
                                   0x10,       0x4C,        0x8B,
                                   0x53,       0x18,        0x4C,
                                   0x8B,       0x43,        0x20,
                                   0x4C,       0x8B,        0x4B,
                                   0x28,       0x48,        0x8B,
                                   0x43,       0x30,        0xFF,
                                   0x63,       0x38};
    static const uint64_t changes[] = {1, 2, 128, 1ull << 31, 1ull << 32, 1ull << 63};
    const struct call *calls[] = {&waits, &tells};
    load(&fixture, code, sizeof(code));
    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n < 6 * sizeof(changes) / sizeof(changes[0]); n++) {
            struct call call = *calls[i];
            call.arguments[n % 6] ^= changes[n / 6];
            assert_refused_at_its_place(&call);
        }
        struct call call = *calls[i];
        call.number = SYS_getpid;
        assert_refused_at_its_place(&call);
        call = *calls[i];
        call.number |= X32_BIT;
        assert_refused_at_its_place(&call);
        /* Each call at the other's place. */
        call = *calls[i];
        call.place = calls[1 - i]->place;
        assert_refused_at_its_place(&call);
    }
    unload(&fixture);
}

static void assert_nothing_but_a_fault(const uint8_t *code, size_t len_bytes)
{
    load(&fixture, code, len_bytes);
    start(&fixture, CODE, 20000 * MS);
    struct mt_exit exit = run_on(&fixture);
    unload(&fixture);
    if (exit.kind != MT_EXIT_REFUSED && exit.kind != MT_EXIT_FAULT)
        fail_msg("%02x %02x: exit of kind %d: %s", code[len_bytes - 2], code[len_bytes - 1],
                 (int)exit.kind, exit.died);
}

/* QEMU's emulator names itself in CPUID leaf 0x40000000. */
static bool is_emulated_cpu(void)
{
    uint32_t eax;
    uint32_t name[3];
    __cpuid(0x40000000, eax, name[0], name[1], name[2]);
    return memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
}

static void test_other_ways_into_the_kernel_are_faults(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    /* mov $39, %eax; sysenter */
    static const uint8_t by_sysenter[] = {0xB8, 39, 0, 0, 0, 0x0F, 0x34};
    /* mov $0xffffffffff600000, %rax; call *%rax: gettimeofday(NULL) on the vsyscall page */
    static const uint8_t by_vsyscall[] = {0x31, 0xFF, 0x31, 0xF6, 0x48, 0xC7, 0xC0,
                                          0,    0,    0x60, 0xFF, 0xFF, 0xD0};
    /* push $0x23; push $CODE + 17; patched to a 32-bit frame; lretl; at 17: int $0x80 */
    static const uint8_t by_compatibility[] = {0x6A, 0x23, 0xB9, 17,   0,   0x20, 0,
                                               0x51, 0xC7, 0x44, 0x24, 4,   0x23, 0,
                                               0,    0,    0xCB, 0xCD, 0x80};
    assert_nothing_but_a_fault(by_sysenter, sizeof(by_sysenter));
    assert_nothing_but_a_fault(by_vsyscall, sizeof(by_vsyscall));
    if (is_emulated_cpu())
        print_message("without a far return: QEMU's CPU reads its stack as the kernel would\n");
    else
        assert_nothing_but_a_fault(by_compatibility, sizeof(by_compatibility));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_has_no_descriptor),
        cmocka_unit_test(test_a_child_maps_its_guest_and_the_stub),
        cmocka_unit_test(test_a_child_can_gain_nothing),
        cmocka_unit_test(test_a_child_has_limits),
        cmocka_unit_test(test_every_system_call_is_refused),
        cmocka_unit_test(test_every_call_of_32_bits_is_refused),
        cmocka_unit_test(test_the_waiting_call_is_refused_elsewhere),
        cmocka_unit_test(test_each_call_is_refused_with_another_number_or_argument),
        cmocka_unit_test(test_other_ways_into_the_kernel_are_faults),
    };
    return cmocka_run_group_tests_name("process confinement", tests, find_driver, NULL);
}
