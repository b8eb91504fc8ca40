/* SPDX-License-Identifier: Apache-2.0 */
/* Malformed PE files: each is the good one but for one thing, and each error names that thing. */
#include "host/image/pe_maker.h"
#include "host/image/refusal_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MEMBER_BYTES(member) sizeof(((struct pe_maker *)NULL)->member)
#define SET(member, value) \
    { \
        offsetof(struct pe_maker, member), MEMBER_BYTES(member), (value) \
    }
/* One member is wrong, and the error names it. */
#define ONE(member, value, code, field) \
    { \
        {SET(member, value)}, (code), (field), (value), offsetof(struct pe_maker, member) \
    }
/* The error names another member, with the value that it has. */
#define NAMED(code, field, value, member) \
    (code), (field), (value), offsetof(struct pe_maker, member)

#define FORMAT MOTE_E_IMAGE_FORMAT
#define BOUNDS MOTE_E_IMAGE_BOUNDS
#define SEGMENT MOTE_E_IMAGE_SEGMENT
#define RIGHTS MOTE_E_IMAGE_RIGHTS
#define RELOCATION MOTE_E_IMAGE_RELOCATION
#define ENTRY MOTE_E_IMAGE_ENTRY
#define TOO_LARGE MOTE_E_IMAGE_TOO_LARGE
#define LAST_U64 UINT64_MAX
#define LAST_U32 UINT32_MAX
#define LAST_U16 UINT16_MAX
#define COFF_BYTES sizeof(struct mt_pe_coff)
#define OPTIONAL_BYTES sizeof(struct mt_pe_optional)

