/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest prints and logs, on standard error, unable to pass for anything else. */
#ifndef MOTE_TOOLS_MOTE_GUEST_OUTPUT_H
#define MOTE_TOOLS_MOTE_GUEST_OUTPUT_H

#include <mote/config.h>

/* The beginning of the program's own lines. */
#define GUEST_OUTPUT_OWN_PREFIX "mote:"

/* State of the line that the guest is printing. */
struct guest_output {
    mote_log_level max_log;
    bool is_off;     /* what the guest prints and logs is dropped */
    size_t n_held;   /* characters of the own prefix at a line's start, not written yet */
    bool is_in_line; /* something of the line is written */
    char buf[4096];
    size_t used_bytes;
};

void guest_output_init(struct guest_output *output, mote_log_level max_log);

/* Callbacks of mote_config; context is the guest_output. */
void guest_output_print(void *context, const char *text, size_t len_bytes);
void guest_output_log(void *context, const mote_log_record *record);

/* Write what is held back and end a line that is not ended. */
void guest_output_finish(struct guest_output *output);

#endif
