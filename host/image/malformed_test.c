/* SPDX-License-Identifier: Apache-2.0 */
/* Malformed guest files: each is the good one but for one thing, and each error names that thing.
 */
#include "host/image/elf_maker.h"
#include "host/image/refusal_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MEMBER_BYTES(member) sizeof(((struct elf_maker *)NULL)->member)
#define SET(member, value) \
    { \
        offsetof(struct elf_maker, member), MEMBER_BYTES(member), (value) \
    }
/* One member is wrong, and the error names it. */
#define ONE(member, value, code, field) \
    { \
        {SET(member, value)}, (code), (field), (value), offsetof(struct elf_maker, member) \
    }

#define FORMAT MOTE_E_IMAGE_FORMAT
#define BOUNDS MOTE_E_IMAGE_BOUNDS
#define SEGMENT MOTE_E_IMAGE_SEGMENT
#define RIGHTS MOTE_E_IMAGE_RIGHTS
#define RELOCATION MOTE_E_IMAGE_RELOCATION
#define ENTRY MOTE_E_IMAGE_ENTRY
#define NOTE MOTE_E_IMAGE_NOTE
#define TOO_LARGE MOTE_E_IMAGE_TOO_LARGE
#define FILE_BYTES sizeof(struct elf_maker)
#define HUGE_VALUE (1ull << 63)
#define LAST_VALUE UINT64_MAX

static const struct bad bad_headers[] = {
    ONE(header.e_ident[EI_CLASS], ELFCLASS32, FORMAT, "EI_CLASS"),
    ONE(header.e_ident[EI_CLASS], 0, FORMAT, "EI_CLASS"),
    ONE(header.e_ident[EI_DATA], ELFDATA2MSB, FORMAT, "EI_DATA"),
    ONE(header.e_ident[EI_VERSION], 0, FORMAT, "EI_VERSION"),
    ONE(header.e_ident[EI_VERSION], 2, FORMAT, "EI_VERSION"),
    {{SET(header.e_ident[0], 'M')}, FORMAT, "magic", 0x464C454D, 0},
    {{SET(header.e_ident[3], 'f')}, FORMAT, "magic", 0x664C457F, 0},
    ONE(header.e_type, ET_NONE, FORMAT, "e_type"),
    ONE(header.e_type, ET_REL, FORMAT, "e_type"),
    ONE(header.e_type, ET_CORE, FORMAT, "e_type"),
    ONE(header.e_type, 0xFFFF, FORMAT, "e_type"),
    ONE(header.e_machine, EM_AARCH64, FORMAT, "e_machine"),
    ONE(header.e_machine, EM_386, FORMAT, "e_machine"),
    ONE(header.e_version, 0, FORMAT, "e_version"),
    ONE(header.e_version, 2, FORMAT, "e_version"),
    ONE(header.e_phentsize, 0, FORMAT, "e_phentsize"),
    ONE(header.e_phentsize, 1, FORMAT, "e_phentsize"),
    ONE(header.e_phentsize, 55, FORMAT, "e_phentsize"),
    ONE(header.e_phentsize, 57, FORMAT, "e_phentsize"),
    ONE(header.e_phentsize, 0xFFFF, FORMAT, "e_phentsize"),
    ONE(header.e_phnum, 0, FORMAT, "e_phnum"),
    ONE(header.e_phnum, 65, TOO_LARGE, "e_phnum"),
    ONE(header.e_phnum, 0xFFFF, TOO_LARGE, "e_phnum"),
    ONE(header.e_phoff, LAST_VALUE, BOUNDS, "e_phoff"),
    ONE(header.e_phoff, LAST_VALUE - MAKER_N_HEADERS * 56 + 1, BOUNDS, "e_phoff"),
    ONE(header.e_phoff, FILE_BYTES, BOUNDS, "e_phoff"),
    ONE(header.e_phoff, FILE_BYTES - MAKER_N_HEADERS * 56 + 1, BOUNDS, "e_phoff"),
    ONE(header.e_entry, 0, ENTRY, "e_entry"),
    ONE(header.e_entry, MAKER_CODE - 1, ENTRY, "e_entry"),
    ONE(header.e_entry, MAKER_CODE + 0x100, ENTRY, "e_entry"),
    ONE(header.e_entry, MAKER_WRITABLE, ENTRY, "e_entry"),
    ONE(header.e_entry, MAKER_WRITABLE + 0x1000, ENTRY, "e_entry"),
    ONE(header.e_entry, 0x8000000000000000, ENTRY, "e_entry"),
    ONE(header.e_entry, LAST_VALUE, ENTRY, "e_entry"),
    /* No program header that loads anything. */
    {{SET(headers[MAKER_H_READ_ONLY].p_type, PT_NULL), SET(headers[MAKER_H_CODE].p_type, PT_NULL),
      SET(headers[MAKER_H_DATA].p_type, PT_NULL)},
     FORMAT,
     "e_phnum",
     MAKER_N_HEADERS,
     offsetof(struct elf_maker, header.e_phnum)},
};

#define CODE_SEGMENT headers[MAKER_H_CODE]
#define DATA_SEGMENT headers[MAKER_H_DATA]
#define DATA_OFFSET offsetof(struct elf_maker, functions)

