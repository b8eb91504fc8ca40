/* SPDX-License-Identifier: Apache-2.0 */
/* Misdeeds that C cannot express. */
    .file "misdeeds.S"
    .text

    /* hostile_interrupt(EDI vector): one `int $n; ret` for each vector. */
    .globl hostile_interrupt
    .type hostile_interrupt, @function
hostile_interrupt:
    movzbl %dil, %edi
    lea interrupts(%rip), %rax
    lea (%rax, %rdi, 4), %rax
    jmp *%rax
    .size hostile_interrupt, . - hostile_interrupt
    .balign 16
interrupts:
    vector = 0
    .rept 256
    .byte 0xCD, vector
    ret
    nop
    vector = vector + 1
    .endr

    /* hostile_privileged(EDI which): in the order of the names in hostile.c, 16 bytes each. */
    .globl hostile_privileged
    .type hostile_privileged, @function
hostile_privileged:
    lea instructions(%rip), %rax
    shl $4, %rdi
    add %rdi, %rax
    xor %ecx, %ecx
    xor %edx, %edx
    jmp *%rax
    .size hostile_privileged, . - hostile_privileged
    .balign 16
instructions:
    cli
    ret
    .balign 16
    sti
    ret
    .balign 16
    lgdt -16(%rsp)
    ret
    .balign 16
    lidt -16(%rsp)
    ret
    .balign 16
    ltr %cx
    ret
    .balign 16
    mov %rax, %cr0
    ret
    .balign 16
    mov %rax, %cr3
    ret
    .balign 16
    mov %rax, %cr4
    ret
    .balign 16
    rdmsr
    ret
    .balign 16
    wrmsr
    ret
    .balign 16
    invlpg (%rsp)
    ret
    .balign 16
    wbinvd
    ret
    .balign 16
    swapgs
    ret

    .globl hostile_syscall
    .type hostile_syscall, @function
hostile_syscall:
    mov $39, %eax
    syscall
    ret
    .size hostile_syscall, . - hostile_syscall

    /* Single-step: the trap comes after the instruction behind `popf`. */
    .globl hostile_trap
    .type hostile_trap, @function
hostile_trap:
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
    ret
    .size hostile_trap, . - hostile_trap

    /* A stack pointer in no man's land, then a push. */
    .globl hostile_bad_stack
    .type hostile_bad_stack, @function
hostile_bad_stack:
    movabs $0x4000000000000000, %rsp
    push %rax
    .size hostile_bad_stack, . - hostile_bad_stack

    .globl hostile_out
    .type hostile_out, @function
hostile_out:
    mov %edi, %edx
    mov %esi, %eax
    outb %al, %dx
    ret
    .size hostile_out, . - hostile_out

    .globl hostile_in
    .type hostile_in, @function
hostile_in:
    mov %edi, %edx
    xor %eax, %eax
    inb %dx, %al
    ret
    .size hostile_in, . - hostile_in

    .section .note.GNU-stack, "", @progbits
