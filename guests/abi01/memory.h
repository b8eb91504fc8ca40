/* SPDX-License-Identifier: Apache-2.0 */
/* What compilers ask for in a program without a C library. */
#ifndef MOTE_GUESTS_ABI01_MEMORY_H
#define MOTE_GUESTS_ABI01_MEMORY_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
