/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE: base relocations. A DIR64 entry names 8 bytes that hold an address for the preferred base.
 * The image's memory gets the address relative to the image's first byte, and the place is kept,
 * so that placing the image is one addition for each. A file without them has no addresses in it.
 */
#include "host/image/pe.h"

#include "host/base/alloc.h"
#include "host/base/checked.h"

/* The blocks are walked twice: to count and check, and to store. */
struct walk {
    const struct mt_pe *pe;
    const struct mt_image *image;
    uint64_t start; /* of the blocks */
    uint64_t end;
    struct mt_relocation *found; /* NULL while counting */
    size_t n;
    mote_error *err;
};

#define FIELD_PLACE "relocation RVA"

static bool is_in_blocks(const struct walk *walk, uint64_t place)
{
    return place < walk->end && place + sizeof(uint64_t) > walk->start;
}

static mote_status take(struct walk *walk, uint64_t place, uint64_t at)
{
    const struct mt_pe *pe = walk->pe;
    if (!mt_pe_is_loaded(pe, place, sizeof(uint64_t)))
        return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, FIELD_PLACE, place, at,
                            "8 bytes there are not inside a section");
    if (is_in_blocks(walk, place))
        return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, FIELD_PLACE, place, at,
                            "inside the relocations themselves");
    uint64_t address = mt_read_u64(walk->image->memory + place);
    uint64_t value = address - pe->optional.image_base;
    if (value > walk->image->memory_bytes)
        return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "relocated address", address,
                            mt_pe_file_offset(pe, place), "points outside the image");
    if (walk->n == MT_MAX_RELOCATIONS)
        return mt_fail_load(walk->err, MOTE_E_IMAGE_TOO_LARGE, FIELD_PLACE, place, at,
                            "more than %u relocations", MT_MAX_RELOCATIONS);
    if (walk->found != NULL)
        walk->found[walk->n] = (struct mt_relocation){place, value, at};
    walk->n++;
    return MOTE_OK;
}

/* 12 bits of offset into the page, and above them the type. */
static mote_status walk_entries(struct walk *walk, uint64_t page, uint64_t start, uint64_t end)
{
    for (uint64_t address = start; address < end; address += sizeof(uint16_t)) {
        uint16_t entry;
        memcpy(&entry, walk->image->memory + address, sizeof(entry));
        unsigned type = entry >> 12;
        if (type == MT_PE_RELOCATION_ABSOLUTE)
            continue;
        uint64_t at = mt_pe_file_offset(walk->pe, address);
        if (type != MT_PE_RELOCATION_DIR64)
            return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "relocation entry", entry, at,
                                "relocation type %u is neither DIR64 nor ABSOLUTE", type);
        mote_status status = take(walk, page + (entry & 0xFFFu), at);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

static mote_status fail_block(const struct walk *walk, const struct mt_pe_block *block,
                              uint64_t address, const char *complaint)
{
    return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "SizeOfBlock", block->len_bytes,
                        mt_pe_file_offset(walk->pe, address) +
                            offsetof(struct mt_pe_block, len_bytes),
                        "%s", complaint);
}

static mote_status walk_blocks(struct walk *walk)
{
    walk->n = 0;
    for (uint64_t address = walk->start; address < walk->end;) {
        struct mt_pe_block block;
        uint64_t left = walk->end - address;
        if (left < sizeof(block))
            return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "base relocation Size",
                                walk->end - walk->start,
                                mt_pe_directory_at(walk->pe, MT_PE_RELOCATION) +
                                    offsetof(struct mt_pe_directory, len_bytes),
                                "ends inside the header of a block");
        memcpy(&block, walk->image->memory + address, sizeof(block));
        if (block.len_bytes < sizeof(block))
            return fail_block(walk, &block, address, "less than the header of a block");
        if (block.len_bytes % sizeof(uint32_t) != 0)
            return fail_block(walk, &block, address, "not a multiple of 4");
        if (block.len_bytes > left)
            return fail_block(walk, &block, address, "the block passes the end of the relocations");
        mote_status status =
            walk_entries(walk, block.page_rva, address + sizeof(block), address + block.len_bytes);
        if (status != MOTE_OK)
            return status;
        address += block.len_bytes;
    }
    return MOTE_OK;
}

static mote_status collect_and_apply(struct walk *walk, struct mt_image *image)
{
    mote_status status = walk_blocks(walk);
    if (status != MOTE_OK || walk->n == 0)
        return status;
    walk->found = mt_alloc_array_zero(&image->allocator, walk->n, sizeof(walk->found[0]));
    if (walk->found == NULL)
        return mt_fail(walk->err, MOTE_E_MEMORY, "no memory for %zu relocations", walk->n);
    status = walk_blocks(walk);
    if (status == MOTE_OK)
        status = mt_parts_relocate(image, walk->found, walk->n, FIELD_PLACE, 0, walk->err);
    mt_release(&image->allocator, walk->found);
    return status;
}

mote_status mt_pe_relocate(const struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    const struct mt_pe_directory *directory = &pe->directories[MT_PE_RELOCATION];
    struct walk walk = {
        .pe = pe,
        .image = image,
        .start = directory->rva,
        .end = (uint64_t)directory->rva + directory->len_bytes,
        .err = err,
    };
    if (directory->len_bytes == 0)
        return MOTE_OK;
    if (!mt_pe_is_from_file(pe, directory->rva, directory->len_bytes))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "base relocation RVA", directory->rva,
                            mt_pe_directory_at(pe, MT_PE_RELOCATION),
                            "the relocations are not inside what a section loads from the file");
    return collect_and_apply(&walk, image);
}
