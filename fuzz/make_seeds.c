/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeds that are too dull to keep in the tree: what our own builders make. `fuzz_seeds FOLDER`
 * writes FOLDER/TARGET/NAME.bin. What fuzzing found on top of them is in corpus/.
 */
#include "host/image/elf_maker.h"
#include "host/image/pe_maker.h"
#include "wire/wire.h"
#include <mote/mote.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_MESSAGE_BYTES 4096u

static const char *folder;
static _Alignas(8) uint8_t message[MAX_MESSAGE_BYTES];

static void die(const char *what)
{
    fprintf(stderr, "fuzz_seeds: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        die(path);
}

static void save(const char *target, const char *name, const void *bytes, size_t len_bytes)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, target);
    make_folder(path);
    snprintf(path, sizeof(path), "%s/%s/%s.bin", folder, target, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, len_bytes, file) != len_bytes || fclose(file) != 0)
        die(path);
}

static struct mt_wire_view view_of(const char *text)
{
    return (struct mt_wire_view){(const uint8_t *)text, strlen(text)};
}

/* ---- Guest files ---- */

/* All that the parser looks at in the fewest bytes: its segments share the file's one page. */
struct small_guest {
    Elf64_Ehdr header;
    Elf64_Phdr headers[6];
    struct maker_note note;
    Elf64_Rela rela[3];
    uint64_t relr[2];
    char names[8];
    uint8_t code[16];
    struct mt_note_function function;
    Elf64_Dyn dynamic[8];
    uint64_t pointers[2];
    Elf64_Shdr sections[3];
    Elf64_Sym symbols[2];
    char symbol_names[8];
};

#define SMALL_OFFSET(member) ((uint64_t)offsetof(struct small_guest, member))
#define SMALL_CODE_PAGE 0x1000u
#define SMALL_DATA_PAGE 0x2000u
#define SMALL_BSS_BYTES 0x100u

static Elf64_Phdr small_segment(uint32_t type, uint32_t flags, uint64_t offset, uint64_t page,
                                uint64_t len_bytes)
{
    return (Elf64_Phdr){.p_type = type,
                        .p_flags = flags,
                        .p_offset = offset,
                        .p_vaddr = page + offset,
                        .p_paddr = page + offset,
                        .p_filesz = len_bytes,
                        .p_memsz = len_bytes,
                        .p_align = type == PT_LOAD ? 0x1000 : 4};
}

static void fill_small_headers(struct small_guest *guest)
{
    uint64_t data = SMALL_OFFSET(function);
    memcpy(guest->header.e_ident, ELFMAG, SELFMAG);
    guest->header.e_ident[EI_CLASS] = ELFCLASS64;
    guest->header.e_ident[EI_DATA] = ELFDATA2LSB;
    guest->header.e_ident[EI_VERSION] = EV_CURRENT;
    guest->header.e_type = ET_DYN;
    guest->header.e_machine = EM_X86_64;
    guest->header.e_version = EV_CURRENT;
    guest->header.e_entry = SMALL_CODE_PAGE + SMALL_OFFSET(code);
    guest->header.e_phoff = SMALL_OFFSET(headers);
    guest->header.e_shoff = SMALL_OFFSET(sections);
    guest->header.e_ehsize = sizeof(Elf64_Ehdr);
    guest->header.e_phentsize = sizeof(Elf64_Phdr);
    guest->header.e_phnum = 6;
    guest->header.e_shentsize = sizeof(Elf64_Shdr);
    guest->header.e_shnum = 3;
    guest->headers[0] = small_segment(PT_LOAD, PF_R, 0, 0, SMALL_OFFSET(code));
    guest->headers[1] = small_segment(PT_LOAD, PF_R | PF_X, SMALL_OFFSET(code), SMALL_CODE_PAGE,
                                      sizeof(guest->code));
    guest->headers[2] =
        small_segment(PT_LOAD, PF_R | PF_W, data, SMALL_DATA_PAGE, SMALL_OFFSET(sections) - data);
    guest->headers[2].p_memsz += SMALL_BSS_BYTES;
    guest->headers[3] =
        small_segment(PT_NOTE, PF_R, SMALL_OFFSET(note), 0, sizeof(struct maker_note));
    guest->headers[4] = small_segment(PT_DYNAMIC, PF_R | PF_W, SMALL_OFFSET(dynamic),
                                      SMALL_DATA_PAGE, sizeof(guest->dynamic));
    guest->headers[5] = small_segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0);
}

