/* SPDX-License-Identifier: Apache-2.0 */
/* host/memory/layout.c for every combination of sizes around its limits: what it lays out is inside
 * the address space, in order, large enough, without gaps, and has the tables that it needs; what
 * it refuses would not fit. The judge counts with 128 bits. */
#include "host/memory/layout.h"
#include "abi/memory_map.h"
#include "abi/peb.h"
#include "tests/gates/prove.h"

#include <mote/image.h>
#include <string.h>

#define LENGTH(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))
#define MAX_REGIONS 32

typedef unsigned __int128 wide;

static const uint64_t small_sizes[] = {0, 1, 0x1001, UINT64_MAX};
static const uint64_t large_sizes[] = {
    0x1000,     0x1001,     0x1fffff,   0x200000,   0x200001,           0x5fe000,
    0x10000000, 0x3fbf0000, 0x3fdf2000, 0x40000000, UINT64_MAX - 0xfff, UINT64_MAX,
};
static const uint64_t image_sizes[] = {0x1000, 0x3000, 0x200000, 0x20000000};
static const uint64_t alignments[] = {0x1000, 0x200000};

struct given {
    struct mt_image image;
    struct mt_image_span spans[2];
    struct mt_sizes sizes;
};

static uint64_t one_of(const uint64_t *values, unsigned n)
{
    return values[prove_choose(n)];
}

/* The image: one page that cannot be written, and perhaps others that can. */
static void choose(struct given *given)
{
    struct mt_sizes *sizes = &given->sizes;
    uint64_t bytes = one_of(image_sizes, LENGTH(image_sizes));
    *given =
        (struct given){.spans = {{0, 0x1000, MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE},
                                 {0x1000, bytes - 0x1000, MOTE_RIGHT_READ | MOTE_RIGHT_WRITE}}};
    given->image.memory_bytes = bytes;
    given->image.alignment = one_of(alignments, LENGTH(alignments));
    given->image.spans = given->spans;
    given->image.n_spans = bytes > 0x1000 ? 2 : 1;
    sizes->host_definitions = one_of(small_sizes, LENGTH(small_sizes));
    sizes->host_exception = small_sizes[prove_choose(2)];
    sizes->guest_error = one_of(small_sizes, LENGTH(small_sizes));
    sizes->guest_panic = small_sizes[prove_choose(2)];
    sizes->kernel_stack = small_sizes[prove_choose(2)];
    sizes->input = one_of(large_sizes, LENGTH(large_sizes));
    sizes->output = one_of(large_sizes, LENGTH(large_sizes));
    sizes->stack = one_of(large_sizes, LENGTH(large_sizes));
    sizes->heap = one_of(large_sizes, LENGTH(large_sizes));
}

static void list_wanted(const struct given *given, uint64_t wanted[MT_N_PLACES])
{
    const struct mt_sizes *sizes = &given->sizes;
    const uint64_t in_order[MT_N_PLACES] = {0,
                                            given->image.memory_bytes,
                                            sizeof(struct mt_peb),
                                            sizes->host_definitions,
                                            sizes->host_exception,
                                            sizes->guest_error,
                                            sizes->input,
                                            sizes->output,
                                            sizes->guest_panic,
                                            sizes->heap,
                                            MT_PAGE_BYTES,
                                            sizes->stack,
                                            MT_PAGE_BYTES,
                                            sizes->kernel_stack,
                                            MT_PAGE_BYTES,
                                            MT_PAGE_BYTES};
    memcpy(wanted, in_order, sizeof in_order);
}

