/* SPDX-License-Identifier: Apache-2.0 */
/* Relocations in every form that linkers use. */
#include "host/image/image_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define LOAD_ADDRESS 0x400000u

static void test_every_form_of_relocation_is_applied_once(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_relocations, 10);
    for (size_t i = 1; i < image.n_relocations; i++)
        assert_true(image.relocations[i] >= image.relocations[i - 1] + 8);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

/* What is behind the file's part of the last relocated word does not matter. */
static void test_a_relocation_may_end_with_the_segment(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    uint64_t last = MAKER_DATA_VA(sections) + MAKER_BSS_BYTES - 8;
    maker.rela[MAKER_R_EXPLICIT].r_offset = last;
    maker.rela[MAKER_R_EXPLICIT].r_addend = 0x6000;
    struct mt_image image = parse_good(&maker);
    uint8_t *placed = place_image(&image, LOAD_ADDRESS);
    assert_int_equal(u64_at(placed, last), LOAD_ADDRESS + 0x6000);
    free(placed);
    mt_image_fini(&image);
}

static void test_relocations_need_not_be_sorted(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    for (size_t i = 0; i < MAKER_N_RELA / 2; i++) {
        Elf64_Rela kept = maker.rela[i];
        maker.rela[i] = maker.rela[MAKER_N_RELA - 1 - i];
        maker.rela[MAKER_N_RELA - 1 - i] = kept;
    }
    struct mt_image image = parse_good(&maker);
    for (size_t i = 1; i < image.n_relocations; i++)
        assert_true(image.relocations[i] > image.relocations[i - 1]);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

/* Some linkers let DT_RELASZ count what DT_JMPREL names again. */
static void test_plt_relocations_inside_rela_count_once(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.rela[MAKER_R_NONE] = maker.plt[0];
    maker.dynamic[MAKER_D_JMPREL].d_un.d_ptr = MAKER_OFFSET(rela[MAKER_R_NONE]);
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_relocations, 10);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

static void test_plt_relocations_without_addends(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.dynamic[MAKER_D_PLTREL].d_un.d_val = DT_REL;
    maker.dynamic[MAKER_D_PLTRELSZ].d_un.d_val = sizeof(Elf64_Rel);
    maker.plt_pointer = MAKER_CODE + 0x40;
    struct mt_image image = parse_good(&maker);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

static void test_nothing_counts_behind_dt_null(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.dynamic[MAKER_D_SPARE].d_tag = DT_RELA;
    struct mt_image image = parse_good(&maker);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

/* The section's end ends the table as DT_NULL does. */
static void test_a_dynamic_section_without_dt_null(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_DYNAMIC].p_memsz = MAKER_D_NULL * sizeof(Elf64_Dyn);
    maker.dynamic[MAKER_D_NULL].d_tag = DT_RELA;
    struct mt_image image = parse_good(&maker);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

static void test_a_file_without_a_dynamic_section_has_no_relocations(void **state)
{
    (void)state;
    for (uint64_t up = 0; up <= 0x400000; up += 0x400000) {
        struct elf_maker maker;
        elf_maker_fill(&maker);
        elf_maker_move(&maker, up);
        maker.headers[MAKER_H_DYNAMIC].p_type = PT_NULL;
        maker.headers[MAKER_H_NOTE].p_type = PT_NULL;
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.n_relocations, 0);
        uint8_t *placed = place_image(&image, LOAD_ADDRESS);
        assert_memory_equal(placed, image.memory, image.memory_bytes);
        free(placed);
        mt_image_fini(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_relocation_is_applied_once),
        cmocka_unit_test(test_a_relocation_may_end_with_the_segment),
        cmocka_unit_test(test_relocations_need_not_be_sorted),
        cmocka_unit_test(test_plt_relocations_inside_rela_count_once),
        cmocka_unit_test(test_plt_relocations_without_addends),
        cmocka_unit_test(test_nothing_counts_behind_dt_null),
        cmocka_unit_test(test_a_dynamic_section_without_dt_null),
        cmocka_unit_test(test_a_file_without_a_dynamic_section_has_no_relocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
