/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual CPU for snapshots. A child at rest is one of which the kernel says that it is in the
 * one call at the one place: it leaves there by our answer alone, and what it does then depends on
 * nothing but what we wrote. Its general registers are with us by then, its other state it leaves
 * when asked. That, too, is the guest's word: it may save what it likes.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include <stdatomic.h>
#include <string.h>

/* The XSAVE area (SDM volume 1, 13.4): what stands between legacy part and header is software's. */
#define SOFTWARE_OFFSET 464u
#define HEADER_OFFSET 512u
#define HEADER_BYTES 64u

static atomic_uint_least64_t last_id;

/* A kick that came as the child waited would be delivered when that resumes, on the stack where its
 * guest has left RSP: a guest that left it where there is no room for a frame would end the call of
 * whoever comes next. It takes the kick now, whatever the next run does: also where that starts
 * anew the child still waits where its last guest left it. What the child had to tell is lost, and
 * where it had yet to resume it does not any more: then only a load or an entry follows. */
static mote_status take_kick(struct mt_machine *machine, mote_error *err)
{
    uint64_t kind;
    memcpy(&kind, machine->to + MT_TO_KIND, sizeof(kind));
    mote_status status = mt_process_fetch_state(machine, err);
    memcpy(machine->to + MT_TO_KIND, &kind, sizeof(kind));
    if (machine->next == MT_NEXT_ENTER || machine->next == MT_NEXT_LOADED)
        mt_process_forget_frames(machine); /* where what was fetched is */
    return status;
}

mote_status mt_process_quiesce(struct mt_machine *machine, mote_error *err)
{
    if (!mt_process_park(machine))
        return mt_fail(err, MOTE_E_SYSTEM, "the child has died, or does not stop");
    bool is_kicked = __atomic_exchange_n(&machine->is_kick_sent, false, __ATOMIC_ACQ_REL);
    mote_status status = is_kicked ? take_kick(machine, err) : MOTE_OK;
    machine->is_signal_dropped = false;
    return status;
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

/* ---- Save ---- */

static void save_general(const uint64_t registers[MT_N_REGISTERS], struct mt_cpu *out)
{
    out->rax = registers[MT_REGISTER_RAX];
    out->rbx = registers[MT_REGISTER_RBX];
    out->rcx = registers[MT_REGISTER_RCX];
    out->rdx = registers[MT_REGISTER_RDX];
    out->rsi = registers[MT_REGISTER_RSI];
    out->rdi = registers[MT_REGISTER_RDI];
    out->rbp = registers[MT_REGISTER_RBP];
    out->rsp = registers[MT_REGISTER_RSP];
    out->r8 = registers[MT_REGISTER_R8];
    out->r9 = registers[MT_REGISTER_R9];
    out->r10 = registers[MT_REGISTER_R10];
    out->r11 = registers[MT_REGISTER_R11];
    out->r12 = registers[MT_REGISTER_R12];
    out->r13 = registers[MT_REGISTER_R13];
    out->r14 = registers[MT_REGISTER_R14];
    out->r15 = registers[MT_REGISTER_R15];
    out->rip = registers[MT_REGISTER_RIP];
    out->rflags = registers[MT_REGISTER_RFLAGS];
}

static void save_vectors(const struct mt_machine *machine, const uint8_t *area, uint64_t len_bytes,
                         struct mt_cpu *out)
{
    uint64_t n = machine->prepared->vector_bytes;
    uint64_t components;
    memset(out->vector, 0, sizeof(out->vector));
    memcpy(out->vector, area, len_bytes < n ? len_bytes : n);
    memcpy(&components, out->vector + HEADER_OFFSET, sizeof(components));
    components &= machine->prepared->vector_components;
    memset(out->vector + SOFTWARE_OFFSET, 0, HEADER_OFFSET + HEADER_BYTES - SOFTWARE_OFFSET);
    memcpy(out->vector + HEADER_OFFSET, &components, sizeof(components));
    out->vector_len_bytes = n;
}

static void save_frame_vectors(const struct mt_machine *machine, struct mt_cpu *out)
{
    uint64_t len_bytes;
    const uint8_t *area = mt_process_frame_vectors(machine, &len_bytes);
    if (area != NULL)
        save_vectors(machine, area, len_bytes, out);
    else
        memset(out->vector, 0, sizeof(out->vector));
}

/* The upper bits of an address all say the same, or `wrfsbase` faults. */
static uint64_t canonical(uint64_t address)
{
    uint64_t extended = (uint64_t)((int64_t)(address << 16) >> 16);
    return extended == address ? address : 0;
}

/* A machine that was loaded and has not run since. */
static void save_loaded(const struct mt_machine *machine, struct mt_cpu *out)
{
    uint64_t registers[MT_N_REGISTERS];
    memcpy(registers, machine->to + MT_TO_REGISTERS, sizeof(registers));
    save_general(registers, out);
    out->fs_base = get_u64(machine->to + MT_TO_FS_BASE);
    out->gs_base = get_u64(machine->to + MT_TO_GS_BASE);
    save_vectors(machine, machine->to + MT_TO_VECTORS, machine->prepared->vector_bytes, out);
}

static mote_status save_waiting(struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    mote_status status = mt_process_fetch_state(machine, err);
    if (status != MOTE_OK)
        return status;
    if (machine->next == MT_NEXT_CONTEXT || machine->is_vectors_in_frame)
        save_frame_vectors(machine, out);
    else
        save_vectors(machine, machine->from + MT_FROM_VECTORS, machine->prepared->vector_bytes,
                     out);
    out->fs_base = canonical(get_u64(machine->from + MT_FROM_FS_BASE));
    out->gs_base = canonical(get_u64(machine->from + MT_FROM_GS_BASE));
    return MOTE_OK;
}

mote_status mt_process_save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    uint64_t registers[MT_N_REGISTERS];
    mote_status status = MOTE_OK;
    out->vector_len_bytes = machine->prepared->vector_bytes;
    if (machine->next == MT_NEXT_LOADED) {
        save_loaded(machine, out);
    } else if (machine->next == MT_NEXT_RETURN) {
        mt_process_stub_registers(machine, registers);
        save_general(registers, out);
        status = save_waiting(machine, out, err);
    } else if (machine->next == MT_NEXT_CONTEXT) {
        mt_process_frame_registers(&machine->frame, registers);
        save_general(registers, out);
        status = save_waiting(machine, out, err);
    } else {
        return mt_fail(err, MOTE_E_BUG, "the child does not wait behind a port exit");
    }
    out->id = atomic_fetch_add(&last_id, 1) + 1;
    return status;
}

