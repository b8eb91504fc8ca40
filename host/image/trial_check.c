/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold for every image, whatever the file. */
#include "host/image/trial_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Larger blocks are refused. */
#define MAX_BLOCK_BYTES (16 * MT_MIB)

static bool refuses(struct trial *trial, size_t len_bytes)
{
    trial->n_asked++;
    return trial->n_asked == trial->fail_at || len_bytes > MAX_BLOCK_BYTES;
}

static void *count_allocate(void *context, size_t len_bytes)
{
    struct trial *trial = context;
    void *block = refuses(trial, len_bytes) ? NULL : malloc(len_bytes);
    trial->n_live += block != NULL;
    return block;
}

static void *count_reallocate(void *context, void *block, size_t len_bytes)
{
    struct trial *trial = context;
    void *moved = refuses(trial, len_bytes) ? NULL : realloc(block, len_bytes);
    trial->n_live += block == NULL && moved != NULL;
    return moved;
}

static void count_release(void *context, void *block)
{
    struct trial *trial = context;
    assert_true(trial->n_live > 0);
    trial->n_live--;
    free(block);
}

/* What must hold for every image, whatever the file. */
static void check_image(const struct mt_image *image)
{
    uint64_t at = 0;
    assert_true(image->memory_bytes > 0 && image->memory_bytes % 4096 == 0);
    assert_true(image->memory_bytes <= MT_MAX_IMAGE_BYTES);
    assert_true(image->alignment >= 4096 && (image->alignment & (image->alignment - 1)) == 0);
    for (size_t i = 0; i < image->n_spans; i++) {
        const struct mt_image_span *span = &image->spans[i];
        assert_int_equal(span->start, at);
        assert_true(span->len_bytes > 0 && span->len_bytes % 4096 == 0);
        assert_false((span->rights & MOTE_RIGHT_WRITE) && (span->rights & MOTE_RIGHT_EXECUTE));
        bool has_entry = image->entry - span->start < span->len_bytes;
        assert_true(!has_entry || (span->rights & MOTE_RIGHT_EXECUTE));
        at += span->len_bytes;
    }
    assert_int_equal(at, image->memory_bytes);
    assert_true(image->entry < image->memory_bytes);
    for (size_t i = 0; i < image->n_relocations; i++) {
        assert_true(image->relocations[i] + 8 <= image->memory_bytes);
        assert_true(i == 0 || image->relocations[i] - image->relocations[i - 1] >= 8);
    }
    for (size_t i = 1; i < image->n_functions; i++)
        assert_true(strcmp(image->functions[i - 1].name, image->functions[i].name) < 0);
    for (size_t i = 1; i < image->n_symbols; i++)
        assert_true(image->symbols[i - 1].start <= image->symbols[i].start);
    assert_int_equal(image->facts.n_functions, image->n_functions);
}

static void use_image(const struct mt_image *image)
{
    uint8_t *placed = malloc(image->memory_bytes);
    assert_non_null(placed);
    mt_image_place(image, 0x400000, placed);
    free(placed);
    for (uint64_t address = 0; address < image->memory_bytes + 4096; address += 117) {
        uint64_t into = 0;
        const char *name = mt_image_symbol_at(image, address, &into);
        assert_true(name == NULL || (strlen(name) > 0 && into <= address));
    }
    for (size_t i = 0; i < image->n_functions; i++)
        assert_ptr_equal(mt_image_function_named(image, image->functions[i].name),
                         &image->functions[i]);
}

mote_status try_file(const uint8_t *file, size_t file_bytes, struct trial *trial)
{
    const mote_allocator allocator = {count_allocate, count_reallocate, count_release, trial};
    struct mt_image image;
    mote_error err;
    mote_status status = mt_image_init(&image, file, file_bytes, &allocator, &err);
    if (status == MOTE_OK) {
        check_image(&image);
        use_image(&image);
        mt_image_fini(&image);
    } else {
        assert_int_equal(err.code, status);
        assert_true(mote_status_class(status) == MOTE_CLASS_LOAD || status == MOTE_E_MEMORY);
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(trial->n_live, 0);
    return status;
}

uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}
