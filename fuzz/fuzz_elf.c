/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest files. An image that is accepted has the file's bytes, as a second reading finds them; it
 * can be placed anywhere its alignment allows, its spans cover it, its entry executes, its
 * relocations lie in segments and add the load address; what the parser holds stays under a cap
 * that follows from file and image.
 */
#include "fuzz/fuzz.h"

#include "host/image/image.h"
#include <elf.h>
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

static void check_functions(const struct mt_image *image)
{
    FUZZ_REQUIRE(image->facts.n_functions == image->n_functions);
    for (size_t i = 0; i < image->n_functions; i++) {
        const mote_function *function = &image->functions[i];
        size_t len = strlen(function->name);
        FUZZ_REQUIRE(len >= 1 && len <= 95);
        FUZZ_REQUIRE(function->name >= (const char *)image->memory);
        FUZZ_REQUIRE(function->name + len < (const char *)image->memory + image->memory_bytes);
        FUZZ_REQUIRE(function->n_params <= MOTE_MAX_PARAMETERS);
        FUZZ_REQUIRE((unsigned)function->returns <= MOTE_TYPE_VOID);
        for (size_t j = 0; j < function->n_params; j++)
            FUZZ_REQUIRE((unsigned)function->params[j] < MOTE_TYPE_VOID);
        FUZZ_REQUIRE(i == 0 || strcmp(image->functions[i - 1].name, function->name) < 0);
        FUZZ_REQUIRE(mt_image_function_named(image, function->name) == function);
    }
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

/* ---- Against the file, read once more by the plainest rules ---- */

struct loads {
    Elf64_Phdr headers[MT_MAX_SEGMENTS];
    size_t n;
    uint64_t base; /* virtual address of the image's first byte */
};

/* The file was accepted: its headers are where it says. */
static void read_loads(const uint8_t *file, const struct mt_image *image, struct loads *loads)
{
    Elf64_Ehdr header;
    memcpy(&header, file, sizeof(header));
    *loads = (struct loads){.base = UINT64_MAX};
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr *load = &loads->headers[loads->n];
        memcpy(load, file + header.e_phoff + i * sizeof(*load), sizeof(*load));
        if (load->p_type != PT_LOAD || load->p_memsz == 0)
            continue;
        if (load->p_vaddr < loads->base)
            loads->base = load->p_vaddr;
        loads->n++;
        FUZZ_REQUIRE(loads->n < MT_MAX_SEGMENTS);
    }
    loads->base -= loads->base % image->alignment;
}

static bool is_loaded(const struct loads *loads, uint64_t place, uint64_t len_bytes)
{
    for (size_t i = 0; i < loads->n; i++) {
        const Elf64_Phdr *load = &loads->headers[i];
        __int128 start = (__int128)place + loads->base - load->p_vaddr;
        if (start >= 0 && start + len_bytes <= load->p_memsz)
            return true;
    }
    return false;
}

static void check_entry_and_relocations(const struct mt_image *image, const struct loads *loads)
{
    FUZZ_REQUIRE(is_loaded(loads, image->entry, 1));
    for (size_t i = 0; i < image->n_relocations; i++)
        FUZZ_REQUIRE(is_loaded(loads, image->relocations[i], 8));
}

/* Every byte of the image is the file's, or zero where no segment takes one from there, but for
 * what is relocated. */
static void check_bytes(const struct mt_image *image, const struct loads *loads,
                        const uint8_t *file)
{
    uint8_t *wanted = calloc(1, image->memory_bytes);
    FUZZ_REQUIRE(wanted != NULL);
    for (size_t i = 0; i < loads->n; i++) {
        const Elf64_Phdr *load = &loads->headers[i];
        uint64_t start = load->p_vaddr - loads->base;
        FUZZ_REQUIRE(start <= image->memory_bytes);
        FUZZ_REQUIRE(load->p_filesz <= image->memory_bytes - start);
        memcpy(wanted + start, file + load->p_offset, load->p_filesz);
    }
    for (size_t i = 0; i < image->n_relocations; i++)
        memcpy(wanted + image->relocations[i], image->memory + image->relocations[i], 8);
    FUZZ_REQUIRE(memcmp(wanted, image->memory, image->memory_bytes) == 0);
    free(wanted);
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

/* ---- Mutations ---- */

/* Tables of fields: what is wrong with a file is mostly one of them by a little, or one in the
 * place of another. */
static void change_field(uint8_t *file, size_t len_bytes, unsigned seed)
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

size_t LLVMFuzzerMutate(uint8_t *data, size_t len_bytes, size_t max_bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len_bytes, size_t max_bytes, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len_bytes, size_t max_bytes, unsigned seed)
{
    if (seed % 3 == 0 || len_bytes < sizeof(Elf64_Ehdr))
        return LLVMFuzzerMutate(data, len_bytes, max_bytes);
    change_field(data, len_bytes, seed);
    return len_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
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
        check_spans(&image);
        check_entry(&image);
        check_functions(&image);
        check_symbols(&image);
        struct loads loads;
        read_loads(block + 1, &image, &loads);
        check_entry_and_relocations(&image, &loads);
        check_bytes(&image, &loads, block + 1);
        check_placed(&image);
        mt_image_fini(&image);
    } else {
        fuzz_require_error(status, &err);
        FUZZ_REQUIRE((status == MOTE_E_MEMORY) == counter.is_over_limit);
        FUZZ_REQUIRE(mote_status_class(status) == MOTE_CLASS_LOAD || counter.is_over_limit);
        FUZZ_REQUIRE(err.load.field[0] != '\0' || counter.is_over_limit);
    }
    free(block);
    FUZZ_REQUIRE(counter.n_live == 0);
    return 0;
}
