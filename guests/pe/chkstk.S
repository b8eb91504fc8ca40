/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compilers for Windows call before a function takes more than a page of stack: __chkstk of
 * MSVC and clang, ___chkstk_ms of GCC. RAX is the bytes wanted; every register is kept. There is no
 * stack to grow: a guest that has not enough aborts with StackOverflow (docs/guests.md, PE files).
 */
#define PEB_RUN_MODE 0x50  /* of struct mt_peb */
#define PEB_STACK_MIN 0x98 /* of struct mt_peb */
#define RUN_MODE_HYPERVISOR 1
#define PORT_ABORT 102
#define CODE_STACK_OVERFLOW 9

    .text
    .globl __chkstk
    .globl ___chkstk_ms
__chkstk:
___chkstk_ms:
    pushq %r10
    pushq %r11
    movq peb(%rip), %r10
    testq %r10, %r10
    jz enough /* the entry point, before it knows the PEB */
    cmpq $RUN_MODE_HYPERVISOR, PEB_RUN_MODE(%r10)
    jne enough
    leaq 24(%rsp), %r11 /* the caller's stack pointer: above two registers and where to return */
    subq %rax, %r11
    jb overflow
    cmpq PEB_STACK_MIN(%r10), %r11
    jb overflow
enough:
    popq %r11
    popq %r10
    ret

overflow:
    movl $CODE_STACK_OVERFLOW, %eax
    movl $PORT_ABORT, %edx
    outb %al, %dx
wait:
    hlt
    jmp wait
