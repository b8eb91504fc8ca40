/* SPDX-License-Identifier: Apache-2.0 */
/* The TYPE:VALUE parser. */
#include "tools/mote/arguments.h"

#include "tools/mote/output.h"
#include "tools/mote/text.h"
#include "tools/mote/usage.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The input buffer's cap (mote/config.h): no argument can be longer. */
#define MAX_PAYLOAD_BYTES ((size_t)1 << 30)
#define MIN_INPUT_BYTES ((size_t)16 << 10)
#define FIRST_READ_BYTES ((size_t)64 << 10)

/* What a message takes beside its payload: tables, vectors and padding, once and per argument. */
#define MESSAGE_BYTES 1024
#define ARGUMENT_BYTES 128

/* One word that is being parsed. */
struct word {
    const char *whole; /* "i32:5" */
    const char *value; /* "5" */
    struct arguments *arguments;
    mote_value *result;
    void **block;
};

struct type {
    const char *name;
    mote_status (*parse)(const struct word *word, mote_error *err);
};

static mote_status not_a(const struct word *word, const char *type, mote_error *err)
{
    return usage_fail(err, word->whole, "argument \"%s\": the value is not of type %s", word->whole,
                      type);
}

static mote_status does_not_fit(const struct word *word, const char *type, mote_error *err)
{
    return usage_fail(err, word->whole, "argument \"%s\": the value does not fit in %s",
                      word->whole, type);
}

/* Decimal or 0x and hexadecimal digits, as far as they go. */
static bool parse_magnitude(const char *text, uint64_t *magnitude, bool *fits)
{
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = is_hex ? text + 2 : text;
    const char *allowed = is_hex ? "0123456789abcdefABCDEF" : "0123456789";
    if (digits[0] == '\0' || digits[strspn(digits, allowed)] != '\0')
        return false;
    errno = 0;
    *magnitude = strtoull(digits, NULL, is_hex ? 16 : 10);
    *fits = errno == 0;
    return true;
}

static mote_status parse_unsigned(const struct word *word, const char *type, uint64_t max,
                                  uint64_t *number, mote_error *err)
{
    bool fits = false;
    bool is_negative = word->value[0] == '-';
    if (!parse_magnitude(word->value + (is_negative ? 1 : 0), number, &fits))
        return not_a(word, type, err);
    if (is_negative || !fits || *number > max)
        return does_not_fit(word, type, err);
    return MOTE_OK;
}

/* max is the largest positive number of the type; the smallest is -max - 1. */
static mote_status parse_signed(const struct word *word, const char *type, uint64_t max,
                                int64_t *number, mote_error *err)
{
    bool fits = false;
    bool is_negative = word->value[0] == '-';
    uint64_t magnitude = 0;
    if (!parse_magnitude(word->value + (is_negative ? 1 : 0), &magnitude, &fits))
        return not_a(word, type, err);
    if (!fits || magnitude > max + (is_negative ? 1 : 0))
        return does_not_fit(word, type, err);
    *number = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return MOTE_OK;
}

static mote_status parse_i32(const struct word *word, mote_error *err)
{
    int64_t number = 0;
    mote_status status = parse_signed(word, "i32", INT32_MAX, &number, err);
    *word->result = mote_i32((int32_t)number);
    return status;
}

static mote_status parse_u32(const struct word *word, mote_error *err)
{
    uint64_t number = 0;
    mote_status status = parse_unsigned(word, "u32", UINT32_MAX, &number, err);
    *word->result = mote_u32((uint32_t)number);
    return status;
}

static mote_status parse_i64(const struct word *word, mote_error *err)
{
    int64_t number = 0;
    mote_status status = parse_signed(word, "i64", INT64_MAX, &number, err);
    *word->result = mote_i64(number);
    return status;
}

static mote_status parse_u64(const struct word *word, mote_error *err)
{
    uint64_t number = 0;
    mote_status status = parse_unsigned(word, "u64", UINT64_MAX, &number, err);
    *word->result = mote_u64(number);
    return status;
}

/* Whether a conversion by strtof() or strtod() took the whole value, which has no space in front.
 */
static bool took_all(const struct word *word, const char *end)
{
    return end != word->value && *end == '\0' && strchr(" \t\n\v\f\r", word->value[0]) == NULL;
}

static mote_status parse_f32(const struct word *word, mote_error *err)
{
    char *end = NULL;
    errno = 0;
    float number = strtof(word->value, &end);
    if (!took_all(word, end))
        return not_a(word, "f32", err);
    if (errno == ERANGE && isinf(number))
        return does_not_fit(word, "f32", err);
    *word->result = mote_f32(number);
    return MOTE_OK;
}

