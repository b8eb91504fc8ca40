/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols: those that name functions, and sections that are odd. */
#include "host/image/image_check.h"

#include "host/image/elf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_symbols_name_functions_and_nothing_else(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_symbols, 2);
    expect_symbol(&image, MAKER_CODE + 0x0F, NULL, 0);
    expect_symbol(&image, MAKER_CODE + 0x10, "add", 0);
    expect_symbol(&image, MAKER_CODE + 0x3F, "add", 0x2F);
    expect_symbol(&image, MAKER_CODE + 0x40, "start", 0);
    expect_symbol(&image, MAKER_CODE + 0x5F, "start", 0x1F);
    expect_symbol(&image, MAKER_CODE + 0x60, NULL, 0);
    expect_symbol(&image, MAKER_WRITABLE, NULL, 0);
    expect_symbol(&image, UINT64_MAX, NULL, 0);
    mt_image_fini(&image);
}

/* In either order of the file. */
static void test_of_two_names_the_one_that_reaches_further_counts(void **state)
{
    (void)state;
    static const size_t places[][2] = {{MAKER_S_START, MAKER_S_OBJECT},
                                       {MAKER_S_OBJECT, MAKER_S_START}};
    for (size_t i = 0; i < 2; i++) {
        struct elf_maker maker;
        elf_maker_fill(&maker);
        Elf64_Sym further = maker.symbols[MAKER_S_START];
        further.st_name = maker.symbols[MAKER_S_ADD].st_name;
        further.st_size = 0x30;
        maker.symbols[places[i][0]] = maker.symbols[MAKER_S_START];
        maker.symbols[places[i][1]] = further;
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.n_symbols, 3);
        expect_symbol(&image, MAKER_CODE + 0x40, "add", 0);
        expect_symbol(&image, MAKER_CODE + 0x6F, "add", 0x2F);
        mt_image_fini(&image);
    }
}

/* A function without a size ends with its pages. */
static void test_a_symbol_without_a_size_ends_with_its_span(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.symbols[MAKER_S_START].st_size = 0;
    struct mt_image image = parse_good(&maker);
    expect_symbol(&image, MAKER_CODE + 0xFFF, "start", 0xFBF);
    expect_symbol(&image, MAKER_CODE + 0x1000, NULL, 0);
    mt_image_fini(&image);
}

static void test_symbol_names_are_cut_and_harmless(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    memset(maker.symbol_names + 1, 'x', 120);
    maker.symbol_names[1] = '\n';
    struct mt_image image = parse_good(&maker);
    uint64_t into;
    const char *name = mt_image_symbol_at(&image, MAKER_CODE + 0x40, &into);
    assert_non_null(name);
    assert_true(strlen(name) < MOTE_ERROR_NAME_BYTES);
    assert_memory_equal(name, "\\x0axxx", 7);
    mt_image_fini(&image);
}

static void test_a_symbol_name_ends_with_its_table(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.sections[2].sh_size = maker.symbols[MAKER_S_START].st_name + 3;
    struct mt_image image = parse_good(&maker);
    expect_symbol(&image, MAKER_CODE + 0x40, "sta", 0);
    mt_image_fini(&image);
}

static void test_a_file_without_sections_has_no_symbols(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.header.e_shoff = 0;
    maker.header.e_shnum = 0;
    maker.header.e_shentsize = 0;
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_symbols, 0);
    assert_false(image.facts.has_symbols);
    expect_symbol(&image, MAKER_CODE + 0x40, NULL, 0);
    mt_image_fini(&image);
}

static void spoil_offset(struct elf_maker *maker)
{
    maker->header.e_shoff = UINT64_MAX - 8;
}

static void spoil_count(struct elf_maker *maker)
{
    maker->header.e_shnum = 0xFFFF;
}

static void spoil_entry_size(struct elf_maker *maker)
{
    maker->header.e_shentsize = 63;
}

