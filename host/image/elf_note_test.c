/* SPDX-License-Identifier: Apache-2.0 */
/* The note: its functions, its sizes, and notes of others. */
#include "host/image/image_check.h"

#include "abi/memory_map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_the_note_says_that_a_guest_has_other_functions_too(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.note.description.flags = MT_NOTE_FLAG_OPEN;
    struct mt_image image = parse_good(&maker);
    assert_true(image.facts.has_other_functions);
    mt_image_fini(&image);
}

static void test_the_numbers_of_return_types(void **state)
{
    (void)state;
    static const mote_type types[] = {MOTE_TYPE_I32,  MOTE_TYPE_U32,  MOTE_TYPE_I64, MOTE_TYPE_U64,
                                      MOTE_TYPE_F32,  MOTE_TYPE_F64,  MOTE_TYPE_STR, MOTE_TYPE_BOOL,
                                      MOTE_TYPE_VOID, MOTE_TYPE_BYTES};
    struct elf_maker maker;
    elf_maker_fill(&maker);
    for (uint8_t number = 0; number < 10; number++) {
        maker.functions[1].returns = number;
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.functions[0].returns, types[number]);
        mt_image_fini(&image);
    }
}

static void test_no_note_means_the_old_abi_and_defaults(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_NOTE].p_type = PT_NULL;
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.facts.abi, MOTE_ABI_HYPERLIGHT_0_1);
    assert_int_equal(image.facts.abi_version, 0);
    assert_int_equal(image.facts.n_functions, 0);
    assert_int_equal(image.facts.heap_bytes, MT_DEFAULT_HEAP_BYTES);
    assert_int_equal(image.facts.stack_bytes, MT_DEFAULT_STACK_BYTES);
    assert_null(mt_image_function_named(&image, "Echo"));
    mt_image_fini(&image);
}

static void test_an_empty_note_segment_may_be_anywhere(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    Elf64_Phdr *note = &maker.headers[MAKER_H_NOTE];
    note->p_filesz = 0;
    note->p_memsz = 0;
    note->p_vaddr = UINT64_MAX;
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.facts.abi, MOTE_ABI_HYPERLIGHT_0_1);
    mt_image_fini(&image);
}

static void test_notes_of_others_are_not_ours(void **state)
{
    (void)state;
    struct elf_maker maker;
    for (size_t i = 0; i < 3; i++) {
        elf_maker_fill(&maker);
        if (i == 0)
            maker.note.name[0] = 'M';
        else if (i == 1)
            maker.note.header.n_type = 2;
        else
            maker.note.header.n_namesz = 8;
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.facts.abi, MOTE_ABI_HYPERLIGHT_0_1);
        mt_image_fini(&image);
    }
}

static void test_sizes_of_the_note_at_their_edges(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.note.description.heap_bytes = MT_GIB;
    maker.note.description.stack_bytes = 0;
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.facts.heap_bytes, MT_GIB);
    assert_int_equal(image.facts.stack_bytes, MT_DEFAULT_STACK_BYTES);
    mt_image_fini(&image);
}

/* With p_align 8, names and descriptions are padded to 8: the note then starts at a multiple of 8,
 * and so does its description. */
static void test_notes_padded_to_8_bytes(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct {
        Elf64_Nhdr header;
        char name[12];
        struct mt_note description;
    } padded = {.header = maker.note.header, .name = "mote"};
    _Static_assert(offsetof(__typeof__(padded), description) == 24, "padded to 8");
    uint64_t start = (MAKER_OFFSET(note) + 7) / 8 * 8;
    uint64_t fields = start + 24 + offsetof(struct mt_note, table_start);
    padded.description = maker.note.description;
    padded.description.table_start = (int32_t)(MAKER_DATA_VA(functions) - fields);
    padded.description.table_end = (int32_t)(MAKER_DATA_VA(functions) + 64 - (fields + 4));
    memcpy((uint8_t *)&maker + start, &padded, sizeof(padded));
    maker.headers[MAKER_H_NOTE].p_vaddr = start;
    maker.headers[MAKER_H_NOTE].p_memsz = sizeof(padded);
    maker.headers[MAKER_H_NOTE].p_align = 8;
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_functions, 2);
    mt_image_fini(&image);
}

static void test_an_empty_function_table_is_one(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.note.description.table_end -= 64;
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.facts.abi, MOTE_ABI_MOTE_1);
    assert_int_equal(image.n_functions, 0);
    mt_image_fini(&image);
}

/* Between code and data nothing is loaded. */
static void test_an_empty_function_table_may_be_anywhere_in_the_image(void **state)
{
    (void)state;
    const int32_t gap = MAKER_CODE + 0x1000;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.note.description.table_start = gap - (int32_t)MAKER_OFFSET(note.description.table_start);
    maker.note.description.table_end = gap - (int32_t)MAKER_OFFSET(note.description.table_end);
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_functions, 0);
    mt_image_fini(&image);
}

static void test_a_name_of_95_bytes_and_11_parameters(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.rela[MAKER_R_ADD_NAME].r_addend = (int64_t)MAKER_OFFSET(long_name);
    maker.functions[1].n_params = 11;
    maker.functions[1].params[10] = 7;
    struct mt_image image = parse_good(&maker);
    const mote_function *function = mt_image_function_named(&image, maker.long_name);
    assert_non_null(function);
    assert_int_equal(strlen(function->name), 95);
    assert_int_equal(function->n_params, 11);
    assert_int_equal(function->params[10], MOTE_TYPE_BOOL);
    mt_image_fini(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_note_says_that_a_guest_has_other_functions_too),
        cmocka_unit_test(test_the_numbers_of_return_types),
        cmocka_unit_test(test_no_note_means_the_old_abi_and_defaults),
        cmocka_unit_test(test_an_empty_note_segment_may_be_anywhere),
        cmocka_unit_test(test_notes_of_others_are_not_ours),
        cmocka_unit_test(test_sizes_of_the_note_at_their_edges),
        cmocka_unit_test(test_notes_padded_to_8_bytes),
        cmocka_unit_test(test_an_empty_function_table_is_one),
        cmocka_unit_test(test_an_empty_function_table_may_be_anywhere_in_the_image),
        cmocka_unit_test(test_a_name_of_95_bytes_and_11_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
