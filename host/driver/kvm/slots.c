/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory slots. Private memory is one slot, or three where the plan has a sparse part: what lies
 * before it, the part itself, what lies behind. Only the first is ever logged: the log would force
 * small pages on the sparse part, and what lies behind is told by dirty bits as well.
 */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/error.h"
#include <errno.h>
#include <sys/ioctl.h>

enum slot { SLOT_MONITOR, SLOT_TABLES, SLOT_SHARED, SLOT_PRIVATE, SLOT_SPARSE, SLOT_BEHIND };

struct slot_facts {
    enum slot number;
    uint32_t flags;
    uint64_t start;
    uint64_t len_bytes;
    const uint8_t *host;
};

static mote_status set_slot(const struct mt_machine *machine, const struct slot_facts *facts,
                            mote_error *err)
{
    struct kvm_userspace_memory_region slot = {
        .slot = facts->number,
        .flags = facts->flags,
        .guest_phys_addr = facts->start,
        .memory_size = facts->len_bytes,
        .userspace_addr = (uint64_t)(uintptr_t)facts->host,
    };
    if (ioctl(machine->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_SET_USER_MEMORY_REGION");
    return MOTE_OK;
}

static bool has_sparse(const struct mt_machine *machine)
{
    return machine->sparse_start < machine->prepared->plan->sparse_end;
}

static struct slot_facts private_part(const struct mt_machine *machine, enum slot number,
                                      uint64_t start, uint64_t end)
{
    return (struct slot_facts){
        .number = number,
        .start = start,
        .len_bytes = end - start,
        .host = machine->private_memory + (start - machine->prepared->private_start),
    };
}

/* The slots of private memory; returns how many there are. The resume image is part of the last. */
static size_t list_private(const struct mt_machine *machine, struct slot_facts slots[3])
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    uint64_t start = prepared->private_start;
    uint64_t end = start + prepared->resume_offset + prepared->vector_image_bytes;
    uint64_t sparse_end = prepared->plan->sparse_end;
    size_t n = 1;
    slots[0] = private_part(machine, SLOT_PRIVATE, start,
                            has_sparse(machine) ? machine->sparse_start : end);
    if (has_sparse(machine)) {
        slots[1] = private_part(machine, SLOT_SPARSE, machine->sparse_start, sparse_end);
        slots[2] = private_part(machine, SLOT_BEHIND, sparse_end, end);
        n = 3;
    }
    slots[0].flags = machine->is_logging ? KVM_MEM_LOG_DIRTY_PAGES : 0;
    return n;
}

mote_status mt_kvm_set_slots(const struct mt_machine *machine, mote_error *err)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    const struct mt_plan *plan = prepared->plan;
    /* Page tables are never in a READONLY slot: hardware counts a table walk as a write. */
    struct slot_facts slots[6] = {
        {SLOT_MONITOR, KVM_MEM_READONLY, MT_KVM_MONITOR_SLOT_START, MT_KVM_MONITOR_SLOT_BYTES,
         prepared->monitor},
        {SLOT_TABLES, 0, plan->tables_start, plan->tables_len_bytes,
         machine->own_tables != NULL ? machine->own_tables : prepared->tables},
        {SLOT_SHARED, KVM_MEM_READONLY, prepared->shared_start, prepared->shared_len_bytes,
         prepared->shared},
    };
    size_t n = 3 + list_private(machine, slots + 3);
    for (size_t i = 0; i < n; i++) {
        if (slots[i].len_bytes == 0)
            continue;
        mote_status status = set_slot(machine, &slots[i], err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

static const enum slot private_numbers[] = {SLOT_PRIVATE, SLOT_SPARSE, SLOT_BEHIND};

/* Slots cannot be resized, and must not overlap: all go, then all come back. */
static mote_status delete_private(const struct mt_machine *machine, mote_error *err)
{
    for (size_t i = 0; i < sizeof(private_numbers) / sizeof(private_numbers[0]); i++) {
        const struct slot_facts none = {.number = private_numbers[i]};
        mote_status status = set_slot(machine, &none, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

mote_status mt_kvm_move_private_slots(const struct mt_machine *machine, bool is_new_bounds,
                                      mote_error *err)
{
    struct slot_facts slots[3];
    size_t n = list_private(machine, slots);
    mote_status status = is_new_bounds ? delete_private(machine, err) : MOTE_OK;
    size_t n_changed = is_new_bounds ? n : 1;
    for (size_t i = 0; i < n_changed && status == MOTE_OK; i++) {
        if (slots[i].len_bytes > 0)
            status = set_slot(machine, &slots[i], err);
    }
    return status;
}

void mt_kvm_put_back_private_slots(const struct mt_machine *machine)
{
    struct slot_facts slots[3];
    size_t n = list_private(machine, slots);
    for (size_t i = 0; i < sizeof(private_numbers) / sizeof(private_numbers[0]); i++) {
        const struct slot_facts none = {.number = private_numbers[i]};
        (void)set_slot(machine, &none, NULL);
    }
    for (size_t i = 0; i < n; i++) {
        if (slots[i].len_bytes > 0)
            (void)set_slot(machine, &slots[i], NULL);
    }
}

uint64_t mt_kvm_n_logged_pages(const struct mt_machine *machine)
{
    struct slot_facts slots[3];
    (void)list_private(machine, slots);
    return slots[0].len_bytes / MT_PAGE_BYTES;
}

mote_status mt_kvm_read_log(struct mt_machine *machine, struct mt_page_set *set, mote_error *err)
{
    struct kvm_dirty_log log = {.slot = SLOT_PRIVATE, .dirty_bitmap = machine->log};
    machine->n_system_calls++;
    if (ioctl(machine->vm_fd, KVM_GET_DIRTY_LOG, &log) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_GET_DIRTY_LOG");
    for (uint64_t i = 0; i < machine->log_words; i++)
        mt_page_set_add_bits(set, i * MT_PAGES_PER_WORD, machine->log[i]);
    return MOTE_OK;
}
