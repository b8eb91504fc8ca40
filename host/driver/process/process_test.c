/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process driver by itself: what a child has and can do, what becomes of it when it is killed
 * or when its host is, and what the host notices of all this.
 */
#include "abi/ports.h"
#include "host/base/page_set_test.h"
#include "host/driver/process/container_profile.h"
#include "host/driver/process/process_internal.h"
#include "host/os/clock.h"
#include <mote/image.h>

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE MT_BASE_ADDRESS
#define DATA (CODE + 0x1000)
#define CONSTANT (DATA + 0x2000)
#define STACK (CONSTANT + 0x1000)
#define STACK_END (STACK + 0x1000)
#define MS 1000000ull

#define READ MOTE_RIGHT_READ
#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)
#define RX (MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE)

#define N_CALLS 600u /* more than any table has */
#ifndef N_KILLS
#define N_KILLS 200
#endif
#define X32_BIT 0x40000000u

/* ---- A sandbox of few pages ---- */

struct fixture {
    uint8_t *code;
    struct mt_region regions[4];
    struct mt_plan plan;
    mote_allocator allocator;
    void *prepared;
    struct mt_machine *machine;
    struct mt_window window;
    uint64_t deadline_ns;
};

static struct fixture fixture;
static char reason[256];
static char kind[64];

static int find_out(void **state)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    (void)state;
    mt_driver_process.examine(&report);
    snprintf(kind, sizeof(kind), "%s", report.kind);
    /* Where all was to be had and it does not work all the same, the driver is broken. */
    if (!report.works && strstr(report.reason, "cannot reach its host") != NULL)
        return -1;
    if (!report.works)
        snprintf(reason, sizeof(reason), "%s", report.reason);
    return 0;
}

#define SKIP_WITHOUT_DRIVER() \
    if (reason[0] != '\0') { \
        print_message("skipped: %s\n", reason); \
        skip(); \
    }

static void init_plan(struct fixture *f, const void *code, size_t len_bytes)
{
    memset(f, 0, sizeof(*f));
    f->code = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(f->code, 0xCC, 0x1000);
    memcpy(f->code, code, len_bytes);
    const struct mt_region regions[] = {
        {"code", CODE, 0x1000, RX, MT_BACKING_SHARED, f->code, false, 0, 0},
        {"data", DATA, 0x2000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"constant", CONSTANT, 0x1000, READ, MT_BACKING_PRIVATE, NULL, false, 0, 0},
        {"stack", STACK, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
    };
    memcpy(f->regions, regions, sizeof(regions));
    f->plan = (struct mt_plan){.regions = f->regions, .n_regions = 4};
    mt_allocator_set(&f->allocator, NULL);
}

static mote_status make(struct fixture *f, mote_error *err)
{
    return mt_driver_process.create(f->prepared, &f->machine, &f->window, err);
}

static void load(struct fixture *f, const void *code, size_t len_bytes)
{
    mote_error err = {0};
    init_plan(f, code, len_bytes);
    if (mt_driver_process.prepare(&f->plan, &f->allocator, &f->prepared, &err) != MOTE_OK ||
        make(f, &err) != MOTE_OK)
        fail_msg("%s", err.text);
}

static void unload(struct fixture *f)
{
    mt_driver_process.destroy(f->machine, false);
    mt_driver_process.unprepare(f->prepared);
    munmap(f->code, 0x1000);
}

static void start(struct fixture *f, uint64_t rip, uint64_t limit_ns)
{
    mote_error err = {0};
    const struct mt_registers registers = {.rip = rip, .rsp = STACK_END - 0x28};
    f->deadline_ns = mt_clock_ns() + limit_ns;
    mt_driver_process.enter(f->machine, &registers);
    assert_int_equal(mt_driver_process.begin(f->machine, f->deadline_ns, &err), MOTE_OK);
}

static struct mt_exit run_once(struct fixture *f)
{
    struct mt_exit exit;
    mote_error err = {0};
    if (mt_driver_process.run(f->machine, &exit, &err) != MOTE_OK)
        fail_msg("%s", err.text);
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

static uint8_t *guest_bytes(struct fixture *f, uint64_t address)
{
    return f->window.host + (address - f->window.start);
}

/* mov $104, %edx; 1: out %al, %dx; jmp 1b */
static const uint8_t answers[] = {0xBA, MT_PORT_DONE, 0, 0, 0, 0xEE, 0xEB, 0xFD};
static const uint8_t loops[] = {0xEB, 0xFE};

static void assert_answers(struct fixture *f)
{
    start(f, CODE, 5000 * MS);
    struct mt_exit exit = run_on(f);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(exit.port.number, MT_PORT_DONE);
}

/* The process behind a pidfd, as the kernel tells. 0 when it is gone. */
static int pid_of(int pidfd)
{
    char path[64];
    char line[128];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) != NULL)
        sscanf(line, "Pid: %d", &pid);
    fclose(stream);
    return pid > 0 ? pid : 0;
}

