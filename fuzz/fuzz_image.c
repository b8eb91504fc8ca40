/* SPDX-License-Identifier: Apache-2.0 */
/* Images of any format: what must hold for each. */
#include "fuzz/fuzz_image.h"

#include <stdlib.h>
#include <string.h>

/* Images over this are legal, but slow to look at one by one. */
#define LIMIT_BYTES (8 * MT_MIB)
#define LOW_ADDRESS 0x400000u
#define HIGH_ADDRESS 0x20000000u

static bool rights_at(const struct mt_image *image, uint64_t address, uint32_t *rights)
{
    for (size_t i = 0; i < image->n_spans; i++) {
        if (address - image->spans[i].start < image->spans[i].len_bytes) {
            *rights = image->spans[i].rights;
            return true;
        }
    }
    return false;
}

static void check_spans(const struct mt_image *image)
{
    uint64_t at = 0;
    for (size_t i = 0; i < image->n_spans; i++) {
        const struct mt_image_span *span = &image->spans[i];
        FUZZ_REQUIRE(span->start == at);
        FUZZ_REQUIRE(span->len_bytes > 0 && span->len_bytes % 4096 == 0);
        FUZZ_REQUIRE(!(span->rights & MOTE_RIGHT_WRITE) || !(span->rights & MOTE_RIGHT_EXECUTE));
        at += span->len_bytes;
    }
    FUZZ_REQUIRE(at == image->memory_bytes);
    FUZZ_REQUIRE(at > 0 && at <= MT_MAX_IMAGE_BYTES);
    FUZZ_REQUIRE(image->alignment >= 4096);
    FUZZ_REQUIRE((image->alignment & (image->alignment - 1)) == 0);
}

static void check_entry(const struct mt_image *image)
{
    uint32_t rights = 0;
    FUZZ_REQUIRE(rights_at(image, image->entry, &rights));
    FUZZ_REQUIRE(rights & MOTE_RIGHT_EXECUTE);
}

static void check_symbols(const struct mt_image *image)
{
    for (size_t i = 0; i < image->n_symbols; i++) {
        const struct mt_image_symbol *symbol = &image->symbols[i];
        uint64_t into_bytes = 1;
        FUZZ_REQUIRE(symbol->name[0] != '\0');
        FUZZ_REQUIRE(strlen(symbol->name) < MOTE_ERROR_NAME_BYTES);
        FUZZ_REQUIRE(symbol->start < image->memory_bytes);
        FUZZ_REQUIRE(i == 0 || image->symbols[i - 1].start <= symbol->start);
        FUZZ_REQUIRE(mt_image_symbol_at(image, symbol->start, &into_bytes) != NULL);
        FUZZ_REQUIRE(into_bytes == 0);
    }
}

/* Placing adds the address at each relocation, and changes nothing else. */
static void check_placed_at(const struct mt_image *image, uint64_t address, uint8_t *placed)
{
    uint64_t at = 0;
    memset(placed, 0xA5, image->memory_bytes);
    mt_image_place(image, address, placed);
    for (size_t i = 0; i < image->n_relocations; i++) {
        uint64_t place = image->relocations[i];
        uint64_t before;
        uint64_t after;
        FUZZ_REQUIRE(place >= at && image->memory_bytes >= 8 && place <= image->memory_bytes - 8);
        memcpy(&before, image->memory + place, sizeof(before));
        memcpy(&after, placed + place, sizeof(after));
        FUZZ_REQUIRE(before <= image->memory_bytes);
        FUZZ_REQUIRE(after == before + address);
        FUZZ_REQUIRE(memcmp(placed + at, image->memory + at, place - at) == 0);
        at = place + 8;
    }
    FUZZ_REQUIRE(memcmp(placed + at, image->memory + at, image->memory_bytes - at) == 0);
}

static void check_placed(const struct mt_image *image)
{
    uint8_t *placed = malloc(image->memory_bytes);
    FUZZ_REQUIRE(placed != NULL);
    check_placed_at(image, LOW_ADDRESS, placed);
    check_placed_at(image, HIGH_ADDRESS, placed);
    free(placed);
}

/* What a file of this size may make the parser hold: the image, and for each byte of the file the
 * descriptions of what it can declare. */
static size_t allowed_bytes(size_t file_bytes)
{
    return MT_MAX_IMAGE_BYTES + 64 * file_bytes + MT_MAX_IMAGE_BYTES / 4096 * 64 + MT_MIB;
}

static void check_image(const struct mt_image *image)
{
    check_spans(image);
    check_entry(image);
    check_symbols(image);
    check_placed(image);
}

static void check_refusal(mote_status status, const mote_error *err,
                          const struct fuzz_counter *counter)
{
    fuzz_require_error(status, err);
    FUZZ_REQUIRE((status == MOTE_E_MEMORY) == counter->is_over_limit);
    FUZZ_REQUIRE(mote_status_class(status) == MOTE_CLASS_LOAD || counter->is_over_limit);
    FUZZ_REQUIRE(err->load.field[0] != '\0' || counter->is_over_limit);
}

void fuzz_try_file(const uint8_t *data, size_t len_bytes, mote_format format,
                   fuzz_check_file *check)
{
    struct fuzz_counter counter = {.cap_bytes = allowed_bytes(len_bytes),
                                   .limit_bytes = LIMIT_BYTES};
    const mote_allocator allocator = fuzz_allocator(&counter);
    struct mt_image image;
    mote_error err = {.code = MOTE_OK};
    /* Nothing in a file is aligned, and its last byte is the last of its block. */
    uint8_t *block = malloc(len_bytes + 1);
    FUZZ_REQUIRE(block != NULL);
    memcpy(block + 1, data, len_bytes);
    mote_status status = mt_image_init(&image, block + 1, len_bytes, &allocator, &err);
    FUZZ_REQUIRE(!counter.is_over_cap);
    if (status == MOTE_OK) {
        FUZZ_REQUIRE(counter.live_bytes <=
                     image.memory_bytes + 64 * len_bytes + image.memory_bytes / 4096 * 64 + 4096);
        check_image(&image);
        if (image.facts.format == format)
            check(&image, block + 1);
        mt_image_fini(&image);
    } else {
        check_refusal(status, &err, &counter);
    }
    free(block);
    FUZZ_REQUIRE(counter.n_live == 0);
}

/* ---- Mutations ---- */

/* Tables of fields: what is wrong with a file is mostly one of them by a little, or one in the
 * place of another. */
void fuzz_change_field(uint8_t *file, size_t len_bytes, unsigned seed)
{
    static const uint64_t edges[] = {0,        1,          8,          0x1000,    1u << 31,
                                     1u << 21, UINT32_MAX, 1ull << 63, UINT64_MAX};
    size_t n_fields = len_bytes / 4;
    size_t width = seed & 1 ? 8 : seed & 2 ? 4 : 2;
    uint8_t *field = file + seed / 16 % n_fields * 4;
    const uint8_t *other = file + seed / 64 % 8191 % n_fields * 4;
    if (field + width > file + len_bytes || other + width > file + len_bytes)
        return;
    uint64_t value = 0;
    memcpy(&value, seed & 4 ? other : field, width);
    if (seed & 8)
        value += seed / 7 % 19 - 9;
    else if ((seed & 4) == 0)
        value = edges[seed / 7 % (sizeof(edges) / sizeof(edges[0]))];
    memcpy(field, &value, width);
}
