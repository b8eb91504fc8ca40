/* SPDX-License-Identifier: Apache-2.0 */
/* What all machines of a plan share. */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/checked.h"
#include "host/base/error.h"
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Vector state that a guest may have: x87, SSE, AVX, AVX-512. Not AMX, whose state is 8 KiB. */
#define XCR0_WANTED 0xE7ull
#define XCR0_AVX 0x4ull
#define XCR0_AVX512 0xE0ull

#define CR4_BASE 0x620ull /* PAE, OSFXSR, OSXMMEXCPT */
#define CR4_FSGSBASE (1ull << 16)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define CPUID_SMEP (1u << 7)  /* leaf 7, EBX */
#define CPUID_SMAP (1u << 20) /* leaf 7, EBX */

struct needed_capability {
    int number;
    int bits; /* that must be set in the answer; 0: any positive answer will do */
    const char *name;
};

static const struct needed_capability needed[] = {
    {KVM_CAP_USER_MEMORY, 0, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_READONLY_MEM, 0, "KVM_CAP_READONLY_MEM"},
    {KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS,
     "KVM_CAP_SYNC_REGS"},
    {KVM_CAP_EXT_CPUID, 0, "KVM_CAP_EXT_CPUID"},
    {KVM_CAP_XCRS, 0, "KVM_CAP_XCRS"},
};

static mote_status check_kvm(int kvm_fd, mote_error *err)
{
    int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
    if (version < 0)
        return mt_fail_errno(err, MOTE_E_NO_HYPERVISOR, errno, "KVM_GET_API_VERSION on /dev/kvm");
    if (version != KVM_API_VERSION)
        return mt_fail(err, MOTE_E_NO_HYPERVISOR, "/dev/kvm has API version %d, not %d", version,
                       KVM_API_VERSION);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        int answer = ioctl(kvm_fd, KVM_CHECK_EXTENSION, needed[i].number);
        if (answer < 0)
            return mt_fail_errno(err, MOTE_E_NO_HYPERVISOR, errno,
                                 "KVM_CHECK_EXTENSION on /dev/kvm");
        if (answer == 0 || (answer & needed[i].bits) != needed[i].bits)
            return mt_fail(err, MOTE_E_NO_HYPERVISOR, "/dev/kvm lacks %s (answer %d)",
                           needed[i].name, answer);
    }
    return MOTE_OK;
}

mote_status mt_kvm_open(int *kvm_fd, mote_error *err)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        bool is_exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
        return mt_fail_errno(err, is_exhausted ? MOTE_E_SYSTEM : MOTE_E_NO_HYPERVISOR, errno,
                             "open /dev/kvm");
    }
    mote_status status = check_kvm(fd, err);
    if (status != MOTE_OK) {
        close(fd);
        return status;
    }
    *kvm_fd = fd;
    return MOTE_OK;
}

static struct kvm_cpuid_entry2 *find_leaf(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == 0)
            return &cpuid->entries[i];
    }
    return NULL;
}

/* kvm_pvm on some CPUs leaves XSAVE and FSGSBASE out of what it supports, though ring 3 runs
 * natively there and both work: the CPU itself has the last word. Elsewhere KVM lists them. */
static bool list_what_the_cpu_has(struct kvm_cpuid_entry2 *basic, struct kvm_cpuid_entry2 *extended)
{
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_XSAVE))
        return false;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & bit_FSGSBASE))
        return false;
    basic->ecx |= bit_XSAVE | bit_OSXSAVE;
    extended->ebx |= bit_FSGSBASE;
    return true;
}

/* Choose what the guest's CPU has switched on. */
static mote_status choose_features(struct mt_kvm_prepared *prepared, mote_error *err)
{
    struct kvm_cpuid_entry2 *basic = find_leaf(prepared->cpuid, 1);
    struct kvm_cpuid_entry2 *extended = find_leaf(prepared->cpuid, 7);
    const struct kvm_cpuid_entry2 *state = find_leaf(prepared->cpuid, 0xD);
    if (basic == NULL || extended == NULL || state == NULL ||
        !list_what_the_cpu_has(basic, extended))
        return mt_fail(err, MOTE_E_NO_HYPERVISOR, "the CPU lacks XSAVE or FSGSBASE");
    prepared->cr4 = CR4_BASE | CR4_OSXSAVE | CR4_FSGSBASE;
    if (extended->ebx & CPUID_SMEP)
        prepared->cr4 |= CR4_SMEP;
    if (extended->ebx & CPUID_SMAP)
        prepared->cr4 |= CR4_SMAP;
    prepared->xcr0 = ((uint64_t)state->edx << 32 | state->eax) & XCR0_WANTED;
    bool has_whole_avx512 =
        (prepared->xcr0 & XCR0_AVX512) == XCR0_AVX512 && (prepared->xcr0 & XCR0_AVX);
    if (!has_whole_avx512)
        prepared->xcr0 &= ~XCR0_AVX512;
    return MOTE_OK;
}