static size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

static size_t count_lines(const char *path)
{
    size_t n = 0;
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    for (int c = fgetc(stream); c != EOF; c = fgetc(stream))
        n += c == '\n';
    fclose(stream);
    return n;
}

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
    start(&fixture, CODE, 1000 * MS);
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
    start(&fixture, CODE, 1000 * MS);
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
    start(&fixture, CODE, 1000 * MS);
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

/* ---- Where a guest sees that it is in a process; docs/drivers.md ---- */

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
    start(&fixture, CODE, 1000 * MS);
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
    start(&fixture, CODE, 1000 * MS);
    uint64_t before = read_clock();
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    uint64_t after = read_clock();
    memcpy(&seen, guest_bytes(&fixture, DATA), sizeof(seen));
    assert_in_range(seen, before, after);
    unload(&fixture);
}

/* uretprobe and uprobe, which the kernel keeps from filters: it raises #UD itself, or the call only
 * fails, and the guest comes to the breakpoint behind it. */
static void test_calls_of_uprobes_do_nothing(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    for (uint8_t low = 335 & 0xFF; low <= (336 & 0xFF); low++) {
        /* mov $256 + low, %eax; syscall */
        const uint8_t code[] = {0xB8, low, 1, 0, 0, 0x0F, 0x05};
        load(&fixture, code, sizeof(code));
        start(&fixture, CODE, 1000 * MS);
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
    start(&fixture, CODE, 1000 * MS);
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

/* ---- The stub under attack ---- */

/* Come up again after whatever became of a child. */
static void renew(struct fixture *f)
{
    mote_error err = {0};
    mt_driver_process.destroy(f->machine, false);
    f->machine = NULL;
    if (make(f, &err) != MOTE_OK)
        fail_msg("%s", err.text);
}

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
    for (uint64_t i = 0; i < 0x400; i++)
        jump_to(&fixture, MT_STUB_PAGE + i);
    for (uint64_t i = 0x400; i < MT_PAGE_BYTES; i += 61)
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
        start(&fixture, CODE + 0x100, 2000 * MS);
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

/* ---- Spinning ---- */

/* mov $104, %edx; mov $0x180000, %ecx; 1: call *%rcx; jmp 1b */
static const uint8_t calls[] = {0xBA, MT_PORT_DONE, 0, 0,    0,    0xB9, 0,
                                0,    0x18,         0, 0xFF, 0xD1, 0xEB, 0xFC};

static bool bind_to(pid_t process, size_t processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    return sched_setaffinity(process, sizeof(set), &set) == 0;
}

/* With a processor for each most calls make none; when that comes to pass the system decides. */
static void test_a_call_between_two_that_spin_makes_no_system_call(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    cpu_set_t before;
    uint64_t n_calls = 1;
    load(&fixture, calls, sizeof(calls));
    mt_driver_process.spin(fixture.machine, MS);
    start(&fixture, CODE, 20000 * MS);
    assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
    sched_getaffinity(0, sizeof(before), &before);
    bool are_apart = bind_to(0, 0) && bind_to(fixture.machine->pid, 1);
    while (are_apart && n_calls > 0 && mt_clock_ns() < fixture.deadline_ns - 1000 * MS) {
        n_calls = mt_driver_process.n_system_calls(fixture.machine);
        assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
        n_calls = mt_driver_process.n_system_calls(fixture.machine) - n_calls;
    }
    sched_setaffinity(0, sizeof(before), &before);
    unload(&fixture);
    if (!are_apart) {
        print_message("skipped: needs two processors\n");
        skip();
    }
    assert_int_equal(n_calls, 0);
}

/* A child that was found spinning is at rest only when the kernel says so. */
static void test_a_spinning_child_comes_to_rest(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static struct mt_cpu cpu;
    mote_error err = {0};
    load(&fixture, calls, sizeof(calls));
    mt_driver_process.spin(fixture.machine, 10 * MS);
    start(&fixture, CODE, 20000 * MS);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
        assert_int_equal(mt_driver_process.quiesce(fixture.machine, &err), MOTE_OK);
        assert_true(fixture.machine->is_parked);
        assert_int_equal(mt_driver_process.save(fixture.machine, &cpu, &err), MOTE_OK);
        assert_int_equal(cpu.rdx, MT_PORT_DONE);
        assert_int_equal(cpu.rip, MT_STUB_PAGE + MT_STUB_RETURN);
        if (i % 2)
            assert_int_equal(mt_driver_process.load(fixture.machine, &cpu, &err), MOTE_OK);
    }
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
    start(&fixture, CODE, 1000 * MS);
    run_once(&fixture);
    assert_int_equal(mt_driver_process.quiesce(fixture.machine, &err), MOTE_OK);
    memcpy(&before, guest_bytes(&fixture, DATA), sizeof(before));
    usleep(20000);
    memcpy(&after, guest_bytes(&fixture, DATA), sizeof(after));
    assert_int_equal(after, before);
    unload(&fixture);
}

/* ---- Death ---- */

static void test_a_killed_child_is_an_exit(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    kill(pid_of(fixture.machine->child), SIGKILL);
    struct mt_exit exit = run_on(&fixture);
    assert_int_equal(exit.kind, MT_EXIT_DIED);
    exit = run_on(&fixture);
    assert_int_equal(exit.kind, MT_EXIT_DIED);
    renew(&fixture);
    assert_answers(&fixture);
    unload(&fixture);
}

static void *kill_soon(void *child)
{
    usleep((useconds_t)(rand() % 500));
    kill(*(int *)child, SIGKILL);
    return NULL;
}

static void test_children_killed_at_any_moment(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    for (int i = 0; i < N_KILLS; i++) {
        pthread_t thread;
        struct mt_exit exit;
        int child = pid_of(fixture.machine->child);
        pthread_create(&thread, NULL, kill_soon, &child);
        start(&fixture, CODE, 10000 * MS);
        do
            exit = run_on(&fixture);
        while (exit.kind == MT_EXIT_PORT);
        assert_int_equal(exit.kind, MT_EXIT_DIED);
        pthread_join(thread, NULL);
        renew(&fixture);
    }
    assert_answers(&fixture);
    unload(&fixture);
}

static int prepare_and_loop(int to_parent)
{
    struct fixture f;
    mote_error err = {0};
    struct mt_exit exit;
    init_plan(&f, loops, sizeof(loops));
    if (mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK)
        return 1;
    const struct mt_process_prepared *prepared = f.prepared;
    int pids[2] = {pid_of(prepared->zygote.keeper), pid_of(f.machine->child)};
    start(&f, CODE, 60000 * MS);
    if (write(to_parent, pids, sizeof(pids)) != (ssize_t)sizeof(pids))
        return 1;
    do {
        if (mt_driver_process.run(f.machine, &exit, &err) != MOTE_OK)
            return 1;
    } while (exit.kind == MT_EXIT_INTERRUPTED);
    return 1;
}

/* Whether a process runs; a zombie does not. */
static bool is_running(int pid)
{
    char path[64];
    char state = 'X';
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return false;
    if (fscanf(stream, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    fclose(stream);
    return state != 'Z' && state != 'X';
}

static void test_children_end_with_their_host(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    int ends[2];
    int pids[2];
    assert_int_equal(pipe(ends), 0);
    pid_t host = fork();
    if (host == 0)
        _exit(prepare_and_loop(ends[1]));
    assert_int_equal(read(ends[0], pids, sizeof(pids)), sizeof(pids));
    bool were_running = is_running(pids[0]) && is_running(pids[1]);
    kill(host, SIGKILL);
    assert_true(were_running);
    assert_int_equal(waitpid(host, NULL, 0), host);
    uint64_t end_ns = mt_clock_ns() + 5000 * MS;
    while ((is_running(pids[0]) || is_running(pids[1])) && mt_clock_ns() < end_ns)
        usleep(1000);
    assert_false(is_running(pids[0]) || is_running(pids[1]));
    close(ends[0]);
    close(ends[1]);
}

/* ---- What the host notices ---- */

static volatile sig_atomic_t n_signals;

static void count_signal(int signal)
{
    (void)signal;
    n_signals++;
}

static void test_the_hosts_own_waiting_is_undisturbed(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    struct sigaction count = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    struct sigaction before;
    int status;
    sigaction(SIGCHLD, &count, &before);
    n_signals = 0;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    pid_t own = fork();
    if (own == 0)
        _exit(7);
    assert_int_equal(waitpid(-1, &status, 0), own);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(n_signals, 1);
    renew(&fixture);
    unload(&fixture);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
    assert_int_equal(n_signals, 1);
    sigaction(SIGCHLD, &before, NULL);
}

/* Children of the zygote, zombies too. */
static size_t count_children(pid_t of)
{
    size_t n = 0;
    DIR *folder = opendir("/proc");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[300];
        int parent = 0;
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        FILE *stream = entry->d_name[0] >= '0' && entry->d_name[0] <= '9' ? fopen(path, "r") : NULL;
        if (stream == NULL)
            continue;
        if (fscanf(stream, "%*d (%*[^)]) %*c %d", &parent) == 1)
            n += parent == of;
        fclose(stream);
    }
    closedir(folder);
    return n;
}

/* The zygote is the child's parent. */
static int zygote_pid(const struct fixture *f)
{
    char path[64];
    int zygote = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid_of(f->machine->child));
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%*d (%*[^)]) %*c %d", &zygote), 1);
    fclose(stream);
    return zygote;
}

