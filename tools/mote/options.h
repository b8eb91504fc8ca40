/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the command line: what they set, with their defaults. */
#ifndef MOTE_TOOLS_MOTE_OPTIONS_H
#define MOTE_TOOLS_MOTE_OPTIONS_H

#include <mote/mote.h>

/* Commands as bits, so that a set of them can be named. */
enum {
    COMMAND_CALL = 1,
    COMMAND_BENCH = 2,
    COMMAND_LIST = 4,
    COMMAND_INSPECT = 8,
    COMMAND_DOCTOR = 16
};

/* Guest, function and the arguments. */
#define OPTIONS_MAX_WORDS (2 + MOTE_MAX_PARAMETERS)

struct options {
    const char *words[OPTIONS_MAX_WORDS]; /* those that are no options, in their order */
    size_t n_words;
    uint64_t returns; /* a mote_type; MOTE_TYPE_ANY when not given */
    uint64_t time_limit_us;
    uint64_t init_limit_us;
    uint64_t cpu_limit_us; /* 0: none */
    uint64_t heap_bytes;   /* 0: what the image asks for */
    uint64_t stack_bytes;  /* 0: what the image asks for */
    uint64_t input_bytes;  /* 0: sized to the arguments */
    uint64_t output_bytes;
    uint64_t log; /* a mote_log_level */
    uint64_t calls;
    const char *driver; /* NULL: the library's choice */
    bool json;
    bool verbose;
    bool restore;     /* after each call */
    const char *dump; /* NULL: no core file */
    bool help;
};

/* The commands' positional words; NULL where there are fewer. */
static inline const char *options_guest(const struct options *options)
{
    return options->words[0];
}

static inline const char *options_function(const struct options *options)
{
    return options->words[1];
}

/* Set the defaults. */
void options_init(struct options *options);

/* Read the words behind the command. Stops at --help. json is set when --json stands anywhere, even
 * when an error is found before it. */
mote_status options_parse(struct options *options, unsigned int command, int n_words,
                          char *const *words, mote_error *err);

/* Print the options that a command takes, one a line. */
void options_print_help(unsigned int command);

/* The configuration of a sandbox, without callbacks. input_bytes is what the arguments need. */
mote_config options_config(const struct options *options, size_t input_bytes);

#endif
