/* SPDX-License-Identifier: Apache-2.0 */
/* ELF: the file header, the program headers, and the bytes that get loaded. */
#include "host/image/elf.h"

#include "abi/memory_map.h"
#include "host/base/alloc.h"
#include "host/base/checked.h"
#include <inttypes.h>

/* ---- The file header ---- */

/* A field of the file header that can have one value only. */
struct header_rule {
    const char *field;
    size_t offset;
    size_t len_bytes;
    uint64_t wanted;
    const char *complaint;
};

static const struct header_rule header_rules[] = {
    {"EI_CLASS", EI_CLASS, 1, ELFCLASS64, "not a 64-bit ELF file"},
    {"EI_DATA", EI_DATA, 1, ELFDATA2LSB, "not a little-endian ELF file"},
    {"EI_VERSION", EI_VERSION, 1, EV_CURRENT, "not version 1 of ELF"},
    {"e_machine", offsetof(Elf64_Ehdr, e_machine), 2, EM_X86_64, "not for x86-64"},
    {"e_version", offsetof(Elf64_Ehdr, e_version), 4, EV_CURRENT, "not version 1 of ELF"},
    {"e_phentsize", offsetof(Elf64_Ehdr, e_phentsize), 2, sizeof(Elf64_Phdr),
     "not the size of a program header, 56"},
};

static uint64_t read_number(const uint8_t *from, size_t len_bytes)
{
    uint64_t value = 0;
    memcpy(&value, from, len_bytes);
    return value;
}

static mote_status read_header(struct mt_elf *elf, mote_error *err)
{
    if (elf->file_bytes < sizeof(elf->header))
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "file_bytes", elf->file_bytes,
                            elf->file_bytes, "the file ends inside the ELF header");
    for (size_t i = 0; i < sizeof(header_rules) / sizeof(header_rules[0]); i++) {
        const struct header_rule *rule = &header_rules[i];
        uint64_t value = read_number(elf->file + rule->offset, rule->len_bytes);
        if (value != rule->wanted)
            return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, rule->field, value, rule->offset, "%s",
                                rule->complaint);
    }
    memcpy(&elf->header, elf->file, sizeof(elf->header));
    /* GNU ld marks a PIE whose first segment is not at 0 as ET_EXEC. Whether this is one is known
     * once the dynamic section is read. */
    if (elf->header.e_type != ET_DYN && elf->header.e_type != ET_EXEC)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "e_type", elf->header.e_type,
                            offsetof(Elf64_Ehdr, e_type), "not an executable");
    return MOTE_OK;
}

static mote_status check_header_table(const struct mt_elf *elf, mote_error *err)
{
    uint64_t n = elf->header.e_phnum;
    if (n > MT_MAX_SEGMENTS)
        return mt_fail_load(err, MOTE_E_IMAGE_TOO_LARGE, "e_phnum", n,
                            offsetof(Elf64_Ehdr, e_phnum),
                            "more than %u program headers, of whatever type", MT_MAX_SEGMENTS);
    if (!mt_range_ok(elf->header.e_phoff, n * sizeof(Elf64_Phdr), elf->file_bytes))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "e_phoff", elf->header.e_phoff,
                            offsetof(Elf64_Ehdr, e_phoff),
                            "%" PRIu64 " program headers do not fit in a file of %" PRIu64 " bytes",
                            n, elf->file_bytes);
    return MOTE_OK;
}

/* ---- Program headers ---- */

static mote_status fail_segment(mote_error *err, mote_status code,
                                const struct mt_elf_segment *segment, const char *field,
                                uint64_t value, size_t field_offset, const char *complaint)
{
    return mt_fail_load(err, code, field, value, segment->at + field_offset, "%s", complaint);
}

static mote_status check_file_range(const struct mt_elf *elf, const struct mt_elf_segment *segment,
                                    mote_error *err)
{
    const Elf64_Phdr *header = &segment->header;
    /* Linkers may leave the offset of a segment that takes nothing from the file anywhere. */
    if (header->p_filesz == 0)
        return MOTE_OK;
    if (header->p_offset > elf->file_bytes)
        return fail_segment(err, MOTE_E_IMAGE_BOUNDS, segment, "p_offset", header->p_offset,
                            offsetof(Elf64_Phdr, p_offset),
                            "the segment starts behind the end of the file");
    if (!mt_range_ok(header->p_offset, header->p_filesz, elf->file_bytes))
        return fail_segment(err, MOTE_E_IMAGE_BOUNDS, segment, "p_filesz", header->p_filesz,
                            offsetof(Elf64_Phdr, p_filesz),
                            "the segment ends behind the end of the file");
    return MOTE_OK;
}

