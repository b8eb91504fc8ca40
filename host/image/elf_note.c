/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF: the mote note and the function table that it leads to (abi/note.h). Both are read from the
 * image's memory, relocated for address 0, so that what the host reads is what the guest has.
 */
#include "host/image/elf.h"

#include "abi/memory_map.h"
#include "abi/note.h"
#include "host/base/alloc.h"
#include "host/base/checked.h"
#include "host/base/text.h"
#include "host/image/sort.h"
#include <inttypes.h>

_Static_assert(MT_NOTE_MAX_PARAMETERS == MOTE_MAX_PARAMETERS, "a table entry fits mote_function");
_Static_assert(sizeof(mote_function) <= MT_SORT_MAX_ELEMENT_BYTES, "functions are sorted");

/* ---- Finding the note ---- */

/* Where the description of the mote note is; 0 before it is found, as the ELF header is there. */
struct search {
    const struct mt_elf *elf;
    const struct mt_image *image;
    uint64_t description;
    uint64_t room_bytes; /* what segments of notes not read yet may have */
    mote_error *err;
};

static mote_status fail_note(const struct search *search, const char *field, uint64_t value,
                             uint64_t address, const char *complaint)
{
    return mt_fail_load(search->err, MOTE_E_IMAGE_NOTE, field, value,
                        mt_elf_file_offset(search->elf, address), "%s", complaint);
}

static bool is_mote_note(const struct search *search, const Elf64_Nhdr *note, uint64_t name)
{
    return note->n_type == MT_NOTE_TYPE && note->n_namesz == sizeof(MT_NOTE_NAME) &&
           memcmp(search->image->memory + name, MT_NOTE_NAME, sizeof(MT_NOTE_NAME)) == 0;
}

static mote_status accept(struct search *search, const Elf64_Nhdr *note, uint64_t at,
                          uint64_t description)
{
    if (note->n_descsz < sizeof(struct mt_note))
        return fail_note(search, "n_descsz", note->n_descsz, at + offsetof(Elf64_Nhdr, n_descsz),
                         "too short for a mote note");
    if (search->description != 0 && search->description != description)
        return fail_note(search, "n_type", note->n_type, at + offsetof(Elf64_Nhdr, n_type),
                         "a second mote note");
    search->description = description;
    return MOTE_OK;
}

/* One note at *at, which moves behind it. Everything stays inside end, which is at most
 * MT_MAX_IMAGE_BYTES, so that no sum of a 32-bit length can wrap. */
static mote_status read_one(struct search *search, uint64_t alignment, uint64_t *at, uint64_t end)
{
    Elf64_Nhdr note;
    memcpy(&note, search->image->memory + *at, sizeof(note));
    uint64_t name = *at + sizeof(note);
    if (!mt_range_ok(name, note.n_namesz, end))
        return fail_note(search, "n_namesz", note.n_namesz, *at + offsetof(Elf64_Nhdr, n_namesz),
                         "the note's name passes the end of its segment");
    uint64_t description = mt_round_down(name + note.n_namesz + alignment - 1, alignment);
    if (!mt_range_ok(description, note.n_descsz, end))
        return fail_note(search, "n_descsz", note.n_descsz, *at + offsetof(Elf64_Nhdr, n_descsz),
                         "the note's description passes the end of its segment");
    mote_status status = MOTE_OK;
    if (is_mote_note(search, &note, name))
        status = accept(search, &note, *at, description);
    *at = mt_round_down(description + note.n_descsz + alignment - 1, alignment);
    return status;
}

/* Notes are padded to 4 bytes, and to 8 in a segment that is aligned to 8. Zeroes are notes, too:
 * those of zeroed memory would be more than the file has bytes, and so would those of many segments
 * that are one and the same. */
