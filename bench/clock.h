/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that the benchmark reads. */
#ifndef MOTE_BENCH_CLOCK_H
#define MOTE_BENCH_CLOCK_H

#include <time.h>

static inline double clock_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

#endif
