/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 and the escaping of guest text. */
#include "host/base/text.h"

#include <stdint.h>
#include <string.h>

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* RFC 3629, section 4: the table of well-formed sequences. */
size_t mt_utf8_char_bytes(const char *text, size_t len_bytes)
{
    const uint8_t *byte = (const uint8_t *)text;
    if (len_bytes == 0)
        return 0;
    if (byte[0] < 0x80)
        return 1;
    if (byte[0] >= 0xC2 && byte[0] <= 0xDF)
        return len_bytes >= 2 && is_continuation(byte[1]) ? 2 : 0;
    if (byte[0] >= 0xE0 && byte[0] <= 0xEF) {
        if (len_bytes < 3 || !is_continuation(byte[1]) || !is_continuation(byte[2]))
            return 0;
        bool is_overlong = byte[0] == 0xE0 && byte[1] < 0xA0;
        bool is_surrogate = byte[0] == 0xED && byte[1] > 0x9F;
        return is_overlong || is_surrogate ? 0 : 3;
    }
    if (byte[0] >= 0xF0 && byte[0] <= 0xF4) {
        if (len_bytes < 4 || !is_continuation(byte[1]) || !is_continuation(byte[2]) ||
            !is_continuation(byte[3]))
            return 0;
        bool is_overlong = byte[0] == 0xF0 && byte[1] < 0x90;
        bool is_too_high = byte[0] == 0xF4 && byte[1] > 0x8F;
        return is_overlong || is_too_high ? 0 : 4;
    }
    return 0;
}

bool mt_utf8_is_valid(const char *text, size_t len_bytes)
{
    while (len_bytes > 0) {
        size_t n = mt_utf8_char_bytes(text, len_bytes);
        if (n == 0)
            return false;
        text += n;
        len_bytes -= n;
    }
    return true;
}

static bool is_harmless(const uint8_t *character, size_t n)
{
    if (n == 1)
        return character[0] == '\t' || (character[0] >= 0x20 && character[0] != 0x7F);
    bool is_c1 = n == 2 && character[0] == 0xC2 && character[1] < 0xA0;
    return n > 1 && !is_c1;
}

/* One character of the input as it is written: itself, or \xNN for each of its bytes. */
struct piece {
    char text[16];
    size_t len;
    size_t taken;
};

static struct piece escape_one(const char *text, size_t len_bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct piece piece = {.taken = mt_utf8_char_bytes(text, len_bytes)};
    if (is_harmless((const uint8_t *)text, piece.taken)) {
        memcpy(piece.text, text, piece.taken);
        piece.len = piece.taken;
        return piece;
    }
    if (piece.taken == 0)
        piece.taken = 1;
    for (size_t i = 0; i < piece.taken; i++) {
        uint8_t byte = (uint8_t)text[i];
        memcpy(piece.text + piece.len, (char[]){'\\', 'x', digits[byte >> 4], digits[byte & 15]},
               4);
        piece.len += 4;
    }
    return piece;
}

/* U+FFFD, the replacement character, in UTF-8. */
static struct piece copy_one(const char *text, size_t len_bytes)
{
    struct piece piece = {.taken = mt_utf8_char_bytes(text, len_bytes)};
    if (piece.taken == 0) {
        piece.taken = 1;
        piece.len = 3;
        memcpy(piece.text, "\xEF\xBF\xBD", 3);
        return piece;
    }
    memcpy(piece.text, text, piece.taken);
    piece.len = piece.taken;
    return piece;
}

size_t mt_escape(char *to, size_t to_bytes, const char *text, size_t len_bytes)
{
    size_t used = 0;
    size_t cut_at = 0; /* the last place where "..." still fits */
    if (to_bytes == 0)
        return 0;
    while (len_bytes > 0) {
        struct piece piece = escape_one(text, len_bytes);
        if (used + 4 <= to_bytes)
            cut_at = used;
        if (used + piece.len >= to_bytes) {
            size_t n_dots = to_bytes - 1 - cut_at < 3 ? to_bytes - 1 - cut_at : 3;
            memcpy(to + cut_at, "...", n_dots);
            used = cut_at + n_dots;
            break;
        }
        memcpy(to + used, piece.text, piece.len);
        used += piece.len;
        text += piece.taken;
        len_bytes -= piece.taken;
    }
    to[used] = '\0';
    return used;
}

size_t mt_utf8_copy_lossy(char *to, size_t to_bytes, const char *text, size_t len_bytes)
{
    size_t used = 0;
    if (to_bytes == 0)
        return 0;
    while (len_bytes > 0) {
        struct piece piece = copy_one(text, len_bytes);
        if (used + piece.len >= to_bytes)
            break;
        memcpy(to + used, piece.text, piece.len);
        used += piece.len;
        text += piece.taken;
        len_bytes -= piece.taken;
    }
    to[used] = '\0';
    return used;
}
