/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that is linked by a script of its own. */
#include <mote_guest/moteg.h>

static int counter;

MOTEG_FUNCTION(i32, Count)
{
    counter++;
    return counter;
}