static mote_status read_segment(struct search *search, const struct mt_elf_segment *segment)
{
    const Elf64_Phdr *header = &segment->header;
    const struct mt_elf *elf = search->elf;
    if (header->p_memsz == 0)
        return MOTE_OK;
    uint64_t at = header->p_vaddr - elf->base;
    if (header->p_vaddr < elf->base || !mt_elf_is_from_file(elf, at, header->p_memsz))
        return mt_fail_load(search->err, MOTE_E_IMAGE_NOTE, "p_vaddr", header->p_vaddr,
                            segment->at + offsetof(Elf64_Phdr, p_vaddr),
                            "PT_NOTE is not inside what a segment loads from the file");
    if (header->p_memsz > search->room_bytes)
        return mt_fail_load(search->err, MOTE_E_IMAGE_NOTE, "p_memsz", header->p_memsz,
                            segment->at + offsetof(Elf64_Phdr, p_memsz),
                            "all PT_NOTE together are longer than the file");
    search->room_bytes -= header->p_memsz;
    uint64_t end = at + header->p_memsz;
    uint64_t alignment = header->p_align == 8 ? 8 : 4;
    while (at < end && end - at >= sizeof(Elf64_Nhdr)) {
        mote_status status = read_one(search, alignment, &at, end);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

/* ---- The note's own fields ---- */

static mote_status check_version(const struct search *search, const struct mt_note *note)
{
    if (note->abi_version != MT_NOTE_ABI_VERSION)
        return fail_note(search, "abi_version", note->abi_version,
                         search->description + offsetof(struct mt_note, abi_version),
                         "this host knows version 1 only");
    if ((note->flags & ~MT_NOTE_FLAGS_ALL) != 0)
        return fail_note(search, "flags", note->flags,
                         search->description + offsetof(struct mt_note, flags),
                         "a flag that is not defined");
    return MOTE_OK;
}

static mote_status take_size(const struct search *search, const char *field, uint64_t value,
                             size_t field_offset, uint64_t by_default, uint64_t *to)
{
    if (value > MT_MAX_BUFFER_BYTES)
        return mt_fail_load(search->err, MOTE_E_IMAGE_TOO_LARGE, field, value,
                            mt_elf_file_offset(search->elf, search->description + field_offset),
                            "more than 1 GiB");
    *to = value != 0 ? value : by_default;
    return MOTE_OK;
}

_Static_assert(MT_MAX_BUFFER_BYTES == MT_GIB, "the text above names the cap");

static mote_status take_sizes(const struct search *search, const struct mt_note *note,
                              mote_image_facts *facts)
{
    mote_status status =
        take_size(search, "heap_bytes", note->heap_bytes, offsetof(struct mt_note, heap_bytes),
                  MT_DEFAULT_HEAP_BYTES, &facts->heap_bytes);
    if (status == MOTE_OK)
        status = take_size(search, "stack_bytes", note->stack_bytes,
                           offsetof(struct mt_note, stack_bytes), MT_DEFAULT_STACK_BYTES,
                           &facts->stack_bytes);
    return status;
}

/* The table's bounds are relative to the fields that hold them; both lie below MT_MAX_IMAGE_BYTES,
 * and a 64-bit sum cannot wrap. */
static mote_status find_table(const struct search *search, const struct mt_note *note,
                              uint64_t *start, uint64_t *end)
{
    uint64_t start_field = search->description + offsetof(struct mt_note, table_start);
    uint64_t end_field = search->description + offsetof(struct mt_note, table_end);
    int64_t first = (int64_t)start_field + note->table_start;
    int64_t last = (int64_t)end_field + note->table_end;
    if (first < 0 || (uint64_t)first > search->image->memory_bytes)
        return fail_note(search, "table_start", (uint32_t)note->table_start, start_field,
                         "the function table starts outside the image");
    if (last < first || (last - first) % (int64_t)sizeof(struct mt_note_function) != 0)
        return fail_note(search, "table_end", (uint32_t)note->table_end, end_field,
                         "the function table has no whole number of entries");
    *start = (uint64_t)first;
    *end = (uint64_t)last;
    if (first != last && !mt_elf_is_loaded(search->elf, *start, *end - *start))
        return fail_note(search, "table_end", (uint32_t)note->table_end, end_field,
                         "the function table is not inside a loaded segment");
    if (*end - *start > MT_NOTE_MAX_FUNCTIONS * sizeof(struct mt_note_function))
        return mt_fail_load(search->err, MOTE_E_IMAGE_TOO_LARGE, "table_end",
                            (uint32_t)note->table_end, mt_elf_file_offset(search->elf, end_field),
                            "more than %u functions", MT_NOTE_MAX_FUNCTIONS);
    return MOTE_OK;
}

/* ---- The function table ---- */

static mote_status check_name(const struct search *search, const struct mt_note_function *entry,
                              uint64_t at)
{
    const struct mt_image *image = search->image;
    uint64_t field = at + offsetof(struct mt_note_function, name);
    if (!mt_elf_is_loaded(search->elf, entry->name, 1))
        return fail_note(search, "function name", entry->name, field, "points to no loaded memory");
    const char *name = (const char *)image->memory + entry->name;
    uint64_t room = image->memory_bytes - entry->name;
    size_t len =
        strnlen(name, room < MT_NOTE_MAX_NAME_BYTES + 1 ? room : MT_NOTE_MAX_NAME_BYTES + 1);
    if (len == 0)
        return fail_note(search, "function name", entry->name, field, "an empty name");
    if (len == room || len > MT_NOTE_MAX_NAME_BYTES)
        return fail_note(search, "function name", entry->name, field,
                         "a name that does not end within 95 bytes");
    if (!mt_utf8_is_valid(name, len))
        return fail_note(search, "function name", entry->name, field, "a name that is not UTF-8");
    return MOTE_OK;
}

_Static_assert(MT_NOTE_MAX_NAME_BYTES == 95, "the text above names the cap");

static mote_status check_params(const struct search *search, const struct mt_note_function *entry,
                                uint64_t at)
{
    if (entry->n_params > MT_NOTE_MAX_PARAMETERS)
        return fail_note(search, "function n_params", entry->n_params,
                         at + offsetof(struct mt_note_function, n_params),
                         "more than 11 parameters");
    for (size_t i = 0; i < sizeof(entry->params); i++) {
        uint64_t field = at + offsetof(struct mt_note_function, params) + i;
        if (i >= entry->n_params && entry->params[i] != 0)
            return fail_note(search, "function params", entry->params[i], field,
                             "not zero behind the last parameter");
        if (entry->params[i] > MOTE_TYPE_BYTES)
            return fail_note(search, "function params", entry->params[i], field,
                             "no type of a parameter");
    }
    return MOTE_OK;
}

/* ReturnType counts as mote_type does up to bool (7); then void is 8 and bytes 9. */
static bool return_type(uint8_t number, mote_type *type)
{
    if (number <= MOTE_TYPE_BOOL)
        *type = (mote_type)number;
    else if (number == 8)
        *type = MOTE_TYPE_VOID;
    else if (number == 9)
        *type = MOTE_TYPE_BYTES;
    else
        return false;
    return true;
}

static mote_status read_function(const struct search *search, uint64_t at, mote_function *function)
{
    struct mt_note_function entry;
    memcpy(&entry, search->image->memory + at, sizeof(entry));
    mote_status status = check_name(search, &entry, at);
    if (status == MOTE_OK)
        status = check_params(search, &entry, at);
    if (status != MOTE_OK)
        return status;
    if (!return_type(entry.returns, &function->returns))
        return fail_note(search, "function returns", entry.returns,
                         at + offsetof(struct mt_note_function, returns), "no type of a result");
    if (!mt_image_is_executable(search->image, entry.code))
        return fail_note(search, "function code", entry.code,
                         at + offsetof(struct mt_note_function, code), "not in executable memory");
    function->name = (const char *)search->image->memory + entry.name;
    function->n_params = entry.n_params;
    for (size_t i = 0; i < entry.n_params; i++)
        function->params[i] = (mote_type)entry.params[i];
    return MOTE_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const mote_function *)a)->name, ((const mote_function *)b)->name);
}

