/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process environment block: what the host tells a guest about its memory (docs/abi.md,
 * The PEB). The guest may write it; the host writes it once and trusts nothing in it, but for the
 * dispatch pointer of a 0.1 guest, which it checks.
 */
#ifndef MOTE_ABI_PEB_H
#define MOTE_ABI_PEB_H

#include <stddef.h>
#include <stdint.h>

enum mt_run_mode {
    MT_RUN_MODE_NONE = 0,
    MT_RUN_MODE_HYPERVISOR = 1, /* also the process driver: reach the host through the stub page */
    MT_RUN_MODE_IN_PROCESS_WINDOWS = 2,
    MT_RUN_MODE_IN_PROCESS_LINUX = 3,
    MT_RUN_MODE_INVALID = 4
};

struct mt_peb {
    uint64_t security_cookie_seed;
    uint64_t dispatch_function; /* written by a 0.1 guest's entry */
    uint64_t host_definitions_bytes;
    uint64_t host_definitions;
    uint64_t host_exception_bytes; /* the region begins at the page behind the definitions */
    uint64_t guest_error_bytes;
    uint64_t guest_error;
    uint64_t code;
    uint64_t outb_function; /* in-process only */
    uint64_t outb_context;  /* in-process only */
    uint64_t run_mode;
    uint64_t input_bytes;
    uint64_t input;
    uint64_t output_bytes;
    uint64_t output;
    uint64_t panic_bytes;
    uint64_t panic;
    uint64_t heap_bytes;
    uint64_t heap;
    uint64_t stack_min;    /* lowest address of the user stack */
    uint64_t stack;        /* one past its end */
    uint64_t kernel_stack; /* one past the end; the monitor's, not mapped for guests */
    uint64_t boot_stack;   /* one past the end; the monitor's, not mapped for guests */
};

#define MT_PEB_AT(member, offset) \
    _Static_assert(offsetof(struct mt_peb, member) == (offset), "PEB offset of " #member)

MT_PEB_AT(security_cookie_seed, 0x00);
MT_PEB_AT(dispatch_function, 0x08);
MT_PEB_AT(host_definitions_bytes, 0x10);
MT_PEB_AT(host_definitions, 0x18);
MT_PEB_AT(host_exception_bytes, 0x20);
MT_PEB_AT(guest_error_bytes, 0x28);
MT_PEB_AT(guest_error, 0x30);
MT_PEB_AT(code, 0x38);
MT_PEB_AT(outb_function, 0x40);
MT_PEB_AT(outb_context, 0x48);
MT_PEB_AT(run_mode, 0x50);
MT_PEB_AT(input_bytes, 0x58);
MT_PEB_AT(input, 0x60);
MT_PEB_AT(output_bytes, 0x68);
MT_PEB_AT(output, 0x70);
MT_PEB_AT(panic_bytes, 0x78);
MT_PEB_AT(panic, 0x80);
MT_PEB_AT(heap_bytes, 0x88);
MT_PEB_AT(heap, 0x90);
MT_PEB_AT(stack_min, 0x98);
MT_PEB_AT(stack, 0xA0);
MT_PEB_AT(kernel_stack, 0xA8);
MT_PEB_AT(boot_stack, 0xB0);
_Static_assert(sizeof(struct mt_peb) == 0xB8, "PEB size");

#endif