static const struct bad bad_segments[] = {
    ONE(CODE_SEGMENT.p_offset, LAST_VALUE - 0xFFF, BOUNDS, "p_offset"),
    ONE(CODE_SEGMENT.p_offset, HUGE_VALUE, BOUNDS, "p_offset"),
    ONE(CODE_SEGMENT.p_offset, 0x100000000, BOUNDS, "p_offset"),
    ONE(CODE_SEGMENT.p_offset, 0x80000000, BOUNDS, "p_offset"),
    {{SET(CODE_SEGMENT.p_filesz, LAST_VALUE), SET(CODE_SEGMENT.p_memsz, LAST_VALUE)},
     BOUNDS,
     "p_memsz",
     LAST_VALUE,
     offsetof(struct elf_maker, CODE_SEGMENT.p_memsz)},
    {{SET(DATA_SEGMENT.p_filesz, FILE_BYTES - DATA_OFFSET + 1), SET(DATA_SEGMENT.p_memsz, 0x10000)},
     BOUNDS,
     "p_filesz",
     FILE_BYTES - DATA_OFFSET + 1,
     offsetof(struct elf_maker, DATA_SEGMENT.p_filesz)},
    ONE(CODE_SEGMENT.p_filesz, 0x101, BOUNDS, "p_filesz"),
    ONE(CODE_SEGMENT.p_filesz, LAST_VALUE, BOUNDS, "p_filesz"),
    {{SET(CODE_SEGMENT.p_memsz, 0xFF)},
     BOUNDS,
     "p_filesz",
     0x100,
     offsetof(struct elf_maker, CODE_SEGMENT.p_filesz)},
    ONE(DATA_SEGMENT.p_memsz, LAST_VALUE, BOUNDS, "p_memsz"),
    ONE(DATA_SEGMENT.p_memsz, LAST_VALUE - MAKER_DATA + 1, BOUNDS, "p_memsz"),
    ONE(DATA_SEGMENT.p_memsz, LAST_VALUE - MAKER_DATA, BOUNDS, "p_memsz"),
    ONE(DATA_SEGMENT.p_memsz, LAST_VALUE - MAKER_DATA - 0xFFE, BOUNDS, "p_memsz"),
    ONE(DATA_SEGMENT.p_memsz, 1ull << 40, TOO_LARGE, "p_memsz"),
    ONE(DATA_SEGMENT.p_memsz, 512 * MT_MIB - MAKER_DATA + 1, TOO_LARGE, "p_memsz"),
    ONE(DATA_SEGMENT.p_vaddr, 1ull << 40, TOO_LARGE, "p_vaddr"),
    ONE(DATA_SEGMENT.p_vaddr, 512 * MT_MIB + 0x1000, TOO_LARGE, "p_vaddr"),
    {{SET(DATA_SEGMENT.p_vaddr, 512 * MT_MIB)},
     TOO_LARGE,
     "p_memsz",
     offsetof(struct elf_maker, sections) - DATA_OFFSET + MAKER_BSS_BYTES,
     offsetof(struct elf_maker, DATA_SEGMENT.p_memsz)},
    ONE(DATA_SEGMENT.p_align, 3, SEGMENT, "p_align"),
    ONE(DATA_SEGMENT.p_align, 0x1001, SEGMENT, "p_align"),
    ONE(DATA_SEGMENT.p_align, LAST_VALUE, SEGMENT, "p_align"),
    ONE(DATA_SEGMENT.p_align, 0x400000, SEGMENT, "p_align"),
    ONE(DATA_SEGMENT.p_align, HUGE_VALUE, SEGMENT, "p_align"),
    ONE(DATA_SEGMENT.p_offset, DATA_OFFSET + 8, SEGMENT, "p_offset"),
    {{SET(DATA_SEGMENT.p_offset, DATA_OFFSET + 4), SET(DATA_SEGMENT.p_align, 8)},
     SEGMENT,
     "p_offset",
     DATA_OFFSET + 4,
     offsetof(struct elf_maker, DATA_SEGMENT.p_offset)},
    {{SET(CODE_SEGMENT.p_vaddr, 0x4000)},
     SEGMENT,
     "p_vaddr",
     MAKER_DATA,
     offsetof(struct elf_maker, DATA_SEGMENT.p_vaddr)},
    ONE(DATA_SEGMENT.p_vaddr, 0x1000, SEGMENT, "p_vaddr"),
    ONE(DATA_SEGMENT.p_vaddr, 0x0, SEGMENT, "p_vaddr"),
    /* The last byte of one segment is the first of the next. */
    {{SET(CODE_SEGMENT.p_memsz, MAKER_DATA - MAKER_CODE + 1)},
     SEGMENT,
     "p_vaddr",
     MAKER_DATA,
     offsetof(struct elf_maker, DATA_SEGMENT.p_vaddr)},
    /* A segment twice. */
    {{SET(headers[MAKER_H_SPARE].p_type, PT_LOAD), SET(headers[MAKER_H_SPARE].p_memsz, 1),
      SET(headers[MAKER_H_SPARE].p_vaddr, MAKER_DATA)},
     SEGMENT,
     "p_vaddr",
     MAKER_DATA,
     offsetof(struct elf_maker, headers[MAKER_H_SPARE].p_vaddr)},
    ONE(CODE_SEGMENT.p_flags, PF_R | PF_W | PF_X, RIGHTS, "p_flags"),
    ONE(CODE_SEGMENT.p_flags, PF_W | PF_X, RIGHTS, "p_flags"),
    /* Writable data on the last page of code. */
    {{SET(DATA_SEGMENT.p_vaddr, 0x1F00), SET(DATA_SEGMENT.p_align, 0x100)},
     RIGHTS,
     "p_flags",
     PF_R | PF_W,
     offsetof(struct elf_maker, DATA_SEGMENT.p_flags)},
    ONE(headers[MAKER_H_SPARE].p_type, PT_DYNAMIC, SEGMENT, "p_type"),
    ONE(headers[MAKER_H_SPARE].p_type, PT_GNU_RELRO, SEGMENT, "p_type"),
    ONE(headers[MAKER_H_RELRO].p_memsz, LAST_VALUE, BOUNDS, "p_memsz"),
    ONE(headers[MAKER_H_DYNAMIC].p_vaddr, 0x100000, BOUNDS, "p_vaddr"),
    ONE(headers[MAKER_H_DYNAMIC].p_vaddr, LAST_VALUE, BOUNDS, "p_vaddr"),
    ONE(headers[MAKER_H_DYNAMIC].p_vaddr, 0x2000, BOUNDS, "p_vaddr"),
    {{SET(headers[MAKER_H_DYNAMIC].p_memsz, 0x10000)},
     BOUNDS,
     "p_vaddr",
     MAKER_DATA_VA(dynamic),
     offsetof(struct elf_maker, headers[MAKER_H_DYNAMIC].p_vaddr)},
    {{SET(headers[MAKER_H_DYNAMIC].p_memsz, LAST_VALUE)},
     BOUNDS,
     "p_vaddr",
     MAKER_DATA_VA(dynamic),
     offsetof(struct elf_maker, headers[MAKER_H_DYNAMIC].p_vaddr)},
};