static void test_a_killed_zygote_takes_its_children_and_is_made_anew(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    size_t n_descriptors = count_entries("/proc/self/fd");
    kill(zygote_pid(&fixture), SIGKILL);
    struct mt_exit exit;
    do
        exit = run_on(&fixture);
    while (exit.kind == MT_EXIT_PORT); /* the child dies soon after */
    assert_int_equal(exit.kind, MT_EXIT_DIED);
    for (int i = 0; i < 2; i++) {
        renew(&fixture);
        assert_answers(&fixture);
    }
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors);
    unload(&fixture);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

/* The kernel begins its wait anew, without a word to anybody. */
static void test_a_child_that_is_stopped_and_continued_goes_on(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, calls, sizeof(calls));
    assert_answers(&fixture);
    for (int i = 0; i < 10; i++) {
        int pidfd = fixture.machine->child;
        assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, SIGSTOP, NULL, 0), 0);
        usleep(2000);
        if (i % 2 == 0)
            assert_int_equal(syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0), 0);
        pid_t helper = i % 2 == 1 ? fork() : -1; /* or else only after our answer */
        if (helper == 0) {
            usleep(3000);
            _exit(syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) != 0);
        }
        assert_int_equal(run_on(&fixture).kind, MT_EXIT_PORT);
        if (helper > 0)
            assert_int_equal(waitpid(helper, NULL, 0), helper);
    }
    unload(&fixture);
}

