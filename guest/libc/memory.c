/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy() and its family. Small sizes are done with a few overlapping moves, large ones with `rep`
 * string instructions, which processors since 2013 run at memory speed (Intel's optimisation
 * manual, "enhanced REP MOVSB and STOSB").
 */
#include "guest/libc/block.h"
#include "guest/libc/own.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* From here on `rep` is faster than a loop of vector moves. */
#define REP_BYTES 1024u

typedef uint16_t __attribute__((aligned(1), may_alias)) loose_u16;
typedef uint32_t __attribute__((aligned(1), may_alias)) loose_u32;
typedef uint64_t __attribute__((aligned(1), may_alias)) loose_u64;

/* Up to 16 bytes: the first and the last half, loaded before either is stored. */
static inline void move_small(uint8_t *to, const uint8_t *from, size_t n)
{
    if (n >= 8) {
        uint64_t first = *(const loose_u64 *)from, last = *(const loose_u64 *)(from + n - 8);
        *(loose_u64 *)to = first;
        *(loose_u64 *)(to + n - 8) = last;
    } else if (n >= 4) {
        uint32_t first = *(const loose_u32 *)from, last = *(const loose_u32 *)(from + n - 4);
        *(loose_u32 *)to = first;
        *(loose_u32 *)(to + n - 4) = last;
    } else if (n >= 2) {
        uint16_t first = *(const loose_u16 *)from, last = *(const loose_u16 *)(from + n - 2);
        *(loose_u16 *)to = first;
        *(loose_u16 *)(to + n - 2) = last;
    } else if (n == 1) {
        *to = *from;
    }
}

/* 17 to 64 bytes, loaded before any is stored. */
static inline void move_medium(uint8_t *to, const uint8_t *from, size_t n)
{
    mt_block first = mt_block_load(from), last = mt_block_load(from + n - 16);
    if (n > 32) {
        mt_block second = mt_block_load(from + 16), third = mt_block_load(from + n - 32);
        mt_block_store(to + 16, second);
        mt_block_store(to + n - 32, third);
    }
    mt_block_store(to, first);
    mt_block_store(to + n - 16, last);
}

/* More than 64 bytes, upwards: right where `to` does not lie inside the source. */
static inline void move_up(uint8_t *to, const uint8_t *from, size_t n)
{
    mt_block last[4];
    for (int i = 0; i < 4; i++)
        last[i] = mt_block_load(from + n - 64 + 16 * i);
    size_t done = 0;
    for (; done + 64 < n; done += 64) {
        mt_block a = mt_block_load(from + done), b = mt_block_load(from + done + 16);
        mt_block c = mt_block_load(from + done + 32), d = mt_block_load(from + done + 48);
        mt_block_store(to + done, a);
        mt_block_store(to + done + 16, b);
        mt_block_store(to + done + 32, c);
        mt_block_store(to + done + 48, d);
    }
    for (int i = 0; i < 4; i++)
        mt_block_store(to + n - 64 + 16 * i, last[i]);
}

/* More than 64 bytes, downwards: right where `to` lies inside the source. */
static inline void move_down(uint8_t *to, const uint8_t *from, size_t n)
{
    mt_block first[4];
    for (int i = 0; i < 4; i++)
        first[i] = mt_block_load(from + 16 * i);
    size_t left = n;
    for (; left > 64; left -= 64) {
        mt_block a = mt_block_load(from + left - 16), b = mt_block_load(from + left - 32);
        mt_block c = mt_block_load(from + left - 48), d = mt_block_load(from + left - 64);
        mt_block_store(to + left - 16, a);
        mt_block_store(to + left - 32, b);
        mt_block_store(to + left - 48, c);
        mt_block_store(to + left - 64, d);
    }
    for (int i = 0; i < 4; i++)
        mt_block_store(to + 16 * i, first[i]);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (n <= 16)
        move_small(to, from, n);
    else if (n <= 64)
        move_medium(to, from, n);
    else if (n < REP_BYTES)
        move_up(to, from, n);
    else {
        void *at = to;
        __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    }
    return to;
}

MT_MAY_BE_THE_GUESTS void *mempcpy(void *to, const void *from, size_t n)
{
    return (uint8_t *)memcpy(to, from, n) + n;
}