#define DYNAMIC(which) dynamic[MAKER_D_##which].d_un.d_val
#define DYNAMIC_TAG(which) dynamic[MAKER_D_##which].d_tag
#define ABSENT DT_DEBUG
#define IMAGE_BYTES 0x6000u
#define ZEROED MAKER_DATA_VA(sections)
#define LAST_PACKED (MAKER_DATA_VA(packed[1]) + (63 + 62) * 8)
#define TYPE(number) ELF64_R_INFO(0, number)

static const struct bad bad_relocations[] = {
    ONE(DYNAMIC(RELA), 0x100000, BOUNDS, "DT_RELA"),
    ONE(DYNAMIC(RELA), LAST_VALUE, BOUNDS, "DT_RELA"),
    ONE(DYNAMIC(RELA), 0x2000, BOUNDS, "DT_RELA"),
    ONE(DYNAMIC(RELASZ), 25, RELOCATION, "DT_RELASZ"),
    ONE(DYNAMIC(RELASZ), LAST_VALUE, RELOCATION, "DT_RELASZ"),
    {{SET(DYNAMIC(RELASZ), 24 * 1000)},
     BOUNDS,
     "DT_RELA",
     MAKER_OFFSET(rela),
     offsetof(struct elf_maker, DYNAMIC(RELA))},
    {{SET(DYNAMIC(RELASZ), LAST_VALUE / 24 * 24)},
     BOUNDS,
     "DT_RELA",
     MAKER_OFFSET(rela),
     offsetof(struct elf_maker, DYNAMIC(RELA))},
    ONE(DYNAMIC(RELAENT), 0, RELOCATION, "DT_RELAENT"),
    ONE(DYNAMIC(RELAENT), 16, RELOCATION, "DT_RELAENT"),
    {{SET(DYNAMIC_TAG(RELAENT), ABSENT)},
     RELOCATION,
     "DT_RELAENT",
     0,
     offsetof(struct elf_maker, DYNAMIC(RELASZ))},
    {{SET(DYNAMIC_TAG(RELASZ), ABSENT)},
     RELOCATION,
     "DT_RELA",
     MAKER_OFFSET(rela),
     offsetof(struct elf_maker, DYNAMIC(RELA))},
    {{SET(DYNAMIC_TAG(RELA), ABSENT)},
     RELOCATION,
     "DT_RELASZ",
     sizeof(Elf64_Rela) * MAKER_N_RELA,
     offsetof(struct elf_maker, DYNAMIC(RELASZ))},
    {{SET(DYNAMIC_TAG(NEEDLESS), DT_RELA)},
     RELOCATION,
     "DT_RELA",
     MAKER_OFFSET(rela),
     offsetof(struct elf_maker, DYNAMIC(RELA))},
    /* In zeroed memory, and half in it: the file has to have all of a table. */
    ONE(DYNAMIC(RELA), ZEROED, BOUNDS, "DT_RELA"),
    ONE(DYNAMIC(RELA), ZEROED - 24, BOUNDS, "DT_RELA"),
    ONE(DYNAMIC(REL), ZEROED, BOUNDS, "DT_REL"),
    ONE(DYNAMIC(RELR), ZEROED, BOUNDS, "DT_RELR"),
    ONE(DYNAMIC(JMPREL), ZEROED, BOUNDS, "DT_JMPREL"),
    ONE(DYNAMIC(JMPREL), ZEROED - 23, BOUNDS, "DT_JMPREL"),
    ONE(DYNAMIC(REL), 0x100000, BOUNDS, "DT_REL"),
    ONE(DYNAMIC(RELSZ), 24, RELOCATION, "DT_RELSZ"),
    ONE(DYNAMIC(RELENT), 24, RELOCATION, "DT_RELENT"),
    ONE(DYNAMIC(RELR), LAST_VALUE - 7, BOUNDS, "DT_RELR"),
    ONE(DYNAMIC(RELRSZ), 12, RELOCATION, "DT_RELRSZ"),
    ONE(DYNAMIC(RELRENT), 4, RELOCATION, "DT_RELRENT"),
    ONE(DYNAMIC(JMPREL), 0x100000, BOUNDS, "DT_JMPREL"),
    ONE(DYNAMIC(PLTRELSZ), 23, RELOCATION, "DT_PLTRELSZ"),
    ONE(DYNAMIC(PLTREL), 0, RELOCATION, "DT_PLTREL"),
    ONE(DYNAMIC(PLTREL), DT_RELR, RELOCATION, "DT_PLTREL"),
    {{SET(DYNAMIC_TAG(PLTREL), ABSENT)},
     RELOCATION,
     "DT_PLTREL",
     0,
     offsetof(struct elf_maker, DYNAMIC(PLTRELSZ))},
    ONE(rela[1].r_info, TYPE(R_X86_64_64), RELOCATION, "r_info"),
    ONE(rela[1].r_info, TYPE(R_X86_64_GLOB_DAT), RELOCATION, "r_info"),
    ONE(rela[1].r_info, TYPE(R_X86_64_IRELATIVE), RELOCATION, "r_info"),
    ONE(rela[1].r_info, TYPE(0xFFFFFFFF), RELOCATION, "r_info"),
    ONE(plt[0].r_info, TYPE(R_X86_64_JUMP_SLOT), RELOCATION, "r_info"),
    ONE(rel[1].r_info, TYPE(R_X86_64_COPY), RELOCATION, "r_info"),
    ONE(rela[1].r_offset, IMAGE_BYTES, RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, LAST_VALUE, RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, LAST_VALUE - 7, RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, 0x2000, RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, 0x1000 + 0x100 - 7, RELOCATION, "r_offset"),
    /* 7 bytes before the end of the last segment. */
    ONE(rela[1].r_offset, MAKER_DATA_VA(sections) + MAKER_BSS_BYTES - 7, RELOCATION, "r_offset"),
    /* Into what is read-only: headers, the tables themselves, constants, code. */
    ONE(rela[1].r_offset, 0, RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, MAKER_OFFSET(headers[MAKER_H_CODE].p_flags), RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, MAKER_OFFSET(rela[3].r_offset), RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, MAKER_OFFSET(long_name), RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, MAKER_CODE, RELOCATION, "r_offset"),
    ONE(rela[1].r_offset, MAKER_CODE + 0x100 - 8, RELOCATION, "r_offset"),
    ONE(rel[0].r_offset, MAKER_CODE, RELOCATION, "r_offset"),
    ONE(relr[0], MAKER_CODE, RELOCATION, "r_offset"),
    ONE(plt[0].r_offset, MAKER_CODE, RELOCATION, "r_offset"),
    ONE(rela[1].r_addend, IMAGE_BYTES + 1, RELOCATION, "r_addend"),
    ONE(rela[1].r_addend, LAST_VALUE, RELOCATION, "r_addend"),
    ONE(implicit_pointer, IMAGE_BYTES + 1, RELOCATION, "r_addend"),
    ONE(packed[7], LAST_VALUE, RELOCATION, "r_addend"),
    ONE(relr[0], 0x100000, RELOCATION, "r_offset"),
    ONE(relr[0], LAST_VALUE - 1, RELOCATION, "r_offset"),
    ONE(relr[0], 1, RELOCATION, "DT_RELR word"),
    /* The second bitmap's highest bit: all 8 bytes but the last are there. */
    {{SET(relr[2], 1ull << 63 | 1), SET(DATA_SEGMENT.p_memsz, LAST_PACKED + 7 - MAKER_DATA)},
     RELOCATION,
     "r_offset",
     LAST_PACKED,
     offsetof(struct elf_maker, relr[2])},
    /* One place twice, in one table and in two. */
    {{SET(rela[1].r_offset, MAKER_DATA_VA(functions[0].name)), SET(rela[1].r_addend, 0x99)},
     RELOCATION,
     "r_offset",
     MAKER_DATA_VA(functions[0].name),
     offsetof(struct elf_maker, rela[1].r_offset)},
    ONE(plt[0].r_offset, MAKER_DATA_VA(explicit_pointer) + 1, RELOCATION, "r_offset"),
};

