/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line's words: as arguments TYPE:VALUE, and as options. What is parsed prints to a
 * word that parses to the same; what is refused leaves nothing behind and says why.
 *
 * Input: one byte for the command, words that end in NULs, then, behind an empty word, what every
 * file and standard input hold.
 */
#include "fuzz/fuzz.h"

#include "tools/mote/arguments.h"
#include "tools/mote/options.h"
#include "tools/mote/text.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS (2 + MOTE_MAX_PARAMETERS + 4)
#define FILE_DESCRIPTOR 1000000

/* ---- No file but the input's: the linker puts these in libc's place ---- */

static struct fuzz_input file;
static bool is_parsing;
static bool is_file_open;

int fuzz_real_open(const char *path, int flags, ...) __asm__("__real_open");
int fuzz_open(const char *path, int flags, ...) __asm__("__wrap_open");
ssize_t fuzz_real_read(int fd, void *to, size_t n) __asm__("__real_read");
ssize_t fuzz_read(int fd, void *to, size_t n) __asm__("__wrap_read");
int fuzz_real_close(int fd) __asm__("__real_close");
int fuzz_close(int fd) __asm__("__wrap_close");

int fuzz_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    if (!is_parsing)
        return fuzz_real_open(path, flags, mode);
    if (strlen(path) % 4 == 3) {
        errno = EACCES;
        return -1;
    }
    FUZZ_REQUIRE(!is_file_open);
    is_file_open = true;
    return FILE_DESCRIPTOR;
}

ssize_t fuzz_read(int fd, void *to, size_t n)
{
    if (!is_parsing)
        return fuzz_real_read(fd, to, n);
    FUZZ_REQUIRE(fd == FILE_DESCRIPTOR || fd == STDIN_FILENO);
    if (n > file.left)
        n = file.left;
    fuzz_take(&file, to, n);
    return (ssize_t)n;
}

int fuzz_close(int fd)
{
    if (!is_parsing)
        return fuzz_real_close(fd);
    FUZZ_REQUIRE(fd == FILE_DESCRIPTOR && is_file_open);
    is_file_open = false;
    return 0;
}

/* The program makes the text a harmless line before it shows it. */
static void require_usage_error(mote_status status, const mote_error *err)
{
    char line[sizeof(err->text) * 4];
    size_t len = strnlen(err->text, sizeof(err->text));
    FUZZ_REQUIRE(status == MOTE_E_USAGE && err->code == status);
    FUZZ_REQUIRE(len > 0 && len < sizeof(err->text));
    FUZZ_REQUIRE(strnlen(err->subject, sizeof(err->subject)) < sizeof(err->subject));
    size_t n = text_line(line, sizeof(line), err->text, len);
    FUZZ_REQUIRE(n >= len && text_is_utf8(line, n));
    for (size_t i = 0; i < n; i++)
        FUZZ_REQUIRE((line[i] & 0x7F) >= 0x20 || line[i] == '\t' || line[i] < 0);
}

/* ---- Arguments ---- */

static bool is_same(const mote_value *a, const mote_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case MOTE_TYPE_I32:
    case MOTE_TYPE_U32:
        return a->as.u32 == b->as.u32;
    case MOTE_TYPE_I64:
    case MOTE_TYPE_U64:
        return a->as.u64 == b->as.u64;
    case MOTE_TYPE_F32:
        return a->as.f32 == b->as.f32 || (a->as.f32 != a->as.f32 && b->as.f32 != b->as.f32);
    case MOTE_TYPE_F64:
        return a->as.f64 == b->as.f64 || (a->as.f64 != a->as.f64 && b->as.f64 != b->as.f64);
    case MOTE_TYPE_BOOL:
        return a->as.boolean == b->as.boolean;
    case MOTE_TYPE_STR:
    case MOTE_TYPE_BYTES:
        return a->as.bytes.len_bytes == b->as.bytes.len_bytes &&
               (a->as.bytes.len_bytes == 0 ||
                memcmp(a->as.bytes.data, b->as.bytes.data, a->as.bytes.len_bytes) == 0);
    case MOTE_TYPE_VOID:
    case MOTE_TYPE_ANY:
        break;
    }
    return false;
}

/* Write a value as a word; false for a text that no word can hold. */
static bool print_word(const mote_value *value, char *to, size_t room)
{
    size_t len = value->as.bytes.len_bytes;
    switch (value->type) {
    case MOTE_TYPE_I32:
        return snprintf(to, room, "i32:%" PRId32, value->as.i32) > 0;
    case MOTE_TYPE_U32:
        return snprintf(to, room, "u32:0x%" PRIX32, value->as.u32) > 0;
    case MOTE_TYPE_I64:
        return snprintf(to, room, "i64:%" PRId64, value->as.i64) > 0;
    case MOTE_TYPE_U64:
        return snprintf(to, room, "u64:%" PRIu64, value->as.u64) > 0;
    case MOTE_TYPE_F32:
        return snprintf(to, room, "f32:%.9g", (double)value->as.f32) > 0;
    case MOTE_TYPE_F64:
        return snprintf(to, room, "f64:%a", value->as.f64) > 0;
    case MOTE_TYPE_BOOL:
        return snprintf(to, room, "bool:%s", value->as.boolean ? "true" : "false") > 0;
    case MOTE_TYPE_STR:
        if (memchr(value->as.str.data, '\0', len + 1) != value->as.str.data + len ||
            value->as.str.data[0] == '@' || strcmp(value->as.str.data, "-") == 0)
            return false;
        return snprintf(to, room, "str:%s", value->as.str.data) > 0;
    case MOTE_TYPE_BYTES:
        snprintf(to, room, "bytes:hex=");
        for (size_t i = 0; i < len; i++)
            snprintf(to + 10 + 2 * i, room - 10 - 2 * i, "%02x", value->as.bytes.data[i]);
        return true;
    case MOTE_TYPE_VOID:
    case MOTE_TYPE_ANY:
        break;
    }
    FUZZ_REQUIRE(false);
    return false;
}

