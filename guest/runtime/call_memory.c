/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as one call, and texts whose length is known. */
#include "abi/codes.h"
#include "guest/runtime/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What lies before each piece; 16 bytes keep the piece aligned. */
struct piece {
    struct piece *next;
    uint64_t unused;
};

static struct piece *pieces;

/* Texts that may hold NULs: the parameters', the latest one made and the host's latest (value.h).
 */
static moteg_str measured[MOTEG_MAX_PARAMETERS];
static size_t n_measured;
static moteg_str latest_made, latest_of_host;

uint64_t mt_n_calls;

void mt_call_memory_begin(const struct mt_wire_call *call)
{
    while (pieces != NULL) {
        struct piece *next = pieces->next;
        free(pieces);
        pieces = next;
    }
    latest_made = latest_of_host = (moteg_str){0};
    n_measured = 0;
    mt_n_calls++;
    for (size_t i = 0; call != NULL && i < call->n_params && i < MOTEG_MAX_PARAMETERS; i++) {
        const struct mt_wire_view *view = &call->params[i].as.view;
        if (call->params[i].type == MT_WIRE_STR)
            measured[n_measured++] = (moteg_str){(const char *)view->data, view->len};
    }
}

void *moteg_call_memory(size_t len_bytes)
{
    struct piece *piece = NULL;
    if (len_bytes <= SIZE_MAX - sizeof(struct piece))
        piece = malloc(sizeof(struct piece) + len_bytes);
    if (piece == NULL)
        moteg_fail(MT_GUEST_CODE_MALLOC_FAILED, "no memory for %zu bytes in a heap of %zu bytes",
                   len_bytes, moteg_heap_bytes());
    piece->next = pieces;
    pieces = piece;
    return piece + 1;
}

static const char *copy_of(const char *text, size_t len_bytes)
{
    if (len_bytes == SIZE_MAX)
        moteg_fail(MT_GUEST_CODE_MALLOC_FAILED, "text is too long");
    char *copy = moteg_call_memory(len_bytes + 1);
    if (len_bytes != 0)
        memcpy(copy, text, len_bytes);
    copy[len_bytes] = '\0';
    return copy;
}

const char *moteg_text(const char *text, size_t len_bytes)
{
    const char *copy = copy_of(text, len_bytes);
    latest_made = (moteg_str){copy, len_bytes};
    return copy;
}

const char *mt_call_memory_host_text(const char *text, size_t len_bytes)
{
    const char *copy = copy_of(text, len_bytes);
    latest_of_host = (moteg_str){copy, len_bytes};
    return copy;
}

static const char *format_text(const char *format, va_list args) MOTEG_PRINTF(1, 0);
static const char *format_text(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len < 0)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "formatted text is too long");
    size_t len_bytes = (size_t)len;
    char *text = moteg_call_memory(len_bytes + 1);
    vsnprintf(text, len_bytes + 1, format, again);
    va_end(again);
    latest_made = (moteg_str){text, len_bytes};
    return text;
}

const char *moteg_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_text(format, args);
    va_end(args);
    return text;
}

size_t moteg_str_bytes(const char *text)
{
    if (text == NULL)
        return 0;
    if (text == latest_made.data)
        return latest_made.len_bytes;
    if (text == latest_of_host.data)
        return latest_of_host.len_bytes;
    for (size_t i = 0; i < n_measured; i++) {
        if (text == measured[i].data)
            return measured[i].len_bytes;
    }
    return strlen(text);
}
