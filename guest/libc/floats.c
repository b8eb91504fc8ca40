/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strtod() and strtof(), correctly rounded. The decimal is an exact fraction of two integers, which
 * is divided bit by bit until 64 bits are known; what is left tells whether more would follow.
 */
#include "guest/libc/own.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A halfway point between two doubles has at most 767 digits: what follows these cannot matter, but
 * for being there. */
#define MAX_DIGITS 800
/* For 10 to the power of 330 + MAX_DIGITS and a bit to shift. */
#define MAX_LIMBS 128
#define MAX_EXPONENT 100000

/* What a binary format holds. */
struct format {
    int bits;         /* of the mantissa, its leading one counted */
    int min_exponent; /* of the leading one in normal numbers */
    uint64_t infinity;
};

static const struct format double_format = {53, -1022, UINT64_C(0x7FF) << 52};
static const struct format float_format = {24, -126, UINT64_C(0xFF) << 23};

struct big {
    uint32_t limb[MAX_LIMBS]; /* lowest first */
    int n;                    /* limbs in use; the last of them is not 0 */
};

static void multiply_add(struct big *number, uint32_t factor, uint32_t carry)
{
    uint64_t sum = carry;
    for (int i = 0; i < number->n; i++) {
        sum += (uint64_t)number->limb[i] * factor;
        number->limb[i] = (uint32_t)sum;
        sum >>= 32;
    }
    if (sum != 0)
        number->limb[number->n++] = (uint32_t)sum;
}

static void multiply_by_power_of_ten(struct big *number, int power)
{
    for (; power >= 9; power -= 9)
        multiply_add(number, 1000000000, 0);
    for (; power > 0; power--)
        multiply_add(number, 10, 0);
}

static int bits_of(const struct big *number)
{
    return number->n * 32 - __builtin_clz(number->limb[number->n - 1]);
}

static void shift_left(struct big *number, int bits)
{
    int limbs = bits / 32;
    if (limbs != 0) {
        memmove(number->limb + limbs, number->limb, (size_t)number->n * sizeof(uint32_t));
        memset(number->limb, 0, (size_t)limbs * sizeof(uint32_t));
        number->n += limbs;
    }
    if (bits % 32 != 0)
        multiply_add(number, UINT32_C(1) << bits % 32, 0);
}

static bool is_less(const struct big *a, const struct big *b)
{
    if (a->n != b->n)
        return a->n < b->n;
    for (int i = a->n - 1; i >= 0; i--) {
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i];
    }
    return false;
}

static void subtract(struct big *from, const struct big *what)
{
    int64_t borrow = 0;
    for (int i = 0; i < from->n; i++) {
        int64_t difference = (int64_t)from->limb[i] - (i < what->n ? what->limb[i] : 0) + borrow;
        from->limb[i] = (uint32_t)difference;
        borrow = difference < 0 ? -1 : 0;
    }
    while (from->n > 0 && from->limb[from->n - 1] == 0)
        from->n--;
}

/* A positive number: leading / 2^63 * 2^exponent, leading's highest bit being set, and more when
 * is_inexact. */
struct binary {
    uint64_t leading;
    int exponent;
    bool is_inexact;
};

static struct binary divide(struct big *numerator, struct big *denominator)
{
    struct binary quotient = {0};
    int shift = bits_of(numerator) - bits_of(denominator);
    shift_left(shift > 0 ? denominator : numerator, shift > 0 ? shift : -shift);
    quotient.exponent = shift;
    if (is_less(numerator, denominator)) {
        shift_left(numerator, 1);
        quotient.exponent--;
    }
    for (int i = 0; i < 64; i++) {
        bool bit = !is_less(numerator, denominator);
        if (bit)
            subtract(numerator, denominator);
        quotient.leading = quotient.leading << 1 | (bit ? 1 : 0);
        if (numerator->n != 0)
            shift_left(numerator, 1);
    }
    quotient.is_inexact = numerator->n != 0;
    return quotient;
}

