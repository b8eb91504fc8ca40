/* SPDX-License-Identifier: Apache-2.0 */
/* What an exit of KVM means. */
#include "host/driver/kvm/kvm_internal.h"

#include "monitor/monitor.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* Exceptions that push an error code (SDM volume 3, table 6-1; 21 to 30: AMD APM volume 2, 8.2). */
#define HAS_ERROR_CODE \
    (1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21 | \
     1u << 29 | 1u << 30)
#define PAGE_FAULT 14u
#define SYSCALL_INSTRUCTION_BYTES 2u

struct exception_frame {
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

static void died(struct mt_exit *out, const char *what, uint64_t value)
{
    out->kind = MT_EXIT_DIED;
    snprintf(out->died, sizeof(out->died), "%s 0x%" PRIx64, what, value);
}

/* Gates lie on a supervisor page: an exit from there is an exception that the CPU delivered. */
bool mt_kvm_is_in_gates(uint64_t rip)
{
    return rip >= MT_KVM_GATES && rip <= MT_KVM_GATES + MT_MONITOR_GATES * MT_MONITOR_GATE_BYTES;
}

/* The frame lies on the monitor's stack, which ring 3 cannot write. */
static bool read_stack(const struct mt_machine *machine, uint64_t from, void *to,
                       uint64_t len_bytes)
{
    const struct mt_kvm_prepared *prepared = machine->prepared;
    if (from < prepared->private_start)
        return false;
    uint64_t offset = from - prepared->private_start;
    if (offset > prepared->private_len_bytes || len_bytes > prepared->private_len_bytes - offset)
        return false;
    memcpy(to, machine->private_memory + offset, len_bytes);
    return true;
}

/* On kvm_pvm `syscall` lands, still in ring 3, at the address in LSTAR and faults there; RCX holds
 * where it would have returned to (SDM volume 2, SYSCALL). */
static void name_syscall(struct mt_exit *out, const struct kvm_regs *regs)
{
    if (out->fault.rip != MT_KVM_SYSCALL_LANDING)
        return;
    out->fault.is_syscall = true;
    out->fault.rip = regs->rcx - SYSCALL_INSTRUCTION_BYTES;
}

/* CR2 is asked for when it is needed: to have it in the run page would cost every exit. */
static bool read_fault_address(const struct mt_machine *machine, uint64_t *address)
{
    struct kvm_sregs sregs;
    if (ioctl(machine->vcpu_fd, KVM_GET_SREGS, &sregs) != 0)
        return false;
    *address = sregs.cr2;
    return true;
}

static void read_fault(const struct mt_machine *machine, unsigned vector, struct mt_exit *out)
{
    const struct kvm_sync_regs *sync = &machine->run->s.regs;
    struct exception_frame frame;
    uint64_t error_code = 0;
    uint64_t address = 0;
    uint64_t at = sync->regs.rsp;
    bool has_error_code = vector < 32 && (HAS_ERROR_CODE >> vector & 1);
    if (has_error_code) {
        if (!read_stack(machine, at, &error_code, sizeof(error_code))) {
            died(out, "exception frame outside the monitor's stack at", at);
            return;
        }
        at += sizeof(error_code);
    }
    if (!read_stack(machine, at, &frame, sizeof(frame))) {
        died(out, "exception frame outside the monitor's stack at", at);
        return;
    }
    if (vector == PAGE_FAULT && !read_fault_address(machine, &address)) {
        died(out, "special registers cannot be read, vector", vector);
        return;
    }
    if ((frame.cs & 3) != 3) {
        died(out, "exception in the monitor at", frame.rip);
        return;
    }
    out->kind = MT_EXIT_FAULT;
    out->fault.vector = (uint8_t)vector;
    out->fault.error_code = (uint32_t)error_code;
    out->fault.address = address;
    out->fault.rip = frame.rip;
    out->fault.rsp = frame.rsp;
    name_syscall(out, &sync->regs);
}

/* What has no use for a port stays as it was: this is how nearly all exits end. */
static void read_port(const struct mt_machine *machine, struct mt_exit *out)
{
    const struct kvm_run *run = machine->run;
    bool is_in = run->io.direction == KVM_EXIT_IO_IN;
    bool has_data = run->io.data_offset < machine->prepared->run_bytes && !is_in;
    out->kind = MT_EXIT_PORT;
    out->port.number = run->io.port;
    out->port.value = has_data ? *((const uint8_t *)run + run->io.data_offset) : 0;
    out->port.size_bytes = run->io.size;
    out->port.count = run->io.count;
    out->port.is_in = is_in;
}

void mt_kvm_read_exit(const struct mt_machine *machine, struct mt_exit *out)
{
    const struct kvm_run *run = machine->run;
    bool is_in_gates = mt_kvm_is_in_gates(run->s.regs.regs.rip);
    if (run->exit_reason == KVM_EXIT_IO && !is_in_gates) {
        read_port(machine, out);
        return;
    }
    mt_exit_clear(out);
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        read_fault(machine, run->io.port, out);
        return;
    case KVM_EXIT_INTR:
        out->kind = MT_EXIT_INTERRUPTED;
        return;
    case KVM_EXIT_MMIO:
        died(out, "access to unbacked guest-physical address", run->mmio.phys_addr);
        return;
    case KVM_EXIT_SHUTDOWN:
        died(out, "triple fault, rip", run->s.regs.regs.rip);
        return;
    case KVM_EXIT_FAIL_ENTRY:
        died(out, "the CPU refused to enter the guest, reason",
             run->fail_entry.hardware_entry_failure_reason);
        return;
    case KVM_EXIT_INTERNAL_ERROR:
        died(out, "KVM cannot go on, suberror", run->internal.suberror);
        return;
    default:
        died(out, "unexpected exit of KVM, reason", run->exit_reason);
        return;
    }
}
