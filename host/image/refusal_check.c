/* SPDX-License-Identifier: Apache-2.0 */
/* The errors of malformed files. */
#include "host/image/refusal_check.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

void put_patch(void *file, size_t file_bytes, const struct patch *patch)
{
    assert_true(patch->offset + patch->len_bytes <= file_bytes);
    memcpy((uint8_t *)file + patch->offset, &patch->value, patch->len_bytes);
}

static void check_text(const mote_error *err)
{
    size_t len = strnlen(err->text, sizeof(err->text));
    assert_true(len > 0 && len < sizeof(err->text));
    for (size_t i = 0; i < len; i++)
        assert_true(err->text[i] >= ' ' && err->text[i] <= '~');
}

void expect_refusal(const uint8_t *file, size_t file_bytes, const struct bad *bad)
{
    mote_error err;
    struct mt_image image;
    struct mt_image before;
    memset(&before, 0x5A, sizeof(before));
    memset(&image, 0x5A, sizeof(image));
    mote_status status = mt_image_init(&image, file, file_bytes, NULL, &err);
    bool is_right = status == bad->code && err.code == bad->code &&
                    strcmp(err.load.field, bad->field) == 0 && err.load.value == bad->value &&
                    err.load.offset == bad->offset;
    if (!is_right)
        fail_msg("wanted %s %s 0x%" PRIx64 " at 0x%" PRIx64 ", got %s: %s",
                 mote_status_name(bad->code), bad->field, bad->value, bad->offset,
                 mote_status_name(status), status == MOTE_OK ? "" : err.text);
    check_text(&err);
    assert_memory_equal(&image, &before, sizeof(image));
    assert_int_equal(mt_image_init(&image, file, file_bytes, NULL, NULL), bad->code);
}
