/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring calls that write to pages, alone and with the restore that undoes them. */
#ifndef MOTE_BENCH_RESTORES_H
#define MOTE_BENCH_RESTORES_H

#include "bench/samples.h"

#include <mote/mote.h>

/* How many pages are written, and how large the heap is: a restore costs the first only. */
enum { N_RESTORES = 8 };

struct restore {
    struct samples call;
    struct samples with_restore;
    double system_calls; /* of one call with restore, on average */
};

struct restores {
    struct restore each[N_RESTORES];
};

/* What a measurement is called: "16 pages, 64K". The text is static. */
const char *restores_name(size_t i);
uint32_t restores_n_pages(size_t i);

/* Measure each in a sandbox of its own, which the named driver runs, and add the samples. */
mote_status restores_measure(mote_image *image, const char *driver, struct restores *restores,
                             mote_error *err);

#endif
