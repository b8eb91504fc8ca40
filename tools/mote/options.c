/* SPDX-License-Identifier: Apache-2.0 */
/* Options, as one table. */
#include "tools/mote/options.h"

#include "tools/mote/text.h"
#include "tools/mote/usage.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MS 1000ull
#define SECOND (1000 * MS)

/* Caps: the library's for durations, and for a size what a sandbox may have in all, since no option
 * raises max_memory_bytes (mote/config.h). */
#define MAX_SIZE (1022 * MIB)
#define MAX_SIZE_TEXT "1022M"
#define MAX_DURATION (365ull * 24 * 3600 * SECOND)
#define MAX_DURATION_TEXT "31536000s"
#define MAX_CALLS 10000000ull
#define MAX_CALLS_TEXT "10000000"

#define DEFAULT_OUTPUT (256 * MIB)

/* Room for a guest's error message as long as mote_error keeps one. It fits in the page that the
 * buffer takes in any case. */
#define GUEST_ERROR_BYTES (2 * KIB)

enum kind { KIND_FLAG, KIND_TEXT, KIND_NUMBER, KIND_NAME };

/* A suffix of a number, and what it multiplies by. */
struct unit {
    const char *suffix;
    uint64_t factor;
};

/* One of the words that an option takes. */
struct name {
    const char *text;
    uint64_t value;
};

struct option {
    const char *name;
    const char *value; /* how the value is called in help; NULL for none */
    enum kind kind;
    unsigned int commands;
    size_t field;             /* offset in struct options */
    const struct unit *units; /* KIND_NUMBER: ends with a row without suffix */
    uint64_t max;
    const char *max_text;
    const struct name *names; /* KIND_NAME: ends with a row without text */
    const char *meaning;
};

static const struct unit size_units[] = {{"K", KIB}, {"M", MIB}, {"G", GIB}, {NULL, 1}};
static const struct unit duration_units[] = {{"us", 1}, {"ms", MS}, {"s", SECOND}, {NULL, MS}};
static const struct unit count_units[] = {{NULL, 1}};

static const struct name types[] = {
    {"i32", MOTE_TYPE_I32},
    {"u32", MOTE_TYPE_U32},
    {"i64", MOTE_TYPE_I64},
    {"u64", MOTE_TYPE_U64},
    {"f32", MOTE_TYPE_F32},
    {"f64", MOTE_TYPE_F64},
    {"bool", MOTE_TYPE_BOOL},
    {"str", MOTE_TYPE_STR},
    {"bytes", MOTE_TYPE_BYTES},
    {"void", MOTE_TYPE_VOID},
    {NULL, 0},
};

static const struct name log_levels[] = {
    {"off", MOTE_LOG_OFF},
    {"error", MOTE_LOG_ERROR},
    {"warn", MOTE_LOG_WARN},
    {"info", MOTE_LOG_INFO},
    {"debug", MOTE_LOG_DEBUG},
    {"trace", MOTE_LOG_TRACE},
    {NULL, 0},
};

#define CALLS (COMMAND_CALL | COMMAND_BENCH)
#define SIZED (CALLS | COMMAND_INSPECT)
#define ALL (CALLS | COMMAND_LIST | COMMAND_INSPECT | COMMAND_DOCTOR)
#define FIELD(member) offsetof(struct options, member)
#define SIZE_VALUE size_units, MAX_SIZE, MAX_SIZE_TEXT, NULL
#define DURATION_VALUE duration_units, MAX_DURATION, MAX_DURATION_TEXT, NULL
#define NO_VALUE NULL, 0, NULL, NULL

