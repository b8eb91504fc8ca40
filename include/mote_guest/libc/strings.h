/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: where POSIX puts the comparisons that ignore case. */
#ifndef MOTE_GUEST_LIBC_STRINGS_H
#define MOTE_GUEST_LIBC_STRINGS_H

#include <string.h>

#endif
