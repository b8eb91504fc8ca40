/* SPDX-License-Identifier: Apache-2.0 */
/* PE files that are well-formed, and what the parser makes of them. */
#include "abi/memory_map.h"
#include "host/image/pe_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define R MOTE_RIGHT_READ
#define W MOTE_RIGHT_WRITE
#define X MOTE_RIGHT_EXECUTE
#define LOAD_ADDRESS 0x207000u

static void parse(const struct pe_maker *maker, struct mt_image *image)
{
    mote_error err;
    mote_status status =
        mt_image_init(image, (const uint8_t *)maker, PE_MAKER_FILE_BYTES, NULL, &err);
    if (status != MOTE_OK)
        fail_msg("refused: %s", err.text);
}

static void parse_good(struct mt_image *image)
{
    struct pe_maker maker;
    pe_maker_fill(&maker);
    parse(&maker, image);
}

static void test_the_good_file_has_its_facts(void **state)
{
    (void)state;
    struct mt_image image;
    parse_good(&image);
    const mote_image_facts *facts = &image.facts;
    assert_int_equal(facts->format, MOTE_FORMAT_PE);
    assert_int_equal(facts->abi, MOTE_ABI_HYPERLIGHT_0_1);
    assert_int_equal(facts->abi_version, 0);
    assert_int_equal(facts->n_segments, 5);
    assert_int_equal(facts->n_relocations, 3);
    assert_int_equal(facts->n_functions, 0);
    assert_int_equal(facts->file_bytes, PE_MAKER_FILE_BYTES);
    assert_int_equal(facts->loaded_bytes, PE_MAKER_RELOCATIONS + 2 * sizeof(struct pe_maker_block));
    assert_int_equal(facts->entry, PE_MAKER_CODE + 0x40);
    assert_int_equal(facts->heap_bytes, 0x345678);
    assert_int_equal(facts->stack_bytes, 0x23456);
    assert_true(facts->has_symbols);
    assert_int_equal(image.entry, PE_MAKER_CODE + 0x40);
    assert_int_equal(image.alignment, 4096);
    assert_int_equal(image.memory_bytes, PE_MAKER_END);
    mt_image_fini(&image);
}

struct span {
    uint64_t start, end;
    uint32_t rights;
};

static void assert_spans(const struct mt_image *image, const struct span *wanted, size_t n)
{
    assert_int_equal(image->n_spans, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(image->spans[i].start, wanted[i].start);
        assert_int_equal(image->spans[i].start + image->spans[i].len_bytes, wanted[i].end);
        assert_int_equal(image->spans[i].rights, wanted[i].rights);
    }
}

static void test_rights_follow_sections_and_headers_can_be_read(void **state)
{
    (void)state;
    static const struct span wanted[] = {
        {0, 0x1000, R},          {0x1000, 0x2000, R | X}, {0x2000, 0x3000, R},
        {0x3000, 0x6000, R | W}, {0x6000, 0x7000, R},
    };
    struct mt_image image;
    parse_good(&image);
    assert_spans(&image, wanted, 5);
    mt_image_fini(&image);
}

static void test_sections_have_names_places_and_rights(void **state)
{
    (void)state;
    static const mote_section wanted[] = {
        {".text", PE_MAKER_CODE, 0x180, R | X},
        {".rdata", PE_MAKER_READ_ONLY, 0x100, R},
        {"\\x1b[1mzzzz", PE_MAKER_DATA, PE_MAKER_DATA_BYTES, R | W},
        {"", PE_MAKER_ZERO, 0x800, R | W},
        {"12345678", PE_MAKER_RELOCATIONS, 2 * sizeof(struct pe_maker_block), R},
    };
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    memcpy(maker.sections[PE_MAKER_S_DATA].name, "\x1B[1mzzzz", 8);
    memset(maker.sections[PE_MAKER_S_ZERO].name, 0, 8);
    memcpy(maker.sections[PE_MAKER_S_RELOCATIONS].name, "12345678", 8);
    parse(&maker, &image);
    assert_int_equal(image.n_sections, sizeof(wanted) / sizeof(wanted[0]));
    for (size_t i = 0; i < image.n_sections; i++) {
        assert_string_equal(image.sections[i].name, wanted[i].name);
        assert_int_equal(image.sections[i].start, wanted[i].start);
        assert_int_equal(image.sections[i].len_bytes, wanted[i].len_bytes);
        assert_int_equal(image.sections[i].rights, wanted[i].rights);
    }
    mt_image_fini(&image);
}

