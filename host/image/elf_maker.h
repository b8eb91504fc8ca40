/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: a guest file as one C struct, so that a malformed file is one assignment to a member,
 * and the offset that its error must name is the member's offset.
 */
#ifndef MOTE_HOST_IMAGE_ELF_MAKER_H
#define MOTE_HOST_IMAGE_ELF_MAKER_H

#include "abi/note.h"
#include <elf.h>

/* Virtual addresses of the good file. In the file, the data follows the code without a gap. */
#define MAKER_CODE 0x1000u
#define MAKER_DATA 0x3000u
#define MAKER_WRITABLE 0x4000u
#define MAKER_BSS_BYTES 0x1800u

enum maker_header {
    MAKER_H_INTERP,
    MAKER_H_NOTE,
    MAKER_H_READ_ONLY,
    MAKER_H_CODE,
    MAKER_H_DATA,
    MAKER_H_DYNAMIC,
    MAKER_H_RELRO,
    MAKER_H_STACK,
    MAKER_H_TLS,
    MAKER_H_SPARE, /* PT_NULL */
    MAKER_N_HEADERS
};

enum maker_dynamic {
    MAKER_D_NEEDLESS, /* DT_DEBUG: a tag that nobody looks at */
    MAKER_D_RELA,
    MAKER_D_RELASZ,
    MAKER_D_RELAENT,
    MAKER_D_REL,
    MAKER_D_RELSZ,
    MAKER_D_RELENT,
    MAKER_D_RELR,
    MAKER_D_RELRSZ,
    MAKER_D_RELRENT,
    MAKER_D_JMPREL,
    MAKER_D_PLTRELSZ,
    MAKER_D_PLTREL,
    MAKER_D_FLAGS_1,
    MAKER_D_NULL,
    MAKER_D_SPARE,
    MAKER_N_DYNAMIC
};

enum maker_rela {
    MAKER_R_ECHO_NAME,
    MAKER_R_ECHO_CODE,
    MAKER_R_ADD_NAME,
    MAKER_R_ADD_CODE,
    MAKER_R_NONE,
    MAKER_R_EXPLICIT,
    MAKER_N_RELA
};

enum maker_symbol {
    MAKER_S_NULL,
    MAKER_S_ADD,    /* without a size */
    MAKER_S_START,  /* 0x20 bytes at the entry point */
    MAKER_S_OBJECT, /* no function */
    MAKER_S_UNDEFINED,
    MAKER_S_IN_DATA, /* a "function" where nothing executes */
    MAKER_N_SYMBOLS
};

/* A note's description is aligned to 4 only. */
struct __attribute__((packed, aligned(4))) maker_note {
    Elf64_Nhdr header;
    char name[8];
    struct mt_note description;
};

struct maker_other_note {
    Elf64_Nhdr header;
    char name[4];
    uint8_t description[20];
};

/* In the order of the file. */
struct elf_maker { // NOLINT(clang-analyzer-optin.performance.Padding)
    /* Read-only: loaded at 0. */
    Elf64_Ehdr header;
    Elf64_Phdr headers[MAKER_N_HEADERS];
    struct maker_other_note other_note;
    struct maker_note note;
    char spare_note[32]; /* behind the note, in its segment: zeroes */
    Elf64_Rela rela[MAKER_N_RELA];
    Elf64_Rel rel[2];
    uint64_t relr[3];
    Elf64_Rela plt[1];
    char echo_name[8];
    char add_name[8];
    char long_name[112]; /* 95 bytes, then NUL */

    /* Executable. */
    _Alignas(4096) uint8_t code[0x100];

    /* Read-only after relocation. */
    _Alignas(4096) struct mt_note_function functions[2];
    Elf64_Dyn dynamic[MAKER_N_DYNAMIC];

    /* Writable. */
    _Alignas(4096) uint64_t explicit_pointer;
    uint64_t implicit_pointer; /* DT_REL */
    uint64_t packed[8];        /* DT_RELR: 0, then by the bitmap 1 and 7 */
    uint64_t plt_pointer;
    uint64_t plain;

    /* Not loaded. */
    _Alignas(16) Elf64_Shdr sections[3];
    Elf64_Sym symbols[MAKER_N_SYMBOLS];
    char symbol_names[160];
};

/* The virtual address of a member that is loaded. */
#define MAKER_OFFSET(member) ((uint64_t)offsetof(struct elf_maker, member))
#define MAKER_CODE_VA(member) (MAKER_OFFSET(member) - MAKER_OFFSET(code) + MAKER_CODE)
#define MAKER_DATA_VA(member) (MAKER_OFFSET(member) - MAKER_OFFSET(functions) + MAKER_DATA)

/* Fill in a good file, which has everything that the parser looks at. */
void elf_maker_fill(struct elf_maker *maker);

/* Move the good file's virtual addresses up. */
void elf_maker_move(struct elf_maker *maker, uint64_t up_bytes);

#endif
