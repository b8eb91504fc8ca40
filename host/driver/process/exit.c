/* SPDX-License-Identifier: Apache-2.0 */
/* What a parked child claims: that its guest used the stub page, or that a signal was handled. */
#include "host/driver/process/process_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
};

/* Bits of a page fault's error code (SDM volume 3, figure 4-12). */
#define PAGE_FAULT_PRESENT 0x1u
#define PAGE_FAULT_WRITE 0x2u
#define PAGE_FAULT_USER 0x4u
#define PAGE_FAULT_FETCH 0x10u

#define USER_CODE_64 0x33u /* Linux's selector for 64-bit code */
#define SELECTOR_INDEX 0xFFFCu
#define SYSCALL_BYTES 2u   /* of `syscall`, `sysenter` and `int 0x80` */
#define SYS_SECCOMP_CODE 1 /* si_code of a call that the filter refused */

void mt_process_died(struct mt_exit *out, const char *what, uint64_t value)
{
    out->kind = MT_EXIT_DIED;
    snprintf(out->died, sizeof(out->died), "%s 0x%" PRIx64, what, value);
}

/* The compiler must not read the child's memory a second time in place of the copy. */
static void copy_once(void *to, const uint8_t *from, size_t len_bytes)
{
    memcpy(to, from, len_bytes);
    __asm__ volatile("" : : : "memory");
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value;
    copy_once(&value, from, sizeof(value));
    return value;
}

static void put_u64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, sizeof(value));
}

/* ---- The stub page ---- */

static void fault(struct mt_exit *out, uint64_t vector, uint64_t error_code, uint64_t rip,
                  uint64_t rsp)
{
    out->kind = MT_EXIT_FAULT;
    out->fault.vector = (uint8_t)vector;
    out->fault.error_code = (uint32_t)error_code;
    out->fault.rip = rip;
    out->fault.rsp = rsp;
}

void mt_process_stub_registers(const struct mt_machine *machine, uint64_t registers[MT_N_REGISTERS])
{
    copy_once(registers, machine->from + MT_FROM_REGISTERS, MT_N_REGISTERS * sizeof(uint64_t));
    registers[MT_REGISTER_RIP] = MT_STUB_PAGE + MT_STUB_RETURN;
}

static void read_stub_call(struct mt_machine *machine, struct mt_exit *out)
{
    put_u64(machine->from + MT_FROM_IS_OUT, 0);
    machine->next = MT_NEXT_RETURN;
    uint16_t port = (uint16_t)get_u64(machine->from + MT_FROM_PORT);
    if (!mt_process_is_port(port)) {
        fault(out, VECTOR_GENERAL_PROTECTION, 0, MT_STUB_PAGE + MT_STUB_OUT,
              get_u64(machine->from + MT_FROM_REGISTERS + MT_REGISTER_RSP * sizeof(uint64_t)));
        return;
    }
    out->kind = MT_EXIT_PORT;
    out->port.number = port;
    out->port.value = (uint8_t)get_u64(machine->from + MT_FROM_VALUE);
    out->port.size_bytes = 1;
    out->port.count = 1;
}

/* ---- Signals ---- */

bool mt_process_take_kick(struct mt_machine *machine)
{
    uint32_t *is_kicked = (uint32_t *)(void *)(machine->from + MT_FROM_IS_KICKED);
    return __atomic_exchange_n(is_kicked, 0, __ATOMIC_ACQ_REL) == 1;
}

bool mt_process_read_frame(struct mt_machine *machine)
{
    const uint64_t lowest = MT_PROCESS_FROM + MT_FROM_STACK;
    const uint64_t end = MT_PROCESS_FROM + MT_PROCESS_FROM_BYTES;
    uint64_t at = get_u64(machine->from + MT_FROM_FRAME);
    if (at < lowest || at > end - sizeof(machine->frame))
        return false;
    copy_once(&machine->frame, machine->from + (at - MT_PROCESS_FROM), sizeof(machine->frame));
    return true;
}

void mt_process_frame_registers(const struct mt_frame *frame, uint64_t registers[MT_N_REGISTERS])
{
    const uint64_t values[MT_N_REGISTERS] = {
        [MT_REGISTER_RAX] = frame->rax, [MT_REGISTER_RBX] = frame->rbx,
        [MT_REGISTER_RCX] = frame->rcx, [MT_REGISTER_RDX] = frame->rdx,
        [MT_REGISTER_RSI] = frame->rsi, [MT_REGISTER_RDI] = frame->rdi,
        [MT_REGISTER_RBP] = frame->rbp, [MT_REGISTER_R8] = frame->r8,
        [MT_REGISTER_R9] = frame->r9,   [MT_REGISTER_R10] = frame->r10,
        [MT_REGISTER_R11] = frame->r11, [MT_REGISTER_R12] = frame->r12,
        [MT_REGISTER_R13] = frame->r13, [MT_REGISTER_R14] = frame->r14,
        [MT_REGISTER_R15] = frame->r15, [MT_REGISTER_RSP] = frame->rsp,
        [MT_REGISTER_RIP] = frame->rip, [MT_REGISTER_RFLAGS] = frame->rflags,
    };
    memcpy(registers, values, sizeof(values));
}