static const struct bad bad_headers[] = {
    ONE(lfanew, 0, BOUNDS, "e_lfanew"),
    ONE(lfanew, 63, BOUNDS, "e_lfanew"),
    ONE(lfanew, LAST_U32, BOUNDS, "e_lfanew"),
    ONE(lfanew, LAST_U32 - COFF_BYTES + 1, BOUNDS, "e_lfanew"),
    ONE(lfanew, 0x80000000, BOUNDS, "e_lfanew"),
    ONE(lfanew, PE_MAKER_FILE_BYTES, BOUNDS, "e_lfanew"),
    ONE(lfanew, PE_MAKER_FILE_BYTES - COFF_BYTES + 1, BOUNDS, "e_lfanew"),
    {{SET(lfanew, 64)}, FORMAT, "Signature", 0, 64},
    ONE(coff.signature, 0x00004551, FORMAT, "Signature"),
    ONE(coff.signature, 0x0000454E, FORMAT, "Signature"),
    ONE(coff.signature, 0x01004550, FORMAT, "Signature"),
    ONE(coff.machine, 0x014C, FORMAT, "Machine"),
    ONE(coff.machine, 0xAA64, FORMAT, "Machine"),
    ONE(coff.machine, 0, FORMAT, "Machine"),
    ONE(coff.n_sections, 0, FORMAT, "NumberOfSections"),
    ONE(coff.n_sections, MT_MAX_SECTIONS + 1, TOO_LARGE, "NumberOfSections"),
    ONE(coff.n_sections, LAST_U16, TOO_LARGE, "NumberOfSections"),
    ONE(coff.characteristics, 0x20, FORMAT, "Characteristics"),
    ONE(coff.characteristics, 0, FORMAT, "Characteristics"),
    ONE(coff.characteristics, 0x23, FORMAT, "Characteristics"),
    ONE(coff.optional_bytes, 0, FORMAT, "SizeOfOptionalHeader"),
    ONE(coff.optional_bytes, 1, FORMAT, "SizeOfOptionalHeader"),
    ONE(coff.optional_bytes, OPTIONAL_BYTES - 1, FORMAT, "SizeOfOptionalHeader"),
    {{SET(coff.optional_bytes, OPTIONAL_BYTES)},
     NAMED(BOUNDS, "NumberOfRvaAndSizes", 16, optional.n_directories)},
    {{SET(coff.optional_bytes, OPTIONAL_BYTES + 127)},
     NAMED(BOUNDS, "NumberOfRvaAndSizes", 16, optional.n_directories)},
    ONE(coff.optional_bytes, LAST_U16, BOUNDS, "SizeOfOptionalHeader"),
    ONE(coff.optional_bytes, PE_MAKER_FILE_BYTES - PE_MAKER_OFFSET(optional) + 1, BOUNDS,
        "SizeOfOptionalHeader"),
    /* The section table would start where the file ends. */
    {{SET(coff.optional_bytes, PE_MAKER_FILE_BYTES - PE_MAKER_OFFSET(optional))},
     NAMED(BOUNDS, "NumberOfSections", PE_MAKER_N_SECTIONS, coff.n_sections)},
    ONE(optional.magic, 0x10B, FORMAT, "Magic"),
    ONE(optional.magic, 0x107, FORMAT, "Magic"),
    ONE(optional.magic, 0, FORMAT, "Magic"),
    ONE(optional.n_directories, 17, TOO_LARGE, "NumberOfRvaAndSizes"),
    ONE(optional.n_directories, 0x20000001, TOO_LARGE, "NumberOfRvaAndSizes"),
    ONE(optional.n_directories, LAST_U32, TOO_LARGE, "NumberOfRvaAndSizes"),
    ONE(optional.dll_characteristics, 0, FORMAT, "DllCharacteristics"),
    ONE(optional.dll_characteristics, 0xFFBF, FORMAT, "DllCharacteristics"),
    ONE(optional.section_alignment, 0, SEGMENT, "SectionAlignment"),
    ONE(optional.section_alignment, 0x1001, SEGMENT, "SectionAlignment"),
    ONE(optional.section_alignment, LAST_U32, SEGMENT, "SectionAlignment"),
    ONE(optional.section_alignment, 0x400000, SEGMENT, "SectionAlignment"),
    ONE(optional.section_alignment, 0x80000000, SEGMENT, "SectionAlignment"),
    ONE(optional.file_alignment, 0, SEGMENT, "FileAlignment"),
    ONE(optional.file_alignment, 0x201, SEGMENT, "FileAlignment"),
    ONE(optional.file_alignment, 0x2000, SEGMENT, "FileAlignment"),
    ONE(optional.file_alignment, 0x80000000, SEGMENT, "FileAlignment"),
    ONE(optional.image_base, PE_MAKER_BASE + 1, SEGMENT, "ImageBase"),
    ONE(optional.image_base, PE_MAKER_BASE + 0x8000, SEGMENT, "ImageBase"),
    ONE(optional.image_base, LAST_U64, SEGMENT, "ImageBase"),
    {{SET(optional.image_base, LAST_U64 - 0xFFFF), SET(optional.image_bytes, 0x10000)},
     NAMED(BOUNDS, "ImageBase", LAST_U64 - 0xFFFF, optional.image_base)},
    ONE(optional.image_bytes, 512 * MT_MIB + 1, TOO_LARGE, "SizeOfImage"),
    ONE(optional.image_bytes, LAST_U32, TOO_LARGE, "SizeOfImage"),
    ONE(optional.image_bytes, PE_MAKER_END + 1, BOUNDS, "SizeOfImage"),
    ONE(optional.image_bytes, PE_MAKER_END - 1, BOUNDS, "SizeOfImage"),
    ONE(optional.image_bytes, PE_MAKER_END + 0x1000, BOUNDS, "SizeOfImage"),
    ONE(optional.image_bytes, 512 * MT_MIB, BOUNDS, "SizeOfImage"),
    ONE(optional.headers_bytes, 0, BOUNDS, "SizeOfHeaders"),
    ONE(optional.headers_bytes, PE_MAKER_OFFSET(sections), BOUNDS, "SizeOfHeaders"),
    ONE(optional.headers_bytes, PE_MAKER_OFFSET(sections[PE_MAKER_N_SECTIONS]) - 1, BOUNDS,
        "SizeOfHeaders"),
    ONE(optional.headers_bytes, PE_MAKER_FILE_BYTES + 1, BOUNDS, "SizeOfHeaders"),
    ONE(optional.headers_bytes, LAST_U32, BOUNDS, "SizeOfHeaders"),
    ONE(optional.stack_reserve_bytes, MT_GIB + 1, TOO_LARGE, "SizeOfStackReserve"),
    ONE(optional.stack_reserve_bytes, LAST_U64, TOO_LARGE, "SizeOfStackReserve"),
    ONE(optional.heap_reserve_bytes, MT_GIB + 1, TOO_LARGE, "SizeOfHeapReserve"),
    ONE(optional.heap_reserve_bytes, LAST_U64, TOO_LARGE, "SizeOfHeapReserve"),
    ONE(optional.entry, 0, ENTRY, "AddressOfEntryPoint"),
    ONE(optional.entry, PE_MAKER_CODE - 1, ENTRY, "AddressOfEntryPoint"),
    ONE(optional.entry, PE_MAKER_CODE + 0x180, ENTRY, "AddressOfEntryPoint"),
    ONE(optional.entry, PE_MAKER_READ_ONLY, ENTRY, "AddressOfEntryPoint"),
    ONE(optional.entry, PE_MAKER_ZERO, ENTRY, "AddressOfEntryPoint"),
    ONE(optional.entry, PE_MAKER_END, ENTRY, "AddressOfEntryPoint"),
    ONE(optional.entry, LAST_U32, ENTRY, "AddressOfEntryPoint"),
};

