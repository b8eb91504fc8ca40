/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring warm calls, and what a host call adds to one. */
#ifndef MOTE_BENCH_CALLS_H
#define MOTE_BENCH_CALLS_H

#include "bench/samples.h"

#include <mote/mote.h>

/* How often an operation left the guest and entered the kernel, on average. */
struct counts {
    double exits;
    double system_calls;
};

struct calls {
    struct samples call;
    struct samples with_host_call; /* a call with one host call in it */
    struct counts call_counts;
    struct samples with_filtered_call; /* and one whose host function is filtered */
    struct counts with_host_call_counts;
    struct counts with_filtered_call_counts;
};

/* Measure in sandboxes of its own, which the named driver runs, and add the samples to *calls. */
mote_status calls_measure(mote_image *image, const char *driver, struct calls *calls,
                          mote_error *err);

#endif
