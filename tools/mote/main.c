/* SPDX-License-Identifier: Apache-2.0 */
/* The command line `mote`: its commands, their help, and the way to them. */
#include "tools/mote/command.h"
#include "tools/mote/output.h"
#include "tools/mote/report.h"
#include "tools/mote/usage.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    unsigned int bit; /* COMMAND_* */
    size_t n_words_min;
    size_t n_words_max;
    int (*run)(const struct options *options);
    const char *words;
    const char *meaning;
    const char *example;
};

static const struct command commands[] = {
    {"call", COMMAND_CALL, 2, OPTIONS_MAX_WORDS, command_call, "GUEST FUNCTION [ARG...]",
     "call one function in a new sandbox", "mote call hello.elf Add i32:3 i32:4"},
    {"bench", COMMAND_BENCH, 2, OPTIONS_MAX_WORDS, command_bench, "GUEST FUNCTION [ARG...]",
     "call one function many times; print percentiles, exits and system calls per call",
     "mote bench hello.elf Nothing --calls 10000"},
    {"list", COMMAND_LIST, 1, 1, command_list, "GUEST",
     "list functions with parameter and return types", "mote list hello.elf"},
    {"inspect", COMMAND_INSPECT, 1, 1, command_inspect, "GUEST",
     "show facts of the file and the memory map of a sandbox", "mote inspect hello.elf"},
    {"doctor", COMMAND_DOCTOR, 0, 0, command_doctor, "",
     "check which drivers work here; show limits, and what to do about each problem",
     "mote doctor"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char argument_help[] =
    "\n"
    "ARG is TYPE:VALUE with a TYPE of i32 u32 i64 u64 f32 f64 bool str bytes:\n"
    "  i32:-5 f64:2.5 bool:true str:text bytes:hex=00ff\n"
    "  str:@FILE bytes:@FILE   what a file holds\n"
    "  str:- bytes:-           what standard input holds\n";

static const char unit_help[] = "\n"
                                "SIZE is in bytes, or ends in K, M or G; DURATION ends in us, "
                                "ms or s, or is in ms.\n";

static const char doctor_help[] = "\n"
                                  "It ends with 0 where driver kvm works, and with 6 where it does "
                                  "not, even if another\ndriver works.\n";

static const char status_help[] =
    "\n"
    "Exit status: 0 done; 1 the guest reported an error; 2 the command line is wrong; 3 the guest\n"
    "file is wrong; 4 the guest misbehaved; 5 a limit passed; 6 the host cannot do it.\n";

/* What went to the C library's standard output must be seen to arrive. */
static int end_standard_output(const struct options *options)
{
    mote_error err;
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return 0;
    (void)output_fail(errno, &err);
    return report_error(options, &err, NULL);
}

static int print_help(const struct options *options)
{
    printf("mote runs functions of untrusted programs inside a virtual machine.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  mote %-8s%-26s%s\n", commands[i].name, commands[i].words, commands[i].meaning);
    printf("  mote COMMAND --help                    options of a command, with an example\n"
           "  mote --version                         version of the program\n\n"
           "Examples:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %s\n", commands[i].example);
    fputs(status_help, stdout);
    return end_standard_output(options);
}

static int print_command_help(const struct options *options, const struct command *command)
{
    printf("mote %s%s%s [options]: %s\n\n", command->name, command->words[0] != '\0' ? " " : "",
           command->words, command->meaning);
    options_print_help(command->bit);
    if (command->n_words_max > 1)
        fputs(argument_help, stdout);
    if (command->n_words_max > 0 && command->bit != COMMAND_LIST)
        fputs(unit_help, stdout);
    if (command->bit == COMMAND_DOCTOR)
        fputs(doctor_help, stdout);
    printf("\nExample:\n  %s\n", command->example);
    return end_standard_output(options);
}

static int print_version(const struct options *options)
{
    printf("mote %s\n", mote_version());
    return end_standard_output(options);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static mote_status check_words(const struct command *command, const struct options *options,
                               mote_error *err)
{
    if (options->n_words < command->n_words_min)
        return usage_fail(err, NULL, "mote %s needs %s; see mote %s --help", command->name,
                          command->words, command->name);
    if (options->n_words > command->n_words_max)
        return usage_fail(err, options->words[command->n_words_max],
                          "\"%s\" is one word too many for mote %s",
                          options->words[command->n_words_max], command->name);
    return MOTE_OK;
}

static int run_command(const struct command *command, int n_words, char **words)
{
    struct options options;
    mote_error err;
    options_init(&options);
    mote_status status = options_parse(&options, command->bit, n_words, words, &err);
    if (status == MOTE_OK && options.help)
        return print_command_help(&options, command);
    if (status == MOTE_OK)
        status = check_words(command, &options, &err);
    if (status != MOTE_OK)
        return report_error(&options, &err, NULL);
    return command->run(&options);
}

/* The first word is no command. */
static int run_without_command(int n_words, char **words)
{
    struct options options;
    mote_error err;
    options_init(&options);
    if (n_words > 0 && strcmp(words[0], "--help") == 0)
        return print_help(&options);
    if (n_words > 0 && strcmp(words[0], "--version") == 0)
        return print_version(&options);
    for (int i = 0; i < n_words; i++)
        options.json = options.json || strcmp(words[i], "--json") == 0;
    if (n_words == 0)
        (void)usage_fail(&err, NULL, "no command; see mote --help");
    else
        (void)usage_fail(&err, words[0],
                         "no command \"%s\"; there are call, bench, list, inspect and doctor",
                         words[0]);
    return report_error(&options, &err, NULL);
}

int main(int argc, char **argv)
{
    output_prepare();
    const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
    if (command != NULL)
        return run_command(command, argc - 2, argv + 2);
    return run_without_command(argc > 1 ? argc - 1 : 0, argv + (argc > 1 ? 1 : 0));
}