static mote_status check_unique(const struct search *search, const mote_function *functions,
                                size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (strcmp(functions[i - 1].name, functions[i].name) != 0)
            continue;
        uint64_t address = (uint64_t)((const uint8_t *)functions[i].name - search->image->memory);
        return fail_note(search, "function name", address, address, "two functions have this name");
    }
    return MOTE_OK;
}

static mote_status read_table(const struct search *search, struct mt_image *image, uint64_t start,
                              uint64_t end)
{
    size_t n = (end - start) / sizeof(struct mt_note_function);
    if (n == 0)
        return MOTE_OK;
    image->functions = mt_alloc_array_zero(&image->allocator, n, sizeof(image->functions[0]));
    if (image->functions == NULL)
        return mt_fail(search->err, MOTE_E_MEMORY, "no memory for a table of %zu functions", n);
    for (size_t i = 0; i < n; i++) {
        mote_status status = read_function(search, start + i * sizeof(struct mt_note_function),
                                           &image->functions[i]);
        if (status != MOTE_OK)
            return status;
    }
    image->n_functions = n;
    mt_sort(image->functions, n, sizeof(image->functions[0]), compare_names);
    return check_unique(search, image->functions, n);
}

static mote_status read_note(const struct search *search, struct mt_image *image)
{
    struct mt_note note;
    uint64_t start = 0;
    uint64_t end = 0;
    memcpy(&note, image->memory + search->description, sizeof(note));
    mote_status status = check_version(search, &note);
    if (status == MOTE_OK)
        status = take_sizes(search, &note, &image->facts);
    if (status == MOTE_OK)
        status = find_table(search, &note, &start, &end);
    if (status == MOTE_OK)
        status = read_table(search, image, start, end);
    image->facts.abi = MOTE_ABI_MOTE_1;
    image->facts.has_other_functions = (note.flags & MT_NOTE_FLAG_OPEN) != 0;
    image->facts.abi_version = note.abi_version;
    return status;
}

mote_status mt_elf_read_note(const struct mt_elf *elf, struct mt_image *image, mote_error *err)
{
    struct search search = {.elf = elf, .image = image, .room_bytes = elf->file_bytes, .err = err};
    for (size_t i = 0; i < elf->n_notes; i++) {
        mote_status status = read_segment(&search, &elf->notes[i]);
        if (status != MOTE_OK)
            return status;
    }
    if (search.description != 0)
        return read_note(&search, image);
    image->facts.abi = MOTE_ABI_HYPERLIGHT_0_1;
    image->facts.has_other_functions = true;
    image->facts.heap_bytes = MT_DEFAULT_HEAP_BYTES;
    image->facts.stack_bytes = MT_DEFAULT_STACK_BYTES;
    return MOTE_OK;
}
