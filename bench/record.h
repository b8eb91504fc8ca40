/* SPDX-License-Identifier: Apache-2.0 */
/* Hyperlight 0.1's own benchmarks, by their names, so that the two systems can stand side by side.
 */
#ifndef MOTE_BENCH_RECORD_H
#define MOTE_BENCH_RECORD_H

#include "bench/samples.h"

#include <mote/mote.h>

enum { N_RECORD = 9 };

struct record {
    struct samples each[N_RECORD];
};

/* What a benchmark is called there, group and name, spelled as there; and what it measures, in one
 * line. The texts are static. */
const char *record_name(size_t i);
const char *record_about(size_t i);

/* Measure all with the guest file at path, in sandboxes that the named driver runs, and add the
 * samples. */
mote_status record_measure(const char *path, const char *driver, struct record *record,
                           mote_error *err);

#endif
