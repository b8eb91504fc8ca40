/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code that stays in a child beside its guest. A guest can jump to any byte of it with any
 * registers: what follows the waiting call uses no register and reads only memory that the host
 * wrote and the child cannot write, but for a guest that gets back the registers that it left; and
 * every system call but the waiting one is refused by then.
 *
 * Signal handlers never return: they wait, and the host resumes the guest. So the signal mask, which
 * is empty, never changes, and the stack for signals is free again when a guest goes on.
 */
#include "abi/memory_map.h"
#include "host/driver/process/stub_layout.h"

#define FUTEX 202
#define FUTEX_WAKE 1
#define EXIT_GROUP 231

#define SAVED(index) (MT_FROM_REGISTERS + 8 * (index))

    .section .keep, "ax", @progbits
keep:

    /*
     * The guest's way out. MT_STUB_OUT as in the monitor: DX port, AL value, changes nothing.
     */
    .org keep + MT_STUB_OUT, 0x90
    movq %rax, mt_stub_from + SAVED(MT_REGISTER_RAX)(%rip)
    movq %rax, mt_stub_from + MT_FROM_VALUE(%rip)
    leaq mt_stub_from(%rip), %rax
    movq %rdx, MT_FROM_PORT(%rax)
    movq %rbx, SAVED(MT_REGISTER_RBX)(%rax)
    movq %rcx, SAVED(MT_REGISTER_RCX)(%rax)
    movq %rdx, SAVED(MT_REGISTER_RDX)(%rax)
    movq %rsi, SAVED(MT_REGISTER_RSI)(%rax)
    movq %rdi, SAVED(MT_REGISTER_RDI)(%rax)
    movq %rbp, SAVED(MT_REGISTER_RBP)(%rax)
    movq %r8, SAVED(MT_REGISTER_R8)(%rax)
    jmp 7f
    .org keep + MT_STUB_RETURN, 0x90
    ret
7:
    movq %r9, SAVED(MT_REGISTER_R9)(%rax)
    movq %r10, SAVED(MT_REGISTER_R10)(%rax)
    movq %r11, SAVED(MT_REGISTER_R11)(%rax)
    movq %r12, SAVED(MT_REGISTER_R12)(%rax)
    movq %r13, SAVED(MT_REGISTER_R13)(%rax)
    movq %r14, SAVED(MT_REGISTER_R14)(%rax)
    movq %r15, SAVED(MT_REGISTER_R15)(%rax)
    movq %rsp, SAVED(MT_REGISTER_RSP)(%rax)
    leaq SAVED(MT_REGISTER_RFLAGS + 1)(%rax), %rsp
    pushfq
    movl mt_stub_to + MT_TO_TURN(%rip), %ebx
    jmp tell

    /* Of every signal: RSP is the frame, which is kept in RBX; then RSP is where the next slot ends.
     * Where a signal has yet to be told of, its frame stays the one, and of this it is said that it
     * came. Touches aligned memory only: AC may be set. */
    .org keep + MT_KEEP_HANDLER, 0x90
    movq %rsp, %rbx
    cmpq $0, mt_stub_from + MT_FROM_IS_SIGNAL(%rip)
    jne 9f
    movq %rbx, mt_stub_from + MT_FROM_FRAME(%rip)
    movq $1, mt_stub_from + MT_FROM_IS_SIGNAL(%rip)
8:  movq %rbx, %rsp
    andq $-MT_SIGNAL_SLOT_BYTES, %rsp
    jmp wait
9:  movl $1, mt_stub_from + MT_FROM_IS_KICKED(%rip)
    movq mt_stub_from + MT_FROM_FRAME(%rip), %rbx
    jmp 8b

    /*
     * Wait for the host: in a filter's eyes FUTEX_WAIT on a word that is always 0. Where the kernel
     * cannot tell the host of that, the child does before, by FUTEX_WAKE.
     */
    .org keep + MT_KEEP_WAIT, 0x90
wait:
    xorl %edx, %edx
    xorl %r10d, %r10d
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    cmpl $0, mt_stub_to + MT_TO_IS_FUTEX(%rip)
    je 1f
    movl $1, mt_stub_from + MT_FROM_HAS_TOLD(%rip)
    movl $FUTEX, %eax
    leaq mt_stub_from + MT_FROM_HAS_TOLD(%rip), %rdi
    movl $FUTEX_WAKE, %esi
    incl %edx
    jmp 0f
    .org keep + MT_KEEP_TOLD - 2, 0x90
0:  syscall
    .org keep + MT_KEEP_TOLD, 0x90
1:  movl $FUTEX, %eax
    leaq mt_stub_to + MT_TO_WORD(%rip), %rdi
    xorl %esi, %esi
    xorl %edx, %edx
    jmp 8f
    .org keep + MT_KEEP_RESUME - 2, 0x90
8:  syscall

    .org keep + MT_KEEP_RESUME, 0x90
