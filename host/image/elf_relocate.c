/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF: relocations. A static PIE has only R_X86_64_RELATIVE: "load address + addend" goes to a
 * place. The image's memory gets the addend, relative to its first byte, and the place is kept, so
 * that placing the image is one addition for each.
 */
#include "host/image/elf.h"

#include "host/base/alloc.h"
#include "host/base/checked.h"
#include <inttypes.h>

/* A table of relocations in the image's memory; the file has all of it, in one piece. */
struct table {
    uint64_t start;
    uint64_t n;
};

enum form { FORM_RELA, FORM_REL, FORM_RELR };

static const struct form_facts {
    uint64_t entry_bytes;
    enum mt_dynamic_tag address, len, entry;
} forms[] = {
    [FORM_RELA] = {sizeof(Elf64_Rela), MT_DYNAMIC_RELA, MT_DYNAMIC_RELASZ, MT_DYNAMIC_RELAENT},
    [FORM_REL] = {sizeof(Elf64_Rel), MT_DYNAMIC_REL, MT_DYNAMIC_RELSZ, MT_DYNAMIC_RELENT},
    [FORM_RELR] = {sizeof(uint64_t), MT_DYNAMIC_RELR, MT_DYNAMIC_RELRSZ, MT_DYNAMIC_RELRENT},
};
#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

/* The tables are walked twice: to count and check, and to store. */
struct walk {
    const struct mt_elf *elf;
    const struct mt_image *image;
    struct mt_relocation *found; /* NULL while counting */
    size_t n;
    mote_error *err;
};

/* A relocation as the file has it: virtual addresses, and where in the file they stand. */
struct entry {
    uint64_t place;
    uint64_t place_at;
    bool has_addend; /* or else it stands at the place */
    uint64_t addend;
    uint64_t addend_at;
};

/* ---- Finding the tables ---- */

static mote_status fail_entry(mote_error *err, mote_status code,
                              const struct mt_dynamic_entry *entry, uint64_t at,
                              const char *complaint)
{
    return mt_fail_load(err, code, entry->field, entry->value, at, "%s", complaint);
}

static mote_status find_table(const struct mt_elf *elf, const struct mt_dynamic_entry *address,
                              const struct mt_dynamic_entry *len, uint64_t entry_bytes,
                              struct table *table, mote_error *err)
{
    *table = (struct table){0, 0};
    if (address->is_present && !len->is_present)
        return fail_entry(err, MOTE_E_IMAGE_RELOCATION, address, address->at,
                          "a table of relocations without a size");
    if (len->value == 0)
        return MOTE_OK;
    if (!address->is_present)
        return fail_entry(err, MOTE_E_IMAGE_RELOCATION, len, len->at,
                          "a size of relocations without a table");
    if (len->value % entry_bytes != 0)
        return fail_entry(err, MOTE_E_IMAGE_RELOCATION, len, len->at,
                          "not a multiple of the size of a relocation");
    if (address->value < elf->base ||
        !mt_elf_is_from_file(elf, address->value - elf->base, len->value))
        return fail_entry(
            err, MOTE_E_IMAGE_BOUNDS, address, address->at,
            "the table of relocations is not inside what a segment loads from the file");
    if (len->value / entry_bytes > MT_MAX_RELOCATIONS)
        return mt_fail_load(err, MOTE_E_IMAGE_TOO_LARGE, len->field, len->value, len->at,
                            "more than %u relocations", MT_MAX_RELOCATIONS);
    *table = (struct table){address->value - elf->base, len->value / entry_bytes};
    return MOTE_OK;
}

static mote_status find_table_of_form(const struct mt_elf *elf, const struct mt_dynamic *dynamic,
                                      enum form form, struct table *table, mote_error *err)
{
    const struct form_facts *facts = &forms[form];
    const struct mt_dynamic_entry *len = &dynamic->entries[facts->len];
    const struct mt_dynamic_entry *entry = &dynamic->entries[facts->entry];
    mote_status status =
        find_table(elf, &dynamic->entries[facts->address], len, facts->entry_bytes, table, err);
    if (status != MOTE_OK || table->n == 0 || entry->value == facts->entry_bytes)
        return status;
    return fail_entry(err, MOTE_E_IMAGE_RELOCATION, entry, entry->is_present ? entry->at : len->at,
                      "not the size of a relocation");
}

