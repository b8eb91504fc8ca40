/* SPDX-License-Identifier: Apache-2.0 */
/* The layout: Hyperlight 0.1's order, exact table area, caps, large pages. */
#include "abi/memory_map.h"
#include "host/base/limits.h"
#include "host/memory/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define RX (MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE)
#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)

static struct mt_image_span spans[] = {
    {0x0000, 0x1000, MOTE_RIGHT_READ},
    {0x1000, 0x3000, RX},
    {0x4000, 0x1000, MOTE_RIGHT_READ},
    {0x5000, 0x3B000, RW},
};

static const struct mt_image image = {
    .memory_bytes = 0x40000,
    .alignment = 0x1000,
    .spans = spans,
    .n_spans = 4,
};

static const struct mt_sizes defaults = {
    .input = 0x4000,
    .output = 0x4000,
    .host_definitions = 0x1000,
    .host_exception = 0x4000,
    .guest_error = 0x100,
    .guest_panic = 0x400,
    .kernel_stack = 0x1000,
    .stack = 0x10000,
    .heap = 0x20000,
};

/* Hyperlight 0.1's default layout, less what its page-table area is larger than needed: all later
 * regions keep their distances. */
static void test_default_layout_is_the_records(void **state)
{
    (void)state;
    static const uint64_t from_code[MT_N_PLACES] = {
        [MT_PLACE_CODE] = 0x00000,
        [MT_PLACE_PEB] = 0x40000,
        [MT_PLACE_HOST_DEFINITIONS] = 0x41000,
        [MT_PLACE_HOST_EXCEPTION] = 0x42000,
        [MT_PLACE_GUEST_ERROR] = 0x46000,
        [MT_PLACE_INPUT] = 0x47000,
        [MT_PLACE_OUTPUT] = 0x4B000,
        [MT_PLACE_PANIC] = 0x4F000,
        [MT_PLACE_HEAP] = 0x50000,
        [MT_PLACE_HEAP_GUARD] = 0x70000,
        [MT_PLACE_STACK] = 0x71000,
        [MT_PLACE_STACK_GUARD] = 0x81000,
        [MT_PLACE_KERNEL_STACK] = 0x82000,
        [MT_PLACE_KERNEL_GUARD] = 0x83000,
        [MT_PLACE_BOOT_STACK] = 0x84000,
    };
    struct mt_layout layout;
    assert_int_equal(mt_layout_init(&layout, &image, &defaults, NULL), MOTE_OK);
    assert_int_equal(layout.start[MT_PLACE_TABLES], MT_BASE_ADDRESS);
    for (size_t i = MT_PLACE_CODE; i < MT_N_PLACES; i++)
        assert_int_equal(layout.start[i] - layout.start[MT_PLACE_CODE], from_code[i]);
    assert_int_equal(layout.initial_rsp, mt_layout_end(&layout, MT_PLACE_STACK) - 0x28);
    assert_int_equal(layout.private_start, layout.start[MT_PLACE_CODE] + 0x5000);
}

static void test_table_area_is_exact(void **state)
{
    (void)state;
    struct mt_layout layout;
    assert_int_equal(mt_layout_init(&layout, &image, &defaults, NULL), MOTE_OK);
    /* PML4, PDPT, PD, the monitor's table, and one for the 2 MiB that all else lies in. */
    assert_int_equal(layout.len_bytes[MT_PLACE_TABLES], 5 * MT_PAGE_BYTES);
}

static void test_large_kernel_stack_does_not_reach_the_code(void **state)
{
    (void)state;
    struct mt_layout layout;
    struct mt_sizes sizes = defaults;
    sizes.kernel_stack = 8 * MT_MIB;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, NULL), MOTE_OK);
    uint64_t n_units =
        (layout.end - MT_BASE_ADDRESS + MT_LARGE_PAGE_BYTES - 1) / MT_LARGE_PAGE_BYTES;
    assert_int_equal(layout.len_bytes[MT_PLACE_TABLES], (4 + n_units) * MT_PAGE_BYTES);
}

static void test_large_pages_save_tables(void **state)
{
    (void)state;
    struct mt_layout layout;
    struct mt_sizes sizes = defaults;
    sizes.output = 256 * MT_MIB;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, NULL), MOTE_OK);
    assert_true(layout.len_bytes[MT_PLACE_TABLES] <= 8 * MT_PAGE_BYTES);
}

