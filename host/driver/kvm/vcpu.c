/* SPDX-License-Identifier: Apache-2.0 */
/* The vCPU: set up once, entered in ring 3 by its register state, run. */
#include "host/driver/kvm/kvm_internal.h"

#include "host/base/error.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#define CR0_FOR_GUESTS 0x80010033ull /* PG, WP, NE, ET, MP, PE */
#define EFER_FOR_GUESTS 0xD00ull     /* NXE, LMA, LME; SCE is off: no `syscall` */
#define MSR_LSTAR 0xC0000082u
#define RFLAGS_RESERVED 0x2u
#define KERNEL_SIGSET_BYTES 8u

static struct kvm_segment user_data_segment(void)
{
    return (struct kvm_segment){.selector = MT_KVM_USER_DATA,
                                .limit = 0xFFFFFFFF,
                                .type = 3,
                                .present = 1,
                                .dpl = 3,
                                .db = 1,
                                .s = 1,
                                .g = 1};
}

static struct kvm_segment user_code_segment(void)
{
    return (struct kvm_segment){.selector = MT_KVM_USER_CODE,
                                .limit = 0xFFFFFFFF,
                                .type = 11,
                                .present = 1,
                                .dpl = 3,
                                .s = 1,
                                .l = 1,
                                .g = 1};
}

static void fill_ring3(struct kvm_sregs *sregs, const struct mt_kvm_prepared *prepared,
                       uint8_t task_type)
{
    sregs->cr0 = CR0_FOR_GUESTS;
    sregs->cr2 = 0;
    sregs->cr3 = prepared->plan->tables_start;
    sregs->cr4 = prepared->cr4;
    sregs->efer = EFER_FOR_GUESTS;
    sregs->cs = user_code_segment();
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = user_data_segment();
    sregs->tr = (struct kvm_segment){.selector = MT_KVM_TASK,
                                     .base = MT_KVM_TABLES + MT_KVM_TSS_OFFSET,
                                     .limit = MT_KVM_TSS_BYTES - 1,
                                     .type = task_type,
                                     .present = 1};
    /* The LDTR of a reset CPU covers linear address 0: a selector with TI set would read there. */
    sregs->ldt = (struct kvm_segment){.unusable = 1};
    sregs->gdt = (struct kvm_dtable){.base = MT_KVM_TABLES, .limit = MT_KVM_GDT_BYTES - 1};
    sregs->idt = (struct kvm_dtable){.base = MT_KVM_IDT, .limit = MT_KVM_IDT_BYTES - 1};
}

static mote_status set_xcr0(const struct mt_machine *machine, mote_error *err)
{
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = machine->prepared->xcr0}}};
    if (ioctl(machine->vcpu_fd, KVM_SET_XCRS, &xcrs) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_SET_XCRS");
    return MOTE_OK;
}

static mote_status set_syscall_landing(const struct mt_machine *machine, mote_error *err)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry lstar;
    } msrs = {.head = {.nmsrs = 1}, .lstar = {.index = MSR_LSTAR, .data = MT_KVM_SYSCALL_LANDING}};
    int n_set = ioctl(machine->vcpu_fd, KVM_SET_MSRS, &msrs);
    if (n_set != 1)
        return mt_fail_errno(err, MOTE_E_SYSTEM, n_set < 0 ? errno : EINVAL, "KVM_SET_MSRS");
    return MOTE_OK;
}

