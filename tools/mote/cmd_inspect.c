/* SPDX-License-Identifier: Apache-2.0 */
/* mote inspect: a guest file's facts and the memory map that a sandbox of it has. */
#include "tools/mote/command.h"

#include "tools/mote/arguments.h"
#include "tools/mote/guest_file.h"
#include "tools/mote/output.h"
#include "tools/mote/report.h"
#include "tools/mote/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inspection {
    const struct options *options;
    const mote_image *image;
    mote_image_facts facts;
    mote_region *regions;
    size_t n_regions;
};

/* "rwx", a dash for each right that is missing. */
static const char *rights_text(uint32_t rights, char to[4])
{
    to[0] = (rights & MOTE_RIGHT_READ) != 0 ? 'r' : '-';
    to[1] = (rights & MOTE_RIGHT_WRITE) != 0 ? 'w' : '-';
    to[2] = (rights & MOTE_RIGHT_EXECUTE) != 0 ? 'x' : '-';
    to[3] = '\0';
    return to;
}

static const char *format_name(const mote_image_facts *facts)
{
    return facts->format == MOTE_FORMAT_PE ? "PE" : "ELF";
}

/* What the format calls the parts that get loaded. */
static const char *parts_name(const mote_image_facts *facts)
{
    return facts->format == MOTE_FORMAT_PE ? "sections" : "segments";
}

static void print_facts_json(struct json *json, const mote_image_facts *facts)
{
    json_text(json, "format", format_name(facts));
    json_text(json, "machine", "x86-64");
    json_unsigned(json, "file_bytes", facts->file_bytes);
    json_unsigned(json, "loaded_bytes", facts->loaded_bytes);
    if (facts->format == MOTE_FORMAT_ELF)
        json_unsigned(json, "segments", facts->n_segments);
    json_unsigned(json, "relocations", facts->n_relocations);
    json_unsigned(json, "functions", facts->n_functions);
    json_bool(json, "other_functions", facts->has_other_functions);
    json_address(json, "entry", facts->entry);
    json_unsigned(json, "heap_bytes", facts->heap_bytes);
    json_unsigned(json, "stack_bytes", facts->stack_bytes);
    json_bool(json, "symbols", facts->has_symbols);
}

static void print_region_json(struct json *json, const mote_region *region)
{
    char rights[4];
    json_open(json, NULL, '{');
    json_text(json, "name", region->name);
    json_address(json, "start", region->start);
    json_address(json, "end", region->start + region->len_bytes);
    json_unsigned(json, "size", region->len_bytes);
    json_text(json, "rights", rights_text(region->rights, rights));
    json_close(json, '}');
}

static void print_section_json(struct json *json, const mote_section *section)
{
    char rights[4];
    json_open(json, NULL, '{');
    json_text(json, "name", section->name);
    json_address(json, "start", section->start);
    json_unsigned(json, "size", section->len_bytes);
    json_text(json, "rights", rights_text(section->rights, rights));
    json_close(json, '}');
}

static void print_sections_json(struct json *json, const mote_image *image)
{
    const mote_section *section = mote_image_section(image, 0);
    if (section == NULL)
        return;
    json_open(json, "sections", '[');
    for (size_t i = 1; section != NULL; section = mote_image_section(image, i++))
        print_section_json(json, section);
    json_close(json, ']');
}

