/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmark says of each driver: figures against their floors, for people and as one line
 * of JSON. */
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
    double goal;                 /* the most that the ratio may be; 0: there is no such goal */
    double goal_us;              /* the most that the median may be; 0: there is no such goal */
    const struct counts *counts; /* of the whole call, or NULL */
};

/* What Hyperlight 0.1 measures of itself, by its name there. It has neither floor nor goal. */
struct benchmark {
    const char *name;  /* "guest_functions/guest_call" */
    const char *about; /* one line */
    struct summary summary;
};

struct report {
    const char *driver;
    const char *kind;
    const char *reason; /* why the driver does not work; NULL: it does, and has figures */
    int cpu;
    const char *floor_program;
    double floor_exits; /* of one run of the floor: what its guest or its child counted */
    const struct floor_figure *floors;
    size_t n_floors;
    const struct figure *figures;
    size_t n_figures;
    const struct benchmark *benchmarks;
    size_t n_benchmarks;
};

double figure_ratio(const struct figure *figure);

/* Whether ratio and median are within their goals. True without a goal. */
bool figure_is_met(const struct figure *figure);

bool report_goals_are_met(const struct report *report);

/* Both write to standard output. The JSON is one line: what the first report says, and an array
 * with all of them. */
void report_print(const struct report *report);
void report_print_json(const struct report *reports, size_t n);

#endif
