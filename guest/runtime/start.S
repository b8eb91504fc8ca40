/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest begins, the stub call, and the note that describes the guest to its host. */
#include "guest/runtime/start.h"

/*
 * Entry (docs/abi.md, Entry): RCX = PEB, RDX = seed, R8 = page size, R9 = log level; RSP as after
 * a call. Compiled code finds the stack protector's canary at %fs:0x28 and its own address at
 * %fs:0, as on Linux, so FS must be set before any C runs. In the in-process modes FS belongs to
 * the host's C library, which has a canary there.
 */
#define CANARY 0x28

    .text
    .globl moteg_start
    .hidden moteg_start
    .type moteg_start, @function
moteg_start:
    cmpq $START_RUN_MODE_HYPERVISOR, START_PEB_RUN_MODE(%rcx)
    jne 1f
    leaq thread_block(%rip), %rax
    movq %rax, (%rax)
    /* The canary's first byte is zero: a string that overflows cannot write it. */
    movq %rdx, %rdi
    shlq $8, %rdi
    movq %rdi, CANARY(%rax)
    wrfsbase %rax
1:
    movq %rcx, %rdi
    movq %rdx, %rsi
    movq %r8, %rdx
    movq %r9, %rcx
    xorl %ebp, %ebp
    jmp mt_run
    .size moteg_start, . - moteg_start

/* mt_thread_move(block): the canary moves along. */
    .globl mt_thread_move
    .hidden mt_thread_move
    .type mt_thread_move, @function
mt_thread_move:
    movq %fs:CANARY, %rax
    movq %rax, CANARY(%rdi)
    movq %rdi, (%rdi)
    wrfsbase %rdi
    ret
    .size mt_thread_move, . - mt_thread_move

/* mt_out_by_stub(port, byte): the stub is `out %al, %dx; ret` and changes no register. */
    .globl mt_out_by_stub
    .hidden mt_out_by_stub
    .type mt_out_by_stub, @function
mt_out_by_stub:
    movl %edi, %edx
    movl %esi, %eax
    movl $START_STUB_OUT, %ecx
    jmp *%rcx
    .size mt_out_by_stub, . - mt_out_by_stub

    .bss
    .balign 64
    .type thread_block, @object
thread_block:
    .zero 64
    .size thread_block, . - thread_block

/*
 * struct mt_note, in the ELF form of a note. mote-cc defines moteg_flags_mark, moteg_heap_mark
 * and moteg_stack_mark as many bytes above moteg_note as the numbers are: a difference of addresses is what linkers put
 * into a position-independent file without a relocation.
 */
    .section .note.mote, "aR", @note
    .balign 4
    .long 2f - 1f
    .long 4f - 3f
    .long START_NOTE_TYPE
1:  .asciz "mote"
2:  .balign 4
    .globl moteg_note
    .hidden moteg_note
moteg_note:
3:  .long START_NOTE_ABI_VERSION
    .long moteg_flags_mark - . + 4
    .long moteg_heap_mark - . + 8, 0
    .long moteg_stack_mark - . + 16, 0
    .long __start_mote_functions - .
    .long __stop_mote_functions - .
4:  .balign 4

/* The table's section must exist in a guest without functions too. */
    .section mote_functions, "awR", @progbits

    .section .note.GNU-stack, "", @progbits
