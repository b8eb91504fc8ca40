/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the host's stack to the guest's and back. Unwinders are told the way: a backtrace taken in
 * the guest goes on in the host function that runs it.
 */
#include "host/driver/inprocess/switch.h"

/* DWARF 5, sections 2.5 and 6.4.2. */
#define DEF_CFA_EXPRESSION 0x0f
#define OP_DEREF 0x06
#define OP_PLUS 0x23
#define OP_RDI 0x75 /* OP_breg5 */
#define OP_RSP 0x77 /* OP_breg7 */

    .text

/* void mt_inprocess_switch(struct mt_switch *at): let the guest go on until it needs the host. */
    .globl mt_inprocess_switch
    .hidden mt_inprocess_switch
    .type mt_inprocess_switch, @function
mt_inprocess_switch:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_offset %rbp, -16
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_offset %rbx, -24
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_offset %r12, -32
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_offset %r13, -40
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_offset %r14, -48
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_offset %r15, -56
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, SWITCH_HOST_RSP(%rdi)
    .cfi_remember_state
    /* The frame's address: what RDI points to, and the frame's size. */
    .cfi_escape DEF_CFA_EXPRESSION, 5, OP_RDI, SWITCH_HOST_RSP, OP_DEREF, OP_PLUS, HOST_FRAME_BYTES

    movq SWITCH_RIP(%rdi), %r11
    movq SWITCH_GUEST_RSP(%rdi), %rsp
    testq %r11, %r11
    jnz 1f
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    movups WAITING_VECTORS + 0x00(%rsp), %xmm6
    movups WAITING_VECTORS + 0x10(%rsp), %xmm7
    movups WAITING_VECTORS + 0x20(%rsp), %xmm8
    movups WAITING_VECTORS + 0x30(%rsp), %xmm9
    movups WAITING_VECTORS + 0x40(%rsp), %xmm10
    movups WAITING_VECTORS + 0x50(%rsp), %xmm11
    movups WAITING_VECTORS + 0x60(%rsp), %xmm12
    movups WAITING_VECTORS + 0x70(%rsp), %xmm13
    movups WAITING_VECTORS + 0x80(%rsp), %xmm14
    movups WAITING_VECTORS + 0x90(%rsp), %xmm15
    addq $WAITING_GENERAL, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rsi
    popq %rdi
    ret

    /* Start it at R11. What lies at the bottom is pushed, not written by the host beforehand: to
     * valgrind memory under the stack pointer holds nothing. */
1:  movq $0, SWITCH_RIP(%rdi)
    ldmxcsr SWITCH_CONTROL_WORDS(%rdi)
    fldcw SWITCH_CONTROL_WORDS + 4(%rdi)
    pushq %rdi
    subq $SHADOW_BYTES, %rsp
    leaq mt_inprocess_returned(%rip), %rax
    pushq %rax
    movq SWITCH_RCX(%rdi), %rcx
    movq SWITCH_RDX(%rdi), %rdx
    movq SWITCH_R8(%rdi), %r8
    movq SWITCH_R9(%rdi), %r9
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    xorl %esi, %esi
    xorl %r10d, %r10d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    xorl %edi, %edi
    jmp *%r11

    /* Where a guest's first function returns to. Unwinders look up the byte before it. */
    .cfi_escape DEF_CFA_EXPRESSION, 6, OP_RSP, SHADOW_BYTES, OP_DEREF, OP_DEREF, OP_PLUS, HOST_FRAME_BYTES
    nop
    .globl mt_inprocess_returned
    .hidden mt_inprocess_returned
mt_inprocess_returned:
    movq SHADOW_BYTES(%rsp), %rdi
    movl $EXIT_RETURNED, SWITCH_EXIT(%rdi)

    /* RDI is the switch: back to the host's stack. */
    .globl mt_inprocess_leave
    .hidden mt_inprocess_leave
mt_inprocess_leave:
    .cfi_escape DEF_CFA_EXPRESSION, 5, OP_RDI, SWITCH_HOST_RSP, OP_DEREF, OP_PLUS, HOST_FRAME_BYTES
    movq SWITCH_HOST_RSP(%rdi), %rsp
    .cfi_restore_state
    cld
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size mt_inprocess_switch, . - mt_inprocess_switch

/*
 * The guest's way out, a Win64 function (context in RCX, port in DX, byte in R8B): it keeps what
 * that convention says, on the guest's stack, and returns when the guest is let go on.
 */
    .globl mt_inprocess_out
    .hidden mt_inprocess_out
    .type mt_inprocess_out, @function
mt_inprocess_out:
    .cfi_startproc
    endbr64
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    pushq %r12
    .cfi_adjust_cfa_offset 8
    pushq %r13
    .cfi_adjust_cfa_offset 8
    pushq %r14
    .cfi_adjust_cfa_offset 8
    pushq %r15
    .cfi_adjust_cfa_offset 8
    subq $WAITING_GENERAL, %rsp
    .cfi_adjust_cfa_offset WAITING_GENERAL
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movups %xmm6, WAITING_VECTORS + 0x00(%rsp)
    movups %xmm7, WAITING_VECTORS + 0x10(%rsp)
    movups %xmm8, WAITING_VECTORS + 0x20(%rsp)
    movups %xmm9, WAITING_VECTORS + 0x30(%rsp)
    movups %xmm10, WAITING_VECTORS + 0x40(%rsp)
    movups %xmm11, WAITING_VECTORS + 0x50(%rsp)
    movups %xmm12, WAITING_VECTORS + 0x60(%rsp)
    movups %xmm13, WAITING_VECTORS + 0x70(%rsp)
    movups %xmm14, WAITING_VECTORS + 0x80(%rsp)
    movups %xmm15, WAITING_VECTORS + 0x90(%rsp)
    movq %rsp, SWITCH_GUEST_RSP(%rcx)
    movl $EXIT_OUT, SWITCH_EXIT(%rcx)
    movzwl %dx, %edx
    movl %edx, SWITCH_PORT(%rcx)
    movzbl %r8b, %r8d
    movl %r8d, SWITCH_VALUE(%rcx)
    movq %rcx, %rdi
    jmp mt_inprocess_leave
    .cfi_endproc
    .size mt_inprocess_out, . - mt_inprocess_out

    .section .note.GNU-stack, "", @progbits
