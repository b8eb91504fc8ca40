/* SPDX-License-Identifier: Apache-2.0 */
/* One driver under measurement: its figures, its floors, and what is said about them. */
#ifndef MOTE_BENCH_TRIAL_H
#define MOTE_BENCH_TRIAL_H

#include "bench/calls.h"
#include "bench/floor_run.h"
#include "bench/inflate.h"
#include "bench/lives.h"
#include "bench/record.h"
#include "bench/report.h"
#include "bench/restores.h"
#include "bench/ways.h"

#include <limits.h>

/* Besides the figures and floors that have terms of their own, each restore is a figure, whose
 * floor is the same call without it; and of a driver that waits for its guests the other ways of
 * calling are figures, spinning last. */
enum { N_FLOORS = 6, N_TERMS = 7 };
enum { MAX_FLOORS = N_FLOORS + N_RESTORES, N_FIGURES = N_TERMS + N_RESTORES + N_WAYS };

struct trial_paths {
    char bin[PATH_MAX]; /* the directory of the floors */
    char hello[PATH_MAX];
    char inflate[PATH_MAX];
    char pages[PATH_MAX];
    char simple[PATH_MAX];
    char legacy[PATH_MAX]; /* a guest of Hyperlight 0.1 */
};

struct trial {
    mote_driver_report driver;
    struct floor floor;
    struct calls calls;
    struct lives lives;
    struct inflate inflate;
    struct restores restores;
    struct record record;
    struct ways ways;
    struct counts restore_counts[N_RESTORES];
    struct floor_figure floors[MAX_FLOORS];
    struct figure figures[N_FIGURES];
    struct benchmark benchmarks[N_RECORD];
};

/* Measure the driver that trial->driver names and says works; is_calls_only leaves out what takes
 * long: creation, destruction, decompression, the benchmarks of Hyperlight 0.1. */
mote_status trial_measure(struct trial *trial, const struct trial_paths *paths, bool is_calls_only,
                          mote_error *err);

/* What the trial came to, or why the driver does not work. The report borrows from the trial. */
struct report trial_report(struct trial *trial, bool is_calls_only, int cpu);

#endif
