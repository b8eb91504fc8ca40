/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds and reads messages for test_wire.py: one command a line, one line of answer.
 *
 *   build MESSAGE           answer: the message's bytes in hexadecimal, or "none"
 *   read KIND BYTES         answer: MESSAGE, or "refused FIELD NUMBER"
 *
 * A MESSAGE is one of
 *
 *   call TYPE RETURNS NAME VALUE...           TYPE: 1 guest, 2 host
 *   result VALUE
 *   error CODE TEXT
 *   log LEVEL LINE MESSAGE SOURCE CALLER FILE
 *   definitions NAME/RETURNS/TYPE,TYPE...     a word for each
 *
 * with types by name, text and bytes as x and their hexadecimal, and a VALUE as TYPE:NUMBER or
 * TYPE:xHEX; floats are the number that their bits are.
 */
#include "wire/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {"i32", "u32", "i64",  "u64",   "f32",
                                         "f64", "str", "bool", "bytes", "void"};
#define N_TYPES (sizeof(type_names) / sizeof(type_names[0]))

/* The words of a line, taken one by one; what is decoded lives until the line is done. */
struct words {
    char *rest;
    void *blocks[1024];
    size_t n_blocks;
};

static _Noreturn void die(const char *what, const char *word)
{
    fprintf(stderr, "wire_tool: %s: %s\n", what, word);
    exit(2);
}

static void *keep(struct words *words, size_t len)
{
    if (words->n_blocks == sizeof(words->blocks) / sizeof(words->blocks[0]))
        die("too many words", "");
    void *block = calloc(1, len + 1);
    if (block == NULL)
        die("no memory", "");
    words->blocks[words->n_blocks++] = block;
    return block;
}

static void release_blocks(struct words *words)
{
    for (size_t i = 0; i < words->n_blocks; i++)
        free(words->blocks[i]);
    words->n_blocks = 0;
}

/* The next part of the text up to a separator; "" when there is none. */
static char *next(char **rest, const char *separators)
{
    char *word = *rest;
    size_t len = strcspn(word, separators);
    *rest = word[len] != 0 ? word + len + 1 : word + len;
    word[len] = 0;
    return word;
}

static struct mt_wire_view decode(struct words *words, const char *text)
{
    if (text[0] != 'x')
        die("not hexadecimal", text);
    size_t len = strlen(text + 1) / 2;
    uint8_t *data = keep(words, len);
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {text[1 + 2 * i], text[2 + 2 * i], 0};
        data[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return (struct mt_wire_view){data, len};
}

static uint64_t number_of(const char *text)
{
    return strtoull(text, NULL, 10);
}

static enum mt_wire_type type_of(const char *name)
{
    for (unsigned i = 0; i < N_TYPES; i++) {
        if (strcmp(type_names[i], name) == 0)
            return (enum mt_wire_type)i;
    }
    die("no type", name);
}

static bool is_view(enum mt_wire_type type)
{
    return type == MT_WIRE_STR || type == MT_WIRE_BYTES;
}

static struct mt_wire_view next_view(struct words *words)
{
    return decode(words, next(&words->rest, " "));
}

static struct mt_wire_value next_value(struct words *words)
{
    char *word = next(&words->rest, " ");
    struct mt_wire_value value = {.type = type_of(next(&word, ":"))};
    if (is_view(value.type))
        value.as.view = decode(words, word);
    else if (value.type == MT_WIRE_BOOL)
        value.as.boolean = number_of(word) != 0;
    else
        value.as.u64 = number_of(word); /* narrower ones share its low bytes */
    return value;
}

static struct mt_wire_definition next_definition(struct words *words)
{
    char *word = next(&words->rest, " ");
    struct mt_wire_definition definition = {.name = decode(words, next(&word, "/")),
                                            .returns = type_of(next(&word, "/"))};
    while (*word != 0)
        definition.params[definition.n_params++] = type_of(next(&word, ","));
    return definition;
}

static size_t build_call(struct words *words, uint8_t *to, size_t room)
{
    struct mt_wire_call call = {0};
    call.call_type = (enum mt_wire_call_type)number_of(next(&words->rest, " "));
    call.returns = type_of(next(&words->rest, " "));
    call.name = next_view(words);
    while (*words->rest != 0 && call.n_params < MT_WIRE_MAX_PARAMETERS)
        call.params[call.n_params++] = next_value(words);
    return mt_wire_build_call(to, room, &call);
}

static size_t build_result(struct words *words, uint8_t *to, size_t room)
{
    struct mt_wire_value value = next_value(words);
    return mt_wire_build_result(to, room, &value);
}

static size_t build_error(struct words *words, uint8_t *to, size_t room)
{
    struct mt_wire_error error = {.code = number_of(next(&words->rest, " "))};
    error.message = next_view(words);
    return mt_wire_build_error(to, room, &error);
}

static size_t build_log(struct words *words, uint8_t *to, size_t room)
{
    struct mt_wire_log log = {.level = (uint8_t)number_of(next(&words->rest, " "))};
    log.line = (uint32_t)number_of(next(&words->rest, " "));
    log.message = next_view(words);
    log.source = next_view(words);
    log.caller = next_view(words);
    log.source_file = next_view(words);
    return mt_wire_build_log(to, room, &log);
}

static size_t build_definitions(struct words *words, uint8_t *to, size_t room)
{
    static struct mt_wire_definition definitions[256];
    size_t n = 0;
    while (*words->rest != 0 && n < sizeof(definitions) / sizeof(definitions[0]))
        definitions[n++] = next_definition(words);
    return mt_wire_build_definitions(to, room, definitions, n);
}

static void print_view(struct mt_wire_view view)
{
    putchar('x');
    for (size_t i = 0; i < view.len; i++)
        printf("%02x", view.data[i]);
}

static void print_value(const struct mt_wire_value *value)
{
    printf(" %s:", type_names[value->type]);
    switch (value->type) {
    case MT_WIRE_I32:
    case MT_WIRE_U32:
    case MT_WIRE_F32:
        printf("%" PRIu32, value->as.u32);
        break;
    case MT_WIRE_I64:
    case MT_WIRE_U64:
    case MT_WIRE_F64:
        printf("%" PRIu64, value->as.u64);
        break;
    case MT_WIRE_BOOL:
        printf("%d", value->as.boolean);
        break;
    case MT_WIRE_STR:
    case MT_WIRE_BYTES:
        print_view(value->as.view);
        break;
    case MT_WIRE_VOID:
        printf("0");
        break;
    }
}

static bool read_call(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_call call;
    if (!mt_wire_read_call(message, len, &call, fault))
        return false;
    printf("call %d %s ", call.call_type, type_names[call.returns]);
    print_view(call.name);
    for (size_t i = 0; i < call.n_params; i++)
        print_value(&call.params[i]);
    return true;
}

static bool read_result(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_value value;
    if (!mt_wire_read_result(message, len, &value, fault))
        return false;
    printf("result");
    print_value(&value);
    return true;
}

static bool read_error(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_error error;
    if (!mt_wire_read_error(message, len, &error, fault))
        return false;
    printf("error %" PRIu64 " ", error.code);
    print_view(error.message);
    return true;
}

static bool read_log(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_log log;
    if (!mt_wire_read_log(message, len, &log, fault))
        return false;
    printf("log %u %" PRIu32, log.level, log.line);
    const struct mt_wire_view texts[] = {log.message, log.source, log.caller, log.source_file};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        putchar(' ');
        print_view(texts[i]);
    }
    return true;
}