void *memmove(void *to, const void *from, size_t n)
{
    if (n <= 16)
        move_small(to, from, n);
    else if (n <= 64)
        move_medium(to, from, n);
    else if ((uintptr_t)to - (uintptr_t)from >= n)
        move_up(to, from, n);
    else
        move_down(to, from, n);
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    uint8_t *out = to;
    uint64_t pattern = (uint8_t)byte * UINT64_C(0x0101010101010101);
    if (n < 16) {
        if (n >= 8) {
            *(loose_u64 *)out = pattern;
            *(loose_u64 *)(out + n - 8) = pattern;
        } else if (n >= 4) {
            *(loose_u32 *)out = (uint32_t)pattern;
            *(loose_u32 *)(out + n - 4) = (uint32_t)pattern;
        } else if (n != 0) {
            out[0] = out[n / 2] = out[n - 1] = (uint8_t)byte;
        }
        return to;
    }
    if (n >= REP_BYTES) {
        __asm__ volatile("rep stosb" : "+D"(out), "+c"(n) : "a"(byte) : "memory");
        return to;
    }
    mt_block value = mt_block_of(byte);
    for (size_t done = 0; done + 16 <= n; done += 16)
        mt_block_store(out + done, value);
    mt_block_store(out + n - 16, value);
    return to;
}

/* Whether 4 to 15 bytes are surely the same: the first and the last half. */
static inline bool is_same_small(const uint8_t *left, const uint8_t *right, size_t n)
{
    if (n >= 8)
        return *(const loose_u64 *)left == *(const loose_u64 *)right &&
               *(const loose_u64 *)(left + n - 8) == *(const loose_u64 *)(right + n - 8);
    return n >= 4 && *(const loose_u32 *)left == *(const loose_u32 *)right &&
           *(const loose_u32 *)(left + n - 4) == *(const loose_u32 *)(right + n - 4);
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *left = a, *right = b;
    size_t i = 0;
    if (n < 16 && is_same_small(left, right, n))
        return 0;
    for (; i + 16 <= n; i += 16) {
        unsigned equal = mt_block_equal(mt_block_load(left + i), mt_block_load(right + i));
        if (equal != 0xFFFF) {
            i += (size_t)__builtin_ctz(~equal);
            return left[i] - right[i];
        }
    }
    for (; i < n; i++) {
        if (left[i] != right[i])
            return left[i] - right[i];
    }
    return 0;
}

/* What clang makes of a memcmp() that only asks whether there is a difference. */
int bcmp(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n);
}

/* Nothing behind the first match may be touched (C17 7.24.5.1), which may be all that is there:
 * strnlen() and strdup() ask with an n that is larger than the memory. Aligned blocks cannot cross
 * into another page, as in strlen(). */
__attribute__((no_sanitize("address"))) void *memchr(const void *data, int byte, size_t n)
{
    const uint8_t *bytes = data;
    size_t before = (uintptr_t)bytes % MT_BLOCK_BYTES;
    const mt_block *block = (const mt_block *)(const void *)(bytes - before);
    const mt_block wanted = mt_block_of(byte);
    if (n == 0)
        return NULL;
    unsigned found = mt_block_equal(*block, wanted) >> before;
    size_t at = 0, seen = MT_BLOCK_BYTES - before;
    while (found == 0 && seen < n) {
        block++;
        at = seen;
        seen += MT_BLOCK_BYTES;
        found = mt_block_equal(*block, wanted);
    }
    if (found == 0)
        return NULL;
    at += (size_t)__builtin_ctz(found);
    return at < n ? (void *)(uintptr_t)(bytes + at) : NULL;
}

MT_MAY_BE_THE_GUESTS void *memrchr(const void *data, int byte, size_t n)
{
    const uint8_t *bytes = data;
    while (n != 0) {
        n--;
        if (bytes[n] == (uint8_t)byte)
            return (void *)(uintptr_t)(bytes + n);
    }
    return NULL;
}

MT_MAY_BE_THE_GUESTS void *memmem(const void *data, size_t n, const void *part, size_t n_part)
{
    const uint8_t *at = data;
    if (n_part == 0)
        return (void *)(uintptr_t)at;
    while (n >= n_part) {
        const uint8_t *first = memchr(at, *(const uint8_t *)part, n - n_part + 1);
        if (first == NULL)
            return NULL;
        if (memcmp(first, part, n_part) == 0)
            return (void *)(uintptr_t)first;
        n -= (size_t)(first + 1 - at);
        at = first + 1;
    }
    return NULL;
}
