/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing what is read from messages. */
#ifndef MOTE_FUZZ_FUZZ_WIRE_H
#define MOTE_FUZZ_FUZZ_WIRE_H

#include "fuzz/fuzz.h"
#include "wire/wire.h"

/* A view lies inside the message, and is UTF-8 with a NUL behind it where it is text. */
void fuzz_check_view(const struct mt_wire_view *view, bool is_text, const uint8_t *message,
                     size_t len_bytes);
void fuzz_check_value(const struct mt_wire_value *value, const uint8_t *message, size_t len_bytes);

bool fuzz_is_same_view(const struct mt_wire_view *a, const struct mt_wire_view *b);
bool fuzz_is_same_value(const struct mt_wire_value *a, const struct mt_wire_value *b);

/* A block of exactly n bytes, aligned to 8, for a message. */
uint8_t *fuzz_message_block(size_t n);
/* The input in a block of its own, at an address that says nothing about alignment. */
uint8_t *fuzz_message_copy(const uint8_t *data, size_t len_bytes, uint8_t **message);

#endif
