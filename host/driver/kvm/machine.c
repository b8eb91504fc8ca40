/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: a VM with one vCPU and its private memory. */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/error.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Signals that may come one after the other while a VM is made. */
#define MAX_CREATE_TRIES 1000u

/* ---- Private memory ---- */

/* What is the guest's stays out of forked children and of core dumps. */
static mote_status keep_private(void *start, size_t len_bytes, mote_error *err)
{
    if (madvise(start, len_bytes, MADV_DONTFORK) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTFORK)");
    if (madvise(start, len_bytes, MADV_DONTDUMP) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTDUMP)");
    return MOTE_OK;
}

/* Reserve address space so that host and guest addresses agree modulo 2 MiB, which large pages
 * need, with at least one inaccessible page on either side. */
static mote_status map_private(struct mt_machine *machine, mote_error *err)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    uint64_t len_bytes = prepared->private_len_bytes;
    uint64_t all_bytes = prepared->resume_offset + prepared->vector_image_bytes;
    size_t reserved_bytes = all_bytes + 2 * MT_LARGE_PAGE_BYTES;
    void *reserved =
        mmap(NULL, reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of guest memory");
    machine->reserved = reserved;
    machine->reserved_bytes = reserved_bytes;
    uint64_t first = (uint64_t)(uintptr_t)reserved + MT_PAGE_BYTES;
    uint64_t shift = (prepared->private_start - first) % MT_LARGE_PAGE_BYTES;
    machine->private_memory = machine->reserved + MT_PAGE_BYTES + shift;
    if (mprotect(machine->private_memory, len_bytes, PROT_READ | PROT_WRITE) != 0 ||
        mprotect(machine->private_memory + prepared->resume_offset, prepared->vector_image_bytes,
                 PROT_READ | PROT_WRITE) != 0)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mprotect of guest memory");
    return keep_private(reserved, reserved_bytes, err);
}

/* Touch pages ahead of the guest. Kernels before 5.14 do not know the advice: then the guest's own
 * first touch does it, later and slower. Out of memory must be told now, not by a signal later. */
static mote_status populate(uint8_t *start, uint64_t len_bytes, mote_error *err)
{
    if (len_bytes > 0 && madvise(start, len_bytes, MADV_POPULATE_WRITE) != 0 && errno != EINVAL)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "madvise(MADV_POPULATE_WRITE)");
    return MOTE_OK;
}

/* Regions that touch are populated by one call. */
static mote_status populate_regions(const struct mt_machine *machine, mote_error *err)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    uint64_t start = 0;
    uint64_t end = 0;
    for (size_t i = 0; i < prepared->plan->n_regions; i++) {
        const struct mt_region *region = &prepared->plan->regions[i];
        if (region->populate_start == region->populate_end)
            continue;
        uint64_t region_start = region->start + region->populate_start;
        if (region_start != end) {
            mote_status status = populate(
                machine->private_memory + (start - prepared->private_start), end - start, err);
            if (status != MOTE_OK)
                return status;
            start = region_start;
        }
        if (start == 0)
            start = region_start;
        end = region->start + region->populate_end;
    }
    return populate(machine->private_memory + (start - prepared->private_start), end - start, err);
}

/* Ask for 2 MiB pages behind the regions that are mapped by them. Only advice: a host that has none
 * to give serves the same memory in small pages. */
static void advise_large_pages(const struct mt_machine *machine)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    for (size_t i = 0; i < prepared->plan->n_regions; i++) {
        const struct mt_region *region = &prepared->plan->regions[i];
        uint64_t start = (region->start + MT_LARGE_PAGE_BYTES - 1) & ~(MT_LARGE_PAGE_BYTES - 1ull);
        uint64_t end = (region->start + region->len_bytes) & ~(MT_LARGE_PAGE_BYTES - 1ull);
        if (region->use_large_pages && end > start)
            madvise(machine->private_memory + (start - prepared->private_start), end - start,
                    MADV_HUGEPAGE);
    }
}

/* Dirty bits tell which pages of the sparse part, and behind it, the guest has written: a machine
 * that has such a part cannot share its tables. */
static mote_status make_own_tables(struct mt_machine *machine, mote_error *err)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    const struct mt_plan *plan = prepared->plan;
    machine->sparse_start = plan->sparse_start;
    if (plan->sparse_start == plan->sparse_end)
        return MOTE_OK;
    void *made = mmap(NULL, plan->tables_len_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of page tables");
    machine->own_tables = made;
    mote_status status = keep_private(made, plan->tables_len_bytes, err);
    if (status != MOTE_OK)
        return status;
    memcpy(made, prepared->tables, plan->tables_len_bytes);
    uint64_t end = prepared->private_start + prepared->private_len_bytes;
    mt_kvm_clear_dirty_bits(made, plan, plan->sparse_start, end);
    mt_kvm_clear_accessed_bits(made, plan, plan->sparse_start, end);
    return MOTE_OK;
}

