/* SPDX-License-Identifier: Apache-2.0 */
/* The stub, as built, in the library's read-only data. */
    .section .rodata.mt_process_stub, "a", @progbits
    .globl mt_process_stub
    .globl mt_process_stub_end
    .hidden mt_process_stub
    .hidden mt_process_stub_end
    .balign 16
mt_process_stub:
    .incbin MOTE_PROCESS_STUB
mt_process_stub_end:

    .section .note.GNU-stack, "", @progbits
