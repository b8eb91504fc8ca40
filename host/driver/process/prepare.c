/* SPDX-License-Identifier: Apache-2.0 */
/* What all machines of a plan share. */
#include "host/driver/process/process_internal.h"

#include "host/base/checked.h"
#include "host/base/error.h"
#include <cpuid.h>
#include <errno.h>
#include <mote/image.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef AT_HWCAP2
#define AT_HWCAP2 26
#endif
#define HWCAP2_HAS_FSGSBASE 2u /* asm/hwcap2.h */

/* From this kernel on SECCOMP_IOCTL_NOTIF_RECV returns when the child has died. */
#define PLAIN_WAIT_MAJOR 6u
#define PLAIN_WAIT_MINOR 11u
/* And from this one on PAGEMAP_SCAN does not take a written page for a clean one as it is moved
 * ("fs/proc/task_mmu: fix uffd-wp confusion in pagemap_scan_pmd_entry()"). */
#define TRACKING_MAJOR 6u
#define TRACKING_MINOR 9u

/* No page of a guest has a protection key. A guest that denies itself all memory would only keep
 * the kernel from telling of its faults: its rights are reset at every signal. */
#define XCR0_PKRU (1ull << 9)

#define LEGACY_AREA_BYTES 512u
#define MXCSR_MASK_OFFSET 28u
#define MXCSR_MASK_DEFAULT 0xFFBFu

/* ---- What the host's CPU and kernel have ---- */

static bool is_kernel_at_least(unsigned long wanted_major, unsigned long wanted_minor)
{
    struct utsname name;
    char *end;
    if (uname(&name) != 0)
        return false;
    unsigned long major = strtoul(name.release, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
}

static uint32_t read_mxcsr_mask(void)
{
    static _Alignas(16) const uint8_t zero[LEGACY_AREA_BYTES];
    _Alignas(16) uint8_t area[LEGACY_AREA_BYTES];
    uint32_t mask;
    memcpy(area, zero, sizeof(area));
    __asm__ volatile("fxsave64 %0" : "+m"(area));
    memcpy(&mask, area + MXCSR_MASK_OFFSET, sizeof(mask));
    return mask != 0 ? mask : MXCSR_MASK_DEFAULT;
}

static uint64_t read_xcr0(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

_Static_assert(MT_VECTOR_IMAGE_MAX_BYTES <= MT_PROCESS_TO_BYTES - MT_TO_VECTORS &&
                   MT_VECTOR_IMAGE_MAX_BYTES <= MT_PROCESS_FROM_BYTES - MT_FROM_VECTORS,
               "vector state that a snapshot has room for has room between host and child");

static mote_status examine_cpu(struct mt_process_prepared *prepared, mote_error *err)
{
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
    if (!(getauxval(AT_HWCAP2) & HWCAP2_HAS_FSGSBASE))
        return mt_fail(err, MOTE_E_SYSTEM, "CPU or kernel lacks FSGSBASE in user mode");
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) ||
        !__get_cpuid_count(0xD, 0, &eax, &ebx, &ecx, &edx))
        return mt_fail(err, MOTE_E_SYSTEM, "CPU or kernel lacks XSAVE");
    if (ecx > MT_VECTOR_IMAGE_MAX_BYTES)
        return mt_fail(err, MOTE_E_SYSTEM, "an XSAVE area of %u bytes is over the cap of %u", ecx,
                       MT_VECTOR_IMAGE_MAX_BYTES);
    prepared->vector_bytes = ebx;
    prepared->vector_components = read_xcr0() & ~XCR0_PKRU;
    prepared->mxcsr_mask = read_mxcsr_mask();
    prepared->can_wait_plainly = is_kernel_at_least(PLAIN_WAIT_MAJOR, PLAIN_WAIT_MINOR);
    prepared->can_track = is_kernel_at_least(TRACKING_MAJOR, TRACKING_MINOR);
    prepared->waiting = &mt_waiting_by_notification;
    return MOTE_OK;
}

/* ---- Regions ---- */

