/* SPDX-License-Identifier: Apache-2.0 */
/* The host exception region. */
#include "host/memory/exception.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_BYTES 4u
#define LEAST_REGION_BYTES 0x4000u /* mote_config */
/* A byte becomes six at most; names and numbers around the texts take less than 128. */
#define MAX_ESCAPED_BYTES 6u
#define MAX_JSON_BYTES \
    (MAX_ESCAPED_BYTES * (MOTE_ERROR_MESSAGE_BYTES + MOTE_ERROR_NAME_BYTES) + 128u)

_Static_assert(LENGTH_BYTES + MAX_JSON_BYTES <= LEAST_REGION_BYTES,
               "every exception fits the smallest region");

struct text {
    char data[MAX_JSON_BYTES];
    size_t len;
};

static void add(struct text *text, const char *part)
{
    size_t len = strlen(part);
    memcpy(text->data + text->len, part, len);
    text->len += len;
}

static void add_escaped(struct text *text, const char *part, size_t max_bytes)
{
    for (size_t i = 0; i < max_bytes && part[i] != '\0'; i++) {
        char escaped[MAX_ESCAPED_BYTES + 1] = {part[i]};
        if (part[i] == '"' || part[i] == '\\')
            snprintf(escaped, sizeof(escaped), "\\%c", part[i]);
        else if ((unsigned char)part[i] < 0x20)
            snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)part[i]);
        add(text, escaped);
    }
}

void mt_exception_write(const struct mt_layout *layout, const struct mt_window *window,
                        const struct mt_exception *exception)
{
    struct text text = {.len = 0};
    char numbers[64];
    uint64_t at = layout->start[MT_PLACE_HOST_EXCEPTION];
    add(&text, "{\"message\":\"");
    add_escaped(&text, exception->message, MOTE_ERROR_MESSAGE_BYTES);
    add(&text, "\",\"source\":\"");
    add_escaped(&text, exception->source, MOTE_ERROR_NAME_BYTES);
    snprintf(numbers, sizeof(numbers), "\",\"code\":%" PRIu64 ",\"status\":%d}", exception->code,
             (int)exception->status);
    add(&text, numbers);
    uint32_t len_bytes = (uint32_t)text.len;
    mt_guest_write(window, mt_gva(at), &len_bytes, sizeof(len_bytes));
    mt_guest_write(window, mt_gva(at + LENGTH_BYTES), text.data, text.len);
}

void mt_exception_clear(const struct mt_layout *layout, const struct mt_window *window)
{
    const uint32_t none = 0;
    mt_guest_write(window, mt_gva(layout->start[MT_PLACE_HOST_EXCEPTION]), &none, sizeof(none));
}
