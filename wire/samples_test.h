/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of every kind for the tests, and one way to build and to read all of them. */
#ifndef MOTE_WIRE_SAMPLES_TEST_H
#define MOTE_WIRE_SAMPLES_TEST_H

#include "wire/wire.h"

#include <string.h>

/* All samples fit in it. */
#define SAMPLE_ROOM 2048u

struct sample {
    const char *name;
    size_t (*build)(uint8_t *to, size_t room);
    /* Read a message and touch all that the reader returned. */
    bool (*read)(const uint8_t *message, size_t len, struct mt_wire_fault *fault);
};

extern const struct sample samples[];
extern const size_t n_samples;

struct mt_wire_view view_of(const char *text);
/* A value of the type, different for each type. */
struct mt_wire_value value_of(enum mt_wire_type type);
struct mt_wire_call call_of_every_type(void);
struct mt_wire_log log_record(void);
bool view_is(struct mt_wire_view view, const char *text);

/* Positions in a built message, found without the code under test. */
uint32_t word_at(const uint8_t *message, size_t at);
void set_word(uint8_t *message, size_t at, uint32_t value);
void set_half(uint8_t *message, size_t at, uint16_t value);
size_t root_at(const uint8_t *message);
size_t vtable_at(const uint8_t *message, size_t table);
/* Where the vtable holds the field's place; and the field itself. */
size_t entry_at(const uint8_t *message, size_t table, size_t vtable_offset);
size_t field_at(const uint8_t *message, size_t table, size_t vtable_offset);
/* What the offset in the field leads to. */
size_t target_at(const uint8_t *message, size_t table, size_t vtable_offset);
/* The table of the parameter with the index in a FunctionCall. */
size_t parameter_at(const uint8_t *message, size_t index);

#endif
