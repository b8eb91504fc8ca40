/* SPDX-License-Identifier: Apache-2.0 */
/* PE: the DOS, COFF and optional headers, the entry point and the facts. */
#include "host/image/pe.h"

#include "abi/memory_map.h"
#include "host/base/checked.h"
#include <inttypes.h>

/* ImageBase is a multiple of this ("PE Format", optional header). */
#define IMAGE_BASE_UNIT_BYTES (64 * MT_KIB)

#define COFF_FIELD(pe, member) ((pe)->coff_at + offsetof(struct mt_pe_coff, member))
#define OPTIONAL_FIELD(pe, member) ((pe)->optional_at + offsetof(struct mt_pe_optional, member))

/* ---- DOS and COFF headers ---- */

static mote_status find_coff(struct mt_pe *pe, mote_error *err)
{
    uint32_t at;
    if (pe->file_bytes < MT_PE_DOS_BYTES)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "file_bytes", pe->file_bytes, pe->file_bytes,
                            "the file ends inside the DOS header");
    memcpy(&at, pe->file + MT_PE_LFANEW_AT, sizeof(at));
    if (at < MT_PE_DOS_BYTES)
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "e_lfanew", at, MT_PE_LFANEW_AT,
                            "the PE signature is inside the DOS header");
    if (!mt_range_ok(at, sizeof(pe->coff), pe->file_bytes))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "e_lfanew", at, MT_PE_LFANEW_AT,
                            "no room for a COFF header in a file of %" PRIu64 " bytes",
                            pe->file_bytes);
    pe->coff_at = at;
    memcpy(&pe->coff, pe->file + at, sizeof(pe->coff));
    return MOTE_OK;
}

static mote_status check_coff(const struct mt_pe *pe, mote_error *err)
{
    const struct mt_pe_coff *coff = &pe->coff;
    if (coff->signature != MT_PE_SIGNATURE)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "Signature", coff->signature,
                            COFF_FIELD(pe, signature), "not a PE file");
    if (coff->machine != MT_PE_MACHINE_X86_64)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "Machine", coff->machine,
                            COFF_FIELD(pe, machine), "not for x86-64");
    if ((coff->characteristics & MT_PE_EXECUTABLE_IMAGE) == 0)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "Characteristics", coff->characteristics,
                            COFF_FIELD(pe, characteristics), "not an executable image");
    if ((coff->characteristics & MT_PE_RELOCS_STRIPPED) != 0)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "Characteristics", coff->characteristics,
                            COFF_FIELD(pe, characteristics),
                            "its relocations were stripped, so that it fits one address only");
    if (coff->n_sections > MT_MAX_SECTIONS)
        return mt_fail_load(err, MOTE_E_IMAGE_TOO_LARGE, "NumberOfSections", coff->n_sections,
                            COFF_FIELD(pe, n_sections), "more than %u sections", MT_MAX_SECTIONS);
    return MOTE_OK;
}

/* ---- The optional header ---- */

static mote_status find_optional(struct mt_pe *pe, mote_error *err)
{
    uint64_t len_bytes = pe->coff.optional_bytes;
    pe->optional_at = pe->coff_at + sizeof(pe->coff);
    if (len_bytes < sizeof(pe->optional))
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "SizeOfOptionalHeader", len_bytes,
                            COFF_FIELD(pe, optional_bytes),
                            "too short for the optional header of a PE32+ image");
    if (!mt_range_ok(pe->optional_at, len_bytes, pe->file_bytes))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "SizeOfOptionalHeader", len_bytes,
                            COFF_FIELD(pe, optional_bytes),
                            "the optional header passes the end of the file");
    memcpy(&pe->optional, pe->file + pe->optional_at, sizeof(pe->optional));
    if (pe->optional.magic != MT_PE_MAGIC_PLUS)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "Magic", pe->optional.magic,
                            OPTIONAL_FIELD(pe, magic), "not a PE32+ image");
    return MOTE_OK;
}

