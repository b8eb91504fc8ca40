/* SPDX-License-Identifier: Apache-2.0 */
/* The code of the monitor. All of it is position-independent and is copied, never run, here. */
#include "abi/memory_map.h"
#include "monitor/monitor.h"

    .section .rodata.mt_monitor, "a", @progbits

    .globl mt_monitor_stub_page
    .globl mt_monitor_stub_page_end
    .hidden mt_monitor_stub_page
    .hidden mt_monitor_stub_page_end
    .balign 64
mt_monitor_stub_page:

    /* MT_STUB_OUT: in: DX port, AL value. out: nothing changes. */
    .org mt_monitor_stub_page + MT_STUB_OUT
    outb %al, %dx
    ret

    /*
     * MT_STUB_ENTER: in: EDX:EAX all ones, RDI the vector image, R10 what RDX shall be, R11 where
     * to go. out: RAX where it went, RDI, R10 and R11 zero, vector state as in the image.
     * The mask is all ones and not XCR0: on some hosts a guest reaches state that its own XCR0
     * does not name (AMX tiles under kvm_pvm).
     */
    .org mt_monitor_stub_page + MT_STUB_ENTER
    xrstor64 (%rdi)
    mov %r10, %rdx
    mov %r11, %rax
    xor %edi, %edi
    xor %r10d, %r10d
    xor %r11d, %r11d
    jmp *%rax

    /*
     * MT_STUB_RESUME: in: EDX:EAX all ones, RDI the resume image, all other registers as they shall
     * be. out: RAX, RDX, RDI and RIP from the resume image; flags are left alone. Nothing is on a
     * stack, which is the guest's.
     */
    .org mt_monitor_stub_page + MT_STUB_RESUME
    xrstor64 (%rdi)
    movq MT_MONITOR_RESUME_IMAGE + MT_MONITOR_RESUME_RAX, %rax
    movq MT_MONITOR_RESUME_IMAGE + MT_MONITOR_RESUME_RDX, %rdx
    movq MT_MONITOR_RESUME_IMAGE + MT_MONITOR_RESUME_RDI, %rdi
    jmp *MT_MONITOR_RESUME_IMAGE + MT_MONITOR_RESUME_RIP
mt_monitor_stub_page_end:

    .globl mt_monitor_gates
    .globl mt_monitor_gates_end
    .hidden mt_monitor_gates
    .hidden mt_monitor_gates_end
    .balign 64
mt_monitor_gates:
    /* The host resumes in ring 3 and never behind the `out`; `hlt` makes a mistake visible. */
    vector = 0
    .rept 256
    .byte 0xE6, vector /* outb %al, $vector */
    .byte 0xF4, 0x90   /* hlt; nop */
    vector = vector + 1
    .endr
mt_monitor_gates_end:

    .section .note.GNU-stack, "", @progbits
