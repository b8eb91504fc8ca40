/* SPDX-License-Identifier: Apache-2.0 */
/* The good file of the tests. */
#include "host/image/elf_maker.h"

#include <string.h>

_Static_assert(MAKER_OFFSET(code) == 0x1000, "the read-only segment is one page");
_Static_assert(MAKER_OFFSET(functions) == 0x2000, "file offset of the data");
_Static_assert(MAKER_DATA_VA(explicit_pointer) == MAKER_WRITABLE, "RELRO is one page");

#define START_CODE (MAKER_CODE + 0x40)
#define ADD_CODE (MAKER_CODE + 0x10)
#define ECHO_CODE (MAKER_CODE + 0x80)

static void fill_header(struct elf_maker *maker)
{
    maker->header = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = START_CODE,
        .e_phoff = MAKER_OFFSET(headers),
        .e_shoff = MAKER_OFFSET(sections),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = MAKER_N_HEADERS,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 3,
    };
}

/* A program header whose bytes are all in the file. */
static Elf64_Phdr segment(uint32_t type, uint32_t flags, uint64_t offset, uint64_t address,
                          uint64_t len_bytes, uint64_t alignment)
{
    return (Elf64_Phdr){
        .p_type = type,
        .p_flags = flags,
        .p_offset = offset,
        .p_vaddr = address,
        .p_paddr = address,
        .p_filesz = len_bytes,
        .p_memsz = len_bytes,
        .p_align = alignment,
    };
}

static void fill_headers(struct elf_maker *maker)
{
    Elf64_Phdr *headers = maker->headers;
    uint64_t data = MAKER_OFFSET(functions);
    uint64_t data_bytes = MAKER_OFFSET(sections) - data;
    headers[MAKER_H_INTERP] = segment(PT_INTERP, PF_R, 0, 0, 4, 1);
    headers[MAKER_H_NOTE] =
        segment(PT_NOTE, PF_R, MAKER_OFFSET(other_note), MAKER_OFFSET(other_note),
                MAKER_OFFSET(rela) - MAKER_OFFSET(other_note), 4);
    headers[MAKER_H_READ_ONLY] =
        segment(PT_LOAD, PF_R, 0, 0, MAKER_OFFSET(long_name) + sizeof(maker->long_name), 0x1000);
    headers[MAKER_H_CODE] =
        segment(PT_LOAD, PF_R | PF_X, MAKER_OFFSET(code), MAKER_CODE, sizeof(maker->code), 0x1000);
    headers[MAKER_H_DATA] = segment(PT_LOAD, PF_R | PF_W, data, MAKER_DATA, data_bytes, 0x1000);
    headers[MAKER_H_DATA].p_memsz += MAKER_BSS_BYTES;
    headers[MAKER_H_DYNAMIC] = segment(PT_DYNAMIC, PF_R | PF_W, MAKER_OFFSET(dynamic),
                                       MAKER_DATA_VA(dynamic), sizeof(maker->dynamic), 8);
    headers[MAKER_H_RELRO] = segment(PT_GNU_RELRO, PF_R, data, MAKER_DATA, 0x1000, 1);
    headers[MAKER_H_STACK] = segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 16);
    headers[MAKER_H_TLS] = segment(PT_TLS, PF_R, data, MAKER_DATA, 8, 8);
}

static void fill_notes(struct elf_maker *maker)
{
    maker->other_note = (struct maker_other_note){{4, 20, NT_GNU_BUILD_ID}, "GNU", {1, 2, 3}};
    maker->note.header = (Elf64_Nhdr){sizeof(MT_NOTE_NAME), sizeof(struct mt_note), MT_NOTE_TYPE};
    memcpy(maker->note.name, MT_NOTE_NAME, sizeof(MT_NOTE_NAME));
    int64_t start = MAKER_DATA_VA(functions);
    int64_t end = start + (int64_t)sizeof(maker->functions);
    maker->note.description = (struct mt_note){
        .abi_version = MT_NOTE_ABI_VERSION,
        .heap_bytes = 0x345678,
        .stack_bytes = 0x23456,
        .table_start = (int32_t)(start - (int64_t)MAKER_OFFSET(note.description.table_start)),
        .table_end = (int32_t)(end - (int64_t)MAKER_OFFSET(note.description.table_end)),
    };
}

static Elf64_Rela relative(uint64_t place, uint64_t addend)
{
    return (Elf64_Rela){place, ELF64_R_INFO(0, R_X86_64_RELATIVE), (int64_t)addend};
}

static void fill_relocations(struct elf_maker *maker)
{
    Elf64_Rela *rela = maker->rela;
    rela[MAKER_R_ECHO_NAME] = relative(MAKER_DATA_VA(functions[0].name), MAKER_OFFSET(echo_name));
    rela[MAKER_R_ECHO_CODE] = relative(MAKER_DATA_VA(functions[0].code), ECHO_CODE);
    rela[MAKER_R_ADD_NAME] = relative(MAKER_DATA_VA(functions[1].name), MAKER_OFFSET(add_name));
    rela[MAKER_R_ADD_CODE] = relative(MAKER_DATA_VA(functions[1].code), ADD_CODE);
    rela[MAKER_R_EXPLICIT] = relative(MAKER_DATA_VA(explicit_pointer), 0x123);
    maker->plt[0] = relative(MAKER_DATA_VA(plt_pointer), START_CODE);
    maker->rel[0] = (Elf64_Rel){MAKER_DATA_VA(implicit_pointer), R_X86_64_RELATIVE};
    maker->implicit_pointer = 0x456;
    maker->relr[0] = MAKER_DATA_VA(packed[0]);
    maker->relr[1] = 1 | 1u << 1 | 1u << 7;
    maker->relr[2] = 1;
    maker->packed[0] = 0x10;
    maker->packed[1] = 0x11;
    maker->packed[2] = 0x12;
    maker->packed[7] = 0x17;
    maker->plain = 0x0123456789ABCDEF;
}

