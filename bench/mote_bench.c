/* SPDX-License-Identifier: Apache-2.0 */
/* mote-bench: what mote costs, each figure as a ratio to a floor measured in the same run. */
#include "bench/fail.h"
#include "bench/trial.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_TRIALS = 4 };

struct arguments {
    bool is_json;
    bool is_check;
    bool is_calls_only; /* leave out what takes long, as trial_measure() does */
    const char *driver; /* NULL: all */
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
        } else if (strcmp(argv[i], "--driver") == 0 && i + 1 < argc) {
            arguments->driver = argv[++i];
        } else {
            fprintf(stderr,
                    "mote-bench: unknown argument, or one without its value: %s\n"
                    "usage: mote-bench [--json] [--check] [--calls] [--driver NAME]\n",
                    argv[i]);
            return false;
        }
    }
    return true;
}

/* Floors and guests lie where the build put them: BUILD/bin and BUILD/guests. */
static mote_status find_paths(struct trial_paths *paths, mote_error *err)
{
    ssize_t len = readlink("/proc/self/exe", paths->bin, sizeof paths->bin - 1);
    if (len < 0) {
        return fail(err, MOTE_E_SYSTEM, "read the link /proc/self/exe: %s", strerror(errno));
    }
    paths->bin[len] = '\0';
    *strrchr(paths->bin, '/') = '\0';
    const struct {
        char *to;
        const char *name;
    } wanted[] = {{paths->hello, "hello.elf"},
                  {paths->inflate, "inflate.elf"},
                  {paths->pages, "pages.elf"},
                  {paths->simple, "simple.elf"},
                  {paths->legacy, "abi01.elf"}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        int n = snprintf(wanted[i].to, PATH_MAX, "%s/../guests/%s", paths->bin, wanted[i].name);
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

/* Examine and measure the wanted drivers, in the library's order; the first is what sandboxes get
 * when nothing else is asked for. *n is how many trials there are. */
static mote_status try_drivers(const struct arguments *arguments, const struct trial_paths *paths,
                               struct trial *trials, size_t *n, mote_error *err)
{
    const char *name = NULL;
    for (size_t i = 0; *n < MAX_TRIALS && (name = mote_driver_name(i)) != NULL; i++) {
        if (arguments->driver != NULL && strcmp(arguments->driver, name) != 0) {
            continue;
        }
        struct trial *trial = &trials[(*n)++];
        trial->driver = (mote_driver_report){.struct_size = sizeof trial->driver};
        mote_status status = mote_driver_examine(i, &trial->driver, err);
        if (status == MOTE_OK && trial->driver.is_for_debugging && arguments->driver == NULL) {
            (*n)--;
            continue;
        }
        if (status == MOTE_OK && trial->driver.works) {
            status = trial_measure(trial, paths, arguments->is_calls_only, err);
        }
        if (status != MOTE_OK) {
            return status;
        }
    }
    return *n > 0 ? MOTE_OK : fail(err, MOTE_E_DRIVER, "no driver %s", arguments->driver);
}

/* Returns whether all goals are met. */
static bool print(const struct arguments *arguments, struct trial *trials, size_t n, int cpu)
{
    struct report reports[MAX_TRIALS];
    bool is_met = true;
    for (size_t i = 0; i < n; i++) {
        reports[i] = trial_report(&trials[i], arguments->is_calls_only, cpu);
        is_met = is_met && report_goals_are_met(&reports[i]);
    }
    if (arguments->is_json) {
        report_print_json(reports, n);
        return is_met;
    }
    for (size_t i = 0; i < n; i++) {
        printf("%s", i > 0 ? "\n\n" : "");
        report_print(&reports[i]);
    }
    return is_met;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    if (!parse_arguments(argc, argv, &arguments)) {
        return MOTE_CLASS_USAGE;
    }
    static struct trial trials[MAX_TRIALS];
    size_t n = 0;
    struct trial_paths paths;
    mote_error err = {0};
    int cpu = 0;
    mote_status status = find_paths(&paths, &err);
    if (status == MOTE_OK) {
        status = pin(&cpu, &err);
    }
    if (status == MOTE_OK) {
        status = try_drivers(&arguments, &paths, trials, &n, &err);
    }
    if (status != MOTE_OK) {
        fprintf(stderr, "mote-bench: %s: %s\n", mote_status_name(status), err.text);
        return (int)mote_status_class(status);
    }
    bool is_met = print(&arguments, trials, n, cpu);
    if (fflush(stdout) != 0) {
        perror("mote-bench: standard output");
        return MOTE_CLASS_HOST;
    }
    if (!trials[0].driver.works) {
        return MOTE_CLASS_HOST;
    }
    return arguments.is_check && !is_met ? 1 : 0;
}