#define NOTE_FIELD(member) note.description.member
#define READ_ONLY_FILE_BYTES (MAKER_OFFSET(long_name) + MEMBER_BYTES(long_name))
#define TABLE_START ((uint32_t)(MAKER_DATA_VA(functions) - MAKER_OFFSET(NOTE_FIELD(table_start))))
#define TABLE_END ((uint32_t)(MAKER_DATA_VA(functions) + 64 - MAKER_OFFSET(NOTE_FIELD(table_end))))
/* A name is read through its pointer, which the relocation sets. */
#define NAME_AT(address) \
    { \
        {SET(rela[MAKER_R_ADD_NAME].r_addend, (address))}, NOTE, "function name", (address), \
            offsetof(struct elf_maker, functions[1].name) \
    }
#define CODE_AT(address) \
    { \
        {SET(rela[MAKER_R_ADD_CODE].r_addend, (address))}, NOTE, "function code", (address), \
            offsetof(struct elf_maker, functions[1].code) \
    }

static const struct bad bad_notes[] = {
    ONE(NOTE_FIELD(abi_version), 0, NOTE, "abi_version"),
    ONE(NOTE_FIELD(abi_version), 2, NOTE, "abi_version"),
    ONE(NOTE_FIELD(abi_version), UINT32_MAX, NOTE, "abi_version"),
    ONE(NOTE_FIELD(flags), 2, NOTE, "flags"),
    ONE(NOTE_FIELD(flags), 0x80000000, NOTE, "flags"),
    ONE(NOTE_FIELD(heap_bytes), MT_GIB + 1, TOO_LARGE, "heap_bytes"),
    ONE(NOTE_FIELD(stack_bytes), MT_GIB + 1, TOO_LARGE, "stack_bytes"),
    ONE(NOTE_FIELD(stack_bytes), LAST_VALUE, TOO_LARGE, "stack_bytes"),
    ONE(NOTE_FIELD(table_start), 0x80000000, NOTE, "table_start"),
    ONE(NOTE_FIELD(table_start), 0x7FFFFFFF, NOTE, "table_start"),
    {{SET(NOTE_FIELD(table_start), TABLE_START + 8)},
     NOTE,
     "table_end",
     TABLE_END,
     offsetof(struct elf_maker, NOTE_FIELD(table_end))},
    ONE(NOTE_FIELD(table_end), TABLE_END - 1, NOTE, "table_end"),
    ONE(NOTE_FIELD(table_end), TABLE_END - 96, NOTE, "table_end"),
    ONE(NOTE_FIELD(table_end), 0x80000000, NOTE, "table_end"),
    ONE(NOTE_FIELD(table_end), TABLE_END + 0x10000, NOTE, "table_end"),
    {{SET(NOTE_FIELD(table_end), TABLE_END - 64 + 4097 * 32), SET(DATA_SEGMENT.p_memsz, 0x100000)},
     TOO_LARGE,
     "table_end",
     TABLE_END - 64 + 4097 * 32,
     offsetof(struct elf_maker, NOTE_FIELD(table_end))},
    ONE(note.header.n_namesz, UINT32_MAX, NOTE, "n_namesz"),
    ONE(other_note.header.n_namesz, UINT32_MAX, NOTE, "n_namesz"),
    ONE(note.header.n_descsz, UINT32_MAX, NOTE, "n_descsz"),
    ONE(note.header.n_descsz, 65, NOTE, "n_descsz"),
    ONE(note.header.n_descsz, 31, NOTE, "n_descsz"),
    ONE(note.header.n_descsz, 0, NOTE, "n_descsz"),
    ONE(headers[MAKER_H_NOTE].p_vaddr, 0x100000, NOTE, "p_vaddr"),
    ONE(headers[MAKER_H_NOTE].p_vaddr, LAST_VALUE, NOTE, "p_vaddr"),
    {{SET(headers[MAKER_H_NOTE].p_memsz, 0x2000)},
     NOTE,
     "p_vaddr",
     MAKER_OFFSET(other_note),
     offsetof(struct elf_maker, headers[MAKER_H_NOTE].p_vaddr)},
    /* In zeroed memory, which is notes without end, and reaching into it. */
    ONE(headers[MAKER_H_NOTE].p_vaddr, ZEROED, NOTE, "p_vaddr"),
    {{SET(headers[MAKER_H_READ_ONLY].p_memsz, 0x1000),
      SET(headers[MAKER_H_NOTE].p_memsz, READ_ONLY_FILE_BYTES - MAKER_OFFSET(other_note) + 1)},
     NOTE,
     "p_vaddr",
     MAKER_OFFSET(other_note),
     offsetof(struct elf_maker, headers[MAKER_H_NOTE].p_vaddr)},
    NAME_AT(0x2000),
    NAME_AT(IMAGE_BYTES),
    NAME_AT(MAKER_OFFSET(add_name) + 3),
    /* No NUL before the end: 95 bytes are followed by a 96th. */
    {{SET(long_name[95], 'n'), SET(rela[MAKER_R_ADD_NAME].r_addend, MAKER_OFFSET(long_name))},
     NOTE,
     "function name",
     MAKER_OFFSET(long_name),
     offsetof(struct elf_maker, functions[1].name)},
    {{SET(add_name[0], 0xFF)},
     NOTE,
     "function name",
     MAKER_OFFSET(add_name),
     offsetof(struct elf_maker, functions[1].name)},
    {{SET(rela[MAKER_R_ADD_NAME].r_addend, MAKER_OFFSET(echo_name))},
     NOTE,
     "function name",
     MAKER_OFFSET(echo_name),
     MAKER_OFFSET(echo_name)},
    CODE_AT(MAKER_CODE - 1),
    CODE_AT(MAKER_CODE + 0x1000),
    CODE_AT(MAKER_WRITABLE),
    ONE(functions[1].n_params, 12, NOTE, "function n_params"),
    ONE(functions[1].n_params, 255, NOTE, "function n_params"),
    ONE(functions[1].params[1], 9, NOTE, "function params"),
    ONE(functions[1].params[3], 1, NOTE, "function params"),
    ONE(functions[1].params[13], 1, NOTE, "function params"),
    ONE(functions[1].returns, 10, NOTE, "function returns"),
    ONE(functions[1].returns, 255, NOTE, "function returns"),
};