#define CODE sections[PE_MAKER_S_CODE]
#define READ_ONLY sections[PE_MAKER_S_READ_ONLY]
#define DATA sections[PE_MAKER_S_DATA]
#define ZERO sections[PE_MAKER_S_ZERO]
#define EMPTY sections[PE_MAKER_S_EMPTY]
#define RELOCATIONS sections[PE_MAKER_S_RELOCATIONS]
#define LAST_RAW ((PE_MAKER_FILE_BYTES - 1) / 512 * 512)

static const struct bad bad_sections[] = {
    ONE(CODE.raw_at, PE_MAKER_OFFSET(code) + 1, SEGMENT, "PointerToRawData"),
    ONE(CODE.raw_at, PE_MAKER_OFFSET(code) + 256, SEGMENT, "PointerToRawData"),
    ONE(CODE.raw_at, PE_MAKER_OFFSET(code) - 512, SEGMENT, "PointerToRawData"),
    ONE(CODE.raw_at, LAST_RAW + 512, BOUNDS, "PointerToRawData"),
    ONE(CODE.raw_at, 0x80000000, BOUNDS, "PointerToRawData"),
    ONE(CODE.raw_at, LAST_U32 - 511, BOUNDS, "PointerToRawData"),
    {{SET(CODE.raw_at, LAST_RAW)}, NAMED(BOUNDS, "SizeOfRawData", 512, CODE.raw_bytes)},
    ONE(CODE.raw_bytes, LAST_U32, BOUNDS, "SizeOfRawData"),
    ONE(CODE.raw_bytes, 0x80000000, BOUNDS, "SizeOfRawData"),
    ONE(CODE.raw_bytes, (uint32_t)(0 - PE_MAKER_OFFSET(code)), BOUNDS, "SizeOfRawData"),
    ONE(CODE.raw_bytes, PE_MAKER_FILE_BYTES - PE_MAKER_OFFSET(code) + 1, BOUNDS, "SizeOfRawData"),
    {{SET(EMPTY.raw_at, 513), SET(EMPTY.raw_bytes, 1)},
     NAMED(SEGMENT, "PointerToRawData", 513, EMPTY.raw_at)},
    ONE(CODE.rva, PE_MAKER_CODE + 1, SEGMENT, "VirtualAddress"),
    ONE(CODE.rva, PE_MAKER_CODE + 0x800, SEGMENT, "VirtualAddress"),
    ONE(CODE.rva, LAST_U32, SEGMENT, "VirtualAddress"),
    ONE(CODE.rva, 0, SEGMENT, "VirtualAddress"),
    {{SET(CODE.rva, PE_MAKER_READ_ONLY)},
     NAMED(SEGMENT, "VirtualAddress", PE_MAKER_READ_ONLY, READ_ONLY.rva)},
    {{SET(CODE.rva, PE_MAKER_DATA)},
     NAMED(SEGMENT, "VirtualAddress", PE_MAKER_READ_ONLY, READ_ONLY.rva)},
    ONE(DATA.rva, PE_MAKER_READ_ONLY, SEGMENT, "VirtualAddress"),
    ONE(DATA.rva, PE_MAKER_CODE, SEGMENT, "VirtualAddress"),
    /* The last byte of one section is the first of the next. */
    {{SET(DATA.virtual_bytes, PE_MAKER_ZERO - PE_MAKER_DATA + 1)},
     NAMED(SEGMENT, "VirtualAddress", PE_MAKER_ZERO, ZERO.rva)},
    {{SET(DATA.virtual_bytes, 512 * MT_MIB)},
     NAMED(BOUNDS, "VirtualSize", 512 * MT_MIB, DATA.virtual_bytes)},
    ONE(DATA.virtual_bytes, LAST_U32, BOUNDS, "VirtualSize"),
    ONE(DATA.virtual_bytes, (uint32_t)(0 - PE_MAKER_DATA), BOUNDS, "VirtualSize"),
    ONE(RELOCATIONS.virtual_bytes, 0x1001, BOUNDS, "VirtualSize"),
    ONE(RELOCATIONS.rva, PE_MAKER_END + 0x1000, BOUNDS, "VirtualAddress"),
    ONE(RELOCATIONS.rva, 0xFFFFF000, BOUNDS, "VirtualAddress"),
    {{SET(RELOCATIONS.rva, PE_MAKER_END)},
     NAMED(BOUNDS, "VirtualSize", sizeof(struct pe_maker_block) * 2, RELOCATIONS.virtual_bytes)},
    {{SET(RELOCATIONS.virtual_bytes, 0), SET(RELOCATIONS.raw_bytes, 0x1001),
      SET(RELOCATIONS.raw_at, 0)},
     NAMED(BOUNDS, "SizeOfRawData", 0x1001, RELOCATIONS.raw_bytes)},
    ONE(CODE.characteristics, MT_PE_MEM_EXECUTE | MT_PE_MEM_WRITE, RIGHTS, "Characteristics"),
    ONE(CODE.characteristics, 0xE0000020, RIGHTS, "Characteristics"),
    ONE(EMPTY.characteristics, 0xE0000020, RIGHTS, "Characteristics"),
    /* Writable data on the last page of code. */
    {{SET(optional.section_alignment, 512), SET(optional.image_bytes, 0x6200),
      SET(READ_ONLY.rva, 0x1200), SET(READ_ONLY.characteristics, MT_PE_MEM_WRITE)},
     NAMED(RIGHTS, "Characteristics", MT_PE_MEM_WRITE, READ_ONLY.characteristics)},
    /* No section that takes up memory. */
    {{SET(coff.n_sections, 1), SET(CODE.virtual_bytes, 0), SET(CODE.raw_bytes, 0)},
     NAMED(FORMAT, "NumberOfSections", 1, coff.n_sections)},
};

