/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubles in decimal and hexadecimal. Decimals are exact: a double is an integer times a power of
 * two, so its decimal expansion ends; all digits are made first, then rounded to what was asked.
 */
#include "guest/libc/print.h"

#include <limits.h>
#include <string.h>

#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1075 /* of the mantissa taken as an integer */
#define GROUP 1000000000u  /* nine decimal digits at a time */
#define GROUP_DIGITS 9

/* The most decimal digits that a finite double has: 309 before the point, 1,074 after it. */
#define MAX_DIGITS 1400

/* A finite double in decimal, exact: 0.d1 d2 d3... times ten to the power of point. n is 0 for
 * zero, else d1 is not 0; there may be zeroes at the end. */
struct decimal {
    int point;
    int n;
    char digits[MAX_DIGITS]; /* '0' to '9' */
};

/* An integer in groups of nine digits, lowest first: 309 digits and some to spare. */
struct groups {
    uint32_t group[40];
    int n;
};

static void multiply_by_power(struct groups *number, int power_of_two)
{
    while (power_of_two > 0) {
        int shift = power_of_two < 29 ? power_of_two : 29;
        uint64_t carry = 0;
        for (int i = 0; i < number->n; i++) {
            uint64_t product = ((uint64_t)number->group[i] << shift) + carry;
            number->group[i] = (uint32_t)(product % GROUP);
            carry = product / GROUP;
        }
        if (carry != 0)
            number->group[number->n++] = (uint32_t)carry;
        power_of_two -= shift;
    }
}

static void put_group(struct decimal *decimal, uint32_t group)
{
    char digits[GROUP_DIGITS];
    for (int i = GROUP_DIGITS - 1; i >= 0; i--) {
        digits[i] = (char)('0' + group % 10);
        group /= 10;
    }
    int skipped = 0;
    /* Zeroes before the first digit only move the point. */
    while (decimal->n == 0 && skipped < GROUP_DIGITS && digits[skipped] == '0') {
        skipped++;
        decimal->point--;
    }
    memcpy(decimal->digits + decimal->n, digits + skipped, (size_t)(GROUP_DIGITS - skipped));
    decimal->n += GROUP_DIGITS - skipped;
}

/* The integer mantissa * 2^power, power >= 0. */
static void put_integer(struct decimal *decimal, uint64_t mantissa, int power)
{
    struct groups number = {.n = 0};
    for (; mantissa != 0; mantissa /= GROUP)
        number.group[number.n++] = (uint32_t)(mantissa % GROUP);
    multiply_by_power(&number, power);
    decimal->point += number.n * GROUP_DIGITS;
    for (int i = number.n - 1; i >= 0; i--)
        put_group(decimal, number.group[i]);
}

/* The fraction part / 2^power, 0 < power <= 1074, part < 2^power and below 2^53: multiplied by
 * GROUP again and again, with what rises above the point as the next nine digits. */
static void put_fraction(struct decimal *decimal, uint64_t part, int power)
{
    uint32_t limbs[36] = {0}; /* lowest first; the point is above the last */
    int n = (power + 31) / 32;
    int shift = n * 32 - power;
    __extension__ unsigned __int128 shifted = (unsigned __int128)part << shift;
    for (int i = 0; i < 4 && i < n; i++)
        limbs[i] = (uint32_t)(shifted >> (32 * i));
    int lowest = 0;
    while (lowest < n) {
        if (limbs[lowest] == 0) {
            lowest++;
            continue;
        }
        uint64_t carry = 0;
        for (int i = lowest; i < n; i++) {
            uint64_t product = (uint64_t)limbs[i] * GROUP + carry;
            limbs[i] = (uint32_t)product;
            carry = product >> 32;
        }
        put_group(decimal, (uint32_t)carry);
    }
}

static void split(double magnitude, uint64_t *mantissa, int *power)
{
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof(bits));
    int exponent = (int)(bits >> MANTISSA_BITS & 0x7FF);
    *mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    if (exponent != 0)
        *mantissa |= UINT64_C(1) << MANTISSA_BITS;
    *power = (exponent != 0 ? exponent : 1) - EXPONENT_BIAS;
}

static void decimal_of(double magnitude, struct decimal *decimal)
{
    uint64_t mantissa;
    int power;
    split(magnitude, &mantissa, &power);
    decimal->n = 0;
    decimal->point = 0;
    if (mantissa == 0)
        return;
    if (power >= 0) {
        put_integer(decimal, mantissa, power);
        return;
    }
    uint64_t whole = -power < 64 ? mantissa >> -power : 0;
    put_integer(decimal, whole, 0);
    uint64_t part = -power < 64 ? mantissa - (whole << -power) : mantissa;
    put_fraction(decimal, part, -power);
}

static bool rounds_up(const struct decimal *decimal, int n)
{
    if (decimal->digits[n] != '5')
        return decimal->digits[n] > '5';
    for (int i = n + 1; i < decimal->n; i++) {
        if (decimal->digits[i] != '0')
            return true;
    }
    return n > 0 && (decimal->digits[n - 1] - '0') % 2 != 0;
}

