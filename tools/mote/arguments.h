/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of a guest function: TYPE:VALUE words made into values. */
#ifndef MOTE_TOOLS_MOTE_ARGUMENTS_H
#define MOTE_TOOLS_MOTE_ARGUMENTS_H

#include <mote/error.h>
#include <mote/value.h>

/* Values and the memory that their text and bytes lie in. */
struct arguments {
    mote_value values[MOTE_MAX_PARAMETERS];
    void *blocks[MOTE_MAX_PARAMETERS]; /* NULL, or what the value points to */
    size_t n_values;
    size_t payload_bytes; /* of all text and bytes together */
    bool took_standard_input;
};

/* Parse the words. On an error nothing is kept. */
mote_status arguments_parse(struct arguments *arguments, const char *const *words, size_t n_words,
                            mote_error *err);

void arguments_release(struct arguments *arguments);

/* Room in the input buffer that a call with these arguments needs, at least 16 KiB. */
size_t arguments_input_bytes(const struct arguments *arguments, const char *function);

#endif
