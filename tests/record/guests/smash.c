/* SPDX-License-Identifier: Apache-2.0 */
/* A guest whose function writes past the end of its own frame. */
#include <mote_guest/moteg.h>

static __attribute__((noinline)) void fill(volatile char *place, int32_t n_bytes)
{
    for (int32_t i = 0; i < n_bytes; i++)
        place[i] = 'x';
}

/* Up to 16 bytes are its own. */
MOTEG_FUNCTION(i32, Smash, (i32, n_bytes))
{
    char buffer[16];
    fill(buffer, n_bytes);
    return n_bytes;
}

/* What the stack protector compares with. */
MOTEG_FUNCTION(u64, Canary)
{
    uint64_t canary;
    __asm__("mov %%fs:0x28, %0" : "=r"(canary));
    return canary;
}
