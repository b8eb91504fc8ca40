/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that says what it does, and one that says too much. */
#include <mote_guest/moteg.h>
#include <stdio.h>

MOTEG_FUNCTION(u32, Register, (str, name))
{
    moteg_log(MOTEG_LOG_DEBUG, "asked to register");
    size_t len_bytes = moteg_str_bytes(name);
    if (len_bytes > 8)
        moteg_log(MOTEG_LOG_WARNING, "a long name: %s", name);
    printf("%s is registered\n", name);
    return (uint32_t)len_bytes;
}

MOTEG_FUNCTION(void, Chatter, (u32, n))
{
    for (uint32_t i = 0; i < n; i++)
        moteg_log(MOTEG_LOG_INFORMATION, "still here, %u", i);
}
