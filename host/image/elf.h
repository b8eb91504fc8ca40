/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ELF parser's own words, shared by its files: ELF-64 object files as the System V ABI defines
 * them (chapters 4 and 5 of its generic part, and the x86-64 supplement).
 *
 * The order is: headers and segments (elf.c), rights of pages (elf_rights.c), relocations
 * (elf_dynamic.c, elf_relocate.c), the mote note (elf_note.c), symbols (elf_symbols.c). Each step
 * may rely on what the ones before it have checked. A count or a size over its cap is always
 * MOTE_E_IMAGE_TOO_LARGE.
 */
#ifndef MOTE_HOST_IMAGE_ELF_H
#define MOTE_HOST_IMAGE_ELF_H

#include "host/base/error.h"
#include "host/image/parts.h"
#include <elf.h>
#include <string.h>

/* A program header, and where in the file it stands. */
struct mt_elf_segment {
    Elf64_Phdr header;
    uint64_t at;
};

struct mt_elf {
    const uint8_t *file;
    uint64_t file_bytes;
    Elf64_Ehdr header;
    struct mt_elf_segment loads[MT_MAX_SEGMENTS]; /* PT_LOAD with memory, ascending, disjoint */
    size_t n_loads;
    struct mt_elf_segment notes[MT_MAX_SEGMENTS];
    size_t n_notes;
    struct mt_elf_segment dynamic; /* p_type is PT_NULL where the file has none */
    struct mt_elf_segment relro;   /* the same */
    uint64_t base;                 /* virtual address of the image's first byte */
};

/* Addresses in the calls below are relative to elf->base, as everywhere in struct mt_image. */

/* Parse a file into a zeroed image that holds its allocator. On an error the image may be half
 * filled; mt_image_fini() releases it. */
mote_status mt_elf_parse(struct mt_image *image, const uint8_t *file, uint64_t file_bytes,
                         mote_error *err);

/* Whether [start, start + len_bytes) lies inside the memory of one segment. */
bool mt_elf_is_loaded(const struct mt_elf *elf, uint64_t start, uint64_t len_bytes);

/* The same, and the file has all of these bytes. What is walked entry by entry has to: zeroed
 * memory is as long as a header says, whatever the size of the file. */
bool mt_elf_is_from_file(const struct mt_elf *elf, uint64_t start, uint64_t len_bytes);

/* Whether the segment that has address is writable until it is relocated. */
bool mt_elf_is_writable(const struct mt_elf *elf, uint64_t address);

/* Where in the file the byte at address comes from; for zeroed memory, the end of what its segment
 * takes from the file. Only to name a place in an error. */
uint64_t mt_elf_file_offset(const struct mt_elf *elf, uint64_t address);

/* The steps; each fills its part of the image. */
mote_status mt_elf_read_rights(const struct mt_elf *elf, struct mt_image *image, mote_error *err);
mote_status mt_elf_relocate(const struct mt_elf *elf, struct mt_image *image, mote_error *err);
mote_status mt_elf_read_note(const struct mt_elf *elf, struct mt_image *image, mote_error *err);
mote_status mt_elf_read_symbols(const struct mt_elf *elf, struct mt_image *image, mote_error *err);

/* What of the dynamic section the loader needs. */
enum mt_dynamic_tag {
    MT_DYNAMIC_RELA,
    MT_DYNAMIC_RELASZ,
    MT_DYNAMIC_RELAENT,
    MT_DYNAMIC_REL,
    MT_DYNAMIC_RELSZ,
    MT_DYNAMIC_RELENT,
    MT_DYNAMIC_RELR,
    MT_DYNAMIC_RELRSZ,
    MT_DYNAMIC_RELRENT,
    MT_DYNAMIC_JMPREL,
    MT_DYNAMIC_PLTRELSZ,
    MT_DYNAMIC_PLTREL,
    MT_DYNAMIC_FLAGS_1,
    MT_N_DYNAMIC_TAGS
};

struct mt_dynamic_entry {
    const char *field; /* static text: "DT_RELA" */
    uint64_t value;    /* 0 where the file has none */
    uint64_t at;       /* of the value in the file */
    bool is_present;
};

struct mt_dynamic {
    struct mt_dynamic_entry entries[MT_N_DYNAMIC_TAGS];
};

/* Read PT_DYNAMIC from the image's memory; without one, all entries are absent. */
mote_status mt_elf_read_dynamic(const struct mt_elf *elf, const struct mt_image *image,
                                struct mt_dynamic *dynamic, mote_error *err);

#endif
