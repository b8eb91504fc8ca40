/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as people and scripts see them: one line on standard error, one JSON object. */
#ifndef MOTE_TOOLS_MOTE_REPORT_H
#define MOTE_TOOLS_MOTE_REPORT_H

#include "tools/mote/json.h"
#include "tools/mote/options.h"
#include "tools/mote/source_line.h"

/* The longest error line, its newline included. */
#define REPORT_LINE_BYTES 512

/* Print the error and return the exit status. source is where a fault happened, or NULL. */
int report_error(const struct options *options, const mote_error *err,
                 const struct source_line *source);

/* Print the line alone. */
void report_line(const mote_error *err, const struct source_line *source);

/* Write the keys of an error into an open JSON object. */
void report_error_json(struct json *json, const struct options *options, const mote_error *err,
                       const struct source_line *source);

/* End a JSON line and return the exit status; status is that of the command itself. */
int report_json_end(struct json *json, int status);

#endif
