/* SPDX-License-Identifier: Apache-2.0 */
/* The one way out of the guest: a byte on a port, by whichever means this run has. */
#include "guest/runtime/runtime.h"

struct mt_peb mt_peb;

uint64_t moteg_stack_min(void)
{
    return mt_peb.stack_min;
}

/* The in-process host's function has the Win64 convention, as in Hyperlight 0.1. */
typedef __attribute__((ms_abi)) void (*outb_function)(void *context, uint16_t port, uint8_t byte);

static bool runs_in_process(void)
{
    return mt_peb.run_mode == MT_RUN_MODE_IN_PROCESS_WINDOWS ||
           mt_peb.run_mode == MT_RUN_MODE_IN_PROCESS_LINUX;
}

void mt_out(uint16_t port, uint8_t byte)
{
    if (!runs_in_process()) {
        mt_out_by_stub(port, byte);
        return;
    }
    outb_function outb = (outb_function)(uintptr_t)mt_peb.outb_function;
    outb((void *)(uintptr_t)mt_peb.outb_context, port, byte);
}
