/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: mote's own few instructions inside the guest's address space. stubs.S assembles
 * them into the host library's read-only data; drivers copy them into guest memory.
 */
#ifndef MOTE_MONITOR_MONITOR_H
#define MOTE_MONITOR_MONITOR_H

#ifndef __ASSEMBLER__
#include <stdint.h>

/* The stub page (user, execute), for MT_STUB_PAGE; see MT_STUB_OUT, MT_STUB_ENTER and
 * MT_STUB_RESUME. */
extern const uint8_t mt_monitor_stub_page[];
extern const uint8_t mt_monitor_stub_page_end[];

/* One gate of MT_MONITOR_GATE_BYTES for each of 256 vectors (supervisor, execute): gate n is
 * `out %al, $n`, so that an exception becomes an exit whose port is the vector. */
extern const uint8_t mt_monitor_gates[];
extern const uint8_t mt_monitor_gates_end[];

#endif

#define MT_MONITOR_GATE_BYTES 4u
#define MT_MONITOR_GATES 256u

/* Guest address of the resume image (user, read-only): the XSAVE area that MT_STUB_RESUME loads.
 * The registers that the stub needs for itself stand in that part of it which is left to software
 * (SDM volume 1, 13.4.1: bytes 464 to 511). */
#define MT_MONITOR_RESUME_IMAGE 0x1C0000
#define MT_MONITOR_RESUME_RAX 464
#define MT_MONITOR_RESUME_RDX 472
#define MT_MONITOR_RESUME_RDI 480
#define MT_MONITOR_RESUME_RIP 488

#endif
