/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What glibc has and musl does not. Where the C library lacks strerrordesc_np(), the build includes
 * this before every file of the host (cmake/flags.cmake).
 */
#ifndef MOTE_HOST_BASE_OTHER_LIBC_H
#define MOTE_HOST_BASE_OTHER_LIBC_H

#include <elf.h>
#include <string.h>

/* musl's strerror() returns a constant text, as this does; for unknown numbers one, too, not NULL.
 */
static inline const char *strerrordesc_np(int os_errno)
{
    return strerror(os_errno);
}

/* Relative relocations, packed: since musl 1.2.4. */
#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR 36
#define DT_RELRENT 37
#endif

#endif
