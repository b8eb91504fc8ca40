/* SPDX-License-Identifier: Apache-2.0 */
/* A guest whose host is written in Python. */
#include <mote_guest/moteg.h>

MOTEG_HOST_FUNCTION(i64, PriceInCents, (str, item));
MOTEG_HOST_FUNCTION(void, Started);

MOTEG_FUNCTION(i64, TotalInCents, (str, item), (i32, count))
{
    return PriceInCents(item) * count;
}

MOTEG_FUNCTION(bytes, Reverse, (bytes, in))
{
    uint8_t *out = moteg_call_memory(in.len_bytes);
    for (size_t i = 0; i < in.len_bytes; i++)
        out[i] = in.data[in.len_bytes - 1 - i];
    return (moteg_bytes){out, in.len_bytes};
}

MOTEG_FUNCTION(void, Spin)
{
    Started();
    for (;;) {
    }
}
