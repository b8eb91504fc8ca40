/* SPDX-License-Identifier: Apache-2.0 */
/* The good ELF file, and the oddities of headers and segments that linkers produce. */
#include "host/image/image_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define R MOTE_RIGHT_READ
#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)
#define RX (MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE)
#define DATA_SEGMENT headers[MAKER_H_DATA]
#define CODE_SEGMENT headers[MAKER_H_CODE]

static void test_the_good_file_has_these_facts(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse_good(&maker);
    const mote_image_facts *facts = &image.facts;
    uint64_t end = MAKER_DATA_VA(sections) + MAKER_BSS_BYTES;
    assert_int_equal(facts->abi, MOTE_ABI_MOTE_1);
    assert_int_equal(facts->abi_version, 1);
    assert_int_equal(facts->n_segments, 3);
    assert_int_equal(facts->n_relocations, 10);
    assert_int_equal(facts->n_functions, 2);
    assert_int_equal(facts->file_bytes, sizeof(maker));
    assert_int_equal(facts->loaded_bytes, end);
    assert_int_equal(facts->entry, MAKER_CODE + 0x40);
    assert_int_equal(facts->heap_bytes, 0x345678);
    assert_int_equal(facts->stack_bytes, 0x23456);
    assert_true(facts->has_symbols);
    assert_false(facts->has_other_functions);
    assert_int_equal(image.memory_bytes, 0x6000);
    assert_int_equal(image.alignment, 0x1000);
    assert_int_equal(image.entry, MAKER_CODE + 0x40);
    mt_image_fini(&image);
}

static void test_rights_follow_segments_gaps_and_relro(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_spans, 5);
    expect_span(&image, 0, 0x0, 0x1000, R);
    expect_span(&image, 1, 0x1000, 0x2000, RX);
    expect_span(&image, 2, 0x2000, 0x3000, 0);
    expect_span(&image, 3, 0x3000, 0x4000, R);
    expect_span(&image, 4, 0x4000, 0x6000, RW);
    mt_image_fini(&image);
}

/* The same image at two addresses: placing changes nothing in it. */
static void test_placing_leaves_the_image_alone(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse_good(&maker);
    uint8_t *first = place_image(&image, 0);
    uint8_t *second = place_image(&image, 0x123456789000);
    assert_memory_equal(first, image.memory, image.memory_bytes);
    uint64_t at = MAKER_DATA_VA(packed[7]);
    assert_int_equal(u64_at(second, at), u64_at(first, at) + 0x123456789000);
    free(first);
    free(second);
    mt_image_fini(&image);
}

static void test_memory_is_the_file_and_then_zeroes(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse_good(&maker);
    assert_memory_equal(image.memory, &maker, MAKER_OFFSET(long_name) + sizeof(maker.long_name));
    assert_memory_equal(image.memory + MAKER_CODE, maker.code, sizeof(maker.code));
    for (uint64_t i = MAKER_DATA_VA(sections); i < image.memory_bytes; i++)
        assert_int_equal(image.memory[i], 0);
    for (uint64_t i = MAKER_CODE + sizeof(maker.code); i < MAKER_DATA; i++)
        assert_int_equal(image.memory[i], 0);
    mt_image_fini(&image);
}

static void test_functions_are_sorted_and_found_by_name(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.n_functions, 2);
    assert_string_equal(image.functions[0].name, "Add");
    assert_string_equal(image.functions[1].name, "Echo");
    const mote_function *add = mt_image_function_named(&image, "Add");
    assert_non_null(add);
    assert_int_equal(add->returns, MOTE_TYPE_BYTES);
    assert_int_equal(add->n_params, 3);
    assert_int_equal(add->params[0], MOTE_TYPE_I32);
    assert_int_equal(add->params[2], MOTE_TYPE_BYTES);
    assert_ptr_equal(mt_image_function_named(&image, "Echo"), &image.functions[1]);
    assert_null(mt_image_function_named(&image, "Adc"));
    assert_null(mt_image_function_named(&image, "Ech"));
    assert_null(mt_image_function_named(&image, "Echoes"));
    assert_null(mt_image_function_named(&image, ""));
    mt_image_fini(&image);
}