resume:
    testl %eax, %eax
    jnz stop /* nobody listens any more */
    cmpl $MT_RESUME_RETURN, mt_stub_to + MT_TO_KIND(%rip)
    je return
    cmpl $MT_RESUME_SAVE, mt_stub_to + MT_TO_KIND(%rip)
    je save
    movl $-1, %eax
    movl $-1, %edx
    xrstor64 mt_stub_to + MT_TO_VECTORS(%rip)
    cmpl $MT_RESUME_ENTER, mt_stub_to + MT_TO_KIND(%rip)
    jne 2f
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movq mt_stub_to + MT_TO_FS_BASE(%rip), %rax
    wrfsbase %rax
    movq mt_stub_to + MT_TO_GS_BASE(%rip), %rax
    wrgsbase %rax
    .macro restore_all page, offset
    leaq \page + \offset + 8 * MT_REGISTER_RFLAGS(%rip), %rsp
    popfq
    movq \page + \offset + 8 * MT_REGISTER_RAX(%rip), %rax
    movq \page + \offset + 8 * MT_REGISTER_RBX(%rip), %rbx
    movq \page + \offset + 8 * MT_REGISTER_RCX(%rip), %rcx
    movq \page + \offset + 8 * MT_REGISTER_RDX(%rip), %rdx
    movq \page + \offset + 8 * MT_REGISTER_RSI(%rip), %rsi
    movq \page + \offset + 8 * MT_REGISTER_RDI(%rip), %rdi
    movq \page + \offset + 8 * MT_REGISTER_RBP(%rip), %rbp
    movq \page + \offset + 8 * MT_REGISTER_R8(%rip), %r8
    movq \page + \offset + 8 * MT_REGISTER_R9(%rip), %r9
    movq \page + \offset + 8 * MT_REGISTER_R10(%rip), %r10
    movq \page + \offset + 8 * MT_REGISTER_R11(%rip), %r11
    movq \page + \offset + 8 * MT_REGISTER_R12(%rip), %r12
    movq \page + \offset + 8 * MT_REGISTER_R13(%rip), %r13
    movq \page + \offset + 8 * MT_REGISTER_R14(%rip), %r14
    movq \page + \offset + 8 * MT_REGISTER_R15(%rip), %r15
    movq \page + \offset + 8 * MT_REGISTER_RSP(%rip), %rsp
    .endm
2:  restore_all mt_stub_to, MT_TO_REGISTERS
    jmp *mt_stub_to + MT_TO_REGISTERS + 8 * MT_REGISTER_RIP(%rip)

    /* The filter kills who comes here; nothing else is left to be done. */
    .org keep + MT_KEEP_RESUME_END, 0x90
stop:
    movl $EXIT_GROUP, %eax
    .org keep + MT_KEEP_STOPPED - 2, 0x90
    syscall
    hlt

    /* The guest's general registers are with the host already. The area's header was cleared. */
    .org keep + MT_KEEP_SAVE, 0x90
save:
    movl $-1, %eax
    movl $-1, %edx
    xsave64 mt_stub_from + MT_FROM_VECTORS(%rip)
    rdfsbase %rax
    movq %rax, mt_stub_from + MT_FROM_FS_BASE(%rip)
    rdgsbase %rax
    movq %rax, mt_stub_from + MT_FROM_GS_BASE(%rip)
    jmp wait

    /* Look for the host's turn a while. In: EBX the turn before the exit was told. Whoever is about to
     * sleep says so and looks once more; the host changes the turn and then looks who sleeps.
     * The exit is told by the last instruction before: the host may answer it from there on, so one
     * that a signal finds behind it must not be taken for a guest that goes on from there. */
    .org keep + MT_KEEP_SPIN - MT_TELL_BYTES, 0x90
tell:
    movq $1, MT_FROM_IS_OUT(%rax)
    .org keep + MT_KEEP_SPIN, 0x90
spin:
    movl mt_stub_to + MT_TO_ROUNDS(%rip), %ecx
    testl %ecx, %ecx
    jz wait
5:  cmpl %ebx, mt_stub_to + MT_TO_TURN(%rip)
    jne 6f
    pause
    cmpl $0, mt_stub_to + MT_TO_ROUNDS(%rip)
    je 4f
    decl %ecx
    jnz 5b
4:  movl $1, mt_stub_from + MT_FROM_IS_ASLEEP(%rip)
    mfence
    cmpl %ebx, mt_stub_to + MT_TO_TURN(%rip)
    je wait
    movl $0, mt_stub_from + MT_FROM_IS_ASLEEP(%rip)
6:  xorl %eax, %eax
    jmp resume

    .org keep + MT_KEEP_RETURN, 0x90
return:
    restore_all mt_stub_from, MT_FROM_REGISTERS
    jmp keep + MT_STUB_RETURN
    .org keep + MT_KEEP_END, 0x90

    .section .note.GNU-stack, "", @progbits
