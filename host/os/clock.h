/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that time limits are measured with. */
#ifndef MOTE_HOST_OS_CLOCK_H
#define MOTE_HOST_OS_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC; no system call. */
uint64_t mt_clock_ns(void);

/* Nanoseconds of processor time that the calling thread has had; a system call. */
uint64_t mt_clock_thread_cpu_ns(void);

#endif
