/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator is a value that is passed in, never a global. */
#ifndef MOTE_HOST_BASE_ALLOC_H
#define MOTE_HOST_BASE_ALLOC_H

#include <mote/config.h>
#include <stddef.h>

/* Set *to from the caller's allocator, or to malloc when that is NULL. False when a member is
 * missing. */
bool mt_allocator_set(mote_allocator *to, const mote_allocator *from);

/* All return NULL when there is no memory or the size wraps. A size of 0 asks for 1 byte. */
void *mt_alloc(const mote_allocator *allocator, size_t len_bytes);
void *mt_alloc_zero(const mote_allocator *allocator, size_t len_bytes);
void *mt_alloc_array_zero(const mote_allocator *allocator, size_t n, size_t element_bytes);
/* The old block stays valid when NULL is returned. */
void *mt_realloc(const mote_allocator *allocator, void *block, size_t len_bytes);
/* NULL is a no-op. */
void mt_release(const mote_allocator *allocator, void *block);

#endif
