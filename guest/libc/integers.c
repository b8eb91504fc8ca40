/* SPDX-License-Identifier: Apache-2.0 */
/* strtol() and its family. */
#include "guest/libc/own.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* What stands in the text: a magnitude, or that it is too large for 64 bits. */
struct integer {
    uint64_t magnitude;
    bool is_negative;
    bool is_too_large;
};

/* The value of a digit in any base up to 36; 36 for what is none. */
static unsigned digit_of(char c)
{
    if (isdigit((unsigned char)c))
        return (unsigned)(c - '0');
    if (isalpha((unsigned char)c))
        return (unsigned)(tolower((unsigned char)c) - 'a') + 10;
    return 36;
}

/* Skip "0x" where it is followed by a digit, and settle a base of 0. */
static const char *skip_prefix(const char *text, unsigned *base)
{
    bool is_hexadecimal =
        text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit_of(text[2]) < 16;
    if ((*base == 0 || *base == 16) && is_hexadecimal) {
        *base = 16;
        return text + 2;
    }
    if (*base == 0)
        *base = text[0] == '0' ? 8 : 10;
    return text;
}

static struct integer parse(const char *text, char **end, int wanted_base)
{
    struct integer found = {0};
    const char *at = text, *behind = text;
    unsigned base = (unsigned)wanted_base;
    if (wanted_base < 0 || wanted_base == 1 || wanted_base > 36) {
        errno = EINVAL;
        base = 1; /* no digit is below it: nothing is parsed */
    }
    while (isspace((unsigned char)*at))
        at++;
    if (*at == '-' || *at == '+')
        found.is_negative = *at++ == '-';
    at = skip_prefix(at, &base);
    for (; digit_of(*at) < base && base != 1; at++) {
        bool overflows = __builtin_mul_overflow(found.magnitude, base, &found.magnitude) ||
                         __builtin_add_overflow(found.magnitude, digit_of(*at), &found.magnitude);
        found.is_too_large = found.is_too_large || overflows;
        behind = at + 1;
    }
    if (end != NULL)
        *end = (char *)(uintptr_t)behind;
    return found;
}

static long long to_signed(const struct integer *found)
{
    uint64_t most = (uint64_t)LLONG_MAX + (found->is_negative ? 1 : 0);
    if (found->is_too_large || found->magnitude > most) {
        errno = ERANGE;
        return found->is_negative ? LLONG_MIN : LLONG_MAX;
    }
    return (long long)(found->is_negative ? 0 - found->magnitude : found->magnitude);
}

static unsigned long long to_unsigned(const struct integer *found)
{
    if (found->is_too_large) {
        errno = ERANGE;
        return ULLONG_MAX;
    }
    return found->is_negative ? 0 - found->magnitude : found->magnitude;
}

long strtol(const char *text, char **end, int base)
{
    struct integer found = parse(text, end, base);
    return (long)to_signed(&found);
}

long long strtoll(const char *text, char **end, int base)
{
    struct integer found = parse(text, end, base);
    return to_signed(&found);
}

unsigned long strtoul(const char *text, char **end, int base)
{
    struct integer found = parse(text, end, base);
    return (unsigned long)to_unsigned(&found);
}

unsigned long long strtoull(const char *text, char **end, int base)
{
    struct integer found = parse(text, end, base);
    return to_unsigned(&found);
}

int atoi(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

MT_MAY_BE_THE_GUESTS long atol(const char *text)
{
    return strtol(text, NULL, 10);
}

MT_MAY_BE_THE_GUESTS long long atoll(const char *text)
{
    return strtoll(text, NULL, 10);
}

MT_MAY_BE_THE_GUESTS intmax_t imaxabs(intmax_t value)
{
    return value < 0 ? -value : value;
}

intmax_t strtoimax(const char *text, char **end, int base)
{
    return strtoll(text, end, base);
}

uintmax_t strtoumax(const char *text, char **end, int base)
{
    return strtoull(text, end, base);
}