/* A child that is told to stop while it gives up what it was set up with goes on with that. */
static void test_a_kick_leaves_no_child_half_made(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    for (int i = 0; i < 300; i++) {
        char path[64];
        char line[256];
        renew(&fixture);
        start(&fixture, CODE, 5000 * MS);
        for (int n = 0; n < i % 40; n++)
            __asm__ volatile("pause");
        mt_driver_process.kick(fixture.machine);
        struct mt_exit exit = run_on(&fixture);
        while (exit.kind == MT_EXIT_INTERRUPTED)
            exit = run_on(&fixture);
        assert_int_equal(exit.kind, MT_EXIT_PORT);
        if (geteuid() != 0)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/fd", pid_of(fixture.machine->child));
        assert_int_equal(count_entries(path), 0);
        snprintf(path, sizeof(path), "/proc/%d/maps", pid_of(fixture.machine->child));
        FILE *maps = fopen(path, "r");
        assert_non_null(maps);
        while (fgets(line, sizeof(line), maps) != NULL) {
            unsigned long first = strtoul(line, NULL, 16);
            assert_false(first >= MT_PROCESS_SETUP && first < MT_PROCESS_END);
        }
        fclose(maps);
    }
    unload(&fixture);
}

static void test_many_lives_leave_nothing(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    size_t n_descriptors = count_entries("/proc/self/fd");
    size_t n_own = 2 + ((struct mt_process_prepared *)fixture.prepared)->waiting->n_descriptors;
    size_t n_mappings = count_lines("/proc/self/maps");
    int zygote = zygote_pid(&fixture);
    for (int i = 0; i < 1000; i++) {
        renew(&fixture);
        if (i % 10 == 0)
            assert_answers(&fixture);
    }
    assert_answers(&fixture);
    uint64_t end_ns = mt_clock_ns() + 5000 * MS;
    while (count_children(zygote) > 1 && mt_clock_ns() < end_ns)
        usleep(1000);
    assert_int_equal(count_children(zygote), 1);
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors);
    assert_in_range(count_lines("/proc/self/maps"), n_mappings - 2, n_mappings + 2);
    unload(&fixture);
    for (int i = 0; i < 20; i++) {
        load(&fixture, answers, sizeof(answers));
        unload(&fixture);
    }
    assert_int_equal(count_entries("/proc/self/fd"), n_descriptors - n_own);
    assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
}

