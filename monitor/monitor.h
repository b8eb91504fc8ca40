/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: mote's own few instructions inside the guest's address space. stubs.S assembles
 * them into the host library's read-only data; drivers copy them into guest memory.
 */
#ifndef MOTE_MONITOR_MONITOR_H
#define MOTE_MONITOR_MONITOR_H

#include <stdint.h>

/* The stub page (user, execute), for MT_STUB_PAGE; see MT_STUB_OUT and MT_STUB_ENTER. */
extern const uint8_t mt_monitor_stub_page[];
extern const uint8_t mt_monitor_stub_page_end[];

/* One gate of MT_MONITOR_GATE_BYTES for each of 256 vectors (supervisor, execute): gate n is
 * `out %al, $n`, so that an exception becomes an exit whose port is the vector. */
extern const uint8_t mt_monitor_gates[];
extern const uint8_t mt_monitor_gates_end[];

#define MT_MONITOR_GATE_BYTES 4u
#define MT_MONITOR_GATES 256u

#endif