#define DIRECTORY(index) directories[index]
#define IMPORT_RVA PE_MAKER_RVA(PE_MAKER_READ_ONLY, table, imports)
#define DLL_NAME_RVA PE_MAKER_RVA(PE_MAKER_READ_ONLY, table, dll_name)

static const struct bad bad_directories[] = {
    ONE(DIRECTORY(MT_PE_TLS).rva, 1, FORMAT, "TLS directory"),
    ONE(DIRECTORY(MT_PE_TLS).rva, PE_MAKER_DATA, FORMAT, "TLS directory"),
    ONE(DIRECTORY(MT_PE_DELAY_IMPORT).rva, PE_MAKER_DATA, FORMAT, "delay import directory"),
    ONE(DIRECTORY(MT_PE_CLR).rva, LAST_U32, FORMAT, "CLR directory"),
    ONE(DIRECTORY(MT_PE_IMPORT).rva, LAST_U32, BOUNDS, "import directory"),
    ONE(DIRECTORY(MT_PE_IMPORT).rva, 1, BOUNDS, "import directory"),
    ONE(DIRECTORY(MT_PE_IMPORT).rva, PE_MAKER_END, BOUNDS, "import directory"),
    ONE(DIRECTORY(MT_PE_IMPORT).rva, PE_MAKER_READ_ONLY + 0x100 - 19, BOUNDS, "import directory"),
    ONE(imports[0].name_rva, DLL_NAME_RVA, FORMAT, "import Name"),
    ONE(imports[0].name_rva, LAST_U32, FORMAT, "import Name"),
    ONE(imports[0].name_rva, PE_MAKER_END - 1, FORMAT, "import Name"),
};

#define BLOCK(i) blocks[i].header.len_bytes
#define ENTRY_OF(type, offset) ((uint64_t)(type) << 12 | (offset))
#define DIR64(offset) ENTRY_OF(MT_PE_RELOCATION_DIR64, offset)
#define BLOCK_BYTES sizeof(struct pe_maker_block)
/* Where the second block's one relocation leads is wrong, and the error names its entry. */
#define PLACE(page, offset) \
    { \
        {SET(blocks[1].header.page_rva, page), SET(blocks[1].entries[0], DIR64(offset))}, \
            RELOCATION, "relocation RVA", (uint64_t)(page) + (offset), \
            offsetof(struct pe_maker, blocks[1].entries[0]) \
    }