static mote_status check_memory_range(const struct mt_elf_segment *segment, mote_error *err)
{
    const Elf64_Phdr *header = &segment->header;
    uint64_t end;
    if (header->p_filesz > header->p_memsz)
        return fail_segment(err, MOTE_E_IMAGE_BOUNDS, segment, "p_filesz", header->p_filesz,
                            offsetof(Elf64_Phdr, p_filesz),
                            "more bytes in the file than in memory");
    if (!mt_add(header->p_vaddr, header->p_memsz, &end) || !mt_round_up(end, MT_PAGE_BYTES, &end))
        return fail_segment(err, MOTE_E_IMAGE_BOUNDS, segment, "p_memsz", header->p_memsz,
                            offsetof(Elf64_Phdr, p_memsz),
                            "the segment passes the end of the address space");
    return MOTE_OK;
}

static mote_status check_alignment(const struct mt_elf_segment *segment, mote_error *err)
{
    const Elf64_Phdr *header = &segment->header;
    uint64_t alignment = header->p_align;
    if ((alignment & (alignment - 1)) != 0 && alignment != 0)
        return fail_segment(err, MOTE_E_IMAGE_SEGMENT, segment, "p_align", alignment,
                            offsetof(Elf64_Phdr, p_align), "not a power of two");
    if (alignment > MT_MAX_SEGMENT_ALIGNMENT)
        return fail_segment(err, MOTE_E_IMAGE_SEGMENT, segment, "p_align", alignment,
                            offsetof(Elf64_Phdr, p_align), "more than 2 MiB");
    if (alignment < 2 || header->p_filesz == 0)
        return MOTE_OK;
    uint64_t unit = alignment < MT_PAGE_BYTES ? alignment : MT_PAGE_BYTES;
    if (((header->p_offset ^ header->p_vaddr) & (unit - 1)) != 0)
        return fail_segment(err, MOTE_E_IMAGE_SEGMENT, segment, "p_offset", header->p_offset,
                            offsetof(Elf64_Phdr, p_offset),
                            "does not agree with p_vaddr modulo the page and p_align");
    return MOTE_OK;
}

/* The System V ABI has PT_LOAD entries ascend by p_vaddr. */
static mote_status check_order(const struct mt_elf *elf, const struct mt_elf_segment *segment,
                               mote_error *err)
{
    if (elf->n_loads == 0)
        return MOTE_OK;
    const Elf64_Phdr *before = &elf->loads[elf->n_loads - 1].header;
    uint64_t vaddr = segment->header.p_vaddr;
    if (vaddr < before->p_vaddr)
        return fail_segment(err, MOTE_E_IMAGE_SEGMENT, segment, "p_vaddr", vaddr,
                            offsetof(Elf64_Phdr, p_vaddr), "below the segment before it");
    if (vaddr < before->p_vaddr + before->p_memsz)
        return fail_segment(err, MOTE_E_IMAGE_SEGMENT, segment, "p_vaddr", vaddr,
                            offsetof(Elf64_Phdr, p_vaddr), "overlaps the segment before it");
    return MOTE_OK;
}

static mote_status check_rights(const struct mt_elf_segment *segment, mote_error *err)
{
    uint32_t flags = segment->header.p_flags;
    if ((flags & PF_W) != 0 && (flags & PF_X) != 0)
        return fail_segment(err, MOTE_E_IMAGE_RIGHTS, segment, "p_flags", flags,
                            offsetof(Elf64_Phdr, p_flags),
                            "the segment is writable and executable");
    return MOTE_OK;
}

static mote_status add_load(struct mt_elf *elf, const struct mt_elf_segment *segment,
                            mote_error *err)
{
    mote_status status = check_memory_range(segment, err);
    if (status == MOTE_OK)
        status = check_file_range(elf, segment, err);
    if (status == MOTE_OK)
        status = check_alignment(segment, err);
    if (status == MOTE_OK)
        status = check_rights(segment, err);
    if (status != MOTE_OK || segment->header.p_memsz == 0)
        return status;
    status = check_order(elf, segment, err);
    if (status == MOTE_OK)
        elf->loads[elf->n_loads++] = *segment;
    return status;
}