static mote_status read_directories(struct mt_pe *pe, mote_error *err)
{
    uint64_t n = pe->optional.n_directories;
    if (n > MT_PE_N_DIRECTORIES)
        return mt_fail_load(err, MOTE_E_IMAGE_TOO_LARGE, "NumberOfRvaAndSizes", n,
                            OPTIONAL_FIELD(pe, n_directories), "more than %u data directories",
                            (unsigned)MT_PE_N_DIRECTORIES);
    uint64_t len_bytes = n * sizeof(pe->directories[0]);
    if (!mt_range_ok(sizeof(pe->optional), len_bytes, pe->coff.optional_bytes))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "NumberOfRvaAndSizes", n,
                            OPTIONAL_FIELD(pe, n_directories),
                            "the data directories pass the end of the optional header");
    memcpy(pe->directories, pe->file + pe->optional_at + sizeof(pe->optional), len_bytes);
    return MOTE_OK;
}

static bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static mote_status check_alignments(const struct mt_pe *pe, mote_error *err)
{
    uint32_t in_memory = pe->optional.section_alignment;
    uint32_t in_file = pe->optional.file_alignment;
    if (!is_power_of_two(in_memory))
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "SectionAlignment", in_memory,
                            OPTIONAL_FIELD(pe, section_alignment), "not a power of two");
    if (in_memory > MT_MAX_SEGMENT_ALIGNMENT)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "SectionAlignment", in_memory,
                            OPTIONAL_FIELD(pe, section_alignment), "more than 2 MiB");
    if (!is_power_of_two(in_file))
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "FileAlignment", in_file,
                            OPTIONAL_FIELD(pe, file_alignment), "not a power of two");
    if (in_file > in_memory)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "FileAlignment", in_file,
                            OPTIONAL_FIELD(pe, file_alignment), "more than SectionAlignment");
    return MOTE_OK;
}

static mote_status check_image_range(const struct mt_pe *pe, mote_error *err)
{
    uint64_t base = pe->optional.image_base;
    uint64_t end;
    if (pe->optional.image_bytes > MT_MAX_IMAGE_BYTES)
        return mt_fail_load(err, MOTE_E_IMAGE_TOO_LARGE, "SizeOfImage", pe->optional.image_bytes,
                            OPTIONAL_FIELD(pe, image_bytes), "more than 512 MiB");
    if (base % IMAGE_BASE_UNIT_BYTES != 0)
        return mt_fail_load(err, MOTE_E_IMAGE_SEGMENT, "ImageBase", base,
                            OPTIONAL_FIELD(pe, image_base), "not a multiple of 64 KiB");
    if (!mt_add(base, pe->optional.image_bytes, &end))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "ImageBase", base,
                            OPTIONAL_FIELD(pe, image_base),
                            "the image passes the end of the address space");
    return MOTE_OK;
}

_Static_assert(MT_MAX_IMAGE_BYTES == 512 * MT_MIB, "the text above names the cap");
_Static_assert(MT_MAX_SEGMENT_ALIGNMENT == 2 * MT_MIB, "the text above names the cap");

static mote_status check_optional(const struct mt_pe *pe, mote_error *err)
{
    const struct mt_pe_optional *optional = &pe->optional;
    if ((optional->dll_characteristics & MT_PE_DYNAMIC_BASE) == 0)
        return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "DllCharacteristics",
                            optional->dll_characteristics, OPTIONAL_FIELD(pe, dll_characteristics),
                            "without DYNAMIC_BASE it fits one address only");
    mote_status status = check_alignments(pe, err);
    if (status == MOTE_OK)
        status = check_image_range(pe, err);
    return status;
}

/* ---- Entry point, sizes, facts ---- */

static mote_status check_entry(const struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    uint64_t entry = pe->optional.entry;
    for (size_t i = 0; i < pe->n_sections; i++) {
        const struct mt_pe_section *section = &pe->sections[i];
        bool is_inside = entry >= section->start && entry - section->start < section->len_bytes;
        if (is_inside && (section->characteristics & MT_PE_MEM_EXECUTE) != 0) {
            image->entry = entry;
            return MOTE_OK;
        }
    }
    return mt_fail_load(err, MOTE_E_IMAGE_ENTRY, "AddressOfEntryPoint", entry,
                        OPTIONAL_FIELD(pe, entry), "not in an executable section");
}

