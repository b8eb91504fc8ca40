/* SPDX-License-Identifier: Apache-2.0 */
/* <math.h>: what needs no approximation. */
#ifndef MOTE_GUEST_LIBC_MATH_H
#define MOTE_GUEST_LIBC_MATH_H

#ifdef __cplusplus
extern "C" {
#endif

typedef float float_t;
typedef double double_t;

#define HUGE_VAL __builtin_huge_val()
#define HUGE_VALF __builtin_huge_valf()
#define HUGE_VALL __builtin_huge_vall()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

#define FP_NAN 0
#define FP_INFINITE 1
#define FP_ZERO 2
#define FP_SUBNORMAL 3
#define FP_NORMAL 4
#define fpclassify(x) \
    __builtin_fpclassify(FP_NAN, FP_INFINITE, FP_NORMAL, FP_SUBNORMAL, FP_ZERO, (x))
#define isfinite(x) __builtin_isfinite(x)
#define isinf(x) __builtin_isinf(x)
#define isnan(x) __builtin_isnan(x)
#define isnormal(x) __builtin_isnormal(x)
#define signbit(x) __builtin_signbit(x)

double fabs(double value);
float fabsf(float value);
long double fabsl(long double value);
double copysign(double magnitude, double sign);
float copysignf(float magnitude, float sign);
long double copysignl(long double magnitude, long double sign);
double fmod(double a, double b);
float fmodf(float a, float b);
long double fmodl(long double a, long double b);
double scalbn(double value, int exponent);
float scalbnf(float value, int exponent);
long double scalbnl(long double value, int exponent);
double ldexp(double value, int exponent);

#ifdef __cplusplus
}
#endif

#endif