/* The XSAVE area (SDM volume 1, 13.4): its legacy part and its header. */
#define LEAST_AREA_BYTES 576u

const uint8_t *mt_process_frame_vectors(const struct mt_machine *machine, uint64_t *len_bytes)
{
    uint64_t offset = machine->frame.vectors - MT_PROCESS_FROM;
    if (machine->frame.vectors < MT_PROCESS_FROM + MT_FROM_STACK ||
        offset > MT_PROCESS_FROM_BYTES - LEAST_AREA_BYTES)
        return NULL;
    *len_bytes = MT_PROCESS_FROM_BYTES - offset;
    return machine->from + offset;
}

/* Where a signal hit the handler of another one: the frame that the handler is about. */
static bool is_in_handler(const struct mt_frame *frame, uint64_t *about)
{
    *about = frame->rip == MT_STUB_PAGE + MT_KEEP_HANDLER ? frame->rsp : frame->rbx;
    return frame->rsp >= MT_PROCESS_FROM + MT_FROM_STACK &&
           frame->rsp <= MT_PROCESS_FROM + MT_PROCESS_FROM_BYTES &&
           frame->rip >= MT_STUB_PAGE + MT_KEEP_HANDLER &&
           frame->rip <= MT_STUB_PAGE + MT_KEEP_RESUME;
}

bool mt_process_read_first_frame(struct mt_machine *machine, bool *is_first)
{
    *is_first = true;
    for (int i = 0; i < MT_N_SIGNAL_SLOTS; i++) {
        uint64_t about;
        if (!mt_process_read_frame(machine))
            return false;
        if (!is_in_handler(&machine->frame, &about))
            return true;
        *is_first = false;
        put_u64(machine->from + MT_FROM_FRAME, about);
    }
    return false;
}

/* A kick or a tick came. Where it hit the stub's own code:
 * - behind the wait, when we had answered it, the child had not resumed yet, and does so again;
 *   likewise when what it had to tell was read while it span;
 * - before the wait, or when it was broken off before we had seen it, the child was about to tell
 *   something: that is told at the next run, without the child. In the handler, whose stack is the
 *   one for signals, RBX holds the frame that it was to be about. */
static void read_interruption(struct mt_machine *machine, struct mt_exit *out)
{
    const struct mt_frame *frame = &machine->frame;
    uint64_t place = frame->rip - MT_STUB_PAGE;
    bool is_broken_off = place == MT_KEEP_RESUME && frame->rax == (uint64_t)-EINTR;
    bool is_spinning = place >= MT_KEEP_SPIN && place < MT_KEEP_SPIN_END;
    bool is_resuming = (place >= MT_KEEP_RESUME && place < MT_KEEP_RESUME_END) ||
                       (place >= MT_KEEP_RETURN && place < MT_KEEP_RETURN_END);
    bool is_waiting = place >= MT_KEEP_HANDLER && place < MT_KEEP_RESUME;
    bool is_telling = is_waiting || is_broken_off || is_spinning;
    uint64_t about;
    out->kind = MT_EXIT_INTERRUPTED;
    if (is_telling && is_in_handler(frame, &about)) {
        put_u64(machine->from + MT_FROM_FRAME, about);
        put_u64(machine->from + MT_FROM_IS_SIGNAL, 1);
        machine->next = MT_NEXT_TELL;
    } else if (is_telling && get_u64(machine->from + MT_FROM_IS_OUT) == 1) {
        machine->is_vectors_in_frame = true;
        machine->next = MT_NEXT_TELL;
    } else if (is_waiting || is_resuming || is_spinning) {
        machine->next = MT_NEXT_REPEAT;
    }
}

bool mt_process_is_mapped(const struct mt_machine *machine, uint64_t address)
{
    const struct mt_plan *plan = machine->prepared->plan;
    if (address >= MT_STUB_PAGE && address < MT_PROCESS_TO + MT_PROCESS_TO_BYTES)
        return true;
    for (size_t i = 0; i < plan->n_regions; i++) {
        const struct mt_region *region = &plan->regions[i];
        if (address < region->start || address - region->start >= region->len_bytes)
            continue;
        return region->backing == MT_BACKING_MONITOR ||
               (region->backing != MT_BACKING_NONE && region->backing != MT_BACKING_TABLES &&
                region->rights != 0);
    }
    return false;
}

