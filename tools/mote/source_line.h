/* SPDX-License-Identifier: Apache-2.0 */
/* From an address in a guest to the line of its source. */
#ifndef MOTE_TOOLS_MOTE_SOURCE_LINE_H
#define MOTE_TOOLS_MOTE_SOURCE_LINE_H

#include <stdbool.h>
#include <stdint.h>

/* A place in a guest's source. All text is NUL-terminated and harmless to show. */
struct source_line {
    char file[128];     /* without its folders */
    char function[128]; /* "" when unknown */
    int line;
};

/*
 * Find the source line of an address, which counts from the first byte that is loaded. False when
 * the file's debug information does not tell, or is not to be trusted.
 */
bool source_line_find(const char *guest_file, uint64_t address, struct source_line *line);

#endif
