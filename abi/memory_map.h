/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's address space. Guest-virtual and guest-physical addresses are the same numbers.
 *
 *   0x000000  not mapped
 *   0x100000  monitor range: what the host needs inside; its first and last page are not mapped
 *   0x180000  stub page: how a guest reaches its host (user, execute)
 *   0x181000  vector image: the state that vector registers start from (user, read-only)
 *   0x200000  sandbox memory: page tables, code, PEB, buffers, heap, stacks (docs/memory.md)
 *   0x40000000  end of what a sandbox may occupy, unless its host raises it
 */
#ifndef MOTE_ABI_MEMORY_MAP_H
#define MOTE_ABI_MEMORY_MAP_H

#define MT_PAGE_BYTES 0x1000u
#define MT_LARGE_PAGE_BYTES 0x200000u

#define MT_MONITOR_START 0x100000u
#define MT_MONITOR_END 0x200000u
#define MT_STUB_PAGE 0x180000u
#define MT_VECTOR_IMAGE 0x181000u
#define MT_VECTOR_IMAGE_MAX_BYTES 0x8000u

/* Offsets in the stub page. */
#define MT_STUB_OUT 0x0     /* `out %al, %dx; ret`: guests call it */
#define MT_STUB_ENTER 0x40  /* where the host starts a guest: resets vector state, jumps to R11 */
#define MT_STUB_RESUME 0x80 /* where the host resumes a restored guest: loads its vector state */

#define MT_BASE_ADDRESS 0x200000u
#define MT_END_ADDRESS 0x40000000u
/* How far a host may raise that end; physical addresses from here on are devices on a PC. */
#define MT_LAST_END_ADDRESS 0xC0000000u
#define MT_MAX_MEMORY_BYTES (MT_END_ADDRESS - MT_BASE_ADDRESS)

/* At entry RSP is this far below the end of the stack: Win64 shadow space and a return address. */
#define MT_INITIAL_RSP_GAP 0x28u

/* Both buffers begin with a u64: the offset of the first free byte; this when empty. */
#define MT_BUFFER_HEADER_BYTES 8u
/* Each element ends with a u64: the offset of the element's own start. */
#define MT_BUFFER_BACK_POINTER_BYTES 8u

/* Defaults for guests whose file does not say (docs/abi.md). */
#define MT_DEFAULT_HEAP_BYTES 0x20000u
#define MT_DEFAULT_STACK_BYTES 0x10000u

#endif
