/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: what portable sources ask for; there are no system calls. */
#ifndef MOTE_GUEST_LIBC_UNISTD_H
#define MOTE_GUEST_LIBC_UNISTD_H

#include <sys/types.h>

#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif

#endif
