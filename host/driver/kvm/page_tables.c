/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables from regions (SDM volume 3, 4.5). They are written once, with accessed and dirty bits
 * preset, and mapped by none of their own entries: a guest can neither see nor change them.
 */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/error.h"
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

/* The fixed top: everything lies below 1 GiB, so that one directory serves all. */
static uint64_t directory_of(const struct table_area *area)
{
    return area->start + 2 * MT_PAGE_BYTES;
}

static mote_status make_top(struct table_area *area, mote_error *err)
{
    uint64_t page[3];
    for (size_t level = 0; level < 3; level++) {
        mote_status status = take_page(area, &page[level], err);
        if (status != MOTE_OK)
            return status;
    }
    set_entry(area, page[0], 0, page[1] | DIRECTORY_FLAGS);
    set_entry(area, page[1], 0, page[2] | DIRECTORY_FLAGS);
    return MOTE_OK;
}

static mote_status map_page(struct table_area *area, uint64_t address, uint64_t flags,
                            mote_error *err)
{
    uint64_t directory = directory_of(area);
    uint64_t index = address / MT_LARGE_PAGE_BYTES;
    uint64_t table = get_entry(area, directory, index) & ADDRESS_BITS;
    if (table == 0) {
        mote_status status = take_page(area, &table, err);
        if (status != MOTE_OK)
            return status;
        set_entry(area, directory, index, table | DIRECTORY_FLAGS);
    }
    set_entry(area, table, (address / MT_PAGE_BYTES) % 512, address | flags);
    return MOTE_OK;
}

/* Map [start, end), by large pages where asked and where a whole one fits. */
static mote_status map_range(struct table_area *area, uint64_t start, uint64_t end, uint64_t flags,
                             bool use_large_pages, mote_error *err)
{
    uint64_t at = start;
    while (at < end) {
        if (use_large_pages && at % MT_LARGE_PAGE_BYTES == 0 && end - at >= MT_LARGE_PAGE_BYTES) {
            set_entry(area, directory_of(area), at / MT_LARGE_PAGE_BYTES, at | flags | LARGE);
            at += MT_LARGE_PAGE_BYTES;
            continue;
        }
        mote_status status = map_page(area, at, flags, err);
        if (status != MOTE_OK)
            return status;
        at += MT_PAGE_BYTES;
    }
    return MOTE_OK;
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

mote_status mt_kvm_fill_tables(uint8_t *tables, const struct mt_plan *plan,
                               uint64_t vector_image_bytes, mote_error *err)
{
    struct table_area area = {
        .host = tables, .start = plan->tables_start, .len_bytes = plan->tables_len_bytes};
    mote_status status = make_top(&area, err);
    if (status == MOTE_OK)
        status = map_monitor(&area, vector_image_bytes, err);
    for (size_t i = 0; i < plan->n_regions && status == MOTE_OK; i++) {
        const struct mt_region *region = &plan->regions[i];
        uint64_t flags = flags_of(region);
        if (flags != 0)
            status = map_range(&area, region->start, region->start + region->len_bytes, flags,
                               region->use_large_pages, err);
    }
    return status;
}