static void test_memory_is_the_files_bytes_and_zeroes(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    static const uint8_t zeroes[PE_MAKER_RELOCATIONS - PE_MAKER_DATA];
    pe_maker_fill(&maker);
    memset(maker.code + 0x180, 0xCC, 0x80); /* in the file, but behind VirtualSize */
    parse(&maker, &image);
    assert_memory_equal(image.memory, &maker, PE_MAKER_OFFSET(code));
    assert_memory_equal(image.memory + PE_MAKER_CODE, maker.code, 0x180);
    assert_memory_equal(image.memory + PE_MAKER_CODE + 0x180, zeroes, 0x1000 - 0x180);
    assert_int_equal(mt_read_u64(image.memory + PE_MAKER_READ_ONLY + 16), maker.table[2]);
    assert_int_equal(mt_read_u64(image.memory + PE_MAKER_DATA + 8), maker.plain);
    assert_memory_equal(image.memory + PE_MAKER_DATA + 16, zeroes, sizeof(zeroes) - 16);
    assert_memory_equal(image.memory + PE_MAKER_RELOCATIONS, maker.blocks, sizeof(maker.blocks));
    mt_image_fini(&image);
}

static void test_dir64_relocations_follow_the_load_address(void **state)
{
    (void)state;
    struct mt_image image;
    parse_good(&image);
    uint8_t *placed = malloc(image.memory_bytes);
    assert_non_null(placed);
    /* Another place first: the parsed image is the same afterwards. */
    mt_image_place(&image, 2 * LOAD_ADDRESS, placed);
    mt_image_place(&image, LOAD_ADDRESS, placed);
    assert_int_equal(mt_read_u64(placed + PE_MAKER_READ_ONLY), LOAD_ADDRESS + PE_MAKER_CODE + 0x10);
    assert_int_equal(mt_read_u64(placed + PE_MAKER_READ_ONLY + 8), LOAD_ADDRESS + PE_MAKER_END);
    assert_int_equal(mt_read_u64(placed + PE_MAKER_READ_ONLY + 16), 0x1122334455667788);
    assert_int_equal(mt_read_u64(placed + PE_MAKER_DATA), LOAD_ADDRESS + PE_MAKER_DATA + 0x123);
    free(placed);
    mt_image_fini(&image);
}

static void assert_relocations(const struct pe_maker *maker, size_t n)
{
    struct mt_image image;
    parse(maker, &image);
    assert_int_equal(image.n_relocations, n);
    mt_image_fini(&image);
}

static void test_a_file_may_have_no_relocations(void **state)
{
    (void)state;
    struct pe_maker maker;
    pe_maker_fill(&maker);
    maker.directories[MT_PE_RELOCATION] = (struct mt_pe_directory){0, 0};
    assert_relocations(&maker, 0);
    /* No directories at all, and a header as short as can be. */
    pe_maker_fill(&maker);
    maker.optional.n_directories = MT_PE_RELOCATION;
    assert_relocations(&maker, 0);
    maker.optional.n_directories = MT_PE_RELOCATION + 1;
    assert_relocations(&maker, 3);
    maker.optional.n_directories = 0;
    assert_relocations(&maker, 0);
}

