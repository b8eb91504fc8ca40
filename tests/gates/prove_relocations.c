/* SPDX-License-Identifier: Apache-2.0 */
/* The relocation loop of host/image/elf_relocate.c on small images with any entries: what it takes
 * lies in the image's memory, each in bytes of its own, points into the image and is applied once;
 * what it refuses leaves the image as it was. The loop's functions are static, hence the include.
 */
#include "host/image/elf_relocate.c"

#include "tests/gates/prove.h"

enum { IMAGE_BYTES = 64, CANARY_BYTES = 16, CANARY = 0x5c, NEAR = 12, N_BITMAPS = 512 };
/* Two segments with a hole between them, and one that is read-only: nothing may be relocated in the
 * hole and in the constants. */
enum { FIRST_END = 40, SECOND_START = 48, CONSTANTS = 56 };
#define LOAD_ADDRESS 0x205000ull

static uint8_t memory[CANARY_BYTES + IMAGE_BYTES + CANARY_BYTES];
static uint8_t original[IMAGE_BYTES];
static uint8_t *const image_memory = memory + CANARY_BYTES;

/* ---- In the place of elf.c, elf_dynamic.c and sort.c ---- */

bool mt_elf_is_loaded(const struct mt_elf *elf, uint64_t start, uint64_t len_bytes)
{
    (void)elf;
    return mt_range_ok(start, len_bytes, FIRST_END) ||
           (start >= SECOND_START && mt_range_ok(start, len_bytes, CONSTANTS)) ||
           (start >= CONSTANTS && mt_range_ok(start, len_bytes, IMAGE_BYTES));
}

bool mt_elf_is_writable(const struct mt_elf *elf, uint64_t address)
{
    (void)elf;
    return address < CONSTANTS;
}

bool mt_elf_is_from_file(const struct mt_elf *elf, uint64_t start, uint64_t len_bytes)
{
    return mt_elf_is_loaded(elf, start, len_bytes);
}

uint64_t mt_elf_file_offset(const struct mt_elf *elf, uint64_t address)
{
    (void)elf;
    return address;
}

mote_status mt_elf_read_dynamic(const struct mt_elf *elf, const struct mt_image *image,
                                struct mt_dynamic *dynamic, mote_error *err)
{
    (void)elf, (void)image, (void)err;
    *dynamic = (struct mt_dynamic){0};
    return MOTE_OK;
}

void mt_sort(void *elements, size_t n, size_t element_bytes,
             int (*compare)(const void *, const void *))
{
    qsort(elements, n, element_bytes, compare);
}

/* ---- Any entry ---- */

static uint64_t choose_number(uint64_t base, unsigned step)
{
    const uint64_t far[] = {
        UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 8, (uint64_t)1 << 63, base - 1, base - 8,
    };
    unsigned n_near = (IMAGE_BYTES + NEAR) / step;
    unsigned i = prove_choose(n_near + sizeof far / sizeof far[0]);
    return i < n_near ? base + i * step : far[i - n_near];
}

static void put_u64(uint64_t at, uint64_t value)
{
    memcpy(image_memory + at, &value, sizeof value);
}

static uint64_t choose_info(void)
{
    static const uint64_t infos[] = {R_X86_64_RELATIVE, R_X86_64_NONE, R_X86_64_64,
                                     R_X86_64_RELATIVE | (uint64_t)1 << 32};
    return infos[prove_choose(sizeof infos / sizeof infos[0])];
}

/* One entry of RELA with any numbers, or two of which the second has few addends. */
static void fill_rela(struct tables *tables, uint64_t base, unsigned n)
{
    tables->of_form[FORM_RELA] = (struct table){0, n};
    for (unsigned i = 0; i < n; i++) {
        const uint64_t addends[] = {base, base + IMAGE_BYTES, base + IMAGE_BYTES + 1, base - 1};
        bool is_brief = n > 1;
        put_u64(i * 24ul, choose_number(base, 1));
        put_u64(i * 24ul + 8, is_brief ? R_X86_64_RELATIVE : choose_info());
        put_u64(i * 24ul + 16, is_brief ? addends[prove_choose(4)] : choose_number(base, 1));
    }
}

/* REL: what is at the place is the addend. */
static void fill_rel(struct tables *tables, uint64_t base)
{
    tables->of_form[FORM_REL] = (struct table){0, 1};
    for (unsigned at = 16; at < IMAGE_BYTES; at += 8)
        put_u64(at, base);
    put_u64(24, choose_number(base, 1));
    put_u64(0, choose_number(base, 1));
    put_u64(8, choose_info());
}

/* RELR: two words, places or bitmaps. */
static void fill_relr(struct tables *tables, uint64_t base)
{
    tables->of_form[FORM_RELR] = (struct table){0, 2};
    for (unsigned at = 16; at < IMAGE_BYTES; at += 8)
        put_u64(at, base + at);
    for (unsigned i = 0; i < 2; i++) {
        unsigned bits = prove_choose(N_BITMAPS + 1);
        if (bits == N_BITMAPS)
            put_u64(i * 8ul, choose_number(base, 2));
        else
            put_u64(i * 8ul, bits == 0 ? UINT64_MAX : bits * 2ul + 1);
    }
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

static void check_taken(const struct mt_image *image)
{
    uint64_t end = 0;
    for (size_t i = 0; i < image->n_relocations; i++) {
        uint64_t at = image->relocations[i];
        PROVE(at >= end && at <= IMAGE_BYTES - sizeof(uint64_t));
        PROVE(mt_elf_is_loaded(NULL, at, sizeof(uint64_t)) && at < CONSTANTS);
        PROVE(mt_read_u64(image_memory + at) <= IMAGE_BYTES);
        end = at + sizeof(uint64_t);
        memcpy(original + at, image_memory + at, sizeof(uint64_t));
    }
    PROVE(memcmp(original, image_memory, IMAGE_BYTES) == 0);
    check_placed(image);
}

static void path(void)
{
    static const uint64_t bases[] = {0, 0x10000};
    struct mt_elf elf = {.base = bases[prove_choose(2)]};
    struct mt_image image = {.memory = image_memory, .memory_bytes = IMAGE_BYTES};
    struct tables tables = {0};
    memset(memory, CANARY, sizeof memory);
    switch (prove_choose(4)) {
    case 0:
        fill_rela(&tables, elf.base, 1);
        break;
    case 1:
        fill_rela(&tables, elf.base, 2);
        break;
    case 2:
        fill_rel(&tables, elf.base);
        break;
    default:
        fill_relr(&tables, elf.base);
        break;
    }
    memcpy(original, image_memory, IMAGE_BYTES);
    if (collect_and_apply(&elf, &image, &tables, NULL) == MOTE_OK)
        check_taken(&image);
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
    printf("%lu tables\n", prove_paths.n_paths);
    return 0;
}
