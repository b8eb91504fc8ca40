/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual CPU for snapshots. General registers travel in the run page; vector state is loaded
 * by the guest's own CPU, in the resume stub, from an image that only the host can write.
 */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/error.h"
#include "monitor/monitor.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

/* XSAVE area (SDM volume 1, 13.4): legacy part, then a header. */
#define XSAVE_SOFTWARE_BYTES 464u
#define XSAVE_HEADER 512u
#define XSAVE_HEADER_BYTES 64u

static atomic_uint_least64_t last_id;

/* An `out` in the stub page, or in a gate, leaves nothing to complete but the step over it, which a
 * change of RIP calls off (kvm_main.c: complete_fast_pio_out). Anything else a guest may have made
 * of its exit - `in`, string instructions - could write registers or memory at the next run. */
static bool has_nothing_pending(const struct mt_machine *machine)
{
    const struct kvm_run *run = machine->run;
    uint64_t rip = run->s.regs.regs.rip;
    uint64_t out = MT_STUB_PAGE + MT_STUB_OUT;
    if (run->exit_reason != KVM_EXIT_IO)
        return run->exit_reason != KVM_EXIT_MMIO;
    return mt_kvm_is_in_gates(rip) || rip == out || rip == out + 1;
}

/* A run that ends before it enters the guest, but completes what was pending. */
static mote_status drain(struct mt_machine *machine, mote_error *err)
{
    machine->run->immediate_exit = 1;
    machine->n_system_calls++;
    int result = ioctl(machine->vcpu_fd, KVM_RUN, 0);
    machine->run->immediate_exit = 0;
    if (result == 0)
        return mt_fail(err, MOTE_E_SYSTEM, "a KVM_RUN that only completes entered the guest");
    if (errno != EINTR)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_RUN that only completes");
    machine->is_settled = true;
    return MOTE_OK;
}

mote_status mt_kvm_quiesce(struct mt_machine *machine, mote_error *err)
{
    if (machine->is_settled || has_nothing_pending(machine))
        return MOTE_OK;
    return drain(machine, err);
}

/* ---- Save ---- */

/* Only what the guest's XCR0 has can be loaded there. */
static void keep_vectors(const struct mt_machine *machine, const void *area, struct mt_cpu *out)
{
    uint64_t components;
    memset(out->vector, 0, sizeof(out->vector));
    memcpy(out->vector, area, sizeof(struct kvm_xsave));
    memcpy(&components, out->vector + XSAVE_HEADER, sizeof(components));
    components &= machine->prepared->xcr0;
    memset(out->vector + XSAVE_SOFTWARE_BYTES, 0,
           XSAVE_HEADER + XSAVE_HEADER_BYTES - XSAVE_SOFTWARE_BYTES);
    memcpy(out->vector + XSAVE_HEADER, &components, sizeof(components));
    out->vector_len_bytes = sizeof(struct kvm_xsave);
    out->vector_components = machine->prepared->xcr0;
}

