/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a child costs which can do nothing that its host does not hear of: a file of
 * memory, of which one page is used, a clone of a small process, which maps that file and sends
 * the listener of its filter, one call heard, answered, and the next one heard. */
#ifndef MOTE_BENCH_FLOOR_CHILD_H
#define MOTE_BENCH_FLOOR_CHILD_H

#include <stddef.h>

#define FLOOR_CHILD_BYTES 0x80000

/* Fill us with n durations, each of a new child. */
void child_measure(double *us, size_t n);

#endif
