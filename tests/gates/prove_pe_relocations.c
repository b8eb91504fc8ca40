/* SPDX-License-Identifier: Apache-2.0 */
/* The relocation loop of host/image/pe_relocate.c on small images with any blocks: it reads no byte
 * outside of them; what it takes lies in a section, in bytes of its own, apart from the blocks,
 * points into the image and is applied once; what it refuses leaves the image as it was.
 */
#include "host/image/pe_relocate.c"

#include "tests/gates/prove.h"

enum { IMAGE_BYTES = 96, CANARY_BYTES = 16, CANARY = 0x5c };
/* The blocks are at the end of the second of two sections, with a hole between these. */
enum { FIRST_END = 20, SECOND_START = 24, BLOCKS = 56, MAX_BYTES = IMAGE_BYTES - BLOCKS };
/* A second block, where there is one. */
enum { SECOND_BLOCK = 16 };
#define LOAD_ADDRESS 0x205000ull

static uint8_t memory[CANARY_BYTES + IMAGE_BYTES + CANARY_BYTES];
static uint8_t original[IMAGE_BYTES];
static uint8_t *const image_memory = memory + CANARY_BYTES;
static uint64_t blocks_end; /* what the directory says */

/* ---- In the place of pe.c, pe_sections.c and sort.c ---- */

bool mt_pe_is_loaded(const struct mt_pe *pe, uint64_t start, uint64_t len_bytes)
{
    (void)pe;
    return mt_range_ok(start, len_bytes, FIRST_END) ||
           (start >= SECOND_START && mt_range_ok(start, len_bytes, IMAGE_BYTES));
}

bool mt_pe_is_from_file(const struct mt_pe *pe, uint64_t start, uint64_t len_bytes)
{
    return mt_pe_is_loaded(pe, start, len_bytes);
}

uint64_t mt_pe_file_offset(const struct mt_pe *pe, uint64_t address)
{
    (void)pe;
    PROVE(address < IMAGE_BYTES);
    return address;
}

uint64_t mt_pe_directory_at(const struct mt_pe *pe, enum mt_pe_directory_index index)
{
    (void)pe;
    return index;
}

void mt_sort(void *elements, size_t n, size_t element_bytes,
             int (*compare)(const void *, const void *))
{
    qsort(elements, n, element_bytes, compare);
}

/* ---- Any blocks ---- */

static void put_block(uint64_t at, uint32_t page, uint32_t len_bytes)
{
    const struct mt_pe_block block = {page, len_bytes};
    memcpy(image_memory + at, &block, sizeof block);
}

static void put_entry(uint64_t at, unsigned type, unsigned offset)
{
    uint16_t entry = (uint16_t)(type << 12 | offset);
    memcpy(image_memory + at, &entry, sizeof entry);
}

/* Addresses that point at the image's start, at its end, and out of it. */
static void fill_places(uint64_t base)
{
    const uint64_t values[] = {base, base + IMAGE_BYTES, base + IMAGE_BYTES + 1, base - 1};
    uint64_t value = values[prove_choose(4)];
    for (unsigned at = 0; at + 8 <= BLOCKS; at += 8)
        memcpy(image_memory + at, &value, sizeof value);
}

/* One block with two entries of few types and any place, and pages from where sums wrap. */
static void fill_entries(void)
{
    static const uint32_t pages[] = {0, 8, UINT32_MAX, UINT32_MAX - 63};
    static const unsigned types[] = {MT_PE_RELOCATION_ABSOLUTE, MT_PE_RELOCATION_DIR64, 3};
    put_block(BLOCKS, pages[prove_choose(4)], 12);
    put_entry(BLOCKS + 8, types[prove_choose(3)], prove_choose(IMAGE_BYTES + 8));
    put_entry(BLOCKS + 10, types[prove_choose(2)], prove_choose(IMAGE_BYTES + 8));
    blocks_end = BLOCKS + 12;
}

