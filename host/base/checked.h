/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic that cannot wrap, and the range check that all others rest on. */
#ifndef MOTE_HOST_BASE_CHECKED_H
#define MOTE_HOST_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool mt_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool mt_multiply(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* Whether [start, start + len) lies inside [0, limit). An empty range may sit at the limit. */
static inline bool mt_range_ok(uint64_t start, uint64_t len, uint64_t limit)
{
    return start <= limit && len <= limit - start;
}

/* Round up to a power of two; false when the result does not fit. */
static inline bool mt_round_up(uint64_t value, uint64_t alignment, uint64_t *rounded)
{
    if (!mt_add(value, alignment - 1, rounded))
        return false;
    *rounded &= ~(alignment - 1);
    return true;
}

static inline uint64_t mt_round_down(uint64_t value, uint64_t alignment)
{
    return value & ~(alignment - 1);
}

#endif