/* Up to the byte before the blocks, and from the byte behind them on. */
static void test_places_beside_the_relocations_are_relocated(void **state)
{
    (void)state;
    struct pe_maker maker;
    const uint64_t address = PE_MAKER_BASE + PE_MAKER_CODE;
    uint8_t *section = (uint8_t *)&maker + PE_MAKER_OFFSET(blocks);
    pe_maker_fill(&maker);
    maker.sections[PE_MAKER_S_RELOCATIONS].virtual_bytes = 0x100;
    maker.directories[MT_PE_RELOCATION] =
        (struct mt_pe_directory){PE_MAKER_RELOCATIONS + 8, sizeof(struct mt_pe_block) + 4};
    memset(maker.blocks, 0, sizeof(maker.blocks));
    const struct mt_pe_block block = {PE_MAKER_RELOCATIONS, sizeof(block) + 4};
    const uint16_t entries[2] = {MT_PE_RELOCATION_DIR64 << 12 | 0,
                                 MT_PE_RELOCATION_DIR64 << 12 | (8 + sizeof(block) + 4)};
    memcpy(section, &address, sizeof(address));
    memcpy(section + 8, &block, sizeof(block));
    memcpy(section + 8 + sizeof(block), entries, sizeof(entries));
    memcpy(section + 8 + sizeof(block) + 4, &address, sizeof(address));
    assert_relocations(&maker, 2);
}

static void test_a_block_may_be_empty(void **state)
{
    (void)state;
    struct pe_maker maker;
    pe_maker_fill(&maker);
    maker.blocks[0].header.len_bytes = sizeof(struct mt_pe_block);
    memcpy(maker.blocks[0].entries, &(struct mt_pe_block){0, 8}, sizeof(struct mt_pe_block));
    assert_relocations(&maker, 1);
}

static void test_sections_that_share_a_page_get_the_union_of_their_rights(void **state)
{
    (void)state;
    static const struct span wanted[] = {
        {0, 0x1000, R}, {0x1000, 0x2000, R | X}, {0x2000, 0x3000, R | W}};
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    maker.optional.section_alignment = 512;
    maker.optional.image_bytes = 0x2800;
    maker.sections[PE_MAKER_S_READ_ONLY].rva = 0x1200; /* behind the code */
    maker.sections[PE_MAKER_S_DATA].rva = 0x2000;
    maker.sections[PE_MAKER_S_DATA].virtual_bytes = 0x200;
    maker.sections[PE_MAKER_S_ZERO].rva = 0x2200;
    maker.sections[PE_MAKER_S_ZERO].virtual_bytes = 0x300;
    maker.sections[PE_MAKER_S_RELOCATIONS].rva = 0x2600; /* behind data */
    maker.directories[MT_PE_RELOCATION].rva = 0x2600;
    maker.directories[MT_PE_IMPORT].rva = 0;
    maker.blocks[0].header.page_rva = 0x1200;
    maker.blocks[1].header.page_rva = 0x2000;
    maker.table[1] = PE_MAKER_BASE;
    maker.pointer = PE_MAKER_BASE + 0x3000; /* the end of its last page */
    parse(&maker, &image);
    assert_spans(&image, wanted, 3);
    assert_int_equal(image.memory_bytes, 0x3000);
    assert_int_equal(image.alignment, 4096);
    assert_int_equal(image.n_relocations, 3);
    mt_image_fini(&image);
}

static void test_pages_between_sections_have_no_rights(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    maker.sections[PE_MAKER_S_RELOCATIONS].rva = 0x8000;
    maker.directories[MT_PE_RELOCATION].rva = 0x8000;
    maker.optional.image_bytes = 0x9000;
    parse(&maker, &image);
    assert_int_equal(mt_image_span_at(&image, 0x6000)->rights, 0);
    assert_int_equal(mt_image_span_at(&image, 0x7FFF)->rights, 0);
    assert_int_equal(mt_image_span_at(&image, 0x8000)->rights, R);
    mt_image_fini(&image);
}

