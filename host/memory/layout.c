/* SPDX-License-Identifier: Apache-2.0 */
/* Laying out a sandbox's memory. */
#include "host/memory/layout.h"

#include "abi/memory_map.h"
#include "abi/peb.h"
#include "host/base/checked.h"
#include "host/base/error.h"
#include <inttypes.h>
#include <string.h>

/* Memory that a guest is likely to use at once, touched at creation: a fault costs more there. */
#define EAGER_REGION_BYTES (64 * MT_KIB)
#define EAGER_STACK_BYTES (16 * MT_KIB)

/* Of the heap, what is always used from its start on; a guest that needs more needs much more. */
#define DENSE_HEAP_BYTES (1024 * MT_KIB)

#define DIRECTORY_BYTES (1ull << 30) /* of memory under one page directory */

#define RIGHTS_RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)

struct place_facts {
    const char *name;
    enum mt_backing backing;
    uint32_t rights;
};

static const struct place_facts places[MT_N_PLACES] = {
    [MT_PLACE_TABLES] = {"page tables", MT_BACKING_TABLES, 0},
    [MT_PLACE_CODE] = {"code", MT_BACKING_NONE, 0},
    [MT_PLACE_PEB] = {"PEB", MT_BACKING_PRIVATE, RIGHTS_RW},
    [MT_PLACE_HOST_DEFINITIONS] = {"host functions", MT_BACKING_PRIVATE, MOTE_RIGHT_READ},
    [MT_PLACE_HOST_EXCEPTION] = {"host exception", MT_BACKING_PRIVATE, MOTE_RIGHT_READ},
    [MT_PLACE_GUEST_ERROR] = {"guest error", MT_BACKING_PRIVATE, RIGHTS_RW},
    [MT_PLACE_INPUT] = {"input", MT_BACKING_PRIVATE, RIGHTS_RW},
    [MT_PLACE_OUTPUT] = {"output", MT_BACKING_PRIVATE, RIGHTS_RW},
    [MT_PLACE_PANIC] = {"panic context", MT_BACKING_PRIVATE, RIGHTS_RW},
    [MT_PLACE_HEAP] = {"heap", MT_BACKING_PRIVATE, RIGHTS_RW},
    [MT_PLACE_HEAP_GUARD] = {"guard", MT_BACKING_NONE, 0},
    [MT_PLACE_STACK] = {"stack", MT_BACKING_PRIVATE, RIGHTS_RW},
    [MT_PLACE_STACK_GUARD] = {"guard", MT_BACKING_NONE, 0},
    [MT_PLACE_KERNEL_STACK] = {"kernel stack", MT_BACKING_MONITOR, 0},
    [MT_PLACE_KERNEL_GUARD] = {"guard", MT_BACKING_NONE, 0},
    [MT_PLACE_BOOT_STACK] = {"boot stack", MT_BACKING_MONITOR, 0},
};

static void wanted_bytes(const struct mt_image *image, const struct mt_sizes *sizes,
                         uint64_t wanted[MT_N_PLACES])
{
    wanted[MT_PLACE_CODE] = image->memory_bytes;
    wanted[MT_PLACE_PEB] = sizeof(struct mt_peb);
    wanted[MT_PLACE_HOST_DEFINITIONS] = sizes->host_definitions;
    wanted[MT_PLACE_HOST_EXCEPTION] = sizes->host_exception;
    wanted[MT_PLACE_GUEST_ERROR] = sizes->guest_error;
    wanted[MT_PLACE_INPUT] = sizes->input;
    wanted[MT_PLACE_OUTPUT] = sizes->output;
    wanted[MT_PLACE_PANIC] = sizes->guest_panic;
    wanted[MT_PLACE_HEAP] = sizes->heap;
    wanted[MT_PLACE_HEAP_GUARD] = MT_PAGE_BYTES;
    wanted[MT_PLACE_STACK] = sizes->stack;
    wanted[MT_PLACE_STACK_GUARD] = MT_PAGE_BYTES;
    wanted[MT_PLACE_KERNEL_STACK] = sizes->kernel_stack;
    wanted[MT_PLACE_KERNEL_GUARD] = MT_PAGE_BYTES;
    wanted[MT_PLACE_BOOT_STACK] = MT_PAGE_BYTES;
}

