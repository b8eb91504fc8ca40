/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions by name: privileged ones, odd ones, and some that harm nobody. Each is called as a
 * function and returns where the CPU lets it. What assemblers may not know is written in bytes.
 */

    .file "zoo.S"

    /* zoo NAME: what follows, up to the next one, is an animal of that name. */
    .macro zoo name
    .section .rodata.zoo, "a", @progbits
zoo_name_\@:
    .asciz "\name"
    .section .data.rel.ro, "aw", @progbits
    .quad zoo_name_\@, zoo_code_\@
    .text
zoo_code_\@:
    .endm

    .section .data.rel.ro, "aw", @progbits
    .balign 8
    .globl hostile_zoo
hostile_zoo:

    .text
    /* hostile_run(RDI code): call it, and mend what it may do to registers. */
    .globl hostile_run
    .type hostile_run, @function
hostile_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    xor %eax, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    call *%rdi
    cld
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .size hostile_run, . - hostile_run

    /* ---- Control and system registers ---- */
    zoo clts
    clts
    ret
    zoo lmsw
    lmsw %ax
    ret
    zoo lldt
    lldt %ax
    ret
    zoo mov_from_cr0
    mov %cr0, %rax
    ret
    zoo mov_from_cr3
    mov %cr3, %rax
    ret
    zoo mov_cr8
    mov %rax, %cr8
    ret
    zoo mov_dr0
    mov %rax, %dr0
    ret
    zoo mov_dr7
    mov %rax, %dr7
    ret
    zoo mov_from_dr6
    mov %dr6, %rax
    ret
    zoo xsetbv
    mov $7, %eax
    xsetbv
    ret
    zoo xsetbv_garbage
    mov $-1, %eax
    mov $-1, %edx
    mov $99, %ecx
    xsetbv
    ret
    zoo rdpmc
    rdpmc
    ret
    zoo invd
    invd
    ret
    zoo invpcid
    .byte 0x66, 0x0F, 0x38, 0x82, 0x04, 0x24
    ret
    zoo xsaves
    .byte 0x48, 0x0F, 0xC7, 0x6C, 0x24, 0x80
    ret
    zoo xrstors
    .byte 0x48, 0x0F, 0xC7, 0x5C, 0x24, 0x80
    ret
    zoo halt_with_prefix
    .byte 0x66, 0xF4
    ret
    zoo clac
    .byte 0x0F, 0x01, 0xCA
    ret
    zoo stac
    .byte 0x0F, 0x01, 0xCB
    ret

    /* ---- Ways to ring 0 ---- */
    zoo sysenter
    sysenter
    ret
    zoo sysexit
    sysexitl
    ret
    zoo sysret
    mov $0x200000, %ecx
    sysretq
    ret
    zoo iret_to_kernel
    mov %rsp, %rax
    pushq $0x18
    push %rax
    pushq $2
    pushq $0x10
    lea 1f(%rip), %rax
    push %rax
    iretq
1:
    ret
    zoo ret_to_kernel
    pushq $0x10
    lea 1f(%rip), %rax
    push %rax
    lretq
1:
    add $16, %rsp
    ret
    zoo jump_to_kernel
    lea 1f(%rip), %rax
    mov %rax, -16(%rsp)
    movw $0x10, -8(%rsp)
    .byte 0x48, 0xFF, 0x6C, 0x24, 0xF0 /* far jump to -16(%rsp) */