/* Keep n digits (0 and less too), rounding to nearest and halves to even. */
static void decimal_round(struct decimal *decimal, int n)
{
    if (n >= decimal->n)
        return;
    if (n < 0) {
        decimal->n = 0;
        return;
    }
    bool up = rounds_up(decimal, n);
    decimal->n = n;
    if (!up)
        return;
    while (n > 0 && decimal->digits[n - 1] == '9')
        decimal->digits[--n] = '0';
    if (n > 0) {
        decimal->digits[n - 1]++;
        return;
    }
    /* All nines: one digit more, before the point. */
    decimal->digits[0] = '1';
    if (decimal->n == 0)
        decimal->n = 1;
    decimal->point++;
}

/* A number as it will be printed, in the order of its parts; zeroes are counted, not stored. */
struct parts {
    char before[8]; /* sign, 0x */
    const char *first;
    int n_first;
    int first_zeroes; /* after `first` */
    bool has_point;
    int second_zeroes; /* before `second` */
    const char *second;
    int n_second;
    int last_zeroes;
    char exponent[8];
};

static void put_parts(struct mt_sink *sink, const struct mt_conversion *conversion,
                      const struct parts *parts)
{
    int64_t len = (int64_t)strlen(parts->before) + parts->n_first + parts->first_zeroes +
                  (parts->has_point ? 1 : 0) + (int64_t)parts->second_zeroes + parts->n_second +
                  (int64_t)parts->last_zeroes + (int64_t)strlen(parts->exponent);
    int padding = conversion->width > len ? (int)(conversion->width - len) : 0;
    bool with_zeroes = conversion->zero && !conversion->left;
    if (!conversion->left && !with_zeroes)
        mt_put_repeated(sink, ' ', padding);
    mt_put(sink, parts->before, strlen(parts->before));
    if (with_zeroes)
        mt_put_repeated(sink, '0', padding);
    mt_put(sink, parts->first, (size_t)parts->n_first);
    mt_put_repeated(sink, '0', parts->first_zeroes);
    if (parts->has_point)
        mt_put(sink, ".", 1);
    mt_put_repeated(sink, '0', parts->second_zeroes);
    mt_put(sink, parts->second, (size_t)parts->n_second);
    mt_put_repeated(sink, '0', parts->last_zeroes);
    mt_put(sink, parts->exponent, strlen(parts->exponent));
    if (conversion->left)
        mt_put_repeated(sink, ' ', padding);
}

static void set_exponent(struct parts *parts, char letter, int value, int min_digits)
{
    char *at = parts->exponent;
    unsigned magnitude = value < 0 ? 0u - (unsigned)value : (unsigned)value;
    *at++ = letter;
    *at++ = value < 0 ? '-' : '+';
    for (unsigned unit = 1000; unit != 0; unit /= 10) {
        min_digits = magnitude >= unit && min_digits < 4 ? 4 : min_digits;
        bool is_needed = magnitude >= unit || unit == 1 || (unit == 10 && min_digits >= 2);
        if (is_needed)
            *at++ = (char)('0' + magnitude / unit % 10);
    }
    *at = '\0';
}

/* As %f, with precision digits after the point. decimal is rounded already. */
static void fix_parts(const struct decimal *decimal, int precision, struct parts *parts)
{
    int point = decimal->n != 0 ? decimal->point : 0;
    int n_before = point < 0 ? 0 : point < decimal->n ? point : decimal->n;
    parts->first = decimal->digits;
    parts->n_first = n_before;
    parts->first_zeroes = point > n_before ? point - n_before : n_before == 0 ? 1 : 0;
    parts->second_zeroes = point < 0 ? (-point < precision ? -point : precision) : 0;
    parts->second = decimal->digits + n_before;
    parts->n_second = decimal->n - n_before;
    if (parts->n_second > precision - parts->second_zeroes)
        parts->n_second = precision - parts->second_zeroes;
    parts->last_zeroes = precision - parts->second_zeroes - parts->n_second;
}

/* As %e, with precision digits after the point. decimal is rounded already. */
static void scale_parts(const struct decimal *decimal, int precision, char letter,
                        struct parts *parts)
{
    bool is_zero = decimal->n == 0;
    parts->first = decimal->digits;
    parts->n_first = is_zero ? 0 : 1;
    parts->first_zeroes = is_zero ? 1 : 0;
    parts->second = decimal->digits + parts->n_first;
    parts->n_second = is_zero ? 0 : decimal->n - 1;
    if (parts->n_second > precision)
        parts->n_second = precision;
    parts->last_zeroes = precision - parts->n_second;
    set_exponent(parts, letter, is_zero ? 0 : decimal->point - 1, 2);
}

static void drop_last_zeroes(struct decimal *decimal)
{
    while (decimal->n > 0 && decimal->digits[decimal->n - 1] == '0')
        decimal->n--;
}