static void fill_dynamic(struct elf_maker *maker)
{
    const Elf64_Dyn dynamic[MAKER_N_DYNAMIC] = {
        [MAKER_D_NEEDLESS] = {DT_DEBUG, {0}},
        [MAKER_D_RELA] = {DT_RELA, {MAKER_OFFSET(rela)}},
        [MAKER_D_RELASZ] = {DT_RELASZ, {sizeof(maker->rela)}},
        [MAKER_D_RELAENT] = {DT_RELAENT, {sizeof(Elf64_Rela)}},
        [MAKER_D_REL] = {DT_REL, {MAKER_OFFSET(rel)}},
        [MAKER_D_RELSZ] = {DT_RELSZ, {sizeof(maker->rel)}},
        [MAKER_D_RELENT] = {DT_RELENT, {sizeof(Elf64_Rel)}},
        [MAKER_D_RELR] = {DT_RELR, {MAKER_OFFSET(relr)}},
        [MAKER_D_RELRSZ] = {DT_RELRSZ, {sizeof(maker->relr)}},
        [MAKER_D_RELRENT] = {DT_RELRENT, {sizeof(uint64_t)}},
        [MAKER_D_JMPREL] = {DT_JMPREL, {MAKER_OFFSET(plt)}},
        [MAKER_D_PLTRELSZ] = {DT_PLTRELSZ, {sizeof(maker->plt)}},
        [MAKER_D_PLTREL] = {DT_PLTREL, {DT_RELA}},
        [MAKER_D_FLAGS_1] = {DT_FLAGS_1, {DF_1_PIE}},
    };
    memcpy(maker->dynamic, dynamic, sizeof(dynamic));
}

/* ReturnType and ParameterType: str is 6, i32 is 0, i64 is 2. */
static void fill_functions(struct elf_maker *maker)
{
    maker->functions[0].n_params = 1;
    maker->functions[0].returns = 6;
    maker->functions[0].params[0] = 6;
    maker->functions[1].n_params = 3;
    maker->functions[1].returns = 9;
    maker->functions[1].params[2] = 8;
    memcpy(maker->echo_name, "Echo", 5);
    memcpy(maker->add_name, "Add", 4);
    memset(maker->long_name, 'n', MT_NOTE_MAX_NAME_BYTES);
}

static void fill_symbols(struct elf_maker *maker)
{
    static const char names[] = "\0start\0add\0object";
    const Elf64_Sym symbols[MAKER_N_SYMBOLS] = {
        [MAKER_S_ADD] = {7, STT_FUNC, 0, 1, ADD_CODE, 0},
        [MAKER_S_START] = {1, STT_FUNC, 0, 1, START_CODE, 0x20},
        [MAKER_S_OBJECT] = {11, STT_OBJECT, 0, 1, MAKER_CODE, 8},
        [MAKER_S_UNDEFINED] = {11, STT_FUNC, 0, SHN_UNDEF, MAKER_CODE, 8},
        [MAKER_S_IN_DATA] = {11, STT_FUNC, 0, 1, MAKER_WRITABLE, 8},
    };
    memcpy(maker->symbols, symbols, sizeof(symbols));
    memcpy(maker->symbol_names, names, sizeof(names));
    maker->sections[1] = (Elf64_Shdr){
        .sh_type = SHT_SYMTAB,
        .sh_offset = MAKER_OFFSET(symbols),
        .sh_size = sizeof(maker->symbols),
        .sh_link = 2,
        .sh_entsize = sizeof(Elf64_Sym),
    };
    maker->sections[2] = (Elf64_Shdr){
        .sh_type = SHT_STRTAB,
        .sh_offset = MAKER_OFFSET(symbol_names),
        .sh_size = sizeof(maker->symbol_names),
    };
}

void elf_maker_fill(struct elf_maker *maker)
{
    memset(maker, 0, sizeof(*maker));
    fill_header(maker);
    fill_headers(maker);
    fill_notes(maker);
    fill_relocations(maker);
    fill_dynamic(maker);
    fill_functions(maker);
    fill_symbols(maker);
    memset(maker->code, 0xCC, sizeof(maker->code));
}

void elf_maker_move(struct elf_maker *maker, uint64_t up_bytes)
{
    static const enum maker_dynamic addresses[] = {MAKER_D_RELA, MAKER_D_REL, MAKER_D_RELR,
                                                   MAKER_D_JMPREL};
    maker->header.e_entry += up_bytes;
    for (size_t i = 0; i < MAKER_N_HEADERS; i++)
        maker->headers[i].p_vaddr += up_bytes;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        maker->dynamic[addresses[i]].d_un.d_ptr += up_bytes;
    for (size_t i = 0; i < MAKER_N_RELA; i++) {
        maker->rela[i].r_offset += up_bytes;
        maker->rela[i].r_addend += (int64_t)up_bytes;
    }
    maker->plt[0].r_offset += up_bytes;
    maker->plt[0].r_addend += (int64_t)up_bytes;
    maker->rel[0].r_offset += up_bytes;
    maker->implicit_pointer += up_bytes;
    maker->relr[0] += up_bytes;
    maker->packed[0] += up_bytes;
    maker->packed[1] += up_bytes;
    maker->packed[7] += up_bytes;
    for (size_t i = 1; i < MAKER_N_SYMBOLS; i++)
        maker->symbols[i].st_value += up_bytes;
}
