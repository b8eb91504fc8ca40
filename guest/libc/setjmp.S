/* SPDX-License-Identifier: Apache-2.0 */
/* setjmp() and longjmp(): what a called function must keep (System V x86-64 ABI, section 3.2.1). The
 * other two names are those that objects compiled against glibc call; its jmp_buf is larger. */
    .text
    .globl setjmp, _setjmp
    .type setjmp, @function
    .type _setjmp, @function
setjmp:
_setjmp:
    movq %rbx, 0(%rdi)
    movq %rbp, 8(%rdi)
    movq %r12, 16(%rdi)
    movq %r13, 24(%rdi)
    movq %r14, 32(%rdi)
    movq %r15, 40(%rdi)
    leaq 8(%rsp), %rax
    movq %rax, 48(%rdi)
    movq (%rsp), %rax
    movq %rax, 56(%rdi)
    stmxcsr 64(%rdi)
    fnstcw 68(%rdi)
    xorl %eax, %eax
    ret
    .size setjmp, . - setjmp

    .globl longjmp, __longjmp_chk
    .type longjmp, @function
    .type __longjmp_chk, @function
longjmp:
__longjmp_chk:
    movq 0(%rdi), %rbx
    movq 8(%rdi), %rbp
    movq 16(%rdi), %r12
    movq 24(%rdi), %r13
    movq 32(%rdi), %r14
    movq 40(%rdi), %r15
    movq 48(%rdi), %rsp
    ldmxcsr 64(%rdi)
    fldcw 68(%rdi)
    cld
    /* setjmp() never returns 0 a second time. */
    movl %esi, %eax
    testl %eax, %eax
    jne 1f
    incl %eax
1:
    jmp *56(%rdi)
    .size longjmp, . - longjmp

    .section .note.GNU-stack, "", @progbits