/* As %g: the shorter of the two forms, by the exponent that %e would show. */
static void general_parts(struct decimal *decimal, const struct mt_conversion *conversion,
                          int precision, char letter, struct parts *parts)
{
    int significant = precision == 0 ? 1 : precision;
    /* Room for an exponent of -4; no double has so many digits. */
    if (significant > INT_MAX - 4)
        significant = INT_MAX - 4;
    decimal_round(decimal, significant);
    int exponent = decimal->n != 0 ? decimal->point - 1 : 0;
    drop_last_zeroes(decimal);
    bool is_fixed = exponent >= -4 && exponent < significant;
    int after = is_fixed ? significant - 1 - exponent : significant - 1;
    if (!conversion->alternate) {
        int needed = is_fixed ? decimal->n - exponent - 1 : decimal->n - 1;
        if (decimal->n == 0 || needed < 0)
            needed = 0;
        after = needed < after ? needed : after;
    }
    if (is_fixed)
        fix_parts(decimal, after, parts);
    else
        scale_parts(decimal, after, letter, parts);
    parts->has_point = after > 0 || conversion->alternate;
}

static void decimal_parts(double magnitude, const struct mt_conversion *conversion,
                          struct decimal *decimal, struct parts *parts)
{
    int precision = conversion->precision < 0 ? 6 : conversion->precision;
    char letter = conversion->letter;
    decimal_of(magnitude, decimal);
    parts->has_point = precision > 0 || conversion->alternate;
    if (letter == 'g' || letter == 'G') {
        general_parts(decimal, conversion, precision, letter == 'g' ? 'e' : 'E', parts);
    } else if (letter == 'e' || letter == 'E') {
        if (precision < MAX_DIGITS)
            decimal_round(decimal, precision + 1);
        scale_parts(decimal, precision, letter, parts);
    } else {
        if (precision < MAX_DIGITS && decimal->n != 0)
            decimal_round(decimal, decimal->point + precision);
        fix_parts(decimal, precision, parts);
    }
}

/* As %a: one digit, the point, up to 13 digits, a power of two. Zero and subnormal numbers begin
 * with 0, all others with 1. */
static void hexadecimal_parts(double magnitude, const struct mt_conversion *conversion,
                              char digits[16], struct parts *parts)
{
    bool is_upper = conversion->letter == 'A';
    uint64_t mantissa;
    int power;
    split(magnitude, &mantissa, &power);
    bool is_zero = mantissa == 0;
    int precision = conversion->precision;
    if (precision >= 0 && precision < 13) {
        int dropped = 4 * (13 - precision);
        uint64_t unit = UINT64_C(1) << dropped, rest = mantissa & (unit - 1);
        mantissa -= rest;
        if (rest > unit / 2 || (rest == unit / 2 && (mantissa & unit) != 0))
            mantissa += unit;
    }
    int n = 13;
    for (int i = 0; i <= 13; i++) {
        unsigned digit = (unsigned)(mantissa >> (4 * (13 - i)) & 15);
        digits[i] = (is_upper ? "0123456789ABCDEF" : "0123456789abcdef")[digit];
    }
    while (precision < 0 && n > 0 && digits[n] == '0')
        n--;
    size_t n_before = strlen(parts->before);
    memcpy(parts->before + n_before, is_upper ? "0X" : "0x", sizeof("0x"));
    parts->first = digits;
    parts->n_first = 1;
    parts->second = digits + 1;
    parts->n_second = precision >= 0 && precision < n ? precision : n;
    parts->last_zeroes = precision > n ? precision - n : 0;
    parts->has_point = parts->n_second + parts->last_zeroes > 0 || conversion->alternate;
    set_exponent(parts, is_upper ? 'P' : 'p', is_zero ? 0 : power + MANTISSA_BITS, 1);
}

static void name_parts(bool is_nan, char letter, struct parts *parts)
{
    bool is_upper = letter == 'F' || letter == 'E' || letter == 'G' || letter == 'A';
    if (is_nan)
        parts->first = is_upper ? "NAN" : "nan";
    else
        parts->first = is_upper ? "INF" : "inf";
    parts->n_first = 3;
}

void mt_print_double(struct mt_sink *sink, const struct mt_conversion *conversion, double value)
{
    struct decimal decimal;
    char digits[16];
    struct mt_conversion padded = *conversion;
    bool is_negative = __builtin_signbit(value) != 0;
    double magnitude = is_negative ? -value : value;
    struct parts parts = {.first = "", .second = ""};
    parts.before[0] = is_negative ? '-' : conversion->plus ? '+' : conversion->space ? ' ' : '\0';
    if (!__builtin_isfinite(value)) {
        name_parts(__builtin_isnan(value), conversion->letter, &parts);
        padded.zero = false;
    } else if (conversion->letter == 'a' || conversion->letter == 'A') {
        hexadecimal_parts(magnitude, conversion, digits, &parts);
    } else {
        decimal_parts(magnitude, conversion, &decimal, &parts);
    }
    put_parts(sink, &padded, &parts);
}