static mote_status set_once(struct mt_elf_segment *to, const struct mt_elf_segment *segment,
                            mote_error *err)
{
    if (to->header.p_type != PT_NULL)
        return fail_segment(err, MOTE_E_IMAGE_SEGMENT, segment, "p_type", segment->header.p_type,
                            offsetof(Elf64_Phdr, p_type), "a second program header of this type");
    *to = *segment;
    return MOTE_OK;
}

/* Everything else is of no concern here. PT_INTERP: nothing is ever interpreted (and ld.gold adds
 * one to any PIE). PT_GNU_STACK: no guest stack is executable. PT_TLS: no ABI of ours sets up a
 * thread pointer, and a guest that brings its own sets it itself. */
static mote_status add_segment(struct mt_elf *elf, const struct mt_elf_segment *segment,
                               mote_error *err)
{
    switch (segment->header.p_type) {
    case PT_LOAD:
        return add_load(elf, segment, err);
    case PT_DYNAMIC:
        return set_once(&elf->dynamic, segment, err);
    case PT_GNU_RELRO:
        return set_once(&elf->relro, segment, err);
    case PT_NOTE:
        elf->notes[elf->n_notes++] = *segment;
        return MOTE_OK;
    default:
        return MOTE_OK;
    }
}

static mote_status read_segments(struct mt_elf *elf, mote_error *err)
{
    for (uint64_t i = 0; i < elf->header.e_phnum; i++) {
        struct mt_elf_segment segment = {.at = elf->header.e_phoff + i * sizeof(Elf64_Phdr)};
        memcpy(&segment.header, elf->file + segment.at, sizeof(segment.header));
        mote_status status = add_segment(elf, &segment, err);
        if (status != MOTE_OK)
            return status;
    }
    if (elf->n_loads == 0)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "e_phnum", elf->header.e_phnum,
                            offsetof(Elf64_Ehdr, e_phnum),
                            "no program header of type PT_LOAD that takes up memory");
    return MOTE_OK;
}

/* ---- Size, entry point, bytes ---- */

/* Address 0 of the image is where the load address will be: the lowest page, or what lies below it
 * at the widest alignment that a segment asks for. Ranges are disjoint and ascend, so that the last
 * segment ends the image. */
static mote_status measure(struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    uint64_t alignment = MT_PAGE_BYTES;
    for (size_t i = 0; i < elf->n_loads; i++) {
        if (elf->loads[i].header.p_align > alignment)
            alignment = elf->loads[i].header.p_align;
    }
    elf->base = mt_round_down(elf->loads[0].header.p_vaddr, alignment);
    for (size_t i = 0; i < elf->n_loads; i++) {
        const struct mt_elf_segment *segment = &elf->loads[i];
        uint64_t start = segment->header.p_vaddr - elf->base;
        if (start > MT_MAX_IMAGE_BYTES)
            return fail_segment(err, MOTE_E_IMAGE_TOO_LARGE, segment, "p_vaddr",
                                segment->header.p_vaddr, offsetof(Elf64_Phdr, p_vaddr),
                                "more than 512 MiB above the lowest segment");
        if (!mt_range_ok(start, segment->header.p_memsz, MT_MAX_IMAGE_BYTES))
            return fail_segment(err, MOTE_E_IMAGE_TOO_LARGE, segment, "p_memsz",
                                segment->header.p_memsz, offsetof(Elf64_Phdr, p_memsz),
                                "the image is larger than 512 MiB");
        image->memory_bytes =
            mt_round_down(start + segment->header.p_memsz + MT_PAGE_BYTES - 1, MT_PAGE_BYTES);
    }
    image->alignment = alignment;
    return MOTE_OK;
}

_Static_assert(MT_MAX_IMAGE_BYTES == 512 * MT_MIB, "the texts above name the cap");
_Static_assert(MT_MAX_SEGMENT_ALIGNMENT == 2 * MT_MIB, "the texts above name the cap");

static mote_status check_entry(const struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    uint64_t entry = elf->header.e_entry;
    for (size_t i = 0; i < elf->n_loads; i++) {
        const Elf64_Phdr *header = &elf->loads[i].header;
        bool is_inside = entry >= header->p_vaddr && entry - header->p_vaddr < header->p_memsz;
        if (is_inside && (header->p_flags & PF_X) != 0) {
            image->entry = entry - elf->base;
            return MOTE_OK;
        }
    }
    return mt_fail_load(err, MOTE_E_IMAGE_ENTRY, "e_entry", entry, offsetof(Elf64_Ehdr, e_entry),
                        "not in an executable segment");
}