/* The format's bits for a number, rounded to nearest and halves to even. */
static uint64_t encode(const struct format *format, const struct binary *number)
{
    bool is_small = number->exponent < format->min_exponent;
    int64_t bits = format->bits;
    if (is_small)
        bits -= (int64_t)format->min_exponent - number->exponent;
    if (bits < 0) {
        errno = ERANGE;
        return 0;
    }
    uint64_t kept = bits == 0 ? 0 : number->leading >> (64 - bits);
    uint64_t rest = number->leading << bits;
    uint64_t half = UINT64_C(1) << 63;
    if (rest > half || (rest == half && (number->is_inexact || kept % 2 != 0)))
        kept++;
    if (is_small && (rest != 0 || number->is_inexact))
        errno = ERANGE;
    /* A mantissa that rounding made one bit longer carries into the exponent, as it should. */
    int64_t above = is_small ? 0 : (int64_t)number->exponent - format->min_exponent;
    if (above > 2048 || ((uint64_t)above << (format->bits - 1)) + kept >= format->infinity) {
        errno = ERANGE;
        return format->infinity;
    }
    return ((uint64_t)above << (format->bits - 1)) + kept;
}

/* The digits of a decimal: 0.d1 d2 ... times ten to the power of point. */
struct decimal {
    uint8_t digit[MAX_DIGITS + 1];
    int n;
    int64_t point;
};

static void add_digit(struct decimal *decimal, uint8_t digit)
{
    if (decimal->n < MAX_DIGITS)
        decimal->digit[decimal->n++] = digit;
    else if (digit != 0) /* the last one only says that there is more */
        decimal->digit[MAX_DIGITS] = 1;
}

/* Digits with at most one point among them. NULL when there is no digit. */
static const char *parse_digits(const char *at, struct decimal *decimal)
{
    bool has_point = false, has_digit = false;
    for (;; at++) {
        if (*at == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (!isdigit((unsigned char)*at))
            break;
        has_digit = true;
        bool is_leading_zero = decimal->n == 0 && *at == '0';
        if (!is_leading_zero)
            add_digit(decimal, (uint8_t)(*at - '0'));
        if (!has_point && !is_leading_zero)
            decimal->point++;
        if (has_point && is_leading_zero)
            decimal->point--;
    }
    return has_digit ? at : NULL;
}

/* An exponent, if a whole one is there. */
static const char *parse_exponent(const char *at, char letter, int64_t *exponent)
{
    *exponent = 0;
    if (tolower((unsigned char)*at) != letter)
        return at;
    const char *digits = at + 1;
    bool is_negative = *digits == '-';
    if (*digits == '-' || *digits == '+')
        digits++;
    if (!isdigit((unsigned char)*digits))
        return at;
    int64_t value = 0;
    for (; isdigit((unsigned char)*digits); digits++) {
        if (value < (int64_t)MAX_EXPONENT * MAX_EXPONENT)
            value = value * 10 + (*digits - '0');
    }
    *exponent = is_negative ? -value : value;
    return digits;
}

static uint64_t encode_decimal(const struct format *format, struct decimal *decimal)
{
    if (decimal->n == 0)
        return 0;
    if (decimal->digit[MAX_DIGITS] != 0)
        decimal->n++;
    bool is_huge = decimal->point > 310, is_tiny = decimal->point < -330;
    if (is_huge || is_tiny) {
        errno = ERANGE;
        return is_huge ? format->infinity : 0;
    }
    struct big numerator = {.n = 0}, denominator = {.limb = {1}, .n = 1};
    for (int i = 0; i < decimal->n; i++)
        multiply_add(&numerator, 10, decimal->digit[i]);
    int power = (int)decimal->point - decimal->n;
    multiply_by_power_of_ten(power > 0 ? &numerator : &denominator, power > 0 ? power : -power);
    struct binary number = divide(&numerator, &denominator);
    return encode(format, &number);
}

/* Few digits and a small power of ten: both are exact doubles, so one operation rounds once. */
static bool encode_short_decimal(const struct decimal *decimal, uint64_t *encoded)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t power = decimal->point - decimal->n;
    if (decimal->n > 15 || power > 22 || power < -22)
        return false;
    uint64_t digits = 0;
    for (int i = 0; i < decimal->n; i++)
        digits = digits * 10 + decimal->digit[i];
    double value = (double)digits;
    value = power >= 0 ? value * powers[power] : value / powers[-power];
    memcpy(encoded, &value, sizeof(value));
    return true;
}