static const struct option options_table[] = {
    {"--returns", "TYPE", KIND_NAME, CALLS, FIELD(returns), NULL, 0, NULL, types,
     "type of the result; needed for a guest that declares no types"},
    {"--time-limit", "DURATION", KIND_NUMBER, CALLS, FIELD(time_limit_us), DURATION_VALUE,
     "wall clock of one call (1000ms)"},
    {"--cpu-limit", "DURATION", KIND_NUMBER, CALLS, FIELD(cpu_limit_us), DURATION_VALUE,
     "processor time of the guest in one call (no limit)"},
    {"--init-limit", "DURATION", KIND_NUMBER, CALLS, FIELD(init_limit_us), DURATION_VALUE,
     "wall clock of the guest's initialisation (2000ms)"},
    {"--heap", "SIZE", KIND_NUMBER, SIZED, FIELD(heap_bytes), SIZE_VALUE,
     "heap (what the guest asks for, or 128K)"},
    {"--stack", "SIZE", KIND_NUMBER, SIZED, FIELD(stack_bytes), SIZE_VALUE,
     "stack (what the guest asks for, or 64K)"},
    {"--input", "SIZE", KIND_NUMBER, SIZED, FIELD(input_bytes), SIZE_VALUE,
     "room for the arguments (what they need, at least 16K)"},
    {"--output", "SIZE", KIND_NUMBER, SIZED, FIELD(output_bytes), SIZE_VALUE,
     "room for the result (256M, reserved only)"},
    {"--driver", "NAME", KIND_TEXT, CALLS, FIELD(driver), NO_VALUE,
     "what runs the guest (see mote doctor)"},
    {"--log", "LEVEL", KIND_NAME, CALLS, FIELD(log), NULL, 0, NULL, log_levels,
     "off, error, warn, info, debug or trace (warn)"},
    {"--calls", "N", KIND_NUMBER, COMMAND_BENCH, FIELD(calls), count_units, MAX_CALLS,
     MAX_CALLS_TEXT, NULL, "how many calls to time (1000)"},
    {"--restore", NULL, KIND_FLAG, COMMAND_BENCH, FIELD(restore), NO_VALUE,
     "bring the guest back to its initial state after each call"},
    {"--dump", "FILE", KIND_TEXT, COMMAND_CALL, FIELD(dump), NO_VALUE,
     "write a core file of the guest there when it faults, for gdb"},
    {"--json", NULL, KIND_FLAG, ALL, FIELD(json), NO_VALUE, "answer with one line of JSON"},
    {"--verbose", NULL, KIND_FLAG, CALLS, FIELD(verbose), NO_VALUE,
     "say on standard error what is done"},
    {"--help", NULL, KIND_FLAG, ALL, FIELD(help), NO_VALUE, "print this"},
};

#define N_OPTIONS (sizeof(options_table) / sizeof(options_table[0]))

void options_init(struct options *options)
{
    *options = (struct options){
        .returns = MOTE_TYPE_ANY,
        .time_limit_us = 1000 * MS,
        .init_limit_us = 2000 * MS,
        .output_bytes = DEFAULT_OUTPUT,
        .log = MOTE_LOG_WARN,
        .calls = 1000,
    };
}

static bool takes_value(const struct option *option)
{
    return option->value != NULL;
}

/* The option that a word names: "--name" or "--name=value". */
static const struct option *find_option(unsigned int command, const char *word)
{
    size_t len_bytes = strcspn(word, "=");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *option = &options_table[i];
        if ((option->commands & command) != 0 && strlen(option->name) == len_bytes &&
            memcmp(option->name, word, len_bytes) == 0)
            return option;
    }
    return NULL;
}

/* Decimal digits only. False when there are none or the number does not fit. */
static bool parse_digits(const char **text, uint64_t *number)
{
    const char *at = *text;
    uint64_t sum = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            sum = UINT64_MAX; /* stays over every cap, since the next step overflows again */
    }
    if (at == *text)
        return false;
    *text = at;
    *number = sum;
    return true;
}

static const struct unit *find_unit(const struct unit *units, const char *suffix)
{
    for (; units->suffix != NULL; units++) {
        if (strcmp(units->suffix, suffix) == 0)
            return units;
    }
    return suffix[0] == '\0' ? units : NULL;
}

static mote_status set_number(void *field, const struct option *option, const char *value,
                              mote_error *err)
{
    const char *at = value;
    uint64_t number = 0;
    const struct unit *unit = parse_digits(&at, &number) ? find_unit(option->units, at) : NULL;
    if (unit == NULL)
        return usage_fail(err, value, "%s takes %s, not \"%s\"", option->name, option->value,
                          value);
    if (__builtin_mul_overflow(number, unit->factor, &number) || number > option->max)
        return usage_fail(err, value, "%s %s is over the cap of %s", option->name, value,
                          option->max_text);
    if (number == 0)
        return usage_fail(err, value, "%s %s: it must be more than 0", option->name, value);
    memcpy(field, &number, sizeof(number));
    return MOTE_OK;
}

