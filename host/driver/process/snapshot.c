/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: every page counts as written. */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

static atomic_uint_least64_t last_id;

static uint64_t n_pages(const struct mt_machine *machine)
{
    return machine->prepared->private_len_bytes / MT_PAGE_BYTES;
}

mote_status mt_process_list_used(struct mt_machine *machine, struct mt_page_set *set,
                                 mote_error *err)
{
    (void)err;
    mt_page_set_add_run(set, 0, n_pages(machine));
    return MOTE_OK;
}

mote_status mt_process_track(struct mt_machine *machine, uint64_t zero_from, mote_error *err)
{
    (void)machine;
    (void)zero_from;
    (void)err;
    return MOTE_OK;
}

mote_status mt_process_list_written(struct mt_machine *machine, struct mt_page_set *set,
                                    mote_error *err)
{
    return mt_process_list_used(machine, set, err);
}

mote_status mt_process_discard(struct mt_machine *machine, uint64_t first_page,
                               uint64_t n_given_back, mote_error *err)
{
    uint8_t *start = machine->private_memory + first_page * MT_PAGE_BYTES;
    (void)err;
    if (madvise(start, n_given_back * MT_PAGE_BYTES, MADV_REMOVE) != 0)
        memset(start, 0, n_given_back * MT_PAGE_BYTES);
    return MOTE_OK;
}

/* ---- The virtual CPU ---- */

/* Vector state and the FS and GS bases are not read: they start anew. */
mote_status mt_process_save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    const uint64_t *registers = machine->port_registers;
    if (machine->next != MT_NEXT_RETURN)
        return mt_fail(err, MOTE_E_BUG, "the child does not wait behind the stub page");
    memset(out->vector, 0, sizeof(out->vector));
    *out = (struct mt_cpu){
        .id = atomic_fetch_add(&last_id, 1) + 1,
        .rax = registers[MT_REGISTER_RAX],
        .rbx = registers[MT_REGISTER_RBX],
        .rcx = registers[MT_REGISTER_RCX],
        .rdx = registers[MT_REGISTER_RDX],
        .rsi = registers[MT_REGISTER_RSI],
        .rdi = registers[MT_REGISTER_RDI],
        .rbp = registers[MT_REGISTER_RBP],
        .rsp = registers[MT_REGISTER_RSP],
        .r8 = registers[MT_REGISTER_R8],
        .r9 = registers[MT_REGISTER_R9],
        .r10 = registers[MT_REGISTER_R10],
        .r11 = registers[MT_REGISTER_R11],
        .r12 = registers[MT_REGISTER_R12],
        .r13 = registers[MT_REGISTER_R13],
        .r14 = registers[MT_REGISTER_R14],
        .r15 = registers[MT_REGISTER_R15],
        .rip = MT_STUB_PAGE + MT_STUB_RETURN,
        .rflags = registers[MT_REGISTER_RFLAGS],
    };
    return MOTE_OK;
}

mote_status mt_process_load(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err)
{
    (void)err;
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
    memcpy(machine->loaded, registers, sizeof(registers));
    machine->is_vectors_in_frame = false;
    machine->next = MT_NEXT_LOADED;
    return MOTE_OK;
}
