/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as the linkers at hand make them, from sample_guest.c. Each is parsed, put into memory with
 * the rights that the parser found, and run there: only a right relocation gives the right words.
 */
#include "host/image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#define N_SPARE_BYTES (2 * MT_MIB)

static const struct sample {
    const char *name;
    uint64_t alignment;
    bool has_symbols;
} samples[] = {
    {"cc-static-pie", 0x1000, true},
    {"cc-packed", 0x1000, true},
    {"bfd", 0x1000, true},
    {"bfd-2mib", 0x200000, true},
    {"bfd-moved", 0x1000, true},
    {"bfd-no-separate-code", 0x1000, true},
    {"bfd-stripped", 0x1000, false},
    {"gold", 0x1000, true},
    {"gold-stripped", 0x1000, false},
    {"lld", 0x1000, true},
    {"lld-packed", 0x1000, true},
    {"lld-moved", 0x1000, true},
    {"lld-64kib", 0x10000, true},
};

/* A mapping and the aligned part of it that holds an image. */
struct placed {
    void *mapping;
    size_t mapping_bytes;
    uint8_t *memory;
};

static int protection_of(uint32_t rights)
{
    int protection = PROT_NONE;
    if ((rights & MOTE_RIGHT_READ) != 0)
        protection |= PROT_READ;
    if ((rights & MOTE_RIGHT_WRITE) != 0)
        protection |= PROT_WRITE;
    if ((rights & MOTE_RIGHT_EXECUTE) != 0)
        protection |= PROT_EXEC;
    return protection;
}

static struct placed place(const struct mt_image *image)
{
    struct placed placed = {.mapping_bytes = image->memory_bytes + N_SPARE_BYTES};
    placed.mapping = mmap(NULL, placed.mapping_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(placed.mapping != MAP_FAILED);
    uint64_t misplaced = (uint64_t)placed.mapping % image->alignment;
    placed.memory = placed.mapping;
    if (misplaced != 0)
        placed.memory += image->alignment - misplaced;
    mt_image_place(image, (uint64_t)placed.memory, placed.memory);
    for (size_t i = 0; i < image->n_spans; i++)
        assert_int_equal(mprotect(placed.memory + image->spans[i].start, image->spans[i].len_bytes,
                                  protection_of(image->spans[i].rights)),
                         0);
    return placed;
}

static void expect_words(const uint8_t *entry)
{
    static const char *const words[] = {"zero", "one", "two", "three"};
    const char *(*pick)(unsigned index);
    memcpy(&pick, &entry, sizeof(pick));
    for (unsigned i = 0; i < 8; i++)
        assert_string_equal(pick(1), words[(1 + i) % 4]);
}

static void expect_description(const struct mt_image *image, const struct sample *sample)
{
    assert_int_equal(image->facts.abi, MOTE_ABI_MOTE_1);
    assert_int_equal(image->facts.heap_bytes, 0x123000);
    assert_int_equal(image->facts.stack_bytes, 0x45000);
    assert_int_equal(image->alignment, sample->alignment);
    assert_int_equal(image->n_functions, 2);
    assert_string_equal(image->functions[0].name, "Count");
    assert_string_equal(image->functions[1].name, "Pick");
    assert_int_equal(image->functions[1].returns, MOTE_TYPE_STR);
    assert_int_equal(image->functions[1].params[0], MOTE_TYPE_U32);
    /* Four words, and name and code of two functions. */
    assert_int_equal(image->n_relocations, 8);
    uint64_t into;
    const char *symbol = mt_image_symbol_at(image, image->entry + 1, &into);
    assert_true((symbol != NULL) == sample->has_symbols);
    if (symbol != NULL)
        assert_string_equal(symbol, "_start");
}

static uint8_t *read_sample(const char *name, size_t *len_bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/host/image/samples/%s.elf", MOTE_BUILD_DIR, name);
    FILE *from = fopen(path, "rb");
    if (from == NULL)
        return NULL;
    const size_t room = 16 * MT_MIB;
    uint8_t *file = malloc(room);
    assert_non_null(file);
    *len_bytes = fread(file, 1, room, from);
    fclose(from);
    return file;
}

static void expect_good(const struct sample *sample, const uint8_t *file, size_t len_bytes)
{
    struct mt_image image;
    mote_error err;
    if (mt_image_init(&image, file, len_bytes, NULL, &err) != MOTE_OK)
        fail_msg("%s: %s", sample->name, err.text);
    expect_description(&image, sample);
    struct placed placed = place(&image);
    expect_words(placed.memory + image.entry);
    munmap(placed.mapping, placed.mapping_bytes);
    mt_image_fini(&image);
}

static void test_what_linkers_make_runs_where_it_is_put(void **state)
{
    (void)state;
    size_t n = 0;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        size_t len_bytes;
        uint8_t *file = read_sample(samples[i].name, &len_bytes);
        if (file == NULL) {
            print_message("%s: left out, its linker was absent at build time\n", samples[i].name);
            continue;
        }
        expect_good(&samples[i], file, len_bytes);
        free(file);
        n++;
    }
    print_message("%zu files of %zu\n", n, sizeof(samples) / sizeof(samples[0]));
    if (n == 0)
        skip();
}

/* An ordinary program of this machine, such as this test, is no guest; it is told why. */
static void test_a_dynamically_linked_program_is_refused(void **state)
{
    (void)state;
    FILE *from = fopen("/proc/self/exe", "rb");
    assert_non_null(from);
    const size_t room = 64 * MT_MIB;
    uint8_t *file = malloc(room);
    assert_non_null(file);
    size_t len_bytes = fread(file, 1, room, from);
    fclose(from);
    struct mt_image image;
    mote_error err;
    assert_int_equal(mt_image_init(&image, file, len_bytes, NULL, &err), MOTE_E_IMAGE_RELOCATION);
    assert_string_equal(err.load.field, "r_info");
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_linkers_make_runs_where_it_is_put),
        cmocka_unit_test(test_a_dynamically_linked_program_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