static void expect_refusals(const struct bad *table, size_t n)
{
    static struct elf_maker maker;
    for (size_t i = 0; i < n; i++) {
        elf_maker_fill(&maker);
        for (size_t j = 0; j < COUNT(table[i].patches); j++)
            put_patch(&maker, sizeof(maker), &table[i].patches[j]);
        expect_refusal((const uint8_t *)&maker, sizeof(maker), &table[i]);
    }
}

static void test_bad_headers_are_refused(void **state)
{
    (void)state;
    expect_refusals(bad_headers, COUNT(bad_headers));
}

static void test_bad_segments_are_refused(void **state)
{
    (void)state;
    expect_refusals(bad_segments, COUNT(bad_segments));
}

static void test_bad_relocations_are_refused(void **state)
{
    (void)state;
    expect_refusals(bad_relocations, COUNT(bad_relocations));
}

static void test_bad_notes_are_refused(void **state)
{
    (void)state;
    expect_refusals(bad_notes, COUNT(bad_notes));
}

static void test_every_file_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    for (size_t len = 0; len < SELFMAG; len++) {
        uint64_t magic = 0;
        memcpy(&magic, &maker, len);
        const struct bad bad = {{{0}}, FORMAT, "magic", magic, 0};
        expect_refusal((const uint8_t *)&maker, len, &bad);
    }
    for (size_t len = SELFMAG; len < sizeof(Elf64_Ehdr); len++) {
        const struct bad bad = {{{0}}, FORMAT, "file_bytes", len, len};
        expect_refusal((const uint8_t *)&maker, len, &bad);
    }
}

