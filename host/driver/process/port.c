/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port instructions. In a VM those on ports of the ABI leave the guest; in a process all of them
 * fault, so they are told by their bytes. Of a string instruction one step is an exit.
 */
#include "host/driver/process/process_internal.h"

#include "abi/ports.h"
#include <mote/image.h>
#include <string.h>

#define MAX_INSTRUCTION_BYTES 15u
#define OPERAND_SIZE_PREFIX 0x66u
#define REPEAT_PREFIX 0xF3u
#define FLAGS_DIRECTION 0x400u
#define PAGE_FAULT 14u
#define PAGE_FAULT_PRESENT 0x1u
#define PAGE_FAULT_USER 0x4u

struct port_instruction {
    uint8_t opcode;
    bool is_in;
    bool is_wide;   /* 4 bytes, or 2 with a prefix */
    bool has_port;  /* a byte behind the opcode; or else DX */
    bool is_string; /* from RSI, or to RDI */
};

static const struct port_instruction instructions[] = {
    {0x6C, true, false, false, true},   {0x6D, true, true, false, true},
    {0x6E, false, false, false, true},  {0x6F, false, true, false, true},
    {0xE4, true, false, true, false},   {0xE5, true, true, true, false},
    {0xE6, false, false, true, false},  {0xE7, false, true, true, false},
    {0xEC, true, false, false, false},  {0xED, true, true, false, false},
    {0xEE, false, false, false, false}, {0xEF, false, true, false, false},
};

/* An instruction as it stands in the code. */
struct decoded {
    const struct port_instruction *kind;
    uint16_t port;
    uint8_t size_bytes;
    uint8_t len_bytes;
    bool repeats;
};

bool mt_process_is_port(uint64_t port)
{
    return port == MT_PORT_LOG || port == MT_PORT_CALL || port == MT_PORT_ABORT ||
           port == MT_PORT_DONE || port == MT_PORT_TRY_CALL;
}

/* Bytes as they are mapped in the child, if its guest has the right. What lies in private memory
 * the guest may change: then it is the guest's word, as all else. */
static size_t fetch(const struct mt_machine *machine, uint64_t address, uint32_t right, uint8_t *to,
                    uint64_t n)
{
    const struct mt_process_prepared *prepared = machine->prepared;
    for (size_t i = 0; i < prepared->plan->n_regions; i++) {
        const struct mt_region *region = &prepared->plan->regions[i];
        if (address < region->start || address - region->start >= region->len_bytes)
            continue;
        uint64_t offset = address - region->start;
        if (n > region->len_bytes - offset)
            n = region->len_bytes - offset;
        if (!(region->rights & right))
            return 0;
        if (region->backing == MT_BACKING_SHARED)
            memcpy(to, region->shared + offset, n);
        else if (region->backing == MT_BACKING_PRIVATE)
            memcpy(to, machine->private_memory + (address - prepared->private_start), n);
        else
            return 0;
        return n;
    }
    return 0;
}

static const struct port_instruction *find(uint8_t opcode)
{
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        if (instructions[i].opcode == opcode)
            return &instructions[i];
    }
    return NULL;
}

/* Prefixes that change what a string instruction addresses: then it is left a fault. */
static bool is_addressing_prefix(uint8_t byte)
{
    return byte == 0x64 || byte == 0x65 || byte == 0x67;
}

static bool is_prefix(uint8_t byte)
{
    static const uint8_t others[] = {
        OPERAND_SIZE_PREFIX, 0xF2, REPEAT_PREFIX, 0x2E, 0x36, 0x3E, 0x26};
    return is_addressing_prefix(byte) || memchr(others, byte, sizeof(others)) != NULL ||
           (byte & 0xF0) == 0x40;
}

static bool decode(const struct mt_machine *machine, struct decoded *out)
{
    uint8_t code[MAX_INSTRUCTION_BYTES];
    const struct mt_frame *frame = &machine->frame;
    size_t n = fetch(machine, frame->rip, MOTE_RIGHT_EXECUTE, code, sizeof(code));
    size_t at = 0;
    bool is_short = false;
    bool is_elsewhere = false;
    *out = (struct decoded){.size_bytes = 1};
    for (; at < n && is_prefix(code[at]); at++) {
        is_short |= code[at] == OPERAND_SIZE_PREFIX;
        is_elsewhere |= is_addressing_prefix(code[at]);
        out->repeats |= code[at] == REPEAT_PREFIX || code[at] == 0xF2;
    }
    out->kind = at < n ? find(code[at]) : NULL;
    if (out->kind == NULL || (out->kind->has_port && at + 1 >= n) ||
        (out->kind->is_string && is_elsewhere))
        return false;
    if (out->kind->is_wide)
        out->size_bytes = is_short ? 2 : 4;
    out->port = out->kind->has_port ? code[at + 1] : (uint16_t)frame->rdx;
    out->len_bytes = (uint8_t)(at + 1 + (out->kind->has_port ? 1 : 0));
    out->repeats &= out->kind->is_string;
    return true;
}

static bool is_all_allowed(const struct decoded *decoded)
{
    for (uint64_t i = 0; i < decoded->size_bytes; i++) {
        if (!mt_process_is_port(decoded->port + i))
            return false;
    }
    return true;
}

/* One step of a string instruction. */
static void advance_string(struct mt_frame *frame, const struct decoded *decoded)
{
    uint64_t step = decoded->size_bytes;
    uint64_t *pointer = decoded->kind->is_in ? &frame->rdi : &frame->rsi;
    *pointer += frame->rflags & FLAGS_DIRECTION ? -step : step;
    if (decoded->repeats && --frame->rcx != 0)
        frame->rip -= decoded->len_bytes;
}

static void unreadable(const struct mt_machine *machine, struct mt_exit *out)
{
    uint64_t address = machine->frame.rsi;
    out->kind = MT_EXIT_FAULT;
    out->fault.vector = PAGE_FAULT;
    out->fault.error_code =
        PAGE_FAULT_USER | (mt_process_is_mapped(machine, address) ? PAGE_FAULT_PRESENT : 0);
    out->fault.address = address;
}

bool mt_process_read_port(struct mt_machine *machine, struct mt_exit *out)
{
    struct mt_frame *frame = &machine->frame;
    struct decoded decoded;
    uint8_t value = (uint8_t)frame->rax;
    if (!decode(machine, &decoded) || !is_all_allowed(&decoded))
        return false;
    if (decoded.repeats && frame->rcx == 0) { /* the CPU faults, and would else do nothing */
        frame->rip += decoded.len_bytes;
        out->kind = MT_EXIT_INTERRUPTED;
        return true;
    }
    if (decoded.kind->is_string && !decoded.kind->is_in &&
        fetch(machine, frame->rsi, MOTE_RIGHT_READ, &value, 1) == 0) {
        unreadable(machine, out);
        return true;
    }
    out->kind = MT_EXIT_PORT;
    out->port.number = decoded.port;
    out->port.value = decoded.kind->is_in ? 0 : value;
    out->port.size_bytes = decoded.size_bytes;
    out->port.count = 1;
    out->port.is_in = decoded.kind->is_in;
    frame->rip += decoded.len_bytes;
    if (decoded.kind->is_string)
        advance_string(frame, &decoded);
    return true;
}
