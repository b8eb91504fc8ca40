/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PE parser's own words, shared by its files: PE32+ images as Microsoft's "PE Format" defines
 * them, with that document's names of fields.
 *
 * The order is: headers (pe.c), sections and rights of pages (pe_sections.c), data directories
 * (pe_directories.c), relocations (pe_relocate.c), symbols (pe_symbols.c). Each step may rely on
 * what the ones before it have checked. A count or a size over its cap is always
 * MOTE_E_IMAGE_TOO_LARGE.
 */
#ifndef MOTE_HOST_IMAGE_PE_H
#define MOTE_HOST_IMAGE_PE_H

#include "host/image/parts.h"

/* ---- What a file holds ---- */

#define MT_PE_DOS_BYTES 64u
#define MT_PE_DOS_MAGIC "MZ"
#define MT_PE_LFANEW_AT 0x3Cu /* in the DOS header: where the signature is */
#define MT_PE_SIGNATURE 0x00004550u
#define MT_PE_MACHINE_X86_64 0x8664u
#define MT_PE_MAGIC_PLUS 0x20Bu

/* mt_pe_coff.characteristics */
#define MT_PE_RELOCS_STRIPPED 0x0001u
#define MT_PE_EXECUTABLE_IMAGE 0x0002u

/* mt_pe_optional.dll_characteristics */
#define MT_PE_DYNAMIC_BASE 0x0040u

/* mt_pe_section.characteristics */
#define MT_PE_MEM_EXECUTE 0x20000000u
#define MT_PE_MEM_READ 0x40000000u
#define MT_PE_MEM_WRITE 0x80000000u

struct mt_pe_coff {
    uint32_t signature;
    uint16_t machine;
    uint16_t n_sections;
    uint32_t time;
    uint32_t symbols_at;
    uint32_t n_symbols;
    uint16_t optional_bytes;
    uint16_t characteristics;
};
_Static_assert(sizeof(struct mt_pe_coff) == 24, "signature and COFF header");

struct mt_pe_optional {
    uint16_t magic;
    uint8_t linker_version[2];
    uint32_t code_bytes;
    uint32_t initialized_bytes;
    uint32_t uninitialized_bytes;
    uint32_t entry;
    uint32_t code_start;
    uint64_t image_base;
    uint32_t section_alignment;
    uint32_t file_alignment;
    uint16_t versions[6];
    uint32_t win32_version;
    uint32_t image_bytes;
    uint32_t headers_bytes;
    uint32_t checksum;
    uint16_t subsystem;
    uint16_t dll_characteristics;
    uint64_t stack_reserve_bytes;
    uint64_t stack_commit_bytes;
    uint64_t heap_reserve_bytes;
    uint64_t heap_commit_bytes;
    uint32_t loader_flags;
    uint32_t n_directories;
};
_Static_assert(sizeof(struct mt_pe_optional) == 112, "optional header of PE32+");

/* A data directory: where in the image something is. RVA: an address relative to ImageBase. */
struct mt_pe_directory {
    uint32_t rva;
    uint32_t len_bytes;
};

enum mt_pe_directory_index {
    MT_PE_IMPORT = 1,
    MT_PE_RELOCATION = 5,
    MT_PE_TLS = 9,
    MT_PE_DELAY_IMPORT = 13,
    MT_PE_CLR = 14,
    MT_PE_N_DIRECTORIES = 16
};

struct mt_pe_section_header {
    char name[8];
    uint32_t virtual_bytes;
    uint32_t rva;
    uint32_t raw_bytes;
    uint32_t raw_at;
    uint32_t relocations_at;
    uint32_t lines_at;
    uint16_t n_relocations;
    uint16_t n_lines;
    uint32_t characteristics;
};
_Static_assert(sizeof(struct mt_pe_section_header) == 40, "section header");

struct mt_pe_import {
    uint32_t lookup_rva;
    uint32_t time;
    uint32_t forwarder;
    uint32_t name_rva;
    uint32_t addresses_rva;
};
_Static_assert(sizeof(struct mt_pe_import) == 20, "import directory entry");

/* A block of relocations for one page; 2-byte entries follow. */
struct mt_pe_block {
    uint32_t page_rva;
    uint32_t len_bytes; /* with this header */
};

#define MT_PE_RELOCATION_ABSOLUTE 0u
#define MT_PE_RELOCATION_DIR64 10u

struct mt_pe_symbol {
    char name[8]; /* or 4 zero bytes and an offset into the table of strings */
    uint32_t value;
    int16_t section; /* counts from 1 */
    uint16_t type;
    uint8_t storage_class;
    uint8_t n_auxiliary;
} __attribute__((packed));
_Static_assert(sizeof(struct mt_pe_symbol) == 18, "COFF symbol");

/* ---- What the parser makes of it ---- */

/* A section that takes up memory. */
struct mt_pe_section {
    uint64_t start; /* RVA */
    uint64_t len_bytes;
    uint64_t from; /* of its bytes in the file */
    uint64_t n_from_file;
    uint32_t characteristics;
    uint64_t at; /* of its header in the file */
};

struct mt_pe {
    const uint8_t *file;
    uint64_t file_bytes;
    struct mt_pe_coff coff;
    uint64_t coff_at; /* of the signature */
    struct mt_pe_optional optional;
    uint64_t optional_at;
    struct mt_pe_directory directories[MT_PE_N_DIRECTORIES]; /* zero where the file has none */
    struct mt_pe_section sections[MT_MAX_SECTIONS];          /* ascending, disjoint */
    size_t n_sections;
};

/* Addresses in the calls below are RVAs, which are the addresses of struct mt_image. */

/* Parse a file into a zeroed image that holds its allocator. On an error the image may be half
 * filled; mt_image_fini() releases it. */
mote_status mt_pe_parse(struct mt_image *image, const uint8_t *file, uint64_t file_bytes,
                        mote_error *err);

/* Where in the file a header of a section is, and where an entry of the table of directories. */
uint64_t mt_pe_section_header_at(const struct mt_pe *pe, uint64_t index);
uint64_t mt_pe_directory_at(const struct mt_pe *pe, enum mt_pe_directory_index index);

/* Whether [start, start + len_bytes) lies inside the memory of one section. */
bool mt_pe_is_loaded(const struct mt_pe *pe, uint64_t start, uint64_t len_bytes);

/* The same, and the file has all of these bytes. What is walked entry by entry has to: zeroed
 * memory is as long as a header says, whatever the size of the file. */
bool mt_pe_is_from_file(const struct mt_pe *pe, uint64_t start, uint64_t len_bytes);

/* Where in the file the byte at address comes from; for zeroed memory, the end of what its section
 * takes from the file. Only to name a place in an error. */
uint64_t mt_pe_file_offset(const struct mt_pe *pe, uint64_t address);

/* The steps; each fills its part of the image. */
mote_status mt_pe_read_sections(struct mt_pe *pe, struct mt_image *image, mote_error *err);
mote_status mt_pe_read_rights(const struct mt_pe *pe, struct mt_image *image, mote_error *err);
mote_status mt_pe_name_sections(const struct mt_pe *pe, struct mt_image *image, mote_error *err);
mote_status mt_pe_copy_sections(const struct mt_pe *pe, struct mt_image *image, mote_error *err);
mote_status mt_pe_check_directories(const struct mt_pe *pe, const struct mt_image *image,
                                    mote_error *err);
mote_status mt_pe_relocate(const struct mt_pe *pe, struct mt_image *image, mote_error *err);
mote_status mt_pe_read_symbols(const struct mt_pe *pe, struct mt_image *image, mote_error *err);

#endif
