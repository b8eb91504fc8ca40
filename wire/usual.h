/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages as our own builders lay them out. Of these most words are known before the message is:
 * a builder copies them, and a reader compares them instead of following offsets. Any other layout
 * is read by the readers that follow everything; what is read here they read alike, and a message
 * that is not laid out so is left to them.
 */
#ifndef MOTE_WIRE_USUAL_H
#define MOTE_WIRE_USUAL_H

#include "wire/wire.h"

/* All of a result but the elements of text and bytes, as words of 4 bytes. What depends on the
 * value is 0: the value, or the lengths and the prefix. */
enum {
    MT_RESULT_MEMBER = 6, /* of the union; zero above the byte */
    MT_RESULT_SCALAR_4 = 10,
    MT_RESULT_SCALAR_8_TABLE = 10,
    MT_RESULT_SCALAR_8 = 12,
    MT_RESULT_TEXT_AT = 10,
    MT_RESULT_TEXT_LEN = 11,
    MT_RESULT_BYTES_SIZE = 10,
    MT_RESULT_BYTES_AT = 11,
    MT_RESULT_BYTES_LEN = 13,
    MT_RESULT_WORDS = 14
};
struct mt_wire_result_form {
    uint32_t words[MT_RESULT_WORDS];
    uint32_t n_bytes; /* of the words that are there: 40, 48 or 56 */
    enum mt_wire_type type;
};
/* By the schema's number of the type. */
#define MT_WIRE_RESULT_FORMS 10u
extern const struct mt_wire_result_form mt_wire_result_forms[MT_WIRE_RESULT_FORMS];

/* The beginning of a call up to the text of its name, without parameters and with. */
enum {
    MT_CALL_PARAMETERS = 7, /* the offset to the parameters */
    MT_CALL_TYPES = 8,      /* type of the call and of its result */
    MT_CALL_NAME_LEN = 9,
    MT_CALL_WORDS = 10,
    MT_BARE_CALL_TYPES = 7,
    MT_BARE_CALL_NAME_LEN = 8,
    MT_BARE_CALL_WORDS = 9
};
extern const uint32_t mt_wire_call_form[MT_CALL_WORDS];
extern const uint32_t mt_wire_bare_call_form[MT_BARE_CALL_WORDS];

/* Read a message that is laid out as ours are; a call only without parameters. false says nothing
 * about the message, and leaves the outputs untouched. */
bool mt_wire_read_usual_result(const uint8_t *message, size_t len, struct mt_wire_value *value);
bool mt_wire_read_usual_call(const uint8_t *message, size_t len, struct mt_wire_call *call);

/* Read a message of any layout: mt_wire_read_result() and mt_wire_read_call() without the above. */
bool mt_wire_read_any_result(const uint8_t *message, size_t len, struct mt_wire_value *value,
                             struct mt_wire_fault *fault);
bool mt_wire_read_any_call(const uint8_t *message, size_t len, struct mt_wire_call *call,
                           struct mt_wire_fault *fault);

#endif
