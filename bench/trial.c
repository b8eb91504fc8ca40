/* SPDX-License-Identifier: Apache-2.0 */
/* Each driver has a floor of its own, and goals of its own; the measurements are the same. */
#include "bench/trial.h"
#include "bench/fail.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 3 };
/* How many of the figures and floors, from the first, are about calls. */
enum { N_CALL_FIGURES = 3, N_CALL_FLOORS = 1 };
/* What not every driver has comes last in the end, behind the floors of restores. */
enum { FLOOR_RUN, FLOOR_CREATE, FLOOR_DESTROY, FLOOR_NATIVE, FLOOR_RESTORES };
enum { FLOOR_CHILD = MAX_FLOORS - 2, FLOOR_PING_PONG = MAX_FLOORS - 1 };
/* From this number of pages on, a restore has the goal for many. */
enum { MANY_PAGES = 256 };

struct terms {
    const char *driver;
    const char *floor; /* the program that measures it */
    struct {
        const char *name;
        const char *about;
    } floors[N_FLOORS];
    /* The most that a figure may be, as a multiple of its floor or in microseconds; 0: no goal. */
    double goals[N_TERMS];
    double goals_us[N_TERMS];
    /* Of call and restore together, for few pages and for many. */
    double restore_goals[2];
    size_t create_floor;
    bool is_restore_by_run; /* the floor of these is that of calls, or else the same call */
    /* Of the other ways of calling, where they are measured, and their floors. */
    bool has_ways;
    struct {
        size_t floor;
        double goal;
        double goal_us;
    } ways[N_WAYS];
};

static const struct {
    const char *name;
    const char *about;
    size_t floor;
} figures[N_TERMS] = {
    {"call", "an empty function", FLOOR_RUN},
    {"host call", "what an empty host function adds", FLOOR_RUN},
    {"filtered call", "what it adds on a worker, under a filter", FLOOR_RUN},
    {"create", "creation to first result", FLOOR_CREATE},
    {"destroy", "destruction", FLOOR_DESTROY},
    {"inflate first", "16 MiB, first call", FLOOR_NATIVE},
    {"inflate second", "16 MiB, second call", FLOOR_NATIVE},
};

static const struct terms all_terms[] = {
    {
        .driver = "kvm",
        .floor = "mote-floor",
        .floors = {{"run", "ring-3 KVM_RUN that ends with OUT"},
                   {"create", "ioctls of a creation and the first KVM_RUN"},
                   {"destroy", "closing the virtual CPU and the VM"},
                   {"native inflate", "zlib and one memcpy of its result"}},
        .goals = {1.10, 1.10, 0, 0, 0, 0, 1.10},
        .create_floor = FLOOR_CREATE,
        .restore_goals = {1.25, 2.5},
    },
    {
        .driver = "process",
        .floor = "mote-floor-process",
        .floors = {{"notification", "a notified system call, answered, on one CPU"},
                   {"exec", "vfork and exec of true, and its end"},
                   {"kill", "SIGKILL to a forked child, and its end"},
                   {"native inflate", "zlib and one memcpy of its result"},
                   {"child", "the least child behind a listener, to its second call"},
                   {"ping-pong", "a word in shared memory to another CPU and back, spinning"}},
        .goals = {1.15},
        .goals_us = {0, 0, 0, 100},
        .create_floor = FLOOR_CHILD,
        /* 4 and 40 us where a notification takes 1.7 us. */
        .restore_goals = {2.35, 23.5},
        .is_restore_by_run = true,
        .has_ways = true,
        .ways = {[WAY_ROUND_TRIP] = {FLOOR_RUN, 1.15, 0},
                 [WAY_FAULT] = {FLOOR_RUN, 0, 0},
                 [WAY_STOP] = {FLOOR_DESTROY, 0, 60},
                 [WAY_SPIN_ROUND_TRIP] = {FLOOR_PING_PONG, 1.5, 0},
                 [WAY_SPIN] = {FLOOR_PING_PONG, 0, 0}},
    },
};

static const struct terms *find_terms(const char *driver)
{
    for (size_t i = 0; i < sizeof all_terms / sizeof all_terms[0]; i++) {
        if (strcmp(all_terms[i].driver, driver) == 0) {
            return &all_terms[i];
        }
    }
    return NULL;
}