static void *load_in_thread(void *state)
{
    (void)state;
    load(&fixture, answers, sizeof(answers));
    return NULL;
}

static void test_the_thread_that_prepared_may_end(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    pthread_t thread;
    pthread_create(&thread, NULL, load_in_thread, NULL);
    pthread_join(thread, NULL);
    usleep(20000);
    assert_answers(&fixture);
    renew(&fixture);
    assert_answers(&fixture);
    unload(&fixture);
}

static int call_once(void)
{
    struct fixture f;
    mote_error err = {0};
    struct mt_exit exit;
    init_plan(&f, answers, sizeof(answers));
    if (mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK) {
        print_message("%s\n", err.text);
        return 1;
    }
    const struct mt_registers registers = {.rip = CODE, .rsp = STACK_END};
    mt_driver_process.enter(f.machine, &registers);
    if (mt_driver_process.begin(f.machine, mt_clock_ns() + 5000 * MS, &err) != MOTE_OK ||
        mt_driver_process.run(f.machine, &exit, &err) != MOTE_OK || exit.kind != MT_EXIT_PORT)
        return 1;
    unload(&f);
    return 0;
}

#define NO_NAMESPACE 77

/* No /proc, no /dev: the root is a folder that is no longer there. Who is an ordinary user already
 * may change the root in a namespace of users alone. */
static int become_nobody_in_nothing(void)
{
    char folder[] = "/tmp/mote-process-XXXXXX";
    bool is_root = geteuid() == 0;
    if (!is_root && unshare(CLONE_NEWUSER) != 0)
        return NO_NAMESPACE;
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0 || chdir(folder) != 0 ||
        rmdir(folder) != 0 || chroot(".") != 0)
        return 2;
    return is_root && (setgid(65534) != 0 || setuid(65534) != 0) ? 2 : 0;
}

static int call_with_nothing(void)
{
    int status = become_nobody_in_nothing();
    return status != 0 ? status : call_once();
}

