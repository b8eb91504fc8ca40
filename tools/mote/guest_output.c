/* SPDX-License-Identifier: Apache-2.0 */
/* Prints and log records of a guest. */
#include "tools/mote/guest_output.h"

#include "tools/mote/output.h"
#include "tools/mote/text.h"
#include <string.h>
#include <unistd.h>

static const char own_prefix[] = GUEST_OUTPUT_OWN_PREFIX;

void guest_output_init(struct guest_output *output, mote_log_level max_log)
{
    *output = (struct guest_output){.max_log = max_log};
}

/* What standard error does not take is lost: there is no other place to say so. */
static void flush(struct guest_output *output)
{
    (void)output_write(STDERR_FILENO, output->buf, output->used_bytes);
    output->used_bytes = 0;
}

static void put(struct guest_output *output, const char *text, size_t n)
{
    if (output->used_bytes + n > sizeof(output->buf))
        flush(output);
    memcpy(output->buf + output->used_bytes, text, n);
    output->used_bytes += n;
}

static void put_held(struct guest_output *output)
{
    put(output, own_prefix, output->n_held);
    output->is_in_line = output->is_in_line || output->n_held > 0;
    output->n_held = 0;
}

static void put_newline(struct guest_output *output)
{
    put_held(output);
    put(output, "\n", 1);
    output->is_in_line = false;
}

/* A line's first characters are held back while they match the own prefix; once all of it stands
 * there, a space goes before it. */
static void put_character(struct guest_output *output, const struct text_piece *piece)
{
    bool may_match = !output->is_in_line && piece->len_bytes == 1;
    if (may_match && piece->text[0] == own_prefix[output->n_held]) {
        output->n_held++;
        if (own_prefix[output->n_held] == '\0') {
            put(output, " ", 1);
            put_held(output);
        }
        return;
    }
    put_held(output);
    put(output, piece->text, piece->len_bytes);
    output->is_in_line = true;
}

void guest_output_print(void *context, const char *text, size_t len_bytes)
{
    struct guest_output *output = context;
    if (output->is_off)
        return;
    while (len_bytes > 0) {
        struct text_piece piece = text_next(text, len_bytes);
        if (text[0] == '\n')
            put_newline(output);
        else
            put_character(output, &piece);
        text += piece.taken_bytes;
        len_bytes -= piece.taken_bytes;
    }
    flush(output);
}

static void end_line(struct guest_output *output)
{
    put_held(output);
    if (output->is_in_line)
        put_newline(output);
}

static const char *level_name(mote_log_level level)
{
    static const char *const names[] = {"off", "error", "warn", "info", "debug", "trace"};
    size_t index = (size_t)level;
    return index < sizeof(names) / sizeof(names[0]) ? names[index] : "trace";
}

static void put_line_text(struct guest_output *output, const char *text, size_t len_bytes)
{
    while (len_bytes > 0) {
        struct text_piece piece = text_next(text, len_bytes);
        put(output, piece.text, piece.len_bytes);
        text += piece.taken_bytes;
        len_bytes -= piece.taken_bytes;
    }
}

void guest_output_log(void *context, const mote_log_record *record)
{
    struct guest_output *output = context;
    const char *level = level_name(record->level);
    if (output->is_off || record->level > output->max_log)
        return;
    end_line(output);
    put(output, "guest: ", 7);
    put(output, level, strlen(level));
    put(output, ": ", 2);
    put_line_text(output, record->message.data, record->message.len_bytes);
    put(output, "\n", 1);
    flush(output);
}

void guest_output_finish(struct guest_output *output)
{
    end_line(output);
    flush(output);
}
