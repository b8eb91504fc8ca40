/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest guest: one function that takes a text and returns one. */
#include <mote_guest/moteg.h>

MOTEG_FUNCTION(str, SayHello, (str, name))
{
    return moteg_format("Hello, %s!", name);
}
