/* SPDX-License-Identifier: Apache-2.0 */
/* Printing results. */
#include "tools/mote/print.h"

#include "tools/mote/output.h"
#include "tools/mote/text.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F32_DIGITS 9
#define F64_DIGITS 17

/* Outside of these decimal exponents the digits are followed by an exponent. */
#define MIN_PLAIN_EXPONENT (-4)
#define MAX_PLAIN_EXPONENT 15

/* A finite number as 0.DIGITS x 10^(exponent + 1): digits without a trailing zero. */
struct decimal {
    bool is_negative;
    char digits[F64_DIGITS + 1];
    int n_digits;
    int exponent;
};

/* The number in scientific notation "d.ddde-dd" taken apart. */
static struct decimal take_apart(const char *scientific)
{
    struct decimal decimal = {.is_negative = scientific[0] == '-'};
    const char *at = scientific;
    for (; *at != '\0' && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            decimal.digits[decimal.n_digits++] = *at;
    }
    decimal.exponent = *at == 'e' ? (int)strtol(at + 1, NULL, 10) : 0;
    while (decimal.n_digits > 1 && decimal.digits[decimal.n_digits - 1] == '0')
        decimal.n_digits--;
    return decimal;
}

static void append(char *to, size_t *used, const char *from, int n)
{
    memcpy(to + *used, from, (size_t)n);
    *used += (size_t)n;
}

static void append_zeros(char *to, size_t *used, int n)
{
    for (int i = 0; i < n; i++)
        append(to, used, "0", 1);
}

/* 120, 1.2 */
static void write_plain(char *to, size_t *used, const struct decimal *decimal)
{
    int n_whole = decimal->exponent + 1;
    int n_written = n_whole < decimal->n_digits ? n_whole : decimal->n_digits;
    append(to, used, decimal->digits, n_written);
    append_zeros(to, used, n_whole - n_written);
    if (decimal->n_digits == n_written)
        return;
    append(to, used, ".", 1);
    append(to, used, decimal->digits + n_written, decimal->n_digits - n_written);
}

/* 0.012 */
static void write_fraction(char *to, size_t *used, const struct decimal *decimal)
{
    append(to, used, "0.", 2);
    append_zeros(to, used, -decimal->exponent - 1);
    append(to, used, decimal->digits, decimal->n_digits);
}

/* 1.2e+100 */
static void write_scientific(char *to, size_t *used, const struct decimal *decimal)
{
    append(to, used, decimal->digits, 1);
    if (decimal->n_digits > 1) {
        append(to, used, ".", 1);
        append(to, used, decimal->digits + 1, decimal->n_digits - 1);
    }
    *used += (size_t)snprintf(to + *used, 8, "e%+03d", decimal->exponent);
}

static void write_decimal(char to[PRINT_NUMBER_BYTES], const struct decimal *decimal)
{
    size_t used = 0;
    if (decimal->is_negative)
        append(to, &used, "-", 1);
    if (decimal->exponent < MIN_PLAIN_EXPONENT || decimal->exponent > MAX_PLAIN_EXPONENT)
        write_scientific(to, &used, decimal);
    else if (decimal->exponent < 0)
        write_fraction(to, &used, decimal);
    else
        write_plain(to, &used, decimal);
    to[used] = '\0';
}

/* What is not finite. False when the number is. */
static bool write_special(char to[PRINT_NUMBER_BYTES], double value)
{
    if (isnan(value))
        snprintf(to, PRINT_NUMBER_BYTES, "nan");
    else if (isinf(value))
        snprintf(to, PRINT_NUMBER_BYTES, "%s", value < 0 ? "-inf" : "inf");
    else
        return false;
    return true;
}

/* Whether text reads back as the number, which is an f32 or an f64. */
typedef bool (*reads_back_fn)(const char *text, double value);

static bool reads_back_f32(const char *text, double value)
{
    return strtof(text, NULL) == (float)value;
}

static bool reads_back_f64(const char *text, double value)
{
    return strtod(text, NULL) == value;
}

/* Add one to the last digit of "d.ddde-dd". A 9 is left alone: with a carry the number would have
 * fewer digits, and those were tried. */
static void raise_last_digit(char *scientific)
{
    char *last = strchr(scientific, 'e') - 1;
    if (*last != '9')
        (*last)++;
}

/* Write the number with n_digits digits. The nearest such number need not be the one that reads
 * back: at a power of two the numbers above lie twice as far apart as those below, so that the next
 * one may. */
static bool write_digits(char to[PRINT_NUMBER_BYTES], double value, int n_digits,
                         reads_back_fn reads_back)
{
    snprintf(to, PRINT_NUMBER_BYTES, "%.*e", n_digits - 1, value);
    if (reads_back(to, value))
        return true;
    raise_last_digit(to);
    return reads_back(to, value);
}