static const struct bad bad_relocations[] = {
    ONE(DIRECTORY(MT_PE_RELOCATION).rva, 0, BOUNDS, "base relocation RVA"),
    ONE(DIRECTORY(MT_PE_RELOCATION).rva, LAST_U32, BOUNDS, "base relocation RVA"),
    ONE(DIRECTORY(MT_PE_RELOCATION).rva, PE_MAKER_END, BOUNDS, "base relocation RVA"),
    ONE(DIRECTORY(MT_PE_RELOCATION).rva, PE_MAKER_RELOCATIONS + 4, BOUNDS, "base relocation RVA"),
    {{SET(DIRECTORY(MT_PE_RELOCATION).len_bytes, 2 * BLOCK_BYTES + 1)},
     NAMED(BOUNDS, "base relocation RVA", PE_MAKER_RELOCATIONS, DIRECTORY(MT_PE_RELOCATION).rva)},
    {{SET(DIRECTORY(MT_PE_RELOCATION).len_bytes, LAST_U32)},
     NAMED(BOUNDS, "base relocation RVA", PE_MAKER_RELOCATIONS, DIRECTORY(MT_PE_RELOCATION).rva)},
    /* The directory ends in a block's header, and in a block. */
    ONE(DIRECTORY(MT_PE_RELOCATION).len_bytes, 1, RELOCATION, "base relocation Size"),
    ONE(DIRECTORY(MT_PE_RELOCATION).len_bytes, 7, RELOCATION, "base relocation Size"),
    ONE(DIRECTORY(MT_PE_RELOCATION).len_bytes, BLOCK_BYTES + 4, RELOCATION, "base relocation Size"),
    {{SET(DIRECTORY(MT_PE_RELOCATION).len_bytes, 8)},
     NAMED(RELOCATION, "SizeOfBlock", BLOCK_BYTES, BLOCK(0))},
    {{SET(DIRECTORY(MT_PE_RELOCATION).len_bytes, 2 * BLOCK_BYTES - 1)},
     NAMED(RELOCATION, "SizeOfBlock", BLOCK_BYTES, BLOCK(1))},
    ONE(BLOCK(0), 0, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(0), 1, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(0), 7, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(0), 9, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(0), 10, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(0), 2 * BLOCK_BYTES + 4, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(0), 0x80000000, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(0), 0xFFFFFFFC, RELOCATION, "SizeOfBlock"),
    ONE(BLOCK(1), BLOCK_BYTES + 4, RELOCATION, "SizeOfBlock"),
    ONE(blocks[0].entries[3], ENTRY_OF(1, 0), RELOCATION, "relocation entry"),
    ONE(blocks[0].entries[3], ENTRY_OF(3, 0), RELOCATION, "relocation entry"),
    ONE(blocks[0].entries[3], ENTRY_OF(9, 0xFFF), RELOCATION, "relocation entry"),
    ONE(blocks[0].entries[3], ENTRY_OF(11, 0), RELOCATION, "relocation entry"),
    ONE(blocks[0].entries[3], ENTRY_OF(15, 0xFFF), RELOCATION, "relocation entry"),
    PLACE(0, 0x40),                  /* the headers */
    PLACE(PE_MAKER_CODE, 0x180 - 7), /* over the end of a section */
    PLACE(PE_MAKER_CODE, 0xFFC),     /* over the end of a page */
    PLACE(PE_MAKER_DATA + 0x1000, PE_MAKER_DATA_BYTES - 0x1000 - 7),
    PLACE(PE_MAKER_ZERO, 0x800 - 7), /* over the end of zeroed memory */
    PLACE(PE_MAKER_END, 0),          /* behind the image */
    PLACE(PE_MAKER_END - 1, 0),
    PLACE(LAST_U32, 0),
    PLACE(LAST_U32, 0xFFF),
    PLACE(PE_MAKER_RELOCATIONS, 0), /* the relocations themselves */
    PLACE(PE_MAKER_RELOCATIONS, 2 * BLOCK_BYTES - 8),
    PLACE(PE_MAKER_READ_ONLY, 0), /* one place twice */
    /* Half of one; what is there is an address, too. */
    {{SET(blocks[1].header.page_rva, PE_MAKER_READ_ONLY), SET(blocks[1].entries[0], DIR64(15)),
      SET(table[2], PE_MAKER_BASE >> 8)},
     NAMED(RELOCATION, "relocation RVA", PE_MAKER_READ_ONLY + 15, blocks[1].entries[0])},
    ONE(pointer, PE_MAKER_BASE - 1, RELOCATION, "relocated address"),
    ONE(pointer, PE_MAKER_BASE + PE_MAKER_END + 1, RELOCATION, "relocated address"),
    ONE(pointer, 0, RELOCATION, "relocated address"),
    ONE(pointer, LAST_U64, RELOCATION, "relocated address"),
    /* In zeroed memory: the offset is where the section's bytes in the file end. */
    {{SET(blocks[1].entries[0], DIR64(0x300))},
     RELOCATION,
     "relocated address",
     0,
     PE_MAKER_OFFSET(pointer) + 512},
    ONE(table[0], PE_MAKER_BASE + LAST_U32, RELOCATION, "relocated address"),
};