static void fill_small_tables(struct small_guest *guest)
{
    const uint64_t function = SMALL_DATA_PAGE + SMALL_OFFSET(function);
    const uint64_t pointers = SMALL_DATA_PAGE + SMALL_OFFSET(pointers);
    const Elf64_Dyn dynamic[8] = {
        {DT_RELA, {SMALL_OFFSET(rela)}},    {DT_RELASZ, {sizeof(guest->rela)}},
        {DT_RELAENT, {sizeof(Elf64_Rela)}}, {DT_RELR, {SMALL_OFFSET(relr)}},
        {DT_RELRSZ, {sizeof(guest->relr)}}, {DT_RELRENT, {8}},
        {DT_FLAGS_1, {DF_1_PIE}},
    };
    memcpy(guest->dynamic, dynamic, sizeof(dynamic));
    memcpy(guest->names, "Add", 4);
    guest->rela[0] = (Elf64_Rela){function, R_X86_64_RELATIVE, (int64_t)SMALL_OFFSET(names)};
    guest->rela[1] = (Elf64_Rela){function + 8, R_X86_64_RELATIVE,
                                  (int64_t)(SMALL_CODE_PAGE + SMALL_OFFSET(code))};
    /* The last place that can be relocated: one byte further is a byte too far. */
    guest->rela[2] = (Elf64_Rela){SMALL_DATA_PAGE + SMALL_OFFSET(sections) + SMALL_BSS_BYTES - 8,
                                  R_X86_64_RELATIVE, (int64_t)SMALL_OFFSET(names)};
    guest->relr[0] = pointers;
    guest->relr[1] = 1 | 1u << 1;
    guest->function.n_params = 2;
    guest->function.params[1] = 8;
    guest->note.header = (Elf64_Nhdr){sizeof(MT_NOTE_NAME), sizeof(struct mt_note), MT_NOTE_TYPE};
    memcpy(guest->note.name, MT_NOTE_NAME, sizeof(MT_NOTE_NAME));
    guest->note.description = (struct mt_note){
        .abi_version = MT_NOTE_ABI_VERSION,
        .heap_bytes = 0x20000,
        .stack_bytes = 0x10000,
        .table_start = (int32_t)(function - SMALL_OFFSET(note.description.table_start)),
        .table_end = (int32_t)(function + sizeof(guest->function) -
                               SMALL_OFFSET(note.description.table_end)),
    };
}

static void fill_small_symbols(struct small_guest *guest)
{
    guest->sections[1].sh_type = SHT_SYMTAB;
    guest->sections[1].sh_offset = SMALL_OFFSET(symbols);
    guest->sections[1].sh_size = sizeof(guest->symbols);
    guest->sections[1].sh_link = 2;
    guest->sections[1].sh_entsize = sizeof(Elf64_Sym);
    guest->sections[2].sh_type = SHT_STRTAB;
    guest->sections[2].sh_offset = SMALL_OFFSET(symbol_names);
    guest->sections[2].sh_size = sizeof(guest->symbol_names);
    guest->symbols[1].st_name = 1;
    guest->symbols[1].st_info = STT_FUNC;
    guest->symbols[1].st_shndx = 1;
    guest->symbols[1].st_value = SMALL_CODE_PAGE + SMALL_OFFSET(code);
    guest->symbols[1].st_size = 8;
    memcpy(guest->symbol_names, "\0start", 7);
}

/* A seed that is refused at once seeds nothing. */
static void require_accepted(const void *file, size_t len_bytes)
{
    mote_image *image = NULL;
    mote_error err;
    if (mote_image_from_bytes(file, len_bytes, NULL, &image, &err) != MOTE_OK) {
        fprintf(stderr, "fuzz_seeds: the small guest is refused: %s\n", err.text);
        exit(1);
    }
    mote_image_unref(image);
}

static void save_small_guest(void)
{
    struct small_guest guest;
    memset(&guest, 0, sizeof(guest));
    fill_small_headers(&guest);
    fill_small_tables(&guest);
    fill_small_symbols(&guest);
    require_accepted(&guest, sizeof(guest));
    save("elf", "small", &guest, sizeof(guest));
    guest.note.header.n_type = 77;
    save("elf", "without_note", &guest, sizeof(guest));
}

/* The good file of the tests with its parts behind each other: what follows the headers is at
 * multiples of 16. */
