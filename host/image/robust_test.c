/* SPDX-License-Identifier: Apache-2.0 */
/* Files cut and changed at random, and allocators that fail: no crash, no leak, no half image. */
#include "host/image/elf_maker.h"
#include "host/image/image.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N_MUTATIONS 200000u
#define MAX_BLOCK_BYTES (16 * MT_MIB)

/* An allocator that counts, refuses large blocks, and fails once if asked to. */
struct counter {
    size_t n_live;
    size_t n_asked;
    size_t fail_at; /* counts from 1; 0 for never */
};

static bool refuses(struct counter *counter, size_t len_bytes)
{
    counter->n_asked++;
    return counter->n_asked == counter->fail_at || len_bytes > MAX_BLOCK_BYTES;
}

static void *count_allocate(void *context, size_t len_bytes)
{
    struct counter *counter = context;
    void *block = refuses(counter, len_bytes) ? NULL : malloc(len_bytes);
    counter->n_live += block != NULL;
    return block;
}

static void *count_reallocate(void *context, void *block, size_t len_bytes)
{
    struct counter *counter = context;
    void *moved = refuses(counter, len_bytes) ? NULL : realloc(block, len_bytes);
    counter->n_live += block == NULL && moved != NULL;
    return moved;
}

static void count_release(void *context, void *block)
{
    struct counter *counter = context;
    assert_true(counter->n_live > 0);
    counter->n_live--;
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

/* Parse, check and release; whatever comes out, nothing stays allocated. */
static mote_status try(const uint8_t *file, size_t file_bytes, struct counter *counter)
{
    const mote_allocator allocator = {count_allocate, count_reallocate, count_release, counter};
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
    assert_int_equal(counter->n_live, 0);
    return status;
}

/* In a block of exactly the length, so that a sanitizer sees a byte too many. */
static void test_every_truncation_is_refused_or_loads(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    size_t n_loaded = 0;
    for (size_t len = 0; len <= sizeof(maker); len++) {
        struct counter counter = {0};
        uint8_t *file = malloc(len > 0 ? len : 1);
        assert_non_null(file);
        memcpy(file, &maker, len);
        mote_status status = try(file, len, &counter);
        free(file);
        n_loaded += status == MOTE_OK;
        assert_true(status == MOTE_OK || len < MAKER_OFFSET(sections));
    }
    assert_int_equal(n_loaded, sizeof(maker) - MAKER_OFFSET(sections) + 1);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Where the good file has something other than zeroes: changes elsewhere say little. */
static size_t random_offset(uint64_t *seed)
{
    static const struct {
        size_t start, end;
    } parts[] = {
        {0, MAKER_OFFSET(code)},
        {0, MAKER_OFFSET(other_note)},
        {MAKER_OFFSET(other_note), MAKER_OFFSET(long_name)},
        {MAKER_OFFSET(functions), MAKER_OFFSET(functions) + 0x180},
        {MAKER_OFFSET(explicit_pointer), MAKER_OFFSET(explicit_pointer) + 0x60},
        {MAKER_OFFSET(sections), sizeof(struct elf_maker)},
    };
    size_t part = next_random(seed) % (sizeof(parts) / sizeof(parts[0]));
    return parts[part].start + next_random(seed) % (parts[part].end - parts[part].start);
}

static void test_random_changes_are_refused_or_load(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    uint64_t seed = 0x9E3779B97F4A7C15;
    struct elf_maker maker;
    size_t n_loaded = 0;
    uint8_t *block = malloc(sizeof(maker) + 1);
    assert_non_null(block);
    uint8_t *file = block + 1; /* nothing in a file is aligned */
    elf_maker_fill(&maker);
    for (size_t i = 0; i < N_MUTATIONS; i++) {
        struct counter counter = {0};
        memcpy(file, &maker, sizeof(maker));
        for (uint64_t n = 1 + next_random(&seed) % 4; n > 0; n--) {
            uint64_t random = next_random(&seed);
            uint8_t edge = edges[(random >> 8) % sizeof(edges)];
            file[random_offset(&seed)] = (random & 1) != 0 ? edge : (uint8_t)(random >> 16);
        }
        n_loaded += try(file, sizeof(maker), &counter) == MOTE_OK;
    }
    free(block);
    /* Both ways are taken often, or else the changes are too wild or too tame to say anything. */
    assert_true(n_loaded > N_MUTATIONS / 20);
    assert_true(n_loaded < N_MUTATIONS / 20 * 19);
}

static void test_each_failed_allocation_unwinds(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    mote_status status = MOTE_E_MEMORY;
    size_t fail_at = 0;
    while (status != MOTE_OK) {
        struct counter counter = {.fail_at = ++fail_at};
        status = try((const uint8_t *)&maker, sizeof(maker), &counter);
        assert_true(status == MOTE_OK || status == MOTE_E_MEMORY);
        assert_true(status == MOTE_E_MEMORY || counter.n_asked == fail_at - 1);
    }
    /* Rights, spans, memory, relocations twice, functions, symbols and their names. */
    assert_int_equal(fail_at - 1, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_truncation_is_refused_or_loads),
        cmocka_unit_test(test_random_changes_are_refused_or_load),
        cmocka_unit_test(test_each_failed_allocation_unwinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
