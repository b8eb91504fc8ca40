/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process driver: a guest runs natively in a child process that can make no system call.
 *
 * What the kernel does not let us do, and what follows:
 *
 * - A process that has called execve() is a child in the sense of waitpid(-1), and its death raises
 *   SIGCHLD. So the zygote is not the host's own child but that of a keeper: a process without
 *   execve() that shares the host's memory, waits for the zygote, and is seen only by waits with
 *   __WALL or __WCLONE. Where a host dies, or calls execve() with sandboxes alive, its keepers end
 *   too; who inherits them - init, a subreaper, the new program - gets a SIGCHLD and has to reap.
 *   Where nobody does, as under an init that never waits, one zombie a plan is left: no process can
 *   keep itself from becoming one when its parent has gone.
 * - A child can be signalled only while the host has the user id that it had when the image was
 *   prepared: privileges are dropped before that, not after. A child that cannot be signalled is
 *   refused at creation.
 * - Somebody with the right to do so can stop a child (SIGSTOP) or kill it from outside. A killed
 *   child is an exit; a stopped one is waited for until the time limit if that is near, and as
 *   long as it is stopped if not.
 * - Two numbers, uretprobe and uprobe, are kept from all filters: the kernel raises SIGILL itself,
 *   or lets them fail.
 * - The vsyscall page is in every process; what is called there is refused like any other call.
 * - The facts of an exit are the guest's word: a guest may forge a fault of its own, as it may
 *   provoke one.
 */
#ifndef MOTE_HOST_DRIVER_PROCESS_PROCESS_H
#define MOTE_HOST_DRIVER_PROCESS_PROCESS_H

#include "host/driver/driver.h"

extern const struct mt_driver mt_driver_process;

#endif
