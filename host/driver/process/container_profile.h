/* SPDX-License-Identifier: Apache-2.0 */
/* Confining a process as container engines do unless told otherwise; for tests. */
#ifndef MOTE_HOST_DRIVER_PROCESS_CONTAINER_PROFILE_H
#define MOTE_HOST_DRIVER_PROCESS_CONTAINER_PROFILE_H

/* Give up all capabilities and the hope for more, and let pass what the usual profile does. refusal
 * is the errno of the rest: engines differ, EPERM or ENOSYS. Returns 0 when it worked. */
int mt_container_confine(unsigned refusal);

#endif
