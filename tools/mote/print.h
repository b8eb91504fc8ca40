/* SPDX-License-Identifier: Apache-2.0 */
/* Results: as text for people and pipes, and as JSON. */
#ifndef MOTE_TOOLS_MOTE_PRINT_H
#define MOTE_TOOLS_MOTE_PRINT_H

#include "tools/mote/json.h"
#include <mote/image.h>

/* Room for any number. */
#define PRINT_NUMBER_BYTES 40

/* The fewest digits, 9 for an f32 and 17 for an f64 at most, that read back as the same number;
 * "nan", "inf" and "-inf". */
void print_f32(char to[PRINT_NUMBER_BYTES], float value);
void print_f64(char to[PRINT_NUMBER_BYTES], double value);

/* Write a result to standard output: nothing for void, text with a newline, bytes as they are. */
mote_status print_result(const mote_value *value, mote_error *err);

/* Write {"type":...} with its value. */
void print_result_json(struct json *json, const char *key, const mote_value *value);

/* "Add(i32, i32) -> i32", as one harmless line. */
void print_signature(char *to, size_t to_bytes, const mote_function *function);

#endif