/* Segment fields at their edges, two at a time: refused or loaded, and never beyond the file. */
static void test_all_pairs_of_segment_fields(void **state)
{
    (void)state;
    static const uint64_t edges[] = {0,          1,          FILE_BYTES, FILE_BYTES + 1,
                                     1ull << 31, 1ull << 32, HUGE_VALUE, LAST_VALUE - 0xFFF,
                                     LAST_VALUE};
    static const size_t fields[] = {offsetof(Elf64_Phdr, p_offset), offsetof(Elf64_Phdr, p_vaddr),
                                    offsetof(Elf64_Phdr, p_filesz), offsetof(Elf64_Phdr, p_memsz),
                                    offsetof(Elf64_Phdr, p_align)};
    static struct elf_maker maker;
    size_t n = COUNT(edges) * COUNT(fields);
    for (size_t i = 0; i < n * n * MAKER_N_HEADERS; i++) {
        size_t header = offsetof(struct elf_maker, headers[0]) + i / n / n * sizeof(Elf64_Phdr);
        size_t first = i / n % n;
        size_t second = i % n;
        struct mt_image image;
        elf_maker_fill(&maker);
        put_patch(&maker, sizeof(maker),
                  &(struct patch){header + fields[first % COUNT(fields)], 8,
                                  edges[first / COUNT(fields)]});
        put_patch(&maker, sizeof(maker),
                  &(struct patch){header + fields[second % COUNT(fields)], 8,
                                  edges[second / COUNT(fields)]});
        if (mt_image_init(&image, (const uint8_t *)&maker, sizeof(maker), NULL, NULL) == MOTE_OK) {
            assert_true(image.memory_bytes <= MT_MAX_IMAGE_BYTES);
            mt_image_fini(&image);
        }
    }
}

/* ---- Files that need more room than the good one has ---- */

static uint8_t *make_room(size_t file_bytes)
{
    void *file = NULL;
    assert_int_equal(posix_memalign(&file, _Alignof(struct elf_maker), file_bytes), 0);
    memset(file, 0, file_bytes);
    elf_maker_fill(file);
    return file;
}

static void test_a_file_over_the_cap_is_refused(void **state)
{
    (void)state;
    struct mt_image image;
    struct elf_maker maker;
    mote_error err;
    elf_maker_fill(&maker);
    assert_int_equal(
        mt_image_init(&image, (const uint8_t *)&maker, MT_MAX_FILE_BYTES + 1, NULL, &err),
        MOTE_E_IMAGE_TOO_LARGE);
    assert_string_equal(err.load.field, "file size");
    assert_int_equal(err.load.value, MT_MAX_FILE_BYTES + 1);
    assert_int_equal(err.load.offset, 0);
}

