/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages the guest wrote. KVM's dirty log is read and never cleared: a page faults once in
 * its life, at its first write, and is told from then on. The sparse part and what lies behind it
 * are told by the dirty bits of page tables that this machine alone has; of these only what the CPU
 * has walked to is looked at.
 */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/checked.h"
#include "host/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Used pages ---- */

/* An entry of /proc/self/pagemap (kernel, admin-guide/mm/pagemap). */
#define PAGEMAP_IN_MEMORY (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define ENTRIES_AT_ONCE 4096u

static bool read_entries(int fd, uint64_t first, uint64_t n, uint64_t *entries)
{
    size_t len_bytes = n * sizeof(uint64_t);
    ssize_t got = pread(fd, entries, len_bytes, (off_t)(first * sizeof(uint64_t)));
    return got == (ssize_t)len_bytes;
}

static bool add_from_pagemap(int fd, const struct mt_machine *machine, struct mt_page_set *set)
{
    uint64_t entries[ENTRIES_AT_ONCE];
    uint64_t first = (uint64_t)(uintptr_t)machine->private_memory / MT_PAGE_BYTES;
    uint64_t n_pages = machine->prepared->private_len_bytes / MT_PAGE_BYTES;
    for (uint64_t at = 0; at < n_pages; at += ENTRIES_AT_ONCE) {
        uint64_t n = n_pages - at < ENTRIES_AT_ONCE ? n_pages - at : ENTRIES_AT_ONCE;
        if (!read_entries(fd, first + at, n, entries))
            return false;
        for (uint64_t i = 0; i < n; i++) {
            if (entries[i] & (PAGEMAP_IN_MEMORY | PAGEMAP_SWAPPED))
                mt_page_set_add(set, at + i);
        }
    }
    return true;
}

/* Where there is no /proc every page counts as used: reading one that was not costs a fault. */
mote_status mt_kvm_list_used(struct mt_machine *machine, struct mt_page_set *set, mote_error *err)
{
    (void)err;
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool is_listed = fd >= 0 && add_from_pagemap(fd, machine, set);
    if (fd >= 0)
        close(fd);
    if (!is_listed)
        mt_page_set_add_run(set, 0, machine->prepared->private_len_bytes / MT_PAGE_BYTES);
    return MOTE_OK;
}

/* ---- Written pages ---- */

static mote_status make_log(struct mt_machine *machine, mote_error *err)
{
    uint64_t n_words = (mt_kvm_n_logged_pages(machine) + MT_PAGES_PER_WORD - 1) / MT_PAGES_PER_WORD;
    if (n_words <= machine->log_words)
        return MOTE_OK;
    const mote_allocator *allocator = &machine->prepared->allocator;
    uint64_t *made = mt_alloc_array_zero(allocator, n_words, sizeof(uint64_t));
    if (made == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a dirty log");
    mt_release(allocator, machine->log);
    machine->log = made;
    machine->log_words = n_words;
    return MOTE_OK;
}

/* Without this, reading the log would protect every page again, to fault at its next write. */
static mote_status keep_log(const struct mt_machine *machine, mote_error *err)
{
    struct kvm_enable_cap capability = {.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
                                        .args = {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE}};
    if (ioctl(machine->vm_fd, KVM_ENABLE_CAP, &capability) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
    return MOTE_OK;
}

static uint64_t sparse_start_for(const struct mt_machine *machine, uint64_t zero_from)
{
    uint64_t sparse_end = machine->prepared->plan->sparse_end;
    if (zero_from <= machine->sparse_start)
        return machine->sparse_start;
    uint64_t start;
    if (!mt_round_up(zero_from, MT_LARGE_PAGE_BYTES, &start) || start > sparse_end)
        return sparse_end;
    return start;
}

/* On an error all is as before, but for the log, which begins anew. Slots that could not even be
 * put back as they were leave a machine that dies at its next run. */
static mote_status set_tracking(struct mt_machine *machine, bool is_logging, uint64_t sparse_start,
                                mote_error *err)
{
    bool was_logging = machine->is_logging;
    uint64_t sparse_start_before = machine->sparse_start;
    bool is_new_bounds = sparse_start != sparse_start_before;
    machine->is_logging = is_logging;
    machine->sparse_start = sparse_start;
    mote_status status = make_log(machine, err);
    bool has_log = status == MOTE_OK;
    if (has_log)
        status = mt_kvm_move_private_slots(machine, is_new_bounds, err);
    if (status == MOTE_OK)
        return MOTE_OK;
    machine->is_logging = was_logging;
    machine->sparse_start = sparse_start_before;
    if (has_log && is_new_bounds)
        mt_kvm_put_back_private_slots(machine);
    return status;
}

mote_status mt_kvm_track(struct mt_machine *machine, uint64_t zero_from, mote_error *err)
{
    uint64_t sparse_start = sparse_start_for(machine, zero_from);
    bool is_new_bounds = sparse_start != machine->sparse_start;
    if (machine->is_logging && !is_new_bounds)
        return MOTE_OK;
    mote_status status = machine->is_logging ? MOTE_OK : keep_log(machine, err);
    if (status != MOTE_OK)
        return status;
    return set_tracking(machine, true, sparse_start, err);
}

mote_status mt_kvm_list_written(struct mt_machine *machine, struct mt_page_set *set,
                                mote_error *err)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    mote_status status = mt_kvm_read_log(machine, set, err);
    if (status == MOTE_OK && machine->sparse_start < prepared->plan->sparse_end)
        mt_kvm_collect_dirty_bits(machine->own_tables, prepared->plan, machine->sparse_start,
                                  prepared->private_start + prepared->private_len_bytes,
                                  prepared->private_start, set);
    return status;
}

/* Pages that were given back have no translation left, in the CPU or in KVM: the next write walks
 * the guest's tables, and sets the dirty bit again. */
static void forget_written(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    uint64_t start = prepared->private_start + first_page * MT_PAGE_BYTES;
    if (machine->own_tables != NULL)
        mt_kvm_clear_dirty_bits(machine->own_tables, prepared->plan, start,
                                start + n_pages * MT_PAGE_BYTES);
}

/* Memory that the embedder has locked cannot be given back: it is cleared, and stays written. */
mote_status mt_kvm_discard(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages,
                           mote_error *err)
{
    uint8_t *start = machine->private_memory + first_page * MT_PAGE_BYTES;
    size_t len_bytes = n_pages * MT_PAGE_BYTES;
    machine->n_system_calls++;
    if (madvise(start, len_bytes, MADV_DONTNEED) == 0) {
        forget_written(machine, first_page, n_pages);
        return MOTE_OK;
    }
    if (errno != EINVAL)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTNEED)");
    memset(start, 0, len_bytes);
    return MOTE_OK;
}
