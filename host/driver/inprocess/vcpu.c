/* SPDX-License-Identifier: Apache-2.0 */
/* Entering a guest, and what an exit was. */
#include "host/driver/inprocess/inprocess_internal.h"

#include "abi/ports.h"
#include "host/base/checked.h"
#include "host/driver/inprocess/switch.h"
#include "host/os/clock.h"
#include <stdio.h>

#define SWITCH_AT(member, offset) \
    _Static_assert(offsetof(struct mt_switch, member) == (offset), "offset of " #member)
SWITCH_AT(host_rsp, SWITCH_HOST_RSP);
SWITCH_AT(guest_rsp, SWITCH_GUEST_RSP);
SWITCH_AT(rcx, SWITCH_RCX);
SWITCH_AT(rdx, SWITCH_RDX);
SWITCH_AT(r8, SWITCH_R8);
SWITCH_AT(r9, SWITCH_R9);
SWITCH_AT(rip, SWITCH_RIP);
SWITCH_AT(mxcsr, SWITCH_CONTROL_WORDS);
SWITCH_AT(x87_control, SWITCH_CONTROL_WORDS + 4);
SWITCH_AT(exit, SWITCH_EXIT);
SWITCH_AT(port, SWITCH_PORT);
SWITCH_AT(value, SWITCH_VALUE);

#define MXCSR_DEFAULT 0x1F80u
#define X87_CONTROL_DEFAULT 0x37Fu

/* A guest's stack begins lower than it was told, since the bottom holds one address more: enough
 * for that address, its return address and the shadow space to end where they would. */
#define BOTTOM_BYTES (SHADOW_BYTES + 2u * sizeof(uint64_t))
#define BOTTOM_GAP 16u /* keeps the alignment */

uint8_t *mt_inprocess_at(const struct mt_machine *machine, uint64_t address, uint64_t len_bytes)
{
    uint64_t start = machine->prepared->private_start;
    if (address < start ||
        !mt_range_ok(address - start, len_bytes, machine->prepared->private_len_bytes))
        return NULL;
    return machine->host_view + (address - start);
}

void mt_inprocess_enter(struct mt_machine *machine, const struct mt_registers *registers)
{
    machine->can_run = true;
    mt_inprocess_the_switch =
        (struct mt_switch){.guest_rsp = registers->rsp - BOTTOM_GAP + BOTTOM_BYTES,
                           .rcx = registers->rcx,
                           .rdx = registers->rdx,
                           .r8 = registers->r8,
                           .r9 = registers->r9,
                           .rip = registers->rip,
                           .mxcsr = MXCSR_DEFAULT,
                           .x87_control = X87_CONTROL_DEFAULT};
}

static void describe_exit(struct mt_machine *machine, struct mt_exit *out)
{
    const struct mt_switch *at = &mt_inprocess_the_switch;
    *out = (struct mt_exit){.kind = MT_EXIT_PORT};
    out->port.size_bytes = 1;
    out->port.count = 1;
    out->port.number = MT_PORT_DONE;
    machine->can_run = at->exit == EXIT_OUT;
    if (!machine->can_run)
        return; /* from its entry or its dispatch function: that is what a guest of 0.1 does */
    out->port.number = (uint16_t)at->port;
    out->port.value = (uint8_t)at->value;
}

mote_status mt_inprocess_run(struct mt_machine *machine, struct mt_exit *out, mote_error *err)
{
    (void)err;
    if (atomic_exchange(&machine->is_kicked, false)) {
        *out = (struct mt_exit){.kind = MT_EXIT_INTERRUPTED};
        return MOTE_OK;
    }
    if (!machine->can_run) {
        *out = (struct mt_exit){.kind = MT_EXIT_DIED};
        snprintf(out->died, sizeof(out->died), "the guest has returned and cannot go on");
        return MOTE_OK;
    }
    uint64_t started_ns = mt_clock_thread_cpu_ns();
    mt_inprocess_switch(&mt_inprocess_the_switch);
    machine->cpu_time_ns += mt_clock_thread_cpu_ns() - started_ns;
    machine->n_system_calls += 2;
    describe_exit(machine, out);
    return MOTE_OK;
}
