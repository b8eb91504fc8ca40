/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything lies in a sandbox's memory: Hyperlight 0.1's regions in its order
 * (docs/memory.md), for any sizes, by checked arithmetic.
 */
#ifndef MOTE_HOST_MEMORY_LAYOUT_H
#define MOTE_HOST_MEMORY_LAYOUT_H

#include "host/base/region.h"
#include "host/image/image.h"

/* Sizes in bytes as configured, before rounding to pages. */
struct mt_sizes {
    uint64_t input;
    uint64_t output;
    uint64_t host_definitions;
    uint64_t host_exception;
    uint64_t guest_error;
    uint64_t guest_panic;
    uint64_t kernel_stack;
    uint64_t stack;
    uint64_t heap;
    uint64_t memory_cap; /* of everything together; 0 is MT_MAX_MEMORY_BYTES */
    bool executable_heap;
};

enum mt_place {
    MT_PLACE_TABLES,
    MT_PLACE_CODE,
    MT_PLACE_PEB,
    MT_PLACE_HOST_DEFINITIONS,
    MT_PLACE_HOST_EXCEPTION,
    MT_PLACE_GUEST_ERROR,
    MT_PLACE_INPUT,
    MT_PLACE_OUTPUT,
    MT_PLACE_PANIC,
    MT_PLACE_HEAP,
    MT_PLACE_HEAP_GUARD,
    MT_PLACE_STACK,
    MT_PLACE_STACK_GUARD,
    MT_PLACE_KERNEL_STACK,
    MT_PLACE_KERNEL_GUARD,
    MT_PLACE_BOOT_STACK,
    MT_N_PLACES
};

struct mt_layout {
    struct mt_sizes sizes;
    uint64_t start[MT_N_PLACES];     /* guest-virtual address */
    uint64_t len_bytes[MT_N_PLACES]; /* whole pages */
    uint64_t end;
    uint64_t private_start; /* from here to end the memory is the sandbox's own */
    uint64_t sparse_start;  /* whole large pages of the heap behind its first MiB, or none */
    uint64_t sparse_end;
    uint64_t initial_rsp;
};

/* MOTE_E_IMAGE_TOO_LARGE when it passes the cap of its sizes. */
mote_status mt_layout_init(struct mt_layout *layout, const struct mt_image *image,
                           const struct mt_sizes *sizes, mote_error *err);

/* The end of a place, one past its last byte. */
static inline uint64_t mt_layout_end(const struct mt_layout *layout, enum mt_place place)
{
    return layout->start[place] + layout->len_bytes[place];
}

/* The most regions that mt_layout_regions() makes for an image. */
size_t mt_layout_max_regions(const struct mt_image *image);

/*
 * List all regions in address order, from MT_BASE_ADDRESS to the layout's end without gaps but for
 * alignment. placed is the image as it stands in memory, for the regions that are shared; NULL
 * leaves these without pages. Returns how many there are.
 */
size_t mt_layout_regions(const struct mt_layout *layout, const struct mt_image *image,
                         const uint8_t *placed, struct mt_region *regions);

#endif
