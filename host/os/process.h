/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a process from its forked children, without a system call. */
#ifndef MOTE_HOST_OS_PROCESS_H
#define MOTE_HOST_OS_PROCESS_H

#include <mote/error.h>
#include <stdbool.h>

/* A number that differs between a process and the children it forks. */
mote_status mt_process_mark(uint64_t *mark, mote_error *err);

/* Whether this is still the process that a mark was taken in. */
bool mt_process_is(uint64_t mark);

#endif