/* Half a megabyte of bitmaps names more places than the cap. */
static void test_more_packed_relocations_than_the_cap_are_refused(void **state)
{
    (void)state;
    uint64_t n_words = 1 + MT_MAX_RELOCATIONS / 63 + 1;
    uint64_t table = 0x8000;
    size_t file_bytes = table + n_words * 8;
    uint8_t *file = make_room(file_bytes);
    struct elf_maker *maker = (struct elf_maker *)file;
    uint64_t first = 0x200000;
    maker->DATA_SEGMENT.p_filesz = file_bytes - DATA_OFFSET;
    maker->DATA_SEGMENT.p_memsz = 64 * MT_MIB;
    maker->dynamic[MAKER_D_RELA].d_tag = ABSENT;
    maker->dynamic[MAKER_D_RELASZ].d_tag = ABSENT;
    maker->dynamic[MAKER_D_RELR].d_un.d_ptr = table - DATA_OFFSET + MAKER_DATA;
    maker->dynamic[MAKER_D_RELRSZ].d_un.d_val = n_words * 8;
    memset(file + table, 0xFF, n_words * 8);
    memcpy(file + table, &first, sizeof(first));
    /* One place in REL, then the first word's, then 63 for each bitmap. */
    uint64_t cap_word = 1 + (MT_MAX_RELOCATIONS - 2) / 63;
    const struct bad bad = {
        {{0}}, TOO_LARGE, "r_offset", first + (MT_MAX_RELOCATIONS - 1) * 8, table + cap_word * 8};
    expect_refusal(file, file_bytes, &bad);
    free(file);
}

static void test_more_rela_entries_than_the_cap_are_refused(void **state)
{
    (void)state;
    uint64_t n = MT_MAX_RELOCATIONS + 1;
    uint64_t table = 0x8000;
    size_t file_bytes = table + n * sizeof(Elf64_Rela);
    uint8_t *file = make_room(file_bytes);
    struct elf_maker *maker = (struct elf_maker *)file;
    uint64_t table_address = table - DATA_OFFSET + MAKER_DATA;
    maker->DATA_SEGMENT.p_filesz = file_bytes - DATA_OFFSET;
    maker->DATA_SEGMENT.p_memsz = file_bytes - DATA_OFFSET;
    maker->dynamic[MAKER_D_RELA].d_un.d_ptr = table_address;
    for (uint64_t i = 0; i < n; i++) {
        const Elf64_Rela rela = {table_address + i * 8, TYPE(R_X86_64_RELATIVE), 0};
        memcpy(file + table + i * sizeof(rela), &rela, sizeof(rela));
    }
    maker->dynamic[MAKER_D_RELASZ].d_un.d_val = n * sizeof(Elf64_Rela);
    const struct bad by_size = {{{0}},
                                TOO_LARGE,
                                "DT_RELASZ",
                                n * sizeof(Elf64_Rela),
                                offsetof(struct elf_maker, DYNAMIC(RELASZ))};
    expect_refusal(file, file_bytes, &by_size);
    /* One less fills the cap, and the next table's first is too many. */
    maker->dynamic[MAKER_D_RELASZ].d_un.d_val = (n - 1) * sizeof(Elf64_Rela);
    const struct bad by_count = {{{0}},
                                 TOO_LARGE,
                                 "r_offset",
                                 MAKER_DATA_VA(implicit_pointer),
                                 offsetof(struct elf_maker, rel[0].r_offset)};
    expect_refusal(file, file_bytes, &by_count);
    free(file);
}

/* The last 24 bytes that the file has of the data: an entry that relocates nothing. */
static void test_a_table_may_end_where_the_files_bytes_do(void **state)
{
    (void)state;
    struct elf_maker maker;
    struct mt_image image;
    elf_maker_fill(&maker);
    maker.dynamic[MAKER_D_JMPREL].d_un.d_ptr = ZEROED - sizeof(Elf64_Rela);
    assert_int_equal(mt_image_init(&image, (const uint8_t *)&maker, sizeof(maker), NULL, NULL),
                     MOTE_OK);
    mt_image_fini(&image);
}

/* Any number of segments may be the same notes, so that their sum is what counts. */
static void test_notes_longer_than_the_file_are_refused(void **state)
{
    (void)state;
    size_t file_bytes = DATA_OFFSET + 0x8000;
    uint8_t *file = make_room(file_bytes);
    struct elf_maker *maker = (struct elf_maker *)file;
    Elf64_Phdr *before = &maker->headers[MAKER_H_TLS];
    Elf64_Phdr *last = &maker->headers[MAKER_H_SPARE];
    uint64_t left = file_bytes - maker->headers[MAKER_H_NOTE].p_memsz;
    struct mt_image image;
    maker->DATA_SEGMENT.p_filesz = 0x8000;
    maker->DATA_SEGMENT.p_memsz = 0x8000;
    *last = (Elf64_Phdr){.p_type = PT_NOTE, .p_memsz = left / 2};
    last->p_vaddr = MAKER_DATA + sizeof(*maker) - DATA_OFFSET;
    *before = *last;
    before->p_memsz = left - left / 2;
    assert_int_equal(mt_image_init(&image, file, file_bytes, NULL, NULL), MOTE_OK);
    mt_image_fini(&image);
    last->p_memsz++;
    const struct bad bad = {{{0}},
                            NOTE,
                            "p_memsz",
                            last->p_memsz,
                            offsetof(struct elf_maker, headers[MAKER_H_SPARE].p_memsz)};
    expect_refusal(file, file_bytes, &bad);
    free(file);
}