static int print_json(const struct inspection *inspection)
{
    struct json json = {0};
    char abi[24];
    json_open(&json, NULL, '{');
    json_bool(&json, "ok", true);
    json_text(&json, "file", options_guest(inspection->options));
    json_text(&json, "abi", guest_file_abi_name(&inspection->facts, abi));
    print_facts_json(&json, &inspection->facts);
    print_sections_json(&json, inspection->image);
    json_open(&json, "regions", '[');
    for (size_t i = 0; i < inspection->n_regions; i++)
        print_region_json(&json, &inspection->regions[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    return report_json_end(&json, 0);
}

static mote_status print_facts(const mote_image_facts *facts, mote_error *err)
{
    char text[1024] = "";
    char abi[24];
    text_append(text, sizeof(text), "format       %s, x86-64, %" PRIu64 " bytes\n",
                format_name(facts), facts->file_bytes);
    text_append(text, sizeof(text), "abi          %s\n", guest_file_abi_name(facts, abi));
    if (facts->abi == MOTE_ABI_HYPERLIGHT_0_1)
        text_append(text, sizeof(text), "functions    register at run time\n");
    else
        text_append(text, sizeof(text), "functions    %" PRIu32 "%s\n", facts->n_functions,
                    facts->has_other_functions ? ", others are known when it runs" : "");
    text_append(text, sizeof(text),
                "loaded       %" PRIu64 " bytes, %" PRIu32 " %s, %" PRIu32 " relocations\n",
                facts->loaded_bytes, facts->n_segments, parts_name(facts), facts->n_relocations);
    text_append(text, sizeof(text), "entry        +0x%" PRIx64 "\n", facts->entry);
    text_append(text, sizeof(text), "asks for     heap %" PRIu64 ", stack %" PRIu64 "\n",
                facts->heap_bytes, facts->stack_bytes);
    text_append(text, sizeof(text), "symbols      %s\n\n", facts->has_symbols ? "yes" : "no");
    return output_result(text, strlen(text), err);
}

/* Those of a PE file; an ELF file's segments have no names. */
static mote_status print_sections(const mote_image *image, mote_error *err)
{
    char line[256];
    char rights[4];
    const mote_section *section = mote_image_section(image, 0);
    if (section == NULL)
        return MOTE_OK;
    int n =
        snprintf(line, sizeof(line), "%-21s %10s  %-6s  %s\n", "rva", "size", "rights", "section");
    mote_status status = output_result(line, (size_t)n, err);
    for (size_t i = 1; section != NULL && status == MOTE_OK; i++) {
        n = snprintf(line, sizeof(line),
                     "0x%08" PRIx64 "-0x%08" PRIx64 " %10" PRIu64 "  %-6s  %s\n", section->start,
                     section->start + section->len_bytes, section->len_bytes,
                     rights_text(section->rights, rights), section->name);
        status = output_result(line, (size_t)n, err);
        section = mote_image_section(image, i);
    }
    return status == MOTE_OK ? output_result("\n", 1, err) : status;
}

static mote_status print_regions(const struct inspection *inspection, mote_error *err)
{
    char line[256];
    char rights[4];
    int n =
        snprintf(line, sizeof(line), "%-21s %10s  %-6s  %s\n", "gpa", "size", "rights", "region");
    mote_status status = output_result(line, (size_t)n, err);
    for (size_t i = 0; i < inspection->n_regions && status == MOTE_OK; i++) {
        const mote_region *region = &inspection->regions[i];
        n = snprintf(line, sizeof(line),
                     "0x%08" PRIx64 "-0x%08" PRIx64 " %10" PRIu64 "  %-6s  %s\n", region->start,
                     region->start + region->len_bytes, region->len_bytes,
                     rights_text(region->rights, rights), region->name);
        status = output_result(line, (size_t)n, err);
    }
    return status;
}

static int print_text(const struct inspection *inspection)
{
    mote_error err;
    mote_status status = print_facts(&inspection->facts, &err);
    if (status == MOTE_OK)
        status = print_sections(inspection->image, &err);
    if (status == MOTE_OK)
        status = print_regions(inspection, &err);
    return status == MOTE_OK ? 0 : report_error(inspection->options, &err, NULL);
}

/* The map is the one that `mote call` has without arguments. */
static mote_status examine(struct inspection *inspection, const mote_image *image, mote_error *err)
{
    const struct arguments none = {.n_values = 0};
    mote_config config = options_config(inspection->options, arguments_input_bytes(&none, ""));
    inspection->image = image;
    inspection->facts.struct_size = sizeof(inspection->facts);
    mote_status status = mote_image_facts_get(image, &inspection->facts, err);
    if (status == MOTE_OK)
        status = guest_file_map(image, &config, &inspection->regions, &inspection->n_regions, err);
    return status;
}

int command_inspect(const struct options *options)
{
    mote_error err;
    mote_image *image = NULL;
    struct inspection inspection = {.options = options};
    int exit_status = 0;
    mote_status status = mote_image_open(options_guest(options), NULL, &image, &err);
    if (status == MOTE_OK)
        status = examine(&inspection, image, &err);
    if (status != MOTE_OK)
        exit_status = report_error(options, &err, NULL);
    else
        exit_status = options->json ? print_json(&inspection) : print_text(&inspection);
    free(inspection.regions);
    mote_image_unref(image);
    return exit_status;
}
