/* SPDX-License-Identifier: Apache-2.0 */
/* Stack, heap, guards: what a guest can reach, by its page tables and by trying. */
#include "tests/hostile/witness.h"

#include "abi/memory_map.h"
#include "host/driver/kvm/kvm_internal.h"
#include "monitor/monitor.h"
#include "host/sandbox/sandbox.h"
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_REGIONS 32

/* ---- By the page tables ---- */

#define PRESENT 0x1ull
#define WRITABLE 0x2ull
#define USER 0x4ull
#define LARGE 0x80ull
#define NO_EXECUTE (1ull << 63)
#define ADDRESS_BITS 0x000FFFFFFFFFF000ull
#define ENTRIES 512u

struct walk {
    const struct mt_template *template;
    const struct mt_kvm_prepared *prepared;
    uint64_t user_bytes; /* found mapped for ring 3, the monitor's pages not counted */
};

static bool lies_in(uint64_t start, uint64_t len_bytes, uint64_t slot, uint64_t slot_bytes)
{
    return start >= slot && len_bytes <= slot_bytes && start - slot <= slot_bytes - len_bytes;
}

/* Slots that a page may be mapped from: the one of the page tables is not among them. */
static void assert_is_in_a_slot(const struct mt_kvm_prepared *prepared, uint64_t start,
                                uint64_t len_bytes)
{
    assert_true(lies_in(start, len_bytes, MT_KVM_MONITOR_SLOT_START, MT_KVM_MONITOR_SLOT_BYTES) ||
                lies_in(start, len_bytes, prepared->shared_start, prepared->shared_len_bytes) ||
                lies_in(start, len_bytes, prepared->private_start, prepared->private_len_bytes));
}

static void check_monitor_leaf(uint64_t address, uint64_t entry)
{
    bool is_stub = address == MT_STUB_PAGE;
    bool is_image =
        lies_in(address, MT_PAGE_BYTES, MT_VECTOR_IMAGE, MT_VECTOR_IMAGE_MAX_BYTES) ||
        lies_in(address, MT_PAGE_BYTES, MT_MONITOR_RESUME_IMAGE, MT_VECTOR_IMAGE_MAX_BYTES);
    assert_false(entry & WRITABLE);
    assert_int_equal((entry & USER) != 0, is_stub || is_image);
    if (is_image)
        assert_true(entry & NO_EXECUTE);
}

static void check_leaf(struct walk *walk, uint64_t address, uint64_t entry, uint64_t len_bytes)
{
    uint64_t physical = entry & ADDRESS_BITS & ~(len_bytes - 1);
    if (address < MT_MONITOR_RESUME_IMAGE || address >= MT_MONITOR_END) {
        assert_int_equal(physical, address);
        assert_is_in_a_slot(walk->prepared, address, len_bytes);
    } else {
        const struct mt_kvm_prepared *prepared = walk->prepared;
        assert_true(lies_in(physical, len_bytes, prepared->private_start + prepared->resume_offset,
                            prepared->vector_image_bytes));
    }
    if (address >= MT_MONITOR_START && address < MT_MONITOR_END) {
        check_monitor_leaf(address, entry);
        return;
    }
    const struct mt_region *region = mt_template_region_at(walk->template, address);
    assert_non_null(region);
    assert_true(lies_in(address, len_bytes, region->start, region->len_bytes));
    if (region->backing == MT_BACKING_MONITOR) {
        assert_false(entry & USER);
        assert_true(entry & NO_EXECUTE);
        return;
    }
    bool is_writable = (entry & WRITABLE) != 0;
    bool is_executable = (entry & NO_EXECUTE) == 0;
    assert_true(region->rights != 0 && (entry & USER));
    assert_int_equal(is_writable, (region->rights & MOTE_RIGHT_WRITE) != 0);
    assert_int_equal(is_executable, (region->rights & MOTE_RIGHT_EXECUTE) != 0);
    assert_false(is_writable && is_executable);
    walk->user_bytes += len_bytes;
}

static void check_table(struct walk *walk, uint64_t table, unsigned level, uint64_t base)
{
    const struct mt_plan *plan = walk->prepared->plan;
    uint64_t covers = 1ull << (12 + 9 * (level - 1));
    assert_true(lies_in(table, MT_PAGE_BYTES, plan->tables_start, plan->tables_len_bytes));
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t entry;
        memcpy(&entry, walk->prepared->tables + (table - plan->tables_start) + i * 8, 8);
        uint64_t address = base + i * covers;
        if (!(entry & PRESENT))
            continue;
        if (level == 1 || (entry & LARGE))
            check_leaf(walk, address, entry, covers);
        else
            check_table(walk, entry & ADDRESS_BITS, level - 1, address);
    }
}