static void expect_refusals(const struct bad *table, size_t n)
{
    static struct pe_maker maker;
    for (size_t i = 0; i < n; i++) {
        pe_maker_fill(&maker);
        for (size_t j = 0; j < COUNT(table[i].patches); j++)
            put_patch(&maker, sizeof(maker), &table[i].patches[j]);
        expect_refusal((const uint8_t *)&maker, PE_MAKER_FILE_BYTES, &table[i]);
    }
}

static void test_bad_pe_headers_are_refused(void **state)
{
    (void)state;
    expect_refusals(bad_headers, COUNT(bad_headers));
}

static void test_bad_sections_are_refused(void **state)
{
    (void)state;
    expect_refusals(bad_sections, COUNT(bad_sections));
}

static void test_what_a_guest_cannot_have_is_refused(void **state)
{
    (void)state;
    expect_refusals(bad_directories, COUNT(bad_directories));
}

static void test_bad_pe_relocations_are_refused(void **state)
{
    (void)state;
    expect_refusals(bad_relocations, COUNT(bad_relocations));
}

static void test_the_dll_that_is_missing_is_named(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    mote_error err;
    pe_maker_fill(&maker);
    maker.imports[0].name_rva = (uint32_t)DLL_NAME_RVA;
    assert_int_equal(
        mt_image_init(&image, (const uint8_t *)&maker, PE_MAKER_FILE_BYTES, NULL, &err), FORMAT);
    assert_non_null(strstr(err.text, "KERNEL32.dll"));
    maker.imports[0].name_rva = PE_MAKER_END;
    assert_int_equal(
        mt_image_init(&image, (const uint8_t *)&maker, PE_MAKER_FILE_BYTES, NULL, &err), FORMAT);
    assert_non_null(strstr(err.text, "needs a DLL"));
}

/* The image's last bytes are a name, and its NUL would be behind the image. */
static void test_a_dll_name_that_runs_off_the_image_ends_there(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    mote_error err;
    size_t at = PE_MAKER_OFFSET(symbols);
    size_t file_bytes = at + 0x1000;
    uint8_t *file = malloc(file_bytes);
    assert_non_null(file);
    pe_maker_fill(&maker);
    maker.coff.n_symbols = 0;
    maker.RELOCATIONS.virtual_bytes = 0x1000;
    maker.RELOCATIONS.raw_bytes = 0x1000;
    maker.RELOCATIONS.raw_at = (uint32_t)at;
    maker.imports[0].name_rva = PE_MAKER_END - 10;
    memcpy(file, &maker, at);
    memset(file + at, 'n', 0x1000);
    assert_int_equal(mt_image_init(&image, file, file_bytes, NULL, &err), FORMAT);
    assert_non_null(strstr(err.text, "needs nnnnnnnnnn, "));
    free(file);
}

