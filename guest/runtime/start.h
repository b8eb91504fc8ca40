/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of abi/ for the assembler, which cannot read C; init.c asserts that they are the same. */
#ifndef MOTE_GUEST_RUNTIME_START_H
#define MOTE_GUEST_RUNTIME_START_H

#define START_STUB_OUT 0x180000
#define START_PEB_RUN_MODE 0x50
#define START_RUN_MODE_HYPERVISOR 1
#define START_NOTE_TYPE 1
#define START_NOTE_ABI_VERSION 1

#endif