1:
    ret
    zoo call_through_task
    movq $0, -16(%rsp)
    movw $0x40, -8(%rsp)
    .byte 0x48, 0xFF, 0x5C, 0x24, 0xF0 /* far call through -16(%rsp) */
    ret
    zoo load_kernel_segment
    mov $0x18, %eax
    mov %ax, %ds
    ret
    zoo load_local_segment
    mov $0x2C, %eax
    mov %ax, %ds
    ret
    zoo load_null_stack
    mov %ax, %ss
    ret
    zoo fs_base_not_canonical
    movabs $0x8000000000000000, %rax
    wrfsbase %rax
    ret
    zoo gs_base_not_canonical
    movabs $0x8000000000000000, %rax
    wrgsbase %rax
    ret

    /* ---- Virtualisation, enclaves, waiting ---- */
    zoo vmcall
    .byte 0x0F, 0x01, 0xC1
    ret
    zoo vmmcall
    .byte 0x0F, 0x01, 0xD9
    ret
    zoo vmlaunch
    .byte 0x0F, 0x01, 0xC2
    ret
    zoo vmxon
    .byte 0xF3, 0x0F, 0xC7, 0x34, 0x24
    ret
    zoo vmfunc
    .byte 0x0F, 0x01, 0xD4
    ret
    zoo vmrun
    .byte 0x0F, 0x01, 0xD8
    ret
    zoo vmload
    .byte 0x0F, 0x01, 0xDA
    ret
    zoo stgi
    .byte 0x0F, 0x01, 0xDC
    ret
    zoo skinit
    .byte 0x0F, 0x01, 0xDE
    ret
    zoo getsec
    .byte 0x0F, 0x37
    ret
    zoo rsm
    .byte 0x0F, 0xAA
    ret
    zoo encls
    .byte 0x0F, 0x01, 0xCF
    ret
    zoo enclu
    .byte 0x0F, 0x01, 0xD7
    ret
    zoo monitor
    .byte 0x0F, 0x01, 0xC8
    ret
    zoo mwait
    .byte 0x0F, 0x01, 0xC9
    ret
    zoo umwait
    .byte 0xF2, 0x0F, 0xAE, 0xF0
    ret
    zoo tpause
    .byte 0x66, 0x0F, 0xAE, 0xF0
    ret
    zoo wrpkru
    .byte 0x0F, 0x01, 0xEF
    ret

    /* ---- Ports ---- */
    zoo in_immediate
    in $0x60, %al
    ret
    zoo out_immediate
    out %al, $0x80
    ret
    zoo ins
    mov $0x3F8, %edx
    lea -64(%rsp), %rdi
    insb
    ret
    zoo outs
    mov $0x3F8, %edx
    lea -64(%rsp), %rsi
    outsb
    ret

    /* ---- Exceptions by other means ---- */
    zoo debug_instruction
    .byte 0xF1
    ret
    zoo into
    .byte 0xCE
    ret
    zoo x87_error
    fninit
    pushq $0x037B
    fldcw (%rsp)
    pop %rax
    fld1
    fldz
    fdivrp
    fwait
    ret
    zoo simd_error
    pushq $0x1D80
    ldmxcsr (%rsp)
    pop %rax
    pcmpeqd %xmm0, %xmm0
    pslld $25, %xmm0
    psrld $2, %xmm0
    xorps %xmm1, %xmm1
    divss %xmm1, %xmm0
    ret
    zoo misaligned_vector
    movaps -15(%rsp), %xmm0
    ret
    zoo alignment_check
    pushfq
    orq $0x40000, (%rsp)
    popfq
    mov -15(%rsp), %rax
    pushfq
    andq $~0x40000, (%rsp)
    popfq
    ret
    zoo divide_overflow
    mov $-1, %edx
    mov $1, %ecx
    div %ecx
    ret
    zoo lock_without_memory
    .byte 0xF0, 0x01, 0xC0
    ret
    zoo too_long
    .byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66
    .byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
    ret
    zoo undefined
    .byte 0x0F, 0xFF, 0xC0
    ret

    /* ---- Harmless, if strange ---- */
    zoo cpuid_storm
    mov $1000, %edi
1:
    mov %edi, %eax
    xor %ecx, %ecx
    cpuid
    dec %edi
    jnz 1b
    ret
    zoo rdtsc
    rdtsc
    ret
    zoo rdtscp
    rdtscp
    ret
    zoo rdpid
    .byte 0xF3, 0x0F, 0xC7, 0xF8
    ret
    zoo rdrand
    .byte 0x0F, 0xC7, 0xF0
    ret
    zoo xgetbv
    xgetbv
    ret
    zoo sgdt
    sgdt -32(%rsp)
    ret
    zoo sidt
    sidt -32(%rsp)
    ret
    zoo sldt
    sldt %eax
    ret
    zoo str
    str %eax
    ret
    zoo smsw
    smsw %rax
    ret
    zoo verify_segments
    mov $0x10, %eax
    lar %eax, %ecx
    lsl %eax, %ecx
    verr %ax
    verw %ax
    ret
    zoo flags_of_a_kernel
    /* IF, IOPL 3, NT and ID: what ring 3 may not have stays as it is. */
    pushfq
    pop %rbx
    push $0x27202
    popfq
    pushfq
    pop %rax
    push %rbx
    popfq
    and $0x3000, %eax
    jnz 1f
    ret