static mote_status take_reserve(const char *field, uint64_t value, uint64_t at, uint64_t by_default,
                                uint64_t *to, mote_error *err)
{
    if (value > MT_MAX_BUFFER_BYTES)
        return mt_fail_load(err, MOTE_E_IMAGE_TOO_LARGE, field, value, at, "more than 1 GiB");
    *to = value != 0 ? value : by_default;
    return MOTE_OK;
}

_Static_assert(MT_MAX_BUFFER_BYTES == MT_GIB, "the text above names the cap");

/* What a linker reserves is what the guest gets, as in Hyperlight 0.1. */
static mote_status take_reserves(const struct mt_pe *pe, mote_image_facts *facts, mote_error *err)
{
    mote_status status = take_reserve("SizeOfStackReserve", pe->optional.stack_reserve_bytes,
                                      OPTIONAL_FIELD(pe, stack_reserve_bytes),
                                      MT_DEFAULT_STACK_BYTES, &facts->stack_bytes, err);
    if (status == MOTE_OK)
        status = take_reserve("SizeOfHeapReserve", pe->optional.heap_reserve_bytes,
                              OPTIONAL_FIELD(pe, heap_reserve_bytes), MT_DEFAULT_HEAP_BYTES,
                              &facts->heap_bytes, err);
    return status;
}

static void state_facts(const struct mt_pe *pe, struct mt_image *image)
{
    const struct mt_pe_section *last = &pe->sections[pe->n_sections - 1];
    mote_image_facts *facts = &image->facts;
    facts->struct_size = sizeof(*facts);
    facts->format = MOTE_FORMAT_PE;
    facts->abi = MOTE_ABI_HYPERLIGHT_0_1;
    facts->has_other_functions = true;
    facts->n_segments = (uint32_t)pe->n_sections;
    facts->n_relocations = (uint32_t)image->n_relocations;
    facts->file_bytes = pe->file_bytes;
    facts->loaded_bytes = last->start + last->len_bytes;
    facts->entry = image->entry;
    facts->has_symbols = image->n_symbols > 0;
}

/* ---- All of it ---- */

static mote_status read_headers(struct mt_pe *pe, mote_error *err)
{
    mote_status status = find_coff(pe, err);
    if (status == MOTE_OK)
        status = check_coff(pe, err);
    if (status == MOTE_OK)
        status = find_optional(pe, err);
    if (status == MOTE_OK)
        status = read_directories(pe, err);
    if (status == MOTE_OK)
        status = check_optional(pe, err);
    return status;
}

mote_status mt_pe_parse(struct mt_image *image, const uint8_t *file, uint64_t file_bytes,
                        mote_error *err)
{
    struct mt_pe pe = {.file = file, .file_bytes = file_bytes};
    mote_status status = read_headers(&pe, err);
    if (status == MOTE_OK)
        status = mt_pe_read_sections(&pe, image, err);
    if (status == MOTE_OK)
        status = check_entry(&pe, image, err);
    if (status == MOTE_OK)
        status = take_reserves(&pe, &image->facts, err);
    if (status == MOTE_OK)
        status = mt_pe_read_rights(&pe, image, err);
    if (status == MOTE_OK)
        status = mt_pe_name_sections(&pe, image, err);
    if (status == MOTE_OK)
        status = mt_pe_copy_sections(&pe, image, err);
    if (status == MOTE_OK)
        status = mt_pe_check_directories(&pe, image, err);
    if (status == MOTE_OK)
        status = mt_pe_relocate(&pe, image, err);
    if (status == MOTE_OK)
        status = mt_pe_read_symbols(&pe, image, err);
    if (status == MOTE_OK)
        state_facts(&pe, image);
    return status;
}

uint64_t mt_pe_section_header_at(const struct mt_pe *pe, uint64_t index)
{
    return pe->optional_at + pe->coff.optional_bytes + index * sizeof(struct mt_pe_section_header);
}

uint64_t mt_pe_directory_at(const struct mt_pe *pe, enum mt_pe_directory_index index)
{
    return pe->optional_at + sizeof(pe->optional) + index * sizeof(struct mt_pe_directory);
}