/* Some linkers count the PLT's relocations in the general table too. */
static bool is_inside(const struct table *inner, const struct table *outer, uint64_t entry_bytes)
{
    return inner->start >= outer->start &&
           mt_range_ok(inner->start - outer->start, inner->n * entry_bytes, outer->n * entry_bytes);
}

static mote_status find_plt_table(const struct mt_elf *elf, const struct mt_dynamic *dynamic,
                                  const struct table tables[N_FORMS], struct table *table,
                                  enum form *form, mote_error *err)
{
    const struct mt_dynamic_entry *len = &dynamic->entries[MT_DYNAMIC_PLTRELSZ];
    const struct mt_dynamic_entry *kind = &dynamic->entries[MT_DYNAMIC_PLTREL];
    *form = kind->value == DT_REL ? FORM_REL : FORM_RELA;
    mote_status status = find_table(elf, &dynamic->entries[MT_DYNAMIC_JMPREL], len,
                                    forms[*form].entry_bytes, table, err);
    if (status != MOTE_OK || table->n == 0)
        return status;
    if (kind->value != DT_REL && kind->value != DT_RELA)
        return fail_entry(err, MOTE_E_IMAGE_RELOCATION, kind, kind->is_present ? kind->at : len->at,
                          "neither DT_REL nor DT_RELA");
    if (is_inside(table, &tables[*form], forms[*form].entry_bytes))
        table->n = 0;
    return MOTE_OK;
}

/* ---- Walking them ---- */

static mote_status take(struct walk *walk, const struct entry *entry)
{
    const struct mt_elf *elf = walk->elf;
    uint64_t place = entry->place - elf->base;
    if (entry->place < elf->base || !mt_elf_is_loaded(elf, place, sizeof(uint64_t)))
        return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "r_offset", entry->place,
                            entry->place_at, "8 bytes there are not inside a loaded segment");
    if (!mt_elf_is_writable(elf, place))
        return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "r_offset", entry->place,
                            entry->place_at, "the segment there is not writable");
    uint64_t addend = entry->has_addend ? entry->addend : mt_read_u64(walk->image->memory + place);
    uint64_t value = addend - elf->base;
    if (addend < elf->base || value > walk->image->memory_bytes)
        return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "r_addend", addend,
                            entry->has_addend ? entry->addend_at : mt_elf_file_offset(elf, place),
                            "points outside the image");
    if (walk->n == MT_MAX_RELOCATIONS)
        return mt_fail_load(walk->err, MOTE_E_IMAGE_TOO_LARGE, "r_offset", entry->place,
                            entry->place_at, "more than %u relocations", MT_MAX_RELOCATIONS);
    if (walk->found != NULL)
        walk->found[walk->n] = (struct mt_relocation){place, value, entry->place_at};
    walk->n++;
    return MOTE_OK;
}

