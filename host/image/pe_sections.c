/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE: the section table, what a guest may do with each page, and the bytes that get loaded. The
 * headers are loaded too, at RVA 0, and can be read.
 */
#include "host/image/pe.h"

#include "abi/memory_map.h"
#include "host/base/alloc.h"
#include "host/base/checked.h"
#include "host/base/text.h"
#include <inttypes.h>

/* A section header on its way to be checked. */
struct entry {
    struct mt_pe_section_header header;
    uint64_t at;
};

#define SECTION_FIELD(entry, member) ((entry)->at + offsetof(struct mt_pe_section_header, member))

/* ---- The section table ---- */

static mote_status check_table(const struct mt_pe *pe, mote_error *err)
{
    uint64_t n = pe->coff.n_sections;
    uint64_t start = mt_pe_section_header_at(pe, 0);
    uint64_t end = mt_pe_section_header_at(pe, n);
    uint64_t headers_bytes = pe->optional.headers_bytes;
    uint64_t at = pe->optional_at + offsetof(struct mt_pe_optional, headers_bytes);
    if (!mt_range_ok(start, end - start, pe->file_bytes))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "NumberOfSections", n,
                            pe->coff_at + offsetof(struct mt_pe_coff, n_sections),
                            "the section table passes the end of the file");
    if (headers_bytes < end)
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "SizeOfHeaders", headers_bytes, at,
                            "the headers end before the section table does");
    if (headers_bytes > pe->file_bytes)
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "SizeOfHeaders", headers_bytes, at,
                            "the headers pass the end of the file");
    return MOTE_OK;
}

/* A section without a place in the file is zeroed memory. */
static mote_status check_file_range(const struct mt_pe *pe, const struct entry *entry,
                                    mote_error *err)
{
    const struct mt_pe_section_header *header = &entry->header;
    if (header->raw_at == 0 || header->raw_bytes == 0)
        return MOTE_OK;
    if (header->raw_at % pe->optional.file_alignment != 0)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "PointerToRawData", header->raw_at,
                            SECTION_FIELD(entry, raw_at), "not a multiple of FileAlignment");
    if (header->raw_at < pe->optional.headers_bytes)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "PointerToRawData", header->raw_at,
                            SECTION_FIELD(entry, raw_at), "the section starts inside the headers");
    if (header->raw_at > pe->file_bytes)
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "PointerToRawData", header->raw_at,
                            SECTION_FIELD(entry, raw_at),
                            "the section starts behind the end of the file");
    if (!mt_range_ok(header->raw_at, header->raw_bytes, pe->file_bytes))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "SizeOfRawData", header->raw_bytes,
                            SECTION_FIELD(entry, raw_bytes),
                            "the section ends behind the end of the file");
    return MOTE_OK;
}

/* Sections ascend by VirtualAddress ("PE Format", section table). */
static mote_status check_place(const struct mt_pe *pe, const struct entry *entry, mote_error *err)
{
    uint64_t rva = entry->header.rva;
    uint64_t at = SECTION_FIELD(entry, rva);
    if (rva % pe->optional.section_alignment != 0)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "VirtualAddress", rva, at,
                            "not a multiple of SectionAlignment");
    if (rva < pe->optional.headers_bytes)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "VirtualAddress", rva, at,
                            "overlaps the headers");
    if (pe->n_sections == 0)
        return MOTE_OK;
    const struct mt_pe_section *before = &pe->sections[pe->n_sections - 1];
    if (rva < before->start)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "VirtualAddress", rva, at,
                            "below the section before it");
    if (rva < before->start + before->len_bytes)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "VirtualAddress", rva, at,
                            "overlaps the section before it");
    return MOTE_OK;
}

/* Some linkers leave VirtualSize 0; then SizeOfRawData is the size, as Windows has it. */
static mote_status check_memory_range(const struct mt_pe *pe, const struct entry *entry,
                                      uint64_t len_bytes, mote_error *err)
{
    const struct mt_pe_section_header *header = &entry->header;
    bool has_size = header->virtual_bytes != 0;
    if (header->rva > pe->optional.image_bytes)
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "VirtualAddress", header->rva,
                            SECTION_FIELD(entry, rva), "behind SizeOfImage");
    if (!mt_range_ok(header->rva, len_bytes, pe->optional.image_bytes))
        return mt_fail_load(
            err, MOTE_E_IMAGE_BOUNDS, has_size ? "VirtualSize" : "SizeOfRawData", len_bytes,
            has_size ? SECTION_FIELD(entry, virtual_bytes) : SECTION_FIELD(entry, raw_bytes),
            "the section passes SizeOfImage");
    return MOTE_OK;
}

