/* SPDX-License-Identifier: Apache-2.0 */
/* Formats: parsing them, and writing text, integers and pointers. */
#include "guest/libc/print.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

void mt_put(struct mt_sink *sink, const char *text, size_t len_bytes)
{
    sink->total_bytes += len_bytes;
    if (len_bytes != 0)
        sink->put(sink, text, len_bytes);
}

void mt_put_repeated(struct mt_sink *sink, char c, int n)
{
    char run[32];
    if (n <= 0)
        return;
    memset(run, c, sizeof(run));
    while (n > 0) {
        int part = n < (int)sizeof(run) ? n : (int)sizeof(run);
        mt_put(sink, run, (size_t)part);
        n -= part;
    }
}

/* A length modifier, by the size of what it makes of an int. */
enum size { SIZE_INT, SIZE_CHAR, SIZE_SHORT, SIZE_LONG };

/* NULL for a number over INT_MAX, which is more than any result may have. */
static const char *parse_number(const char *at, int *number)
{
    int value = 0;
    for (; isdigit((unsigned char)*at); at++) {
        if (value > (INT_MAX - (*at - '0')) / 10)
            return NULL;
        value = value * 10 + (*at - '0');
    }
    *number = value;
    return at;
}

static const char *parse_flags(const char *at, struct mt_conversion *conversion)
{
    for (;; at++) {
        switch (*at) {
        case '-':
            conversion->left = true;
            break;
        case '+':
            conversion->plus = true;
            break;
        case ' ':
            conversion->space = true;
            break;
        case '#':
            conversion->alternate = true;
            break;
        case '0':
            conversion->zero = true;
            break;
        default:
            return at;
        }
    }
}

static const char *parse_size(const char *at, enum size *size, bool *is_long_double)
{
    *size = SIZE_INT;
    *is_long_double = false;
    switch (*at) {
    case 'h':
        *size = at[1] == 'h' ? SIZE_CHAR : SIZE_SHORT;
        return at + (at[1] == 'h' ? 2 : 1);
    case 'l':
        *size = SIZE_LONG;
        return at + (at[1] == 'l' ? 2 : 1);
    case 'j':
    case 'z':
    case 't':
        *size = SIZE_LONG;
        return at + 1;
    case 'L':
        *is_long_double = true;
        return at + 1;
    default:
        return at;
    }
}

/* Write digits of a magnitude before end; returns where they begin. */
static char *digits_before(char *end, uint64_t magnitude, unsigned base, char letter_a)
{
    char *at = end;
    while (magnitude != 0) {
        unsigned digit = (unsigned)(magnitude % base);
        *--at = (char)(digit < 10 ? '0' + (int)digit : letter_a + (int)digit - 10);
        magnitude /= base;
    }
    return at;
}

/* Pad: a prefix (sign, 0x), zeroes, digits, in the width. */
static void put_padded(struct mt_sink *sink, const struct mt_conversion *conversion,
                       const char *prefix, const char *digits, int n_digits)
{
    int n_prefix = (int)strlen(prefix);
    int zeroes = conversion->precision > n_digits ? conversion->precision - n_digits : 0;
    int padding = 0;
    if (conversion->width - n_prefix - n_digits > zeroes)
        padding = conversion->width - n_prefix - n_digits - zeroes;
    if (conversion->zero && !conversion->left && conversion->precision < 0) {
        zeroes += padding;
        padding = 0;
    }
    if (!conversion->left)
        mt_put_repeated(sink, ' ', padding);
    mt_put(sink, prefix, (size_t)n_prefix);
    mt_put_repeated(sink, '0', zeroes);
    mt_put(sink, digits, (size_t)n_digits);
    if (conversion->left)
        mt_put_repeated(sink, ' ', padding);
}

static const char *sign_of(const struct mt_conversion *conversion, bool is_negative)
{
    return is_negative ? "-" : conversion->plus ? "+" : conversion->space ? " " : "";
}

static void put_signed(struct mt_sink *sink, const struct mt_conversion *conversion, int64_t value)
{
    char digits[24], *end = digits + sizeof(digits);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = digits_before(end, magnitude, 10, 'a');
    if (magnitude == 0 && conversion->precision != 0)
        *--at = '0';
    put_padded(sink, conversion, sign_of(conversion, value < 0), at, (int)(end - at));
}

static void put_unsigned(struct mt_sink *sink, const struct mt_conversion *conversion,
                         uint64_t value)
{
    char digits[24], *end = digits + sizeof(digits);
    char letter = conversion->letter;
    unsigned base = letter == 'u' ? 10 : letter == 'o' ? 8 : 16;
    char *at = digits_before(end, value, base, letter == 'X' ? 'A' : 'a');
    if (value == 0 && conversion->precision != 0)
        *--at = '0';
    const char *prefix = "";
    if (conversion->alternate && base == 16 && value != 0)
        prefix = letter == 'X' ? "0X" : "0x";
    /* The alternate form of octal begins with a zero, which a precision may bring already. */
    bool begins_with_zero = end != at && *at == '0';
    if (conversion->alternate && base == 8 && !begins_with_zero &&
        conversion->precision <= end - at)
        *--at = '0';
    put_padded(sink, conversion, prefix, at, (int)(end - at));
}