/* REL and RELA: the same but for the addend at the end. */
static mote_status walk_entries(struct walk *walk, const struct table *table, enum form form)
{
    uint64_t entry_bytes = forms[form].entry_bytes;
    uint64_t table_at = mt_elf_file_offset(walk->elf, table->start);
    for (uint64_t i = 0; i < table->n; i++) {
        Elf64_Rela rela = {0};
        uint64_t at = table_at + i * entry_bytes;
        memcpy(&rela, walk->image->memory + table->start + i * entry_bytes, entry_bytes);
        uint32_t type = ELF64_R_TYPE(rela.r_info);
        if (type == R_X86_64_NONE)
            continue;
        if (type != R_X86_64_RELATIVE)
            return mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "r_info", rela.r_info,
                                at + offsetof(Elf64_Rela, r_info),
                                "relocation type %" PRIu32 " is neither RELATIVE nor NONE", type);
        const struct entry entry = {
            .place = rela.r_offset,
            .place_at = at + offsetof(Elf64_Rela, r_offset),
            .has_addend = form == FORM_RELA,
            .addend = (uint64_t)rela.r_addend,
            .addend_at = at + offsetof(Elf64_Rela, r_addend),
        };
        mote_status status = take(walk, &entry);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

/* A word of DT_RELR with bit 0 set: bit n stands for the n-1st of the 63 words from place. */
static mote_status walk_bitmap(struct walk *walk, uint64_t word, uint64_t place, uint64_t at)
{
    for (uint64_t bits = word >> 1; bits != 0; bits >>= 1, place += sizeof(uint64_t)) {
        if ((bits & 1) == 0)
            continue;
        const struct entry entry = {.place = place, .place_at = at};
        mote_status status = take(walk, &entry);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

/* DT_RELR (generic System V ABI, "Relative relocation table"): an even word is a place; an odd one
 * is a bitmap of the places behind those before it. */
static mote_status walk_relr(struct walk *walk, const struct table *table)
{
    uint64_t next = 0;
    uint64_t table_at = mt_elf_file_offset(walk->elf, table->start);
    for (uint64_t i = 0; i < table->n; i++) {
        uint64_t at = table_at + i * sizeof(uint64_t);
        uint64_t word = mt_read_u64(walk->image->memory + table->start + i * sizeof(uint64_t));
        mote_status status;
        if ((word & 1) == 0) {
            const struct entry entry = {.place = word, .place_at = at};
            status = take(walk, &entry);
            next = word + sizeof(uint64_t);
        } else if (i == 0) {
            status = mt_fail_load(walk->err, MOTE_E_IMAGE_RELOCATION, "DT_RELR word", word, at,
                                  "a bitmap before any address");
        } else {
            status = walk_bitmap(walk, word, next, at);
            next += 63 * sizeof(uint64_t);
        }
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

struct tables {
    struct table of_form[N_FORMS];
    struct table plt;
    enum form plt_form;
};

static mote_status walk_all(struct walk *walk, const struct tables *tables)
{
    walk->n = 0;
    mote_status status = walk_entries(walk, &tables->of_form[FORM_RELA], FORM_RELA);
    if (status == MOTE_OK)
        status = walk_entries(walk, &tables->of_form[FORM_REL], FORM_REL);
    if (status == MOTE_OK)
        status = walk_relr(walk, &tables->of_form[FORM_RELR]);
    if (status == MOTE_OK)
        status = walk_entries(walk, &tables->plt, tables->plt_form);
    return status;
}

/* ---- All of it ---- */

static mote_status collect_and_apply(const struct mt_elf *elf, struct mt_image *image,
                                     const struct tables *tables, mote_error *err)
{
    struct walk walk = {.elf = elf, .image = image, .err = err};
    mote_status status = walk_all(&walk, tables);
    if (status != MOTE_OK || walk.n == 0)
        return status;
    walk.found = mt_alloc_array_zero(&image->allocator, walk.n, sizeof(walk.found[0]));
    if (walk.found == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for %zu relocations", walk.n);
    status = walk_all(&walk, tables);
    if (status == MOTE_OK)
        status = mt_parts_relocate(image, walk.found, walk.n, "r_offset", elf->base, err);
    mt_release(&image->allocator, walk.found);
    return status;
}

/* An ET_EXEC file that can be loaded anywhere says so with DF_1_PIE. Nothing less will do: one that
 * merely has relocations may also have addresses that no relocation corrects. */
static mote_status check_position_independent(const struct mt_elf *elf,
                                              const struct mt_dynamic *dynamic, mote_error *err)
{
    bool is_pie = (dynamic->entries[MT_DYNAMIC_FLAGS_1].value & DF_1_PIE) != 0;
    if (elf->header.e_type == ET_DYN || is_pie)
        return MOTE_OK;
    return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "e_type", elf->header.e_type,
                        offsetof(Elf64_Ehdr, e_type),
                        "an executable that is not position-independent");
}

mote_status mt_elf_relocate(const struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    struct mt_dynamic dynamic;
    struct tables tables = {0};
    mote_status status = mt_elf_read_dynamic(elf, image, &dynamic, err);
    if (status == MOTE_OK)
        status = check_position_independent(elf, &dynamic, err);
    for (size_t i = 0; i < N_FORMS && status == MOTE_OK; i++)
        status = find_table_of_form(elf, &dynamic, (enum form)i, &tables.of_form[i], err);
    if (status == MOTE_OK)
        status = find_plt_table(elf, &dynamic, tables.of_form, &tables.plt, &tables.plt_form, err);
    if (status == MOTE_OK)
        status = collect_and_apply(elf, image, &tables, err);
    return status;
}
