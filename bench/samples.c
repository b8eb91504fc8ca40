/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping samples, and their order statistics. */
#include "bench/samples.h"

#include <stdlib.h>

void samples_add(struct samples *samples, double us)
{
    if (samples->n < SAMPLES_MAX) {
        samples->us[samples->n++] = us;
    }
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

struct summary samples_summary(struct samples *samples)
{
    size_t n = samples->n;
    if (n == 0) {
        return (struct summary){0};
    }
    qsort(samples->us, n, sizeof samples->us[0], compare);
    return (struct summary){
        .median_us = (samples->us[(n - 1) / 2] + samples->us[n / 2]) / 2,
        .min_us = samples->us[0],
        .p90_us = samples->us[(n - 1) * 9 / 10],
        .n = n,
    };
}

struct summary summary_less(struct summary summary, double us)
{
    summary.median_us -= us;
    summary.min_us -= us;
    summary.p90_us -= us;
    return summary;
}
