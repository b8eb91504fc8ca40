/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log records and printed text. They wait as finished messages in a private area, since an exit for
 * each would cost far more than the record, and go to the host on top of the next message.
 */
#include "abi/ports.h"
#include "guest/libc/standard_output.h"
#include "guest/runtime/runtime.h"

#include <stdio.h>
#include <string.h>

#define STAGING_BYTES 4096u
/* A record always fits the least output buffer's margin (buffers.c), whatever its text. */
#define MAX_TEXT_BYTES 1000u
#define MAX_PLACE_BYTES 128u

MT_SELDOM_USED _Alignas(8) uint8_t mt_staging[STAGING_BYTES];
static size_t staged_bytes;
MT_SELDOM_USED size_t mt_record_bytes[MT_MAX_PENDING_RECORDS];
static size_t n_staged;

MT_SELDOM_USED char mt_printed[MAX_TEXT_BYTES];
static size_t n_printed;

static uint64_t max_level;

void mt_records_init(uint64_t max_log_level)
{
    max_level = max_log_level;
}

static struct mt_wire_view view_of(const char *text, size_t len_bytes)
{
    return (struct mt_wire_view){.data = (const uint8_t *)text, .len = len_bytes};
}

static bool stage(const struct mt_wire_log *log)
{
    if (n_staged == MT_MAX_PENDING_RECORDS)
        return false;
    size_t len_bytes =
        mt_wire_build_log(mt_staging + staged_bytes, sizeof(mt_staging) - staged_bytes, log);
    if (len_bytes == 0)
        return false;
    mt_record_bytes[n_staged] = len_bytes;
    n_staged++;
    staged_bytes += len_bytes;
    return true;
}

/* Move as many of the oldest records as fit to the output buffer, and the rest to the front. */
static uint8_t push_some(void)
{
    size_t n = 0, pushed_bytes = 0, room;
    while (n < n_staged) {
        uint8_t *to = mt_output_room(&room);
        if (to == NULL || room < mt_record_bytes[n])
            break;
        memcpy(to, mt_staging + pushed_bytes, mt_record_bytes[n]);
        mt_output_push(mt_record_bytes[n]);
        pushed_bytes += mt_record_bytes[n];
        n++;
    }
    memmove(mt_staging, mt_staging + pushed_bytes, staged_bytes - pushed_bytes);
    memmove(mt_record_bytes, mt_record_bytes + n, (n_staged - n) * sizeof(mt_record_bytes[0]));
    staged_bytes -= pushed_bytes;
    n_staged -= n;
    return (uint8_t)n;
}

/* Send all staged records. What lies under them stays where it is. */
static void flush_staged(void)
{
    uint64_t mark = mt_output_mark();
    while (n_staged != 0) {
        uint8_t n = push_some();
        if (n == 0) {
            /* No room for even one: nothing can be done with them. */
            n_staged = 0;
            staged_bytes = 0;
            return;
        }
        mt_out(MT_PORT_LOG, n);
        mt_output_drop_to(mark);
    }
}

static void add(const struct mt_wire_log *log)
{
    if (stage(log))
        return;
    flush_staged();
    stage(log);
}

/* Make a record of the first len_bytes of the printed text. */
static void stage_printed(size_t len_bytes)
{
    if (len_bytes == 0)
        return;
    mt_make_utf8(mt_printed, len_bytes);
    struct mt_wire_log log = {
        .message = view_of(mt_printed, len_bytes),
        .source = view_of("", 0),
        .caller = view_of("", 0),
        .source_file = view_of("", 0),
        .level = MT_LOG_LEVEL_NONE,
    };
    add(&log);
    n_printed -= len_bytes;
    memmove(mt_printed, mt_printed + len_bytes, n_printed);
}

void mt_standard_output(const char *text, size_t len_bytes)
{
    while (len_bytes != 0) {
        size_t n = sizeof(mt_printed) - n_printed;
        if (n > len_bytes)
            n = len_bytes;
        memcpy(mt_printed + n_printed, text, n);
        n_printed += n;
        text += n;
        len_bytes -= n;
        if (n_printed == sizeof(mt_printed))
            stage_printed(mt_whole_characters(mt_printed, n_printed));
    }
}

