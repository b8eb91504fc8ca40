/* SPDX-License-Identifier: Apache-2.0 */
/* Legal guest files: what the parser makes of the good one, and of the oddities linkers produce. */
#include "host/image/image.h"

#include "abi/memory_map.h"
#include "host/image/elf.h"
#include "host/image/elf_maker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define R MOTE_RIGHT_READ
#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)
#define RX (MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE)
#define LOAD_ADDRESS 0x400000u
#define DATA_SEGMENT headers[MAKER_H_DATA]
#define CODE_SEGMENT headers[MAKER_H_CODE]

/* Parse what is in *maker; an error fails the test. */
static struct mt_image parse(const struct elf_maker *maker)
{
    struct mt_image image;
    mote_error err;
    if (mt_image_init(&image, (const uint8_t *)maker, sizeof(*maker), NULL, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    return image;
}

static void expect_span(const struct mt_image *image, size_t index, uint64_t start, uint64_t end,
                        uint32_t rights)
{
    assert_true(index < image->n_spans);
    assert_int_equal(image->spans[index].start, start);
    assert_int_equal(image->spans[index].len_bytes, end - start);
    assert_int_equal(image->spans[index].rights, rights);
}

static uint64_t u64_at(const uint8_t *memory, uint64_t address)
{
    uint64_t value;
    memcpy(&value, memory + address, sizeof(value));
    return value;
}

static uint8_t *place(const struct mt_image *image, uint64_t load_address)
{
    uint8_t *to = malloc(image->memory_bytes);
    assert_non_null(to);
    memset(to, 0xA5, image->memory_bytes);
    mt_image_place(image, load_address, to);
    return to;
}

/* Every pointer of the good file, in a placed image whose good part starts at up_bytes. */
static void expect_relocated(const struct mt_image *image, uint64_t up_bytes)
{
    const struct {
        uint64_t place;
        uint64_t value;
    } wanted[] = {
        {MAKER_DATA_VA(functions[0].name), MAKER_OFFSET(echo_name)},
        {MAKER_DATA_VA(functions[1].code), MAKER_CODE + 0x10},
        {MAKER_DATA_VA(explicit_pointer), 0x123},
        {MAKER_DATA_VA(implicit_pointer), 0x456},
        {MAKER_DATA_VA(packed[0]), 0x10},
        {MAKER_DATA_VA(packed[1]), 0x11},
        {MAKER_DATA_VA(packed[7]), 0x17},
        {MAKER_DATA_VA(plt_pointer), MAKER_CODE + 0x40},
    };
    uint8_t *placed = place(image, LOAD_ADDRESS);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        assert_int_equal(u64_at(placed, up_bytes + wanted[i].place),
                         LOAD_ADDRESS + up_bytes + wanted[i].value);
    assert_int_equal(u64_at(placed, up_bytes + MAKER_DATA_VA(packed[2])), 0x12);
    assert_int_equal(u64_at(placed, up_bytes + MAKER_DATA_VA(plain)), 0x0123456789ABCDEF);
    free(placed);
}

/* ---- The good file ---- */

static void test_the_good_file_has_these_facts(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse(&maker);
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

static void test_the_note_says_that_a_guest_has_other_functions_too(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.note.description.flags = MT_NOTE_FLAG_OPEN;
    struct mt_image image = parse(&maker);
    assert_true(image.facts.has_other_functions);
    mt_image_fini(&image);
}

static void test_rights_follow_segments_gaps_and_relro(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse(&maker);
    assert_int_equal(image.n_spans, 5);
    expect_span(&image, 0, 0x0, 0x1000, R);
    expect_span(&image, 1, 0x1000, 0x2000, RX);
    expect_span(&image, 2, 0x2000, 0x3000, 0);
    expect_span(&image, 3, 0x3000, 0x4000, R);
    expect_span(&image, 4, 0x4000, 0x6000, RW);
    mt_image_fini(&image);
}

static void test_every_form_of_relocation_is_applied_once(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse(&maker);
    assert_int_equal(image.n_relocations, 10);
    for (size_t i = 1; i < image.n_relocations; i++)
        assert_true(image.relocations[i] >= image.relocations[i - 1] + 8);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

/* The same image at two addresses: placing changes nothing in it. */
static void test_placing_leaves_the_image_alone(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse(&maker);
    uint8_t *first = place(&image, 0);
    uint8_t *second = place(&image, 0x123456789000);
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
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
        struct mt_image image = parse(&maker);
        assert_int_equal(image.functions[0].returns, types[number]);
        mt_image_fini(&image);
    }
}

static void expect_symbol(const struct mt_image *image, uint64_t address, const char *name,
                          uint64_t into)
{
    uint64_t into_bytes = 0x5A;
    const char *found = mt_image_symbol_at(image, address, &into_bytes);
    if (name == NULL) {
        assert_null(found);
        assert_int_equal(into_bytes, 0x5A);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, name);
    assert_int_equal(into_bytes, into);
}

static void test_symbols_name_functions_and_nothing_else(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    struct mt_image image = parse(&maker);
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

static void test_of_two_names_the_one_that_reaches_further_counts(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.symbols[MAKER_S_OBJECT] = maker.symbols[MAKER_S_START];
    maker.symbols[MAKER_S_OBJECT].st_name = maker.symbols[MAKER_S_ADD].st_name;
    maker.symbols[MAKER_S_OBJECT].st_size = 0x30;
    struct mt_image image = parse(&maker);
    assert_int_equal(image.n_symbols, 3);
    expect_symbol(&image, MAKER_CODE + 0x40, "add", 0);
    expect_symbol(&image, MAKER_CODE + 0x6F, "add", 0x2F);
    mt_image_fini(&image);
}

/* A function without a size ends with its pages. */
static void test_a_symbol_without_a_size_ends_with_its_span(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.symbols[MAKER_S_START].st_size = 0;
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
    uint64_t into;
    const char *name = mt_image_symbol_at(&image, MAKER_CODE + 0x40, &into);
    assert_non_null(name);
    assert_true(strlen(name) < MOTE_ERROR_NAME_BYTES);
    assert_memory_equal(name, "\\x0axxx", 7);
    mt_image_fini(&image);
}

/* ---- Oddities ---- */

static void test_the_first_segment_may_be_anywhere(void **state)
{
    (void)state;
    static const uint64_t ups[] = {0x1000, 0x400000, 0x7FFF12345000, UINT64_MAX - 0xFFFFF};
    struct elf_maker maker;
    for (size_t i = 0; i < sizeof(ups) / sizeof(ups[0]); i++) {
        elf_maker_fill(&maker);
        elf_maker_move(&maker, ups[i]);
        struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
        struct mt_image image = parse(&maker);
        assert_int_equal(image.facts.n_segments, 3);
        mt_image_fini(&image);
    }
    elf_maker_fill(&maker);
    Elf64_Phdr relro = maker.headers[MAKER_H_RELRO];
    maker.headers[MAKER_H_RELRO] = maker.headers[MAKER_H_INTERP];
    maker.headers[MAKER_H_INTERP] = relro;
    struct mt_image image = parse(&maker);
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

static void test_a_file_without_sections_has_no_symbols(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.header.e_shoff = 0;
    maker.header.e_shnum = 0;
    maker.header.e_shentsize = 0;
    struct mt_image image = parse(&maker);
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
    maker->sections[1].sh_size = 25;
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
        spoil_offset,    spoil_count,       spoil_entry_size, spoil_link,
        spoil_link_type, spoil_table_range, spoil_table_size, spoil_symbol_size,
        spoil_names,     spoil_names_range, spoil_values};
    struct elf_maker maker;
    for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
        elf_maker_fill(&maker);
        spoilers[i](&maker);
        struct mt_image image = parse(&maker);
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

static void test_no_note_means_the_old_abi_and_defaults(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_NOTE].p_type = PT_NULL;
    struct mt_image image = parse(&maker);
    assert_int_equal(image.facts.abi, MOTE_ABI_HYPERLIGHT_0_1);
    assert_int_equal(image.facts.abi_version, 0);
    assert_int_equal(image.facts.n_functions, 0);
    assert_int_equal(image.facts.heap_bytes, MT_DEFAULT_HEAP_BYTES);
    assert_int_equal(image.facts.stack_bytes, MT_DEFAULT_STACK_BYTES);
    assert_null(mt_image_function_named(&image, "Echo"));
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
        struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
    assert_int_equal(image.n_functions, 2);
    mt_image_fini(&image);
}

static void test_an_empty_function_table_is_one(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.note.description.table_end -= 64;
    struct mt_image image = parse(&maker);
    assert_int_equal(image.facts.abi, MOTE_ABI_MOTE_1);
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
    struct mt_image image = parse(&maker);
    const mote_function *function = mt_image_function_named(&image, maker.long_name);
    assert_non_null(function);
    assert_int_equal(strlen(function->name), 95);
    assert_int_equal(function->n_params, 11);
    assert_int_equal(function->params[10], MOTE_TYPE_BOOL);
    mt_image_fini(&image);
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
    struct mt_image image = parse(&maker);
    expect_span(&image, 1, 0x1000, 0x3000, RX);
    mt_image_fini(&image);

    /* Read-only data at 0x2F00, behind the code on its last page. */
    maker.headers[MAKER_H_INTERP] = maker.headers[MAKER_H_READ_ONLY];
    maker.headers[MAKER_H_READ_ONLY] = maker.headers[MAKER_H_CODE];
    maker.headers[MAKER_H_CODE] = maker.headers[MAKER_H_SPARE];
    maker.headers[MAKER_H_CODE].p_type = PT_LOAD;
    image = parse(&maker);
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
        {0, MAKER_DATA + 0x1000, MAKER_DATA + 0x1000},
    };
    struct elf_maker maker;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        elf_maker_fill(&maker);
        maker.headers[MAKER_H_RELRO].p_vaddr = cases[i].start;
        maker.headers[MAKER_H_RELRO].p_memsz = cases[i].len_bytes;
        struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
        struct mt_image image = parse(&maker);
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
        struct mt_image image = parse(&maker);
        assert_int_equal(image.alignment, 0x1000);
        mt_image_fini(&image);
    }
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
    struct mt_image image = parse(&maker);
    uint8_t *placed = place(&image, LOAD_ADDRESS);
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
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

static void test_nothing_counts_behind_dt_null(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.dynamic[MAKER_D_SPARE].d_tag = DT_RELA;
    struct mt_image image = parse(&maker);
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
    struct mt_image image = parse(&maker);
    expect_relocated(&image, 0);
    mt_image_fini(&image);
}

static void test_a_file_without_a_dynamic_section_has_no_relocations(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_DYNAMIC].p_type = PT_NULL;
    maker.headers[MAKER_H_NOTE].p_type = PT_NULL;
    struct mt_image image = parse(&maker);
    assert_int_equal(image.n_relocations, 0);
    uint8_t *placed = place(&image, LOAD_ADDRESS);
    assert_memory_equal(placed, image.memory, image.memory_bytes);
    free(placed);
    mt_image_fini(&image);
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
    struct mt_image image = parse(&maker);
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
        cmocka_unit_test(test_the_note_says_that_a_guest_has_other_functions_too),
        cmocka_unit_test(test_rights_follow_segments_gaps_and_relro),
        cmocka_unit_test(test_every_form_of_relocation_is_applied_once),
        cmocka_unit_test(test_placing_leaves_the_image_alone),
        cmocka_unit_test(test_memory_is_the_file_and_then_zeroes),
        cmocka_unit_test(test_functions_are_sorted_and_found_by_name),
        cmocka_unit_test(test_the_numbers_of_return_types),
        cmocka_unit_test(test_symbols_name_functions_and_nothing_else),
        cmocka_unit_test(test_of_two_names_the_one_that_reaches_further_counts),
        cmocka_unit_test(test_a_symbol_without_a_size_ends_with_its_span),
        cmocka_unit_test(test_symbol_names_are_cut_and_harmless),
        cmocka_unit_test(test_the_first_segment_may_be_anywhere),
        cmocka_unit_test(test_alignment_of_2_mib_leaves_a_gap_below),
        cmocka_unit_test(test_a_pie_marked_et_exec_is_accepted),
        cmocka_unit_test(test_other_headers_may_say_anything_in_any_order),
        cmocka_unit_test(test_64_program_headers_are_accepted),
        cmocka_unit_test(test_a_file_without_sections_has_no_symbols),
        cmocka_unit_test(test_odd_sections_mean_no_symbols),
        cmocka_unit_test(test_more_symbols_than_the_cap_mean_none),
        cmocka_unit_test(test_no_note_means_the_old_abi_and_defaults),
        cmocka_unit_test(test_notes_of_others_are_not_ours),
        cmocka_unit_test(test_sizes_of_the_note_at_their_edges),
        cmocka_unit_test(test_notes_padded_to_8_bytes),
        cmocka_unit_test(test_an_empty_function_table_is_one),
        cmocka_unit_test(test_a_name_of_95_bytes_and_11_parameters),
        cmocka_unit_test(test_a_shared_page_gets_the_union_of_rights),
        cmocka_unit_test(test_relro_covers_whole_pages_only),
        cmocka_unit_test(test_relro_may_begin_inside_a_page),
        cmocka_unit_test(test_a_segment_of_zeroes_only),
        cmocka_unit_test(test_a_segment_without_memory_is_left_out),
        cmocka_unit_test(test_a_large_bss_up_to_the_cap),
        cmocka_unit_test(test_alignments_of_0_and_1_are_none),
        cmocka_unit_test(test_a_relocation_may_end_with_the_segment),
        cmocka_unit_test(test_relocations_need_not_be_sorted),
        cmocka_unit_test(test_plt_relocations_inside_rela_count_once),
        cmocka_unit_test(test_plt_relocations_without_addends),
        cmocka_unit_test(test_nothing_counts_behind_dt_null),
        cmocka_unit_test(test_a_dynamic_section_without_dt_null),
        cmocka_unit_test(test_a_file_without_a_dynamic_section_has_no_relocations),
        cmocka_unit_test(test_writable_or_executable_implies_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
