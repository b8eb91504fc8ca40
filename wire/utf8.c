/* SPDX-License-Identifier: Apache-2.0 */
/* Whether text is well-formed UTF-8. */
#include "wire/wire.h"

/* The sequences of RFC 3629, section 4: by their first byte, how long they are and what the second
 * byte may be. All later bytes are 80 to BF. */
struct sequence {
    uint8_t first_min;
    uint8_t first_max;
    uint8_t len;
    uint8_t second_min;
    uint8_t second_max;
};

static const struct sequence sequences[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF}, {0xE1, 0xEC, 3, 0x80, 0xBF},
    {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF},
    {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

/* The length of the sequence of two or more bytes at text, or 0. */
static size_t sequence_len(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        const struct sequence *s = &sequences[i];
        if (text[0] < s->first_min || text[0] > s->first_max)
            continue;
        if (len < s->len || text[1] < s->second_min || text[1] > s->second_max)
            return 0;
        for (size_t k = 2; k < s->len; k++) {
            if (text[k] < 0x80 || text[k] > 0xBF)
                return 0;
        }
        return s->len;
    }
    return 0;
}

size_t mt_wire_utf8_char_bytes(const uint8_t *text, size_t len)
{
    if (len == 0)
        return 0;
    return text[0] < 0x80 ? 1 : sequence_len(text, len);
}

#define NOT_ASCII 0x8080808080808080u

static uint64_t load_u64(const uint8_t *text)
{
    uint64_t value;
    __builtin_memcpy(&value, text, sizeof(value));
    return value;
}

static uint32_t load_u32(const uint8_t *text)
{
    uint32_t value;
    __builtin_memcpy(&value, text, sizeof(value));
    return value;
}

/* How many bytes at the start of text are surely ASCII: all, or a multiple of 8. What is left at
 * the end is looked at together with bytes before it. */
static size_t ascii_len(const uint8_t *text, size_t len)
{
    size_t at = 0;
    for (; len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        if ((load_u64(text + at) & NOT_ASCII) != 0)
            return at;
    }
    uint64_t rest = 0;
    if (len >= sizeof(uint64_t))
        rest = load_u64(text + len - sizeof(uint64_t));
    else if (len >= sizeof(uint32_t))
        rest = load_u32(text) | load_u32(text + len - sizeof(uint32_t));
    else if (len > 0)
        rest = (uint64_t)(text[0] | text[len / 2] | text[len - 1]);
    return (rest & NOT_ASCII) == 0 ? len : at;
}

bool mt_wire_utf8_is_valid(const uint8_t *text, size_t len)
{
    for (size_t at = ascii_len(text, len); at < len;) {
        size_t n = text[at] < 0x80 ? 1 : sequence_len(text + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}
