/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: where POSIX has the comparisons that ignore case. */
#ifndef MOTE_GUEST_LIBC_STRINGS_H
#define MOTE_GUEST_LIBC_STRINGS_H

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

int bcmp(const void *a, const void *b, size_t n);

#ifdef __cplusplus
}
#endif

#endif
