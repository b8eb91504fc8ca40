/* SPDX-License-Identifier: Apache-2.0 */
/* Text from guests, files and the command line: judging it and making it harmless. */
#ifndef MOTE_TOOLS_MOTE_TEXT_H
#define MOTE_TOOLS_MOTE_TEXT_H

#include <mote/error.h>
#include <stdbool.h>
#include <stddef.h>

/* Room for any one character in its harmless form. */
#define TEXT_PIECE_BYTES 16

/* One character of a text as it may be shown. */
struct text_piece {
    char text[TEXT_PIECE_BYTES];
    size_t len_bytes;
    size_t taken_bytes; /* how much of the input it stands for */
};

/* The next character of a text that is not empty: itself, or \xNN for each byte of a control
 * character (tab is none), of a C1 character, and of what is not UTF-8. */
struct text_piece text_next(const char *text, size_t len_bytes);

bool text_is_utf8(const char *text, size_t len_bytes);

/* Write text as one harmless line, NUL-terminated; what does not fit is cut between characters and
 * replaced by "...". to_bytes is at least 4. Returns the bytes written without the NUL. */
size_t text_line(char *to, size_t to_bytes, const char *text, size_t len_bytes);

/* Append to a NUL-terminated text, as far as there is room. */
void text_append(char *to, size_t to_bytes, const char *format, ...) MOTE_PRINTF(3, 4);

#endif
