/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc(). The heap is a row of chunks without gaps; each begins with a header that tells its size
 * and that of the chunk before it, so that neighbours are found in both directions, and carries a
 * check word made from these, its own address and a secret. Free chunks are linked in bins by size;
 * free neighbours are always merged.
 *
 * Chunk sizes are counted in units of 16 bytes. Bins below EXACT_BINS hold one size each; above,
 * every power of two has SUB_BINS bins.
 */
#include "guest/libc/heap.h"
#include "guest/libc/own.h"

#include <errno.h>
#include <mote_guest/moteg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define UNIT 16u
#define HEADER_UNITS 1u
#define MIN_UNITS 2u /* a free chunk holds two links */
#define MAX_UNITS (UINT32_MAX / 2)

#define EXACT_BINS 64u
#define SUB_BINS 4u
#define N_BINS (EXACT_BINS + (31u - 6u) * SUB_BINS)

struct chunk {
    uint32_t units_before;   /* of the chunk before this one; 0 for the first */
    uint32_t units_and_used; /* size * 2, + 1 when allocated */
    uint64_t check;
    struct chunk *next; /* these two are a free chunk's, and an allocated one's content */
    struct chunk *previous;
};

static char *heap_start;
static char *heap_end;
static char *never_used; /* from here on the memory is as the host gave it: zero */
static size_t used_units;
static uint64_t secret;
static struct chunk *bins[N_BINS];
static uint64_t bin_is_filled[(N_BINS + 63) / 64];

static uint32_t units_of(const struct chunk *chunk)
{
    return chunk->units_and_used / 2;
}

static bool is_used(const struct chunk *chunk)
{
    return chunk->units_and_used % 2 != 0;
}

static uint64_t check_of(const struct chunk *chunk)
{
    uint64_t sizes = (uint64_t)chunk->units_before << 32 | chunk->units_and_used;
    return (sizes ^ (uint64_t)(uintptr_t)chunk ^ secret) * UINT64_C(0x9E3779B97F4A7C15);
}

static void seal(struct chunk *chunk, uint32_t units_before, uint32_t units, bool used)
{
    chunk->units_before = units_before;
    chunk->units_and_used = units * 2 + (used ? 1 : 0);
    chunk->check = check_of(chunk);
}

static void verify(const struct chunk *chunk)
{
    if (chunk->check != check_of(chunk))
        mt_heap_is_corrupt("overwritten heap bookkeeping", chunk);
}

static struct chunk *chunk_at(char *address)
{
    return (struct chunk *)(void *)address;
}

/* Where a chunk ends, and the next one begins unless the heap ends there too. */
static struct chunk *end_of(struct chunk *chunk)
{
    return chunk_at((char *)chunk + (size_t)units_of(chunk) * UNIT);
}

static struct chunk *after(struct chunk *chunk)
{
    struct chunk *end = end_of(chunk);
    return (char *)end < heap_end ? end : NULL;
}

static struct chunk *before(struct chunk *chunk)
{
    if (chunk->units_before == 0)
        return NULL;
    return chunk_at((char *)chunk - (size_t)chunk->units_before * UNIT);
}

static unsigned bin_of(uint32_t units)
{
    if (units < EXACT_BINS)
        return units;
    unsigned power = 31u - (unsigned)__builtin_clz(units);
    unsigned sub = units >> (power - 2) & (SUB_BINS - 1);
    return EXACT_BINS + (power - 6) * SUB_BINS + sub;
}

static void link_free(struct chunk *chunk)
{
    unsigned bin = bin_of(units_of(chunk));
    chunk->previous = NULL;
    chunk->next = bins[bin];
    if (bins[bin] != NULL)
        bins[bin]->previous = chunk;
    bins[bin] = chunk;
    bin_is_filled[bin / 64] |= UINT64_C(1) << bin % 64;
    char *written = (char *)(chunk + 1);
    if (written > never_used)
        never_used = written;
}

static void unlink_free(struct chunk *chunk)
{
    verify(chunk);
    unsigned bin = bin_of(units_of(chunk));
    struct chunk *next = chunk->next, *previous = chunk->previous;
    bool is_linked = (previous != NULL ? previous->next : bins[bin]) == chunk &&
                     (next == NULL || next->previous == chunk);
    if (!is_linked)
        mt_heap_is_corrupt("write to freed memory", chunk);
    if (next != NULL)
        next->previous = previous;
    if (previous != NULL)
        previous->next = next;
    else
        bins[bin] = next;
    if (bins[bin] == NULL)
        bin_is_filled[bin / 64] &= ~(UINT64_C(1) << bin % 64);
}