static void test_works_without_privileges_and_files(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    int status;
    pid_t host = fork();
    if (host == 0)
        _exit(call_with_nothing());
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_NAMESPACE) {
        print_message("skipped: needs root, or namespaces of users\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_forked(int (*fn)(void))
{
    int status;
    pid_t host = fork();
    if (host == 0)
        _exit(fn());
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static uint64_t counter_of(const struct fixture *f)
{
    uint64_t value;
    memcpy(&value, f->window.host + (DATA - f->window.start), sizeof(value));
    return value;
}

/* mov $104, %edx; 1: incq DATA; out %al, %dx; jmp 1b; at 0x40: jmp . */
static const uint8_t counts[0x42] = {
    0xBA,        MT_PORT_DONE,     0,          0, 0,    0x48, 0xFF, 0x04,          0x25,
    DATA & 0xFF, DATA >> 8 & 0xFF, DATA >> 16, 0, 0xEE, 0xEB, 0xF5, [0x40] = 0xEB, [0x41] = 0xFE};

static bool comes_to(struct fixture *f, enum mt_exit_kind wanted)
{
    struct mt_exit exit;
    mote_error err = {0};
    uint64_t end_ns = mt_clock_ns() + 5000 * MS;
    if (mt_driver_process.begin(f->machine, end_ns, &err) != MOTE_OK)
        return false;
    do
        if (mt_driver_process.run(f->machine, &exit, &err) != MOTE_OK)
            return false;
    while (exit.kind != wanted && exit.kind == MT_EXIT_INTERRUPTED && mt_clock_ns() < end_ns);
    return exit.kind == wanted;
}

static bool enters(struct fixture *f, uint64_t rip, enum mt_exit_kind wanted)
{
    const struct mt_registers registers = {.rip = rip, .rsp = STACK_END};
    mt_driver_process.enter(f->machine, &registers);
    return comes_to(f, wanted);
}

/* Bring the counter back to where it was, as a snapshot does. */
static bool goes_back(struct fixture *f)
{
    struct mt_page_set set;
    struct mt_cpu cpu;
    mote_error err = {0};
    const uint64_t was = counter_of(f);
    if (!mt_page_set_init(&set, &f->allocator, 4) ||
        mt_driver_process.quiesce(f->machine, &err) != MOTE_OK ||
        mt_driver_process.track(f->machine, UINT64_MAX, &err) != MOTE_OK ||
        mt_driver_process.save(f->machine, &cpu, &err) != MOTE_OK)
        return false;
    if (!comes_to(f, MT_EXIT_PORT) || counter_of(f) != was + 1 ||
        mt_driver_process.quiesce(f->machine, &err) != MOTE_OK ||
        mt_driver_process.list_written(f->machine, &set, &err) != MOTE_OK || !page_set_has(&set, 0))
        return false;
    memcpy(guest_bytes(f, DATA), &was, sizeof(was));
    if (mt_driver_process.load(f->machine, &cpu, &err) != MOTE_OK || !comes_to(f, MT_EXIT_PORT))
        return false;
    mt_page_set_fini(&set, &f->allocator);
    return counter_of(f) == was + 1;
}

/* All that a sandbox does in its life. Returns the number of what did not work. */
static int live(void)
{
    struct fixture f;
    mote_driver_report report = {.struct_size = sizeof(report)};
    mote_error err = {0};
    mt_driver_process.examine(&report);
    init_plan(&f, counts, sizeof(counts));
    if (!report.works ||
        mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK) {
        print_message("%s%s\n", report.reason, err.text);
        return 10;
    }
    if (!enters(&f, CODE, MT_EXIT_PORT) || !comes_to(&f, MT_EXIT_PORT) || counter_of(&f) != 2)
        return 11;
    if (!goes_back(&f))
        return 12;
    mt_driver_process.kick(f.machine);
    if (!enters(&f, CODE + 0x40, MT_EXIT_INTERRUPTED))
        return 13;
    if (!enters(&f, CODE, MT_EXIT_PORT))
        return 14;
    int child = f.machine->pid;
    unload(&f);
    for (int i = 0; i < 2000 && kill(child, 0) == 0; i++)
        usleep(1000);
    return kill(child, 0) == 0 ? 15 : 0;
}

static unsigned refusal;

static int live_in_a_container(void)
{
    return mt_container_confine(refusal) != 0 ? 2 : live();
}

/* As an ordinary user, in an empty root. */
static int live_in_an_empty_container(void)
{
    return become_nobody_in_nothing() != 0 ? 3 : live_in_a_container();
}

/* Docker and containerd refuse with EPERM, Podman with ENOSYS. */
static void test_works_under_a_containers_usual_profile(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const unsigned refusals[] = {EPERM, ENOSYS};
    for (size_t i = 0; i < 2; i++) {
        refusal = refusals[i];
        assert_forked(live_in_a_container);
        if (geteuid() == 0)
            assert_forked(live_in_an_empty_container);
    }
}

/* ---- Without a listener ---- */

static int call_without_a_listener(void)
{
    const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refusal),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter copy[sizeof(filter) / sizeof(filter[0])];
    mote_driver_report report = {.struct_size = sizeof(report)};
    memcpy(copy, filter, sizeof(filter));
    const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), copy};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return 2;
    mt_driver_process.examine(&report);
    if (!report.works || strcmp(report.kind, "futex") != 0)
        return 3;
    return call_once();
}

