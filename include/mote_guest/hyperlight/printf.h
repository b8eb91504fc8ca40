/* SPDX-License-Identifier: Apache-2.0 */
/* The printf() family by the names that Hyperlight 0.1's C guests know (docs/guests.md). */
#ifndef MOTE_GUEST_HYPERLIGHT_PRINTF_H
#define MOTE_GUEST_HYPERLIGHT_PRINTF_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define printf_ printf
#define vprintf_ vprintf
#define sprintf_ sprintf
#define snprintf_ snprintf
#define vsnprintf_ vsnprintf

/** Print to a function that takes one character at a time; returns how many, or -1. */
int fctprintf(void (*out)(char c, void *arg), void *arg, const char *format, ...)
    __attribute__((__format__(__printf__, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