/* Floor and figures take turns, so that both see the same machine. */
static mote_status measure_rounds(struct trial *trial, const char *floor_program, mote_image *hello,
                                  bool is_calls_only, mote_error *err)
{
    const char *driver = trial->driver.name;
    for (int i = 0; i < ROUNDS; i++) {
        struct floor floor;
        mote_status status = floor_run(floor_program, &floor, err);
        if (status == MOTE_OK) {
            status = calls_measure(hello, driver, &trial->calls, err);
        }
        if (status == MOTE_OK && !is_calls_only) {
            status = lives_measure(hello, driver, &trial->lives, err);
        }
        if (status != MOTE_OK) {
            return status;
        }
        if (i == 0) {
            trial->floor = floor;
        }
        floor_lower(&trial->floor, &floor);
    }
    return MOTE_OK;
}

mote_status trial_measure(struct trial *trial, const struct trial_paths *paths, bool is_calls_only,
                          mote_error *err)
{
    const struct terms *terms = find_terms(trial->driver.name);
    if (terms == NULL) {
        return fail(err, MOTE_E_DRIVER, "no floor is known of driver %s", trial->driver.name);
    }
    char floor[PATH_MAX];
    int n = snprintf(floor, sizeof floor, "%s/%s", paths->bin, terms->floor);
    if (n < 0 || (size_t)n >= sizeof floor) {
        return fail(err, MOTE_E_SYSTEM, "the path of %s is too long", terms->floor);
    }
    mote_image *hello = NULL;
    mote_image *inflate = NULL;
    mote_image *pages = NULL;
    mote_image *legacy = NULL;
    mote_status status = mote_image_open(paths->hello, NULL, &hello, err);
    if (status == MOTE_OK) {
        status = mote_image_open(paths->inflate, NULL, &inflate, err);
    }
    if (status == MOTE_OK) {
        status = mote_image_open(paths->pages, NULL, &pages, err);
    }
    if (status == MOTE_OK) {
        status = measure_rounds(trial, floor, hello, is_calls_only, err);
    }
    if (status == MOTE_OK && !is_calls_only) {
        status = inflate_measure(inflate, terms->driver, &trial->inflate, err);
    }
    if (status == MOTE_OK && !is_calls_only) {
        status = restores_measure(pages, terms->driver, &trial->restores, err);
    }
    if (status == MOTE_OK && !is_calls_only) {
        status = record_measure(paths->simple, terms->driver, &trial->record, err);
    }
    if (status == MOTE_OK && terms->has_ways && !is_calls_only) {
        status = mote_image_open(paths->legacy, NULL, &legacy, err);
        if (status == MOTE_OK) {
            status = ways_measure(legacy, hello, terms->driver, floor, &trial->ways, err);
        }
    }
    mote_image_unref(legacy);
    mote_image_unref(pages);
    mote_image_unref(inflate);
    mote_image_unref(hello);
    return status;
}

static void set_floors(struct trial *trial, const struct terms *terms)
{
    const struct summary summaries[N_FLOORS] = {
        trial->floor.run,     trial->floor.create,
        trial->floor.destroy, samples_summary(&trial->inflate.native),
        trial->floor.child,   samples_summary(&trial->ways.ping_pong)};
    for (size_t i = 0; i < N_FLOORS; i++) {
        size_t at = i < FLOOR_RESTORES ? i : i + N_RESTORES;
        trial->floors[at] =
            (struct floor_figure){terms->floors[i].name, terms->floors[i].about, summaries[i]};
    }
}

static void set_restores(struct trial *trial, const struct terms *terms)
{
    for (size_t i = 0; i < N_RESTORES; i++) {
        struct restore *restore = &trial->restores.each[i];
        size_t kind = restores_n_pages(i) >= MANY_PAGES ? 1 : 0;
        struct summary call = samples_summary(&restore->call);
        trial->restore_counts[i] = (struct counts){1, restore->system_calls};
        trial->floors[FLOOR_RESTORES + i] =
            (struct floor_figure){restores_name(i), "a call that writes to so many pages", call};
        trial->figures[N_TERMS + i] = (struct figure){
            .name = restores_name(i),
            .about = "the call and a restore",
            .summary = samples_summary(&restore->with_restore),
            .floor = &trial->floors[terms->is_restore_by_run ? FLOOR_RUN : FLOOR_RESTORES + i],
            .goal = terms->restore_goals[kind],
            .counts = &trial->restore_counts[i],
        };
    }
}

