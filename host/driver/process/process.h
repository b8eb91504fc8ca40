/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process driver: a guest runs natively in a child process that can make no system call.
 *
 * What the kernel does not let us do, and what follows:
 *
 * - A process that has called execve() is a child in the sense of waitpid(-1), and its death raises
 *   SIGCHLD. So the zygote is not the host's own child but that of a keeper: a process without
 *   execve() that shares the host's memory, waits for the zygote, and is seen only by waits with
 *   __WALL or __WCLONE. A host that waits that way, or is init or a subreaper and loses a zygote's
 *   keeper to a kill from outside, sees processes that are not its own.
 * - A child can be signalled only while the host has the user id that it had when the image was
 *   prepared: privileges are dropped before that, not after.
 * - Somebody with the right to do so can stop a child (SIGSTOP) or kill it from outside. A killed
 *   child is an exit; a stopped one is waited for until the time limit if that is near, and as
 *   long as it is stopped if not.
 */
#ifndef MOTE_HOST_DRIVER_PROCESS_PROCESS_H
#define MOTE_HOST_DRIVER_PROCESS_PROCESS_H

#include "host/driver/driver.h"

extern const struct mt_driver mt_driver_process;

#endif
