/* SPDX-License-Identifier: Apache-2.0 */
/* mote-bench: what mote costs, each figure as a ratio to a floor measured in the same run. */
#include "bench/calls.h"
#include "bench/fail.h"
#include "bench/floor_run.h"
#include "bench/inflate.h"
#include "bench/lives.h"
#include "bench/report.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 3 };
/* How many of the figures and floors, from the first, are about calls. */
enum { N_CALL_FIGURES = 2, N_CALL_FLOORS = 1 };
/* The most that a call, a host call and a decompression may cost, as multiples of their floors. */
#define GOAL 1.10

struct arguments {
    bool is_json;
    bool is_check;
    bool is_calls_only; /* leave out what takes long: creation, destruction, decompression */
};

struct paths {
    char floor[PATH_MAX];
    char hello[PATH_MAX];
    char inflate[PATH_MAX];
};

struct measured {
    struct floor floor;
    struct calls calls;
    struct lives lives;
    struct inflate inflate;
};

static bool parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            arguments->is_json = true;
        } else if (strcmp(argv[i], "--check") == 0) {
            arguments->is_check = true;
        } else if (strcmp(argv[i], "--calls") == 0) {
            arguments->is_calls_only = true;
        } else {
            fprintf(stderr,
                    "mote-bench: unknown argument %s\n"
                    "usage: mote-bench [--json] [--check] [--calls]\n",
                    argv[i]);
            return false;
        }
    }
    return true;
}

/* Floor and guests lie where the build put them: BUILD/bin and BUILD/guests. */
static mote_status find_paths(struct paths *paths, mote_error *err)
{
    char bin[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", bin, sizeof bin - 1);
    if (len < 0) {
        return fail(err, MOTE_E_SYSTEM, "read the link /proc/self/exe: %s", strerror(errno));
    }
    bin[len] = '\0';
    *strrchr(bin, '/') = '\0';
    const struct {
        char *to;
        const char *name;
    } wanted[] = {{paths->floor, "mote-floor"},
                  {paths->hello, "../guests/hello.elf"},
                  {paths->inflate, "../guests/inflate.elf"}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        int n = snprintf(wanted[i].to, PATH_MAX, "%s/%s", bin, wanted[i].name);
        if (n < 0 || n >= PATH_MAX) {
            return fail(err, MOTE_E_SYSTEM, "the path of %s is too long", wanted[i].name);
        }
    }
    return MOTE_OK;
}

/* Stay on the core that this runs on; children inherit it. */
static mote_status pin(int *cpu, mote_error *err)
{
    int here = sched_getcpu();
    cpu_set_t set;
    CPU_ZERO(&set);
    if (here >= 0) {
        CPU_SET((size_t)here, &set);
    }
    if (here < 0 || sched_setaffinity(0, sizeof set, &set) != 0) {
        return fail(err, MOTE_E_SYSTEM, "stay on one CPU: %s", strerror(errno));
    }
    *cpu = here;
    return MOTE_OK;
}

/* Floor and figures take turns, so that both see the same machine. */
static mote_status measure_rounds(const struct arguments *arguments, const struct paths *paths,
                                  mote_image *hello, struct measured *measured, mote_error *err)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct floor floor;
        mote_status status = floor_run(paths->floor, &floor, err);
        if (status == MOTE_OK) {
            status = calls_measure(hello, &measured->calls, err);
        }
        if (status == MOTE_OK && !arguments->is_calls_only) {
            status = lives_measure(hello, &measured->lives, err);
        }
        if (status != MOTE_OK) {
            return status;
        }
        if (i == 0) {
            measured->floor = floor;
        }
        floor_lower(&measured->floor, &floor);
    }
    return MOTE_OK;
}

