/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private memory of a sandbox as it was at one moment: immutable, read by any number of
 * threads, and good for every sandbox of the same layout. Only pages that are not zero take room.
 */
#ifndef MOTE_HOST_SNAPSHOT_FROZEN_H
#define MOTE_HOST_SNAPSHOT_FROZEN_H

#include "host/base/region.h"
#include <mote/error.h>

struct mt_frozen {
    uint64_t n_pages;   /* of the memory that it was taken of */
    uint32_t *place;    /* of each page: 0 for zeros, or 1 + its number in content */
    uint8_t *content;   /* n_content pages, in the order of their addresses; read-only */
    uint32_t *page_of;  /* of each page of content: its number in the memory; ascending */
    uint64_t n_content; /* pages that are not zero */
    uint64_t content_room_pages;
};

/* Gives pages back, so that they read as zeros. */
struct mt_discard {
    mote_status (*fn)(void *context, uint64_t first_page, uint64_t n_pages, mote_error *err);
    void *context;
};

/* Copy the pages that may not be zero. Nobody may write to them meanwhile; each byte is read once.
 * MOTE_E_MEMORY. */
mote_status mt_frozen_take(struct mt_frozen *out, const struct mt_window *window,
                           const struct mt_page_set *used, mote_error *err);
void mt_frozen_fini(struct mt_frozen *frozen);

/* Make these pages of a memory what they were. Large runs that were zero are given back. */
mote_status mt_frozen_restore(const struct mt_frozen *frozen, const struct mt_window *window,
                              const struct mt_page_set *pages, const struct mt_discard *discard,
                              mote_error *err);

/* Add all pages that are not zero. */
void mt_frozen_add_content(const struct mt_frozen *frozen, struct mt_page_set *set);

/* One past the last page of [first, end) that is not zero; first when all are. */
uint64_t mt_frozen_end_of_content(const struct mt_frozen *frozen, uint64_t first, uint64_t end);

#endif