/* Whether all staged records, with their back pointers, fit above a message of len_bytes. */
static bool fit_above(size_t len_bytes)
{
    size_t room;
    size_t needed = staged_bytes + (n_staged + 1) * sizeof(uint64_t);
    if (n_staged == 0)
        return true;
    return mt_output_room(&room) != NULL && len_bytes <= room && needed <= room - len_bytes;
}

bool mt_records_wait(void)
{
    return n_printed != 0 || n_staged != 0;
}

uint8_t mt_records_push(void)
{
    if (!mt_records_wait())
        return 0;
    stage_printed(n_printed);
    if (!fit_above(0))
        flush_staged();
    return push_some();
}

/* What may be the first part of a character waits for the rest. */
void mt_standard_output_flush(void)
{
    stage_printed(mt_whole_characters(mt_printed, n_printed));
    flush_staged();
}

void mt_records_flush(void)
{
    stage_printed(n_printed);
    flush_staged();
}

void mt_records_flush_unless_fit(size_t len_bytes)
{
    stage_printed(n_printed);
    if (!fit_above(len_bytes))
        flush_staged();
}

void mt_leave(void)
{
    mt_out(MT_PORT_DONE, mt_records_push());
}

void moteg_flush(void)
{
    mt_standard_output_flush();
}

/* The host's scale is 0 for nothing, 1 for errors, ... 5 for all. */
static bool is_wanted(moteg_log_level level)
{
    uint64_t rank = level >= MOTEG_LOG_ERROR ? 1 : 5 - (uint64_t)level;
    return rank <= max_level;
}

/* The end of a text that is longer than a record may carry, else all of it. */
static struct mt_wire_view tail_of(const char *text)
{
    size_t len_bytes = text != NULL ? strlen(text) : 0;
    size_t cut = len_bytes > MAX_PLACE_BYTES ? len_bytes - MAX_PLACE_BYTES : 0;
    /* Not from inside a character. */
    while (cut != 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
        cut++;
    struct mt_wire_view view = view_of(text != NULL ? text + cut : "", len_bytes - cut);
    return mt_wire_utf8_is_valid(view.data, view.len) ? view : view_of("?", 1);
}

/* Where in the guest a record comes from. */
struct origin {
    const char *source;
    const char *file;
    const char *function;
    int line;
};

static void log_text(moteg_log_level level, const struct origin *origin, const char *format,
                     va_list args) MOTEG_PRINTF(3, 0);
static void log_text(moteg_log_level level, const struct origin *origin, const char *format,
                     va_list args)
{
    char text[MAX_TEXT_BYTES + 1];
    int written = vsnprintf(text, sizeof(text), format, args);
    size_t len_bytes = written < 0 ? 0 : (size_t)written;
    if (len_bytes > MAX_TEXT_BYTES)
        len_bytes = mt_whole_characters(text, MAX_TEXT_BYTES);
    mt_make_utf8(text, len_bytes);
    stage_printed(n_printed);
    struct mt_wire_log log = {
        .message = view_of(text, len_bytes),
        .source = tail_of(origin->source),
        .caller = tail_of(origin->function),
        .source_file = tail_of(origin->file),
        .level = level > MOTEG_LOG_CRITICAL ? MT_LOG_LEVEL_CRITICAL : (uint8_t)level,
        .line = origin->line < 0 ? 0 : (uint32_t)origin->line,
    };
    add(&log);
    if (level >= MOTEG_LOG_ERROR)
        mt_records_flush();
}

void moteg_log_at(moteg_log_level level, const char *file, int line, const char *function,
                  const char *format, ...)
{
    const struct origin origin = {"guest", file, function, line};
    va_list args;
    if (!is_wanted(level))
        return;
    va_start(args, format);
    log_text(level, &origin, format, args);
    va_end(args);
}

void moteg_log_from(moteg_log_level level, const char *source, const char *file, int line,
                    const char *function, const char *format, ...)
{
    const struct origin origin = {source, file, function, line};
    va_list args;
    if (!is_wanted(level))
        return;
    va_start(args, format);
    log_text(level, &origin, format, args);
    va_end(args);
}