static uint64_t cap_of(const struct mt_sizes *sizes)
{
    return sizes->memory_cap != 0 ? sizes->memory_cap : MT_MAX_MEMORY_BYTES;
}

/* Put every place behind a page-table area of n_table_pages. False when it does not fit. */
static bool place_all(struct mt_layout *layout, const uint64_t wanted[MT_N_PLACES],
                      uint64_t code_alignment, uint64_t n_table_pages)
{
    const uint64_t cap = cap_of(&layout->sizes);
    uint64_t at = MT_BASE_ADDRESS;
    for (size_t i = 0; i < MT_N_PLACES; i++) {
        uint64_t bytes = i == MT_PLACE_TABLES ? n_table_pages * MT_PAGE_BYTES : wanted[i];
        if (i == MT_PLACE_CODE && !mt_round_up(at, code_alignment, &at))
            return false;
        if (!mt_round_up(bytes, MT_PAGE_BYTES, &bytes))
            return false;
        layout->start[i] = at;
        layout->len_bytes[i] = bytes;
        if (!mt_add(at, bytes, &at) || at > MT_BASE_ADDRESS + cap)
            return false;
    }
    layout->end = at;
    return true;
}

/* The part of [start, end) that whole large pages can cover; empty when none fits. */
static void large_pages_within(uint64_t start, uint64_t end, uint64_t *large_start,
                               uint64_t *large_end)
{
    uint64_t first = mt_round_down(start + MT_LARGE_PAGE_BYTES - 1, MT_LARGE_PAGE_BYTES);
    uint64_t last = mt_round_down(end, MT_LARGE_PAGE_BYTES);
    *large_start = first;
    *large_end = last > first ? last : first;
}

/* Large pages are for what starts out zero and belongs to the guest. A stack is large in case, and
 * used in part: it is told by the small page what of it was written. */
static bool uses_large_pages(size_t place)
{
    return place != MT_PLACE_STACK && places[place].backing == MT_BACKING_PRIVATE &&
           places[place].rights == RIGHTS_RW;
}

/* PML4, PDPT, a directory for each GiB, the table of the monitor's range, and one for each 2 MiB
 * that is not one large page. */
static uint64_t n_table_pages_needed(const struct mt_layout *layout)
{
    uint64_t n_units =
        (layout->end - MT_BASE_ADDRESS + MT_LARGE_PAGE_BYTES - 1) / MT_LARGE_PAGE_BYTES;
    uint64_t n_large = 0;
    for (size_t i = MT_PLACE_PEB; i < MT_N_PLACES; i++) {
        uint64_t start;
        uint64_t end;
        if (!uses_large_pages(i))
            continue;
        large_pages_within(layout->start[i], mt_layout_end(layout, (enum mt_place)i), &start, &end);
        n_large += (end - start) / MT_LARGE_PAGE_BYTES;
    }
    uint64_t n_directories = (layout->end + DIRECTORY_BYTES - 1) / DIRECTORY_BYTES;
    return 3 + n_directories + n_units - n_large;
}

/* From the first page that the guest may write, everything is private: one run of memory. */
static uint64_t first_private_byte(const struct mt_layout *layout, const struct mt_image *image)
{
    for (size_t i = 0; i < image->n_spans; i++) {
        if (image->spans[i].rights & MOTE_RIGHT_WRITE)
            return layout->start[MT_PLACE_CODE] + image->spans[i].start;
    }
    return layout->start[MT_PLACE_PEB];
}

static void choose_sparse(struct mt_layout *layout)
{
    uint64_t heap = layout->start[MT_PLACE_HEAP];
    uint64_t heap_end = mt_layout_end(layout, MT_PLACE_HEAP);
    large_pages_within(heap + DENSE_HEAP_BYTES, heap_end, &layout->sparse_start,
                       &layout->sparse_end);
}

