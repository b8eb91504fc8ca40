/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring calls that go another way than most: a guest that leaves by a fault, a host and a guest
 * that spin while they wait, a guest that does not end. */
#ifndef MOTE_BENCH_WAYS_H
#define MOTE_BENCH_WAYS_H

#include "bench/samples.h"

#include <mote/mote.h>

enum { WAY_FAULT, WAY_STOP, WAY_SPIN, N_WAYS };

struct ways {
    struct samples each[N_WAYS];
};

const char *ways_name(size_t way);
const char *ways_about(size_t way);

/* Add to *ways what the named driver needs: for a call of the guest of Hyperlight 0.1, of another
 * one's while both sides spin, and from the limit of a call that does not end to its error. */
mote_status ways_measure(mote_image *legacy, mote_image *hello, const char *driver,
                         struct ways *ways, mote_error *err);

#endif
