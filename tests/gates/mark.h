/* SPDX-License-Identifier: Apache-2.0 */
/* Marks in a program that runs in the emulated machine: an instruction that does nothing, with a
 * number in it, which count_plugin.c knows by its bytes. */
#ifndef MOTE_TESTS_GATES_MARK_H
#define MOTE_TESTS_GATES_MARK_H

/* nopl with a displacement: 0x54, the number, 0x6d, 0x21 */
#define MARK_START 0x0f, 0x1f, 0x80, 0x54
#define MARK_BYTES 7
#define MARK(number) \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80, 0x54, " #number ", 0x6d, 0x21" : : : "memory")

#endif
