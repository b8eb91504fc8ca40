/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every parser makes of a file in the same way, once it has read and checked the format's own
 * words: spans, relocations and symbols of an image.
 */
#ifndef MOTE_HOST_IMAGE_PARTS_H
#define MOTE_HOST_IMAGE_PARTS_H

#include "host/base/error.h"
#include "host/image/image.h"
#include <string.h>

/* A symbol's name is cut to what an error has room for. */
#define MT_SYMBOL_NAME_BYTES MOTE_ERROR_NAME_BYTES

/* One relocation: what goes where, relative to the image, and where in the file it is named. */
struct mt_relocation {
    uint64_t place;
    uint64_t value;
    uint64_t at;
};

/* Fill in the symbol of an index and its name; returns the name's length, 0 for a symbol that is
 * not used. Indices come in order from 0, twice. */
typedef size_t mt_read_symbol(void *table, uint64_t index, struct mt_image_symbol *symbol,
                              char name[MT_SYMBOL_NAME_BYTES]);

/* Make the image's spans from the rights of each of its pages. */
mote_status mt_parts_spans(struct mt_image *image, const uint8_t *page_rights, mote_error *err);

/* Make the image's relocations: every place takes its value, and gets the load address later. The
 * places lie inside the image; two that overlap are refused, naming the later one in the file as
 * field, with base added to it. Sorts found. */
mote_status mt_parts_relocate(struct mt_image *image, struct mt_relocation *found, size_t n,
                              const char *field, uint64_t base, mote_error *err);

/* Make the image's symbols from the n of a table. */
mote_status mt_parts_symbols(struct mt_image *image, void *table, uint64_t n, mt_read_symbol *read,
                             mote_error *err);

/* The span that address lies in; NULL behind the image's end. */
const struct mt_image_span *mt_image_span_at(const struct mt_image *image, uint64_t address);

static inline bool mt_image_is_executable(const struct mt_image *image, uint64_t address)
{
    const struct mt_image_span *span = mt_image_span_at(image, address);
    return span != NULL && (span->rights & MOTE_RIGHT_EXECUTE) != 0;
}

static inline bool mt_is_write_and_execute(uint32_t rights)
{
    return (rights & MOTE_RIGHT_WRITE) != 0 && (rights & MOTE_RIGHT_EXECUTE) != 0;
}

static inline uint64_t mt_read_u64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

#endif
