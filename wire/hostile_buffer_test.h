/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a message in a buffer, changed there, and what readers say to it. Messages are judged
 * in blocks of their own length, so that AddressSanitizer sees a read outside. */
#ifndef MOTE_WIRE_HOSTILE_BUFFER_TEST_H
#define MOTE_WIRE_HOSTILE_BUFFER_TEST_H

#include "wire/samples_test.h"

extern uint8_t buffer[SAMPLE_ROOM];
/* What the last reader said. */
extern struct mt_wire_fault fault;

const struct sample *find_sample(const char *name);

/* Build the sample into the buffer; returns its size. */
size_t build_sample(const char *name);

/* Read len bytes in a block of that size; the fault is cleared before. */
bool read_copy(const struct sample *sample, const uint8_t *message, size_t len);

/* The message in the buffer is taken for one of the sample's kind, and refused for the field. */
void assert_refused(const char *name, size_t len, const char *field);
void assert_accepted(const char *name, size_t len);

/* The tables of the message in the buffer. */
size_t root(void);
size_t definition_at(size_t index);

#endif
