/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest files in PE. An image that is accepted has the file's bytes, as a second reading finds
 * them: headers at its start, each section at its RVA with its rights, and between them nothing;
 * its relocations lie in sections and are those that the blocks name.
 */
#include "fuzz/fuzz_image.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SECTIONS 96u
#define DIRECTORIES_AT 112u
#define SECTION_BYTES 40u
#define EXECUTE 0x20000000u
#define READ 0x40000000u
#define WRITE 0x80000000u

/* ---- The file, read once more by the plainest rules: by offset ---- */

struct section {
    uint64_t start, len_bytes, from, n_from_file;
    uint32_t flags;
};

struct sections {
    struct section of[MAX_SECTIONS];
    size_t n;
    const uint8_t *optional;
};

static uint64_t number(const uint8_t *at, size_t len_bytes)
{
    uint64_t value = 0;
    for (size_t i = len_bytes; i > 0; i--)
        value = value << 8 | at[i - 1];
    return value;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The file was accepted: its headers are where it says. */
static void read_sections(const uint8_t *file, struct sections *sections)
{
    const uint8_t *coff = file + number(file + 0x3C, 4);
    FUZZ_REQUIRE(memcmp(coff, "PE\0\0\x64\x86", 6) == 0);
    *sections = (struct sections){.optional = coff + 24};
    const uint8_t *at = sections->optional + number(coff + 20, 2);
    size_t n = number(coff + 6, 2);
    FUZZ_REQUIRE(n <= MAX_SECTIONS);
    for (size_t i = 0; i < n; i++, at += SECTION_BYTES) {
        uint64_t virtual_bytes = number(at + 8, 4);
        uint64_t raw_bytes = number(at + 16, 4);
        uint64_t raw_at = number(at + 20, 4);
        uint64_t len_bytes = virtual_bytes != 0 ? virtual_bytes : raw_bytes;
        sections->of[sections->n] = (struct section){number(at + 12, 4), len_bytes, raw_at,
                                                     raw_at != 0 ? least(raw_bytes, len_bytes) : 0,
                                                     (uint32_t)number(at + 36, 4)};
        sections->n += len_bytes != 0;
    }
}

static bool is_in_section(const struct sections *sections, uint64_t place, uint64_t len_bytes)
{
    for (size_t i = 0; i < sections->n; i++) {
        const struct section *section = &sections->of[i];
        if (place >= section->start && place + len_bytes <= section->start + section->len_bytes)
            return true;
    }
    return false;
}

/* ---- What must hold ---- */

static void check_rights(const struct mt_image *image, const struct sections *sections)
{
    uint64_t headers_bytes = number(sections->optional + 60, 4);
    for (size_t i = 0; i < image->n_spans; i++) {
        const struct mt_image_span *span = &image->spans[i];
        uint64_t end = span->start + span->len_bytes;
        for (uint64_t page = span->start; page < end; page += 4096) {
            uint32_t rights = page < headers_bytes ? MOTE_RIGHT_READ : 0;
            for (size_t j = 0; j < sections->n; j++) {
                const struct section *section = &sections->of[j];
                if (section->start + section->len_bytes <= page || section->start >= page + 4096)
                    continue;
                rights |= section->flags & (READ | WRITE | EXECUTE) ? MOTE_RIGHT_READ : 0;
                rights |= section->flags & WRITE ? MOTE_RIGHT_WRITE : 0;
                rights |= section->flags & EXECUTE ? MOTE_RIGHT_EXECUTE : 0;
            }
            FUZZ_REQUIRE(span->rights == rights);
        }
    }
}

/* Every byte of the image is the file's, or zero where no section takes one from there, but for
 * what is relocated. */
static void check_bytes(const struct mt_image *image, const struct sections *sections,
                        const uint8_t *file)
{
    uint64_t base = number(sections->optional + 24, 8);
    uint8_t *wanted = calloc(1, image->memory_bytes);
    FUZZ_REQUIRE(wanted != NULL);
    memcpy(wanted, file, number(sections->optional + 60, 4));
    for (size_t i = 0; i < sections->n; i++) {
        const struct section *section = &sections->of[i];
        FUZZ_REQUIRE(section->start + section->len_bytes <= image->memory_bytes);
        memcpy(wanted + section->start, file + section->from, section->n_from_file);
    }
    for (size_t i = 0; i < image->n_relocations; i++) {
        uint8_t *place = wanted + image->relocations[i];
        uint64_t value = number(place, 8) - base;
        FUZZ_REQUIRE(is_in_section(sections, image->relocations[i], 8));
        memcpy(place, &value, sizeof(value));
    }
    FUZZ_REQUIRE(memcmp(wanted, image->memory, image->memory_bytes) == 0);
    free(wanted);
}

/* As many relocations as the blocks have entries of type 10, and each names its place. The blocks
 * themselves are not relocated, so that the image still has them. */
static void check_relocations(const struct mt_image *image, const struct sections *sections)
{
    size_t n = 0;
    const uint8_t *directory = sections->optional + DIRECTORIES_AT + 5 * 8;
    uint64_t left = 0;
    const uint8_t *at = image->memory;
    if (number(sections->optional + 108, 4) > 5) {
        at += number(directory, 4);
        left = number(directory + 4, 4);
    }
    while (left > 0) {
        uint64_t block_bytes = number(at + 4, 4);
        FUZZ_REQUIRE(block_bytes >= 8 && block_bytes <= left && block_bytes % 4 == 0);
        for (uint64_t i = 8; i < block_bytes; i += 2) {
            uint64_t entry = number(at + i, 2);
            uint64_t place = number(at, 4) + entry % 4096;
            FUZZ_REQUIRE(entry / 4096 == 10 || entry / 4096 == 0);
            n += entry / 4096 == 10;
            FUZZ_REQUIRE(entry / 4096 == 0 || is_in_section(sections, place, 8));
        }
        at += block_bytes;
        left -= block_bytes;
    }
    FUZZ_REQUIRE(n == image->n_relocations);
}

/* Nothing that a guest has not. */
static void check_facts(const struct mt_image *image, const struct sections *sections)
{
    static const uint8_t refused[] = {9, 13, 14};
    const uint8_t *optional = sections->optional;
    for (size_t i = 0; i < sizeof(refused); i++)
        FUZZ_REQUIRE(number(optional + 108, 4) <= refused[i] ||
                     number(optional + DIRECTORIES_AT + refused[i] * 8u, 4) == 0);
    FUZZ_REQUIRE(image->facts.abi == MOTE_ABI_HYPERLIGHT_0_1);
    FUZZ_REQUIRE(image->n_functions == 0);
    FUZZ_REQUIRE(image->facts.n_segments == sections->n);
    FUZZ_REQUIRE(image->entry == number(optional + 16, 4));
    FUZZ_REQUIRE(is_in_section(sections, image->entry, 1));
    FUZZ_REQUIRE(image->facts.stack_bytes > 0 && image->facts.stack_bytes <= MT_GIB);
    FUZZ_REQUIRE(image->facts.heap_bytes > 0 && image->facts.heap_bytes <= MT_GIB);
}

static void check_names(const struct mt_image *image, const struct sections *sections)
{
    FUZZ_REQUIRE(image->n_sections == sections->n);
    for (size_t i = 0; i < image->n_sections; i++) {
        const mote_section *section = &image->sections[i];
        size_t len = strnlen(section->name, sizeof(section->name));
        FUZZ_REQUIRE(len < sizeof(section->name));
        for (size_t j = 0; j < len; j++)
            FUZZ_REQUIRE((uint8_t)section->name[j] >= ' ' || section->name[j] == '\t');
        FUZZ_REQUIRE(section->start == sections->of[i].start);
        FUZZ_REQUIRE(section->len_bytes == sections->of[i].len_bytes);
    }
}

static void check_file(const struct mt_image *image, const uint8_t *file)
{
    struct sections sections;
    read_sections(file, &sections);
    check_facts(image, &sections);
    check_names(image, &sections);
    check_rights(image, &sections);
    check_bytes(image, &sections, file);
    check_relocations(image, &sections);
}

/* ---- The target ---- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t len_bytes, size_t max_bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len_bytes, size_t max_bytes, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len_bytes, size_t max_bytes, unsigned seed)
{
    if (seed % 3 == 0 || len_bytes < 64)
        return LLVMFuzzerMutate(data, len_bytes, max_bytes);
    fuzz_change_field(data, len_bytes, seed);
    return len_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    fuzz_try_file(data, len_bytes, MOTE_FORMAT_PE, check_file);
    return 0;
}