static void check_value(const mote_value *value)
{
    size_t len = value->type == MOTE_TYPE_STR || value->type == MOTE_TYPE_BYTES
                     ? value->as.bytes.len_bytes
                     : 0;
    size_t room = 2 * len + 64;
    char *word = malloc(room);
    struct arguments again;
    mote_error err;
    FUZZ_REQUIRE(word != NULL);
    if (print_word(value, word, room)) {
        const char *const words[] = {word};
        FUZZ_REQUIRE(arguments_parse(&again, words, 1, &err) == MOTE_OK);
        FUZZ_REQUIRE(is_same(value, &again.values[0]));
        arguments_release(&again);
    }
    free(word);
}

/* A whole number is what its word says, read once more by the plainest rules. */
static void check_number(const char *text, const mote_value *value)
{
    __int128 number = 0;
    bool is_negative = *text == '-';
    bool is_hex = false;
    text += is_negative;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        is_hex = true;
        text += 2;
    }
    for (; *text != '\0'; text++) {
        int digit = *text <= '9' ? *text - '0' : (*text | 0x20) - 'a' + 10;
        number = number * (is_hex ? 16 : 10) + digit;
        FUZZ_REQUIRE(number <= (__int128)UINT64_MAX);
    }
    if (is_negative)
        number = -number;
    if (value->type == MOTE_TYPE_I32)
        FUZZ_REQUIRE(number == value->as.i32);
    else if (value->type == MOTE_TYPE_U32)
        FUZZ_REQUIRE(number == value->as.u32);
    else if (value->type == MOTE_TYPE_I64)
        FUZZ_REQUIRE(number == value->as.i64);
    else if (value->type == MOTE_TYPE_U64)
        FUZZ_REQUIRE(number == (__int128)value->as.u64);
}

static void parse_arguments(const char *const *words, size_t n_words)
{
    struct arguments arguments;
    mote_error err;
    mote_status status = arguments_parse(&arguments, words, n_words, &err);
    FUZZ_REQUIRE(!is_file_open);
    if (status != MOTE_OK) {
        require_usage_error(status, &err);
        for (size_t i = 0; i < MOTE_MAX_PARAMETERS; i++)
            FUZZ_REQUIRE(arguments.blocks[i] == NULL);
        return;
    }
    size_t payload_bytes = 0;
    FUZZ_REQUIRE(arguments.n_values == n_words);
    for (size_t i = 0; i < n_words; i++) {
        const mote_value *value = &arguments.values[i];
        const char *type = mote_type_name(value->type);
        FUZZ_REQUIRE(strncmp(words[i], type, strlen(type)) == 0);
        FUZZ_REQUIRE(words[i][strlen(type)] == ':');
        if (value->type == MOTE_TYPE_STR || value->type == MOTE_TYPE_BYTES)
            payload_bytes += value->as.bytes.len_bytes;
        check_value(value);
        if ((unsigned)value->type <= MOTE_TYPE_U64)
            check_number(strchr(words[i], ':') + 1, value);
    }
    FUZZ_REQUIRE(arguments.payload_bytes == payload_bytes);
    FUZZ_REQUIRE(arguments_input_bytes(&arguments, "F") >= payload_bytes + 1024);
    arguments_release(&arguments);
}

/* ---- Options ---- */

static void parse_options(unsigned command, size_t n_words, char *const *words)
{
    struct options options;
    mote_error err;
    options_init(&options);
    mote_status status = options_parse(&options, command, (int)n_words, words, &err);
    if (status != MOTE_OK) {
        require_usage_error(status, &err);
        return;
    }
    FUZZ_REQUIRE(options.n_words <= OPTIONS_MAX_WORDS);
    for (size_t i = 0; i < options.n_words; i++)
        FUZZ_REQUIRE(options.words[i] != NULL);
    FUZZ_REQUIRE(options.returns <= MOTE_TYPE_ANY && options.log <= MOTE_LOG_TRACE);
    FUZZ_REQUIRE(options.time_limit_us > 0 && options.init_limit_us > 0 && options.calls > 0);
    mote_config config = options_config(&options, 0x4000);
    FUZZ_REQUIRE(config.struct_size == sizeof(config));
}

/* ---- Words ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static const unsigned commands[] = {COMMAND_CALL, COMMAND_BENCH, COMMAND_LIST, COMMAND_INSPECT,
                                        COMMAND_DOCTOR};
    char *words[MAX_WORDS + 1] = {NULL};
    size_t n_words = 0;
    char *block = malloc(len_bytes + 1);
    FUZZ_REQUIRE(block != NULL);
    memcpy(block, data, len_bytes);
    block[len_bytes] = '\0';
    size_t at = len_bytes > 0 ? 1 : 0;
    while (at < len_bytes && n_words < MAX_WORDS && block[at] != '\0') {
        words[n_words++] = block + at;
        at += strlen(block + at) + 1;
    }
    file = (struct fuzz_input){NULL, 0};
    if (at < len_bytes)
        file = (struct fuzz_input){data + at + 1, len_bytes - at - 1};
    parse_options(commands[(uint8_t)block[0] % 5], n_words, words);
    is_parsing = true;
    size_t n_arguments = n_words < MOTE_MAX_PARAMETERS ? n_words : MOTE_MAX_PARAMETERS;
    parse_arguments((const char *const *)words, n_arguments);
    is_parsing = false;
    free(block);
    return 0;
}
