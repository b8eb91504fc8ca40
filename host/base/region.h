/* SPDX-License-Identifier: Apache-2.0 */
/* The words that memory, drivers and sandboxes share: regions of guest memory. */
#ifndef MOTE_HOST_BASE_REGION_H
#define MOTE_HOST_BASE_REGION_H

#include "host/base/page_set.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is behind a region. */
enum mt_backing {
    MT_BACKING_NONE,    /* nothing: a guard */
    MT_BACKING_TABLES,  /* the driver's page tables, or nothing where it has none */
    MT_BACKING_SHARED,  /* read-only pages that all sandboxes of an image share */
    MT_BACKING_PRIVATE, /* pages of this sandbox alone */
    MT_BACKING_MONITOR  /* as private, but no business of the guest: stacks of the monitor */
};

/* A run of whole pages of guest memory. */
struct mt_region {
    const char *name; /* static text */
    uint64_t start;   /* guest-virtual address */
    uint64_t len_bytes;
    uint32_t rights; /* MOTE_RIGHT_* of the guest */
    enum mt_backing backing;
    const uint8_t *shared; /* MT_BACKING_SHARED: the pages */
    bool use_large_pages;  /* zero at first and large: whole 2 MiB units of it are mapped as such */
    uint64_t
        populate_start; /* part that is touched at once: offsets in the region; empty for none */
    uint64_t populate_end;
};

/* How a guest reaches its host, in the words of the PEB (abi/peb.h). */
struct mt_way_out {
    uint64_t run_mode; /* enum mt_run_mode */
    uint64_t function; /* of the modes in which guest and host share a process: with the Win64 */
    uint64_t context;  /* convention, and its first argument */
};

/* The private part of a sandbox's memory, as the host sees it. Guests may change it at any time. */
struct mt_window {
    uint8_t *host;
    uint64_t start; /* guest-virtual address of host[0] */
    uint64_t len_bytes;
    struct mt_page_set *written; /* what the host wrote is added to it; NULL: nobody asks */
};

#endif