/* Make a chunk's size known to the one after it. */
static void tell_next(struct chunk *chunk)
{
    struct chunk *next = after(chunk);
    if (next == NULL)
        return;
    verify(next);
    seal(next, units_of(chunk), units_of(next), is_used(next));
}

/* Put a chunk that is in no bin, and not used, among the free ones. */
static void release(struct chunk *chunk)
{
    uint32_t units = units_of(chunk), units_before = chunk->units_before;
    struct chunk *next = after(chunk), *previous = before(chunk);
    if (next != NULL && !is_used(next)) {
        unlink_free(next);
        units += units_of(next);
    }
    if (previous != NULL && !is_used(previous)) {
        unlink_free(previous);
        /* The header that stays inside must not pass for a used chunk's when it is freed again. */
        seal(chunk, units_before, units_of(chunk), false);
        units += units_of(previous);
        units_before = previous->units_before;
        chunk = previous;
    }
    seal(chunk, units_before, units, false);
    tell_next(chunk);
    link_free(chunk);
}

/* Cut a used chunk down to units; the rest becomes free. */
static void trim(struct chunk *chunk, uint32_t units)
{
    uint32_t rest = units_of(chunk) - units;
    if (rest < MIN_UNITS)
        return;
    seal(chunk, chunk->units_before, units, true);
    struct chunk *cut = end_of(chunk);
    seal(cut, units, rest, false);
    release(cut);
}

/* The first filled bin from a given one on; N_BINS for none. */
static unsigned filled_bin(unsigned from)
{
    for (unsigned word = from / 64; word < (N_BINS + 63) / 64; word++) {
        uint64_t filled = bin_is_filled[word];
        if (word == from / 64)
            filled &= ~UINT64_C(0) << from % 64;
        if (filled != 0)
            return word * 64 + (unsigned)__builtin_ctzll(filled);
    }
    return N_BINS;
}

static struct chunk *find_free(uint32_t units)
{
    unsigned bin = bin_of(units);
    for (struct chunk *chunk = bins[bin]; chunk != NULL; chunk = chunk->next) {
        verify(chunk);
        if (units_of(chunk) >= units)
            return chunk;
    }
    bin = filled_bin(bin + 1);
    return bin < N_BINS ? bins[bin] : NULL;
}

/* The units of a chunk for n bytes; 0 when no chunk can be so large. */
static uint32_t units_for(size_t n)
{
    if (n > (size_t)(MAX_UNITS - HEADER_UNITS - 1) * UNIT)
        return 0;
    uint32_t units = (uint32_t)((n + UNIT - 1) / UNIT) + HEADER_UNITS;
    return units < MIN_UNITS ? MIN_UNITS : units;
}

static void *content_of(struct chunk *chunk)
{
    return (char *)chunk + HEADER_UNITS * UNIT;
}