static wide rounded(wide value, wide alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

/* Where a layout would end that has a table for each 2 MiB. */
static wide end_with_tables(const struct given *given, const uint64_t wanted[MT_N_PLACES], wide n)
{
    wide at = rounded(MT_BASE_ADDRESS + (4 + n) * MT_PAGE_BYTES, given->image.alignment);
    for (int i = MT_PLACE_CODE; i < MT_N_PLACES; i++)
        at += rounded(wanted[i], MT_PAGE_BYTES);
    return at;
}

/* Units of 2 MiB that cannot be one large page: those not wholly in a place that may have some. */
static uint64_t count_split_units(const struct mt_layout *layout)
{
    static const int with_large[] = {MT_PLACE_PEB,    MT_PLACE_GUEST_ERROR, MT_PLACE_INPUT,
                                     MT_PLACE_OUTPUT, MT_PLACE_PANIC,       MT_PLACE_HEAP,
                                     MT_PLACE_STACK};
    const uint64_t unit = MT_LARGE_PAGE_BYTES;
    uint64_t n = (uint64_t)rounded(layout->end - MT_BASE_ADDRESS, unit) / unit;
    for (unsigned i = 0; i < LENGTH(with_large); i++) {
        uint64_t first = (uint64_t)rounded(layout->start[with_large[i]], unit) / unit;
        uint64_t last = mt_layout_end(layout, (enum mt_place)with_large[i]) / unit;
        n -= last > first ? last - first : 0;
    }
    return n;
}

static void check_places(const struct given *given, const struct mt_layout *layout,
                         const uint64_t wanted[MT_N_PLACES])
{
    uint64_t at = MT_BASE_ADDRESS;
    for (int i = 0; i < MT_N_PLACES; i++) {
        uint64_t alignment = i == MT_PLACE_CODE ? given->image.alignment : MT_PAGE_BYTES;
        PROVE(layout->start[i] == rounded(at, alignment));
        PROVE(i == MT_PLACE_TABLES || layout->len_bytes[i] == rounded(wanted[i], MT_PAGE_BYTES));
        at = layout->start[i] + layout->len_bytes[i];
        PROVE(at >= layout->start[i] && at <= MT_END_ADDRESS);
    }
    PROVE(layout->end == at);
    PROVE(layout->len_bytes[MT_PLACE_TABLES] / MT_PAGE_BYTES >= 4 + count_split_units(layout));
    uint64_t code = layout->start[MT_PLACE_CODE];
    PROVE(layout->private_start == code + 0x1000);
    uint64_t rsp = layout->initial_rsp;
    PROVE(rsp >= layout->start[MT_PLACE_STACK] && rsp < mt_layout_end(layout, MT_PLACE_STACK));
}

static void check_regions(const struct given *given, const struct mt_layout *layout)
{
    struct mt_region regions[MAX_REGIONS];
    size_t n = mt_layout_regions(layout, &given->image, NULL, regions);
    PROVE(n <= mt_layout_max_regions(&given->image) && n <= MAX_REGIONS);
    uint64_t at = MT_BASE_ADDRESS;
    for (size_t i = 0; i < n; i++) {
        const struct mt_region *region = &regions[i];
        uint64_t alignment = at == MT_BASE_ADDRESS + layout->len_bytes[MT_PLACE_TABLES]
                                 ? given->image.alignment
                                 : MT_PAGE_BYTES;
        const uint32_t both = MOTE_RIGHT_WRITE | MOTE_RIGHT_EXECUTE;
        PROVE(region->start == rounded(at, alignment));
        PROVE((region->rights & both) != both);
        PROVE(region->populate_start <= region->populate_end);
        PROVE(region->populate_end <= region->len_bytes);
        PROVE((region->backing == MT_BACKING_PRIVATE || region->backing == MT_BACKING_MONITOR)
                  ? region->start >= layout->private_start
                  : (region->rights & MOTE_RIGHT_WRITE) == 0);
        at = region->start + region->len_bytes;
    }
    PROVE(at == layout->end);
}

int main(void)
{
    unsigned long n_made = 0;
    do {
        struct given given;
        struct mt_layout layout = {.end = 1};
        uint64_t wanted[MT_N_PLACES];
        choose(&given);
        list_wanted(&given, wanted);
        if (mt_layout_init(&layout, &given.image, &given.sizes, NULL) == MOTE_OK) {
            check_places(&given, &layout, wanted);
            check_regions(&given, &layout);
            n_made++;
        } else {
            wide least = end_with_tables(&given, wanted, 0) - MT_BASE_ADDRESS;
            wide n_units = least / MT_LARGE_PAGE_BYTES + 2;
            PROVE(layout.end == 1);
            PROVE(end_with_tables(&given, wanted, n_units) > MT_END_ADDRESS);
        }
    } while (prove_next());
    printf("%lu configurations, of which %lu fit\n", prove_paths.n_paths, n_made);
    return 0;
}