1:  ud2
    zoo prefetch_elsewhere
    movabs $0xFFFF888000000000, %rax
    prefetcht0 (%rax)
    movabs $0x8000000000000000, %rax
    prefetchnta (%rax)
    ret
    zoo transaction
    .byte 0xC7, 0xF8, 0, 0, 0, 0
    ret
    zoo nothing
    ret

    .section .data.rel.ro, "aw", @progbits
    .globl hostile_zoo_end
hostile_zoo_end:

    .text
    /* ---- Accesses of any width, and ports by any instruction ---- */

    /* hostile_write_wide(RDI address, ESI bytes): 2, 4, 8, 16 or 32 at once; others write 1. */
    .globl hostile_write_wide
    .type hostile_write_wide, @function
hostile_write_wide:
    xor %eax, %eax
    cmp $2, %esi
    je 2f
    cmp $4, %esi
    je 4f
    cmp $8, %esi
    je 8f
    xorps %xmm0, %xmm0
    cmp $16, %esi
    je 6f
    cmp $32, %esi
    je 3f
    mov %al, (%rdi)
    ret
2:  mov %ax, (%rdi)
    ret
4:  mov %eax, (%rdi)
    ret
8:  mov %rax, (%rdi)
    ret
6:  movups %xmm0, (%rdi)
    ret
3:  vmovups %ymm0, (%rdi)
    ret
    .size hostile_write_wide, . - hostile_write_wide

    /* hostile_port(EDI port, ESI way, EDX count, RCX memory): see the names in ports_test.c. */
    .globl hostile_port
    .type hostile_port, @function
hostile_port:
    mov %rcx, %r8
    mov %edx, %ecx
    mov %edi, %edx
    mov %esi, %r9d
    mov %r8, %rsi
    mov %r8, %rdi
    xor %eax, %eax
    shl $4, %r9
    lea ways(%rip), %r10
    add %r9, %r10
    jmp *%r10
    .size hostile_port, . - hostile_port
    .balign 16
ways:
    outb %al, %dx
    ret
    .balign 16
    outw %ax, %dx
    ret
    .balign 16
    outl %eax, %dx
    ret
    .balign 16
    inb %dx, %al
    ret
    .balign 16
    inw %dx, %ax
    ret
    .balign 16
    inl %dx, %eax
    ret
    .balign 16
    rep outsb
    ret
    .balign 16
    rep outsw
    ret
    .balign 16
    rep outsl
    ret
    .balign 16
    rep insb
    ret
    .balign 16
    rep insw
    ret
    .balign 16
    rep insl
    ret

    /* hostile_loop(EDI kind, RSI memory of 64 KiB, aligned to 64): never returns. */
    .globl hostile_loop
    .type hostile_loop, @function
hostile_loop:
    shl $6, %rdi
    lea loops(%rip), %rax
    add %rdi, %rax
    mov %rsi, %r8
    jmp *%rax
    .size hostile_loop, . - hostile_loop
    .balign 64
loops:
    jmp .
    .balign 64
1:  pause
    jmp 1b
    .balign 64
1:  mov %r8, %rsi
    lea 1(%r8), %rdi
    mov $0xFFF0, %ecx
    rep movsb
    jmp 1b
    .balign 64
1:  lock incl 62(%r8)
    jmp 1b
    .balign 64
1:  xor %eax, %eax
    cpuid
    jmp 1b
    .balign 64
1:  call 2f
2:  add $8, %rsp
    rdtsc
    jmp 1b
    .balign 64
1:  int $0x1A
    jmp 1b

    .section .note.GNU-stack, "", @progbits
