/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring 3 may use `out` only if the CPU finds the I/O bitmap through TR. VMX demands that TR's type
 * says "busy" (SDM volume 3, 26.3.1.2); QEMU's emulation of SVM finds the bitmap only behind an
 * "available" one. So the first machine of the process tries.
 */
#include "host/driver/kvm/kvm_internal.h"

#include "abi/ports.h"
#include "host/base/error.h"
#include <errno.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#define TASK_BUSY 11u
#define TASK_AVAILABLE 9u

#define TEST_TABLES_BYTES (5 * MT_PAGE_BYTES)
#define TEST_STACK (MT_BASE_ADDRESS + TEST_TABLES_BYTES)

static _Atomic uint8_t learnt;

static const struct mt_region test_regions[] = {
    {.name = "page tables",
     .start = MT_BASE_ADDRESS,
     .len_bytes = TEST_TABLES_BYTES,
     .backing = MT_BACKING_TABLES},
    {.name = "kernel stack",
     .start = TEST_STACK,
     .len_bytes = MT_PAGE_BYTES,
     .backing = MT_BACKING_MONITOR},
};

static const struct mt_plan test_plan = {
    .regions = test_regions,
    .n_regions = sizeof(test_regions) / sizeof(test_regions[0]),
    .tables_start = MT_BASE_ADDRESS,
    .tables_len_bytes = TEST_TABLES_BYTES,
    .exception_stack = TEST_STACK + MT_PAGE_BYTES,
    .double_fault_stack = TEST_STACK + MT_PAGE_BYTES,
};

static bool got_through(const struct kvm_run *run)
{
    uint64_t rip = run->s.regs.regs.rip;
    return run->exit_reason == KVM_EXIT_IO && run->io.port == MT_PORT_DONE && rip >= MT_STUB_PAGE &&
           rip < MT_STUB_PAGE + MT_PAGE_BYTES;
}

static mote_status try_type(const struct mt_kvm_prepared *prepared, uint8_t task_type, bool *works,
                            mote_error *err)
{
    struct mt_machine *machine;
    mote_status status = mt_kvm_make_machine(prepared, task_type, &machine, err);
    if (status != MOTE_OK)
        return status;
    const struct kvm_regs at_stub = {
        .rip = MT_STUB_PAGE + MT_STUB_OUT, .rdx = MT_PORT_DONE, .rflags = 2};
    mt_kvm_set_registers(machine, &at_stub);
    int result;
    do
        result = ioctl(machine->vcpu_fd, KVM_RUN, 0);
    while (result != 0 && errno == EINTR);
    if (result != 0)
        status = mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_RUN of the self-test");
    *works = result == 0 && got_through(machine->run);
    mt_kvm_destroy(machine, false);
    return status;
}

static mote_status try_types(const struct mt_kvm_prepared *prepared, uint8_t *task_type,
                             mote_error *err)
{
    static const uint8_t types[] = {TASK_BUSY, TASK_AVAILABLE};
    for (size_t i = 0; i < sizeof(types); i++) {
        bool works = false;
        mote_status status = try_type(prepared, types[i], &works, err);
        if (status != MOTE_OK)
            return status;
        if (works) {
            *task_type = types[i];
            return MOTE_OK;
        }
    }
    return mt_fail(err, MOTE_E_NO_HYPERVISOR, "ring 3 of a guest cannot reach its host here");
}

mote_status mt_kvm_task_type(uint8_t *task_type, mote_error *err)
{
    *task_type = atomic_load(&learnt);
    if (*task_type != 0)
        return MOTE_OK;
    mote_allocator allocator;
    void *prepared;
    mt_allocator_set(&allocator, NULL);
    mote_status status = mt_kvm_prepare(&test_plan, &allocator, &prepared, err);
    if (status != MOTE_OK)
        return status;
    status = try_types(prepared, task_type, err);
    mt_kvm_unprepare(prepared);
    if (status == MOTE_OK)
        atomic_store(&learnt, *task_type);
    return status;
}