static void test_a_section_without_rights_has_none(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    maker.sections[PE_MAKER_S_ZERO].characteristics = 0x80;
    maker.sections[PE_MAKER_S_DATA].characteristics = MT_PE_MEM_WRITE;
    maker.sections[PE_MAKER_S_CODE].characteristics = MT_PE_MEM_EXECUTE;
    parse(&maker, &image);
    assert_int_equal(mt_image_span_at(&image, PE_MAKER_ZERO)->rights, 0);
    assert_int_equal(mt_image_span_at(&image, PE_MAKER_DATA)->rights, R | W);
    assert_int_equal(mt_image_span_at(&image, PE_MAKER_CODE)->rights, R | X);
    mt_image_fini(&image);
}

static void test_a_section_without_virtual_size_has_its_size_in_the_file(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    maker.sections[PE_MAKER_S_CODE].virtual_bytes = 0;
    maker.code[511] = 0xC3;
    maker.optional.entry = PE_MAKER_CODE + 511;
    parse(&maker, &image);
    assert_int_equal(image.memory[PE_MAKER_CODE + 511], 0xC3);
    mt_image_fini(&image);
}

/* Old linkers give the size of a .bss section as its size in the file, too, where it has nothing.
 */
static void test_a_section_without_a_place_in_the_file_is_zeroed(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    maker.sections[PE_MAKER_S_ZERO].raw_bytes = 0x800;
    parse(&maker, &image);
    static const uint8_t zeroes[0x1000];
    assert_memory_equal(image.memory + PE_MAKER_ZERO, zeroes, 0x1000);
    mt_image_fini(&image);
    /* One that takes no bytes may say any place. */
    maker.sections[PE_MAKER_S_ZERO].raw_bytes = 0;
    maker.sections[PE_MAKER_S_ZERO].raw_at = 0xFFFFFFF7;
    parse(&maker, &image);
    assert_memory_equal(image.memory + PE_MAKER_ZERO, zeroes, 0x1000);
    mt_image_fini(&image);
}

static void test_alignments_up_to_2_mib(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    uint32_t unit = 2 * MT_MIB;
    maker.optional.section_alignment = unit;
    maker.optional.n_directories = 0;
    maker.optional.entry = unit;
    maker.optional.image_bytes = 6 * unit;
    maker.sections[PE_MAKER_S_CODE].rva = unit;
    maker.sections[PE_MAKER_S_READ_ONLY].rva = 2 * unit;
    maker.sections[PE_MAKER_S_DATA].rva = 3 * unit;
    maker.sections[PE_MAKER_S_ZERO].rva = 4 * unit;
    maker.sections[PE_MAKER_S_RELOCATIONS].rva = 5 * unit;
    parse(&maker, &image);
    assert_int_equal(image.alignment, unit);
    assert_int_equal(image.memory_bytes, 6ull * unit);
    mt_image_fini(&image);
}

static void test_reserves_of_0_are_the_defaults_and_1_gib_the_most(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    maker.optional.stack_reserve_bytes = 0;
    maker.optional.heap_reserve_bytes = 0;
    parse(&maker, &image);
    assert_int_equal(image.facts.stack_bytes, MT_DEFAULT_STACK_BYTES);
    assert_int_equal(image.facts.heap_bytes, MT_DEFAULT_HEAP_BYTES);
    mt_image_fini(&image);
    maker.optional.stack_reserve_bytes = MT_GIB;
    maker.optional.heap_reserve_bytes = MT_GIB;
    parse(&maker, &image);
    assert_int_equal(image.facts.stack_bytes, MT_GIB);
    assert_int_equal(image.facts.heap_bytes, MT_GIB);
    mt_image_fini(&image);
}

/* Exports, resources, exceptions, certificates, debug data, load configuration and the rest. */
static void test_other_directories_are_of_no_concern(void **state)
{
    (void)state;
    struct pe_maker maker;
    static const unsigned others[] = {0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 15};
    pe_maker_fill(&maker);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        maker.directories[others[i]] = (struct mt_pe_directory){UINT32_MAX, UINT32_MAX};
    assert_relocations(&maker, 3);
}

