/* SPDX-License-Identifier: Apache-2.0 */
/* ELF: what a guest may do with each page of the image. */
#include "host/image/elf.h"

#include "abi/memory_map.h"
#include "host/base/alloc.h"
#include "host/base/checked.h"
#include <inttypes.h>

/* Where PT_GNU_RELRO makes memory read-only, as virtual addresses. */
struct relro {
    uint64_t start;
    uint64_t end;
};

/* The end is rounded down, as glibc does: data may follow on the same page. The start needs no
 * rounding, since is_relro() looks at what lies on a page before it. */
static mote_status find_relro(const struct mt_elf *elf, struct relro *relro, mote_error *err)
{
    const Elf64_Phdr *header = &elf->relro.header;
    uint64_t end;
    if (header->p_type == PT_NULL)
        return MOTE_OK;
    if (!mt_add(header->p_vaddr, header->p_memsz, &end))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "p_memsz", header->p_memsz,
                            elf->relro.at + offsetof(Elf64_Phdr, p_memsz),
                            "PT_GNU_RELRO passes the end of the address space");
    *relro = (struct relro){header->p_vaddr, mt_round_down(end, MT_PAGE_BYTES)};
    return MOTE_OK;
}

/* Whether all that a segment has on a page is read-only after relocation. */
static bool is_relro(const struct relro *relro, const Elf64_Phdr *segment, uint64_t page)
{
    uint64_t start = page > segment->p_vaddr ? page : segment->p_vaddr;
    uint64_t segment_end = segment->p_vaddr + segment->p_memsz;
    uint64_t end = page + MT_PAGE_BYTES < segment_end ? page + MT_PAGE_BYTES : segment_end;
    return start >= relro->start && end <= relro->end;
}

/* Page tables cannot say "writable but not readable" or "executable but not readable". */
static uint8_t rights_of(uint32_t p_flags)
{
    uint32_t rights = 0;
    if ((p_flags & (PF_R | PF_W | PF_X)) != 0)
        rights |= MOTE_RIGHT_READ;
    if ((p_flags & PF_W) != 0)
        rights |= MOTE_RIGHT_WRITE;
    if ((p_flags & PF_X) != 0)
        rights |= MOTE_RIGHT_EXECUTE;
    return (uint8_t)rights;
}

/* Add a segment's rights to its pages: two segments on a page get the union. */
static mote_status mark_segment(const struct mt_elf *elf, const struct mt_elf_segment *segment,
                                const struct relro *relro, uint8_t *page_rights, mote_error *err)
{
    const Elf64_Phdr *header = &segment->header;
    uint64_t end = header->p_vaddr + header->p_memsz;
    uint8_t rights = rights_of(header->p_flags);
    uint8_t relro_rights = (uint8_t)(rights & ~(uint8_t)MOTE_RIGHT_WRITE);
    for (uint64_t page = mt_round_down(header->p_vaddr, MT_PAGE_BYTES); page < end;
         page += MT_PAGE_BYTES) {
        uint8_t *to = &page_rights[(page - elf->base) / MT_PAGE_BYTES];
        *to |= is_relro(relro, header, page) ? relro_rights : rights;
        if (mt_is_write_and_execute(*to))
            return mt_fail_load(
                err, MOTE_E_IMAGE_RIGHTS, "p_flags", header->p_flags,
                segment->at + offsetof(Elf64_Phdr, p_flags),
                "with another segment, page 0x%" PRIx64 " is writable and executable", page);
    }
    return MOTE_OK;
}

mote_status mt_elf_read_rights(const struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    struct relro relro = {0, 0};
    mote_status status = find_relro(elf, &relro, err);
    if (status != MOTE_OK)
        return status;
    uint64_t n_pages = image->memory_bytes / MT_PAGE_BYTES;
    uint8_t *page_rights = mt_alloc_zero(&image->allocator, n_pages);
    if (page_rights == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the rights of an image");
    for (size_t i = 0; i < elf->n_loads && status == MOTE_OK; i++)
        status = mark_segment(elf, &elf->loads[i], &relro, page_rights, err);
    if (status == MOTE_OK)
        status = mt_parts_spans(image, page_rights, err);
    mt_release(&image->allocator, page_rights);
    return status;
}
