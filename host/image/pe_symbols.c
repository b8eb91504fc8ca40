/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE: names of functions, from the COFF symbol table that GNU ld leaves in an image. They only make
 * messages nicer, so that whatever is odd about them means "no symbols" and never refuses a file.
 */
#include "host/image/pe.h"

#include "host/base/checked.h"
#include "host/base/text.h"

/* A function, by the complex type in a symbol's type ("PE Format", type representation). */
#define IS_FUNCTION(type) (((type) >> 4) == 2)
#define CLASS_EXTERNAL 2u
#define CLASS_STATIC 3u

struct symbol_table {
    const struct mt_pe *pe;
    const struct mt_image *image;
    uint64_t at;
    const char *strings; /* from the 4 bytes that hold the length on */
    uint64_t strings_bytes;
    uint64_t n_seen; /* symbols are read in order; those before this are auxiliary records */
};

/* The strings follow the symbols. A table without them has short names only. */
static void find_strings(struct symbol_table *table, uint64_t at)
{
    uint32_t len_bytes;
    const struct mt_pe *pe = table->pe;
    if (!mt_range_ok(at, sizeof(len_bytes), pe->file_bytes))
        return;
    memcpy(&len_bytes, pe->file + at, sizeof(len_bytes));
    if (!mt_range_ok(at, len_bytes, pe->file_bytes))
        return;
    table->strings = (const char *)pe->file + at;
    table->strings_bytes = len_bytes;
}

static bool find_table(struct symbol_table *table)
{
    const struct mt_pe_coff *coff = &table->pe->coff;
    uint64_t len_bytes = (uint64_t)coff->n_symbols * sizeof(struct mt_pe_symbol);
    table->at = coff->symbols_at;
    if (coff->n_symbols > MT_MAX_SYMBOLS ||
        !mt_range_ok(table->at, len_bytes, table->pe->file_bytes))
        return false;
    find_strings(table, table->at + len_bytes);
    return true;
}

static size_t read_name(const struct symbol_table *table, const struct mt_pe_symbol *symbol,
                        char name[MT_SYMBOL_NAME_BYTES])
{
    uint32_t words[2]; /* 0 and an offset, where the name is long */
    memcpy(words, symbol->name, sizeof(words));
    if (words[0] != 0)
        return mt_escape(name, MT_SYMBOL_NAME_BYTES, symbol->name,
                         strnlen(symbol->name, sizeof(symbol->name)));
    if (words[1] < sizeof(uint32_t) || words[1] >= table->strings_bytes)
        return 0;
    const char *from = table->strings + words[1];
    uint64_t room = table->strings_bytes - words[1];
    size_t len = strnlen(from, room < MT_SYMBOL_NAME_BYTES ? room : MT_SYMBOL_NAME_BYTES);
    return mt_escape(name, MT_SYMBOL_NAME_BYTES, from, len);
}

/* Only defined functions in executable memory are used. */
static size_t read_symbol(void *from, uint64_t index, struct mt_image_symbol *symbol,
                          char name[MT_SYMBOL_NAME_BYTES])
{
    struct symbol_table *table = from;
    struct mt_pe_symbol entry;
    struct mt_pe_section_header section;
    if (index == 0)
        table->n_seen = 0;
    if (index < table->n_seen)
        return 0;
    memcpy(&entry, table->pe->file + table->at + index * sizeof(entry), sizeof(entry));
    table->n_seen = index + 1 + entry.n_auxiliary;
    if (!IS_FUNCTION(entry.type) ||
        (entry.storage_class != CLASS_EXTERNAL && entry.storage_class != CLASS_STATIC))
        return 0;
    if (entry.section < 1 || entry.section > table->pe->coff.n_sections)
        return 0;
    uint64_t header_at = mt_pe_section_header_at(table->pe, (uint64_t)entry.section - 1);
    memcpy(&section, table->pe->file + header_at, sizeof(section));
    uint64_t start = (uint64_t)section.rva + entry.value;
    if (!mt_image_is_executable(table->image, start))
        return 0;
    *symbol = (struct mt_image_symbol){.start = start};
    return read_name(table, &entry, name);
}

mote_status mt_pe_read_symbols(const struct mt_pe *pe, struct mt_image *image, mote_error *err)
{
    struct symbol_table table = {.pe = pe, .image = image};
    if (!find_table(&table))
        return MOTE_OK;
    return mt_parts_symbols(image, &table, pe->coff.n_symbols, read_symbol, err);
}
