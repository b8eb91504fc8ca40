/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the zygote's clone() to a child's first wait: a list of system calls that the zygote wrote
 * down beforehand, since they are the same for all its children. The child has no stack and writes
 * no memory that it shares with the zygote, so that nothing has to be copied for it.
 *
 * The last call unmaps this code. It returns to a page that is not there, which raises SIGSEGV, and
 * its handler is in the page that stays, and waits.
 */
#include "host/driver/process/stub_layout.h"

#define SENDTO 44
#define CLONE 56
#define EXIT_GROUP 231
#define GETPID 39
#define PIDFD_OPEN 434
#define SIGCHLD 17
#define MSG_NOSIGNAL 0x4000
#define EPROTO 71
#define ANSWER_BYTES 16
#define ANSWER_STEP 8
#define ANSWER_ERRNO 12

#define ARGUMENT(index) (MT_CHILD_CALL_ARGUMENTS + 8 * (index))

    .text
    .globl stub_make_child
    .hidden stub_make_child
    /* In: RDI the script, ESI the number of MT_STEP_PIDFD. Out, in the zygote: what clone() returned.
     * The system keeps R8 and R9, and takes clone() to have five arguments. */
stub_make_child:
    movq %rdi, %r8
    movl %esi, %r9d
    movl $CLONE, %eax
    movl $SIGCHLD, %edi
    xorl %esi, %esi
    xorl %edx, %edx
    xorl %r10d, %r10d
    syscall
    testq %rax, %rax
    jz child
    ret

child:
    movq %r8, %rbx
    movl %r9d, %ebp
    movl $GETPID, %eax
    syscall
    movl %eax, %edi
    xorl %esi, %esi
    movl $PIDFD_OPEN, %eax
    syscall
    cmpq $MT_CHILD_SELF, %rax
    jne failed
next:
    movl MT_CHILD_CALL_NUMBER(%rbx), %eax
    movl MT_CHILD_CALL_STEP(%rbx), %ebp
    movq ARGUMENT(0)(%rbx), %rdi
    movq ARGUMENT(1)(%rbx), %rsi
    movq ARGUMENT(2)(%rbx), %rdx
    movq ARGUMENT(3)(%rbx), %r10
    movq ARGUMENT(4)(%rbx), %r8
    movq ARGUMENT(5)(%rbx), %r9
    syscall
    cmpq MT_CHILD_CALL_RESULT(%rbx), %rax
    jne failed
    addq $MT_CHILD_CALL_BYTES, %rbx
    jmp next

    /* In: EBP the step, EAX what came instead of its result. */
failed:
    negl %eax
    jg 1f
    movl $EPROTO, %eax
1:  leaq stub_failure(%rip), %rsi
    movl %ebp, ANSWER_STEP(%rsi)
    movl %eax, ANSWER_ERRNO(%rsi)
    movl $MT_ZYGOTE_CHANNEL, %edi
    movl $ANSWER_BYTES, %edx
    movl $MSG_NOSIGNAL, %r10d
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    movl $SENDTO, %eax
    syscall
2:  movl $EXIT_GROUP, %eax
    syscall
    jmp 2b

    .bss
    .balign 16
stub_failure:
    .zero ANSWER_BYTES

    .section .note.GNU-stack, "", @progbits