/* D07, E01, E03, G05: every address of the guest, without trying each. */
static void check_tables(const mote_config *config)
{
    mote_sandbox *sandbox = new_kvm_offender(config);
    struct walk walk = {sandbox->template, sandbox->template->prepared, 0};
    check_table(&walk, walk.prepared->plan->tables_start, 4, 0);
    uint64_t wanted_bytes = 0;
    for (size_t i = 0; i < walk.template->n_regions; i++) {
        const struct mt_region *region = &walk.template->regions[i];
        if (region->rights != 0 && region->backing != MT_BACKING_NONE)
            wanted_bytes += region->len_bytes;
    }
    assert_int_equal(walk.user_bytes, wanted_bytes);
    mote_sandbox_destroy(sandbox);
}

static void test_page_tables_reach_the_sandbox_and_nothing_else(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_config large = MOTE_CONFIG_INIT;
    large.heap_bytes = 64 << 20;
    large.output_bytes = 5 << 20;
    large.stack_bytes = 3 << 20;
    check_tables(NULL);
    check_tables(&large);
}

/* ---- By trying ---- */

static const char *const accesses[] = {"ReadAt", "WriteAt", "CallAt"};
static const uint32_t rights[] = {MOTE_RIGHT_READ, MOTE_RIGHT_WRITE, MOTE_RIGHT_EXECUTE};

/* What a guest may do to its own memory can still break it: then any contained outcome will do. */
static void try(const mote_region *region, uint64_t address, size_t access)
{
    const mote_value arg = mote_u64(address);
    mote_sandbox *sandbox = new_offender(NULL);
    mote_status status = provoke(sandbox, accesses[access], &arg, 1);
    if (!(region->rights & rights[access])) {
        assert_status(status, MOTE_E_GUEST_FAULT);
        assert_int_equal(last_error.fault.vector, 14);
        assert_int_equal(last_error.fault.address, address);
        assert_int_equal(last_error.fault.access, access + 1);
        assert_string_not_equal(last_error.fault.cause, "page fault");
    } else if (access == 0) {
        assert_ok(status);
    }
    assert_contained(sandbox, status);
}

/* D03, D05, D06: first and last byte of each region and each guard: read, write, execute. */
static void test_each_region_allows_what_its_rights_say(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_region regions[MAX_REGIONS];
    size_t n = 0;
    size_t n_guards = 0;
    assert_ok(mote_image_map(hostile_image(), NULL, regions, MAX_REGIONS, &n, &last_error));
    assert_in_range(n, 10, MAX_REGIONS);
    for (size_t i = 0; i < n; i++) {
        n_guards += strcmp(regions[i].name, "guard") == 0;
        for (size_t access = 0; access < COUNT(accesses); access++) {
            try(&regions[i], regions[i].start, access);
            try(&regions[i], regions[i].start + regions[i].len_bytes - 1, access);
        }
    }
    assert_true(n_guards >= 3);
}

/* D07: far from everything, where devices of a real machine are, and where RAM of one would be. */
static void test_there_is_nothing_elsewhere(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint64_t addresses[] = {0x10000,
                                         0xA0000,
                                         0xFFFFF,
                                         0x10000000,
                                         0x3FFFFFFF,
                                         0x40000000,
                                         0xC0000000,
                                         0xFEC00000,
                                         0xFEE00000,
                                         0xFFFFFFF0,
                                         0x100000000,
                                         1ull << 36,
                                         1ull << 40,
                                         1ull << 46,
                                         0x7FFFFFFFFFFF,
                                         0xFFFF8880ull << 32,
                                         0xFFFFFFFF81000000,
                                         0xFFFFFFFFFFFFFFFF};
    const mote_region nowhere = {.name = "nowhere"};
    for (size_t i = 0; i < COUNT(addresses); i++) {
        for (size_t access = 0; access < COUNT(accesses); access++)
            try(&nowhere, addresses[i], access);
    }
}

static uint64_t start_of(const char *name)
{
    mote_region regions[MAX_REGIONS];
    size_t n = 0;
    assert_ok(mote_image_map(hostile_image(), NULL, regions, MAX_REGIONS, &n, &last_error));
    for (size_t i = 0; i < n && i < MAX_REGIONS; i++) {
        if (strcmp(regions[i].name, name) == 0)
            return regions[i].start;
    }
    fail_msg("no region %s", name);
    return 0;
}

static void try_wide(uint64_t address, uint32_t len_bytes, mote_status wanted)
{
    const mote_value args[] = {mote_u64(address), mote_u32(len_bytes)};
    mote_sandbox *sandbox = new_offender(NULL);
    mote_status status = provoke(sandbox, "WriteWide", args, 2);
    assert_status(status, wanted);
    if (wanted == MOTE_E_GUEST_FAULT)
        assert_int_equal(last_error.fault.vector, 14);
    assert_contained(sandbox, status);
}

/* D04, D09: half in one region and half in the next: past the heap's end, up from a guard into the
 * stack, from read-only into writable memory, and within the buffers, which is allowed. */