static void test_the_first_segment_may_be_anywhere(void **state)
{
    (void)state;
    static const uint64_t ups[] = {0x1000, 0x400000, 0x7FFF12345000, UINT64_MAX - 0xFFFFF};
    struct elf_maker maker;
    for (size_t i = 0; i < sizeof(ups) / sizeof(ups[0]); i++) {
        elf_maker_fill(&maker);
        elf_maker_move(&maker, ups[i]);
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.memory_bytes, 0x6000);
        assert_int_equal(image.entry, MAKER_CODE + 0x40);
        assert_int_equal(image.facts.entry, MAKER_CODE + 0x40);
        assert_string_equal(image.functions[1].name, "Echo");
        expect_span(&image, 3, 0x3000, 0x4000, R);
        expect_relocated(&image, 0);
        expect_symbol(&image, MAKER_CODE + 0x41, "start", 1);
        mt_image_fini(&image);
    }
}

/* Offset 0 of the image is then below the first segment, so that a load address which is a multiple
 * of the alignment gives every segment the alignment it asks for. */
static void test_alignment_of_2_mib_leaves_a_gap_below(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    elf_maker_move(&maker, 0x3FD000);
    maker.DATA_SEGMENT.p_align = 0x200000;
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.alignment, 0x200000);
    assert_int_equal(image.memory_bytes, 0x1FD000 + 0x6000);
    expect_span(&image, 0, 0, 0x1FD000, 0);
    expect_span(&image, 1, 0x1FD000, 0x1FE000, R);
    assert_int_equal(image.entry, 0x1FD000 + MAKER_CODE + 0x40);
    assert_int_equal(image.facts.entry, MAKER_CODE + 0x40);
    assert_int_equal(image.facts.loaded_bytes, MAKER_DATA_VA(sections) + MAKER_BSS_BYTES);
    expect_relocated(&image, 0x1FD000);
    mt_image_fini(&image);
}

static void test_a_pie_marked_et_exec_is_accepted(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    elf_maker_move(&maker, 0x400000);
    maker.header.e_type = ET_EXEC;
    struct mt_image image = parse_good(&maker);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

/* Fields of other headers that would be wrong in a PT_LOAD do not matter. */
static void test_other_headers_may_say_anything_in_any_order(void **state)
{
    (void)state;
    static const uint32_t types[] = {PT_NULL,         PT_INTERP,    PT_PHDR,    PT_TLS,    PT_SHLIB,
                                     PT_GNU_EH_FRAME, PT_GNU_STACK, 0x60000000, 0x7FFFFFFF};
    struct elf_maker maker;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        elf_maker_fill(&maker);
        memset(&maker.headers[MAKER_H_SPARE], 0xFF, sizeof(maker.headers[0]));
        maker.headers[MAKER_H_SPARE].p_type = types[i];
        maker.headers[MAKER_H_INTERP] = maker.headers[MAKER_H_SPARE];
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.facts.n_segments, 3);
        mt_image_fini(&image);
    }
    elf_maker_fill(&maker);
    Elf64_Phdr relro = maker.headers[MAKER_H_RELRO];
    maker.headers[MAKER_H_RELRO] = maker.headers[MAKER_H_INTERP];
    maker.headers[MAKER_H_INTERP] = relro;
    struct mt_image image = parse_good(&maker);
    expect_span(&image, 3, 0x3000, 0x4000, R);
    mt_image_fini(&image);
}

static void test_64_program_headers_are_accepted(void **state)
{
    (void)state;
    uint8_t file[sizeof(struct elf_maker) + 64 * sizeof(Elf64_Phdr)] = {0};
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.header.e_phoff = sizeof(maker);
    maker.header.e_phnum = 64;
    memcpy(file, &maker, sizeof(maker));
    memcpy(file + sizeof(maker) + 54 * sizeof(Elf64_Phdr), maker.headers, sizeof(maker.headers));
    struct mt_image image;
    assert_int_equal(mt_image_init(&image, file, sizeof(file), NULL, NULL), MOTE_OK);
    assert_int_equal(image.facts.n_segments, 3);
    mt_image_fini(&image);
}

