/* SPDX-License-Identifier: Apache-2.0 */
/* A guest to stop in, with one mistake for valgrind, that tells how it rounds. */
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
    volatile int32_t room[64]; /* more than a red zone has room for */
    if (room[40] > 0)
        return doubled(1); /* a call, so that there is a jump */
    return 1;
}

/* MXCSR. */
MOTEG_FUNCTION(u32, Rounding)
{
    uint32_t mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr;
}

MOTEG_FUNCTION(void, Crash)
{
    __asm__ volatile("movl $1, 8" : : : "memory");
}