static void print_number(char to[PRINT_NUMBER_BYTES], double value, int max_digits,
                         reads_back_fn reads_back)
{
    char scientific[PRINT_NUMBER_BYTES];
    int n_digits = 1;
    if (write_special(to, value))
        return;
    while (!write_digits(scientific, value, n_digits, reads_back) && n_digits < max_digits)
        n_digits++;
    struct decimal decimal = take_apart(scientific);
    write_decimal(to, &decimal);
}

void print_f32(char to[PRINT_NUMBER_BYTES], float value)
{
    print_number(to, (double)value, F32_DIGITS, reads_back_f32);
}

void print_f64(char to[PRINT_NUMBER_BYTES], double value)
{
    print_number(to, value, F64_DIGITS, reads_back_f64);
}

/* Any result but text, bytes and nothing. */
static void print_scalar(char to[PRINT_NUMBER_BYTES], const mote_value *value)
{
    switch (value->type) {
    case MOTE_TYPE_I32:
        snprintf(to, PRINT_NUMBER_BYTES, "%" PRId32, value->as.i32);
        break;
    case MOTE_TYPE_U32:
        snprintf(to, PRINT_NUMBER_BYTES, "%" PRIu32, value->as.u32);
        break;
    case MOTE_TYPE_I64:
        snprintf(to, PRINT_NUMBER_BYTES, "%" PRId64, value->as.i64);
        break;
    case MOTE_TYPE_U64:
        snprintf(to, PRINT_NUMBER_BYTES, "%" PRIu64, value->as.u64);
        break;
    case MOTE_TYPE_F32:
        print_f32(to, value->as.f32);
        break;
    case MOTE_TYPE_F64:
        print_f64(to, value->as.f64);
        break;
    case MOTE_TYPE_BOOL:
        snprintf(to, PRINT_NUMBER_BYTES, "%s", value->as.boolean ? "true" : "false");
        break;
    case MOTE_TYPE_STR:
    case MOTE_TYPE_BYTES:
    case MOTE_TYPE_VOID:
    case MOTE_TYPE_ANY:
        to[0] = '\0';
        break;
    }
}

mote_status print_result(const mote_value *value, mote_error *err)
{
    if (value->type == MOTE_TYPE_VOID)
        return MOTE_OK;
    if (value->type == MOTE_TYPE_BYTES)
        return output_result(value->as.bytes.data, value->as.bytes.len_bytes, err);
    if (value->type == MOTE_TYPE_STR) {
        mote_status status = output_result(value->as.str.data, value->as.str.len_bytes, err);
        return status != MOTE_OK ? status : output_result("\n", 1, err);
    }
    char line[PRINT_NUMBER_BYTES + 1];
    print_scalar(line, value);
    text_append(line, sizeof(line), "\n");
    return output_result(line, strlen(line), err);
}

/* Numbers that JSON's readers may not hold exactly, or at all, are strings. */
static bool is_quoted(const mote_value *value)
{
    switch (value->type) {
    case MOTE_TYPE_I64:
    case MOTE_TYPE_U64:
        return true;
    case MOTE_TYPE_F32:
        return !isfinite(value->as.f32);
    case MOTE_TYPE_F64:
        return !isfinite(value->as.f64);
    case MOTE_TYPE_I32:
    case MOTE_TYPE_U32:
    case MOTE_TYPE_BOOL:
    case MOTE_TYPE_STR:
    case MOTE_TYPE_BYTES:
    case MOTE_TYPE_VOID:
    case MOTE_TYPE_ANY:
        return false;
    }
    return false;
}

static void print_scalar_json(struct json *json, const mote_value *value)
{
    char scalar[PRINT_NUMBER_BYTES];
    print_scalar(scalar, value);
    if (strcmp(scalar, "-0") == 0)
        text_append(scalar, sizeof(scalar), ".0"); /* some readers take -0 for a whole number, 0 */
    if (is_quoted(value))
        json_text(json, "value", scalar);
    else
        json_literal(json, "value", scalar);
}

void print_result_json(struct json *json, const char *key, const mote_value *value)
{
    json_open(json, key, '{');
    json_text(json, "type", mote_type_name(value->type));
    if (value->type == MOTE_TYPE_STR) {
        json_text_n(json, "value", value->as.str.data, value->as.str.len_bytes);
    } else if (value->type == MOTE_TYPE_BYTES) {
        json_base64(json, "base64", value->as.bytes.data, value->as.bytes.len_bytes);
        json_unsigned(json, "length", value->as.bytes.len_bytes);
    } else if (value->type != MOTE_TYPE_VOID) {
        print_scalar_json(json, value);
    }
    json_close(json, '}');
}

void print_signature(char *to, size_t to_bytes, const mote_function *function)
{
    text_line(to, to_bytes, function->name, strlen(function->name));
    text_append(to, to_bytes, "(");
    for (size_t i = 0; i < function->n_params; i++)
        text_append(to, to_bytes, "%s%s", i == 0 ? "" : ", ", mote_type_name(function->params[i]));
    text_append(to, to_bytes, ") -> %s", mote_type_name(function->returns));
}
