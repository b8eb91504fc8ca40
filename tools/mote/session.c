/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a guest. */
#include "tools/mote/session.h"

#include "tools/mote/guest_file.h"
#include "tools/mote/report.h"
#include "tools/mote/text.h"
#include "tools/mote/usage.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names a driver, as --driver does. */
#define DRIVER_VARIABLE "MOTE_DRIVER"

static MOTE_PRINTF(2, 3) void say(const struct session *session, const char *format, ...)
{
    if (!session->options->verbose)
        return;
    va_list values;
    va_start(values, format);
    fputs("verbose: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
}

static mote_status check_function_name(const char *name, mote_error *err)
{
    if (name[0] == '\0')
        return usage_fail(err, name, "the function's name is empty");
    if (!text_is_utf8(name, strlen(name)))
        return usage_fail(err, name, "the function's name \"%s\" is not UTF-8", name);
    return MOTE_OK;
}

/* A driver's name is a word of the command line: it is judged before the guest file. */
static mote_status check_driver_name(const char *name, mote_error *err)
{
    char known[128] = "";
    const char *driver;
    if (name == NULL)
        return MOTE_OK;
    for (size_t i = 0; (driver = mote_driver_name(i)) != NULL; i++) {
        if (strcmp(driver, name) == 0)
            return MOTE_OK;
        text_append(known, sizeof(known), " %s", driver);
    }
    if (strcmp(name, "loadlibrary") == 0) /* known by name only, as by the library */
        (void)usage_fail(err, name, "driver %s needs Windows, whose LoadLibrary() loads the guest",
                         name);
    else
        (void)usage_fail(err, name, "no driver \"%s\"; there are:%s", name, known);
    err->code = MOTE_E_DRIVER;
    return err->code;
}

/* --driver, or else the environment. */
static const char *wanted_driver(const struct options *options)
{
    const char *from_environment = getenv(DRIVER_VARIABLE);
    if (options->driver != NULL || from_environment == NULL || from_environment[0] == '\0')
        return options->driver;
    return from_environment;
}

static mote_status parse_words(struct session *session, mote_error *err)
{
    const struct options *options = session->options;
    mote_status status = check_function_name(options_function(options), err);
    if (status == MOTE_OK)
        status = check_driver_name(wanted_driver(options), err);
    if (status == MOTE_OK)
        status =
            arguments_parse(&session->arguments, options->words + 2, options->n_words - 2, err);
    return status;
}

static void say_image(const struct session *session)
{
    mote_image_facts facts = {.struct_size = sizeof(facts)};
    char abi[24];
    if (!session->options->verbose || mote_image_facts_get(session->image, &facts, NULL) != MOTE_OK)
        return;
    say(session, "opened the guest file: %" PRIu64 " bytes, ABI %s, %" PRIu32 " functions",
        facts.file_bytes, guest_file_abi_name(&facts, abi), facts.n_functions);
}

/* Why the first driver, the hardware one, was not used. */
static void say_why_not_hardware(const char *used)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    if (mote_driver_examine(0, &report, NULL) != MOTE_OK || report.works)
        return;
    fprintf(stderr, "mote: note: isolation by driver %s, not by hardware: %s: %s\n", used,
            report.name, report.reason);
}

/* Whoever runs a guest is told when its isolation does not rest on a hypervisor. */
static void say_isolation(const struct session *session)
{
    const char *used = mote_sandbox_driver(session->sandbox);
    if (strcmp(used, mote_driver_name(0)) == 0)
        return;
    if (strcmp(used, "inprocess") == 0)
        fprintf(stderr, "mote: note: no isolation: driver %s runs the guest in this process\n",
                used);
    else if (wanted_driver(session->options) != NULL)
        fprintf(stderr,
                "mote: note: isolation by driver %s, not by hardware: the driver was named\n",
                used);
    else
        say_why_not_hardware(used);
}