static bool read_definitions(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    size_t n;
    if (!mt_wire_read_definitions(message, len, &n, fault))
        return false;
    printf("definitions");
    for (size_t i = 0; i < n; i++) {
        struct mt_wire_definition definition;
        if (!mt_wire_read_definition(message, len, i, &definition, fault))
            die("definition refused after all were accepted", fault->field);
        putchar(' ');
        print_view(definition.name);
        printf("/%s/", type_names[definition.returns]);
        for (size_t k = 0; k < definition.n_params; k++)
            printf(k == 0 ? "%s" : ",%s", type_names[definition.params[k]]);
    }
    return true;
}

static const struct kind {
    const char *name;
    size_t (*build)(struct words *words, uint8_t *to, size_t room);
    bool (*read)(const uint8_t *message, size_t len, struct mt_wire_fault *fault);
} kinds[] = {
    {"call", build_call, read_call},
    {"result", build_result, read_result},
    {"error", build_error, read_error},
    {"log", build_log, read_log},
    {"definitions", build_definitions, read_definitions},
};

static const struct kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    }
    die("no kind of message", name);
}

static void do_build(struct words *words)
{
    static _Alignas(8) uint8_t buffer[1 << 20];
    /* What a builder leaves out would show. */
    memset(buffer, 0xEE, sizeof(buffer));
    const struct kind *kind = kind_of(next(&words->rest, " "));
    size_t len = kind->build(words, buffer, sizeof(buffer));
    if (len == 0)
        printf("none");
    else
        print_view((struct mt_wire_view){buffer, len});
}

static void do_read(struct words *words)
{
    const struct kind *kind = kind_of(next(&words->rest, " "));
    struct mt_wire_view message = next_view(words);
    struct mt_wire_fault fault;
    if (!kind->read(message.data, message.len, &fault))
        printf("refused %s %" PRIu64, fault.field, fault.value);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = 0;
        struct words words = {.rest = line};
        const char *command = next(&words.rest, " ");
        if (strcmp(command, "build") == 0)
            do_build(&words);
        else if (strcmp(command, "read") == 0)
            do_read(&words);
        else
            die("no command", command);
        putchar('\n');
        release_blocks(&words);
    }
    free(line);
    return 0;
}
