/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting in place: qsort() may allocate behind the caller's allocator, and be quadratic. */
#ifndef MOTE_HOST_IMAGE_SORT_H
#define MOTE_HOST_IMAGE_SORT_H

#include <stddef.h>

/* Elements are at most this long. */
#define MT_SORT_MAX_ELEMENT_BYTES 128u

/* As qsort(), in n log n steps at worst and n for what is sorted already. */
void mt_sort(void *elements, size_t n, size_t element_bytes,
             int (*compare)(const void *a, const void *b));

#endif