static uint32_t choose_bytes(void)
{
    static const uint32_t far[] = {UINT32_MAX, UINT32_MAX - 3, UINT32_MAX - 7, 1u << 31};
    unsigned i = prove_choose(MAX_BYTES + 2 + 4);
    return i < MAX_BYTES + 2 ? i : far[i - MAX_BYTES - 2];
}

/* Two blocks and a directory of any length. */
static void fill_sizes(void)
{
    memset(image_memory + BLOCKS, 0, MAX_BYTES);
    put_block(BLOCKS, 0, choose_bytes());
    put_entry(BLOCKS + 8, MT_PE_RELOCATION_DIR64, 0);
    put_block(BLOCKS + SECOND_BLOCK, 0, choose_bytes());
    put_entry(BLOCKS + SECOND_BLOCK + 8, MT_PE_RELOCATION_DIR64, SECOND_START);
    blocks_end = BLOCKS + prove_choose(MAX_BYTES + 2);
}

/* ---- What must hold ---- */

static void check_canaries(void)
{
    for (unsigned i = 0; i < CANARY_BYTES; i++)
        PROVE(memory[i] == CANARY && memory[CANARY_BYTES + IMAGE_BYTES + i] == CANARY);
}

static void check_placed(const struct mt_image *image)
{
    uint8_t placed[IMAGE_BYTES];
    mt_image_place(image, LOAD_ADDRESS, placed);
    for (size_t i = 0; i < image->n_relocations; i++) {
        uint64_t at = image->relocations[i];
        PROVE(mt_read_u64(placed + at) == mt_read_u64(image_memory + at) + LOAD_ADDRESS);
        memcpy(placed + at, image_memory + at, sizeof(uint64_t));
    }
    PROVE(memcmp(placed, image_memory, IMAGE_BYTES) == 0);
}

static void check_taken(const struct mt_image *image, uint64_t base)
{
    uint64_t end = 0;
    for (size_t i = 0; i < image->n_relocations; i++) {
        uint64_t at = image->relocations[i];
        PROVE(at >= end && at <= IMAGE_BYTES - sizeof(uint64_t));
        PROVE(mt_pe_is_loaded(NULL, at, sizeof(uint64_t)));
        PROVE(at + sizeof(uint64_t) <= BLOCKS || at >= blocks_end);
        PROVE(mt_read_u64(image_memory + at) == mt_read_u64(original + at) - base);
        PROVE(mt_read_u64(image_memory + at) <= IMAGE_BYTES);
        end = at + sizeof(uint64_t);
        memcpy(original + at, image_memory + at, sizeof(uint64_t));
    }
    PROVE(memcmp(original, image_memory, IMAGE_BYTES) == 0);
    check_placed(image);
}

static void path(void)
{
    /* The header of a block of 12 bytes is an address for the second. */
    static const uint64_t bases[] = {0, 12ull << 32};
    struct mt_image image = {.memory = image_memory, .memory_bytes = IMAGE_BYTES};
    struct mt_pe pe = {.optional = {.image_base = bases[prove_choose(2)]}};
    memset(memory, CANARY, sizeof memory);
    fill_places(pe.optional.image_base);
    if (prove_choose(2) == 0)
        fill_entries();
    else
        fill_sizes();
    pe.directories[MT_PE_RELOCATION] =
        (struct mt_pe_directory){BLOCKS, (uint32_t)(blocks_end - BLOCKS)};
    memcpy(original, image_memory, IMAGE_BYTES);
    if (mt_pe_relocate(&pe, &image, NULL) == MOTE_OK)
        check_taken(&image, pe.optional.image_base);
    else
        PROVE(image.relocations == NULL && memcmp(original, image_memory, IMAGE_BYTES) == 0);
    check_canaries();
    mt_release(NULL, image.relocations);
}

int main(void)
{
    do
        path();
    while (prove_next());
    printf("%lu images\n", prove_paths.n_paths);
    return 0;
}