/* For every size near a 2 MiB boundary the area must hold what its own layout needs. */
static void test_table_area_settles_at_every_size(void **state)
{
    (void)state;
    for (uint64_t heap = 0x1000; heap < 3 * MT_LARGE_PAGE_BYTES; heap += 0x1000) {
        struct mt_layout layout;
        struct mt_sizes sizes = defaults;
        sizes.heap = heap;
        assert_int_equal(mt_layout_init(&layout, &image, &sizes, NULL), MOTE_OK);
        assert_true(layout.start[MT_PLACE_CODE] >= mt_layout_end(&layout, MT_PLACE_TABLES));
        assert_true(layout.len_bytes[MT_PLACE_HEAP] == heap);
    }
}

static void test_layout_at_the_cap(void **state)
{
    (void)state;
    struct mt_layout layout;
    struct mt_sizes sizes = defaults;
    mote_error err;
    /* Grow the heap to the last page that fits, then one page further. */
    uint64_t low = MT_MIB;
    uint64_t high = MT_GIB;
    while (high - low > MT_PAGE_BYTES) {
        uint64_t middle = (low + (high - low) / 2) & ~(MT_PAGE_BYTES - 1ull);
        sizes.heap = middle;
        if (mt_layout_init(&layout, &image, &sizes, &err) == MOTE_OK)
            low = middle;
        else
            high = middle;
    }
    sizes.heap = low;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, &err), MOTE_OK);
    assert_true(layout.end <= MT_END_ADDRESS && layout.end > MT_END_ADDRESS - 8 * MT_PAGE_BYTES);
    sizes.heap = high;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, &err), MOTE_E_IMAGE_TOO_LARGE);
}

static void test_a_cap_of_ones_own(void **state)
{
    (void)state;
    struct mt_layout layout;
    struct mt_sizes sizes = defaults;
    mote_error err;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, &err), MOTE_OK);
    sizes.memory_cap = layout.end - MT_BASE_ADDRESS;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, &err), MOTE_OK);
    sizes.memory_cap--;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, &err), MOTE_E_IMAGE_TOO_LARGE);
}

static void test_sizes_that_wrap_are_refused(void **state)
{
    (void)state;
    static const uint64_t sizes_to_try[] = {UINT64_MAX, UINT64_MAX - 0xFFF, 1ull << 63, 1ull << 40};
    for (size_t i = 0; i < sizeof(sizes_to_try) / sizeof(sizes_to_try[0]); i++) {
        struct mt_layout layout;
        struct mt_sizes sizes = defaults;
        mote_error err;
        sizes.stack = sizes_to_try[i];
        assert_int_equal(mt_layout_init(&layout, &image, &sizes, &err), MOTE_E_IMAGE_TOO_LARGE);
        sizes = defaults;
        sizes.input = sizes_to_try[i];
        assert_int_equal(mt_layout_init(&layout, &image, &sizes, &err), MOTE_E_IMAGE_TOO_LARGE);
    }
}

static void test_code_keeps_the_images_alignment(void **state)
{
    (void)state;
    struct mt_image aligned = image;
    struct mt_layout layout;
    aligned.alignment = MT_LARGE_PAGE_BYTES;
    assert_int_equal(mt_layout_init(&layout, &aligned, &defaults, NULL), MOTE_OK);
    assert_int_equal(layout.start[MT_PLACE_CODE] % MT_LARGE_PAGE_BYTES, 0);
    /* And nothing else does. */
    for (size_t i = MT_PLACE_PEB; i < MT_N_PLACES; i++)
        assert_int_equal(layout.start[i], mt_layout_end(&layout, (enum mt_place)(i - 1)));
}

static const struct mt_region *region_named(const struct mt_region *regions, size_t n,
                                            const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(regions[i].name, name) == 0)
            return &regions[i];
    fail_msg("no region %s", name);
    return NULL;
}