mote_status mt_layout_init(struct mt_layout *layout, const struct mt_image *image,
                           const struct mt_sizes *sizes, mote_error *err)
{
    uint64_t wanted[MT_N_PLACES] = {0};
    struct mt_layout made = {.sizes = *sizes};
    wanted_bytes(image, sizes, wanted);
    /* A larger table area moves what follows, which may need a table more or less: grow until the
     * area holds what its own layout needs. It ends, since one table per unit always suffices. */
    uint64_t n_table_pages = 4;
    for (;;) {
        if (!place_all(&made, wanted, image->alignment, n_table_pages))
            return mt_fail(err, MOTE_E_IMAGE_TOO_LARGE,
                           "image of %" PRIu64 " bytes and its sandbox's memory are over "
                           "the cap of %" PRIu64 " bytes (max_memory_bytes)",
                           image->memory_bytes, cap_of(sizes));
        uint64_t needed = n_table_pages_needed(&made);
        if (needed <= n_table_pages)
            break;
        n_table_pages = needed;
    }
    made.private_start = first_private_byte(&made, image);
    choose_sparse(&made);
    made.initial_rsp = mt_layout_end(&made, MT_PLACE_STACK) - MT_INITIAL_RSP_GAP;
    *layout = made;
    return MOTE_OK;
}

size_t mt_layout_max_regions(const struct mt_image *image)
{
    return MT_N_PLACES + image->n_spans;
}

static const char *span_name(uint32_t rights)
{
    if (rights & MOTE_RIGHT_EXECUTE)
        return "code";
    if (rights & MOTE_RIGHT_WRITE)
        return "data";
    return rights & MOTE_RIGHT_READ ? "read-only data" : "image gap";
}

static size_t list_image(const struct mt_layout *layout, const struct mt_image *image,
                         const uint8_t *placed, struct mt_region *regions)
{
    uint64_t code = layout->start[MT_PLACE_CODE];
    for (size_t i = 0; i < image->n_spans; i++) {
        const struct mt_image_span *span = &image->spans[i];
        bool is_private = code + span->start >= layout->private_start;
        regions[i] = (struct mt_region){
            .name = span_name(span->rights),
            .start = code + span->start,
            .len_bytes = span->len_bytes,
            .rights = span->rights,
            .backing = is_private ? MT_BACKING_PRIVATE : MT_BACKING_SHARED,
            .shared = is_private || placed == NULL ? NULL : placed + span->start,
        };
    }
    return image->n_spans;
}

/* Stacks are used from their end, all else from its start; the monitor's stacks and small regions
 * are touched whole. */
static void choose_populated(struct mt_region *region, enum mt_place place)
{
    if (region->backing != MT_BACKING_PRIVATE && region->backing != MT_BACKING_MONITOR)
        return;
    uint64_t eager = place == MT_PLACE_STACK ? EAGER_STACK_BYTES : EAGER_REGION_BYTES;
    if (eager > region->len_bytes)
        eager = region->len_bytes;
    bool from_end = place == MT_PLACE_STACK || region->backing == MT_BACKING_MONITOR;
    region->populate_start = from_end ? region->len_bytes - eager : 0;
    region->populate_end = region->populate_start + eager;
}

size_t mt_layout_regions(const struct mt_layout *layout, const struct mt_image *image,
                         const uint8_t *placed, struct mt_region *regions)
{
    size_t n = 0;
    for (size_t i = 0; i < MT_N_PLACES; i++) {
        if (i == MT_PLACE_CODE) {
            n += list_image(layout, image, placed, regions + n);
            continue;
        }
        regions[n] = (struct mt_region){
            .name = places[i].name,
            .start = layout->start[i],
            .len_bytes = layout->len_bytes[i],
            .rights = places[i].rights,
            .backing = places[i].backing,
            .use_large_pages = uses_large_pages(i),
        };
        if (i == MT_PLACE_HEAP && layout->sizes.executable_heap)
            regions[n].rights |= MOTE_RIGHT_EXECUTE;
        choose_populated(&regions[n], (enum mt_place)i);
        n++;
    }
    return n;
}