static void save_small_pe(void)
{
    static const struct {
        size_t from, len_bytes;
    } parts[PE_MAKER_N_SECTIONS] = {
        [PE_MAKER_S_CODE] = {offsetof(struct pe_maker, code), 0x50},
        [PE_MAKER_S_READ_ONLY] = {offsetof(struct pe_maker, table), 0x60},
        [PE_MAKER_S_DATA] = {offsetof(struct pe_maker, pointer), 0x10},
        [PE_MAKER_S_RELOCATIONS] = {offsetof(struct pe_maker, blocks), 0x20},
    };
    static struct pe_maker maker;
    static uint8_t file[PE_MAKER_FILE_BYTES];
    size_t at = (PE_MAKER_OFFSET(sections[PE_MAKER_N_SECTIONS]) + 15) / 16 * 16;
    pe_maker_fill(&maker);
    maker.optional.file_alignment = 16;
    maker.optional.headers_bytes = (uint32_t)at;
    for (size_t i = 0; i < PE_MAKER_N_SECTIONS; i++) {
        if (parts[i].len_bytes == 0)
            continue;
        memcpy(file + at, (uint8_t *)&maker + parts[i].from, parts[i].len_bytes);
        maker.sections[i].raw_at = (uint32_t)at;
        maker.sections[i].raw_bytes = (uint32_t)parts[i].len_bytes;
        at += parts[i].len_bytes;
    }
    maker.coff.symbols_at = (uint32_t)at;
    memcpy(file, &maker, PE_MAKER_OFFSET(sections[PE_MAKER_N_SECTIONS]));
    memcpy(file + at, maker.symbols, sizeof(maker.symbols) + 4 + 16);
    uint32_t strings_bytes = 4 + 16;
    memcpy(file + at + sizeof(maker.symbols), &strings_bytes, sizeof(strings_bytes));
    at += sizeof(maker.symbols) + strings_bytes;
    require_accepted(file, at);
    save("pe", "small", file, at);
    pe_maker_fill(&maker);
    save("pe", "whole", &maker, PE_MAKER_FILE_BYTES);
}

static void save_guests(void)
{
    save_small_guest();
    save_small_pe();
    static struct elf_maker maker;
    elf_maker_fill(&maker);
    save("elf", "whole", &maker, sizeof(maker));
}

/* ---- Messages ---- */

static const struct mt_wire_value values[] = {
    {.type = MT_WIRE_I32, .as.i32 = -1},
    {.type = MT_WIRE_U32, .as.u32 = 1},
    {.type = MT_WIRE_I64, .as.i64 = INT64_MIN},
    {.type = MT_WIRE_U64, .as.u64 = UINT64_MAX},
    {.type = MT_WIRE_F32, .as.f32 = 1.5f},
    {.type = MT_WIRE_F64, .as.f64 = 0.1},
    {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"text", 4}},
    {.type = MT_WIRE_BOOL, .as.boolean = true},
    {.type = MT_WIRE_BYTES, .as.view = {(const uint8_t *)"\0\1\2", 3}},
    {.type = MT_WIRE_VOID},
};

static void save_calls(void)
{
    struct mt_wire_call call = {
        .name = view_of("Echo"), .call_type = MT_WIRE_CALL_GUEST, .returns = MT_WIRE_BYTES};
    save("wire_call", "empty", message, mt_wire_build_call(message, sizeof(message), &call));
    call.n_params = 9;
    memcpy(call.params, values, 9 * sizeof(values[0]));
    call.call_type = MT_WIRE_CALL_HOST;
    save("wire_call", "all_types", message, mt_wire_build_call(message, sizeof(message), &call));
}

static void save_results(void)
{
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char name[32];
        snprintf(name, sizeof(name), "type_%zu", i);
        size_t len_bytes = mt_wire_build_result(message, sizeof(message), &values[i]);
        save("wire_result", name, message, len_bytes);
    }
}

static void save_reports(void)
{
    const struct mt_wire_error error = {.code = 15, .message = view_of("it failed")};
    const struct mt_wire_log log = {.message = view_of("message"),
                                    .source = view_of("source"),
                                    .caller = view_of("caller"),
                                    .source_file = view_of("file.c"),
                                    .level = 2,
                                    .line = 7};
    save("wire_error", "one", message, mt_wire_build_error(message, sizeof(message), &error));
    memset(message, 0, 16);
    save("wire_error", "cleared", message, 16);
    save("wire_log", "one", message, mt_wire_build_log(message, sizeof(message), &log));
}

static void save_definitions(void)
{
    const struct mt_wire_definition definitions[] = {
        {.name = view_of("Add"), .n_params = 2, .params = {MT_WIRE_I32, MT_WIRE_I64}},
        {.name = view_of("HostPrint"), .n_params = 1, .params = {MT_WIRE_STR}},
        {.name = view_of("Now"), .returns = MT_WIRE_F64},
    };
    for (size_t n = 0; n <= 3; n += 3) {
        size_t len_bytes = mt_wire_build_definitions(message, sizeof(message), definitions, n);
        save("wire_definitions", n == 0 ? "none" : "three", message, len_bytes);
    }
}

/* ---- What guests leave behind ---- */

