/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring a decompression of 16 MiB, in a guest and without one. */
#ifndef MOTE_BENCH_INFLATE_H
#define MOTE_BENCH_INFLATE_H

#include "bench/samples.h"

#include <mote/mote.h>

struct inflate {
    struct samples native; /* zlib, and one memcpy of its result into memory already touched */
    struct samples first;  /* first call of a sandbox, arguments and result transferred */
    struct samples second; /* second call of the same sandbox */
    size_t compressed_bytes;
    size_t plain_bytes;
};

/* The named driver runs the guests. */
mote_status inflate_measure(mote_image *image, const char *driver, struct inflate *inflate,
                            mote_error *err);

#endif