static mote_status save_vectors(const struct mt_machine *machine, struct mt_cpu *out,
                                mote_error *err)
{
    struct kvm_xsave area;
    if (ioctl(machine->vcpu_fd, KVM_GET_XSAVE, &area) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_GET_XSAVE");
    keep_vectors(machine, &area, out);
    return MOTE_OK;
}

static mote_status save_bases(const struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    struct kvm_sregs sregs;
    if (ioctl(machine->vcpu_fd, KVM_GET_SREGS, &sregs) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_GET_SREGS");
    out->fs_base = sregs.fs.base;
    out->gs_base = sregs.gs.base;
    return MOTE_OK;
}

static void save_general(const struct kvm_regs *from, struct mt_cpu *out)
{
    out->rax = from->rax;
    out->rbx = from->rbx;
    out->rcx = from->rcx;
    out->rdx = from->rdx;
    out->rsi = from->rsi;
    out->rdi = from->rdi;
    out->rbp = from->rbp;
    out->rsp = from->rsp;
    out->r8 = from->r8;
    out->r9 = from->r9;
    out->r10 = from->r10;
    out->r11 = from->r11;
    out->r12 = from->r12;
    out->r13 = from->r13;
    out->r14 = from->r14;
    out->r15 = from->r15;
    out->rip = from->rip;
    out->rflags = from->rflags;
}

/* A machine that was loaded and has not run since: the vCPU knows nothing of that state, and the
 * run page only what the resume stub does not load. */
static void save_loaded(const struct mt_machine *machine, struct mt_cpu *out)
{
    const uint8_t *image = machine->private_memory + machine->prepared->resume_offset;
    save_general(&machine->run->s.regs.regs, out);
    memcpy(&out->rax, image + MT_MONITOR_RESUME_RAX, sizeof(out->rax));
    memcpy(&out->rdx, image + MT_MONITOR_RESUME_RDX, sizeof(out->rdx));
    memcpy(&out->rdi, image + MT_MONITOR_RESUME_RDI, sizeof(out->rdi));
    memcpy(&out->rip, image + MT_MONITOR_RESUME_RIP, sizeof(out->rip));
    out->fs_base = machine->run->s.regs.sregs.fs.base;
    out->gs_base = machine->run->s.regs.sregs.gs.base;
    keep_vectors(machine, image, out);
}

/* On hardware RIP is at the `out` until the next run: it is stepped over first, or a guest that is
 * resumed from here would repeat it. */
static mote_status save_waiting(struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    mote_status status = machine->is_settled ? MOTE_OK : drain(machine, err);
    if (status == MOTE_OK)
        status = save_vectors(machine, out, err);
    if (status == MOTE_OK)
        status = save_bases(machine, out, err);
    if (status != MOTE_OK)
        return status;
    machine->n_system_calls += 2;
    save_general(&machine->run->s.regs.regs, out);
    return MOTE_OK;
}

mote_status mt_kvm_save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    if (machine->is_loaded) {
        save_loaded(machine, out);
    } else {
        mote_status status = save_waiting(machine, out, err);
        if (status != MOTE_OK)
            return status;
    }
    out->id = atomic_fetch_add(&last_id, 1) + 1;
    return MOTE_OK;
}

void mt_kvm_inspect(struct mt_machine *machine, struct mt_cpu *out)
{
    *out = (struct mt_cpu){0};
    if (machine->is_loaded) {
        save_loaded(machine, out);
        return;
    }
    save_general(&machine->run->s.regs.regs, out);
    machine->n_system_calls += 2;
    (void)save_vectors(machine, out, NULL);
    (void)save_bases(machine, out, NULL);
}

/* ---- Load ---- */

static void write_resume_image(struct mt_machine *machine, const struct mt_cpu *cpu)
{
    uint8_t *image = machine->private_memory + machine->prepared->resume_offset;
    memcpy(image, cpu->vector, cpu->vector_len_bytes);
    memcpy(image + MT_MONITOR_RESUME_RAX, &cpu->rax, sizeof(cpu->rax));
    memcpy(image + MT_MONITOR_RESUME_RDX, &cpu->rdx, sizeof(cpu->rdx));
    memcpy(image + MT_MONITOR_RESUME_RDI, &cpu->rdi, sizeof(cpu->rdi));
    memcpy(image + MT_MONITOR_RESUME_RIP, &cpu->rip, sizeof(cpu->rip));
    machine->resume_id = cpu->id;
}

/* The guest cannot write its resume image: once there, it stays right. */
mote_status mt_kvm_load(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err)
{
    uint64_t room = machine->prepared->vector_image_bytes;
    if (cpu->vector_len_bytes > room)
        return mt_fail(err, MOTE_E_BUG, "vector state of %llu bytes is larger than the %llu here",
                       (unsigned long long)cpu->vector_len_bytes, (unsigned long long)room);
    if (machine->resume_id != cpu->id)
        write_resume_image(machine, cpu);
    const struct kvm_regs at_stub = {
        .rip = MT_STUB_PAGE + MT_STUB_RESUME,
        .rax = UINT32_MAX,
        .rdx = UINT32_MAX,
        .rdi = MT_MONITOR_RESUME_IMAGE,
        .rbx = cpu->rbx,
        .rcx = cpu->rcx,
        .rsi = cpu->rsi,
        .rbp = cpu->rbp,
        .rsp = cpu->rsp,
        .r8 = cpu->r8,
        .r9 = cpu->r9,
        .r10 = cpu->r10,
        .r11 = cpu->r11,
        .r12 = cpu->r12,
        .r13 = cpu->r13,
        .r14 = cpu->r14,
        .r15 = cpu->r15,
        .rflags = cpu->rflags,
    };
    mt_kvm_set_registers(machine, &at_stub);
    machine->run->s.regs.sregs.fs.base = cpu->fs_base;
    machine->run->s.regs.sregs.gs.base = cpu->gs_base;
    machine->is_loaded = true;
    return MOTE_OK;
}
