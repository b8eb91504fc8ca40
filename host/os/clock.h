/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that time limits are measured with. */
#ifndef MOTE_HOST_OS_CLOCK_H
#define MOTE_HOST_OS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of CLOCK_MONOTONIC; no system call. */
uint64_t mt_clock_ns(void);

/* Nanoseconds of processor time that the calling thread has had; a system call. */
uint64_t mt_clock_thread_cpu_ns(void);

/* What to ask ppoll(2) or futex(2) for, where a wait shall be over in `left_ns`. The kernel lets
 * each be late by its thread's slack (prctl(2), PR_SET_TIMERSLACK: 50 us unless changed), and a
 * long ppoll() by 1/1000 of its time, 1/200 where the thread is nice (select(2)); it uses that up
 * where nothing else wakes the processor. So a wait that asks for this may end early, and is then
 * to be asked for again. */
struct timespec mt_clock_timeout(uint64_t left_ns);

#endif
