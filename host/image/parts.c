/* SPDX-License-Identifier: Apache-2.0 */
/* Spans, relocations and symbols of an image, from what a parser found. */
#include "host/image/parts.h"

#include "abi/memory_map.h"
#include "host/base/alloc.h"
#include "host/image/sort.h"

/* ---- Spans ---- */

static size_t count_runs(const uint8_t *page_rights, uint64_t n_pages)
{
    size_t n = 1;
    for (uint64_t i = 1; i < n_pages; i++)
        n += page_rights[i] != page_rights[i - 1];
    return n;
}

mote_status mt_parts_spans(struct mt_image *image, const uint8_t *page_rights, mote_error *err)
{
    uint64_t n_pages = image->memory_bytes / MT_PAGE_BYTES;
    size_t n = count_runs(page_rights, n_pages);
    image->spans = mt_alloc_array_zero(&image->allocator, n, sizeof(image->spans[0]));
    if (image->spans == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the rights of an image");
    for (uint64_t i = 0; i < n_pages; i++) {
        if (i == 0 || page_rights[i] != page_rights[i - 1])
            image->spans[image->n_spans++] =
                (struct mt_image_span){.start = i * MT_PAGE_BYTES, .rights = page_rights[i]};
        image->spans[image->n_spans - 1].len_bytes += MT_PAGE_BYTES;
    }
    return MOTE_OK;
}

/* ---- Relocations ---- */

/* Those of one place in the order of the file, so that the error names the second. */
static int compare_places(const void *a, const void *b)
{
    const struct mt_relocation *left = a;
    const struct mt_relocation *right = b;
    if (left->place != right->place)
        return left->place > right->place ? 1 : -1;
    return (left->at > right->at) - (left->at < right->at);
}

/* Every addition must hit bytes of its own, or else the order would matter. */
static mote_status check_disjoint(const struct mt_relocation *found, size_t n, const char *field,
                                  uint64_t base, mote_error *err)
{
    for (size_t i = 1; i < n; i++) {
        if (found[i].place - found[i - 1].place < sizeof(uint64_t))
            return mt_fail_load(err, MOTE_E_IMAGE_RELOCATION, field, found[i].place + base,
                                found[i].at, "overlaps another relocation's place");
    }
    return MOTE_OK;
}

mote_status mt_parts_relocate(struct mt_image *image, struct mt_relocation *found, size_t n,
                              const char *field, uint64_t base, mote_error *err)
{
    mt_sort(found, n, sizeof(found[0]), compare_places);
    mote_status status = check_disjoint(found, n, field, base, err);
    if (status != MOTE_OK)
        return status;
    image->relocations = mt_alloc_array_zero(&image->allocator, n, sizeof(image->relocations[0]));
    if (image->relocations == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for %zu relocations", n);
    for (size_t i = 0; i < n; i++) {
        image->relocations[i] = found[i].place;
        memcpy(image->memory + found[i].place, &found[i].value, sizeof(found[i].value));
    }
    image->n_relocations = n;
    return MOTE_OK;
}

/* ---- Symbols ---- */

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

static void store_symbols(struct mt_image *image, void *table, uint64_t n, mt_read_symbol *read)
{
    char *to = image->names;
    for (uint64_t i = 0; i < n; i++) {
        struct mt_image_symbol symbol;
        char name[MT_SYMBOL_NAME_BYTES];
        size_t len = read(table, i, &symbol, name);
        if (len == 0)
            continue;
        memcpy(to, name, len + 1);
        symbol.name = to;
        to += len + 1;
        image->symbols[image->n_symbols++] = symbol;
    }
    mt_sort(image->symbols, image->n_symbols, sizeof(image->symbols[0]), compare_symbols);
}

mote_status mt_parts_symbols(struct mt_image *image, void *table, uint64_t n, mt_read_symbol *read,
                             mote_error *err)
{
    size_t n_used = 0;
    size_t names_bytes = 0;
    for (uint64_t i = 0; i < n; i++) {
        struct mt_image_symbol symbol;
        char name[MT_SYMBOL_NAME_BYTES];
        size_t len = read(table, i, &symbol, name);
        if (len == 0)
            continue;
        n_used++;
        names_bytes += len + 1;
    }
    if (n_used == 0)
        return MOTE_OK;
    image->names = mt_alloc(&image->allocator, names_bytes);
    image->symbols = mt_alloc_array_zero(&image->allocator, n_used, sizeof(image->symbols[0]));
    if (image->names == NULL || image->symbols == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the names of %zu functions", n_used);
    store_symbols(image, table, n, read);
    return MOTE_OK;
}