static mote_status read_cpuid(struct mt_kvm_prepared *prepared, mote_error *err)
{
    size_t len_bytes =
        sizeof(struct kvm_cpuid2) + MT_KVM_MAX_CPUID * sizeof(struct kvm_cpuid_entry2);
    prepared->cpuid = mt_alloc_zero(&prepared->allocator, len_bytes);
    if (prepared->cpuid == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the CPUID table");
    prepared->cpuid->nent = MT_KVM_MAX_CPUID;
    if (ioctl(prepared->kvm_fd, KVM_GET_SUPPORTED_CPUID, prepared->cpuid) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_GET_SUPPORTED_CPUID");
    return choose_features(prepared, err);
}

/* The largest XSAVE area of this CPU, for all that its XCR0 could switch on: under kvm_pvm a guest
 * reaches the host's state whatever its own XCR0 says. */
static mote_status measure_vector_image(uint64_t *len_bytes, mote_error *err)
{
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
    if (__get_cpuid_count(0xD, 0, &eax, &ebx, &ecx, &edx) == 0)
        return mt_fail(err, MOTE_E_NO_HYPERVISOR, "this CPU has no XSAVE");
    uint64_t area_bytes = ecx > ebx ? ecx : ebx;
    if (area_bytes > MT_VECTOR_IMAGE_MAX_BYTES ||
        !mt_round_up(area_bytes, MT_PAGE_BYTES, len_bytes))
        return mt_fail(err, MOTE_E_NO_HYPERVISOR, "an XSAVE area of %u bytes is over the cap of %u",
                       ecx, MT_VECTOR_IMAGE_MAX_BYTES);
    return MOTE_OK;
}

static mote_status map_monitor(struct mt_kvm_prepared *prepared, mote_error *err)
{
    uint64_t vector_image_bytes = 0;
    mote_status status = measure_vector_image(&vector_image_bytes, err);
    if (status != MOTE_OK)
        return status;
    /* The page between them stays inaccessible: a guard of the host's mapping. */
    prepared->resume_offset = prepared->private_len_bytes + MT_PAGE_BYTES;
    prepared->vector_image_bytes = vector_image_bytes;
    size_t len_bytes = MT_KVM_MONITOR_SLOT_BYTES + prepared->plan->tables_len_bytes;
    void *made = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of monitor pages");
    prepared->monitor = made;
    prepared->tables = prepared->monitor + MT_KVM_MONITOR_SLOT_BYTES;
    mt_kvm_fill_monitor(prepared->monitor, prepared->plan);
    status = mt_kvm_fill_tables(prepared->tables, prepared->plan, vector_image_bytes,
                                prepared->private_start + prepared->resume_offset, err);
    if (status == MOTE_OK && mprotect(made, MT_KVM_MONITOR_SLOT_BYTES, PROT_READ) != 0)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mprotect of monitor pages");
    return status;
}

static void find_memory(struct mt_kvm_prepared *prepared)
{
    for (size_t i = 0; i < prepared->plan->n_regions; i++) {
        const struct mt_region *region = &prepared->plan->regions[i];
        if (region->backing == MT_BACKING_SHARED) {
            if (prepared->shared_len_bytes == 0) {
                prepared->shared = region->shared;
                prepared->shared_start = region->start;
            }
            prepared->shared_len_bytes = region->start + region->len_bytes - prepared->shared_start;
        }
        if (prepared->private_start == 0 &&
            (region->backing == MT_BACKING_PRIVATE || region->backing == MT_BACKING_MONITOR))
            prepared->private_start = region->start;
        if (prepared->private_start != 0)
            prepared->private_len_bytes =
                region->start + region->len_bytes - prepared->private_start;
    }
}

mote_status mt_kvm_prepare(const struct mt_plan *plan, const mote_allocator *allocator, void **out,
                           mote_error *err)
{
    struct mt_kvm_prepared *prepared = mt_alloc_zero(allocator, sizeof(*prepared));
    if (prepared == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory to prepare sandboxes");
    prepared->plan = plan;
    prepared->allocator = *allocator;
    prepared->kvm_fd = -1;
    find_memory(prepared);
    mote_status status = mt_kvm_open(&prepared->kvm_fd, err);
    if (status == MOTE_OK) {
        int run_bytes = ioctl(prepared->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
        if (run_bytes < (int)sizeof(struct kvm_run))
            status = mt_fail_errno(err, MOTE_E_SYSTEM, run_bytes < 0 ? errno : EINVAL,
                                   "KVM_GET_VCPU_MMAP_SIZE");
        else
            prepared->run_bytes = (size_t)run_bytes;
    }
    if (status == MOTE_OK)
        status = read_cpuid(prepared, err);
    if (status == MOTE_OK)
        status = map_monitor(prepared, err);
    if (status != MOTE_OK) {
        mt_kvm_unprepare(prepared);
        return status;
    }
    *out = prepared;
    return MOTE_OK;
}

void mt_kvm_unprepare(void *opaque)
{
    struct mt_kvm_prepared *prepared = opaque;
    if (prepared == NULL)
        return;
    if (prepared->monitor != NULL)
        munmap(prepared->monitor, MT_KVM_MONITOR_SLOT_BYTES + prepared->plan->tables_len_bytes);
    if (prepared->kvm_fd >= 0)
        close(prepared->kvm_fd);
    mote_allocator allocator = prepared->allocator;
    mt_release(&allocator, prepared->cpuid);
    mt_release(&allocator, prepared);
}