/* The bases are in the child, which is not asked: it may be dead. The last frame is of no use but
 * where the guest goes on from it: it may be an earlier interruption's, or an earlier call's. */
void mt_process_inspect(struct mt_machine *machine, struct mt_cpu *out)
{
    uint64_t registers[MT_N_REGISTERS];
    uint64_t len_bytes = 0;
    *out = (struct mt_cpu){0};
    if (machine->next == MT_NEXT_LOADED) {
        save_loaded(machine, out);
        out->vector_components = machine->prepared->vector_components;
        return;
    }
    if (machine->next == MT_NEXT_RETURN) {
        mt_process_stub_registers(machine, registers);
        save_general(registers, out);
        return;
    }
    if (machine->next != MT_NEXT_CONTEXT)
        return;
    mt_process_frame_registers(&machine->frame, registers);
    save_general(registers, out);
    const uint8_t *area = mt_process_frame_vectors(machine, &len_bytes);
    if (area == NULL)
        return;
    save_vectors(machine, area, len_bytes, out);
    out->vector_components = machine->prepared->vector_components;
}

/* ---- Load ---- */

/* Write what a child resumes from, all but the kind. */
static void write_cpu(struct mt_machine *machine, const struct mt_cpu *cpu)
{
    const uint64_t registers[MT_N_REGISTERS] = {
        [MT_REGISTER_RAX] = cpu->rax, [MT_REGISTER_RBX] = cpu->rbx,
        [MT_REGISTER_RCX] = cpu->rcx, [MT_REGISTER_RDX] = cpu->rdx,
        [MT_REGISTER_RSI] = cpu->rsi, [MT_REGISTER_RDI] = cpu->rdi,
        [MT_REGISTER_RBP] = cpu->rbp, [MT_REGISTER_R8] = cpu->r8,
        [MT_REGISTER_R9] = cpu->r9,   [MT_REGISTER_R10] = cpu->r10,
        [MT_REGISTER_R11] = cpu->r11, [MT_REGISTER_R12] = cpu->r12,
        [MT_REGISTER_R13] = cpu->r13, [MT_REGISTER_R14] = cpu->r14,
        [MT_REGISTER_R15] = cpu->r15, [MT_REGISTER_RSP] = cpu->rsp,
        [MT_REGISTER_RIP] = cpu->rip, [MT_REGISTER_RFLAGS] = cpu->rflags,
    };
    const uint64_t fs_base = canonical(cpu->fs_base);
    const uint64_t gs_base = canonical(cpu->gs_base);
    mt_process_write_vectors(machine, cpu->vector, cpu->vector_len_bytes);
    memcpy(machine->to + MT_TO_FS_BASE, &fs_base, sizeof(fs_base));
    memcpy(machine->to + MT_TO_GS_BASE, &gs_base, sizeof(gs_base));
    memcpy(machine->to + MT_TO_REGISTERS, registers, sizeof(registers));
    machine->resume_id = cpu->id;
}

mote_status mt_process_load(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err)
{
    const uint64_t kind = MT_RESUME_ENTER;
    if (cpu->vector_len_bytes > machine->prepared->vector_bytes)
        return mt_fail(err, MOTE_E_BUG, "vector state of %llu bytes is larger than the %llu here",
                       (unsigned long long)cpu->vector_len_bytes,
                       (unsigned long long)machine->prepared->vector_bytes);
    /* A child that has not arrived resumes from there as well. */
    if (!machine->has_arrived && !mt_process_park(machine))
        return mt_fail(err, MOTE_E_SYSTEM, "the child has died, or does not stop");
    if (machine->resume_id != cpu->id)
        write_cpu(machine, cpu);
    memcpy(machine->to + MT_TO_KIND, &kind, sizeof(kind));
    machine->is_vectors_in_frame = false;
    machine->next = MT_NEXT_LOADED;
    return MOTE_OK;
}