/* The headers may lie anywhere behind the DOS header, and be longer than they need to be. */
static void test_an_odd_place_of_the_headers_is_accepted(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    uint8_t *file = (uint8_t *)&maker;
    size_t len_bytes = PE_MAKER_OFFSET(sections) + sizeof(maker.sections) - PE_MAKER_OFFSET(coff);
    memmove(file + MT_PE_DOS_BYTES + 1, file + PE_MAKER_OFFSET(coff), len_bytes);
    maker.lfanew = MT_PE_DOS_BYTES + 1;
    parse(&maker, &image);
    assert_int_equal(image.n_relocations, 3);
    mt_image_fini(&image);
}

static void test_96_sections_are_accepted(void **state)
{
    (void)state;
    size_t file_bytes = 12288;
    uint8_t *file = calloc(1, file_bytes);
    struct pe_maker maker;
    struct mt_image image;
    assert_non_null(file);
    pe_maker_fill(&maker);
    maker.coff.n_sections = MT_MAX_SECTIONS;
    maker.coff.n_symbols = 0;
    maker.optional.n_directories = 0;
    maker.optional.entry = 0x2000;
    maker.optional.headers_bytes = 8192;
    maker.optional.image_bytes = (MT_MAX_SECTIONS + 2) * 4096;
    memcpy(file, &maker, PE_MAKER_OFFSET(sections));
    for (uint32_t i = 0; i < MT_MAX_SECTIONS; i++) {
        struct mt_pe_section_header header = maker.sections[PE_MAKER_S_CODE];
        header.rva = (i + 2) * 4096;
        header.raw_at = 8192;
        memcpy(file + PE_MAKER_OFFSET(sections) + i * sizeof(header), &header, sizeof(header));
    }
    assert_int_equal(mt_image_init(&image, file, file_bytes, NULL, NULL), MOTE_OK);
    assert_int_equal(image.facts.n_segments, MT_MAX_SECTIONS);
    mt_image_fini(&image);
    free(file);
}

static const char *name_at(const struct mt_image *image, uint64_t address, uint64_t into_wanted)
{
    uint64_t into = UINT64_MAX;
    const char *name = mt_image_symbol_at(image, address, &into);
    if (name != NULL)
        assert_int_equal(into, into_wanted);
    return name;
}

static void test_functions_have_names(void **state)
{
    (void)state;
    struct mt_image image;
    parse_good(&image);
    assert_int_equal(image.n_symbols, 2);
    assert_null(name_at(&image, PE_MAKER_CODE + 0xF, 0));
    assert_string_equal(name_at(&image, PE_MAKER_CODE + 0x10, 0), "add_them");
    assert_string_equal(name_at(&image, PE_MAKER_CODE + 0x3F, 0x2F), "add_them");
    assert_string_equal(name_at(&image, PE_MAKER_CODE + 0x40, 0), "entrypoint");
    assert_string_equal(name_at(&image, PE_MAKER_CODE + 0xFFF, 0xFBF), "entrypoint");
    assert_null(name_at(&image, PE_MAKER_READ_ONLY, 0));
    mt_image_fini(&image);
}

static size_t count_symbols(const struct pe_maker *maker)
{
    struct mt_image image;
    parse(maker, &image);
    size_t n = image.n_symbols;
    assert_int_equal(image.facts.has_symbols, n > 0);
    mt_image_fini(&image);
    return n;
}

