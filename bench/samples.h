/* SPDX-License-Identifier: Apache-2.0 */
/* Durations measured again and again, and what is said about them: median and spread. */
#ifndef MOTE_BENCH_SAMPLES_H
#define MOTE_BENCH_SAMPLES_H

#include <stddef.h>

#define SAMPLES_MAX 2048u

struct samples {
    size_t n;
    double us[SAMPLES_MAX];
};

struct summary {
    double median_us;
    double min_us;
    double p90_us;
    size_t n;
};

/* What comes after SAMPLES_MAX samples is not kept. */
void samples_add(struct samples *samples, double us);

/* Sorts the samples. All zero where there are none. */
struct summary samples_summary(struct samples *samples);

/* What is left when us is taken off each sample. */
struct summary summary_less(struct summary summary, double us);

#endif
