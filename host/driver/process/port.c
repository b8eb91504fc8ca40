/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port instructions. In a VM those on ports of the ABI leave the guest; in a process all of them
 * fault, so they are told by their bytes. String instructions are not among them: they stay faults.
 */
#include "host/driver/process/process_internal.h"

#include "abi/ports.h"
#include <mote/image.h>
#include <string.h>

#define MAX_INSTRUCTION_BYTES 15u
#define OPERAND_SIZE_PREFIX 0x66u

struct port_instruction {
    uint8_t opcode;
    bool is_in;
    bool is_wide;  /* 4 bytes, or 2 with a prefix */
    bool has_port; /* a byte behind the opcode; or else DX */
};

static const struct port_instruction instructions[] = {
    {0xE4, true, false, true},   {0xE5, true, true, true},   {0xE6, false, false, true},
    {0xE7, false, true, true},   {0xEC, true, false, false}, {0xED, true, true, false},
    {0xEE, false, false, false}, {0xEF, false, true, false},
};

bool mt_process_is_port(uint64_t port)
{
    return port == MT_PORT_LOG || port == MT_PORT_CALL || port == MT_PORT_ABORT ||
           port == MT_PORT_DONE;
}

/* Code as it is mapped in the child. What lies in private memory the guest may change: then it is
 * the guest's word, as all else. */
static size_t fetch_code(const struct mt_machine *machine, uint64_t address, uint8_t *to)
{
    const struct mt_process_prepared *prepared = machine->prepared;
    for (size_t i = 0; i < prepared->plan->n_regions; i++) {
        const struct mt_region *region = &prepared->plan->regions[i];
        if (address < region->start || address - region->start >= region->len_bytes)
            continue;
        uint64_t offset = address - region->start;
        uint64_t n = region->len_bytes - offset;
        if (n > MAX_INSTRUCTION_BYTES)
            n = MAX_INSTRUCTION_BYTES;
        if (!(region->rights & MOTE_RIGHT_EXECUTE))
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

static bool is_prefix(uint8_t byte)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65};
    return memchr(prefixes, byte, sizeof(prefixes)) != NULL || (byte & 0xF0) == 0x40;
}

static const struct port_instruction *find(uint8_t opcode)
{
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        if (instructions[i].opcode == opcode)
            return &instructions[i];
    }
    return NULL;
}

bool mt_process_read_port(struct mt_machine *machine, struct mt_exit *out)
{
    uint8_t code[MAX_INSTRUCTION_BYTES];
    size_t n = fetch_code(machine, machine->frame.rip, code);
    size_t at = 0;
    bool is_short = false;
    while (at < n && is_prefix(code[at]))
        is_short |= code[at++] == OPERAND_SIZE_PREFIX;
    const struct port_instruction *found = at < n ? find(code[at]) : NULL;
    if (found == NULL || (found->has_port && at + 1 >= n))
        return false;
    uint8_t size_bytes = 1;
    if (found->is_wide)
        size_bytes = is_short ? 2 : 4;
    uint16_t port = found->has_port ? code[at + 1] : (uint16_t)machine->frame.rdx;
    for (uint64_t i = 0; i < size_bytes; i++) {
        if (!mt_process_is_port(port + i))
            return false;
    }
    out->kind = MT_EXIT_PORT;
    out->port.number = port;
    out->port.value = found->is_in ? 0 : (uint8_t)machine->frame.rax;
    out->port.size_bytes = size_bytes;
    out->port.count = 1;
    out->port.is_in = found->is_in;
    machine->frame.rip += at + 1 + (found->has_port ? 1 : 0);
    return true;
}