/* Whatever is odd about symbols leaves the image without some, or any. */
static void test_odd_symbols_refuse_nothing(void **state)
{
    (void)state;
    static const struct {
        size_t offset, len_bytes;
        uint64_t value;
        size_t n_left;
    } odd[] = {
#define ODD(member, value, n_left) \
    {offsetof(struct pe_maker, member), sizeof(((struct pe_maker *)NULL)->member), (value), \
     (n_left)}
        ODD(coff.symbols_at, 0, 0),
        ODD(coff.symbols_at, UINT32_MAX, 0),
        ODD(coff.symbols_at, PE_MAKER_FILE_BYTES - 18 * PE_MAKER_N_SYMBOLS + 1, 0),
        ODD(coff.n_symbols, 0, 0),
        ODD(coff.n_symbols, PE_MAKER_Y_ENTRY, 0),
        ODD(coff.n_symbols, UINT32_MAX, 0),
        ODD(coff.n_symbols, 1 << 20, 0),
        ODD(coff.n_symbols, (1 << 20) + 1, 0),
        /* Without a table of strings, only the short name is left. */
        ODD(strings.len_bytes, 0, 1),
        ODD(strings.len_bytes, 4, 1),
        ODD(strings.len_bytes, 5, 2),
        ODD(strings.len_bytes, sizeof(((struct pe_maker *)NULL)->strings) + 1, 1),
        ODD(strings.len_bytes, UINT32_MAX, 1),
        ODD(strings.text[0], 0, 1),
        /* The 4 bytes of the table's length are no name. */
        ODD(symbols[PE_MAKER_Y_ENTRY].name[4], 0, 1),
        ODD(symbols[PE_MAKER_Y_ENTRY].name[4], 3, 1),
        ODD(symbols[PE_MAKER_Y_ENTRY].name[4], 63, 1),
        ODD(symbols[PE_MAKER_Y_ENTRY].name[4], 64, 1),
        ODD(symbols[PE_MAKER_Y_ENTRY].name[7], 0xFF, 1),
        ODD(symbols[PE_MAKER_Y_FILE].n_auxiliary, 0, 3),
        ODD(symbols[PE_MAKER_Y_FILE].n_auxiliary, 2, 1),
        ODD(symbols[PE_MAKER_Y_FILE].n_auxiliary, 255, 0),
        ODD(symbols[PE_MAKER_Y_SHORT].storage_class, 6, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].type, 0x10, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].section, 0, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].section, 0xFFFF, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].section, PE_MAKER_N_SECTIONS, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].section, PE_MAKER_N_SECTIONS + 1, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].section, 0x7FFF, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].value, 0xFFF, 2),
        ODD(symbols[PE_MAKER_Y_SHORT].value, 0x1000, 1),
        ODD(symbols[PE_MAKER_Y_SHORT].value, UINT32_MAX, 1),
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct pe_maker maker;
        pe_maker_fill(&maker);
        memcpy((uint8_t *)&maker + odd[i].offset, &odd[i].value, odd[i].len_bytes);
        if (count_symbols(&maker) != odd[i].n_left)
            fail_msg("odd symbol %zu: %zu names", i, count_symbols(&maker));
    }
}

/* Sections count from 1: 0 is undefined, -1 absolute, -2 for debuggers. */
static void test_symbols_of_no_section_are_none(void **state)
{
    (void)state;
    static const int16_t sections[] = {0, -1, -2, INT16_MIN};
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        struct pe_maker maker;
        pe_maker_fill(&maker);
        maker.symbols[PE_MAKER_Y_SHORT].section = sections[i];
        maker.symbols[PE_MAKER_Y_SHORT].value = PE_MAKER_CODE + 0x10;
        assert_int_equal(count_symbols(&maker), 1);
    }
}

static void test_more_symbols_than_the_cap_are_none(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    size_t file_bytes =
        PE_MAKER_OFFSET(symbols) + (MT_MAX_SYMBOLS + 1) * sizeof(struct mt_pe_symbol);
    uint8_t *file = calloc(1, file_bytes);
    assert_non_null(file);
    pe_maker_fill(&maker);
    for (uint32_t over = 0; over < 2; over++) {
        maker.coff.n_symbols = MT_MAX_SYMBOLS + over;
        memcpy(file, &maker, PE_MAKER_OFFSET(symbols) + sizeof(maker.symbols));
        assert_int_equal(mt_image_init(&image, file, file_bytes, NULL, NULL), MOTE_OK);
        assert_int_equal(image.n_symbols, over == 0 ? 1 : 0); /* there are no strings */
        mt_image_fini(&image);
    }
    free(file);
}

