/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest files that are odd but legal: real guests, changed as linkers, strippers and packers are
 * free to. Each must load and answer. What several linkers make of one source is in
 * host/image/linkers_test.c. mote's own guest runtime looks at its program headers in memory, so
 * that they stay in their place in such a guest; that of the 0.1 ABI does without.
 */
#include "tests/hostile/witness.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADERS = 64, ROOM_BYTES = 1 << 16, PAGE_BYTES = 4096 };

/* A guest's file, its headers apart until it is finished. */
struct file {
    uint8_t *bytes;
    size_t n_bytes;
    Elf64_Ehdr *header; /* in bytes */
    Elf64_Phdr headers[MAX_HEADERS];
    size_t n_headers;
    bool is_moved;     /* the headers go behind everything else, where no segment reaches */
    size_t phoff_skew; /* bytes before the table, which then is not aligned */
};

static struct good {
    const char *path;
    uint8_t *bytes;
    size_t n_bytes;
} goods[] = {{ABI01, NULL, 0}, {HELLO, NULL, 0}};

static int set_up(void **state)
{
    for (size_t i = 0; i < COUNT(goods); i++) {
        FILE *stream = fopen(goods[i].path, "rb");
        assert_non_null(stream);
        goods[i].bytes = malloc(1 << 22);
        assert_non_null(goods[i].bytes);
        goods[i].n_bytes = fread(goods[i].bytes, 1, 1 << 22, stream);
        fclose(stream);
    }
    return witness_set_up(state);
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < COUNT(goods); i++)
        free(goods[i].bytes);
    return witness_tear_down(state);
}

static void open_file(struct file *file, const struct good *good)
{
    *file = (struct file){.bytes = malloc(good->n_bytes + ROOM_BYTES), .n_bytes = good->n_bytes};
    assert_non_null(file->bytes);
    memcpy(file->bytes, good->bytes, good->n_bytes);
    memset(file->bytes + good->n_bytes, 0xA5, ROOM_BYTES);
    file->header = (Elf64_Ehdr *)file->bytes;
    file->n_headers = file->header->e_phnum;
    memcpy(file->headers, file->bytes + file->header->e_phoff,
           file->n_headers * sizeof(Elf64_Phdr));
}

static void finish(struct file *file)
{
    size_t len_bytes = file->n_headers * sizeof(Elf64_Phdr);
    if (file->is_moved || file->n_headers > file->header->e_phnum) {
        file->header->e_phoff = (file->n_bytes + 7) / 8 * 8 + file->phoff_skew;
        file->n_bytes = file->header->e_phoff + len_bytes;
    }
    file->header->e_phnum = (Elf64_Half)file->n_headers;
    memcpy(file->bytes + file->header->e_phoff, file->headers, len_bytes);
}

static Elf64_Phdr *nth(struct file *file, uint32_t type, size_t n)
{
    for (size_t i = 0; i < file->n_headers; i++)
        if (file->headers[i].p_type == type && n-- == 0)
            return &file->headers[i];
    fail_msg("no header of type %u", type);
    return NULL;
}

static Elf64_Phdr *last_load(struct file *file)
{
    Elf64_Phdr *last = NULL;
    for (size_t i = 0; i < file->n_headers; i++)
        if (file->headers[i].p_type == PT_LOAD)
            last = &file->headers[i];
    assert_non_null(last);
    return last;
}

/* A header more, in the place that it then has, or the last. */
static void insert(struct file *file, size_t at, const Elf64_Phdr *header)
{
    assert_true(file->n_headers < MAX_HEADERS);
    if (at > file->n_headers)
        at = file->n_headers;
    memmove(&file->headers[at + 1], &file->headers[at],
            (file->n_headers - at) * sizeof(Elf64_Phdr));
    file->headers[at] = *header;
    file->n_headers++;
}

static void add(struct file *file, const Elf64_Phdr *header)
{
    insert(file, file->n_headers, header);
}

