/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: guest memory at the guest's own addresses, and once more for the host to write. */
#include "host/driver/inprocess/inprocess_internal.h"

#include "host/base/error.h"
#include <errno.h>
#include <mote/image.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mt_switch mt_inprocess_the_switch;

static void *address(uint64_t gva)
{
    return (void *)(uintptr_t)gva; /* guest-virtual addresses are the host's here */
}

static int protection_of(uint32_t rights)
{
    return ((rights & MOTE_RIGHT_READ) ? PROT_READ : 0) |
           ((rights & MOTE_RIGHT_WRITE) ? PROT_WRITE : 0) |
           ((rights & MOTE_RIGHT_EXECUTE) ? PROT_EXEC : 0);
}

static uint64_t addresses_bytes(const struct mt_machine *machine)
{
    return machine->prepared->end - MT_BASE_ADDRESS;
}

/* All addresses of the guest, or none. Where the flag is not known - by old kernels, by valgrind -
 * the addresses are a hint. */
static mote_status reserve(struct mt_machine *machine, mote_error *err)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *wanted = address(MT_BASE_ADDRESS);
    void *got = mmap(wanted, addresses_bytes(machine), PROT_NONE, flags, -1, 0);
    if (got == MAP_FAILED && errno != EEXIST)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of the guest's addresses");
    if (got == wanted) {
        machine->has_addresses = true;
        return MOTE_OK;
    }
    if (got != MAP_FAILED)
        munmap(got, addresses_bytes(machine));
    mote_status status =
        mt_fail(err, MOTE_E_SYSTEM,
                "driver inprocess: addresses 0x%x to 0x%llx are not free: another sandbox of this "
                "process has them, or the program itself",
                MT_BASE_ADDRESS, (unsigned long long)machine->prepared->end);
    if (err != NULL)
        err->os_errno = EEXIST;
    return status;
}

/* A copy of its own for each machine: a debugger cannot put breakpoints into pages that are shared
 * and read-only. */
static mote_status map_image(const struct mt_region *region, mote_error *err)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    void *at = address(region->start);
    if (mmap(at, region->len_bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of the image");
    memcpy(at, region->shared, region->len_bytes);
    if (mprotect(at, region->len_bytes, protection_of(region->rights)) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "mprotect of the image");
    return MOTE_OK;
}

static mote_status map_region(const struct mt_machine *machine, const struct mt_region *region,
                              mote_error *err)
{
    off_t offset = (off_t)(region->start - machine->prepared->private_start);
    if (mmap(address(region->start), region->len_bytes, protection_of(region->rights),
             MAP_SHARED | MAP_FIXED, machine->memory, offset) == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of guest memory");
    return MOTE_OK;
}

static bool is_mapped(const struct mt_region *region, enum mt_backing backing)
{
    return region->backing == backing && region->len_bytes > 0;
}

/* Page tables and the monitor's stacks have no use here: they stay without rights. */
mote_status mt_inprocess_map_private(const struct mt_machine *machine, mote_error *err)
{
    const struct mt_plan *plan = machine->prepared->plan;
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < plan->n_regions && status == MOTE_OK; i++) {
        if (is_mapped(&plan->regions[i], MT_BACKING_PRIVATE))
            status = map_region(machine, &plan->regions[i], err);
    }
    if (status == MOTE_OK &&
        madvise(address(MT_BASE_ADDRESS), addresses_bytes(machine), MADV_DONTFORK) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTFORK)");
    return status;
}

static mote_status map_images(const struct mt_machine *machine, mote_error *err)
{
    const struct mt_plan *plan = machine->prepared->plan;
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < plan->n_regions && status == MOTE_OK; i++) {
        if (is_mapped(&plan->regions[i], MT_BACKING_SHARED))
            status = map_image(&plan->regions[i], err);
    }
    return status;
}

static mote_status map_host_view(struct mt_machine *machine, mote_error *err)
{
    uint64_t len_bytes = machine->prepared->private_len_bytes;
    machine->memory = memfd_create("mote-memory", MFD_CLOEXEC);
    if (machine->memory < 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "memfd_create");
    if (ftruncate(machine->memory, (off_t)len_bytes) != 0)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "ftruncate of a memfd");
    void *view = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, machine->memory, 0);
    if (view == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of guest memory");
    machine->host_view = view;
    if (madvise(view, len_bytes, MADV_DONTFORK) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTFORK)");
    if (madvise(view, len_bytes, MADV_DONTDUMP) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTDUMP)");
    return MOTE_OK;
}

mote_status mt_inprocess_create(void *opaque, struct mt_machine **out, struct mt_window *window,
                                mote_error *err)
{
    struct mt_inprocess_prepared *prepared = opaque;
    struct mt_machine *machine = mt_alloc_zero(&prepared->allocator, sizeof(*machine));
    if (machine == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a machine");
    machine->prepared = prepared;
    machine->memory = -1;
    mote_status status = reserve(machine, err);
    if (status == MOTE_OK)
        status = map_host_view(machine, err);
    if (status == MOTE_OK)
        status = map_images(machine, err);
    if (status == MOTE_OK)
        status = mt_inprocess_map_private(machine, err);
    if (status != MOTE_OK) {
        mt_inprocess_destroy(machine, false);
        return status;
    }
    *out = machine;
    *window = (struct mt_window){.host = machine->host_view,
                                 .start = prepared->private_start,
                                 .len_bytes = prepared->private_len_bytes};
    return MOTE_OK;
}

void mt_inprocess_destroy(struct mt_machine *machine, bool is_copy)
{
    if (machine->memory >= 0)
        close(machine->memory);
    if (machine->host_view != NULL && !is_copy)
        munmap(machine->host_view, machine->prepared->private_len_bytes);
    if (machine->has_addresses && !is_copy)
        munmap(address(MT_BASE_ADDRESS), addresses_bytes(machine));
    mt_release(&machine->prepared->allocator, machine);
}