/* The image's last bytes are a name, and its NUL would be behind the image. */
static void test_a_name_that_runs_off_the_image_is_refused(void **state)
{
    (void)state;
    size_t file_bytes = DATA_OFFSET + 0x2000;
    uint8_t *file = make_room(file_bytes);
    struct elf_maker *maker = (struct elf_maker *)file;
    maker->DATA_SEGMENT.p_filesz = 0x2000;
    maker->DATA_SEGMENT.p_memsz = 0x2000;
    memset(file + file_bytes - 10, 'n', 10);
    uint64_t name = MAKER_DATA + 0x2000 - 10;
    maker->rela[MAKER_R_ADD_NAME].r_addend = (int64_t)name;
    const struct bad bad = {
        {{0}}, NOTE, "function name", name, offsetof(struct elf_maker, functions[1].name)};
    expect_refusal(file, file_bytes, &bad);
    free(file);
}

/* Exactly one mote note: the same one twice in the table of headers is still one. */
static void test_a_second_mote_note_is_refused(void **state)
{
    (void)state;
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.headers[MAKER_H_SPARE] = maker.headers[MAKER_H_NOTE];
    struct mt_image image;
    assert_int_equal(mt_image_init(&image, (const uint8_t *)&maker, sizeof(maker), NULL, NULL),
                     MOTE_OK);
    mt_image_fini(&image);

    struct maker_note *second = (struct maker_note *)(void *)maker.symbol_names;
    memcpy(second, &maker.note, sizeof(*second));
    uint64_t address = MAKER_DATA_VA(symbol_names);
    maker.DATA_SEGMENT.p_filesz = sizeof(maker) - DATA_OFFSET;
    maker.headers[MAKER_H_SPARE].p_vaddr = address;
    maker.headers[MAKER_H_SPARE].p_memsz = sizeof(*second);
    const struct bad bad = {{{0}},
                            NOTE,
                            "n_type",
                            MT_NOTE_TYPE,
                            MAKER_OFFSET(symbol_names) + offsetof(Elf64_Nhdr, n_type)};
    expect_refusal((const uint8_t *)&maker, sizeof(maker), &bad);
}

static void test_an_executable_that_is_no_pie_is_refused(void **state)
{
    (void)state;
    static const struct bad bad = {{{0}}, FORMAT, "e_type", ET_EXEC, offsetof(Elf64_Ehdr, e_type)};
    struct elf_maker maker;
    elf_maker_fill(&maker);
    maker.header.e_type = ET_EXEC;
    maker.dynamic[MAKER_D_FLAGS_1].d_un.d_val = DF_1_NOW;
    expect_refusal((const uint8_t *)&maker, sizeof(maker), &bad);
    maker.dynamic[MAKER_D_FLAGS_1].d_tag = ABSENT;
    expect_refusal((const uint8_t *)&maker, sizeof(maker), &bad);
    maker.headers[MAKER_H_DYNAMIC].p_type = PT_NULL;
    expect_refusal((const uint8_t *)&maker, sizeof(maker), &bad);
}

static void test_an_incomplete_allocator_is_refused(void **state)
{
    (void)state;
    struct mt_image image;
    struct elf_maker maker;
    mote_allocator allocator = {0};
    elf_maker_fill(&maker);
    assert_int_equal(
        mt_image_init(&image, (const uint8_t *)&maker, sizeof(maker), &allocator, NULL),
        MOTE_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_headers_are_refused),
        cmocka_unit_test(test_bad_segments_are_refused),
        cmocka_unit_test(test_bad_relocations_are_refused),
        cmocka_unit_test(test_bad_notes_are_refused),
        cmocka_unit_test(test_every_file_shorter_than_its_header_is_refused),
        cmocka_unit_test(test_all_pairs_of_segment_fields),
        cmocka_unit_test(test_a_file_over_the_cap_is_refused),
        cmocka_unit_test(test_more_packed_relocations_than_the_cap_are_refused),
        cmocka_unit_test(test_more_rela_entries_than_the_cap_are_refused),
        cmocka_unit_test(test_a_table_may_end_where_the_files_bytes_do),
        cmocka_unit_test(test_notes_longer_than_the_file_are_refused),
        cmocka_unit_test(test_a_name_that_runs_off_the_image_is_refused),
        cmocka_unit_test(test_a_second_mote_note_is_refused),
        cmocka_unit_test(test_an_executable_that_is_no_pie_is_refused),
        cmocka_unit_test(test_an_incomplete_allocator_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
