/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of system calls, by their numbers on x86-64, and the names of the usual ones. */
#ifndef MOTE_HOST_HOSTFN_SYSTEM_CALLS_H
#define MOTE_HOST_HOSTFN_SYSTEM_CALLS_H

#include "host/base/limits.h"
#include <mote/error.h>
#include <stdbool.h>
#include <stddef.h>

#define MT_SYSTEM_CALLS_PER_WORD 64u

struct mt_system_calls {
    uint64_t words[MT_N_SYSTEM_CALLS / MT_SYSTEM_CALLS_PER_WORD];
};

/* Make a set of a list. MOTE_E_ARGUMENT: NULL with a length, a number that is none, a call that
 * starts threads or processes. */
mote_status mt_system_calls_set(struct mt_system_calls *set, const int *numbers, size_t n,
                                mote_error *err);

/* Any number may be asked for; what is none is in no set. */
bool mt_system_calls_has(const struct mt_system_calls *set, int number);

/* Add all of one set to another. */
void mt_system_calls_add(struct mt_system_calls *to, const struct mt_system_calls *added);

/* "openat", or NULL for a number that the table does not have. */
const char *mt_system_call_name(int number);

#endif