static Elf64_Dyn *dynamic_section(struct file *file, size_t *n)
{
    const Elf64_Phdr *header = nth(file, PT_DYNAMIC, 0);
    *n = header->p_filesz / sizeof(Elf64_Dyn);
    return (Elf64_Dyn *)(file->bytes + header->p_offset);
}

static Elf64_Dyn *dynamic_entry(struct file *file, int64_t tag)
{
    size_t n;
    Elf64_Dyn *entries = dynamic_section(file, &n);
    for (size_t i = 0; i < n; i++)
        if (entries[i].d_tag == tag)
            return &entries[i];
    fail_msg("no dynamic entry %lld", (long long)tag);
    return NULL;
}

/* The table lies in the first segment, where addresses are offsets. */
static Elf64_Rela *relocations(struct file *file, size_t *n)
{
    *n = dynamic_entry(file, DT_RELASZ)->d_un.d_val / sizeof(Elf64_Rela);
    assert_true(*n > 1);
    return (Elf64_Rela *)(file->bytes + dynamic_entry(file, DT_RELA)->d_un.d_ptr);
}

/* ---- Sections, which nothing needs ---- */

static void no_sections(struct file *file)
{
    file->header->e_shoff = 0;
    file->header->e_shnum = 0;
    file->header->e_shstrndx = 0;
}

static void sections_that_are_nonsense(struct file *file)
{
    file->header->e_shoff = UINT64_MAX - 7;
    file->header->e_shnum = UINT16_MAX;
    file->header->e_shentsize = 3;
    file->header->e_shstrndx = 7;
}

static void nothing_behind_what_is_loaded(struct file *file)
{
    const Elf64_Phdr *last = last_load(file);
    no_sections(file);
    file->n_bytes = last->p_offset + last->p_filesz;
}

static void more_behind_the_end(struct file *file)
{
    file->n_bytes += 12345;
}

/* ---- The file header ---- */

static void another_operating_system(struct file *file)
{
    file->header->e_ident[EI_OSABI] = ELFOSABI_GNU;
    file->header->e_ident[EI_ABIVERSION] = 9;
    memset(file->header->e_ident + EI_PAD, 0xFF, EI_NIDENT - EI_PAD);
}

static void flags_and_size_of_the_header(struct file *file)
{
    file->header->e_flags = UINT32_MAX;
    file->header->e_ehsize = 1;
}

static void a_pie_that_says_it_is_none(struct file *file)
{
    file->header->e_type = ET_EXEC;
}

/* ---- Program headers ---- */

static void headers_at_an_odd_place(struct file *file)
{
    file->is_moved = true;
    file->phoff_skew = 3;
}

static void sixty_four_headers(struct file *file)
{
    const Elf64_Phdr empty = {.p_type = PT_NULL};
    while (file->n_headers < MAX_HEADERS)
        add(file, &empty);
}

static void unused_headers_full_of_rubbish(struct file *file)
{
    Elf64_Phdr rubbish;
    memset(&rubbish, 0xEE, sizeof(rubbish));
    rubbish.p_type = PT_NULL;
    for (size_t i = 0; i < 10; i++)
        insert(file, i * 2, &rubbish);
}

static void types_that_nobody_knows(struct file *file)
{
    static const uint32_t types[] = {PT_SHLIB, PT_LOOS,   PT_GNU_EH_FRAME, 0x6474E553,
                                     PT_HIOS,  PT_LOPROC, PT_HIPROC,       UINT32_MAX};
    Elf64_Phdr rubbish;
    memset(&rubbish, 0xEE, sizeof(rubbish));
    for (size_t i = 0; i < COUNT(types); i++) {
        rubbish.p_type = types[i];
        insert(file, i * 2, &rubbish);
    }
}

static void an_interpreter_and_thread_local_memory(struct file *file)
{
    add(file, &(Elf64_Phdr){.p_type = PT_INTERP, .p_offset = 1 << 30, .p_filesz = 20});
    add(file, &(Elf64_Phdr){.p_type = PT_TLS, .p_vaddr = 0x9000, .p_memsz = 64, .p_align = 64});
    add(file, &(Elf64_Phdr){.p_type = PT_PHDR, .p_vaddr = 64});
}

