/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that reports an error, and one that crashes. */
#include <mote_guest/moteg.h>

enum { CODE_DIVISION_BY_ZERO = 100 };

MOTEG_FUNCTION(i32, Divide, (i32, dividend), (i32, divisor))
{
    if (divisor == 0) {
        moteg_fail(CODE_DIVISION_BY_ZERO, "%d cannot be divided by zero", dividend);
    }
    return dividend / divisor;
}

MOTEG_FUNCTION(i32, Crash)
{
    const volatile int *nowhere = NULL;
    return *nowhere;
}
