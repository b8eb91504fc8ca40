/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that does not come back. */
#include <mote_guest/moteg.h>

MOTEG_FUNCTION(void, Spin)
{
    for (volatile unsigned turns = 0;; turns++) {
    }
}
