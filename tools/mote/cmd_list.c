/* SPDX-License-Identifier: Apache-2.0 */
/* mote list: the functions that a guest file declares. */
#include "tools/mote/command.h"

#include "tools/mote/guest_file.h"
#include "tools/mote/output.h"
#include "tools/mote/print.h"
#include "tools/mote/report.h"
#include "tools/mote/text.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 512

static void print_function_json(struct json *json, const mote_function *function)
{
    json_open(json, NULL, '{');
    json_text(json, "name", function->name);
    json_open(json, "params", '[');
    for (size_t i = 0; i < function->n_params; i++)
        json_text(json, NULL, mote_type_name(function->params[i]));
    json_close(json, ']');
    json_text(json, "returns", mote_type_name(function->returns));
    json_close(json, '}');
}

/* Functions are null where the file declares none, but the guest has some when it runs. */
static void print_functions_json(struct json *json, const mote_image *image,
                                 const mote_image_facts *facts)
{
    if (facts->n_functions == 0 && facts->has_other_functions) {
        json_null(json, "functions");
        return;
    }
    json_open(json, "functions", '[');
    for (size_t i = 0; mote_image_function(image, i) != NULL; i++)
        print_function_json(json, mote_image_function(image, i));
    json_close(json, ']');
}

static int print_json(const struct options *options, const mote_image *image,
                      const mote_image_facts *facts)
{
    struct json json = {0};
    char abi[24];
    json_open(&json, NULL, '{');
    json_bool(&json, "ok", true);
    json_text(&json, "file", options_guest(options));
    json_text(&json, "abi", guest_file_abi_name(facts, abi));
    print_functions_json(&json, image, facts);
    json_bool(&json, "other_functions", facts->has_other_functions);
    json_close(&json, '}');
    return report_json_end(&json, 0);
}

static mote_status print_text(const mote_image *image, mote_error *err)
{
    char line[LINE_BYTES];
    mote_status status = MOTE_OK;
    const mote_function *function = mote_image_function(image, 0);
    for (size_t i = 1; function != NULL && status == MOTE_OK; i++) {
        print_signature(line, sizeof(line) - 1, function);
        text_append(line, sizeof(line), "\n");
        status = output_result(line, strlen(line), err);
        function = mote_image_function(image, i);
    }
    return status;
}

/* Standard output has only what the file declares. */
static void say_what_is_missing(const mote_image_facts *facts)
{
    static const char all[] =
        "mote: the guest file declares no functions: they register at run time\n";
    static const char others[] =
        "mote: the guest file does not declare all functions: others register at run time\n";
    if (!facts->has_other_functions)
        return;
    const char *note = facts->n_functions == 0 ? all : others;
    (void)output_write(STDERR_FILENO, note, strlen(note));
}

static int list(const struct options *options, const mote_image *image)
{
    mote_error err;
    mote_image_facts facts = {.struct_size = sizeof(facts)};
    mote_status status = mote_image_facts_get(image, &facts, &err);
    if (status == MOTE_OK)
        say_what_is_missing(&facts);
    if (status == MOTE_OK && options->json)
        return print_json(options, image, &facts);
    if (status == MOTE_OK)
        status = print_text(image, &err);
    return status == MOTE_OK ? 0 : report_error(options, &err, NULL);
}

int command_list(const struct options *options)
{
    mote_error err;
    mote_image *image = NULL;
    if (mote_image_open(options_guest(options), NULL, &image, &err) != MOTE_OK)
        return report_error(options, &err, NULL);
    int exit_status = list(options, image);
    mote_image_unref(image);
    return exit_status;
}
