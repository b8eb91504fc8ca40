/* SPDX-License-Identifier: Apache-2.0 */
/* How long after its limit, or after a cancel, a call returns that would never end: a loop of each
 * kind in a guest. To be believed on an idle machine only, which a real-time priority makes of any,
 * where the system grants one. */
#include <mote/mote.h>

#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIMIT_US = 5000, PATIENCE_US = 5000000, DEFAULT_TIMES = 50, MAX_TIMES = 10000 };
enum { MOST_US = 1000, PART_PERCENT = 90 };

/* The kinds of the guest's Loop are those of guests/hostile/zoo.S. What a guest does after a fault
 * is nothing, so that one that faults in a loop ends at once: interrupts may, and split locks where
 * the host's kernel forbids them. */
static const struct loop {
    const char *name;
    const char *function;
    int kind; /* -1: the function has no argument */
    bool may_fault;
} loops[] = {
    {"a jump to itself", "Loop", 0, false},
    {"pause", "Loop", 1, false},
    {"rep movsb", "Loop", 2, false},
    {"split locks", "Loop", 3, true},
    {"cpuid", "Loop", 4, false},
    {"rdtsc", "Loop", 5, false},
    {"interrupts", "Loop", 6, true},
    {"host calls", "HostCallForever", -1, false},
    {"log records", "LogForever", -1, false},
    {"prints", "PrintForever", -1, false},
    {"C without end", "LoopForever", -1, false},
};
enum { N_LOOPS = sizeof(loops) / sizeof(loops[0]) };

struct settings {
    mote_config config;
    mote_image *image;
    int times;
    double most_us;
};

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void require(mote_status status, const mote_error *err, const char *what)
{
    if (status == MOTE_OK)
        return;
    printf("lateness: %s: %s: %s\n", what, mote_status_name(status), err->text);
    exit(1);
}

/* What the guest sends is dropped. */
static void drop_log(void *context, const mote_log_record *record)
{
    (void)context, (void)record;
}

static void drop_print(void *context, const char *text, size_t len_bytes)
{
    (void)context, (void)text, (void)len_bytes;
}

static mote_sandbox *start(const struct settings *settings, uint64_t limit_us)
{
    mote_config config = settings->config;
    mote_sandbox *sandbox = NULL;
    mote_error err;
    config.time_limit_us = limit_us;
    config.log = drop_log;
    config.print = drop_print;
    config.max_log = MOTE_LOG_TRACE;
    config.log_is_set = true;
    require(mote_sandbox_create(settings->image, &config, &sandbox, &err), &err, "create");
    require(mote_sandbox_init(sandbox, &err), &err, "initialise");
    return sandbox;
}

static mote_status call(mote_sandbox *sandbox, const struct loop *loop, mote_error *err)
{
    const mote_value kind = mote_u32((uint32_t)loop->kind);
    return mote_call(sandbox, loop->function, &kind, loop->kind >= 0, MOTE_TYPE_ANY, NULL, err);
}

/* One call up to its limit. Returns how late it came back, or less than 0 when it faulted. */
static double late_after_limit(const struct settings *settings, const struct loop *loop)
{
    mote_error err;
    mote_sandbox *sandbox = start(settings, LIMIT_US);
    double started_us = now_us();
    mote_status status = call(sandbox, loop, &err);
    double late_us = now_us() - started_us - LIMIT_US;
    mote_sandbox_destroy(sandbox);
    if (status == MOTE_E_GUEST_FAULT)
        return -1;
    require(status == MOTE_E_TIME_LIMIT ? MOTE_OK : status, &err, loop->name);
    return late_us;
}

/* ---- Cancels ---- */

struct canceller {
    mote_sandbox *sandbox;
    double at_us;
};

static void *cancel_after_a_while(void *context)
{
    const struct timespec a_while = {.tv_nsec = LIMIT_US * 1000L};
    struct canceller *canceller = context;
    nanosleep(&a_while, NULL);
    canceller->at_us = now_us();
    mote_sandbox_cancel(canceller->sandbox);
    return NULL;
}

static double late_after_cancel(const struct settings *settings, const struct loop *loop)
{
    struct canceller canceller = {.sandbox = start(settings, PATIENCE_US)};
    pthread_t thread;
    mote_error err;
    if (pthread_create(&thread, NULL, cancel_after_a_while, &canceller) != 0) {
        printf("lateness: no thread\n");
        exit(1);
    }
    mote_status status = call(canceller.sandbox, loop, &err);
    double ended_us = now_us();
    pthread_join(thread, NULL);
    mote_sandbox_destroy(canceller.sandbox);
    if (status == MOTE_E_GUEST_FAULT)
        return -1;
    require(status == MOTE_E_CANCELLED ? MOTE_OK : status, &err, loop->name);
    return ended_us - canceller.at_us;
}

/* ---- The table ---- */

static int compare(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

/* Print a row; returns whether it is late, or no loop at all. */
static bool judge(const struct settings *settings, const char *what, const struct loop *loop,
                  double (*late)(const struct settings *, const struct loop *))
{
    static double all[MAX_TIMES];
    for (int i = 0; i < settings->times; i++) {
        all[i] = late(settings, loop);
        if (all[i] < 0) {
            printf("%-18s %-6s faults at once%s\n", loop->name, what,
                   loop->may_fault ? "" : "  NO LOOP");
            return !loop->may_fault;
        }
    }
    qsort(all, (size_t)settings->times, sizeof(all[0]), compare);
    double part_us = all[(settings->times * PART_PERCENT + 99) / 100 - 1];
    bool is_late = part_us > settings->most_us;
    printf("%-18s %-6s %8.0f us median, %8.0f us in %d %%, %8.0f us at most%s\n", loop->name, what,
           all[settings->times / 2], part_us, PART_PERCENT, all[settings->times - 1],
           is_late ? "  LATE" : "");
    return is_late;
}

static void be_first(void)
{
    const struct sched_param priority = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0)
        printf("without a real-time priority: other processes count as lateness\n");
}

static bool parse(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {{"times", required_argument, NULL, 't'},
                                            {"driver", required_argument, NULL, 'd'},
                                            {"most-us", required_argument, NULL, 'm'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        if (option == 't')
            settings->times = (int)strtol(optarg, NULL, 10);
        else if (option == 'd')
            settings->config.driver = optarg;
        else if (option == 'm')
            settings->most_us = strtod(optarg, NULL);
        else
            return false;
    }
    return optind == argc - 1 && settings->times > 0 && settings->times <= MAX_TIMES;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .config = MOTE_CONFIG_INIT, .times = DEFAULT_TIMES, .most_us = MOST_US};
    mote_error err;
    int failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse(argc, argv, &settings)) {
        fprintf(stderr, "usage: lateness [--times N] [--driver NAME] [--most-us N] "
                        "HOSTILE-GUEST\n");
        return 2;
    }
    be_first();
    require(mote_image_open(argv[optind], NULL, &settings.image, &err), &err, "open");
    printf("how late a call without end returns, %d times each; at most %.0f us in %d %%\n",
           settings.times, settings.most_us, PART_PERCENT);
    for (size_t i = 0; i < N_LOOPS; i++) {
        failed += judge(&settings, "limit", &loops[i], late_after_limit);
        failed += judge(&settings, "cancel", &loops[i], late_after_cancel);
    }
    mote_image_unref(settings.image);
    printf("%d passed, %d failed, 0 skipped\n", 2 * (int)N_LOOPS - failed, failed);
    return failed > 0 ? 1 : 0;
}