static void an_executable_stack_is_asked_for(struct file *file)
{
    nth(file, PT_GNU_STACK, 0)->p_flags = PF_R | PF_W | PF_X;
    nth(file, PT_GNU_STACK, 0)->p_memsz = 1 << 30;
}

static void physical_addresses_of_any_kind(struct file *file)
{
    for (size_t i = 0; i < file->n_headers; i++)
        file->headers[i].p_paddr = UINT64_MAX - i;
}

static void headers_the_other_way_round(struct file *file)
{
    struct file before = *file;
    size_t n = 0;
    for (size_t i = before.n_headers; i-- > 0;)
        if (before.headers[i].p_type != PT_LOAD)
            file->headers[n++] = before.headers[i];
    for (size_t i = 0; i < before.n_headers; i++)
        if (before.headers[i].p_type == PT_LOAD)
            file->headers[n++] = before.headers[i];
}

/* ---- Segments ---- */

static void no_alignment(struct file *file)
{
    for (size_t i = 0; nth(file, PT_LOAD, i) != last_load(file); i++)
        nth(file, PT_LOAD, i)->p_align = i % 2;
    last_load(file)->p_align = 1;
}

static void an_alignment_of_2_mib(struct file *file)
{
    nth(file, PT_LOAD, 0)->p_align = 2 << 20;
}

static void flags_of_the_operating_system(struct file *file)
{
    for (size_t i = 0; i < file->n_headers; i++)
        if (file->headers[i].p_type == PT_LOAD)
            file->headers[i].p_flags |= PF_MASKOS | PF_MASKPROC;
}

/* x86 has no page that can be written or executed and not read. */
static void segments_that_need_not_be_readable(struct file *file)
{
    for (size_t i = 0; i < file->n_headers; i++)
        if (file->headers[i].p_type == PT_LOAD && (file->headers[i].p_flags & (PF_W | PF_X)) != 0)
            file->headers[i].p_flags &= ~(uint32_t)PF_R;
}

static void empty_segments_between(struct file *file)
{
    const Elf64_Phdr empty = {.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0x12345};
    for (size_t i = 0; i < 8; i++)
        insert(file, i * 2, &empty);
}