/* The last section has all that a table of symbols has, but for the type. */
static void spoil_type(struct elf_maker *maker)
{
    Elf64_Shdr names = maker->sections[2];
    maker->sections[2] = maker->sections[1];
    maker->sections[1] = names;
    maker->sections[2].sh_type = SHT_DYNSYM;
    maker->sections[2].sh_link = 1;
}

static void spoil_link(struct elf_maker *maker)
{
    maker->sections[1].sh_link = 3;
}

static void spoil_link_type(struct elf_maker *maker)
{
    maker->sections[2].sh_type = SHT_PROGBITS;
}

static void spoil_table_range(struct elf_maker *maker)
{
    maker->sections[1].sh_offset = UINT64_MAX;
}

static void spoil_table_size(struct elf_maker *maker)
{
    maker->sections[1].sh_size++;
}

static void spoil_symbol_size(struct elf_maker *maker)
{
    maker->sections[1].sh_entsize = 0;
}

static void spoil_names_range(struct elf_maker *maker)
{
    maker->sections[2].sh_size = UINT64_MAX;
}

static void spoil_names(struct elf_maker *maker)
{
    maker->symbols[MAKER_S_ADD].st_name = sizeof(maker->symbol_names);
    maker->symbols[MAKER_S_START].st_name = UINT32_MAX;
}

static void spoil_values(struct elf_maker *maker)
{
    maker->symbols[MAKER_S_ADD].st_value = UINT64_MAX;
    maker->symbols[MAKER_S_START].st_value = MAKER_CODE - 1;
}

static void test_odd_sections_mean_no_symbols(void **state)
{
    (void)state;
    static void (*const spoilers[])(struct elf_maker * maker) = {
        spoil_offset,      spoil_count,     spoil_entry_size,  spoil_type,
        spoil_link,        spoil_link_type, spoil_table_range, spoil_table_size,
        spoil_symbol_size, spoil_names,     spoil_names_range, spoil_values};
    struct elf_maker maker;
    for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
        elf_maker_fill(&maker);
        spoilers[i](&maker);
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.n_symbols, 0);
        assert_int_equal(image.n_functions, 2);
        mt_image_fini(&image);
    }
}

static void test_more_symbols_than_the_cap_mean_none(void **state)
{
    (void)state;
    size_t table = sizeof(struct elf_maker);
    size_t file_bytes = table + (MT_MAX_SYMBOLS + 1) * sizeof(Elf64_Sym);
    uint8_t *file = malloc(file_bytes);
    assert_non_null(file);
    for (size_t n = MT_MAX_SYMBOLS; n <= MT_MAX_SYMBOLS + 1; n++) {
        struct mt_image image;
        struct elf_maker maker;
        elf_maker_fill(&maker);
        maker.sections[1].sh_offset = table;
        maker.sections[1].sh_size = n * sizeof(Elf64_Sym);
        memcpy(file, &maker, sizeof(maker));
        for (size_t i = 0; i < n; i++)
            memcpy(file + table + i * sizeof(Elf64_Sym), &maker.symbols[MAKER_S_START],
                   sizeof(Elf64_Sym));
        assert_int_equal(mt_image_init(&image, file, file_bytes, NULL, NULL), MOTE_OK);
        assert_int_equal(image.n_symbols, n == MT_MAX_SYMBOLS ? n : 0);
        mt_image_fini(&image);
    }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols_name_functions_and_nothing_else),
        cmocka_unit_test(test_of_two_names_the_one_that_reaches_further_counts),
        cmocka_unit_test(test_a_symbol_without_a_size_ends_with_its_span),
        cmocka_unit_test(test_symbol_names_are_cut_and_harmless),
        cmocka_unit_test(test_a_symbol_name_ends_with_its_table),
        cmocka_unit_test(test_a_file_without_sections_has_no_symbols),
        cmocka_unit_test(test_odd_sections_mean_no_symbols),
        cmocka_unit_test(test_more_symbols_than_the_cap_mean_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