static void put_pointer(struct mt_sink *sink, const struct mt_conversion *conversion,
                        const void *pointer)
{
    struct mt_conversion as_hexadecimal = *conversion;
    if (pointer == NULL) {
        as_hexadecimal.precision = -1;
        as_hexadecimal.zero = false;
        put_padded(sink, &as_hexadecimal, "", "(nil)", 5);
        return;
    }
    as_hexadecimal.letter = 'x';
    as_hexadecimal.alternate = true;
    put_unsigned(sink, &as_hexadecimal, (uintptr_t)pointer);
}

static void put_text(struct mt_sink *sink, const struct mt_conversion *conversion, const char *text,
                     size_t len_bytes)
{
    int padding = 0;
    if (conversion->width > 0 && (size_t)conversion->width > len_bytes)
        padding = conversion->width - (int)len_bytes;
    if (!conversion->left)
        mt_put_repeated(sink, ' ', padding);
    mt_put(sink, text, len_bytes);
    if (conversion->left)
        mt_put_repeated(sink, ' ', padding);
}

static void put_string(struct mt_sink *sink, const struct mt_conversion *conversion,
                       const char *text)
{
    int precision = conversion->precision;
    if (text == NULL)
        text = precision >= 0 && precision < 6 ? "" : "(null)";
    size_t len_bytes = precision >= 0 ? strnlen(text, (size_t)precision) : strlen(text);
    put_text(sink, conversion, text, len_bytes);
}

static int64_t narrow_signed(long value, enum size size)
{
    switch (size) {
    case SIZE_CHAR:
        return (signed char)value;
    case SIZE_SHORT:
        return (short)value;
    case SIZE_INT:
    case SIZE_LONG:
        break;
    }
    return value;
}

static uint64_t narrow_unsigned(unsigned long value, enum size size)
{
    switch (size) {
    case SIZE_CHAR:
        return (unsigned char)value;
    case SIZE_SHORT:
        return (unsigned short)value;
    case SIZE_INT:
    case SIZE_LONG:
        break;
    }
    return value;
}

struct arguments {
    va_list list;
};

static bool convert(struct mt_sink *sink, const struct mt_conversion *conversion, enum size size,
                    bool is_long_double, struct arguments *args)
{
    char c;
    bool is_wide = size == SIZE_LONG && (conversion->letter == 'c' || conversion->letter == 's');
    if (is_wide)
        return false;
    switch (conversion->letter) {
    case 'd':
    case 'i':
        put_signed(sink, conversion,
                   size == SIZE_LONG ? va_arg(args->list, long)
                                     : narrow_signed(va_arg(args->list, int), size));
        return true;
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        put_unsigned(sink, conversion,
                     size == SIZE_LONG ? va_arg(args->list, unsigned long)
                                       : narrow_unsigned(va_arg(args->list, unsigned), size));
        return true;
    case 'c':
        c = (char)va_arg(args->list, int);
        put_text(sink, conversion, &c, 1);
        return true;
    case 's':
        put_string(sink, conversion, va_arg(args->list, const char *));
        return true;
    case 'p':
        put_pointer(sink, conversion, va_arg(args->list, const void *));
        return true;
    case '%':
        mt_put(sink, "%", 1);
        return true;
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
        mt_print_double(sink, conversion,
                        is_long_double ? (double)va_arg(args->list, long double)
                                       : va_arg(args->list, double));
        return true;
    default:
        return false;
    }
}

static const char *parse_width(const char *at, struct mt_conversion *conversion,
                               struct arguments *args)
{
    if (*at != '*')
        return parse_number(at, &conversion->width);
    int width = va_arg(args->list, int);
    if (width == INT_MIN)
        return NULL;
    conversion->left = conversion->left || width < 0;
    conversion->width = width < 0 ? -width : width;
    return at + 1;
}

static const char *parse_precision(const char *at, struct mt_conversion *conversion,
                                   struct arguments *args)
{
    conversion->precision = -1;
    if (*at != '.')
        return at;
    at++;
    if (*at != '*')
        return parse_number(at, &conversion->precision);
    int precision = va_arg(args->list, int);
    conversion->precision = precision < 0 ? -1 : precision;
    return at + 1;
}

/* One conversion, from behind its %. NULL for a bad one. */
static const char *print_conversion(struct mt_sink *sink, const char *at, struct arguments *args)
{
    struct mt_conversion conversion = {0};
    enum size size;
    bool is_long_double;
    at = parse_flags(at, &conversion);
    at = parse_width(at, &conversion, args);
    if (at != NULL)
        at = parse_precision(at, &conversion, args);
    if (at == NULL)
        return NULL;
    at = parse_size(at, &size, &is_long_double);
    conversion.letter = *at;
    return convert(sink, &conversion, size, is_long_double, args) ? at + 1 : NULL;
}

int mt_print_to(struct mt_sink *sink, const char *format, va_list args)
{
    struct arguments arguments;
    va_copy(arguments.list, args);
    sink->total_bytes = 0;
    const char *at = format;
    while (at != NULL && *at != '\0') {
        const char *percent = strchrnul(at, '%');
        mt_put(sink, at, (size_t)(percent - at));
        at = *percent == '%' ? print_conversion(sink, percent + 1, &arguments) : percent;
    }
    va_end(arguments.list);
    return at == NULL || sink->total_bytes > INT_MAX ? -1 : (int)sink->total_bytes;
}
