/* SPDX-License-Identifier: Apache-2.0 */
/* The heap behind malloc(). */
#ifndef MOTE_GUEST_LIBC_HEAP_H
#define MOTE_GUEST_LIBC_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Give the heap its memory, all zeroes, before the first malloc(). Its bookkeeping is marked with
 * seed, so that a stray write to it is found. */
void mt_heap_init(void *memory, size_t len_bytes, uint64_t seed);

/* Called when bookkeeping was overwritten, or memory freed that was not allocated: the heap can
 * no longer be used. Does not return. */
_Noreturn void mt_heap_is_corrupt(const char *what, const void *where);

#endif
