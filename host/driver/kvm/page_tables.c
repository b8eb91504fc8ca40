/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables from regions (SDM volume 3, 4.5). They are mapped by none of their own entries: a
 * guest can neither see nor change them. Accessed and dirty bits are preset, so that the CPU has
 * nothing to write; a machine with a sparse part has tables of its own, where they are clear for
 * what is told by them.
 */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/error.h"
#include "monitor/monitor.h"
#include <inttypes.h>
#include <mote/image.h>
#include <string.h>

#define PRESENT 0x1ull
#define WRITABLE 0x2ull
#define USER 0x4ull
#define ACCESSED 0x20ull
#define DIRTY 0x40ull
#define LARGE 0x80ull
#define NO_EXECUTE (1ull << 63)
#define ADDRESS_BITS 0x000FFFFFFFFFF000ull

#define N_ENTRIES 512u
#define DIRECTORY_BYTES (1ull << 30) /* of memory under one page directory */

#define DIRECTORY_FLAGS (PRESENT | WRITABLE | USER | ACCESSED)
#define LEAF_FLAGS (PRESENT | ACCESSED | DIRTY)

struct table_area {
    uint8_t *host;
    uint64_t start; /* guest address */
    uint64_t len_bytes;
    uint64_t used_bytes;
};

static void set_entry(struct table_area *area, uint64_t table, uint64_t index, uint64_t entry)
{
    memcpy(area->host + (table - area->start) + index * 8, &entry, sizeof(entry));
}

static uint64_t get_entry(const struct table_area *area, uint64_t table, uint64_t index)
{
    uint64_t entry;
    memcpy(&entry, area->host + (table - area->start) + index * 8, sizeof(entry));
    return entry;
}

static mote_status take_page(struct table_area *area, uint64_t *page, mote_error *err)
{
    if (area->used_bytes + MT_PAGE_BYTES > area->len_bytes)
        return mt_fail(err, MOTE_E_BUG, "page tables need more than their %" PRIu64 " bytes",
                       area->len_bytes);
    *page = area->start + area->used_bytes;
    area->used_bytes += MT_PAGE_BYTES;
    return MOTE_OK;
}

static mote_status make_top(struct table_area *area, mote_error *err)
{
    uint64_t page[2] = {0, 0};
    for (size_t level = 0; level < 2; level++) {
        mote_status status = take_page(area, &page[level], err);
        if (status != MOTE_OK)
            return status;
    }
    set_entry(area, page[0], 0, page[1] | DIRECTORY_FLAGS);
    return MOTE_OK;
}

/* The table that an entry leads to; made where there is none. */
static mote_status descend(struct table_area *area, uint64_t table, uint64_t index, uint64_t *next,
                           mote_error *err)
{
    *next = get_entry(area, table, index) & ADDRESS_BITS;
    if (*next != 0)
        return MOTE_OK;
    mote_status status = take_page(area, next, err);
    if (status == MOTE_OK)
        set_entry(area, table, index, *next | DIRECTORY_FLAGS);
    return status;
}

/* Everything lies below 512 GiB: one PDPT, with a directory for each GiB. */
static mote_status directory_for(struct table_area *area, uint64_t address, uint64_t *directory,
                                 mote_error *err)
{
    return descend(area, area->start + MT_PAGE_BYTES, address / DIRECTORY_BYTES, directory, err);
}

static uint64_t index_in_directory(uint64_t address)
{
    return address / MT_LARGE_PAGE_BYTES % N_ENTRIES;
}

static mote_status map_page(struct table_area *area, uint64_t address, uint64_t physical,
                            uint64_t flags, mote_error *err)
{
    uint64_t directory;
    uint64_t table;
    mote_status status = directory_for(area, address, &directory, err);
    if (status == MOTE_OK)
        status = descend(area, directory, index_in_directory(address), &table, err);
    if (status == MOTE_OK)
        set_entry(area, table, address / MT_PAGE_BYTES % N_ENTRIES, physical | flags);
    return status;
}