static mote_status parse_f64(const struct word *word, mote_error *err)
{
    char *end = NULL;
    errno = 0;
    double number = strtod(word->value, &end);
    if (!took_all(word, end))
        return not_a(word, "f64", err);
    if (errno == ERANGE && isinf(number))
        return does_not_fit(word, "f64", err);
    *word->result = mote_f64(number);
    return MOTE_OK;
}

static mote_status parse_bool(const struct word *word, mote_error *err)
{
    bool is_true = strcmp(word->value, "true") == 0;
    if (!is_true && strcmp(word->value, "false") != 0)
        return usage_fail(err, word->whole, "argument \"%s\": a bool is true or false",
                          word->whole);
    *word->result = mote_bool(is_true);
    return MOTE_OK;
}

static mote_status read_fail(const struct word *word, int os_errno, mote_error *err)
{
    const char *meaning = strerrordesc_np(os_errno);
    (void)usage_fail(err, word->whole, "argument \"%s\" cannot be read: %s", word->whole,
                     meaning != NULL ? meaning : "unknown errno");
    err->os_errno = os_errno;
    return err->code;
}

/* Make room for at least one byte more, a NUL aside. False without memory. */
static bool grow(char **block, size_t *room_bytes)
{
    size_t larger = *room_bytes == 0 ? FIRST_READ_BYTES : *room_bytes * 2;
    if (larger > MAX_PAYLOAD_BYTES)
        larger = MAX_PAYLOAD_BYTES + 1; /* enough to see that it is too much */
    char *moved = realloc(*block, larger + 1);
    if (moved == NULL)
        return false;
    *block = moved;
    *room_bytes = larger;
    return true;
}

/* Read a descriptor to its end into *block, NUL-terminated. */
static mote_status read_all(const struct word *word, int fd, char **block, size_t *len_bytes,
                            mote_error *err)
{
    size_t room_bytes = 0;
    for (;;) {
        if (*len_bytes == room_bytes && !grow(block, &room_bytes))
            return memory_fail(err);
        ssize_t n = read(fd, *block + *len_bytes, room_bytes - *len_bytes);
        if (n < 0 && output_can_go_on(fd, POLLIN, errno))
            continue;
        if (n < 0)
            return read_fail(word, errno, err);
        if (n == 0)
            break;
        *len_bytes += (size_t)n;
        if (*len_bytes > MAX_PAYLOAD_BYTES)
            return usage_fail(err, word->whole, "argument \"%s\" is over the cap of 1G",
                              word->whole);
    }
    (*block)[*len_bytes] = '\0';
    return MOTE_OK;
}

static mote_status read_standard_input(const struct word *word, char **block, size_t *len_bytes,
                                       mote_error *err)
{
    if (word->arguments->took_standard_input)
        return usage_fail(err, word->whole,
                          "argument \"%s\": standard input is an earlier argument already",
                          word->whole);
    word->arguments->took_standard_input = true;
    return read_all(word, STDIN_FILENO, block, len_bytes, err);
}

