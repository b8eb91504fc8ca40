/* SPDX-License-Identifier: Apache-2.0 */
/* Oddities of guest files that only one check of the loader each tells from others: what ./dev
 * mutants found that no other test noticed. */
#include "host/image/elf.h"
#include "host/image/elf_maker.h"
#include "host/image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define UP_BYTES 0x10000u

/* The image of a file that must load; the caller gives it to mt_image_fini(). */
static struct mt_image load(const struct elf_maker *maker)
{
    struct mt_image image;
    mote_error err = {0};
    if (mt_image_init(&image, (const uint8_t *)maker, sizeof(*maker), NULL, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    return image;
}

static void assert_loads(const struct elf_maker *maker)
{
    struct mt_image image = load(maker);
    mt_image_fini(&image);
}

static uint32_t rights_at(const struct mt_image *image, uint64_t address)
{
    const struct mt_image_span *span = mt_image_span_at(image, address);
    assert_non_null(span);
    return span->rights;
}

/* System V ABI, chapter 5: 0 and 1 mean that no alignment is required. */
static void test_a_segment_without_alignment_may_lie_anywhere_in_the_file(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_DATA].p_align = 0;
    assert_loads(&maker);
}

static void test_a_file_above_zero_needs_no_dynamic_section(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    elf_maker_move(&maker, UP_BYTES);
    maker.headers[MAKER_H_DYNAMIC].p_type = PT_NULL;
    maker.headers[MAKER_H_NOTE].p_type = PT_NULL;
    struct mt_image image = load(&maker);
    assert_int_equal(image.n_relocations, 0);
    mt_image_fini(&image);
}

static void test_an_empty_note_segment_may_lie_outside_of_memory(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_SPARE] = (Elf64_Phdr){.p_type = PT_NOTE, .p_vaddr = 0xF0000000};
    assert_loads(&maker);
}

static void test_an_empty_function_table_may_lie_between_segments(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    const int32_t between = MAKER_CODE + 0x800;
    maker.note.description.table_start =
        between - (int32_t)MAKER_OFFSET(note.description.table_start);
    maker.note.description.table_end = between - (int32_t)MAKER_OFFSET(note.description.table_end);
    struct mt_image image = load(&maker);
    assert_int_equal(image.n_functions, 0);
    mt_image_fini(&image);
}

/* What a segment has before RELRO stays writable, what it has in it does not. */
static void test_relro_may_begin_inside_a_segment(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_RELRO].p_vaddr = MAKER_WRITABLE;
    maker.headers[MAKER_H_RELRO].p_memsz = 0x1000;
    struct mt_image image = load(&maker);
    assert_int_equal(rights_at(&image, MAKER_DATA), MOTE_RIGHT_READ | MOTE_RIGHT_WRITE);
    assert_int_equal(rights_at(&image, MAKER_WRITABLE), MOTE_RIGHT_READ);
    mt_image_fini(&image);
}

static void assert_has_no_symbols(const struct elf_maker *maker)
{
    struct mt_image image = load(maker);
    assert_int_equal(image.n_symbols, 0);
    mt_image_fini(&image);
}

/* The last section looks like a table of symbols in everything but its type. */
static void test_only_a_section_of_the_type_is_a_table_of_symbols(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    Elf64_Shdr symbols = maker.sections[1];
    symbols.sh_type = SHT_PROGBITS;
    symbols.sh_link = 1;
    maker.sections[1] = maker.sections[2];
    maker.sections[2] = symbols;
    assert_has_no_symbols(&maker);
}

static void test_a_table_of_symbols_has_no_part_of_an_entry(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.sections[1].sh_size -= 1;
    assert_has_no_symbols(&maker);
}

/* The table of names ends inside one, and the file goes on. */
static void test_a_name_ends_with_its_table(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.sections[2].sh_size = 4;
    struct mt_image image = load(&maker);
    uint64_t into = 1;
    const char *name = mt_image_symbol_at(&image, MAKER_CODE + 0x40, &into);
    assert_non_null(name);
    assert_string_equal(name, "sta");
    mt_image_fini(&image);
}

/* Three functions of one address, in every order that a file may have them. */
static void test_symbols_of_one_address_are_sorted_by_length(void **state)
{
    (void)state;
    static const enum maker_symbol places[] = {MAKER_S_ADD, MAKER_S_START, MAKER_S_OBJECT};
    static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct elf_maker maker;
        elf_maker_fill(&maker);
        for (size_t k = 0; k < 3; k++) {
            maker.symbols[places[k]] = maker.symbols[MAKER_S_START];
            maker.symbols[places[k]].st_size = 0x10 + orders[i][k];
        }
        struct mt_image image = load(&maker);
        assert_int_equal(image.n_symbols, 3);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(image.symbols[k].len_bytes, 0x10 + k);
        mt_image_fini(&image);
    }
}

static void test_a_function_is_found_anywhere_in_the_table(void **state)
{
    (void)state;
    mote_function functions[5] = {
        {.name = "A"}, {.name = "B"}, {.name = "C"}, {.name = "D"}, {.name = "E"}};
    for (size_t n = 0; n <= 5; n++) {
        const struct mt_image image = {.functions = functions, .n_functions = n};
        for (size_t i = 0; i < 5; i++) {
            const mote_function *found = mt_image_function_named(&image, functions[i].name);
            assert_ptr_equal(found, i < n ? &functions[i] : NULL);
        }
        assert_null(mt_image_function_named(&image, ""));
        assert_null(mt_image_function_named(&image, "BB"));
        assert_null(mt_image_function_named(&image, "F"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_segment_without_alignment_may_lie_anywhere_in_the_file),
        cmocka_unit_test(test_a_file_above_zero_needs_no_dynamic_section),
        cmocka_unit_test(test_an_empty_note_segment_may_lie_outside_of_memory),
        cmocka_unit_test(test_an_empty_function_table_may_lie_between_segments),
        cmocka_unit_test(test_relro_may_begin_inside_a_segment),
        cmocka_unit_test(test_only_a_section_of_the_type_is_a_table_of_symbols),
        cmocka_unit_test(test_a_table_of_symbols_has_no_part_of_an_entry),
        cmocka_unit_test(test_a_name_ends_with_its_table),
        cmocka_unit_test(test_symbols_of_one_address_are_sorted_by_length),
        cmocka_unit_test(test_a_function_is_found_anywhere_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
