/* SPDX-License-Identifier: Apache-2.0 */
/* Parsed guest binaries: life, looking up, and putting into memory. */
#include "host/image/image.h"

#include "host/base/alloc.h"
#include "host/base/error.h"
#include "host/image/elf.h"
#include "host/image/pe.h"

static bool starts_with(const uint8_t *file, uint64_t file_bytes, const char *magic)
{
    size_t len = strlen(magic);
    return file_bytes >= len && memcmp(file, magic, len) == 0;
}

/* The first bytes say what a file is; only that format's parser sees it, and its error counts. */
static mote_status parse(struct mt_image *image, const uint8_t *file, uint64_t file_bytes,
                         mote_error *err)
{
    if (starts_with(file, file_bytes, ELFMAG))
        return mt_elf_parse(image, file, file_bytes, err);
    if (starts_with(file, file_bytes, MT_PE_DOS_MAGIC))
        return mt_pe_parse(image, file, file_bytes, err);
    uint32_t magic = 0;
    memcpy(&magic, file, file_bytes < sizeof(magic) ? file_bytes : sizeof(magic));
    return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "magic", magic, 0,
                        "neither an ELF file nor a PE file");
}

mote_status mt_image_too_large(uint64_t file_bytes, mote_error *err)
{
    return mt_fail_load(err, MOTE_E_IMAGE_TOO_LARGE, "file size", file_bytes, 0,
                        "over the cap of 0x%llx bytes", MT_MAX_FILE_BYTES);
}

mote_status mt_image_init(struct mt_image *image, const uint8_t *file, uint64_t file_bytes,
                          const mote_allocator *allocator, mote_error *err)
{
    struct mt_image made = {0};
    if (!mt_allocator_set(&made.allocator, allocator))
        return mt_fail(err, MOTE_E_ARGUMENT, "a function of the allocator is NULL");
    if (file_bytes > MT_MAX_FILE_BYTES)
        return mt_image_too_large(file_bytes, err);
    mote_status status = parse(&made, file, file_bytes, err);
    if (status != MOTE_OK) {
        mt_image_fini(&made);
        return status;
    }
    *image = made;
    return MOTE_OK;
}

void mt_image_fini(struct mt_image *image)
{
    const mote_allocator *allocator = &image->allocator;
    mt_release(allocator, image->memory);
    mt_release(allocator, image->relocations);
    mt_release(allocator, image->spans);
    mt_release(allocator, image->sections);
    mt_release(allocator, image->functions);
    mt_release(allocator, image->symbols);
    mt_release(allocator, image->names);
    memset(image, 0, sizeof(*image));
}

const struct mt_image_span *mt_image_span_at(const struct mt_image *image, uint64_t address)
{
    for (size_t i = 0; i < image->n_spans; i++) {
        const struct mt_image_span *span = &image->spans[i];
        if (address >= span->start && address - span->start < span->len_bytes)
            return span;
    }
    return NULL;
}

/* The last symbol that starts at address or below it; NULL for none. */
static const struct mt_image_symbol *symbol_before(const struct mt_image *image, uint64_t address)
{
    size_t low = 0;
    size_t high = image->n_symbols;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->symbols[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &image->symbols[low - 1] : NULL;
}

/* A symbol whose length the file does not say reaches to the next one, but not past its span. */
const char *mt_image_symbol_at(const struct mt_image *image, uint64_t address, uint64_t *into_bytes)
{
    const struct mt_image_symbol *symbol = symbol_before(image, address);
    if (symbol == NULL)
        return NULL;
    uint64_t into = address - symbol->start;
    if (symbol->len_bytes != 0 && into >= symbol->len_bytes)
        return NULL;
    if (mt_image_span_at(image, address) != mt_image_span_at(image, symbol->start))
        return NULL;
    *into_bytes = into;
    return symbol->name;
}

const mote_function *mt_image_function_named(const struct mt_image *image, const char *name)
{
    size_t low = 0;
    size_t high = image->n_functions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(image->functions[middle].name, name);
        if (order == 0)
            return &image->functions[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void mt_image_place(const struct mt_image *image, uint64_t load_address, uint8_t *to)
{
    memcpy(to, image->memory, image->memory_bytes);
    for (size_t i = 0; i < image->n_relocations; i++) {
        uint8_t *place = to + image->relocations[i];
        uint64_t value = mt_read_u64(place) + load_address;
        memcpy(place, &value, sizeof(value));
    }
}
