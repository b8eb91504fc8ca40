/* SPDX-License-Identifier: Apache-2.0 */
/* The escaping of guest text. */
#include "host/base/text.h"

#include "wire/wire.h"
#include <stdint.h>
#include <string.h>

static size_t character_bytes(const char *text, size_t len_bytes)
{
    return mt_wire_utf8_char_bytes((const uint8_t *)text, len_bytes);
}

bool mt_utf8_is_valid(const char *text, size_t len_bytes)
{
    return mt_wire_utf8_is_valid((const uint8_t *)text, len_bytes);
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
    struct piece piece = {.taken = character_bytes(text, len_bytes)};
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
    struct piece piece = {.taken = character_bytes(text, len_bytes)};
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
