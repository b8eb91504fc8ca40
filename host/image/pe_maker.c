/* SPDX-License-Identifier: Apache-2.0 */
/* The good PE file of the tests. */
#include "host/image/pe_maker.h"

#include <string.h>

_Static_assert(PE_MAKER_OFFSET(coff) == 128, "where e_lfanew says");
_Static_assert(PE_MAKER_OFFSET(code) == 1024, "SizeOfHeaders");

#define READ MT_PE_MEM_READ
#define EXECUTE MT_PE_MEM_EXECUTE
#define WRITE MT_PE_MEM_WRITE
#define FUNCTION_TYPE 0x20u
#define CLASS_EXTERNAL 2u
#define CLASS_STATIC 3u
#define CLASS_FILE 103u

static void fill_headers(struct pe_maker *maker)
{
    memcpy(maker->dos, MT_PE_DOS_MAGIC, 2);
    maker->lfanew = PE_MAKER_OFFSET(coff);
    maker->coff = (struct mt_pe_coff){
        .signature = MT_PE_SIGNATURE,
        .machine = MT_PE_MACHINE_X86_64,
        .n_sections = PE_MAKER_N_SECTIONS,
        .symbols_at = PE_MAKER_OFFSET(symbols),
        .n_symbols = PE_MAKER_N_SYMBOLS,
        .optional_bytes = sizeof(maker->optional) + sizeof(maker->directories),
        .characteristics = MT_PE_EXECUTABLE_IMAGE | 0x20,
    };
    maker->optional = (struct mt_pe_optional){
        .magic = MT_PE_MAGIC_PLUS,
        .entry = PE_MAKER_CODE + 0x40,
        .image_base = PE_MAKER_BASE,
        .section_alignment = 0x1000,
        .file_alignment = 512,
        .image_bytes = PE_MAKER_END,
        .headers_bytes = PE_MAKER_OFFSET(code),
        .subsystem = 1,
        .dll_characteristics = MT_PE_DYNAMIC_BASE | 0x120,
        .stack_reserve_bytes = 0x23456,
        .stack_commit_bytes = 0x1000,
        .heap_reserve_bytes = 0x345678,
        .heap_commit_bytes = 0x1000,
        .n_directories = MT_PE_N_DIRECTORIES,
    };
}

static struct mt_pe_section_header section(const char *name, uint32_t rva, uint32_t memory_bytes,
                                           uint64_t raw_at, uint32_t rights)
{
    struct mt_pe_section_header made = {
        .virtual_bytes = memory_bytes,
        .rva = rva,
        .raw_bytes = raw_at != 0 ? 512 : 0,
        .raw_at = (uint32_t)raw_at,
        .characteristics = rights,
    };
    memcpy(made.name, name, strlen(name));
    return made;
}

static void fill_sections(struct pe_maker *maker)
{
    struct mt_pe_section_header *sections = maker->sections;
    sections[PE_MAKER_S_CODE] =
        section(".text", PE_MAKER_CODE, 0x180, PE_MAKER_OFFSET(code), READ | EXECUTE);
    sections[PE_MAKER_S_READ_ONLY] =
        section(".rdata", PE_MAKER_READ_ONLY, 0x100, PE_MAKER_OFFSET(table), READ);
    sections[PE_MAKER_S_DATA] = section(".data", PE_MAKER_DATA, PE_MAKER_DATA_BYTES,
                                        PE_MAKER_OFFSET(pointer), READ | WRITE);
    sections[PE_MAKER_S_EMPTY] = section(".empty", 0, 0, 0, READ);
    sections[PE_MAKER_S_ZERO] = section(".bss", PE_MAKER_ZERO, 0x800, 0, READ | WRITE);
    sections[PE_MAKER_S_RELOCATIONS] =
        section(".reloc", PE_MAKER_RELOCATIONS, sizeof(maker->blocks), PE_MAKER_OFFSET(blocks),
                READ | 0x02000000);
}

static uint16_t relocation(unsigned type, uint64_t rva)
{
    return (uint16_t)(type << 12 | (rva & 0xFFF));
}

static void fill_contents(struct pe_maker *maker)
{
    maker->directories[MT_PE_IMPORT] = (struct mt_pe_directory){
        (uint32_t)PE_MAKER_RVA(PE_MAKER_READ_ONLY, table, imports), sizeof(maker->imports)};
    maker->directories[MT_PE_RELOCATION] =
        (struct mt_pe_directory){PE_MAKER_RELOCATIONS, sizeof(maker->blocks)};
    memset(maker->code, 0x90, 0x180);
    maker->table[0] = PE_MAKER_BASE + PE_MAKER_CODE + 0x10;
    maker->table[1] = PE_MAKER_BASE + PE_MAKER_END;
    maker->table[2] = 0x1122334455667788;
    memcpy(maker->dll_name, "KERNEL32.dll", 13);
    maker->pointer = PE_MAKER_BASE + PE_MAKER_DATA + 0x123;
    maker->plain = 0x0123456789ABCDEF;
    maker->blocks[0] = (struct pe_maker_block){
        {PE_MAKER_READ_ONLY, sizeof(maker->blocks[0])},
        {relocation(MT_PE_RELOCATION_DIR64, 0), relocation(MT_PE_RELOCATION_DIR64, 8)}};
    maker->blocks[1] = (struct pe_maker_block){{PE_MAKER_DATA, sizeof(maker->blocks[1])},
                                               {relocation(MT_PE_RELOCATION_DIR64, 0)}};
}

static struct mt_pe_symbol symbol(const char *name, uint32_t value, int16_t section_number,
                                  uint16_t type, uint8_t storage_class)
{
    struct mt_pe_symbol made = {
        .value = value, .section = section_number, .type = type, .storage_class = storage_class};
    memcpy(made.name, name, strnlen(name, sizeof(made.name)));
    return made;
}

static void fill_symbols(struct pe_maker *maker)
{
    struct mt_pe_symbol *symbols = maker->symbols;
    const uint32_t long_name[2] = {0, sizeof(maker->strings.len_bytes)};
    symbols[PE_MAKER_Y_FILE] = symbol(".file", 0, -2, 0, CLASS_FILE);
    symbols[PE_MAKER_Y_FILE].n_auxiliary = 1;
    symbols[PE_MAKER_Y_AUXILIARY] = symbol("main.c", 0x20, 1, FUNCTION_TYPE, CLASS_EXTERNAL);
    symbols[PE_MAKER_Y_ENTRY] = symbol("", 0x40, 1, FUNCTION_TYPE, CLASS_EXTERNAL);
    memcpy(symbols[PE_MAKER_Y_ENTRY].name, long_name, sizeof(long_name));
    symbols[PE_MAKER_Y_SHORT] = symbol("add_them", 0x10, 1, FUNCTION_TYPE, CLASS_STATIC);
    symbols[PE_MAKER_Y_LABEL] = symbol("label", 0x60, 1, 0, CLASS_STATIC);
    symbols[PE_MAKER_Y_UNDEFINED] = symbol("absent", 0x70, 0, FUNCTION_TYPE, CLASS_EXTERNAL);
    symbols[PE_MAKER_Y_IN_DATA] = symbol("odd", 0, 3, FUNCTION_TYPE, CLASS_EXTERNAL);
    maker->strings.len_bytes = sizeof(maker->strings);
    memcpy(maker->strings.text, "entrypoint", 11);
}

void pe_maker_fill(struct pe_maker *maker)
{
    memset(maker, 0, sizeof(*maker));
    fill_headers(maker);
    fill_sections(maker);
    fill_contents(maker);
    fill_symbols(maker);
}