static mote_status start(struct session *session, mote_error *err)
{
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    mote_status status =
        mote_sandbox_create(session->image, &session->config, &session->sandbox, err);
    if (status != MOTE_OK)
        return status;
    say_isolation(session);
    say(session, "created a sandbox with driver %s", mote_sandbox_driver(session->sandbox));
    status = session->options->restore ? mote_sandbox_evolve(session->sandbox, NULL, NULL, err)
                                       : mote_sandbox_init(session->sandbox, err);
    if (status == MOTE_OK)
        status = mote_sandbox_stats_get(session->sandbox, &stats, err);
    if (status == MOTE_OK)
        say(session, "initialised the guest: %" PRIu64 " us, %" PRIu64 " exits", stats.last_wall_us,
            stats.last_exits);
    return status;
}

static mote_status check_call(const struct session *session, mote_error *err)
{
    mote_type returns = (mote_type)session->options->returns;
    mote_status status =
        mote_image_check_call(session->image, options_function(session->options),
                              session->arguments.values, session->arguments.n_values, returns, err);
    if (status == MOTE_E_TYPE && returns == MOTE_TYPE_ANY)
        text_append(err->text, sizeof(err->text), " with --returns");
    return status;
}

static void configure(struct session *session)
{
    const struct options *options = session->options;
    size_t input_bytes = arguments_input_bytes(&session->arguments, options_function(options));
    session->config = options_config(options, input_bytes);
    session->config.driver = wanted_driver(options);
    session->config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    guest_output_init(&session->output, (mote_log_level)options->log);
    session->config.log = guest_output_log;
    session->config.log_context = &session->output;
    session->config.print = guest_output_print;
    session->config.print_context = &session->output;
}

mote_status session_open(struct session *session, const struct options *options, mote_error *err)
{
    *session = (struct session){.options = options};
    mote_status status = parse_words(session, err);
    if (status != MOTE_OK)
        return status;
    configure(session);
    status = mote_image_open(options_guest(options), NULL, &session->image, err);
    if (status != MOTE_OK)
        return status;
    say_image(session);
    status = check_call(session, err);
    return status == MOTE_OK ? start(session, err) : status;
}

mote_status session_call(struct session *session, mote_value *result, mote_error *err)
{
    const struct options *options = session->options;
    return (options->restore ? mote_call_reset : mote_call)(
        session->sandbox, options_function(options), session->arguments.values,
        session->arguments.n_values, (mote_type)options->returns, result, err);
}

static bool is_of_image(const mote_region *region)
{
    return strcmp(region->name, "code") == 0 || strcmp(region->name, "data") == 0 ||
           strcmp(region->name, "read-only data") == 0;
}

/* Where in the image an instruction lies, counted from the image's first byte. */
static bool image_address(const struct session *session, uint64_t rip, uint64_t *address)
{
    mote_region *regions = NULL;
    size_t n_regions = 0;
    size_t i = 0;
    if (guest_file_map(session->image, &session->config, &regions, &n_regions, NULL) != MOTE_OK)
        return false;
    while (i < n_regions && !is_of_image(&regions[i]))
        i++;
    bool is_found = i < n_regions && rip >= regions[i].start;
    if (is_found)
        *address = rip - regions[i].start;
    free(regions);
    return is_found;
}

int session_report(struct session *session, const mote_error *err)
{
    struct source_line source;
    uint64_t address = 0;
    session_end_output(session);
    bool has_source = err->code == MOTE_E_GUEST_FAULT && session->image != NULL &&
                      image_address(session, err->fault.rip, &address) &&
                      source_line_find(options_guest(session->options), address, &source);
    return report_error(session->options, err, has_source ? &source : NULL);
}

void session_end_output(struct session *session)
{
    guest_output_finish(&session->output);
}

void session_close(struct session *session)
{
    (void)mote_sandbox_destroy(session->sandbox);
    mote_image_unref(session->image);
    arguments_release(&session->arguments);
}
