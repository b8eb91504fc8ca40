/* SPDX-License-Identifier: Apache-2.0 */
/* A guest whose calls end in different ways. */
#include <mote_guest/moteg.h>

#define UNLUCKY 7u

MOTEG_FUNCTION(u32, Square, (u32, n))
{
    if (n == UNLUCKY)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "not %u", n);
    return n * n;
}

MOTEG_FUNCTION(void, Spin)
{
    for (volatile unsigned turns = 0;; turns++) {
    }
}
