/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: non-local jumps. */
#ifndef MOTE_GUEST_LIBC_SETJMP_H
#define MOTE_GUEST_LIBC_SETJMP_H

#ifdef __cplusplus
extern "C" {
#endif

/* RBX RBP R12 R13 R14 R15 RSP RIP, then MXCSR and the x87 control word. */
typedef unsigned long jmp_buf[9];

int setjmp(jmp_buf place) __attribute__((returns_twice));
void longjmp(jmp_buf place, int value) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