static mote_status set_name(void *field, const struct option *option, const char *value,
                            mote_error *err)
{
    for (const struct name *name = option->names; name->text != NULL; name++) {
        if (strcmp(name->text, value) != 0)
            continue;
        memcpy(field, &name->value, sizeof(name->value));
        return MOTE_OK;
    }
    char known[128] = "";
    for (const struct name *name = option->names; name->text != NULL; name++) {
        text_append(known, sizeof(known), " %s", name->text);
    }
    return usage_fail(err, value, "%s \"%s\" is none of:%s", option->name, value, known);
}

static mote_status set_option(struct options *options, const struct option *option,
                              const char *value, mote_error *err)
{
    char *field = (char *)options + option->field;
    switch (option->kind) {
    case KIND_FLAG:
        *(bool *)field = true;
        return MOTE_OK;
    case KIND_TEXT:
        if (value[0] == '\0')
            return usage_fail(err, value, "%s needs a %s, not \"\"", option->name, option->value);
        memcpy(field, &value, sizeof(value));
        return MOTE_OK;
    case KIND_NUMBER:
        return set_number(field, option, value, err);
    case KIND_NAME:
        return set_name(field, option, value, err);
    }
    return MOTE_OK;
}

/* Read the option at words[0]. *n_taken becomes how many words it is. */
static mote_status parse_option(struct options *options, unsigned int command, int n_words,
                                char *const *words, int *n_taken, mote_error *err)
{
    const char *word = words[0];
    const struct option *option = find_option(command, word);
    if (option == NULL)
        return usage_fail(err, word, "unknown option \"%s\"", word);
    const char *equals = strchr(word, '=');
    *n_taken = takes_value(option) && equals == NULL ? 2 : 1;
    if (!takes_value(option) && equals != NULL)
        return usage_fail(err, word, "%s takes no value", option->name);
    if (*n_taken > n_words)
        return usage_fail(err, word, "%s needs a %s", option->name, option->value);
    const char *value = "";
    if (takes_value(option))
        value = equals != NULL ? equals + 1 : words[1];
    return set_option(options, option, value, err);
}

static mote_status add_word(struct options *options, const char *word, mote_error *err)
{
    if (options->n_words == OPTIONS_MAX_WORDS)
        return usage_fail(err, word,
                          "\"%s\" is one word too many: a function takes at most %d "
                          "arguments",
                          word, MOTE_MAX_PARAMETERS);
    options->words[options->n_words++] = word;
    return MOTE_OK;
}

/* An answer in JSON was asked for, wherever the word stands. */
static bool asks_for_json(int n_words, char *const *words)
{
    for (int i = 0; i < n_words && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--json") == 0)
            return true;
    }
    return false;
}

mote_status options_parse(struct options *options, unsigned int command, int n_words,
                          char *const *words, mote_error *err)
{
    bool options_end = false;
    options->json = asks_for_json(n_words, words);
    for (int i = 0, n_taken = 1; i < n_words && !options->help; i += n_taken) {
        const char *word = words[i];
        mote_status status;
        n_taken = 1;
        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
            continue;
        }
        if (!options_end && word[0] == '-' && word[1] != '\0')
            status = parse_option(options, command, n_words - i, words + i, &n_taken, err);
        else
            status = add_word(options, word, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

void options_print_help(unsigned int command)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *option = &options_table[i];
        if ((option->commands & command) == 0 || option->meaning == NULL)
            continue;
        char left[40];
        snprintf(left, sizeof(left), "%s %s", option->name,
                 option->value != NULL ? option->value : "");
        printf("  %-24s%s\n", left, option->meaning);
    }
}

mote_config options_config(const struct options *options, size_t input_bytes)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.input_bytes = options->input_bytes != 0 ? options->input_bytes : input_bytes;
    config.output_bytes = options->output_bytes;
    config.guest_error_bytes = GUEST_ERROR_BYTES;
    config.heap_bytes = options->heap_bytes;
    config.stack_bytes = options->stack_bytes;
    config.time_limit_us = options->time_limit_us;
    config.init_limit_us = options->init_limit_us;
    config.cpu_limit_us = options->cpu_limit_us;
    config.dump_path = options->dump;
    config.driver = options->driver;
    config.max_log = (mote_log_level)options->log;
    config.log_is_set = true;
    return config;
}