static mote_status map_large_page(struct table_area *area, uint64_t address, uint64_t flags,
                                  mote_error *err)
{
    uint64_t directory;
    mote_status status = directory_for(area, address, &directory, err);
    if (status == MOTE_OK)
        set_entry(area, directory, index_in_directory(address), address | flags | LARGE);
    return status;
}

/* Map [start, end), by large pages where asked and where a whole one fits. */
static mote_status map_range(struct table_area *area, uint64_t start, uint64_t end, uint64_t flags,
                             bool use_large_pages, mote_error *err)
{
    uint64_t at = start;
    mote_status status = MOTE_OK;
    while (at < end && status == MOTE_OK) {
        bool is_large =
            use_large_pages && at % MT_LARGE_PAGE_BYTES == 0 && end - at >= MT_LARGE_PAGE_BYTES;
        status =
            is_large ? map_large_page(area, at, flags, err) : map_page(area, at, at, flags, err);
        at += is_large ? MT_LARGE_PAGE_BYTES : MT_PAGE_BYTES;
    }
    return status;
}

/* 0 for what is not mapped. */
static uint64_t flags_of(const struct mt_region *region)
{
    if (region->backing == MT_BACKING_MONITOR)
        return LEAF_FLAGS | WRITABLE | NO_EXECUTE;
    if (region->rights == 0 || region->backing == MT_BACKING_NONE)
        return 0;
    uint64_t flags = LEAF_FLAGS | USER;
    if (region->rights & MOTE_RIGHT_WRITE)
        flags |= WRITABLE;
    if (!(region->rights & MOTE_RIGHT_EXECUTE))
        flags |= NO_EXECUTE;
    return flags;
}

