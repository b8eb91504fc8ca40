/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark says: figures against their floors, for people and as one line of JSON. */
#ifndef MOTE_BENCH_REPORT_H
#define MOTE_BENCH_REPORT_H

#include "bench/calls.h"
#include "bench/samples.h"

#include <stdbool.h>

/* The least that something can cost, measured in the same run. */
struct floor_figure {
    const char *name;  /* "run" */
    const char *about; /* one line */
    struct summary summary;
};

struct figure {
    const char *name;  /* "call" */
    const char *about; /* one line */
    struct summary summary;
    const struct floor_figure *floor;
    double goal;                 /* the most that the ratio may be; 0: there is no goal */
    const struct counts *counts; /* of the whole call, or NULL */
};

struct report {
    const char *driver;
    const char *kind;
    int cpu;
    double floor_exits; /* of one run of mote-floor, as its guest counted them */
    const struct floor_figure *floors;
    size_t n_floors;
    const struct figure *figures;
    size_t n_figures;
};

double figure_ratio(const struct figure *figure);

/* Whether the ratio is within the goal. True without a goal. */
bool figure_is_met(const struct figure *figure);

bool report_goals_are_met(const struct report *report);

/* Both write to standard output. */
void report_print(const struct report *report);
void report_print_json(const struct report *report);

#endif