static void find_memory(struct mt_process_prepared *prepared)
{
    const struct mt_plan *plan = prepared->plan;
    for (size_t i = 0; i < plan->n_regions; i++) {
        const struct mt_region *region = &plan->regions[i];
        if (prepared->private_len_bytes == 0 && region->backing != MT_BACKING_PRIVATE &&
            region->backing != MT_BACKING_MONITOR)
            continue;
        if (prepared->private_len_bytes == 0)
            prepared->private_start = prepared->private_end = region->start;
        prepared->private_len_bytes = region->start + region->len_bytes - prepared->private_start;
        if (region->backing == MT_BACKING_PRIVATE)
            prepared->private_end = region->start + region->len_bytes;
    }
}

static unsigned protection_of(uint32_t rights)
{
    return ((rights & MOTE_RIGHT_READ) ? PROT_READ : 0u) |
           ((rights & MOTE_RIGHT_WRITE) ? PROT_WRITE : 0u) |
           ((rights & MOTE_RIGHT_EXECUTE) ? PROT_EXEC : 0u);
}

/* Add a mapping, or lengthen the last one. False when there are too many. */
static bool add_mapping(struct mt_stub_plan *plan, const struct mt_stub_mapping *mapping)
{
    if (plan->n_mappings > 0) {
        struct mt_stub_mapping *last = &plan->mappings[plan->n_mappings - 1];
        if (last->start + last->len_bytes == mapping->start &&
            last->file_offset + last->len_bytes == mapping->file_offset &&
            last->protection == mapping->protection && last->is_private == mapping->is_private) {
            last->len_bytes += mapping->len_bytes;
            return true;
        }
    }
    if (plan->n_mappings == MT_ZYGOTE_MAX_MAPPINGS)
        return false;
    plan->mappings[plan->n_mappings++] = *mapping;
    return true;
}

_Static_assert(MT_PROCESS_END <= MT_BASE_ADDRESS, "no guest's code is where the zygote's was");

/* Page tables and the monitor's stacks have no use here: they are not mapped. */
static mote_status list_mappings(const struct mt_process_prepared *prepared,
                                 struct mt_stub_plan *to, uint64_t *shared_bytes, mote_error *err)
{
    uint64_t shared_end = 0;
    for (size_t i = 0; i < prepared->plan->n_regions; i++) {
        const struct mt_region *region = &prepared->plan->regions[i];
        bool is_private = region->backing == MT_BACKING_PRIVATE;
        struct mt_stub_mapping mapping = {
            .start = region->start,
            .len_bytes = region->len_bytes,
            .file_offset = is_private ? region->start - prepared->private_start : shared_end,
            .protection = protection_of(region->rights),
            .is_private = is_private,
        };
        if (!is_private && region->backing != MT_BACKING_SHARED)
            continue;
        if (region->start < MT_BASE_ADDRESS ||
            region->start + region->len_bytes > MT_LAST_END_ADDRESS)
            return mt_fail(err, MOTE_E_TOO_LARGE, "region %s ends behind 0x%x", region->name,
                           MT_LAST_END_ADDRESS);
        if (!is_private)
            shared_end += region->len_bytes;
        if (mapping.protection != 0 && region->len_bytes > 0 && !add_mapping(to, &mapping))
            return mt_fail(err, MOTE_E_TOO_LARGE, "an image of more than %d runs of pages",
                           MT_ZYGOTE_MAX_MAPPINGS);
    }
    to->control_offset = prepared->private_len_bytes;
    to->waits_by_futex = prepared->waiting == &mt_waiting_by_futex;
    *shared_bytes = shared_end;
    return MOTE_OK;
}