static uint64_t first_free_page(struct file *file)
{
    const Elf64_Phdr *last = last_load(file);
    return (last->p_vaddr + last->p_memsz + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static void zeroes_only(struct file *file)
{
    add(file, &(Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = PF_R | PF_W,
                            .p_offset = UINT64_MAX, /* of no file bytes */
                            .p_vaddr = first_free_page(file),
                            .p_memsz = 5});
}

static void a_hole_of_16_mib(struct file *file)
{
    add(file, &(Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = PF_R,
                            .p_vaddr = first_free_page(file) + (16 << 20),
                            .p_filesz = 100,
                            .p_memsz = 100});
}

static void two_segments_of_the_same_bytes(struct file *file)
{
    const Elf64_Phdr *code = nth(file, PT_LOAD, 1);
    Elf64_Phdr again = *code;
    again.p_vaddr = first_free_page(file);
    again.p_flags = PF_R;
    add(file, &again);
}

static void zeroed_memory_of_64_mib(struct file *file)
{
    last_load(file)->p_memsz += 64 << 20;
}

static void nothing_is_protected_after_relocation(struct file *file)
{
    nth(file, PT_GNU_RELRO, 0)->p_type = PT_NULL;
}

static void an_empty_range_is_protected(struct file *file)
{
    nth(file, PT_GNU_RELRO, 0)->p_memsz = 0;
}

/* ---- Notes ---- */

static void notes_in_two_segments(struct file *file)
{
    Elf64_Phdr *both = nth(file, PT_NOTE, 0);
    const Elf64_Nhdr *build = (const Elf64_Nhdr *)(file->bytes + both->p_offset);
    uint64_t first_bytes = sizeof(*build) + (build->n_namesz + 3) / 4 * 4 + build->n_descsz;
    Elf64_Phdr rest = *both;
    both->p_filesz = both->p_memsz = first_bytes;
    rest.p_offset += first_bytes;
    rest.p_vaddr += first_bytes;
    rest.p_filesz = rest.p_memsz -= first_bytes;
    *nth(file, PT_GNU_STACK, 0) = rest;
}

/* ---- The dynamic section ---- */

static void tags_that_nobody_knows_and_no_end(struct file *file)
{
    size_t n;
    Elf64_Dyn *entries = dynamic_section(file, &n);
    size_t tag = 0x60000000;
    for (size_t i = 0; i < n; i++)
        if (entries[i].d_tag == DT_NULL)
            entries[i] = (Elf64_Dyn){(int64_t)tag++, {UINT64_MAX}};
}

static void rubbish_behind_the_end_of_the_tags(struct file *file)
{
    size_t n;
    Elf64_Dyn *entries = dynamic_section(file, &n);
    size_t end = 0;
    while (end < n && entries[end].d_tag != DT_NULL)
        end++;
    assert_true(end + 1 < n);
    for (size_t i = end + 1; i < n; i++)
        entries[i] = (Elf64_Dyn){DT_RELA, {UINT64_MAX}};
}

static void tags_in_another_order(struct file *file)
{
    size_t n;
    Elf64_Dyn *entries = dynamic_section(file, &n);
    size_t end = 0;
    while (end < n && entries[end].d_tag != DT_NULL)
        end++;
    for (size_t i = 0; i < end / 2; i++) {
        Elf64_Dyn swapped = entries[i];
        entries[i] = entries[end - 1 - i];
        entries[end - 1 - i] = swapped;
    }
}

static void a_wrong_count_of_relative_relocations(struct file *file)
{
    dynamic_entry(file, DT_RELACOUNT)->d_un.d_val = 1;
}

static void relocations_from_the_last_to_the_first(struct file *file)
{
    size_t n;
    Elf64_Rela *entries = relocations(file, &n);
    for (size_t i = 0; i < n / 2; i++) {
        Elf64_Rela swapped = entries[i];
        entries[i] = entries[n - 1 - i];
        entries[n - 1 - i] = swapped;
    }
}

/* With an addend in the table, what stands in the place does not count. */
static void rubbish_where_pointers_go(struct file *file)
{
    size_t n;
    const Elf64_Rela *entries = relocations(file, &n);
    const Elf64_Phdr *data = last_load(file);
    for (size_t i = 0; i < n; i++)
        if (entries[i].r_offset - data->p_vaddr < data->p_filesz)
            memset(file->bytes + data->p_offset + (entries[i].r_offset - data->p_vaddr), 0xDD, 8);
}

static const struct oddity {
    const char *name;
    void (*change)(struct file *file);
    const char *only; /* the guest that it is for, when it is for one alone */
} oddities[] = {
    {"no sections", no_sections, NULL},
    {"sections that are nonsense", sections_that_are_nonsense, NULL},
    {"nothing behind what is loaded", nothing_behind_what_is_loaded, NULL},
    {"more behind the end", more_behind_the_end, NULL},
    {"another operating system", another_operating_system, NULL},
    {"flags and size of the header", flags_and_size_of_the_header, NULL},
    {"a PIE that says it is none", a_pie_that_says_it_is_none, NULL},
    {"headers at an odd place", headers_at_an_odd_place, ABI01},
    {"64 headers", sixty_four_headers, ABI01},
    {"unused headers full of rubbish", unused_headers_full_of_rubbish, ABI01},
    {"types that nobody knows", types_that_nobody_knows, ABI01},
    {"an interpreter and thread-local memory", an_interpreter_and_thread_local_memory, ABI01},
    {"an executable stack is asked for", an_executable_stack_is_asked_for, NULL},
    {"physical addresses of any kind", physical_addresses_of_any_kind, NULL},
    {"headers the other way round", headers_the_other_way_round, NULL},
    {"no alignment", no_alignment, NULL},
    {"an alignment of 2 MiB", an_alignment_of_2_mib, NULL},
    {"flags of the operating system", flags_of_the_operating_system, NULL},
    {"segments that need not be readable", segments_that_need_not_be_readable, NULL},
    {"empty segments between", empty_segments_between, ABI01},
    {"zeroes only", zeroes_only, ABI01},
    {"a hole of 16 MiB", a_hole_of_16_mib, ABI01},
    {"two segments of the same bytes", two_segments_of_the_same_bytes, ABI01},
    {"zeroed memory of 64 MiB", zeroed_memory_of_64_mib, NULL},
    {"nothing is protected after relocation", nothing_is_protected_after_relocation, NULL},
    {"an empty range is protected", an_empty_range_is_protected, NULL},
    {"notes in two segments", notes_in_two_segments, HELLO},
    {"tags that nobody knows and no end", tags_that_nobody_knows_and_no_end, NULL},
    {"rubbish behind the end of the tags", rubbish_behind_the_end_of_the_tags, NULL},
    {"tags in another order", tags_in_another_order, NULL},
    {"a wrong count of relative relocations", a_wrong_count_of_relative_relocations, NULL},
    {"relocations from the last to the first", relocations_from_the_last_to_the_first, NULL},
    {"rubbish where pointers go", rubbish_where_pointers_go, NULL},
};

static void assert_answers(mote_sandbox *sandbox, const struct good *good)
{
    if (strcmp(good->path, HELLO) == 0)
        assert_echoes(sandbox);
    else
        assert_echo(sandbox);
}

static void run(const char *name, const struct file *file, const struct good *good)
{
    mote_image *image = NULL;
    mote_sandbox *sandbox = NULL;
    mote_status status =
        mote_image_from_bytes(file->bytes, file->n_bytes, NULL, &image, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_create(image, for_test(NULL), &sandbox, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_init(sandbox, &last_error);
    if (status != MOTE_OK)
        fail_msg("%s: %s: %s", name, mote_status_name(status), last_error.text);
    assert_answers(sandbox, good);
    mote_sandbox_destroy(sandbox);
    mote_image_unref(image);
}

static void test_odd_but_legal_files_run(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (size_t i = 0; i < COUNT(oddities); i++) {
        for (size_t k = 0; k < COUNT(goods); k++) {
            struct file file;
            if (oddities[i].only != NULL && strcmp(oddities[i].only, goods[k].path) != 0)
                continue;
            open_file(&file, &goods[k]);
            oddities[i].change(&file);
            finish(&file);
            run(oddities[i].name, &file, &goods[k]);
            free(file.bytes);
        }
    }
    print_message("%zu oddities ran\n", COUNT(oddities));
}

/* All that do not exclude each other, in one file. */
static void test_many_oddities_in_one_file_run(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static void (*const changes[])(struct file * file) = {nothing_behind_what_is_loaded,
                                                          another_operating_system,
                                                          flags_and_size_of_the_header,
                                                          a_pie_that_says_it_is_none,
                                                          headers_at_an_odd_place,
                                                          an_interpreter_and_thread_local_memory,
                                                          physical_addresses_of_any_kind,
                                                          no_alignment,
                                                          zeroes_only,
                                                          a_hole_of_16_mib,
                                                          tags_in_another_order,
                                                          relocations_from_the_last_to_the_first,
                                                          rubbish_where_pointers_go,
                                                          tags_that_nobody_knows_and_no_end,
                                                          empty_segments_between,
                                                          unused_headers_full_of_rubbish,
                                                          headers_the_other_way_round};
    struct file file;
    open_file(&file, &goods[0]);
    for (size_t i = 0; i < COUNT(changes); i++)
        changes[i](&file);
    finish(&file);
    run("all at once", &file, &goods[0]);
    free(file.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_but_legal_files_run),
        cmocka_unit_test(test_many_oddities_in_one_file_run),
    };
    return cmocka_run_group_tests_name("hostile oddities", tests, set_up, tear_down);
}