/* Cut in each of its structures, a file is refused by what is missing. */
static void test_a_file_cut_in_a_header_is_refused(void **state)
{
    (void)state;
    struct pe_maker maker;
    pe_maker_fill(&maker);
    const uint8_t *file = (const uint8_t *)&maker;
    for (size_t len = 2; len < PE_MAKER_OFFSET(sections[PE_MAKER_N_SECTIONS]); len++) {
        struct bad bad = {{{0}},
                          NAMED(BOUNDS, "NumberOfSections", PE_MAKER_N_SECTIONS, coff.n_sections)};
        if (len < MT_PE_DOS_BYTES)
            bad = (struct bad){{{0}}, FORMAT, "file_bytes", len, len};
        else if (len < PE_MAKER_OFFSET(optional))
            bad = (struct bad){{{0}}, NAMED(BOUNDS, "e_lfanew", PE_MAKER_OFFSET(coff), lfanew)};
        else if (len < PE_MAKER_OFFSET(sections))
            bad = (struct bad){{{0}},
                               NAMED(BOUNDS, "SizeOfOptionalHeader",
                                     OPTIONAL_BYTES + sizeof(maker.directories),
                                     coff.optional_bytes)};
        expect_refusal(file, len, &bad);
    }
}

/* What begins as a PE file is judged as one, and nothing else: its own error comes out. */
static void test_the_first_bytes_say_what_a_file_is(void **state)
{
    (void)state;
    static const struct {
        char bytes[65];
        size_t len;
        const char *field;
        uint64_t value, offset;
    } files[] = {
        {"", 0, "magic", 0, 0},
        {"M", 1, "magic", 'M', 0},
        {"MZ", 2, "file_bytes", 2, 2},
        {"ZM", 2, "magic", 0x4D5A, 0},
        {"\x7F"
         "ELF",
         3, "magic", 0x4C457F, 0},
        {"\x7F"
         "ELF",
         4, "file_bytes", 4, 4},
        {"#!/bin/sh\n", 10, "magic", 0x622F2123, 0},
        {"MZ", 64, "e_lfanew", 0, 0x3C},
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        struct bad bad = {{{0}}, FORMAT, files[i].field, files[i].value, files[i].offset};
        if (files[i].len == 64)
            bad.code = BOUNDS;
        expect_refusal((const uint8_t *)files[i].bytes, files[i].len, &bad);
    }
}

/* Section fields at their edges, two at a time: refused or loaded, and never beyond the file. */
static void test_all_pairs_of_section_fields(void **state)
{
    (void)state;
    static const uint32_t edges[] = {0,      1,          0x200,    0x1000,          0x2000,
                                     0x5000, 0x80000000, LAST_U32, LAST_U32 - 0xFFF};
    static const size_t fields[] = {offsetof(struct mt_pe_section_header, virtual_bytes),
                                    offsetof(struct mt_pe_section_header, rva),
                                    offsetof(struct mt_pe_section_header, raw_bytes),
                                    offsetof(struct mt_pe_section_header, raw_at)};
    static struct pe_maker maker;
    size_t n = COUNT(edges) * COUNT(fields);
    size_t n_loaded = 0;
    for (size_t i = 0; i < n * n * PE_MAKER_N_SECTIONS; i++) {
        size_t header = offsetof(struct pe_maker, sections[0]) +
                        i / n / n * sizeof(struct mt_pe_section_header);
        size_t first = i / n % n;
        size_t second = i % n;
        struct mt_image image;
        pe_maker_fill(&maker);
        put_patch(&maker, sizeof(maker),
                  &(struct patch){header + fields[first % COUNT(fields)], 4,
                                  edges[first / COUNT(fields)]});
        put_patch(&maker, sizeof(maker),
                  &(struct patch){header + fields[second % COUNT(fields)], 4,
                                  edges[second / COUNT(fields)]});
        if (mt_image_init(&image, (const uint8_t *)&maker, PE_MAKER_FILE_BYTES, NULL, NULL) !=
            MOTE_OK)
            continue;
        assert_int_equal(image.memory_bytes, PE_MAKER_END);
        mt_image_fini(&image);
        n_loaded++;
    }
    assert_true(n_loaded > 100);
}

/* A block may fill the rest of what the file has of a section; one that is longer would go on in
 * zeroed memory, which is entries that relocate nothing. */
