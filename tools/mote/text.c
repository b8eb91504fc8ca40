/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 and the escaping of what is shown. */
#include "tools/mote/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What a first byte demands of the rest (RFC 3629, section 4): rows by the range of that byte. */
struct lead {
    uint8_t first;
    uint8_t last;
    uint8_t len_bytes;
    uint8_t second_min;
    uint8_t second_max;
};

static const struct lead leads[] = {
    {0x00, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const struct lead *lead_of(uint8_t byte)
{
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    }
    return NULL;
}

/* How many bytes the first character has; 0 when there is none that is well formed. */
static size_t character_bytes(const char *text, size_t len_bytes)
{
    const uint8_t *bytes = (const uint8_t *)text;
    if (len_bytes == 0)
        return 0;
    const struct lead *lead = lead_of(bytes[0]);
    if (lead == NULL || lead->len_bytes > len_bytes)
        return 0;
    if (lead->len_bytes >= 2 && (bytes[1] < lead->second_min || bytes[1] > lead->second_max))
        return 0;
    for (size_t i = 2; i < lead->len_bytes; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    }
    return lead->len_bytes;
}

bool text_is_utf8(const char *text, size_t len_bytes)
{
    while (len_bytes > 0) {
        size_t n = character_bytes(text, len_bytes);
        if (n == 0)
            return false;
        text += n;
        len_bytes -= n;
    }
    return true;
}

static bool is_harmless(const char *character, size_t n)
{
    uint8_t first = (uint8_t)character[0];
    if (n == 1)
        return first == '\t' || (first >= 0x20 && first != 0x7F);
    bool is_c1 = n == 2 && first == 0xC2 && (uint8_t)character[1] < 0xA0;
    return n > 1 && !is_c1;
}

struct text_piece text_next(const char *text, size_t len_bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct text_piece piece = {.taken_bytes = character_bytes(text, len_bytes)};
    if (is_harmless(text, piece.taken_bytes)) {
        memcpy(piece.text, text, piece.taken_bytes);
        piece.len_bytes = piece.taken_bytes;
        return piece;
    }
    if (piece.taken_bytes == 0)
        piece.taken_bytes = 1;
    for (size_t i = 0; i < piece.taken_bytes; i++) {
        uint8_t byte = (uint8_t)text[i];
        piece.text[piece.len_bytes++] = '\\';
        piece.text[piece.len_bytes++] = 'x';
        piece.text[piece.len_bytes++] = digits[byte >> 4];
        piece.text[piece.len_bytes++] = digits[byte & 15];
    }
    return piece;
}

size_t text_line(char *to, size_t to_bytes, const char *text, size_t len_bytes)
{
    static const char dots[] = "...";
    size_t used = 0;
    size_t cut_at = 0; /* the last end of a character behind which the dots and the NUL fit */
    while (len_bytes > 0) {
        struct text_piece piece = text_next(text, len_bytes);
        if (used + sizeof(dots) <= to_bytes)
            cut_at = used;
        if (used + piece.len_bytes >= to_bytes) {
            memcpy(to + cut_at, dots, sizeof(dots));
            return cut_at + sizeof(dots) - 1;
        }
        memcpy(to + used, piece.text, piece.len_bytes);
        used += piece.len_bytes;
        text += piece.taken_bytes;
        len_bytes -= piece.taken_bytes;
    }
    to[used] = '\0';
    return used;
}

void text_append(char *to, size_t to_bytes, const char *format, ...)
{
    size_t used = strlen(to);
    va_list values;
    va_start(values, format);
    (void)vsnprintf(to + used, to_bytes - used, format, values);
    va_end(values);
}