/* ---- Life and death ---- */

/* Without this KVM may patch `vmcall` and `vmmcall` into each other in guest code. Older kernels
 * cannot be told; the write then faults on the read-only code page, which is reported. */
static void keep_code_unpatched(const struct mt_machine *machine)
{
#if defined(KVM_CAP_DISABLE_QUIRKS2) && defined(KVM_X86_QUIRK_FIX_HYPERCALL_INSN)
    struct kvm_enable_cap capability = {.cap = KVM_CAP_DISABLE_QUIRKS2,
                                        .args = {KVM_X86_QUIRK_FIX_HYPERCALL_INSN}};
    ioctl(machine->vm_fd, KVM_ENABLE_CAP, &capability);
#else
    (void)machine;
#endif
}

/* KVM registers with the process's memory as it makes a VM, and gives up at any signal, whoever
 * handles it: an application with a profiler's timer would see one creation in a few fail. */
static int create_vm(int kvm_fd)
{
    int vm_fd = -1;
    for (unsigned n_tries = 0; n_tries < MAX_CREATE_TRIES; n_tries++) {
        vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
        if (vm_fd >= 0 || errno != EINTR)
            break;
    }
    return vm_fd;
}

static mote_status make_vcpu(struct mt_machine *machine, mote_error *err)
{
    machine->vcpu_fd = ioctl(machine->vm_fd, KVM_CREATE_VCPU, 0);
    if (machine->vcpu_fd < 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_CREATE_VCPU");
    size_t run_bytes = machine->prepared->run_bytes;
    void *run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, machine->vcpu_fd, 0);
    if (run == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of the vCPU");
    machine->run = run;
    return keep_private(run, run_bytes, err);
}

mote_status mt_kvm_make_machine(const struct mt_kvm_prepared *prepared, uint8_t task_type,
                                struct mt_machine **out, mote_error *err)
{
    struct mt_machine *machine = mt_alloc_zero(&prepared->allocator, sizeof(*machine));
    if (machine == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a machine");
    *machine = (struct mt_machine){.prepared = prepared, .vm_fd = -1, .vcpu_fd = -1};
    mote_status status = map_private(machine, err);
    if (status == MOTE_OK) {
        advise_large_pages(machine);
        status = populate_regions(machine, err);
    }
    if (status == MOTE_OK) {
        machine->vm_fd = create_vm(prepared->kvm_fd);
        if (machine->vm_fd < 0)
            status = mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_CREATE_VM");
    }
    if (status == MOTE_OK) {
        keep_code_unpatched(machine);
        status = make_own_tables(machine, err);
    }
    if (status == MOTE_OK)
        status = mt_kvm_set_slots(machine, err);
    if (status == MOTE_OK)
        status = make_vcpu(machine, err);
    if (status == MOTE_OK)
        status = mt_kvm_set_up_vcpu(machine, task_type, err);
    if (status != MOTE_OK) {
        mt_kvm_destroy(machine, false);
        return status;
    }
    *out = machine;
    return MOTE_OK;
}

mote_status mt_kvm_create(void *prepared, struct mt_machine **out, struct mt_window *window,
                          mote_error *err)
{
    uint8_t task_type;
    mote_status status = mt_kvm_task_type(&task_type, err);
    if (status == MOTE_OK)
        status = mt_kvm_make_machine(prepared, task_type, out, err);
    if (status != MOTE_OK)
        return status;
    const struct mt_kvm_prepared *known = prepared;
    *window = (struct mt_window){.host = (*out)->private_memory,
                                 .start = known->private_start,
                                 .len_bytes = known->private_len_bytes};
    return MOTE_OK;
}

void mt_kvm_destroy(struct mt_machine *machine, bool is_copy)
{
    if (machine == NULL)
        return;
    if (machine->alarm != NULL && !is_copy)
        mt_alarm_release(machine->alarm);
    if (machine->run != NULL && !is_copy)
        munmap(machine->run, machine->prepared->run_bytes);
    if (machine->vcpu_fd >= 0)
        close(machine->vcpu_fd);
    if (machine->vm_fd >= 0)
        close(machine->vm_fd);
    if (machine->reserved != NULL && !is_copy)
        munmap(machine->reserved, machine->reserved_bytes);
    if (machine->own_tables != NULL && !is_copy)
        munmap(machine->own_tables, machine->prepared->plan->tables_len_bytes);
    mt_release(&machine->prepared->allocator, machine->log);
    mt_release(&machine->prepared->allocator, machine);
}