static void test_a_name_that_has_no_end_ends_with_the_file(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    uint8_t *file = malloc(PE_MAKER_FILE_BYTES);
    assert_non_null(file);
    pe_maker_fill(&maker);
    memset(maker.strings.text, 'n', sizeof(maker.strings.text));
    memcpy(file, &maker, PE_MAKER_FILE_BYTES);
    assert_int_equal(mt_image_init(&image, file, PE_MAKER_FILE_BYTES, NULL, NULL), MOTE_OK);
    const char *name = name_at(&image, PE_MAKER_CODE + 0x40, 0);
    assert_int_equal(strlen(name), sizeof(maker.strings.text));
    mt_image_fini(&image);
    free(file);
}

static void test_strings_that_the_file_cuts_off_are_none(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    for (size_t n_left = 0; n_left <= sizeof(maker.strings.len_bytes); n_left++) {
        size_t file_bytes = PE_MAKER_OFFSET(strings) + n_left;
        uint8_t *file = malloc(file_bytes);
        assert_non_null(file);
        memcpy(file, &maker, file_bytes);
        assert_int_equal(mt_image_init(&image, file, file_bytes, NULL, NULL), MOTE_OK);
        assert_int_equal(image.n_symbols, 1);
        mt_image_fini(&image);
        free(file);
    }
}

static void test_names_of_symbols_are_made_harmless(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    pe_maker_fill(&maker);
    memcpy(maker.strings.text, "a\nb\x1B", 5);
    parse(&maker, &image);
    const char *name = name_at(&image, PE_MAKER_CODE + 0x40, 0);
    for (size_t i = 0; name[i] != '\0'; i++)
        assert_true(name[i] >= ' ' && name[i] <= '~');
    mt_image_fini(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_good_file_has_its_facts),
        cmocka_unit_test(test_rights_follow_sections_and_headers_can_be_read),
        cmocka_unit_test(test_sections_have_names_places_and_rights),
        cmocka_unit_test(test_memory_is_the_files_bytes_and_zeroes),
        cmocka_unit_test(test_dir64_relocations_follow_the_load_address),
        cmocka_unit_test(test_a_file_may_have_no_relocations),
        cmocka_unit_test(test_places_beside_the_relocations_are_relocated),
        cmocka_unit_test(test_a_block_may_be_empty),
        cmocka_unit_test(test_sections_that_share_a_page_get_the_union_of_their_rights),
        cmocka_unit_test(test_pages_between_sections_have_no_rights),
        cmocka_unit_test(test_a_section_without_rights_has_none),
        cmocka_unit_test(test_a_section_without_virtual_size_has_its_size_in_the_file),
        cmocka_unit_test(test_a_section_without_a_place_in_the_file_is_zeroed),
        cmocka_unit_test(test_alignments_up_to_2_mib),
        cmocka_unit_test(test_reserves_of_0_are_the_defaults_and_1_gib_the_most),
        cmocka_unit_test(test_other_directories_are_of_no_concern),
        cmocka_unit_test(test_an_odd_place_of_the_headers_is_accepted),
        cmocka_unit_test(test_96_sections_are_accepted),
        cmocka_unit_test(test_functions_have_names),
        cmocka_unit_test(test_odd_symbols_refuse_nothing),
        cmocka_unit_test(test_symbols_of_no_section_are_none),
        cmocka_unit_test(test_more_symbols_than_the_cap_are_none),
        cmocka_unit_test(test_a_name_that_has_no_end_ends_with_the_file),
        cmocka_unit_test(test_strings_that_the_file_cuts_off_are_none),
        cmocka_unit_test(test_names_of_symbols_are_made_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