static struct chunk *take(uint32_t units)
{
    struct chunk *chunk = units != 0 ? find_free(units) : NULL;
    if (chunk == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    unlink_free(chunk);
    seal(chunk, chunk->units_before, units_of(chunk), true);
    trim(chunk, units);
    used_units += units_of(chunk);
    return chunk;
}

/* The caller may write all of it: calloc() no longer takes it for zero. */
static void mark_used(const struct chunk *chunk)
{
    char *end = (char *)(uintptr_t)chunk + (size_t)units_of(chunk) * UNIT;
    if (end > never_used)
        never_used = end;
}

/* The chunk of memory that a caller hands back. */
static struct chunk *chunk_of(void *memory)
{
    char *address = memory;
    if ((uintptr_t)address % UNIT != 0 || address < heap_start + UNIT || address >= heap_end)
        mt_heap_is_corrupt("memory that is not from malloc", memory);
    struct chunk *chunk = chunk_at(address - HEADER_UNITS * UNIT);
    verify(chunk);
    if (!is_used(chunk))
        mt_heap_is_corrupt("memory that was freed before", memory);
    return chunk;
}

void mt_heap_init(void *memory, size_t len_bytes, uint64_t seed)
{
    uintptr_t start = ((uintptr_t)memory + UNIT - 1) & ~(uintptr_t)(UNIT - 1);
    size_t lost = start - (uintptr_t)memory;
    size_t units = len_bytes > lost ? (len_bytes - lost) / UNIT : 0;
    if (units > MAX_UNITS)
        units = MAX_UNITS;
    memset(bins, 0, sizeof(bins));
    memset(bin_is_filled, 0, sizeof(bin_is_filled));
    used_units = 0;
    secret = seed;
    heap_start = (char *)start;
    heap_end = heap_start + units * UNIT;
    never_used = heap_start;
    if (units < MIN_UNITS) {
        heap_end = heap_start;
        return;
    }
    struct chunk *chunk = chunk_at(heap_start);
    seal(chunk, 0, (uint32_t)units, false);
    link_free(chunk);
}

void *malloc(size_t n)
{
    struct chunk *chunk = take(units_for(n));
    if (chunk == NULL)
        return NULL;
    mark_used(chunk);
    return content_of(chunk);
}

void *calloc(size_t count, size_t n)
{
    size_t total;
    if (__builtin_mul_overflow(count, n, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    const char *clean = never_used; /* take() writes a header after the chunk, and moves it */
    struct chunk *chunk = take(units_for(total));
    if (chunk == NULL)
        return NULL;
    char *content = content_of(chunk);
    size_t dirty = clean > content ? (size_t)(clean - content) : 0;
    memset(content, 0, dirty < total ? dirty : total);
    mark_used(chunk);
    return content;
}

void free(void *memory)
{
    if (memory == NULL)
        return;
    struct chunk *chunk = chunk_of(memory);
    used_units -= units_of(chunk);
    release(chunk);
}

/* Take in the free chunk after this one if that makes it large enough. */
static bool grow_in_place(struct chunk *chunk, uint32_t units)
{
    struct chunk *next = after(chunk);
    if (next == NULL || is_used(next))
        return false;
    verify(next);
    if (units_of(next) < units - units_of(chunk))
        return false;
    unlink_free(next);
    seal(chunk, chunk->units_before, units_of(chunk) + units_of(next), true);
    tell_next(chunk);
    return true;
}

void *realloc(void *old, size_t n)
{
    if (old == NULL)
        return malloc(n);
    struct chunk *chunk = chunk_of(old);
    uint32_t units = units_for(n), old_units = units_of(chunk);
    if (units != 0 && (units <= old_units || grow_in_place(chunk, units))) {
        trim(chunk, units);
        used_units += units_of(chunk);
        used_units -= old_units;
        mark_used(chunk);
        return old;
    }
    void *made = malloc(n);
    if (made == NULL)
        return NULL;
    memcpy(made, old, (size_t)(old_units - HEADER_UNITS) * UNIT);
    free(old);
    return made;
}

MT_MAY_BE_THE_GUESTS void *reallocarray(void *old, size_t count, size_t n)
{
    size_t total;
    if (__builtin_mul_overflow(count, n, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, total);
}

/* Give back what lies before an aligned address inside a used chunk. */
static struct chunk *cut_front(struct chunk *chunk, uint32_t units)
{
    uint32_t rest = units_of(chunk) - units;
    seal(chunk, chunk->units_before, units, false);
    struct chunk *kept = end_of(chunk);
    seal(kept, units, rest, true);
    tell_next(kept);
    release(chunk);
    return kept;
}

void *aligned_alloc(size_t alignment, size_t n)
{
    bool is_power = alignment != 0 && (alignment & (alignment - 1)) == 0;
    size_t extra = alignment + MIN_UNITS * UNIT;
    if (!is_power || alignment > SIZE_MAX / 2 || n > SIZE_MAX - extra) {
        errno = is_power ? ENOMEM : EINVAL;
        return NULL;
    }
    if (alignment <= UNIT)
        return malloc(n);
    struct chunk *chunk = take(units_for(n + extra));
    if (chunk == NULL)
        return NULL;
    mark_used(chunk);
    used_units -= units_of(chunk);
    uintptr_t content = (uintptr_t)content_of(chunk);
    uintptr_t aligned = (content + alignment - 1) & ~(uintptr_t)(alignment - 1);
    if (aligned != content && aligned - content < MIN_UNITS * UNIT)
        aligned += alignment;
    if (aligned != content)
        chunk = cut_front(chunk, (uint32_t)((aligned - content) / UNIT));
    trim(chunk, units_for(n));
    used_units += units_of(chunk);
    return content_of(chunk);
}

int posix_memalign(void **made, size_t alignment, size_t n)
{
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0)
        return EINVAL;
    void *memory = aligned_alloc(alignment, n);
    if (memory == NULL)
        return ENOMEM;
    *made = memory;
    return 0;
}

size_t moteg_heap_bytes(void)
{
    return (size_t)(heap_end - heap_start);
}

size_t moteg_heap_used_bytes(void)
{
    return used_units * UNIT;
}