static mote_status write_shared(const struct mt_process_prepared *prepared, int fd, mote_error *err)
{
    off_t at = 0;
    for (size_t i = 0; i < prepared->plan->n_regions; i++) {
        const struct mt_region *region = &prepared->plan->regions[i];
        if (region->backing != MT_BACKING_SHARED)
            continue;
        for (uint64_t done = 0; done < region->len_bytes;) {
            ssize_t n =
                pwrite(fd, region->shared + done, region->len_bytes - done, at + (off_t)done);
            if (n <= 0 && errno != EINTR)
                return mt_fail_errno(err, MOTE_E_MEMORY, n < 0 ? errno : ENOSPC,
                                     "write of the image");
            if (n > 0)
                done += (uint64_t)n;
        }
        at += (off_t)region->len_bytes;
    }
    return mt_process_seal(fd, err);
}

/* ---- The zygote ---- */

static mote_status greet(struct mt_process_prepared *prepared, const struct mt_stub_plan *plan,
                         int image_fd, mote_error *err)
{
    struct mt_channel_answer answer;
    mote_status status =
        mt_channel_send(prepared->zygote.channel, plan, sizeof(*plan), image_fd, err);
    if (status == MOTE_OK)
        status = mt_channel_receive(prepared->zygote.channel, 0, &answer, err);
    if (status != MOTE_OK && *prepared->zygote.exec_errno != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, (int)*prepared->zygote.exec_errno,
                             "execveat of the stub");
    return status;
}

static mote_status make_zygote_of(struct mt_process_prepared *prepared, struct mt_stub_plan *plan,
                                  mote_error *err)
{
    uint64_t shared_bytes = 0;
    int image_fd;
    mote_status status = list_mappings(prepared, plan, &shared_bytes, err);
    if (status == MOTE_OK)
        status = mt_process_make_file("mote-image", shared_bytes, &image_fd, err);
    if (status != MOTE_OK)
        return status;
    status = write_shared(prepared, image_fd, err);
    if (status == MOTE_OK)
        status = mt_process_spawn(&prepared->zygote, err);
    if (status == MOTE_OK)
        status = greet(prepared, plan, image_fd, err);
    /* One that knows no plan is of no use to the next creation. */
    if (status != MOTE_OK)
        mt_process_end_zygote(&prepared->zygote);
    close(image_fd);
    return status;
}

static mote_status make_zygote(struct mt_process_prepared *prepared, mote_error *err)
{
    struct mt_stub_plan *plan = mt_alloc_zero(&prepared->allocator, sizeof(*plan));
    if (plan == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory to prepare sandboxes");
    mote_status status = make_zygote_of(prepared, plan, err);
    mt_release(&prepared->allocator, plan);
    return status;
}

mote_status mt_process_renew_zygote(struct mt_process_prepared *prepared, mote_error *err)
{
    mt_process_end_zygote(&prepared->zygote);
    return make_zygote(prepared, err);
}

mote_status mt_process_wait_by_futex(struct mt_process_prepared *prepared, mote_error *err)
{
    prepared->waiting = &mt_waiting_by_futex;
    prepared->can_wait_plainly = false;
    return mt_process_renew_zygote(prepared, err);
}

mote_status mt_process_prepare(const struct mt_plan *plan, const mote_allocator *allocator,
                               void **out, mote_error *err)
{
    struct mt_process_prepared *prepared = mt_alloc_zero(allocator, sizeof(*prepared));
    if (prepared == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory to prepare sandboxes");
    prepared->plan = plan;
    prepared->allocator = *allocator;
    prepared->zygote = (struct mt_zygote){.channel = -1, .keeper = -1};
    pthread_mutex_init(&prepared->lock, NULL);
    find_memory(prepared);
    mote_status status = examine_cpu(prepared, err);
    if (status == MOTE_OK)
        status = make_zygote(prepared, err);
    if (status != MOTE_OK) {
        mt_process_unprepare(prepared);
        return status;
    }
    *out = prepared;
    return MOTE_OK;
}

void mt_process_unprepare(void *opaque)
{
    struct mt_process_prepared *prepared = opaque;
    if (prepared == NULL)
        return;
    mt_process_end_zygote(&prepared->zygote);
    pthread_mutex_destroy(&prepared->lock);
    mote_allocator allocator = prepared->allocator;
    mt_release(&allocator, prepared);
}
