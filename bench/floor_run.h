/* SPDX-License-Identifier: Apache-2.0 */
/* Running a floor as a program of its own, and reading what it prints. */
#ifndef MOTE_BENCH_FLOOR_RUN_H
#define MOTE_BENCH_FLOOR_RUN_H

#include "bench/samples.h"

#include <mote/error.h>
#include <stdbool.h>

/* One run of mote-floor or of mote-floor-process. The n of the summaries stays 0: it does not say.
 */
struct floor {
    struct summary run;
    struct summary create;
    struct summary destroy;
    struct summary child;
    struct summary ping_pong;
    double exits;
    bool has_child;     /* mote-floor has none */
    bool has_ping_pong; /* nor has it this one, nor has a machine with one CPU */
};

mote_status floor_run(const char *program, struct floor *floor, mote_error *err);

/* Keep the lower of the two in *lowest, each figure by its median, but for the ping-pong. */
void floor_lower(struct floor *lowest, const struct floor *other);

#endif
