/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF: names of functions, from .symtab and .strtab. They only make messages nicer, so that
 * whatever is odd about them means "no symbols" and never refuses a file. Section headers are used
 * for nothing else.
 */
#include "host/image/elf.h"

#include "host/base/alloc.h"
#include "host/base/checked.h"
#include "host/base/text.h"
#include "host/image/sort.h"

/* A name is cut to what an error has room for. */
#define NAME_ROOM_BYTES MOTE_ERROR_NAME_BYTES

struct symbol_table {
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
    *table =
        (struct symbol_table){elf->file + symbols.sh_offset, symbols.sh_size / sizeof(Elf64_Sym),
                              (const char *)elf->file + names.sh_offset, names.sh_size};
    return table->n <= MT_MAX_SYMBOLS;
}

/* Write the name of a function's symbol; returns its length, 0 for a symbol that is not used. */
static size_t read_symbol(const struct mt_elf *elf, const struct mt_image *image,
                          const struct symbol_table *table, uint64_t index,
                          struct mt_image_symbol *symbol, char name[NAME_ROOM_BYTES])
{
    Elf64_Sym entry;
    memcpy(&entry, table->symbols + index * sizeof(entry), sizeof(entry));
    if (ELF64_ST_TYPE(entry.st_info) != STT_FUNC || entry.st_shndx == SHN_UNDEF)
        return 0;
    if (entry.st_value < elf->base || !mt_image_is_executable(image, entry.st_value - elf->base))
        return 0;
    if (entry.st_name >= table->names_bytes)
        return 0;
    symbol->start = entry.st_value - elf->base;
    symbol->len_bytes = entry.st_size;
    const char *from = table->names + entry.st_name;
    uint64_t room = table->names_bytes - entry.st_name;
    size_t len = strnlen(from, room < NAME_ROOM_BYTES ? room : NAME_ROOM_BYTES);
    return mt_escape(name, NAME_ROOM_BYTES, from, len);
}

/* Those without a length come first among those of one start: mt_image_symbol_at() takes the last.
 */
static int compare_symbols(const void *a, const void *b)
{
    const struct mt_image_symbol *left = a;
    const struct mt_image_symbol *right = b;
    if (left->start != right->start)
        return left->start > right->start ? 1 : -1;
    if (left->len_bytes != right->len_bytes)
        return left->len_bytes > right->len_bytes ? 1 : -1;
    return strcmp(left->name, right->name);
}

static void store_symbols(const struct mt_elf *elf, struct mt_image *image,
                          const struct symbol_table *table)
{
    char *to = image->names;
    for (uint64_t i = 0; i < table->n; i++) {
        struct mt_image_symbol symbol;
        char name[NAME_ROOM_BYTES];
        size_t len = read_symbol(elf, image, table, i, &symbol, name);
        if (len == 0)
            continue;
        memcpy(to, name, len + 1);
        symbol.name = to;
        to += len + 1;
        image->symbols[image->n_symbols++] = symbol;
    }
    mt_sort(image->symbols, image->n_symbols, sizeof(image->symbols[0]), compare_symbols);
}

mote_status mt_elf_read_symbols(const struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    struct symbol_table table;
    size_t n = 0;
    size_t names_bytes = 0;
    if (!find_table(elf, &table))
        return MOTE_OK;
    for (uint64_t i = 0; i < table.n; i++) {
        struct mt_image_symbol symbol;
        char name[NAME_ROOM_BYTES];
        size_t len = read_symbol(elf, image, &table, i, &symbol, name);
        n += len != 0;
        names_bytes += len != 0 ? len + 1 : 0;
    }
    if (n == 0)
        return MOTE_OK;
    image->names = mt_alloc(&image->allocator, names_bytes);
    image->symbols = mt_alloc_array_zero(&image->allocator, n, sizeof(image->symbols[0]));
    if (image->names == NULL || image->symbols == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the names of %zu functions", n);
    store_symbols(elf, image, &table);
    return MOTE_OK;
}
