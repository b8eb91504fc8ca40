/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring whole lives: creation to first result, and destruction. */
#ifndef MOTE_BENCH_LIVES_H
#define MOTE_BENCH_LIVES_H

#include "bench/samples.h"

#include <mote/mote.h>

struct lives {
    struct samples create;
    struct samples destroy;
};

/* Add the samples of some sandboxes of the named driver, one after the other, to *lives. */
mote_status lives_measure(mote_image *image, const char *driver, struct lives *lives,
                          mote_error *err);

#endif