static void test_accesses_across_an_edge_fault_whole(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const struct {
        uint64_t edge;
        mote_status status;
    } edges[] = {
        {start_of("guard"), MOTE_E_GUEST_FAULT},
        {start_of("stack"), MOTE_E_GUEST_FAULT},
        {start_of("kernel stack") - MT_PAGE_BYTES, MOTE_E_GUEST_FAULT},
        {start_of("guest error"), MOTE_E_GUEST_FAULT}, /* behind what only the host writes */
        {start_of("output") + 0x1000, MOTE_OK},
    };
    static const uint32_t widths[] = {2, 4, 8, 16, 32};
    for (size_t i = 0; i < COUNT(edges); i++) {
        for (size_t k = 0; k < COUNT(widths); k++)
            try_wide(edges[i].edge - widths[k] / 2, widths[k], edges[i].status);
    }
    try_wide(start_of("guard"), 1, MOTE_E_GUEST_FAULT);
    try_wide(start_of("guard") + 0xFFF, 1, MOTE_E_GUEST_FAULT);
}

/* ---- From the host's side ---- */

static sigjmp_buf fault_point;
static volatile sig_atomic_t fault_code;

static void note_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    fault_code = info->si_code;
    siglongjmp(fault_point, 1);
}

/* Whether the host's own access faults because a mapping forbids it, not for want of a mapping. */
static bool is_forbidden(volatile uint8_t *at, bool is_write)
{
    fault_code = 0;
    if (sigsetjmp(fault_point, 1) == 0) {
        uint8_t byte = *at;
        if (is_write)
            *at = byte;
    }
    return fault_code == SEGV_ACCERR;
}

/* D08, V12: the host overruns guest memory by one byte, and writes to what is shared. */
static void test_the_host_mapping_lies_between_guards(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_sandbox *sandbox = new_kvm_offender(NULL);
    const struct mt_window *window = &sandbox->buffers.window;
    const struct mt_kvm_prepared *prepared = sandbox->template->prepared;
    struct sigaction note = {.sa_sigaction = note_fault, .sa_flags = SA_SIGINFO};
    struct sigaction before;
    sigaction(SIGSEGV, &note, &before);
    bool is_low_guarded = is_forbidden(window->host - 1, false);
    bool is_high_guarded = is_forbidden(window->host + window->len_bytes, false);
    bool is_inside_free = !is_forbidden(window->host, true) &&
                          !is_forbidden(window->host + window->len_bytes - 1, true);
    bool is_monitor_constant = is_forbidden(prepared->monitor, true);
    sigaction(SIGSEGV, &before, NULL);
    assert_true(is_low_guarded && is_high_guarded && is_inside_free && is_monitor_constant);
    assert_echo(sandbox);
    mote_sandbox_destroy(sandbox);
}

/* Whether a forked child can read what the parent has there. Something else may be mapped at the
 * same address in the child. */
static bool child_reads_the_same(const void *at)
{
    uint8_t copy[MT_PAGE_BYTES];
    static const uint8_t zeroes[MT_PAGE_BYTES];
    memcpy(copy, at, sizeof(copy));
    assert_memory_not_equal(copy, zeroes, sizeof(copy));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(memcmp(copy, at, sizeof(copy)) == 0 ? 0 : 1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

/* V8: neither guest memory nor the vCPU's shared page is in a forked child. */
static void test_a_forked_child_has_none_of_the_guest(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_sandbox *sandbox = new_kvm_offender(NULL);
    const struct mt_layout *layout = &sandbox->template->layout;
    assert_false(child_reads_the_same(sandbox->buffers.window.host +
                                      (layout->start[MT_PLACE_PEB] - layout->private_start)));
    assert_false(child_reads_the_same(sandbox->machine->run));
    assert_echo(sandbox);
    mote_sandbox_destroy(sandbox);
}

/* Two sandboxes of one image share its read-only pages: what one writes, the other does not see. */
static void test_what_one_sandbox_writes_is_not_in_another(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *writer = new_offender(NULL);
    mote_sandbox *other = new_offender(NULL);
    const struct mt_window *window = &other->buffers.window;
    const mote_value byte = mote_u32(0xA5);
    uint8_t *kept = malloc(window->len_bytes);
    assert_non_null(kept);
    memcpy(kept, window->host, window->len_bytes);
    assert_ok(mote_call(writer, "LeaveResidue", &byte, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_memory_equal(kept, window->host, window->len_bytes);
    free(kept);
    mote_sandbox_destroy(writer);
    assert_echo(other);
    mote_sandbox_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_tables_reach_the_sandbox_and_nothing_else),
        cmocka_unit_test(test_each_region_allows_what_its_rights_say),
        cmocka_unit_test(test_there_is_nothing_elsewhere),
        cmocka_unit_test(test_accesses_across_an_edge_fault_whole),
        cmocka_unit_test(test_the_host_mapping_lies_between_guards),
        cmocka_unit_test(test_a_forked_child_has_none_of_the_guest),
        cmocka_unit_test(test_what_one_sandbox_writes_is_not_in_another),
    };
    return cmocka_run_group_tests_name("hostile memory", tests, witness_set_up, witness_tear_down);
}
