/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of pages. */
#include "host/base/page_set.h"

#include <string.h>

static uint64_t n_words_for(uint64_t n_bits)
{
    return (n_bits + MT_PAGES_PER_WORD - 1) / MT_PAGES_PER_WORD;
}

bool mt_page_set_init(struct mt_page_set *set, const mote_allocator *allocator, uint64_t n_pages)
{
    uint64_t n_words = n_words_for(n_pages);
    uint64_t n_summary = n_words_for(n_words);
    *set = (struct mt_page_set){.n_pages = n_pages};
    set->words = mt_alloc_array_zero(allocator, n_words, sizeof(uint64_t));
    set->summary = mt_alloc_array_zero(allocator, n_summary, sizeof(uint64_t));
    set->top = mt_alloc_array_zero(allocator, n_words_for(n_summary), sizeof(uint64_t));
    return set->words != NULL && set->summary != NULL && set->top != NULL;
}

void mt_page_set_fini(struct mt_page_set *set, const mote_allocator *allocator)
{
    mt_release(allocator, set->words);
    mt_release(allocator, set->summary);
    mt_release(allocator, set->top);
    *set = (struct mt_page_set){0};
}

/* ---- Adding ---- */

static void set_bit(uint64_t *words, uint64_t n)
{
    words[n / MT_PAGES_PER_WORD] |= 1ull << n % MT_PAGES_PER_WORD;
}

static void add_to_word(struct mt_page_set *set, uint64_t word, uint64_t bits)
{
    if (bits == 0)
        return;
    set->words[word] |= bits;
    set_bit(set->summary, word);
    set_bit(set->top, word / MT_PAGES_PER_WORD);
}

/* The bits of a word from number first on, n of them; first + n is 64 at most. */
static uint64_t mask_of(unsigned first, unsigned n)
{
    uint64_t ones = n == MT_PAGES_PER_WORD ? ~0ull : (1ull << n) - 1;
    return ones << first;
}

void mt_page_set_add(struct mt_page_set *set, uint64_t page)
{
    if (page < set->n_pages)
        add_to_word(set, page / MT_PAGES_PER_WORD, 1ull << page % MT_PAGES_PER_WORD);
}

void mt_page_set_add_run(struct mt_page_set *set, uint64_t first, uint64_t n)
{
    if (first >= set->n_pages)
        return;
    uint64_t left = n < set->n_pages - first ? n : set->n_pages - first;
    while (left > 0) {
        unsigned bit = (unsigned)(first % MT_PAGES_PER_WORD);
        unsigned room = MT_PAGES_PER_WORD - bit;
        unsigned taken = left < room ? (unsigned)left : room;
        add_to_word(set, first / MT_PAGES_PER_WORD, mask_of(bit, taken));
        first += taken;
        left -= taken;
    }
}

void mt_page_set_add_bits(struct mt_page_set *set, uint64_t first, uint64_t bits)
{
    if (first >= set->n_pages)
        return;
    if (set->n_pages - first < MT_PAGES_PER_WORD)
        bits &= mask_of(0, (unsigned)(set->n_pages - first));
    unsigned shift = (unsigned)(first % MT_PAGES_PER_WORD);
    uint64_t word = first / MT_PAGES_PER_WORD;
    add_to_word(set, word, bits << shift);
    if (shift > 0)
        add_to_word(set, word + 1, bits >> (MT_PAGES_PER_WORD - shift));
}

/* ---- Walking ---- */

/* The first summary at or after the given one that is not 0; n_summary when there is none. */
static uint64_t next_summary(const struct mt_page_set *set, uint64_t summary, uint64_t n_summary)
{
    uint64_t n_top = n_words_for(n_summary);
    uint64_t at = summary / MT_PAGES_PER_WORD;
    uint64_t mask = ~0ull << summary % MT_PAGES_PER_WORD;
    for (; at < n_top; at++, mask = ~0ull) {
        uint64_t there = set->top[at] & mask;
        if (there != 0)
            return at * MT_PAGES_PER_WORD + (uint64_t)__builtin_ctzll(there);
    }
    return n_summary;
}

/* The first word at or after the given one that is not 0; n_words when there is none. */
static uint64_t next_word(const struct mt_page_set *set, uint64_t word, uint64_t n_words)
{
    uint64_t n_summary = n_words_for(n_words);
    uint64_t at = word / MT_PAGES_PER_WORD;
    if (word >= n_words)
        return n_words;
    uint64_t there = set->summary[at] & ~0ull << word % MT_PAGES_PER_WORD;
    if (there == 0) {
        at = next_summary(set, at + 1, n_summary);
        if (at >= n_summary)
            return n_words;
        there = set->summary[at];
    }
    return at * MT_PAGES_PER_WORD + (uint64_t)__builtin_ctzll(there);
}

void mt_page_set_add_all(struct mt_page_set *set, const struct mt_page_set *other)
{
    uint64_t n_words = n_words_for(other->n_pages);
    for (uint64_t at = next_word(other, 0, n_words); at < n_words;
         at = next_word(other, at + 1, n_words))
        mt_page_set_add_bits(set, at * MT_PAGES_PER_WORD, other->words[at]);
}

void mt_page_set_clear(struct mt_page_set *set)
{
    uint64_t n_words = n_words_for(set->n_pages);
    uint64_t n_summary = n_words_for(n_words);
    for (uint64_t at = next_word(set, 0, n_words); at < n_words;
         at = next_word(set, at + 1, n_words))
        set->words[at] = 0;
    for (uint64_t at = next_summary(set, 0, n_summary); at < n_summary;
         at = next_summary(set, at + 1, n_summary))
        set->summary[at] = 0;
    memset(set->top, 0, n_words_for(n_summary) * sizeof(uint64_t));
}

uint64_t mt_page_set_count(const struct mt_page_set *set)
{
    uint64_t n_words = n_words_for(set->n_pages);
    uint64_t n = 0;
    for (uint64_t at = next_word(set, 0, n_words); at < n_words;
         at = next_word(set, at + 1, n_words))
        n += (uint64_t)__builtin_popcountll(set->words[at]);
    return n;
}

/* The first page at or after the given one that is not in the set, or n_pages: bits past the end
 * are never set. */
static uint64_t end_of_run(const struct mt_page_set *set, uint64_t page)
{
    while (page < set->n_pages) {
        unsigned bit = (unsigned)(page % MT_PAGES_PER_WORD);
        uint64_t gaps = ~set->words[page / MT_PAGES_PER_WORD] & ~0ull << bit;
        if (gaps != 0) {
            page += (uint64_t)__builtin_ctzll(gaps) - bit;
            break;
        }
        page += MT_PAGES_PER_WORD - bit;
    }
    return page;
}

bool mt_page_set_next_run(const struct mt_page_set *set, uint64_t *first, uint64_t *n)
{
    uint64_t n_words = n_words_for(set->n_pages);
    if (*first >= set->n_pages)
        return false;
    uint64_t word = *first / MT_PAGES_PER_WORD;
    uint64_t there = set->words[word] & ~0ull << *first % MT_PAGES_PER_WORD;
    if (there == 0) {
        word = next_word(set, word + 1, n_words);
        if (word >= n_words)
            return false;
        there = set->words[word];
    }
    *first = word * MT_PAGES_PER_WORD + (uint64_t)__builtin_ctzll(there);
    *n = end_of_run(set, *first) - *first;
    return true;
}