/* Large pages are for what starts out zero and is the guest's to write. */
static void test_large_pages_are_for_the_guests_own_memory(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_large;
    } wanted[] = {{"page tables", false}, {"host functions", false}, {"host exception", false},
                  {"input", true},        {"output", true},          {"heap", true},
                  {"stack", false},       {"guard", false},          {"kernel stack", false},
                  {"boot stack", false}};
    struct mt_layout layout;
    struct mt_region regions[32];
    struct mt_sizes sizes = defaults;
    sizes.host_definitions = sizes.host_exception = sizes.kernel_stack = 2 * MT_LARGE_PAGE_BYTES;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, NULL), MOTE_OK);
    size_t n = mt_layout_regions(&layout, &image, NULL, regions);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        assert_int_equal(region_named(regions, n, wanted[i].name)->use_large_pages,
                         wanted[i].is_large);
}

/* What is likely to be used at once: the beginning of each region, the end of a stack. */
static void test_what_is_touched_at_creation(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t start;
        uint64_t end;
    } wanted[] = {{"page tables", 0, 0},      {"code", 0, 0},
                  {"PEB", 0, 0x1000},         {"input", 0, 0x4000},
                  {"heap", 0, 0x10000},       {"guard", 0, 0},
                  {"stack", 0xC000, 0x10000}, {"kernel stack", 0x10000, 0x20000},
                  {"boot stack", 0, 0x1000}};
    struct mt_layout layout;
    struct mt_region regions[32];
    struct mt_sizes sizes = defaults;
    sizes.kernel_stack = 0x20000;
    assert_int_equal(mt_layout_init(&layout, &image, &sizes, NULL), MOTE_OK);
    size_t n = mt_layout_regions(&layout, &image, NULL, regions);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        const struct mt_region *region = region_named(regions, n, wanted[i].name);
        assert_int_equal(region->populate_start, wanted[i].start);
        assert_int_equal(region->populate_end, wanted[i].end);
    }
}

static void test_regions_are_contiguous_and_wx_free(void **state)
{
    (void)state;
    struct mt_layout layout;
    struct mt_region regions[32];
    assert_int_equal(mt_layout_init(&layout, &image, &defaults, NULL), MOTE_OK);
    assert_true(mt_layout_max_regions(&image) <= 32);
    size_t n = mt_layout_regions(&layout, &image, NULL, regions);
    uint64_t at = MT_BASE_ADDRESS;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(regions[i].start, at);
        assert_int_equal(regions[i].len_bytes % MT_PAGE_BYTES, 0);
        assert_false((regions[i].rights & RW) == RW && (regions[i].rights & MOTE_RIGHT_EXECUTE));
        assert_true(regions[i].populate_end <= regions[i].len_bytes);
        bool is_private = regions[i].start >= layout.private_start;
        assert_true(is_private || regions[i].backing != MT_BACKING_PRIVATE);
        assert_true(!is_private || regions[i].backing != MT_BACKING_SHARED);
        at += regions[i].len_bytes;
    }
    assert_int_equal(at, layout.end);
}

static void test_executable_heap_is_off_unless_asked(void **state)
{
    (void)state;
    struct mt_layout layout;
    struct mt_region regions[32];
    struct mt_sizes sizes = defaults;
    for (int asked = 0; asked < 2; asked++) {
        sizes.executable_heap = asked == 1;
        assert_int_equal(mt_layout_init(&layout, &image, &sizes, NULL), MOTE_OK);
        size_t n = mt_layout_regions(&layout, &image, NULL, regions);
        for (size_t i = 0; i < n; i++) {
            bool is_heap = strcmp(regions[i].name, "heap") == 0;
            bool is_code = strcmp(regions[i].name, "code") == 0;
            assert_int_equal((regions[i].rights & MOTE_RIGHT_EXECUTE) != 0,
                             is_code || (is_heap && asked));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_layout_is_the_records),
        cmocka_unit_test(test_table_area_is_exact),
        cmocka_unit_test(test_large_kernel_stack_does_not_reach_the_code),
        cmocka_unit_test(test_large_pages_save_tables),
        cmocka_unit_test(test_table_area_settles_at_every_size),
        cmocka_unit_test(test_layout_at_the_cap),
        cmocka_unit_test(test_a_cap_of_ones_own),
        cmocka_unit_test(test_sizes_that_wrap_are_refused),
        cmocka_unit_test(test_code_keeps_the_images_alignment),
        cmocka_unit_test(test_large_pages_are_for_the_guests_own_memory),
        cmocka_unit_test(test_what_is_touched_at_creation),
        cmocka_unit_test(test_regions_are_contiguous_and_wx_free),
        cmocka_unit_test(test_executable_heap_is_off_unless_asked),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