/* Page tables cannot say "writable but not readable" or "executable but not readable". */
static uint8_t rights_of(uint32_t characteristics)
{
    uint32_t rights = 0;
    if ((characteristics & (MT_PE_MEM_READ | MT_PE_MEM_WRITE | MT_PE_MEM_EXECUTE)) != 0)
        rights |= MOTE_RIGHT_READ;
    if ((characteristics & MT_PE_MEM_WRITE) != 0)
        rights |= MOTE_RIGHT_WRITE;
    if ((characteristics & MT_PE_MEM_EXECUTE) != 0)
        rights |= MOTE_RIGHT_EXECUTE;
    return (uint8_t)rights;
}

static mote_status check_rights(const struct entry *entry, mote_error *err)
{
    uint32_t characteristics = entry->header.characteristics;
    if (mt_is_write_and_execute(rights_of(characteristics)))
        return mt_fail_load(err, MOTE_E_IMAGE_RIGHTS, "Characteristics", characteristics,
                            SECTION_FIELD(entry, characteristics),
                            "the section is writable and executable");
    return MOTE_OK;
}

static mote_status add_section(struct mt_pe *pe, const struct entry *entry, mote_error *err)
{
    const struct mt_pe_section_header *header = &entry->header;
    uint64_t len_bytes = header->virtual_bytes != 0 ? header->virtual_bytes : header->raw_bytes;
    uint64_t raw_bytes = header->raw_at != 0 ? header->raw_bytes : 0;
    mote_status status = check_file_range(pe, entry, err);
    if (status == MOTE_OK)
        status = check_rights(entry, err);
    if (status != MOTE_OK || len_bytes == 0)
        return status;
    status = check_place(pe, entry, err);
    if (status == MOTE_OK)
        status = check_memory_range(pe, entry, len_bytes, err);
    if (status != MOTE_OK)
        return status;
    pe->sections[pe->n_sections++] = (struct mt_pe_section){
        .start = header->rva,
        .len_bytes = len_bytes,
        .from = header->raw_at,
        .n_from_file = raw_bytes < len_bytes ? raw_bytes : len_bytes,
        .characteristics = header->characteristics,
        .at = entry->at,
    };
    return MOTE_OK;
}

/* SizeOfImage is where the last section ends, rounded up. */
static mote_status measure(const struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    const struct mt_pe_section *last = &pe->sections[pe->n_sections - 1];
    uint64_t alignment = pe->optional.section_alignment;
    uint64_t end = mt_round_down(last->start + last->len_bytes + alignment - 1, alignment);
    if (end != pe->optional.image_bytes)
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "SizeOfImage", pe->optional.image_bytes,
                            pe->optional_at + offsetof(struct mt_pe_optional, image_bytes),
                            "the sections end at 0x%" PRIx64, end);
    image->memory_bytes = mt_round_down(end + MT_PAGE_BYTES - 1, MT_PAGE_BYTES);
    image->alignment = alignment > MT_PAGE_BYTES ? alignment : MT_PAGE_BYTES;
    return MOTE_OK;
}

mote_status mt_pe_read_sections(struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    mote_status status = check_table(pe, err);
    for (uint64_t i = 0; i < pe->coff.n_sections && status == MOTE_OK; i++) {
        struct entry entry = {.at = mt_pe_section_header_at(pe, i)};
        memcpy(&entry.header, pe->file + entry.at, sizeof(entry.header));
        status = add_section(pe, &entry, err);
    }
    if (status != MOTE_OK)
        return status;
    if (pe->n_sections == 0)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "NumberOfSections", pe->coff.n_sections,
                            pe->coff_at + offsetof(struct mt_pe_coff, n_sections),
                            "no section that takes up memory");
    return measure(pe, image, err);
}

/* ---- Rights ---- */

