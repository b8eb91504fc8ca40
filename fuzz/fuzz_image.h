/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets of guest files share: an image of any format, and a file of fields. */
#ifndef MOTE_FUZZ_FUZZ_IMAGE_H
#define MOTE_FUZZ_FUZZ_IMAGE_H

#include "fuzz/fuzz.h"
#include "host/image/image.h"

/* A second reading of a file that was accepted. */
typedef void fuzz_check_file(const struct mt_image *image, const uint8_t *file);

/* Parse the input as a file. What is accepted is of the format, unless the first bytes are
 * another's, and passes check; its spans cover it, its entry executes, it can be placed anywhere.
 * What is refused is told by field. What the parser holds stays under a cap that follows from file
 * and image. */
void fuzz_try_file(const uint8_t *data, size_t len_bytes, mote_format format,
                   fuzz_check_file *check);

/* A mutation: one field becomes an edge, or another field, or moves by a little. */
void fuzz_change_field(uint8_t *file, size_t len_bytes, unsigned seed);

#endif