/* Whether a page is present depends, in a process, on what was touched before. It is said of
 * regions instead, as it is in a VM. */
static void read_page_fault(const struct mt_machine *machine, struct mt_exit *out)
{
    const struct mt_frame *frame = &machine->frame;
    out->fault.address = frame->address;
    out->fault.error_code = (uint32_t)frame->error_code & (PAGE_FAULT_WRITE | PAGE_FAULT_FETCH);
    out->fault.error_code |= PAGE_FAULT_USER;
    if (mt_process_is_mapped(machine, frame->address))
        out->fault.error_code |= PAGE_FAULT_PRESENT;
}

static void read_exception(struct mt_machine *machine, struct mt_exit *out)
{
    const struct mt_frame *frame = &machine->frame;
    fault(out, frame->vector, frame->error_code, frame->rip, frame->rsp);
    /* The kernel also sends this one of itself, and leaves an old vector: for its calls of uprobes,
     * which pass by all filters. */
    if (frame->signal == SIGILL)
        fault(out, VECTOR_INVALID_OPCODE, 0, frame->rip, frame->rsp);
    else if (frame->vector == VECTOR_PAGE_FAULT)
        read_page_fault(machine, out);
    else if (frame->vector == VECTOR_GENERAL_PROTECTION && frame->error_code == 0)
        mt_process_read_port(machine, out);
}

/* A guest that denied itself all memory (wrpkru) and then came to the wait keeps the child from
 * resuming whatever it is to resume from, another guest too. For the signal of that the kernel gave
 * it its rights back. */
static bool is_denied_to_resume(const struct mt_frame *frame)
{
    uint64_t place = frame->rip - MT_STUB_PAGE;
    return frame->signal == SIGSEGV && frame->code == SEGV_PKUERR && place >= MT_KEEP_RESUME &&
           place < MT_KEEP_RESUME_END;
}

/* Signals that came before the first was seen have ended a run; the first is told at the next. */
static bool takes_kick(struct mt_machine *machine, struct mt_exit *out)
{
    if (!mt_process_take_kick(machine))
        return false;
    out->kind = MT_EXIT_INTERRUPTED;
    machine->next = MT_NEXT_TELL;
    return true;
}

static void read_signal(struct mt_machine *machine, struct mt_exit *out)
{
    if (takes_kick(machine, out))
        return;
    put_u64(machine->from + MT_FROM_IS_SIGNAL, 0);
    /* No guest has run since what it had told was read; and of one that starts anew the frame may
     * have been forgotten before it was told of. */
    if (machine->is_answer_lost) {
        out->kind = MT_EXIT_INTERRUPTED;
        machine->next = MT_NEXT_REPEAT;
        return;
    }
    if (!mt_process_read_frame(machine)) {
        mt_process_died(out, "signal frame outside its stack at",
                        get_u64(machine->from + MT_FROM_FRAME));
        return;
    }
    const struct mt_frame *frame = &machine->frame;
    bool is_sent = frame->code <= 0 || frame->signal == MT_PROCESS_TICK;
    bool is_interruption = is_sent || is_denied_to_resume(frame);
    machine->next = MT_NEXT_CONTEXT;
    if (frame->signal == SIGSYS && frame->code == SYS_SECCOMP_CODE) {
        fault(out, 0, 0, frame->rip - SYSCALL_BYTES, frame->rsp);
        out->kind = MT_EXIT_REFUSED;
    } else if (frame->cs != USER_CODE_64) {
        /* No code segment but ours exists for a guest: the jump to it is what failed. */
        fault(out, VECTOR_GENERAL_PROTECTION, frame->cs & SELECTOR_INDEX, frame->rip, frame->rsp);
    } else if (is_interruption) {
        read_interruption(machine, out);
    } else if (frame->signal == SIGBUS && frame->vector == VECTOR_PAGE_FAULT) {
        mt_process_died(out, "no memory for the page at", frame->address);
    } else {
        read_exception(machine, out);
    }
}

/* A child that tells its exit while it spins may meet a signal at any moment: that is for later. */
void mt_process_read_exit(struct mt_machine *machine, struct mt_exit *out)
{
    if (!machine->is_spinning && get_u64(machine->from + MT_FROM_IS_SIGNAL) == 1)
        read_signal(machine, out);
    else if (machine->is_spinning || get_u64(machine->from + MT_FROM_IS_OUT) == 1)
        read_stub_call(machine, out);
    else
        mt_process_died(out, "the guest waits and says nothing, frame", 0);
}
