/* SPDX-License-Identifier: Apache-2.0 */
/* What of Hyperlight 0.1's C API a guest may use beside mote's SDK: it brings no entry points. */
#include "guest/libc/standard_output.h"
#include <mote_guest/hyperlight/hyperlight_guest.h>
#include <mote_guest/hyperlight/printf.h>
#include <mote_guest/moteg.h>

#include <stdarg.h>
#include <stdlib.h>

/* ---- Ends and logs ---- */

void setError(uint64_t code, const char *message)
{
    moteg_fail((uint32_t)code, "%s", message != NULL ? message : "");
}

void hl_set_error(hl_ErrorCode code, const char *message)
{
    setError((uint64_t)code, message);
}

void hl_abort_with_code(int32_t code)
{
    moteg_abort((uint32_t)code, "%s", "");
}

void hl_abort_with_code_and_message(int32_t code, const char *message)
{
    moteg_abort((uint32_t)code, "%s", message != NULL ? message : "");
}

void hl_log(hl_Level level, const char *message, int32_t line, const char *file)
{
    static const struct {
        moteg_log_level level;
        const char *word;
    } levels[] = {
        {MOTEG_LOG_ERROR, "ERROR"}, {MOTEG_LOG_WARNING, "WARN"}, {MOTEG_LOG_INFORMATION, "INFO"},
        {MOTEG_LOG_DEBUG, "DEBUG"}, {MOTEG_LOG_TRACE, "TRACE"},
    };
    if (level < hl_Level_Error || level > hl_Level_Trace)
        return;
    moteg_log_from(levels[level - 1].level, "guest", file, line, "hl_log", "%s: %s",
                   levels[level - 1].word, message);
}

/* ---- Memory ---- */

static void *or_abort(void *memory)
{
    if (memory == NULL)
        hl_abort_with_code(hl_ErrorCode_MallocFailed);
    return memory;
}

void *hlmalloc(size_t size)
{
    return size != 0 ? or_abort(malloc(size)) : NULL;
}

/* A product that wraps is no memory (docs/hyperlight.md, D21). */
void *hlcalloc(size_t n, size_t size)
{
    return n != 0 && size != 0 ? or_abort(calloc(n, size)) : NULL;
}

void *hlrealloc(void *memory, size_t size)
{
    if (memory == NULL)
        return hlmalloc(size);
    return or_abort(realloc(memory, size != 0 ? size : 1));
}

void hlfree(void *memory)
{
    free(memory);
}

/* ---- Printing ---- */

void _putchar(char c)
{
    if (c == '\0')
        moteg_flush();
    else
        mt_standard_output(&c, 1);
}

struct taker {
    void (*out)(char c, void *arg);
    void *arg;
};

static void give_characters(void *context, const char *text, size_t len_bytes)
{
    const struct taker *taker = context;
    for (size_t i = 0; i < len_bytes; i++)
        taker->out(text[i], taker->arg);
}

int fctprintf(void (*out)(char c, void *arg), void *arg, const char *format, ...)
{
    struct taker taker = {out, arg};
    va_list args;
    va_start(args, format);
    int n = moteg_vprint_to(give_characters, &taker, format, args);
    va_end(args);
    return n;
}
