/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: parse a file that may be anything, and see that what comes out of it is sound. */
#ifndef MOTE_HOST_IMAGE_TRIAL_CHECK_H
#define MOTE_HOST_IMAGE_TRIAL_CHECK_H

#include "host/image/image.h"
#include <stddef.h>

/* An allocator that counts, refuses large blocks, and fails once if asked to. */
struct trial {
    size_t n_live;
    size_t n_asked;
    size_t fail_at; /* counts from 1; 0 for never */
};

/* Parse, check and release; whatever comes out, nothing stays allocated. */
mote_status try_file(const uint8_t *file, size_t file_bytes, struct trial *trial);

/* The next number of a sequence that follows from its seed, which is not 0. */
uint64_t next_random(uint64_t *seed);

#endif
