/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing what is read from messages. */
#include "fuzz/fuzz_wire.h"

#include <stdlib.h>
#include <string.h>

/* The size prefix and the offset of the root. */
#define HEAD_BYTES 8u

void fuzz_check_view(const struct mt_wire_view *view, bool is_text, const uint8_t *message,
                     size_t len_bytes)
{
    if (view->len == 0 && !is_text)
        return;
    FUZZ_REQUIRE(view->data != NULL);
    bool is_in_message = view->data >= message + HEAD_BYTES && view->data < message + len_bytes;
    FUZZ_REQUIRE(is_in_message || view->len == 0);
    FUZZ_REQUIRE(!is_in_message || view->len <= (size_t)(message + len_bytes - view->data));
    if (!is_text)
        return;
    FUZZ_REQUIRE(mt_wire_utf8_is_valid(view->data, view->len));
    FUZZ_REQUIRE(view->data[view->len] == '\0');
}

void fuzz_check_value(const struct mt_wire_value *value, const uint8_t *message, size_t len_bytes)
{
    FUZZ_REQUIRE((unsigned)value->type <= MT_WIRE_VOID);
    if (value->type == MT_WIRE_STR || value->type == MT_WIRE_BYTES)
        fuzz_check_view(&value->as.view, value->type == MT_WIRE_STR, message, len_bytes);
}

bool fuzz_is_same_view(const struct mt_wire_view *a, const struct mt_wire_view *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

bool fuzz_is_same_value(const struct mt_wire_value *a, const struct mt_wire_value *b)
{
    static const uint8_t sizes[] = {4, 4, 8, 8, 4, 8, 0, 1, 0, 0};
    if (a->type != b->type)
        return false;
    if (a->type == MT_WIRE_STR || a->type == MT_WIRE_BYTES)
        return fuzz_is_same_view(&a->as.view, &b->as.view);
    return memcmp(&a->as, &b->as, sizes[a->type]) == 0;
}

uint8_t *fuzz_message_block(size_t n)
{
    uint8_t *block = malloc(n);
    FUZZ_REQUIRE(block != NULL);
    return block;
}

uint8_t *fuzz_message_copy(const uint8_t *data, size_t len_bytes, uint8_t **message)
{
    uint8_t *block = fuzz_message_block(len_bytes + 1);
    memcpy(block + 1, data, len_bytes);
    *message = block + 1;
    return block;
}