static mote_status copy_segments(const struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    image->memory = mt_alloc_zero(&image->allocator, image->memory_bytes);
    if (image->memory == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for an image of %" PRIu64 " bytes",
                       image->memory_bytes);
    for (size_t i = 0; i < elf->n_loads; i++) {
        const Elf64_Phdr *header = &elf->loads[i].header;
        if (header->p_filesz > 0)
            memcpy(image->memory + (header->p_vaddr - elf->base), elf->file + header->p_offset,
                   header->p_filesz);
    }
    return MOTE_OK;
}

static void state_facts(const struct mt_elf *elf, struct mt_image *image)
{
    uint64_t first = elf->loads[0].header.p_vaddr;
    const Elf64_Phdr *last = &elf->loads[elf->n_loads - 1].header;
    mote_image_facts *facts = &image->facts;
    facts->struct_size = sizeof(*facts);
    facts->n_segments = (uint32_t)elf->n_loads;
    facts->n_relocations = (uint32_t)image->n_relocations;
    facts->n_functions = (uint32_t)image->n_functions;
    facts->file_bytes = elf->file_bytes;
    facts->loaded_bytes = last->p_vaddr + last->p_memsz - first;
    facts->entry = elf->header.e_entry - first;
    facts->has_symbols = image->n_symbols > 0;
}

/* ---- All of it ---- */

static mote_status read_file(struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    mote_status status = read_header(elf, err);
    if (status == MOTE_OK)
        status = check_header_table(elf, err);
    if (status == MOTE_OK)
        status = read_segments(elf, err);
    if (status == MOTE_OK)
        status = measure(elf, image, err);
    if (status == MOTE_OK)
        status = check_entry(elf, image, err);
    return status;
}

mote_status mt_elf_parse(struct mt_image *image, const uint8_t *file, uint64_t file_bytes,
                         mote_error *err)
{
    struct mt_elf elf = {.file = file, .file_bytes = file_bytes};
    mote_status status = read_file(&elf, image, err);
    if (status == MOTE_OK)
        status = mt_elf_read_rights(&elf, image, err);
    if (status == MOTE_OK)
        status = copy_segments(&elf, image, err);
    if (status == MOTE_OK)
        status = mt_elf_relocate(&elf, image, err);
    if (status == MOTE_OK)
        status = mt_elf_read_note(&elf, image, err);
    if (status == MOTE_OK)
        status = mt_elf_read_symbols(&elf, image, err);
    if (status == MOTE_OK)
        state_facts(&elf, image);
    return status;
}

/* The last segment that starts at address or below it; where there is none, the first: how far the
 * address is into it wraps then to nearly 2^64, which no segment has. */
static const Elf64_Phdr *load_before(const struct mt_elf *elf, uint64_t address)
{
    size_t low = 1;
    size_t high = elf->n_loads;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (elf->loads[middle].header.p_vaddr - elf->base <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return &elf->loads[low - 1].header;
}

static uint64_t into(const struct mt_elf *elf, const Elf64_Phdr *header, uint64_t address)
{
    return address - (header->p_vaddr - elf->base);
}

bool mt_elf_is_loaded(const struct mt_elf *elf, uint64_t start, uint64_t len_bytes)
{
    const Elf64_Phdr *header = load_before(elf, start);
    return mt_range_ok(into(elf, header, start), len_bytes, header->p_memsz);
}

bool mt_elf_is_from_file(const struct mt_elf *elf, uint64_t start, uint64_t len_bytes)
{
    const Elf64_Phdr *header = load_before(elf, start);
    return mt_range_ok(into(elf, header, start), len_bytes, header->p_filesz);
}

bool mt_elf_is_writable(const struct mt_elf *elf, uint64_t address)
{
    return (load_before(elf, address)->p_flags & PF_W) != 0;
}

uint64_t mt_elf_file_offset(const struct mt_elf *elf, uint64_t address)
{
    const Elf64_Phdr *header = load_before(elf, address);
    uint64_t into_bytes = into(elf, header, address);
    return header->p_offset + (into_bytes < header->p_filesz ? into_bytes : header->p_filesz);
}
