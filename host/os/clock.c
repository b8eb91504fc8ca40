/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that time limits are measured with. */
#include "host/os/clock.h"

#define NS_PER_S 1000000000u
#define SLACK_NS 50000u
#define SLACK_PART 128u

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t mt_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t mt_clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

struct timespec mt_clock_timeout(uint64_t left_ns)
{
    uint64_t slack_ns = left_ns / SLACK_PART > SLACK_NS ? left_ns / SLACK_PART : SLACK_NS;
    uint64_t ns = left_ns > slack_ns ? left_ns - slack_ns : left_ns > 0;
    return (struct timespec){(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
}
