/* SPDX-License-Identifier: Apache-2.0 */
/* Running mote-floor as a program of its own, and reading what it prints. */
#ifndef MOTE_BENCH_FLOOR_RUN_H
#define MOTE_BENCH_FLOOR_RUN_H

#include "bench/samples.h"

#include <mote/error.h>

/* One run of mote-floor. The n of the summaries stays 0: it does not say. */
struct floor {
    struct summary run;
    struct summary create;
    struct summary destroy;
    double exits;
};

mote_status floor_run(const char *program, struct floor *floor, mote_error *err);

/* Keep the lower of the two in *lowest, each figure by its median. */
void floor_lower(struct floor *lowest, const struct floor *other);

#endif