static void set_figures(struct trial *trial, const struct terms *terms)
{
    struct summary call = samples_summary(&trial->calls.call);
    struct summary filtered = samples_summary(&trial->calls.with_filtered_call);
    const struct summary summaries[N_TERMS] = {
        call,
        summary_less(samples_summary(&trial->calls.with_host_call), call.median_us),
        filtered.n > 0 ? summary_less(filtered, call.median_us) : filtered,
        samples_summary(&trial->lives.create),
        samples_summary(&trial->lives.destroy),
        samples_summary(&trial->inflate.first),
        samples_summary(&trial->inflate.second),
    };
    const struct counts *counts[N_TERMS] = {&trial->calls.call_counts,
                                            &trial->calls.with_host_call_counts,
                                            &trial->calls.with_filtered_call_counts};
    for (size_t i = 0; i < N_TERMS; i++) {
        trial->figures[i] = (struct figure){
            .name = figures[i].name,
            .about = figures[i].about,
            .summary = summaries[i],
            .floor = &trial->floors[figures[i].floor == FLOOR_CREATE ? terms->create_floor
                                                                     : figures[i].floor],
            .goal = terms->goals[i],
            .goal_us = terms->goals_us[i],
            .counts = counts[i],
        };
    }
}

static void set_ways(struct trial *trial, const struct terms *terms)
{
    for (size_t i = 0; i < N_WAYS && terms->has_ways; i++) {
        trial->figures[N_TERMS + N_RESTORES + i] = (struct figure){
            .name = ways_name(i),
            .about = ways_about(i),
            .summary = samples_summary(&trial->ways.each[i]),
            .floor = &trial->floors[terms->ways[i].floor],
            .goal = terms->ways[i].goal,
            .goal_us = terms->ways[i].goal_us,
        };
    }
}

/* Without the ping-pong spinning has no floor. */
static size_t n_figures(const struct trial *trial, const struct terms *terms)
{
    if (!terms->has_ways) {
        return N_FIGURES - N_WAYS;
    }
    return trial->floor.has_ping_pong ? N_FIGURES : N_FIGURES - N_SPIN_WAYS;
}

/* One with a ping-pong has the child before it. */
static size_t n_floors(const struct trial *trial)
{
    if (!trial->floor.has_child) {
        return FLOOR_CHILD;
    }
    return trial->floor.has_ping_pong ? MAX_FLOORS : FLOOR_PING_PONG;
}

static void set_benchmarks(struct trial *trial)
{
    for (size_t i = 0; i < N_RECORD; i++) {
        trial->benchmarks[i] = (struct benchmark){record_name(i), record_about(i),
                                                  samples_summary(&trial->record.each[i])};
    }
}

struct report trial_report(struct trial *trial, bool is_calls_only, int cpu)
{
    const struct terms *terms = find_terms(trial->driver.name);
    struct report report = {.driver = trial->driver.name, .kind = trial->driver.kind, .cpu = cpu};
    if (!trial->driver.works || terms == NULL) {
        report.reason = trial->driver.reason;
        return report;
    }
    set_floors(trial, terms);
    set_figures(trial, terms);
    set_restores(trial, terms);
    set_ways(trial, terms);
    set_benchmarks(trial);
    report.floor_program = terms->floor;
    report.floor_exits = trial->floor.exits;
    report.floors = trial->floors;
    report.n_floors = is_calls_only ? N_CALL_FLOORS : n_floors(trial);
    report.figures = trial->figures;
    report.n_figures = is_calls_only ? N_CALL_FIGURES : n_figures(trial, terms);
    report.benchmarks = trial->benchmarks;
    report.n_benchmarks = is_calls_only ? 0 : N_RECORD;
    return report;
}
