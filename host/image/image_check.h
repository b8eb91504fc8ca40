/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: images of what elf_maker.h makes, and what is expected of them. */
#ifndef MOTE_HOST_IMAGE_IMAGE_CHECK_H
#define MOTE_HOST_IMAGE_IMAGE_CHECK_H

#include "host/image/elf_maker.h"
#include "host/image/image.h"

#define LOAD_ADDRESS 0x400000u

/* Parse what is in *maker; an error fails the test. */
struct mt_image parse_good(const struct elf_maker *maker);

void expect_span(const struct mt_image *image, size_t index, uint64_t start, uint64_t end,
                 uint32_t rights);

/* The image as it stands at an address; the caller frees it. */
uint8_t *place_image(const struct mt_image *image, uint64_t load_address);
uint64_t u64_at(const uint8_t *memory, uint64_t address);

/* The symbol that an address lies in, and how far; NULL for none. */
void expect_symbol(const struct mt_image *image, uint64_t address, const char *name, uint64_t into);

/* Every pointer of the good file, in a placed image whose good part starts at up_bytes. */
void expect_relocated(const struct mt_image *image, uint64_t up_bytes);

#endif
