/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that crashes with something to see: a backtrace, a local variable, a global, a vector. */
#include <mote_guest/moteg.h>

static volatile int level_reached = 41;
static int *volatile nowhere;

static __attribute__((noinline)) int crash_at(int depth)
{
    volatile int doubled = depth * 2;
    level_reached = depth;
    if (depth == 3)
        return *nowhere;
    return crash_at(depth + 1) + doubled;
}

MOTEG_FUNCTION(i32, Crash)
{
    return crash_at(1);
}

MOTEG_FUNCTION(i32, Level)
{
    return level_reached;
}
