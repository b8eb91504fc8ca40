/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that asks its host twice in the middle of a call and uses its own arguments afterwards.
 */
#include <mote_guest/moteg.h>

MOTEG_HOST_FUNCTION(str, EchoStr, (str, text));

MOTEG_FUNCTION(str, AskTwice, (str, before), (bytes, data), (str, after))
{
    const char *first = EchoStr("a longer answer than the arguments are, to take their place");
    const char *second = EchoStr("short");
    return moteg_format("%s %zu %d %s %zu %s", before, data.len_bytes, data.data[2], after,
                        __builtin_strlen(first), second);
}
