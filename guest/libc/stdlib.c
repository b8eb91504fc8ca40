/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of the program, small arithmetic, random numbers. */
#include "guest/libc/own.h"

#include <assert.h>
#include <mote_guest/moteg.h>
#include <stdlib.h>

void abort(void)
{
    moteg_abort(MOTEG_CODE_UNKNOWN, "abort() was called");
}

void exit(int status)
{
    moteg_abort(MOTEG_CODE_UNKNOWN, "exit(%d) was called", status);
}

void _Exit(int status)
{
    exit(status);
}

/* A guest never ends of its own accord, so nothing is ever run. */
int atexit(void (*fn)(void))
{
    (void)fn;
    return 0;
}

char *getenv(const char *name)
{
    (void)name;
    return NULL;
}

void __assert_fail(const char *condition, const char *file, unsigned line, const char *function)
{
    moteg_abort(MOTEG_CODE_UNKNOWN, "%s:%u: %s: assertion failed: %s", file, line, function,
                condition);
}

MT_MAY_BE_THE_GUESTS int abs(int value)
{
    return value < 0 ? -value : value;
}

MT_MAY_BE_THE_GUESTS long labs(long value)
{
    return value < 0 ? -value : value;
}

MT_MAY_BE_THE_GUESTS long long llabs(long long value)
{
    return value < 0 ? -value : value;
}

MT_MAY_BE_THE_GUESTS div_t div(int a, int b)
{
    return (div_t){a / b, a % b};
}

MT_MAY_BE_THE_GUESTS ldiv_t ldiv(long a, long b)
{
    return (ldiv_t){a / b, a % b};
}

MT_MAY_BE_THE_GUESTS lldiv_t lldiv(long long a, long long b)
{
    return (lldiv_t){a / b, a % b};
}

/* One step of splitmix64: any state gives a full-period sequence. */
static unsigned long long next_random(unsigned long long *state)
{
    *state += 0x9E3779B97F4A7C15ull;
    unsigned long long mixed = *state;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9ull;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBull;
    return mixed ^ mixed >> 31;
}

static unsigned long long random_state = 1;

void srand(unsigned seed)
{
    random_state = seed;
}

int rand(void)
{
    return (int)(next_random(&random_state) & RAND_MAX);
}

MT_MAY_BE_THE_GUESTS int rand_r(unsigned *seed)
{
    unsigned long long state = *seed;
    int value = (int)(next_random(&state) & RAND_MAX);
    *seed = (unsigned)(state ^ state >> 32);
    return value;
}
