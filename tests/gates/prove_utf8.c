/* SPDX-License-Identifier: Apache-2.0 */
/* wire/utf8.c on every text of up to three bytes, and every one of four that starts as one of four
 * does. Longer texts are made of these. The judge is arithmetic: decode, then look at the number.
 */
#include "tests/gates/prove.h"
#include "wire/wire.h"

#include <string.h>

/* How many bytes the first character takes, or 0 when it is none. */
static size_t judged_bytes(const uint8_t *text, size_t len)
{
    static const struct {
        unsigned mask, mark, least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t n = 1; n <= 4; n++) {
        if ((text[0] & forms[n - 1].mask) != forms[n - 1].mark)
            continue;
        if (len < n)
            return 0;
        unsigned number = text[0] & ~forms[n - 1].mask;
        for (size_t i = 1; i < n; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
            number = number << 6 | (text[i] & 0x3f);
        }
        bool is_half = number >= 0xd800 && number <= 0xdfff;
        return number >= forms[n - 1].least && number <= 0x10ffff && !is_half ? n : 0;
    }
    return 0;
}

static bool judge(const uint8_t *text, size_t len)
{
    while (len > 0) {
        size_t n = judged_bytes(text, len);
        if (n == 0)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

static unsigned long prove_texts(size_t len, unsigned long first, unsigned long end)
{
    for (unsigned long number = first; number < end; number++) {
        uint8_t text[4];
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)(number >> 8 * (len - 1 - i));
        PROVE(mt_wire_utf8_is_valid(text, len) == judge(text, len));
    }
    return end - first;
}

int main(void)
{
    unsigned long n = prove_texts(0, 0, 1);
    for (size_t len = 1; len <= 3; len++)
        n += prove_texts(len, 0, 1ul << 8 * len);
    /* A first byte below F0 takes less than four bytes, and one from F8 on is none. */
    n += prove_texts(4, 0xf0ul << 24, 0xf8ul << 24);
    printf("%lu texts\n", n);
    return 0;
}
