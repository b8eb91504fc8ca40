/* SPDX-License-Identifier: Apache-2.0 */
/* <math.h>: signs, remainders and powers of two, which the x87 unit makes exactly. */
#include "guest/libc/own.h"

#include <math.h>

double fabs(double value)
{
    return __builtin_fabs(value);
}

MT_MAY_BE_THE_GUESTS float fabsf(float value)
{
    return __builtin_fabsf(value);
}

long double fabsl(long double value)
{
    return __builtin_fabsl(value);
}

double copysign(double magnitude, double sign)
{
    return __builtin_copysign(magnitude, sign);
}

MT_MAY_BE_THE_GUESTS float copysignf(float magnitude, float sign)
{
    return __builtin_copysignf(magnitude, sign);
}

long double copysignl(long double magnitude, long double sign)
{
    return __builtin_copysignl(magnitude, sign);
}

/* One `fprem` takes at most 63 bits off the exponent, and sets C2 while there is more. */
long double fmodl(long double a, long double b)
{
    __asm__("1: fprem\n\t"
            "fnstsw %%ax\n\t"
            "testb $4, %%ah\n\t"
            "jnz 1b"
            : "+t"(a)
            : "u"(b)
            : "ax", "cc");
    return a;
}

/* The remainder of two doubles is a double, so that nothing is rounded. */
double fmod(double a, double b)
{
    return (double)fmodl(a, b);
}

MT_MAY_BE_THE_GUESTS float fmodf(float a, float b)
{
    return (float)fmodl(a, b);
}

long double scalbnl(long double value, int exponent)
{
    long double power = exponent;
    __asm__("fscale" : "+t"(value) : "u"(power));
    return value;
}

/* Exact in the wider exponent range of the x87 unit: it is rounded once, on the way back. */
MT_MAY_BE_THE_GUESTS double scalbn(double value, int exponent)
{
    return (double)scalbnl(value, exponent);
}

MT_MAY_BE_THE_GUESTS float scalbnf(float value, int exponent)
{
    return (float)scalbnl(value, exponent);
}

MT_MAY_BE_THE_GUESTS double ldexp(double value, int exponent)
{
    return (double)scalbnl(value, exponent);
}
