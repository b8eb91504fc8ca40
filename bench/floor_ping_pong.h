/* SPDX-License-Identifier: Apache-2.0 */
/* Two CPUs that pass a word in shared memory to and fro. */
#ifndef MOTE_BENCH_FLOOR_PING_PONG_H
#define MOTE_BENCH_FLOOR_PING_PONG_H

#include <stdbool.h>
#include <stddef.h>

/* Fill us with n mean durations of a round trip, from the CPU here. Returns whether there is
 * another one; without it us is left alone. */
bool ping_pong_measure(size_t here, double *us, size_t n);

#endif
