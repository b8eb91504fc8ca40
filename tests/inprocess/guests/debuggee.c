/* SPDX-License-Identifier: Apache-2.0 */
/* A guest to stop in, and one mistake for valgrind. */
#include <mote_guest/moteg.h>

static __attribute__((noinline)) int32_t doubled(int32_t n)
{
    volatile int32_t result = n * 2;
    return result;
}

MOTEG_FUNCTION(i32, Double, (i32, n))
{
    return doubled(n);
}

/* Decides by something that was never written. */
MOTEG_FUNCTION(i32, Guess)
{
    volatile int32_t room[16];
    return room[7] > 0 ? 1 : 2;
}

MOTEG_FUNCTION(void, Crash)
{
    __asm__ volatile("movl $1, 8" : : : "memory");
}
