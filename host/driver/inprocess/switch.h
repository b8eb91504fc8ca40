/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets for the assembler, which cannot read C; vcpu.c asserts that they are right. */
#ifndef MOTE_HOST_DRIVER_INPROCESS_SWITCH_H
#define MOTE_HOST_DRIVER_INPROCESS_SWITCH_H

/* struct mt_switch */
#define SWITCH_HOST_RSP 0
#define SWITCH_GUEST_RSP 8
#define SWITCH_RCX 16
#define SWITCH_RDX 24
#define SWITCH_R8 32
#define SWITCH_R9 40
#define SWITCH_RIP 48
#define SWITCH_CONTROL_WORDS 56
#define SWITCH_EXIT 64
#define SWITCH_PORT 68
#define SWITCH_VALUE 72

/* What lies on the guest's stack while it waits: control words, ten vector registers, eight
 * general registers, the address to go on at. */
#define WAITING_VECTORS 8
#define WAITING_GENERAL 168
#define WAITING_RIP 232
#define WAITING_BYTES 240

/* What the host pushes before it leaves its stack, return address included. */
#define HOST_FRAME_BYTES 64

/* Between the return address of a guest's first function and the address of struct mt_switch: that
 * function may write there. */
#define SHADOW_BYTES 32

#define EXIT_OUT 1
#define EXIT_RETURNED 2

#endif
