/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen bytes in one register, in the vector types that gcc and clang share. */
#ifndef MOTE_GUEST_LIBC_BLOCK_H
#define MOTE_GUEST_LIBC_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#define MT_BLOCK_BYTES 16u

typedef char mt_block __attribute__((vector_size(16), may_alias));
typedef mt_block mt_loose_block __attribute__((aligned(1), may_alias));

static inline mt_block mt_block_load(const uint8_t *from)
{
    return *(const mt_loose_block *)(const void *)from;
}

static inline void mt_block_store(uint8_t *to, mt_block block)
{
    *(mt_loose_block *)(void *)to = block;
}

static inline mt_block mt_block_of(int byte)
{
    return (char)byte - (mt_block){0};
}

/* Bit n of the result tells whether byte n is the same in both. */
static inline unsigned mt_block_equal(mt_block a, mt_block b)
{
    return (unsigned)__builtin_ia32_pmovmskb128((mt_block)(a == b));
}

#endif
