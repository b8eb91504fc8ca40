/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of system calls over the worker. */
#ifndef MOTE_HOST_HOSTFN_FILTER_H
#define MOTE_HOST_HOSTFN_FILTER_H

#include <linux/filter.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MT_HAS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define MT_HAS_SANITIZER
#endif
#endif

/* What it does not allow, it reports to its listener. */
struct sock_fprog mt_filter_program(void);

#endif
