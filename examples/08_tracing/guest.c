/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that asks its host twice for a word, and one that breaks. */
#include <mote_guest/moteg.h>

MOTEG_HOST_FUNCTION(str, Translate, (str, word));

MOTEG_FUNCTION(str, Greet, (str, name))
{
    /* What the host gave is there until it is asked again. */
    const char *hello = moteg_format("%s", Translate("hello"));
    return moteg_format("%s, %s!", hello, Translate(name));
}

MOTEG_FUNCTION(void, Break)
{
    *(volatile int *)0 = 1;
}