static mote_status map_monitor(struct table_area *area, uint64_t vector_image_bytes,
                               mote_error *err)
{
    const struct {
        uint64_t start;
        uint64_t len_bytes;
        uint64_t flags;
    } pages[] = {
        {MT_KVM_GATES, MT_PAGE_BYTES, LEAF_FLAGS},
        {MT_KVM_TABLES, MT_PAGE_BYTES, LEAF_FLAGS | NO_EXECUTE},
        {MT_KVM_IDT, MT_PAGE_BYTES, LEAF_FLAGS | NO_EXECUTE},
        {MT_STUB_PAGE, MT_PAGE_BYTES, LEAF_FLAGS | USER},
        {MT_VECTOR_IMAGE, vector_image_bytes, LEAF_FLAGS | USER | NO_EXECUTE},
    };
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        mote_status status = map_range(area, pages[i].start, pages[i].start + pages[i].len_bytes,
                                       pages[i].flags, false, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

/* The one page range whose physical address is another: it lies with the private memory. */
static mote_status map_resume_image(struct table_area *area, uint64_t physical, uint64_t len_bytes,
                                    mote_error *err)
{
    const uint64_t flags = LEAF_FLAGS | USER | NO_EXECUTE;
    mote_status status = MOTE_OK;
    for (uint64_t at = 0; at < len_bytes && status == MOTE_OK; at += MT_PAGE_BYTES)
        status = map_page(area, MT_MONITOR_RESUME_IMAGE + at, physical + at, flags, err);
    return status;
}

mote_status mt_kvm_fill_tables(uint8_t *tables, const struct mt_plan *plan,
                               uint64_t vector_image_bytes, uint64_t resume_gpa, mote_error *err)
{
    struct table_area area = {
        .host = tables, .start = plan->tables_start, .len_bytes = plan->tables_len_bytes};
    mote_status status = make_top(&area, err);
    if (status == MOTE_OK)
        status = map_monitor(&area, vector_image_bytes, err);
    if (status == MOTE_OK)
        status = map_resume_image(&area, resume_gpa, vector_image_bytes, err);
    for (size_t i = 0; i < plan->n_regions && status == MOTE_OK; i++) {
        const struct mt_region *region = &plan->regions[i];
        uint64_t flags = flags_of(region);
        if (flags != 0)
            status = map_range(&area, region->start, region->start + region->len_bytes, flags,
                               region->use_large_pages, err);
    }
    return status;
}

/* ---- Dirty bits ---- */

/* A place in the tables where an address ends, as the CPU would walk there. */
struct leaf {
    uint64_t table; /* guest address of the table; 0 when the address is not mapped */
    uint64_t index;
    uint64_t entry;
    uint64_t len_bytes; /* of what it maps, or of what is not mapped there at all */
};

static struct leaf find_leaf(const struct table_area *area, uint64_t address)
{
    uint64_t directory =
        get_entry(area, area->start + MT_PAGE_BYTES, address / DIRECTORY_BYTES) & ADDRESS_BITS;
    if (directory == 0)
        return (struct leaf){.len_bytes = DIRECTORY_BYTES};
    uint64_t index = index_in_directory(address);
    uint64_t entry = get_entry(area, directory, index);
    if (entry != 0 && !(entry & ACCESSED)) /* nothing behind it was ever walked to */
        return (struct leaf){.len_bytes = MT_LARGE_PAGE_BYTES};
    if (entry == 0 || (entry & LARGE))
        return (struct leaf){entry != 0 ? directory : 0, index, entry, MT_LARGE_PAGE_BYTES};
    uint64_t table = entry & ADDRESS_BITS;
    index = address / MT_PAGE_BYTES % N_ENTRIES;
    entry = get_entry(area, table, index);
    return (struct leaf){entry != 0 ? table : 0, index, entry, MT_PAGE_BYTES};
}

static bool is_writable_by_guest(const struct leaf *leaf)
{
    return leaf->table != 0 && (leaf->entry & USER) && (leaf->entry & WRITABLE);
}

/* The next address after a leaf's; a leaf may begin before the address it was found by. */
static uint64_t behind(uint64_t address, const struct leaf *leaf)
{
    return (address & ~(leaf->len_bytes - 1)) + leaf->len_bytes;
}

void mt_kvm_clear_dirty_bits(uint8_t *tables, const struct mt_plan *plan, uint64_t start,
                             uint64_t end)
{
    struct table_area area = {
        .host = tables, .start = plan->tables_start, .len_bytes = plan->tables_len_bytes};
    for (uint64_t at = start; at < end;) {
        struct leaf leaf = find_leaf(&area, at);
        if (is_writable_by_guest(&leaf))
            set_entry(&area, leaf.table, leaf.index, leaf.entry & ~DIRTY);
        at = behind(at, &leaf);
    }
}

void mt_kvm_clear_accessed_bits(uint8_t *tables, const struct mt_plan *plan, uint64_t start,
                                uint64_t end)
{
    struct table_area area = {
        .host = tables, .start = plan->tables_start, .len_bytes = plan->tables_len_bytes};
    uint64_t at = (start + MT_LARGE_PAGE_BYTES - 1) & ~(MT_LARGE_PAGE_BYTES - 1ull);
    for (; at < end && end - at >= MT_LARGE_PAGE_BYTES; at += MT_LARGE_PAGE_BYTES) {
        uint64_t directory =
            get_entry(&area, area.start + MT_PAGE_BYTES, at / DIRECTORY_BYTES) & ADDRESS_BITS;
        uint64_t index = index_in_directory(at);
        uint64_t entry = directory != 0 ? get_entry(&area, directory, index) : 0;
        if (entry != 0 && !(entry & LARGE))
            set_entry(&area, directory, index, entry & ~ACCESSED);
    }
}

void mt_kvm_collect_dirty_bits(const uint8_t *tables, const struct mt_plan *plan, uint64_t start,
                               uint64_t end, uint64_t first_address, struct mt_page_set *set)
{
    /* Only read from here on. */
    const struct table_area area = {.host = (uint8_t *)(uintptr_t)tables,
                                    .start = plan->tables_start,
                                    .len_bytes = plan->tables_len_bytes};
    for (uint64_t at = start; at < end;) {
        struct leaf leaf = find_leaf(&area, at);
        if (is_writable_by_guest(&leaf) && (leaf.entry & DIRTY))
            mt_page_set_add_run(set, (at - first_address) / MT_PAGE_BYTES,
                                leaf.len_bytes / MT_PAGE_BYTES);
        at = behind(at, &leaf);
    }
}
