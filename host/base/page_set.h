/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of pages of a sandbox's private memory, by number from its start. Summaries say which words
 * hold something, so that a walk costs what is in the set and not how large the memory is.
 */
#ifndef MOTE_HOST_BASE_PAGE_SET_H
#define MOTE_HOST_BASE_PAGE_SET_H

#include "host/base/alloc.h"
#include <stdint.h>

#define MT_PAGES_PER_WORD 64u

struct mt_page_set {
    uint64_t *words;   /* bit n % 64 of word n / 64: page n */
    uint64_t *summary; /* bit n % 64 of word n / 64: words[n] is not 0 */
    uint64_t *top;     /* bit n % 64 of word n / 64: summary[n] is not 0 */
    uint64_t n_pages;
};

/* An empty set. False when there is no memory: the set can then be given to fini only. */
bool mt_page_set_init(struct mt_page_set *set, const mote_allocator *allocator, uint64_t n_pages);
void mt_page_set_fini(struct mt_page_set *set, const mote_allocator *allocator);

/* Numbers past the end are ignored in all of these. */
void mt_page_set_add(struct mt_page_set *set, uint64_t page);
void mt_page_set_add_run(struct mt_page_set *set, uint64_t first, uint64_t n);
/* Add page first + i for each bit i of the word. */
void mt_page_set_add_bits(struct mt_page_set *set, uint64_t first, uint64_t bits);
void mt_page_set_add_all(struct mt_page_set *set, const struct mt_page_set *other);

void mt_page_set_clear(struct mt_page_set *set);
uint64_t mt_page_set_count(const struct mt_page_set *set);

/* The first page at or after *first that is in the set, and in *n how many follow without a gap,
 * itself included. False when there is none. */
bool mt_page_set_next_run(const struct mt_page_set *set, uint64_t *first, uint64_t *n);

#endif
