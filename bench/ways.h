/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring a driver's own part of a call, and calls that go another way than most: a guest that
 * leaves by a fault, a host and a guest that spin while they wait, a guest that does not end. */
#ifndef MOTE_BENCH_WAYS_H
#define MOTE_BENCH_WAYS_H

#include "bench/samples.h"

#include <mote/mote.h>

/* Those that spin come last. */
enum {
    WAY_ROUND_TRIP,
    WAY_FAULT,
    WAY_STOP,
    WAY_SPIN_ROUND_TRIP,
    WAY_SPIN,
    N_WAYS,
    N_SPIN_WAYS = 2
};

struct ways {
    struct samples each[N_WAYS];
    struct samples ping_pong; /* none where there is one CPU */
};

const char *ways_name(size_t way);
const char *ways_about(size_t way);

/* Add to *ways what the named driver needs: for a round trip of its own, for a call of the guest of
 * Hyperlight 0.1, for both while both sides spin, and from the limit of a call that does not end to
 * its error. The floor of those that spin takes turns with the round trips: two processors may
 * share a core at one time and not at another. */
mote_status ways_measure(mote_image *legacy, mote_image *hello, const char *driver,
                         const char *floor_program, struct ways *ways, mote_error *err);

#endif
