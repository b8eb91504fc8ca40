/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that reports an error, and crashes where it is told to. */
#include <mote_guest/moteg.h>

enum { CODE_DIVISION_BY_ZERO = 100 };

MOTEG_FUNCTION(i32, Divide, (i32, dividend), (i32, divisor))
{
    if (divisor == 0) {
        moteg_fail(CODE_DIVISION_BY_ZERO, "%d cannot be divided by zero", dividend);
    }
    return dividend / divisor;
}

MOTEG_FUNCTION(i32, Peek, (u64, address))
{
    return *(const volatile int32_t *)(uintptr_t)address;
}