static const char *parse_decimal(const char *at, const struct format *format, uint64_t *encoded)
{
    struct decimal decimal = {.n = 0};
    int64_t exponent;
    at = parse_digits(at, &decimal);
    if (at == NULL)
        return NULL;
    at = parse_exponent(at, 'e', &exponent);
    decimal.point += exponent;
    if (format != &double_format || !encode_short_decimal(&decimal, encoded))
        *encoded = encode_decimal(format, &decimal);
    return at;
}

static int hexadecimal_digit(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* From behind the 0x. NULL when no digit follows. */
static const char *parse_hexadecimal(const char *at, const struct format *format, uint64_t *encoded)
{
    uint64_t leading = 0;
    int64_t exponent = 0, written;
    bool has_point = false, has_digit = false, is_inexact = false;
    for (;; at++) {
        int digit = hexadecimal_digit(*at);
        if (*at == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (digit < 0)
            break;
        has_digit = true;
        bool fits = leading >> 60 == 0;
        if (fits)
            leading = leading << 4 | (unsigned)digit;
        else
            is_inexact = is_inexact || digit != 0;
        exponent += (fits ? 0 : 4) - (has_point ? 4 : 0);
    }
    if (!has_digit)
        return NULL;
    at = parse_exponent(at, 'p', &written);
    *encoded = 0;
    if (leading == 0)
        return at;
    int zeroes = __builtin_clzll(leading);
    exponent += written + 63 - zeroes;
    if (exponent > MAX_EXPONENT || exponent < -MAX_EXPONENT)
        exponent = exponent > 0 ? MAX_EXPONENT : -MAX_EXPONENT;
    struct binary number = {leading << zeroes, (int)exponent, is_inexact};
    *encoded = encode(format, &number);
    return at;
}

static bool starts_with(const char *text, const char *word)
{
    for (; *word != '\0'; text++, word++) {
        if (tolower((unsigned char)*text) != *word)
            return false;
    }
    return true;
}

static const char *parse_name(const char *at, const struct format *format, uint64_t *encoded)
{
    *encoded = format->infinity;
    if (starts_with(at, "infinity"))
        return at + 8;
    if (starts_with(at, "inf"))
        return at + 3;
    if (!starts_with(at, "nan"))
        return NULL;
    *encoded |= UINT64_C(1) << (format->bits - 2); /* a quiet one */
    at += 3;
    if (*at != '(')
        return at;
    const char *close = at + 1;
    while (isalnum((unsigned char)*close) || *close == '_')
        close++;
    return *close == ')' ? close + 1 : at;
}

/* Parse any number; returns its bits without the sign. */
static uint64_t parse(const char *text, char **end, const struct format *format, bool *is_negative)
{
    uint64_t encoded = 0;
    const char *at = text;
    while (isspace((unsigned char)*at))
        at++;
    *is_negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    const char *behind = NULL;
    if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
        behind = parse_hexadecimal(at + 2, format, &encoded);
    if (behind == NULL)
        behind = parse_decimal(at, format, &encoded);
    if (behind == NULL)
        behind = parse_name(at, format, &encoded);
    if (behind == NULL) {
        behind = text;
        encoded = 0;
        *is_negative = false;
    }
    if (end != NULL)
        *end = (char *)(uintptr_t)behind;
    return encoded;
}

double strtod(const char *text, char **end)
{
    bool is_negative;
    uint64_t bits = parse(text, end, &double_format, &is_negative);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return is_negative ? -value : value;
}

float strtof(const char *text, char **end)
{
    bool is_negative;
    uint32_t bits = (uint32_t)parse(text, end, &float_format, &is_negative);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return is_negative ? -value : value;
}

/* No more exact than a double: long double is not what guests count with. */
long double strtold(const char *text, char **end)
{
    return strtod(text, end);
}

MT_MAY_BE_THE_GUESTS double atof(const char *text)
{
    return strtod(text, NULL);
}
