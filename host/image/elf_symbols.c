/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF: names of functions, from .symtab and .strtab. They only make messages nicer, so that
 * whatever is odd about them means "no symbols" and never refuses a file. Section headers are used
 * for nothing else.
 */
#include "host/image/elf.h"

#include "host/base/checked.h"
#include "host/base/text.h"

struct symbol_table {
    const struct mt_elf *elf;
    const struct mt_image *image;
    const uint8_t *symbols;
    uint64_t n;
    const char *names;
    uint64_t names_bytes;
};

static bool section_at(const struct mt_elf *elf, uint64_t index, Elf64_Shdr *section)
{
    if (index >= elf->header.e_shnum)
        return false;
    memcpy(section, elf->file + elf->header.e_shoff + index * sizeof(*section), sizeof(*section));
    return true;
}

static bool is_in_file(const struct mt_elf *elf, const Elf64_Shdr *section)
{
    return mt_range_ok(section->sh_offset, section->sh_size, elf->file_bytes);
}

static bool find_symbol_section(const struct mt_elf *elf, Elf64_Shdr *section)
{
    for (uint64_t i = 0; section_at(elf, i, section); i++) {
        if (section->sh_type == SHT_SYMTAB)
            return true;
    }
    return false;
}

static bool find_table(const struct mt_elf *elf, struct symbol_table *table)
{
    Elf64_Shdr symbols;
    Elf64_Shdr names;
    if (elf->header.e_shentsize != sizeof(Elf64_Shdr) ||
        !mt_range_ok(elf->header.e_shoff, elf->header.e_shnum * sizeof(Elf64_Shdr),
                     elf->file_bytes))
        return false;
    if (!find_symbol_section(elf, &symbols) || !section_at(elf, symbols.sh_link, &names))
        return false;
    if (names.sh_type != SHT_STRTAB || !is_in_file(elf, &symbols) || !is_in_file(elf, &names))
        return false;
    if (symbols.sh_entsize != sizeof(Elf64_Sym) || symbols.sh_size % sizeof(Elf64_Sym) != 0)
        return false;
    table->symbols = elf->file + symbols.sh_offset;
    table->n = symbols.sh_size / sizeof(Elf64_Sym);
    table->names = (const char *)elf->file + names.sh_offset;
    table->names_bytes = names.sh_size;
    return table->n <= MT_MAX_SYMBOLS;
}

/* Only defined functions in executable memory are used. */
static size_t read_symbol(void *from, uint64_t index, struct mt_image_symbol *symbol,
                          char name[MT_SYMBOL_NAME_BYTES])
{
    const struct symbol_table *table = from;
    uint64_t base = table->elf->base;
    Elf64_Sym entry;
    memcpy(&entry, table->symbols + index * sizeof(entry), sizeof(entry));
    if (ELF64_ST_TYPE(entry.st_info) != STT_FUNC || entry.st_shndx == SHN_UNDEF)
        return 0;
    if (entry.st_value < base || !mt_image_is_executable(table->image, entry.st_value - base))
        return 0;
    if (entry.st_name >= table->names_bytes)
        return 0;
    symbol->start = entry.st_value - base;
    symbol->len_bytes = entry.st_size;
    const char *text = table->names + entry.st_name;
    uint64_t room = table->names_bytes - entry.st_name;
    size_t len = strnlen(text, room < MT_SYMBOL_NAME_BYTES ? room : MT_SYMBOL_NAME_BYTES);
    return mt_escape(name, MT_SYMBOL_NAME_BYTES, text, len);
}

mote_status mt_elf_read_symbols(const struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    struct symbol_table table = {.elf = elf, .image = image};
    if (!find_table(elf, &table))
        return MOTE_OK;
    return mt_parts_symbols(image, &table, table.n, read_symbol, err);
}