/* Sorted by name, as every table of functions is. */
static void test_each_of_up_to_8_functions_is_found(void **state)
{
    (void)state;
    mote_function functions[] = {{.name = "b"}, {.name = "d"}, {.name = "f"}, {.name = "h"},
                                 {.name = "j"}, {.name = "l"}, {.name = "n"}, {.name = "p"}};
    struct mt_image image = {.functions = functions};
    for (size_t n = 0; n <= sizeof(functions) / sizeof(functions[0]); n++) {
        image.n_functions = n;
        assert_null(mt_image_function_named(&image, "a"));
        for (size_t i = 0; i < n; i++) {
            const char after[] = {(char)(functions[i].name[0] + 1), '\0'};
            assert_ptr_equal(mt_image_function_named(&image, functions[i].name), &functions[i]);
            assert_null(mt_image_function_named(&image, after));
        }
    }
}

/* ld.gold and old linkers: no separate pages for code, so that R and R E share one. */
static void test_a_shared_page_gets_the_union_of_rights(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.CODE_SEGMENT.p_memsz = 0x1F00;
    maker.headers[MAKER_H_SPARE] =
        (Elf64_Phdr){.p_type = PT_NULL, .p_flags = PF_R, .p_vaddr = 0x2F00, .p_memsz = 0x80};
    struct mt_image image = parse_good(&maker);
    expect_span(&image, 1, 0x1000, 0x3000, RX);
    mt_image_fini(&image);

    /* Read-only data at 0x2F00, behind the code on its last page. */
    maker.headers[MAKER_H_INTERP] = maker.headers[MAKER_H_READ_ONLY];
    maker.headers[MAKER_H_READ_ONLY] = maker.headers[MAKER_H_CODE];
    maker.headers[MAKER_H_CODE] = maker.headers[MAKER_H_SPARE];
    maker.headers[MAKER_H_CODE].p_type = PT_LOAD;
    image = parse_good(&maker);
    assert_int_equal(image.facts.n_segments, 4);
    expect_span(&image, 1, 0x1000, 0x3000, RX);
    mt_image_fini(&image);
}

static void test_relro_covers_whole_pages_only(void **state)
{
    (void)state;
    static const struct {
        uint64_t start, len_bytes, end_of_read_only;
    } cases[] = {
        {MAKER_DATA, 0, MAKER_DATA},
        {MAKER_DATA, 0xFFF, MAKER_DATA},
        {MAKER_DATA, 0x1000, MAKER_DATA + 0x1000},
        {MAKER_DATA, 0x1FFF, MAKER_DATA + 0x1000},
        {MAKER_DATA, 0x100000, MAKER_DATA + 0x3000},
        /* To the segment's end, which is inside a page. */
        {MAKER_DATA, MAKER_DATA_VA(sections) + MAKER_BSS_BYTES - MAKER_DATA, MAKER_DATA + 0x2000},
        /* Writable bytes before RELRO keep their page writable. */
        {MAKER_DATA + 8, 0xFF8, MAKER_DATA},
        {MAKER_DATA + 8, 0x1FF8, MAKER_DATA + 0x2000},
        {MAKER_DATA + 0x1000, 0x1000, MAKER_DATA + 0x2000},
        {0, MAKER_DATA + 0x1000, MAKER_DATA + 0x1000},
    };
    struct elf_maker maker;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        elf_maker_fill(&maker);
        maker.headers[MAKER_H_RELRO].p_vaddr = cases[i].start;
        maker.headers[MAKER_H_RELRO].p_memsz = cases[i].len_bytes;
        struct mt_image image = parse_good(&maker);
        uint64_t end = MAKER_DATA;
        for (size_t j = 0; j < image.n_spans; j++) {
            if (image.spans[j].start >= MAKER_DATA && image.spans[j].rights == R)
                end = image.spans[j].start + image.spans[j].len_bytes;
        }
        assert_int_equal(end, cases[i].end_of_read_only);
        mt_image_fini(&image);
    }
}

/* As most linkers do it: the writable segment begins with RELRO, in the middle of a page. */
static void test_relro_may_begin_inside_a_page(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_SPARE] = maker.DATA_SEGMENT;
    maker.DATA_SEGMENT = (Elf64_Phdr){
        .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x2F00, .p_memsz = 0x100};
    maker.headers[MAKER_H_RELRO].p_vaddr = 0x2F00;
    maker.headers[MAKER_H_RELRO].p_memsz = 0x100;
    struct mt_image image = parse_good(&maker);
    expect_span(&image, 2, 0x2000, 0x3000, R);
    expect_span(&image, 3, 0x3000, 0x6000, RW);
    mt_image_fini(&image);
}