static void test_a_block_that_goes_on_in_zeroed_memory_is_refused(void **state)
{
    (void)state;
    struct pe_maker maker;
    struct mt_image image;
    struct mt_pe_directory *directory = &maker.DIRECTORY(MT_PE_RELOCATION);
    enum { IN_FILE = 16, LONGER = IN_FILE + 4 };
    uint64_t at = PE_MAKER_OFFSET(pointer) + 512 - IN_FILE;
    struct mt_pe_block block = {PE_MAKER_DATA, IN_FILE};
    pe_maker_fill(&maker);
    *directory = (struct mt_pe_directory){PE_MAKER_DATA + 512 - IN_FILE, IN_FILE};
    memcpy((uint8_t *)&maker + at, &block, sizeof(block));
    assert_int_equal(
        mt_image_init(&image, (const uint8_t *)&maker, PE_MAKER_FILE_BYTES, NULL, NULL), MOTE_OK);
    mt_image_fini(&image);
    block.len_bytes = LONGER;
    directory->len_bytes = LONGER;
    memcpy((uint8_t *)&maker + at, &block, sizeof(block));
    const struct bad bad = {
        {{0}},
        NAMED(BOUNDS, "base relocation RVA", directory->rva, DIRECTORY(MT_PE_RELOCATION).rva)};
    expect_refusal((const uint8_t *)&maker, PE_MAKER_FILE_BYTES, &bad);
}

/* 4 Mi relocations need 32 MiB of memory to lie in, 8 MiB of entries, and a block for each page. */
static void test_more_relocations_than_the_cap_are_refused(void **state)
{
    (void)state;
    enum { PER_PAGE = 512 };
    uint32_t n_blocks = MT_MAX_RELOCATIONS / PER_PAGE + 1;
    uint32_t block_bytes = sizeof(struct mt_pe_block) + PER_PAGE * sizeof(uint16_t);
    size_t table_bytes = (size_t)n_blocks * block_bytes;
    size_t at = PE_MAKER_OFFSET(symbols);
    uint8_t *file = calloc(1, at + table_bytes);
    struct pe_maker maker;
    assert_non_null(file);
    pe_maker_fill(&maker);
    uint32_t last = PE_MAKER_ZERO + (n_blocks + 1) * 4096;
    maker.ZERO.virtual_bytes = (n_blocks + 1) * 4096;
    maker.RELOCATIONS = (struct mt_pe_section_header){
        .virtual_bytes = (uint32_t)table_bytes,
        .raw_bytes = (uint32_t)table_bytes,
        .rva = last,
        .raw_at = (uint32_t)at,
        .characteristics = MT_PE_MEM_READ,
    };
    maker.optional.image_base = 0; /* zeroes are then addresses in the image */
    maker.optional.image_bytes = (uint32_t)(last + table_bytes + 4095) / 4096 * 4096;
    maker.coff.n_symbols = 0;
    maker.DIRECTORY(MT_PE_RELOCATION) = (struct mt_pe_directory){last, (uint32_t)table_bytes};
    memcpy(file, &maker, at);
    for (uint32_t i = 0; i < n_blocks; i++) {
        uint8_t *to = file + at + (size_t)i * block_bytes;
        const struct mt_pe_block block = {PE_MAKER_ZERO + i * 4096, block_bytes};
        memcpy(to, &block, sizeof(block));
        for (uint32_t j = 0; j < PER_PAGE; j++) {
            uint16_t entry = (uint16_t)DIR64(j * 8);
            memcpy(to + sizeof(block) + j * sizeof(entry), &entry, sizeof(entry));
        }
    }
    const struct bad bad = {{{0}},
                            TOO_LARGE,
                            "relocation RVA",
                            PE_MAKER_ZERO + (n_blocks - 1) * 4096,
                            at + (size_t)(n_blocks - 1) * block_bytes + sizeof(struct mt_pe_block)};
    expect_refusal(file, at + table_bytes, &bad);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_pe_headers_are_refused),
        cmocka_unit_test(test_bad_sections_are_refused),
        cmocka_unit_test(test_what_a_guest_cannot_have_is_refused),
        cmocka_unit_test(test_bad_pe_relocations_are_refused),
        cmocka_unit_test(test_the_dll_that_is_missing_is_named),
        cmocka_unit_test(test_a_dll_name_that_runs_off_the_image_ends_there),
        cmocka_unit_test(test_a_file_cut_in_a_header_is_refused),
        cmocka_unit_test(test_the_first_bytes_say_what_a_file_is),
        cmocka_unit_test(test_all_pairs_of_section_fields),
        cmocka_unit_test(test_a_block_that_goes_on_in_zeroed_memory_is_refused),
        cmocka_unit_test(test_more_relocations_than_the_cap_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