static mote_status measure(const struct arguments *arguments, const struct paths *paths,
                           struct measured *measured, mote_error *err)
{
    mote_image *hello = NULL;
    mote_image *inflate = NULL;
    mote_status status = mote_image_open(paths->hello, NULL, &hello, err);
    if (status == MOTE_OK) {
        status = mote_image_open(paths->inflate, NULL, &inflate, err);
    }
    if (status == MOTE_OK) {
        status = measure_rounds(arguments, paths, hello, measured, err);
    }
    if (status == MOTE_OK && !arguments->is_calls_only) {
        status = inflate_measure(inflate, &measured->inflate, err);
    }
    mote_image_unref(inflate);
    mote_image_unref(hello);
    return status;
}

/* The driver that sandboxes get when nothing else is asked for. */
static mote_status find_driver(mote_driver_report *driver, mote_error *err)
{
    *driver = (mote_driver_report){.struct_size = sizeof *driver};
    mote_status status = mote_driver_examine(0, driver, err);
    if (status == MOTE_OK && !driver->works) {
        return fail(err, MOTE_E_NO_HYPERVISOR, "%s: %s", driver->name, driver->reason);
    }
    return status;
}

static bool print(const struct arguments *arguments, const mote_driver_report *driver, int cpu,
                  struct measured *m)
{
    const struct floor_figure floors[] = {
        {"run", "ring-3 KVM_RUN that ends with OUT", m->floor.run},
        {"create", "ioctls of a creation and the first KVM_RUN", m->floor.create},
        {"destroy", "closing the virtual CPU and the VM", m->floor.destroy},
        {"native inflate", "zlib and one memcpy of its result",
         samples_summary(&m->inflate.native)},
    };
    struct summary call = samples_summary(&m->calls.call);
    struct summary host_call =
        summary_less(samples_summary(&m->calls.with_host_call), call.median_us);
    const struct figure figures[] = {
        {"call", "an empty function", call, &floors[0], GOAL, &m->calls.call_counts},
        {"host call", "what an empty host function adds", host_call, &floors[0], GOAL,
         &m->calls.with_host_call_counts},
        {"create", "creation to first result", samples_summary(&m->lives.create), &floors[1], 0,
         NULL},
        {"destroy", "destruction", samples_summary(&m->lives.destroy), &floors[2], 0, NULL},
        {"inflate first", "16 MiB, first call", samples_summary(&m->inflate.first), &floors[3], 0,
         NULL},
        {"inflate second", "16 MiB, second call", samples_summary(&m->inflate.second), &floors[3],
         GOAL, NULL},
    };
    const struct report report = {
        .driver = driver->name,
        .kind = driver->kind,
        .cpu = cpu,
        .floor_exits = m->floor.exits,
        .floors = floors,
        .n_floors = arguments->is_calls_only ? N_CALL_FLOORS : sizeof floors / sizeof floors[0],
        .figures = figures,
        .n_figures = arguments->is_calls_only ? N_CALL_FIGURES : sizeof figures / sizeof figures[0],
    };
    if (arguments->is_json) {
        report_print_json(&report);
    } else {
        report_print(&report);
    }
    return report_goals_are_met(&report);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    if (!parse_arguments(argc, argv, &arguments)) {
        return MOTE_CLASS_USAGE;
    }
    static struct measured measured;
    struct paths paths;
    mote_driver_report driver;
    mote_error err = {0};
    int cpu = 0;
    mote_status status = find_paths(&paths, &err);
    if (status == MOTE_OK) {
        status = pin(&cpu, &err);
    }
    if (status == MOTE_OK) {
        status = find_driver(&driver, &err);
    }
    if (status == MOTE_OK) {
        status = measure(&arguments, &paths, &measured, &err);
    }
    if (status != MOTE_OK) {
        fprintf(stderr, "mote-bench: %s: %s\n", mote_status_name(status), err.text);
        return (int)mote_status_class(status);
    }
    bool is_met = print(&arguments, &driver, cpu, &measured);
    if (fflush(stdout) != 0) {
        perror("mote-bench: standard output");
        return MOTE_CLASS_HOST;
    }
    return arguments.is_check && !is_met ? 1 : 0;
}
