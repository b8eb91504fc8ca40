/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages are used, and which the guest wrote.
 *
 * A page that exists in the sandbox's file is used: that needs nothing of the system, and is exact
 * for what was zero. For the rest a child is put in place whose writes the kernel tracks: pages are
 * write-protected, and the kernel lifts the protection at the first write and tells nobody
 * (UFFD_FEATURE_WP_ASYNC; relied on from Linux 6.9 on). A page is clean when it is still protected;
 * what is not known to be so counts as written, and is never protected again. Where this cannot be
 * had - older kernels, no /proc, userfaultfd(2) refused - all pages that exist count as written.
 *
 * The scan that asks for written pages alone is several times as fast as any other, but passes over
 * addresses without a page table. There are none: to protect what is not populated makes tables
 * (markers stand in them), a child has no system call to free one, and the kernel merges no pages
 * of such a mapping into large ones, as it would lose the markers. A page without an entry - it was
 * reclaimed, or a hole was made in the file - counts as written.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include <errno.h>
#include <linux/userfaultfd.h>
#include <mote/image.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* linux/userfaultfd.h and linux/fs.h of later kernels. */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#define SCAN_WRITTEN (1u << 1)

struct scan_range {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

struct scan {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t ranges;
    uint64_t n_ranges;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof;
    uint64_t return_mask;
};

#define PAGEMAP_SCAN_CALL _IOWR('f', 16, struct scan)
#define RANGES_AT_ONCE 64u
/* To scan so much takes no longer than to begin a second scan behind it. */
#define SMALL_HOLE_BYTES 0x100000u
/* To copy so much takes no longer than to scan it. */
#define FEW_BYTES 0x4000u

/* A range of guest addresses. */
struct range {
    uint64_t start;
    uint64_t end;
};

/* ---- Pages that exist ---- */

static void add_range(const struct mt_machine *machine, struct range range, struct mt_page_set *set)
{
    uint64_t first = (range.start - machine->prepared->private_start) / MT_PAGE_BYTES;
    if (range.start < range.end)
        mt_page_set_add_run(set, first, (range.end - range.start) / MT_PAGE_BYTES);
}

/* Add the pages of the file in a part of private memory. Where the file cannot be asked, all.
 * Returns whether some lie apart from those of the hole that are known. */
static bool add_existing(struct mt_machine *machine, struct range within, struct mt_page_set *set)
{
    bool is_apart = false;
    uint64_t base = machine->prepared->private_start;
    uint64_t end = within.end - base;
    uint64_t at = within.start - base;
    while (at < end) {
        machine->n_system_calls++;
        off_t data = lseek(machine->memory, (off_t)at, SEEK_DATA);
        if ((data < 0 && errno == ENXIO) || (data >= 0 && (uint64_t)data >= end))
            return is_apart;
        machine->n_system_calls++;
        off_t hole = data < 0 ? -1 : lseek(machine->memory, data, SEEK_HOLE);
        uint64_t from = data < 0 ? at : (uint64_t)data;
        uint64_t to = hole < 0 || (uint64_t)hole > end ? end : (uint64_t)hole;
        add_range(machine, (struct range){base + from, base + to}, set);
        if (base + from == machine->hole_known_end)
            machine->hole_known_end = base + to;
        else
            is_apart = true;
        at = to;
    }
    return is_apart;
}

static struct range private_range(const struct mt_machine *machine)
{
    const struct mt_process_prepared *prepared = machine->prepared;
    return (struct range){prepared->private_start, prepared->private_end};
}

mote_status mt_process_list_used(struct mt_machine *machine, struct mt_page_set *set,
                                 mote_error *err)
{
    (void)err;
    machine->may_hold_frames = true; /* it is not asked what came to exist */
    add_existing(machine, private_range(machine), set);
    return MOTE_OK;
}

/* ---- Tracking ---- */

static struct range intersect(struct range a, struct range b)
{
    struct range both = {a.start > b.start ? a.start : b.start, a.end < b.end ? a.end : b.end};
    if (both.end < both.start)
        both.end = both.start;
    return both;
}

/* What is protected and scanned: before the hole and behind it. */
static struct range before_hole(const struct mt_machine *machine)
{
    return (struct range){private_range(machine).start, machine->hole_start};
}

static struct range behind_hole(const struct mt_machine *machine)
{
    return (struct range){machine->hole_end, private_range(machine).end};
}

static bool protect(struct mt_machine *machine, struct range range)
{
    const uint64_t len_bytes = range.end - range.start;
    struct uffdio_register registration = {.range = {range.start, len_bytes},
                                           .mode = UFFDIO_REGISTER_MODE_WP};
    struct uffdio_writeprotect protection = {.range = {range.start, len_bytes},
                                             .mode = UFFDIO_WRITEPROTECT_MODE_WP};
    if (len_bytes == 0)
        return true;
    machine->n_system_calls += 2;
    return ioctl(machine->faults, UFFDIO_REGISTER, &registration) == 0 &&
           ioctl(machine->faults, UFFDIO_WRITEPROTECT, &protection) == 0;
}

/* The end of the regions of private memory that follow each other without a gap. */
static uint64_t end_of_neighbours(const struct mt_plan *plan, size_t first, size_t *next)
{
    uint64_t end = plan->regions[first].start;
    size_t i = first;
    for (; i < plan->n_regions && plan->regions[i].start == end &&
           plan->regions[i].backing == MT_BACKING_PRIVATE;
         i++)
        end += plan->regions[i].len_bytes;
    *next = i;
    return end;
}

/* What a guest cannot write as well: it is never told as written then. */
static bool protect_regions(struct mt_machine *machine)
{
    const struct mt_plan *plan = machine->prepared->plan;
    size_t next;
    for (size_t i = 0; i < plan->n_regions; i = next) {
        struct range range = {plan->regions[i].start, end_of_neighbours(plan, i, &next)};
        if (next == i)
            next++;
        if (!protect(machine, intersect(range, before_hole(machine))) ||
            !protect(machine, intersect(range, behind_hole(machine))))
            return false;
    }
    return true;
}

static bool protect_all(struct mt_machine *machine)
{
    struct uffdio_api api = {.api = UFFD_API,
                             .features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED |
                                         UFFD_FEATURE_WP_HUGETLBFS_SHMEM};
    machine->n_system_calls++;
    return ioctl(machine->faults, UFFDIO_API, &api) == 0 && protect_regions(machine);
}

/* Ranges of pages that are not protected. Returns their number, or -1. */
static long scan_written(struct mt_machine *machine, struct range range, struct scan_range *written,
                         uint64_t *walked_to)
{
    struct scan scan = {
        .size = sizeof(scan),
        .start = range.start,
        .end = range.end,
        .ranges = (uint64_t)(uintptr_t)written,
        .n_ranges = RANGES_AT_ONCE,
        .category_mask = SCAN_WRITTEN,
        .return_mask = SCAN_WRITTEN,
    };
    machine->n_system_calls++;
    long n = ioctl(machine->pagemap, PAGEMAP_SCAN_CALL, &scan);
    *walked_to = scan.walk_end;
    return n;
}

/* Add all of a range that is not protected. */
static bool add_written(struct mt_machine *machine, struct range range, struct mt_page_set *set)
{
    struct scan_range written[RANGES_AT_ONCE];
    uint64_t at = range.start;
    while (at < range.end) {
        uint64_t walked_to;
        long n = scan_written(machine, (struct range){at, range.end}, written, &walked_to);
        if (n < 0 || walked_to <= at)
            return false;
        for (long i = 0; i < n; i++)
            add_range(machine, (struct range){written[i].start, written[i].end}, set);
        at = walked_to;
    }
    return true;
}

/* Whether the file has got pages since this was asked last. None cease to exist but by
 * mt_process_discard() and mt_process_forget(). Takes half as long as to ask where they are. */
static bool has_new_pages(struct mt_machine *machine)
{
    struct stat now;
    machine->n_system_calls++;
    if (fstat(machine->memory, &now) != 0)
        return true;
    bool is_new = now.st_blocks != machine->n_known_blocks;
    machine->n_known_blocks = now.st_blocks;
    return is_new;
}

/* Every page of the hole that exists counts as written. */
static void add_of_hole(struct mt_machine *machine, bool has_new, struct mt_page_set *set)
{
    const struct range hole = {machine->hole_start, machine->hole_end};
    add_range(machine, (struct range){hole.start, machine->hole_known_end}, set);
    if (machine->hole_known_end >= hole.end || !has_new)
        return;
    if (add_existing(machine, (struct range){machine->hole_known_end, hole.end}, set))
        machine->n_known_blocks = -1; /* they are to be told again */
}

static bool add_behind_hole(struct mt_machine *machine, struct mt_page_set *set)
{
    const struct range behind = behind_hole(machine);
    if (behind.end - behind.start > FEW_BYTES)
        return add_written(machine, behind, set);
    add_range(machine, behind, set);
    return true;
}

/* The largest part of private memory that does not exist yet. It stays what it was at first: what
 * is protected must not be protected again. */
static void find_hole(struct mt_machine *machine)
{
    const struct range all = private_range(machine);
    uint64_t at = all.start;
    machine->hole_start = all.end;
    machine->hole_end = all.end;
    while (at < all.end) {
        machine->n_system_calls += 2;
        off_t data = lseek(machine->memory, (off_t)(at - all.start), SEEK_DATA);
        uint64_t end = data < 0 ? all.end : all.start + (uint64_t)data;
        if (data < 0 && errno != ENXIO)
            return;
        end = end < all.end ? end : all.end;
        if (end - at > machine->hole_end - machine->hole_start) {
            machine->hole_start = at;
            machine->hole_end = end;
        }
        off_t next = data < 0 ? -1 : lseek(machine->memory, data, SEEK_HOLE);
        at = next < 0 ? all.end : all.start + (uint64_t)next;
    }
    if (machine->hole_end - machine->hole_start <= SMALL_HOLE_BYTES &&
        all.end - machine->hole_end > FEW_BYTES)
        machine->hole_start = machine->hole_end = all.end;
    machine->hole_known_end = machine->hole_start;
    machine->n_known_blocks = -1;
}

/* Whether the child has a state that its guest goes on from. One that was interrupted on its way,
 * or that is to be entered, starts from another. */
static bool has_state(const struct mt_machine *machine)
{
    return machine->next == MT_NEXT_LOADED || machine->next == MT_NEXT_RETURN ||
           machine->next == MT_NEXT_CONTEXT;
}

/* The new child starts from where the old one waits. */
static bool put_tracked_child(struct mt_machine *machine)
{
    mote_error err = {0};
    struct mt_cpu cpu;
    bool is_to_load = has_state(machine);
    if (is_to_load && mt_process_save(machine, &cpu, &err) != MOTE_OK)
        return false;
    if (mt_process_replace_child(machine, &err) != MOTE_OK)
        return false;
    return !is_to_load || mt_process_load(machine, &cpu, &err) == MOTE_OK;
}

mote_status mt_process_track(struct mt_machine *machine, uint64_t zero_from, mote_error *err)
{
    if (machine->is_tracked || machine->cannot_track || !machine->prepared->can_track)
        return MOTE_OK;
    (void)zero_from; /* the file says more */
    (void)err;       /* without tracking there is more to copy */
    find_hole(machine);
    if (!put_tracked_child(machine)) {
        machine->cannot_track = true;
        return MOTE_OK;
    }
    machine->is_tracked = protect_all(machine);
    machine->cannot_track = !machine->is_tracked;
    return MOTE_OK;
}

mote_status mt_process_list_written(struct mt_machine *machine, struct mt_page_set *set,
                                    mote_error *err)
{
    struct range all = private_range(machine);
    bool has_new = has_new_pages(machine);
    (void)err;
    machine->may_hold_frames |= has_new;
    if (!machine->is_tracked) {
        add_existing(machine, all, set);
        return MOTE_OK;
    }
    add_of_hole(machine, has_new, set);
    if (add_written(machine, before_hole(machine), set) && add_behind_hole(machine, set))
        return MOTE_OK;
    machine->is_tracked = false;
    machine->cannot_track = true;
    add_existing(machine, all, set);
    return MOTE_OK;
}

/* Where no hole can be made the pages are cleared, and go on existing. */
mote_status mt_process_discard(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages,
                               mote_error *err)
{
    uint8_t *start = machine->private_memory + first_page * MT_PAGE_BYTES;
    struct range given = {machine->prepared->private_start + first_page * MT_PAGE_BYTES, 0};
    given.end = given.start + n_pages * MT_PAGE_BYTES;
    (void)err;
    given = intersect(given, (struct range){machine->hole_start, machine->hole_known_end});
    if (given.start < given.end)
        machine->hole_known_end = given.start;
    machine->n_known_blocks = -1;
    machine->n_system_calls++;
    if (madvise(start, n_pages * MT_PAGE_BYTES, MADV_REMOVE) != 0)
        memset(start, 0, n_pages * MT_PAGE_BYTES);
    return MOTE_OK;
}
