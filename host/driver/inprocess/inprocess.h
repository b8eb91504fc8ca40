/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-process driver: a guest runs in the host's own address space, on a stack of its own, so
 * that a debugger or valgrind sees host and guest as one program. There is no isolation: the guest
 * can do what the host can. No policy chooses it.
 *
 * - Guest memory lies at the guest's own addresses, so one sandbox of a process has it at a time.
 * - A fault is the process's own: no handler is installed, the debugger or the kernel has it.
 * - Nothing stops a guest that runs. A kick is noticed at its next exit.
 * - A guest reaches the host by the function in its PEB (docs/drivers.md). One of 0.1 ends its
 *   entry and its calls by returning; one that uses `out` or `hlt` itself gets SIGSEGV for it.
 */
#ifndef MOTE_HOST_DRIVER_INPROCESS_INPROCESS_H
#define MOTE_HOST_DRIVER_INPROCESS_INPROCESS_H

#include "host/driver/driver.h"

extern const struct mt_driver mt_driver_inprocess;

#endif
