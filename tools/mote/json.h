/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one JSON object as one line to standard output. What is written is always valid UTF-8. */
#ifndef MOTE_TOOLS_MOTE_JSON_H
#define MOTE_TOOLS_MOTE_JSON_H

#include <mote/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A writer. Failures are kept and told by json_end(). */
struct json {
    char buf[8192];
    size_t used_bytes;
    int os_errno;     /* of the first write that failed */
    bool needs_comma; /* a value stands before the next one */
};

/* In all of these key is NULL inside an array and at the start. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_null(struct json *json, const char *key);
void json_bool(struct json *json, const char *key, bool value);
void json_signed(struct json *json, const char *key, int64_t value);
void json_unsigned(struct json *json, const char *key, uint64_t value);

/* Text as it is; what is not UTF-8 in it is written as the characters \xNN. */
void json_text_n(struct json *json, const char *key, const char *text, size_t len_bytes);

/* As json_text_n(); null for NULL. */
void json_text(struct json *json, const char *key, const char *text);

/* As json_text(), where an empty text stands for no value: null for it, too. */
void json_text_if_any(struct json *json, const char *key, const char *text);

/* "0x..." */
void json_address(struct json *json, const char *key, uint64_t address);

/* Characters that form a JSON value already, such as a number. */
void json_literal(struct json *json, const char *key, const char *literal);

void json_base64(struct json *json, const char *key, const uint8_t *data, size_t len_bytes);

/* End the line and write what is left. Returns 0 or the errno of the first failed write. */
int json_end(struct json *json);

#endif
