/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: types that portable sources ask for. */
#ifndef MOTE_GUEST_LIBC_SYS_TYPES_H
#define MOTE_GUEST_LIBC_SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;
typedef long off_t;
typedef long off64_t;
typedef long time_t;
typedef int pid_t;
typedef unsigned mode_t;

#endif
