/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest files. An image that is accepted has the file's bytes, as a second reading finds them; it
 * can be placed anywhere its alignment allows, its spans cover it, its entry executes, its
 * relocations lie in segments and add the load address; what the parser holds stays under a cap
 * that follows from file and image.
 */
#include "fuzz/fuzz_image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

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
        FUZZ_REQUIRE(loads->n <= MT_MAX_SEGMENTS);
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

/* ---- Mutations ---- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t len_bytes, size_t max_bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len_bytes, size_t max_bytes, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len_bytes, size_t max_bytes, unsigned seed)
{
    if (seed % 3 == 0 || len_bytes < sizeof(Elf64_Ehdr))
        return LLVMFuzzerMutate(data, len_bytes, max_bytes);
    fuzz_change_field(data, len_bytes, seed);
    return len_bytes;
}

static void check_file(const struct mt_image *image, const uint8_t *file)
{
    struct loads loads;
    check_functions(image);
    read_loads(file, image, &loads);
    check_entry_and_relocations(image, &loads);
    check_bytes(image, &loads, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    fuzz_try_file(data, len_bytes, MOTE_FORMAT_ELF, check_file);
    return 0;
}