static void test_a_segment_of_zeroes_only(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_SPARE] = (Elf64_Phdr){.p_type = PT_LOAD,
                                                .p_flags = PF_R | PF_W,
                                                .p_offset = UINT64_MAX,
                                                .p_vaddr = 0x8010,
                                                .p_memsz = 0x20,
                                                .p_align = 0x1000};
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.facts.n_segments, 4);
    assert_int_equal(image.memory_bytes, 0x9000);
    expect_span(&image, 5, 0x6000, 0x8000, 0);
    expect_span(&image, 6, 0x8000, 0x9000, RW);
    mt_image_fini(&image);
}

static void test_a_segment_without_memory_is_left_out(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_SPARE] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0};
    struct mt_image image = parse_good(&maker);
    assert_int_equal(image.facts.n_segments, 3);
    assert_int_equal(image.memory_bytes, 0x6000);
    mt_image_fini(&image);
}

static void test_a_large_bss_up_to_the_cap(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {4 * MT_MIB, MT_MAX_IMAGE_BYTES - MAKER_DATA};
    struct elf_maker maker;
    for (size_t i = 0; i < 2; i++) {
        elf_maker_fill(&maker);
        maker.DATA_SEGMENT.p_memsz = sizes[i];
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.memory_bytes, MAKER_DATA + sizes[i]);
        assert_int_equal(image.memory[image.memory_bytes - 1], 0);
        mt_image_fini(&image);
    }
}

static void test_alignments_of_0_and_1_are_none(void **state)
{
    (void)state;
    struct elf_maker maker;
    for (uint64_t alignment = 0; alignment < 2; alignment++) {
        elf_maker_fill(&maker);
        maker.headers[MAKER_H_READ_ONLY].p_align = alignment;
        maker.CODE_SEGMENT.p_align = alignment;
        maker.DATA_SEGMENT.p_align = alignment; /* not at its address in the file */
        struct mt_image image = parse_good(&maker);
        assert_int_equal(image.alignment, 0x1000);
        mt_image_fini(&image);
    }
}

/* Rights that page tables cannot express are widened to what they can. */
static void test_writable_or_executable_implies_readable(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_READ_ONLY].p_flags = 0;
    maker.CODE_SEGMENT.p_flags = PF_X;
    maker.DATA_SEGMENT.p_flags = PF_W;
    struct mt_image image = parse_good(&maker);
    expect_span(&image, 0, 0x0, 0x1000, 0);
    expect_span(&image, 1, 0x1000, 0x2000, RX);
    expect_span(&image, 3, 0x3000, 0x4000, R);
    expect_span(&image, 4, 0x4000, 0x6000, RW);
    mt_image_fini(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_good_file_has_these_facts),
        cmocka_unit_test(test_rights_follow_segments_gaps_and_relro),
        cmocka_unit_test(test_placing_leaves_the_image_alone),
        cmocka_unit_test(test_memory_is_the_file_and_then_zeroes),
        cmocka_unit_test(test_functions_are_sorted_and_found_by_name),
        cmocka_unit_test(test_the_first_segment_may_be_anywhere),
        cmocka_unit_test(test_alignment_of_2_mib_leaves_a_gap_below),
        cmocka_unit_test(test_a_pie_marked_et_exec_is_accepted),
        cmocka_unit_test(test_other_headers_may_say_anything_in_any_order),
        cmocka_unit_test(test_64_program_headers_are_accepted),
        cmocka_unit_test(test_each_of_up_to_8_functions_is_found),
        cmocka_unit_test(test_a_shared_page_gets_the_union_of_rights),
        cmocka_unit_test(test_relro_covers_whole_pages_only),
        cmocka_unit_test(test_relro_may_begin_inside_a_page),
        cmocka_unit_test(test_a_segment_of_zeroes_only),
        cmocka_unit_test(test_a_segment_without_memory_is_left_out),
        cmocka_unit_test(test_a_large_bss_up_to_the_cap),
        cmocka_unit_test(test_alignments_of_0_and_1_are_none),
        cmocka_unit_test(test_writable_or_executable_implies_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
