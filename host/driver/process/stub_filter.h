/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of a child. */
#ifndef MOTE_HOST_DRIVER_PROCESS_STUB_FILTER_H
#define MOTE_HOST_DRIVER_PROCESS_STUB_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

/* The first: for SECCOMP_FILTER_FLAG_NEW_LISTENER. */
struct sock_fprog stub_listening_program(void);
/* The second: in the page that stays in the child. */
struct sock_fprog stub_locked_program(void);

#endif
