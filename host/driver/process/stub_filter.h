/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of zygote and child. */
#ifndef MOTE_HOST_DRIVER_PROCESS_STUB_FILTER_H
#define MOTE_HOST_DRIVER_PROCESS_STUB_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

/* The zygote's, which its children inherit. */
struct sock_fprog stub_zygote_program(bool waits_by_futex);
/* Each child's, where it does not wait by futex: for SECCOMP_FILTER_FLAG_NEW_LISTENER. */
struct sock_fprog stub_child_program(void);

#endif
