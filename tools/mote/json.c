/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON writer with a fixed buffer. */
#include "tools/mote/json.h"

#include "tools/mote/output.h"
#include "tools/mote/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void flush(struct json *json)
{
    if (json->os_errno == 0)
        json->os_errno = output_write(STDOUT_FILENO, json->buf, json->used_bytes);
    json->used_bytes = 0;
}

/* n is at most the buffer's size. */
static void put(struct json *json, const char *characters, size_t n)
{
    if (json->used_bytes + n > sizeof(json->buf))
        flush(json);
    memcpy(json->buf + json->used_bytes, characters, n);
    json->used_bytes += n;
}

static void put_text(struct json *json, const char *text)
{
    put(json, text, strlen(text));
}

/* The two-character escapes of RFC 8259, section 7. */
static char short_escape(char character)
{
    switch (character) {
    case '"':
    case '\\':
        return character;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

/* A character that text_next() would not show as it is, but that is one: a control character. */
static bool is_control(const struct text_piece *piece, const char *text)
{
    return piece->text[0] == '\\' && text[0] != '\\' && text_is_utf8(text, piece->taken_bytes);
}

static void put_control(struct json *json, const char *text, size_t len_bytes)
{
    char escape[8];
    unsigned int code = (unsigned char)text[len_bytes - 1]; /* a C1 character's last byte is it */
    snprintf(escape, sizeof(escape), "\\u%04x", code);
    put_text(json, escape);
}

static void put_piece(struct json *json, const struct text_piece *piece)
{
    for (size_t i = 0; i < piece->len_bytes; i++) {
        char escape = short_escape(piece->text[i]);
        if (escape != '\0')
            put(json, (char[]){'\\', escape}, 2);
        else
            put(json, &piece->text[i], 1);
    }
}

static void put_quoted(struct json *json, const char *text, size_t len_bytes)
{
    put(json, "\"", 1);
    while (len_bytes > 0) {
        struct text_piece piece = text_next(text, len_bytes);
        if (short_escape(text[0]) != '\0')
            put(json, (char[]){'\\', short_escape(text[0])}, 2);
        else if (is_control(&piece, text))
            put_control(json, text, piece.taken_bytes);
        else
            put_piece(json, &piece);
        text += piece.taken_bytes;
        len_bytes -= piece.taken_bytes;
    }
    put(json, "\"", 1);
}

static void begin_value(struct json *json, const char *key)
{
    if (json->needs_comma)
        put(json, ",", 1);
    json->needs_comma = true;
    if (key == NULL)
        return;
    put_quoted(json, key, strlen(key));
    put(json, ":", 1);
}

void json_open(struct json *json, const char *key, char bracket)
{
    begin_value(json, key);
    put(json, &bracket, 1);
    json->needs_comma = false;
}

void json_close(struct json *json, char bracket)
{
    put(json, &bracket, 1);
    json->needs_comma = true;
}

void json_literal(struct json *json, const char *key, const char *literal)
{
    begin_value(json, key);
    put_text(json, literal);
}

void json_null(struct json *json, const char *key)
{
    json_literal(json, key, "null");
}

void json_bool(struct json *json, const char *key, bool value)
{
    json_literal(json, key, value ? "true" : "false");
}

void json_signed(struct json *json, const char *key, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRId64, value);
    json_literal(json, key, digits);
}

void json_unsigned(struct json *json, const char *key, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRIu64, value);
    json_literal(json, key, digits);
}

void json_address(struct json *json, const char *key, uint64_t address)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "\"0x%" PRIx64 "\"", address);
    json_literal(json, key, digits);
}

void json_text_n(struct json *json, const char *key, const char *text, size_t len_bytes)
{
    begin_value(json, key);
    put_quoted(json, text, len_bytes);
}

void json_text(struct json *json, const char *key, const char *text)
{
    if (text == NULL)
        json_null(json, key);
    else
        json_text_n(json, key, text, strlen(text));
}

void json_text_if_any(struct json *json, const char *key, const char *text)
{
    json_text(json, key, text != NULL && text[0] != '\0' ? text : NULL);
}

/* RFC 4648, section 4: three bytes become four characters, the last group is padded. */
static void put_base64_group(struct json *json, const uint8_t *data, size_t n)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)data[0] << 16;
    bits |= n > 1 ? (uint32_t)data[1] << 8 : 0;
    bits |= n > 2 ? (uint32_t)data[2] : 0;
    char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                     n > 1 ? alphabet[bits >> 6 & 63] : '=', n > 2 ? alphabet[bits & 63] : '='};
    put(json, group, sizeof(group));
}

void json_base64(struct json *json, const char *key, const uint8_t *data, size_t len_bytes)
{
    begin_value(json, key);
    put(json, "\"", 1);
    for (size_t i = 0; i < len_bytes; i += 3)
        put_base64_group(json, data + i, len_bytes - i < 3 ? len_bytes - i : 3);
    put(json, "\"", 1);
}

int json_end(struct json *json)
{
    put(json, "\n", 1);
    flush(json);
    return json->os_errno;
}
