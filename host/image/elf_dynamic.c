/* SPDX-License-Identifier: Apache-2.0 */
/* ELF: the dynamic section, as far as relocation needs it. */
#include "host/image/elf.h"

static const struct {
    int64_t tag;
    const char *field;
} wanted_tags[MT_N_DYNAMIC_TAGS] = {
    [MT_DYNAMIC_RELA] = {DT_RELA, "DT_RELA"},
    [MT_DYNAMIC_RELASZ] = {DT_RELASZ, "DT_RELASZ"},
    [MT_DYNAMIC_RELAENT] = {DT_RELAENT, "DT_RELAENT"},
    [MT_DYNAMIC_REL] = {DT_REL, "DT_REL"},
    [MT_DYNAMIC_RELSZ] = {DT_RELSZ, "DT_RELSZ"},
    [MT_DYNAMIC_RELENT] = {DT_RELENT, "DT_RELENT"},
    [MT_DYNAMIC_RELR] = {DT_RELR, "DT_RELR"},
    [MT_DYNAMIC_RELRSZ] = {DT_RELRSZ, "DT_RELRSZ"},
    [MT_DYNAMIC_RELRENT] = {DT_RELRENT, "DT_RELRENT"},
    [MT_DYNAMIC_JMPREL] = {DT_JMPREL, "DT_JMPREL"},
    [MT_DYNAMIC_PLTRELSZ] = {DT_PLTRELSZ, "DT_PLTRELSZ"},
    [MT_DYNAMIC_PLTREL] = {DT_PLTREL, "DT_PLTREL"},
    [MT_DYNAMIC_FLAGS_1] = {DT_FLAGS_1, "DT_FLAGS_1"},
};

static mote_status keep(const struct mt_elf *elf, struct mt_dynamic *dynamic,
                        const Elf64_Dyn *found, uint64_t address, mote_error *err)
{
    for (size_t i = 0; i < MT_N_DYNAMIC_TAGS; i++) {
        struct mt_dynamic_entry *entry = &dynamic->entries[i];
        if (wanted_tags[i].tag != found->d_tag)
            continue;
        uint64_t at = mt_elf_file_offset(elf, address) + offsetof(Elf64_Dyn, d_un);
        if (entry->is_present)
            return mt_fail_load(err, MOTE_E_IMAGE_RELOCATION, entry->field, found->d_un.d_val, at,
                                "a second entry of this tag in the dynamic section");
        entry->is_present = true;
        entry->value = found->d_un.d_val;
        entry->at = at;
    }
    return MOTE_OK;
}

/* DT_NULL ends the section; so does its end. Zeroed memory is DT_NULL: no more is looked at than
 * the file has. */
static mote_status read_entries(const struct mt_elf *elf, const struct mt_image *image,
                                struct mt_dynamic *dynamic, mote_error *err)
{
    uint64_t start = elf->dynamic.header.p_vaddr - elf->base;
    uint64_t n = elf->dynamic.header.p_memsz / sizeof(Elf64_Dyn);
    for (uint64_t i = 0; i < n; i++) {
        Elf64_Dyn found;
        uint64_t address = start + i * sizeof(found);
        memcpy(&found, image->memory + address, sizeof(found));
        if (found.d_tag == DT_NULL)
            return MOTE_OK;
        mote_status status = keep(elf, dynamic, &found, address, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

mote_status mt_elf_read_dynamic(const struct mt_elf *elf, const struct mt_image *image,
                                struct mt_dynamic *dynamic, mote_error *err)
{
    memset(dynamic, 0, sizeof(*dynamic));
    for (size_t i = 0; i < MT_N_DYNAMIC_TAGS; i++)
        dynamic->entries[i].field = wanted_tags[i].field;
    const Elf64_Phdr *header = &elf->dynamic.header;
    if (header->p_type == PT_NULL)
        return MOTE_OK;
    if (header->p_vaddr < elf->base ||
        !mt_elf_is_loaded(elf, header->p_vaddr - elf->base, header->p_memsz))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "p_vaddr", header->p_vaddr,
                            elf->dynamic.at + offsetof(Elf64_Phdr, p_vaddr),
                            "PT_DYNAMIC is not inside a loaded segment");
    return read_entries(elf, image, dynamic, err);
}