static void test_waits_by_futex_where_no_listener_can_be_had(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    static const unsigned refusals[] = {EBUSY, EINVAL, EPERM, EACCES, ENOSYS};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        refusal = refusals[i];
        assert_forked(call_without_a_listener);
    }
}

/* Want of memory passes: it is told, and no reason to go another way. */
static int fail_without_memory(void)
{
    return call_without_a_listener() == 3 ? 0 : 1;
}

static void test_want_of_memory_for_a_listener_is_an_error(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    if (strcmp(kind, "futex") == 0) {
        print_message("skipped: no listener can be had here\n");
        skip();
    }
    refusal = ENOMEM;
    assert_forked(fail_without_memory);
}

/* ---- Which pages the guest wrote ---- */

/* mov $104, %edx; 1: movb $1, DATA + 0x1000; out %al, %dx; jmp 1b */
static const uint8_t writes[] = {0xBA, MT_PORT_DONE, 0,    0,    0,    0xC6, 0x04, 0x25,
                                 0,    0x20,         0x20, 0x00, 0x01, 0xEE, 0xEB, 0xF5};

/* Pages of the private memory: two of data, one of constants, one of stack. */
static int list_what_is_written(bool is_exact)
{
    struct fixture f;
    struct mt_page_set set;
    mote_error err = {0};
    struct mt_exit exit;
    init_plan(&f, writes, sizeof(writes));
    if (mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK || !mt_page_set_init(&set, &f.allocator, 4))
        return 1;
    memset(f.window.host, 0, 4 * MT_PAGE_BYTES); /* all pages exist */
    const struct mt_registers registers = {.rip = CODE, .rsp = STACK_END};
    mt_driver_process.enter(f.machine, &registers);
    if (mt_driver_process.quiesce(f.machine, &err) != MOTE_OK ||
        mt_driver_process.track(f.machine, UINT64_MAX, &err) != MOTE_OK ||
        mt_driver_process.list_written(f.machine, &set, &err) != MOTE_OK)
        return 2;
    if (mt_page_set_count(&set) != (is_exact ? 0 : 4))
        return 3;
    for (int i = 0; i < 2; i++) {
        mt_page_set_clear(&set);
        if (mt_driver_process.begin(f.machine, mt_clock_ns() + 5000 * MS, &err) != MOTE_OK ||
            mt_driver_process.run(f.machine, &exit, &err) != MOTE_OK || exit.kind != MT_EXIT_PORT ||
            mt_driver_process.quiesce(f.machine, &err) != MOTE_OK ||
            mt_driver_process.list_written(f.machine, &set, &err) != MOTE_OK)
            return 4;
        if (!page_set_has(&set, 1) || mt_page_set_count(&set) != (is_exact ? 1 : 4))
            return 5;
    }
    mt_page_set_fini(&set, &f.allocator);
    unload(&f);
    return 0;
}

