/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy() and its family, byte by byte. */
#include "guests/abi01/memory.h"

#include <stdint.h>

void *memcpy(void *to, const void *from, size_t n)
{
    return memmove(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)out - (uintptr_t)in >= n) {
        for (size_t i = 0; i < n; i++)
            out[i] = in[i];
    } else {
        for (size_t i = n; i > 0; i--)
            out[i - 1] = in[i - 1];
    }
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    uint8_t *out = to;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *left = a, *right = b;
    for (size_t i = 0; i < n; i++) {
        if (left[i] != right[i])
            return left[i] - right[i];
    }
    return 0;
}
