/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verified access to the parts of a message. Positions count from the message's first byte, and so
 * do alignments: a message is judged alike wherever it lies. Nothing may stand in the first 8
 * bytes, which hold the prefix and the root offset. What is accepted here, the C++ Verifier of
 * FlatBuffers accepts too.
 *
 * Each function returns false after it has told the fault.
 */
#ifndef MOTE_WIRE_VERIFY_H
#define MOTE_WIRE_VERIFY_H

#include "wire/wire.h"

struct mt_wire_reader {
    const uint8_t *message;
    size_t len;    /* of the message, prefix included */
    size_t budget; /* how many bytes of texts and vectors may still be read */
    struct mt_wire_fault *fault;
};

struct mt_wire_table {
    size_t at;
    size_t vtable;
    size_t vtable_bytes;
};

/* The elements of a vector; n is 0 for a vector that is not there. */
struct mt_wire_vector {
    size_t first;
    size_t n;
};

/* Tell a fault; returns false. */
bool mt_wire_refuse(const struct mt_wire_reader *reader, const char *field, uint64_t value);

/* Check the prefix and open the root table. */
bool mt_wire_open(struct mt_wire_reader *reader, const uint8_t *message, size_t len,
                  struct mt_wire_fault *fault, struct mt_wire_table *root);

bool mt_wire_table_at(const struct mt_wire_reader *reader, size_t at, struct mt_wire_table *table);
/* The table that an element of a vector of tables leads to. */
bool mt_wire_element_table(const struct mt_wire_reader *reader, const struct mt_wire_vector *vector,
                           size_t index, const char *name, struct mt_wire_table *table);

/* Read a scalar of 1, 4 or 8 bytes; a field that is not there has the value 0. */
bool mt_wire_scalar(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                    unsigned vtable_offset, const char *name, void *value, size_t value_bytes);

/* Where the field leads to, which must be there. */
bool mt_wire_required_target(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                             unsigned vtable_offset, const char *name, size_t *target);

/* Text and bytes that are not there read as empty; required text must be there. */
bool mt_wire_text(struct mt_wire_reader *reader, const struct mt_wire_table *table,
                  unsigned vtable_offset, const char *name, struct mt_wire_view *text);
bool mt_wire_required_text(struct mt_wire_reader *reader, const struct mt_wire_table *table,
                           unsigned vtable_offset, const char *name, struct mt_wire_view *text);
bool mt_wire_bytes(struct mt_wire_reader *reader, const struct mt_wire_table *table,
                   unsigned vtable_offset, const char *name, struct mt_wire_view *bytes);

/* A vector of at most max elements of the given size. */
bool mt_wire_vector_of(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                       unsigned vtable_offset, const char *name, size_t element_bytes, size_t max,
                       struct mt_wire_vector *vector);

#endif
