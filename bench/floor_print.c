/* SPDX-License-Identifier: Apache-2.0 */
/* Failing and printing, for programs of which nothing is the library's. */
#include "bench/floor_print.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

long floor_require(long value, const char *what)
{
    if (value < 0) {
        perror(what);
        exit(1);
    }
    return value;
}

size_t floor_stay_here(void)
{
    cpu_set_t set = {{0}};
    size_t here = (size_t)floor_require(sched_getcpu(), "sched_getcpu");
    CPU_SET(here, &set);
    floor_require(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
    return here;
}

static int compare(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

void floor_print(const char *start, double *us, size_t n)
{
    qsort(us, n, sizeof *us, compare);
    printf("%s:{\"median_us\":%.3f,\"min_us\":%.3f,", start, us[n / 2], us[0]);
    printf("\"p90_us\":%.3f},", us[n * 9 / 10]);
}
