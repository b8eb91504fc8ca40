/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: a PE file as one C struct, so that a malformed file is one assignment to a member, and
 * the offset that its error must name is the member's offset.
 */
#ifndef MOTE_HOST_IMAGE_PE_MAKER_H
#define MOTE_HOST_IMAGE_PE_MAKER_H

#include "host/image/pe.h"
#include <stddef.h>

/* RVAs of the good file. */
#define PE_MAKER_CODE 0x1000u
#define PE_MAKER_READ_ONLY 0x2000u
#define PE_MAKER_DATA 0x3000u
#define PE_MAKER_ZERO 0x5000u
#define PE_MAKER_RELOCATIONS 0x6000u
#define PE_MAKER_END 0x7000u
#define PE_MAKER_BASE 0x140000000u
#define PE_MAKER_DATA_BYTES 0x1800u /* of which the file has 0x200 */

enum pe_maker_section {
    PE_MAKER_S_CODE,
    PE_MAKER_S_READ_ONLY,
    PE_MAKER_S_DATA,
    PE_MAKER_S_EMPTY, /* takes up no memory */
    PE_MAKER_S_ZERO,  /* takes nothing from the file */
    PE_MAKER_S_RELOCATIONS,
    PE_MAKER_N_SECTIONS
};

enum pe_maker_symbol {
    PE_MAKER_Y_FILE, /* with an auxiliary record, which would be a function if it were a symbol */
    PE_MAKER_Y_AUXILIARY,
    PE_MAKER_Y_ENTRY, /* "entrypoint", from the table of strings */
    PE_MAKER_Y_SHORT, /* "add_them", static, in 8 bytes without a NUL */
    PE_MAKER_Y_LABEL, /* no function */
    PE_MAKER_Y_UNDEFINED,
    PE_MAKER_Y_IN_DATA, /* a "function" where nothing executes */
    PE_MAKER_N_SYMBOLS
};

struct pe_maker_block {
    struct mt_pe_block header;
    uint16_t entries[4];
};

/* In the order of the file. */
struct pe_maker {
    uint8_t dos[MT_PE_LFANEW_AT];
    uint32_t lfanew;
    uint8_t stub[64];
    struct mt_pe_coff coff;
    struct mt_pe_optional optional;
    struct mt_pe_directory directories[MT_PE_N_DIRECTORIES];
    struct mt_pe_section_header sections[PE_MAKER_N_SECTIONS];

    /* Executable. */
    _Alignas(512) uint8_t code[512];

    /* Read-only. */
    _Alignas(512) uint64_t table[4]; /* the first two are addresses */
    struct mt_pe_import imports[2];  /* none: all zero */
    char dll_name[16];

    /* Writable. */
    _Alignas(512) uint64_t pointer;
    uint64_t plain;

    _Alignas(512) struct pe_maker_block blocks[2];

    /* Not loaded. */
    _Alignas(512) struct mt_pe_symbol symbols[PE_MAKER_N_SYMBOLS];
    struct {
        uint32_t len_bytes;
        char text[60];
    } __attribute__((packed)) strings;
};

/* The offset in the file, and the RVA, of a member. */
#define PE_MAKER_OFFSET(member) ((uint64_t)offsetof(struct pe_maker, member))
#define PE_MAKER_RVA(section, first, member) \
    (PE_MAKER_OFFSET(member) - PE_MAKER_OFFSET(first) + (section))

/* The struct is longer than the file, for its alignment. */
#define PE_MAKER_FILE_BYTES (PE_MAKER_OFFSET(strings) + sizeof(((struct pe_maker *)NULL)->strings))

/* Fill in a good file, which has everything that the parser looks at. */
void pe_maker_fill(struct pe_maker *maker);

#endif