/* Add a section's rights to its pages: two sections on a page get the union. */
static mote_status mark_section(const struct mt_pe_section *section, uint8_t *page_rights,
                                mote_error *err)
{
    uint64_t end = section->start + section->len_bytes;
    for (uint64_t page = mt_round_down(section->start, MT_PAGE_BYTES); page < end;
         page += MT_PAGE_BYTES) {
        uint8_t *to = &page_rights[page / MT_PAGE_BYTES];
        *to |= rights_of(section->characteristics);
        if (mt_is_write_and_execute(*to))
            return mt_fail_load(
                err, MOTE_E_IMAGE_RIGHTS, "Characteristics", section->characteristics,
                section->at + offsetof(struct mt_pe_section_header, characteristics),
                "with another section, page 0x%" PRIx64 " is writable and executable", page);
    }
    return MOTE_OK;
}

mote_status mt_pe_read_rights(const struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    uint8_t *page_rights = mt_alloc_zero(&image->allocator, image->memory_bytes / MT_PAGE_BYTES);
    if (page_rights == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the rights of an image");
    for (uint64_t page = 0; page < pe->optional.headers_bytes; page += MT_PAGE_BYTES)
        page_rights[page / MT_PAGE_BYTES] = MOTE_RIGHT_READ;
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < pe->n_sections && status == MOTE_OK; i++)
        status = mark_section(&pe->sections[i], page_rights, err);
    if (status == MOTE_OK)
        status = mt_parts_spans(image, page_rights, err);
    mt_release(&image->allocator, page_rights);
    return status;
}

/* ---- Names ---- */

#define NAME_BYTES sizeof(((struct mt_pe_section_header *)NULL)->name)
/* A byte is escaped as four. */
_Static_assert(MOTE_SECTION_NAME_BYTES > 4 * NAME_BYTES, "a name fits");

mote_status mt_pe_name_sections(const struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    image->sections =
        mt_alloc_array_zero(&image->allocator, pe->n_sections, sizeof(image->sections[0]));
    if (image->sections == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the names of %zu sections",
                       pe->n_sections);
    image->n_sections = pe->n_sections;
    for (size_t i = 0; i < pe->n_sections; i++) {
        const struct mt_pe_section *section = &pe->sections[i];
        mote_section *to = &image->sections[i];
        const char *name = (const char *)pe->file + section->at;
        mt_escape(to->name, sizeof(to->name), name, strnlen(name, NAME_BYTES));
        to->start = section->start;
        to->len_bytes = section->len_bytes;
        to->rights = rights_of(section->characteristics);
    }
    return MOTE_OK;
}

/* ---- Bytes ---- */

mote_status mt_pe_copy_sections(const struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    image->memory = mt_alloc_zero(&image->allocator, image->memory_bytes);
    if (image->memory == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for an image of %" PRIu64 " bytes",
                       image->memory_bytes);
    memcpy(image->memory, pe->file, pe->optional.headers_bytes);
    for (size_t i = 0; i < pe->n_sections; i++) {
        const struct mt_pe_section *section = &pe->sections[i];
        if (section->n_from_file > 0)
            memcpy(image->memory + section->start, pe->file + section->from, section->n_from_file);
    }
    return MOTE_OK;
}

/* ---- Looking up ---- */

/* The last section that starts at address or below it; NULL for none. */
static const struct mt_pe_section *section_before(const struct mt_pe *pe, uint64_t address)
{
    size_t low = 0;
    size_t high = pe->n_sections;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pe->sections[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &pe->sections[low - 1] : NULL;
}

bool mt_pe_is_loaded(const struct mt_pe *pe, uint64_t start, uint64_t len_bytes)
{
    const struct mt_pe_section *section = section_before(pe, start);
    return section != NULL && mt_range_ok(start - section->start, len_bytes, section->len_bytes);
}

bool mt_pe_is_from_file(const struct mt_pe *pe, uint64_t start, uint64_t len_bytes)
{
    const struct mt_pe_section *section = section_before(pe, start);
    return section != NULL && mt_range_ok(start - section->start, len_bytes, section->n_from_file);
}

uint64_t mt_pe_file_offset(const struct mt_pe *pe, uint64_t address)
{
    const struct mt_pe_section *section = section_before(pe, address);
    if (section == NULL)
        return address;
    uint64_t into = address - section->start;
    return section->from + (into < section->n_from_file ? into : section->n_from_file);
}