static mote_status read_file(const struct word *word, char **block, size_t *len_bytes,
                             mote_error *err)
{
    int fd = open(word->value + 1, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return read_fail(word, errno, err);
    mote_status status = read_all(word, fd, block, len_bytes, err);
    close(fd);
    return status;
}

/* Whether the value says where the bytes are instead of being them. */
static bool is_elsewhere(const char *value)
{
    return value[0] == '@' || strcmp(value, "-") == 0;
}

/* *block may hold memory after an error too; it belongs to the arguments in any case. */
static mote_status read_elsewhere(const struct word *word, size_t *len_bytes, mote_error *err)
{
    char *block = NULL;
    mote_status status = word->value[0] == '@' ? read_file(word, &block, len_bytes, err)
                                               : read_standard_input(word, &block, len_bytes, err);
    *word->block = block;
    return status;
}

static mote_status parse_str(const struct word *word, mote_error *err)
{
    const char *text = word->value;
    size_t len_bytes = 0;
    if (is_elsewhere(word->value)) {
        mote_status status = read_elsewhere(word, &len_bytes, err);
        if (status != MOTE_OK)
            return status;
        text = *word->block;
    } else {
        len_bytes = strlen(text);
    }
    if (!text_is_utf8(text, len_bytes))
        return usage_fail(err, word->whole, "argument \"%s\": the text is not UTF-8", word->whole);
    *word->result = mote_str_n(text, len_bytes);
    return MOTE_OK;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* False when the digits are not pairs of hexadecimal ones. to has room for half of them. */
static bool decode_hex(const char *digits, size_t n_digits, uint8_t *to)
{
    if (n_digits % 2 != 0)
        return false;
    for (size_t i = 0; i < n_digits; i += 2) {
        int high = hex_digit(digits[i]);
        int low = hex_digit(digits[i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static mote_status parse_hex(const struct word *word, const char *digits, mote_error *err)
{
    size_t n_digits = strlen(digits);
    uint8_t *block = malloc(n_digits / 2 + 1);
    *word->block = block;
    if (block == NULL)
        return memory_fail(err);
    if (!decode_hex(digits, n_digits, block))
        return usage_fail(err, word->whole,
                          "argument \"%s\": hex= takes pairs of hexadecimal digits", word->whole);
    *word->result = mote_bytes(block, n_digits / 2);
    return MOTE_OK;
}

static mote_status parse_bytes(const struct word *word, mote_error *err)
{
    static const char hex[] = "hex=";
    size_t len_bytes = 0;
    if (strncmp(word->value, hex, strlen(hex)) == 0)
        return parse_hex(word, word->value + strlen(hex), err);
    if (!is_elsewhere(word->value))
        return usage_fail(err, word->whole,
                          "argument \"%s\": bytes are @FILE, - or hex= and digits", word->whole);
    mote_status status = read_elsewhere(word, &len_bytes, err);
    if (status == MOTE_OK)
        *word->result = mote_bytes(*word->block, len_bytes);
    return status;
}

static const struct type types[] = {
    {"i32", parse_i32},   {"u32", parse_u32}, {"i64", parse_i64},
    {"u64", parse_u64},   {"f32", parse_f32}, {"f64", parse_f64},
    {"bool", parse_bool}, {"str", parse_str}, {"bytes", parse_bytes},
};

static const struct type *find_type(const char *word, size_t len_bytes)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i].name) == len_bytes && memcmp(types[i].name, word, len_bytes) == 0)
            return &types[i];
    }
    return NULL;
}

static mote_status parse_word(struct arguments *arguments, size_t index, const char *text,
                              mote_error *err)
{
    const char *colon = strchr(text, ':');
    const struct type *type = colon != NULL ? find_type(text, (size_t)(colon - text)) : NULL;
    if (type == NULL)
        return usage_fail(err, text,
                          "argument \"%s\" is not TYPE:VALUE with a TYPE of i32 u32 i64 u64 f32 "
                          "f64 bool str bytes",
                          text);
    struct word word = {text, colon + 1, arguments, &arguments->values[index],
                        &arguments->blocks[index]};
    return type->parse(&word, err);
}

static size_t payload_bytes(const mote_value *value)
{
    if (value->type == MOTE_TYPE_STR)
        return value->as.str.len_bytes;
    return value->type == MOTE_TYPE_BYTES ? value->as.bytes.len_bytes : 0;
}

mote_status arguments_parse(struct arguments *arguments, const char *const *words, size_t n_words,
                            mote_error *err)
{
    *arguments = (struct arguments){.n_values = n_words};
    for (size_t i = 0; i < n_words; i++) {
        mote_status status = parse_word(arguments, i, words[i], err);
        if (status == MOTE_OK) {
            arguments->payload_bytes += payload_bytes(&arguments->values[i]);
            if (arguments->payload_bytes > MAX_PAYLOAD_BYTES)
                status = usage_fail(err, words[i],
                                    "the arguments up to \"%s\" are over the cap "
                                    "of 1G together",
                                    words[i]);
        }
        if (status != MOTE_OK) {
            arguments_release(arguments);
            return status;
        }
    }
    return MOTE_OK;
}

void arguments_release(struct arguments *arguments)
{
    for (size_t i = 0; i < MOTE_MAX_PARAMETERS; i++)
        free(arguments->blocks[i]);
    *arguments = (struct arguments){0};
}

size_t arguments_input_bytes(const struct arguments *arguments, const char *function)
{
    size_t needed = MESSAGE_BYTES + strlen(function) + arguments->n_values * ARGUMENT_BYTES +
                    arguments->payload_bytes;
    if (needed > MAX_PAYLOAD_BYTES)
        return MAX_PAYLOAD_BYTES; /* the library says what does not fit */
    return needed > MIN_INPUT_BYTES ? needed : MIN_INPUT_BYTES;
}
