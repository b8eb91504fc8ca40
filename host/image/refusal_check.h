/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a malformed file is a good one with other bytes in places, and its error names them.
 */
#ifndef MOTE_HOST_IMAGE_REFUSAL_CHECK_H
#define MOTE_HOST_IMAGE_REFUSAL_CHECK_H

#include "host/image/image.h"
#include <stddef.h>

/* Bytes that are put into the good file. */
struct patch {
    size_t offset;
    size_t len_bytes;
    uint64_t value;
};

struct bad {
    struct patch patches[4];
    mote_status code;
    const char *field;
    uint64_t value;
    uint64_t offset;
};

/* Put bytes into a good file. */
void put_patch(void *file, size_t file_bytes, const struct patch *patch);

/* The file is refused with exactly that error, and the image is as it was. The patches are not
 * looked at. */
void expect_refusal(const uint8_t *file, size_t file_bytes, const struct bad *bad);

#endif
