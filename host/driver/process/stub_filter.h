/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of zygote and child. */
#ifndef MOTE_HOST_DRIVER_PROCESS_STUB_FILTER_H
#define MOTE_HOST_DRIVER_PROCESS_STUB_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

/* The zygote's, which its children inherit. */
struct sock_fprog stub_zygote_program(void);
/* Each child's: for SECCOMP_FILTER_FLAG_NEW_LISTENER. */
struct sock_fprog stub_child_program(void);

#endif