static int list_in_a_container(void)
{
    return mt_container_confine(EPERM) != 0 ? 6 : list_what_is_written(false);
}

static bool can_track(void)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    struct uffdio_api api = {.api = UFFD_API, .features = 1u << 15};
    bool is_asynchronous = fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0;
    if (fd >= 0)
        close(fd);
    return is_asynchronous && access("/proc/self/pagemap", R_OK) == 0;
}

static void test_written_pages_are_told_again_and_again(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    assert_int_equal(list_what_is_written(can_track()), 0);
}

static void test_without_tracking_every_page_that_exists_counts_as_written(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    assert_forked(list_in_a_container);
}

static void test_a_forked_child_releases_copies_only(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    int status;
    load(&fixture, answers, sizeof(answers));
    assert_answers(&fixture);
    pid_t copy = fork();
    if (copy == 0) {
        mt_driver_process.destroy(fixture.machine, true);
        mt_driver_process.unprepare(fixture.prepared);
        _exit(0);
    }
    assert_int_equal(waitpid(copy, &status, 0), copy);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_answers(&fixture);
    renew(&fixture);
    assert_answers(&fixture);
    unload(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_has_no_descriptor),
        cmocka_unit_test(test_a_child_maps_its_guest_and_the_stub),
        cmocka_unit_test(test_a_child_can_gain_nothing),
        cmocka_unit_test(test_every_system_call_is_refused),
        cmocka_unit_test(test_every_call_of_32_bits_is_refused),
        cmocka_unit_test(test_the_waiting_call_is_refused_elsewhere),
        cmocka_unit_test(test_each_call_is_refused_with_another_number_or_argument),
        cmocka_unit_test(test_other_ways_into_the_kernel_are_faults),
        cmocka_unit_test(test_cpuid_tells_of_the_hosts_processor),
        cmocka_unit_test(test_rdtsc_reads_the_hosts_clock),
        cmocka_unit_test(test_calls_of_uprobes_do_nothing),
        cmocka_unit_test(test_a_guest_may_touch_the_pages_that_it_talks_through),
        cmocka_unit_test(test_jumps_into_every_byte_of_the_stub),
        cmocka_unit_test(test_forged_frames_are_read_within_their_bounds),
        cmocka_unit_test(test_a_guest_that_only_says_that_it_waits_is_not_believed),
        cmocka_unit_test(test_a_call_between_two_that_spin_makes_no_system_call),
        cmocka_unit_test(test_a_spinning_child_comes_to_rest),
        cmocka_unit_test(test_a_guest_that_lies_about_its_waiting_is_stopped),
        cmocka_unit_test(test_a_killed_child_is_an_exit),
        cmocka_unit_test(test_children_killed_at_any_moment),
        cmocka_unit_test(test_children_end_with_their_host),
        cmocka_unit_test(test_the_hosts_own_waiting_is_undisturbed),
        cmocka_unit_test(test_many_lives_leave_nothing),
        cmocka_unit_test(test_the_thread_that_prepared_may_end),
        cmocka_unit_test(test_works_without_privileges_and_files),
        cmocka_unit_test(test_a_forked_child_releases_copies_only),
        cmocka_unit_test(test_a_killed_zygote_takes_its_children_and_is_made_anew),
        cmocka_unit_test(test_a_kick_leaves_no_child_half_made),
        cmocka_unit_test(test_a_child_that_is_stopped_and_continued_goes_on),
        cmocka_unit_test(test_works_under_a_containers_usual_profile),
        cmocka_unit_test(test_waits_by_futex_where_no_listener_can_be_had),
        cmocka_unit_test(test_want_of_memory_for_a_listener_is_an_error),
        cmocka_unit_test(test_written_pages_are_told_again_and_again),
        cmocka_unit_test(test_without_tracking_every_page_that_exists_counts_as_written),
    };
    return cmocka_run_group_tests_name("process", tests, find_out, NULL);
}