mote_status mt_kvm_set_up_vcpu(struct mt_machine *machine, uint8_t task_type, mote_error *err)
{
    if (ioctl(machine->vcpu_fd, KVM_SET_CPUID2, machine->prepared->cpuid) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_SET_CPUID2");
    if (ioctl(machine->vcpu_fd, KVM_GET_SREGS, &machine->ring3) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_GET_SREGS");
    fill_ring3(&machine->ring3, machine->prepared, task_type);
    if (ioctl(machine->vcpu_fd, KVM_SET_SREGS, &machine->ring3) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_SET_SREGS");
    mote_status status = set_xcr0(machine, err);
    if (status == MOTE_OK)
        status = set_syscall_landing(machine, err);
    machine->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
    return status;
}

/* A signal may have ended the last run while an exception was on its way to the guest: KVM would
 * go on to deliver it, whatever the registers are by then. Behind a port exit there is none. */
static uint64_t call_off_events(struct kvm_run *run)
{
    if (run->exit_reason == KVM_EXIT_IO)
        return 0;
    memset(&run->s.regs.events, 0, sizeof(run->s.regs.events));
    return KVM_SYNC_X86_EVENTS;
}

void mt_kvm_set_registers(struct mt_machine *machine, const struct kvm_regs *registers)
{
    machine->run->s.regs.regs = *registers;
    machine->run->s.regs.sregs = machine->ring3;
    machine->run->kvm_dirty_regs =
        KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | call_off_events(machine->run);
    machine->is_in_monitor = false;
    machine->is_loaded = false;
}

void mt_kvm_enter(struct mt_machine *machine, const struct mt_registers *registers)
{
    const struct kvm_regs at_stub = {
        .rip = MT_STUB_PAGE + MT_STUB_ENTER,
        .rsp = registers->rsp,
        .rax = UINT32_MAX,
        .rdx = UINT32_MAX,
        .rdi = MT_VECTOR_IMAGE,
        .rcx = registers->rcx,
        .r8 = registers->r8,
        .r9 = registers->r9,
        .r10 = registers->rdx,
        .r11 = registers->rip,
        .rflags = RFLAGS_RESERVED,
    };
    mt_kvm_set_registers(machine, &at_stub);
}

/* KVM runs the guest with the thread's own signal mask, but for our signal. */
static mote_status open_signal(struct mt_machine *machine, mote_error *err)
{
    struct {
        struct kvm_signal_mask head;
        uint8_t signals[KERNEL_SIGSET_BYTES];
    } mask = {.head = {.len = KERNEL_SIGSET_BYTES}};
    sigset_t open;
    mt_alarm_open_mask(&open);
    memcpy(mask.signals, &open, sizeof(mask.signals));
    machine->n_system_calls += 2;
    if (ioctl(machine->vcpu_fd, KVM_SET_SIGNAL_MASK, &mask) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "KVM_SET_SIGNAL_MASK");
    return MOTE_OK;
}

static mote_status change_thread(struct mt_machine *machine, mote_error *err)
{
    struct mt_alarm *alarm;
    mote_status status = mt_alarm_hold(&alarm, err);
    if (status != MOTE_OK)
        return status;
    if (machine->alarm != NULL)
        mt_alarm_release(machine->alarm);
    machine->alarm = alarm;
    status = open_signal(machine, err);
    if (status != MOTE_OK) {
        /* Or the next begin would take the mask for set, and no limit would be heard. */
        mt_alarm_release(alarm);
        machine->alarm = NULL;
    }
    return status;
}

mote_status mt_kvm_begin(struct mt_machine *machine, uint64_t deadline_ns, mote_error *err)
{
    machine->deadline_ns = deadline_ns;
    if (machine->alarm != NULL && mt_alarm_is_own(machine->alarm))
        return MOTE_OK;
    return change_thread(machine, err);
}

/* A signal that is neither alarm nor kick keeps interrupting when the thread has blocked it since
 * the mask was taken: take the mask anew. */
static mote_status interrupted(struct mt_machine *machine, struct mt_exit *out, mote_error *err)
{
    out->kind = MT_EXIT_INTERRUPTED;
    machine->n_system_calls++;
    if (mt_alarm_drain(machine->alarm))
        return MOTE_OK;
    return open_signal(machine, err);
}

static int run_vcpu(const struct mt_machine *machine)
{
    struct mt_kvm_selectors before = mt_kvm_selectors();
    int failure = ioctl(machine->vcpu_fd, KVM_RUN, 0) == 0 ? 0 : errno;
    struct mt_kvm_selectors after = mt_kvm_selectors();
    if (memcmp(&before, &after, sizeof(before)) != 0)
        mt_kvm_put_selectors_back(before);
    return failure;
}

mote_status mt_kvm_run(struct mt_machine *machine, struct mt_exit *out, mote_error *err)
{
    if (machine->is_in_monitor)
        return mt_fail(err, MOTE_E_BUG, "a machine that stopped in the monitor was run again");
    mote_status status =
        mt_alarm_arm(machine->alarm, machine->deadline_ns, &machine->n_system_calls, err);
    if (status != MOTE_OK)
        return status;
    machine->n_system_calls++;
    machine->is_settled = false;
    machine->is_loaded = false;
    int failure = run_vcpu(machine);
    if (failure == 0) {
        mt_kvm_read_exit(machine, out);
        machine->is_in_monitor = out->kind == MT_EXIT_FAULT || out->kind == MT_EXIT_DIED;
        return MOTE_OK;
    }
    if (failure == EINTR || failure == EAGAIN)
        return interrupted(machine, out, err);
    return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "KVM_RUN");
}

bool mt_kvm_kick(struct mt_machine *machine)
{
    return mt_alarm_ring(machine->alarm);
}