/* Two bytes for the target, then an output buffer with n results on it. */
static void save_output(const char *name, uint8_t asked, uint8_t how, size_t first, size_t n)
{
    static _Alignas(8) uint8_t output[8 + MAX_MESSAGE_BYTES];
    static uint8_t seed[2 + sizeof(output)];
    uint64_t sp = 8;
    for (size_t i = 0; i < n; i++) {
        size_t len_bytes =
            mt_wire_build_result(output + sp, sizeof(output) - sp - 8, &values[first + i]);
        memcpy(output + sp + len_bytes, &sp, sizeof(sp));
        sp += len_bytes + 8;
    }
    memcpy(output, &sp, sizeof(sp));
    seed[0] = asked;
    seed[1] = how;
    memcpy(seed + 2, output, sp);
    save("output", name, seed, 2 + sp);
}

static void save_pebs(void)
{
    uint8_t seed[0xB8 + 1] = {0};
    uint64_t dispatch = 0x1030;
    memcpy(seed + 8, &dispatch, sizeof(dispatch));
    seed[0xB8] = 1; /* from the start of the code */
    save("peb", "good", seed, sizeof(seed));
    seed[0xB8] = 31; /* as it stands */
    save("peb", "low", seed, sizeof(seed));
}

/* See make_step() in fuzz_exits.c. */
static void save_exits(void)
{
    static const uint8_t good[] = {8, 6, 0, 3, 0, 0x10, 0, 6, 1, 'x', 3, 0};
    static const uint8_t host_call[] = {8, 6, 0, 3, 0, 0x10, 1, 0,    0, 1, 0, 1,   0, 0,
                                        0, 0, 0, 0, 0, 1,    0, 0x10, 0, 6, 1, 'x', 3, 0};
    static const uint8_t two_values[] = {8, 6, 0, 3, 0, 0x10, 1, 1, 0, 2,   6, 1, 'a',
                                         8, 1, 2, 1, 0, 0x10, 0, 6, 1, 'x', 3, 0};
    static const uint8_t logs[] = {8, 6,   0, 3,   0, 0x10, 2, 2, 7, 1, 'm',
                                   1, 's', 1, 'c', 1, 'f',  0, 1, 3, 0};
    static const uint8_t fault[] = {9, 0, 2, 0x40, 31, 2, 0x20, 1, 0, 0, 9, 0, 0};
    static const uint8_t error[] = {8, 0, 0, 3, 0, 4, 10, 8, 0xF0, 0, 0, 0, 0, 0, 0, 0, 3, 0};
    save("exits", "good", good, sizeof(good));
    save("exits", "host_call", host_call, sizeof(host_call));
    save("exits", "two_values", two_values, sizeof(two_values));
    save("exits", "logs", logs, sizeof(logs));
    save("exits", "fault", fault, sizeof(fault));
    save("exits", "error", error, sizeof(error));
}

/* Operations of fuzz_restores.c: which, whose, where, value. */
static void save_restores(void)
{
    static const uint8_t life[] = {0, 0, 5, 1, 3, 0, 0, 0, 0, 0, 5, 2, 2, 0, 0,
                                   7, 6, 0, 0, 0, 0, 0, 9, 3, 6, 0, 0, 0, 4, 0,
                                   0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0};
    static const uint8_t two[] = {3, 0, 0, 0, 4, 1, 0, 0, 0, 1, 6, 1, 3, 3, 0, 0,
                                  9, 1, 0, 2, 4, 2, 0, 0, 4, 3, 0, 0, 2, 1, 0, 1};
    save("restores", "life", life, sizeof(life));
    save("restores", "two", two, sizeof(two));
}

static void save_words(void)
{
    static const char arguments[] =
        "\0i32:-5\0u32:0xff\0i64:1\0u64:2\0f32:1.5\0f64:1e300\0bool:true\0str:text\0bytes:hex=00ff";
    static const char files[] = "\0str:@f\0bytes:-\0\0what is in it";
    static const char options[] =
        "\0guest.elf\0F\0--time-limit\0001s\0--heap=1M\0--json\0--returns\0i32\0--log=info";
    static const char edges[] = "\0i32:-2147483648\0i32:2147483647\0u32:4294967295\0"
                                "i64:-9223372036854775808\0u64:18446744073709551615\0f32:inf";
    save("cli_arguments", "edges", edges, sizeof(edges) - 1);
    save("cli_arguments", "arguments", arguments, sizeof(arguments) - 1);
    save("cli_arguments", "files", files, sizeof(files) - 1);
    save("cli_arguments", "options", options, sizeof(options) - 1);
}

int main(int n_words, char **words)
{
    if (n_words != 2) {
        fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 2;
    }
    folder = words[1];
    make_folder(folder);
    save_guests();
    save_calls();
    save_results();
    save_reports();
    save_definitions();
    save_output("result", 6, 4, 6, 1);
    save_output("three", 3, 3 << 3 | 3, 5, 3);
    save_output("none", 0, 0, 0, 0);
    save_pebs();
    save_exits();
    save_restores();
    save_words();
    return 0;
}
