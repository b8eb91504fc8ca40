/* SPDX-License-Identifier: Apache-2.0 */
/* Many lives, calls, restores, failures and cancels in one process: resident memory, descriptors,
 * mappings and threads must be afterwards what they were, each restore must be whole, and no cancel
 * may reach a call that began after it. */
#include "tests/gates/usage.h"

#include <mote/mote.h>

#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_US = 10000000, N_REPORTS = 10, MAX_WARM_UP = 1000 };
enum { CANCEL_GAP_US = 150, CALL_GAP_US = 30, SPIN_EVERY = 16 };
enum { HEAP_BYTES = 4 << 20, MOST_TOUCHED_BYTES = 1 << 20, BRIEF_LIMIT_US = 500, BRIEF_EVERY = 50 };

struct settings {
    long rounds;
    long calls;
    long resets;
    long failures;
    long cancels;
    const char *spoil; /* what to leak on purpose */
    mote_config config;
    mote_image *image;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Print a line that ends the program when status is an error. */
static void require(mote_status status, const mote_error *err, const char *what)
{
    if (status == MOTE_OK)
        return;
    printf("soak: %s: %s: %s\n", what, mote_status_name(status), err->text);
    exit(1);
}

/* ---- A guest whose host function does nothing ---- */

static mote_status nothing(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)err;
    *result = mote_void();
    return MOTE_OK;
}

static mote_sandbox *start(const struct settings *settings)
{
    static const mote_host_function function = {
        .name = "Nothing", .fn = nothing, .returns = MOTE_TYPE_VOID};
    mote_sandbox *sandbox = NULL;
    mote_error err;
    require(mote_sandbox_create(settings->image, &settings->config, &sandbox, &err), &err,
            "create");
    require(mote_sandbox_register(sandbox, &function, &err), &err, "register");
    require(mote_sandbox_init(sandbox, &err), &err, "initialise");
    return sandbox;
}

static void stop(mote_sandbox *sandbox)
{
    if (mote_sandbox_destroy(sandbox) == MOTE_OK)
        return;
    printf("soak: destroy failed\n");
    exit(1);
}

static mote_status call(mote_sandbox *sandbox, const char *function, mote_error *err)
{
    return mote_call(sandbox, function, NULL, 0, MOTE_TYPE_ANY, NULL, err);
}

/* ---- Leaks on purpose, which show that the checks can fail ---- */

static void *sleep_forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void spoil(const char *what)
{
    enum { LEAK_BYTES = 64 * 1024 };
    static unsigned char *kept;
    if (what == NULL)
        return;
    if (strcmp(what, "memory") == 0) {
        unsigned char *next = malloc(LEAK_BYTES);
        if (next != NULL) {
            memset(next, 1, LEAK_BYTES);
            memcpy(next, &kept, sizeof kept);
            kept = next;
        }
    } else if (strcmp(what, "descriptor") == 0) {
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
    } else if (strcmp(what, "mapping") == 0) {
        /* Of different rights, so that the kernel cannot join them. */
        (void)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        (void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    } else if (strcmp(what, "thread") == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, sleep_forever, NULL) == 0)
            pthread_detach(thread);
    }
}

/* ---- Rounds and calls ---- */

static void one_round(const struct settings *settings)
{
    mote_sandbox *sandbox = start(settings);
    mote_error err;
    require(call(sandbox, "HostNothing", &err), &err, "call");
    stop(sandbox);
    spoil(settings->spoil);
}

static void do_rounds(const struct settings *settings, long n)
{
    for (long i = 0; i < n; i++)
        one_round(settings);
}

static void do_calls(const struct settings *settings, long n)
{
    static mote_sandbox *sandbox;
    mote_error err;
    if (sandbox == NULL)
        sandbox = start(settings);
    for (long i = 0; i < n; i++)
        require(call(sandbox, i % 2 == 0 ? "Nothing" : "HostNothing", &err), &err, "call");
    spoil(settings->spoil);
}

/* ---- Restores ---- */

static unsigned next_random(unsigned long *state);

/* A sandbox with a snapshot, after which its guest has counted to nothing. */
static mote_sandbox *start_evolved(const struct settings *settings, uint64_t limit_us)
{
    mote_sandbox *sandbox = NULL;
    mote_error err;
    mote_config config = settings->config;
    config.heap_bytes = HEAP_BYTES;
    config.time_limit_us = limit_us;
    require(mote_sandbox_create(settings->image, &config, &sandbox, &err), &err, "create");
    require(mote_sandbox_evolve(sandbox, NULL, NULL, &err), &err, "evolve");
    return sandbox;
}

/* The guest counts how often it was asked: once, if all was brought back. */
static void require_first_count(mote_sandbox *sandbox)
{
    mote_value result;
    mote_error err;
    require(mote_call_reset(sandbox, "Count", NULL, 0, MOTE_TYPE_I64, &result, &err), &err,
            "count");
    if (result.as.i64 == 1)
        return;
    printf("soak: after a restore the guest counts %lld\n", (long long)result.as.i64);
    exit(1);
}

/* Calls that touch from nothing to a mebibyte of heap, and count; each is undone. */
static void do_resets(const struct settings *settings, long n)
{
    static mote_sandbox *sandbox;
    static unsigned long random = 3;
    mote_error err;
    if (sandbox == NULL)
        sandbox = start_evolved(settings, PATIENCE_US);
    for (long i = 0; i < n; i += 2) {
        unsigned order = next_random(&random) % 21;
        const mote_value len_bytes = mote_u64(next_random(&random) & ((1u << order) - 1));
        require(mote_call_reset(sandbox, "Allocate", &len_bytes, 1, MOTE_TYPE_U64, NULL, &err),
                &err, "allocate");
        require_first_count(sandbox);
    }
    spoil(settings->spoil);
}

struct misdeed {
    const char *function;
    size_t n_args;
    mote_value args[2];
    mote_status status;
};

/* One failure: of a call that resets, or of one that poisons and is restored after. */
static void fail_and_restore(mote_sandbox *sandbox, const struct misdeed *misdeed, bool resets)
{
    mote_error err;
    mote_status status = (resets ? mote_call_reset : mote_call)(
        sandbox, misdeed->function, misdeed->args, misdeed->n_args, MOTE_TYPE_ANY, NULL, &err);
    if (status != misdeed->status) {
        printf("soak: %s: %s: %s\n", misdeed->function, mote_status_name(status), err.text);
        exit(1);
    }
    if (!resets)
        require(mote_sandbox_restore(sandbox, NULL, &err), &err, "restore");
    /* A brief limit may pass before a guest has counted. */
    if (status != MOTE_E_TIME_LIMIT)
        require_first_count(sandbox);
}

static void do_failures(const struct settings *settings, long n)
{
    const struct misdeed misdeeds[] = {
        {.function = "Crash", .status = MOTE_E_GUEST_FAULT},
        {"Abort", 2, {mote_u32(13), mote_str("as asked")}, MOTE_E_GUEST_ABORT},
        {"Fail", 2, {mote_i32(77), mote_str("as asked")}, MOTE_E_GUEST_ERROR},
        {"Divide", 2, {mote_i32(1), mote_i32(0)}, MOTE_E_GUEST_FAULT},
        {.function = "Recurse", .status = MOTE_E_GUEST_FAULT},
        {.function = "HostNothing", .status = MOTE_E_HOST_FUNCTION_UNKNOWN},
        {.function = "NoSuch", .status = MOTE_E_GUEST_ERROR},
    };
    static const struct misdeed spin = {.function = "Spin", .status = MOTE_E_TIME_LIMIT};
    static mote_sandbox *sandbox;
    static mote_sandbox *brief;
    static mote_sandbox *witness;
    static unsigned long random = 4;
    mote_error err;
    if (sandbox == NULL) {
        sandbox = start_evolved(settings, PATIENCE_US);
        brief = start_evolved(settings, BRIEF_LIMIT_US);
        witness = start(settings);
    }
    for (long i = 0; i < n; i++) {
        unsigned which = next_random(&random) % (sizeof(misdeeds) / sizeof(misdeeds[0]));
        bool is_brief = i % BRIEF_EVERY == 0;
        fail_and_restore(is_brief ? brief : sandbox, is_brief ? &spin : &misdeeds[which],
                         next_random(&random) % 2 == 0);
        require(call(witness, "HostNothing", &err), &err, "call of the witness");
    }
    spoil(settings->spoil);
}

/* ---- Cancels ---- */

struct target {
    pthread_mutex_t lock;   /* held while the sandbox is cancelled, and while it is exchanged */
    atomic_bool is_awaited; /* the lock, by the thread that calls: a mutex is not fair */
    mote_sandbox *sandbox;
    atomic_long begun; /* cancels */
    atomic_long ended;
    atomic_bool is_over;
};

/* Numbers that look random, the same in each run. */
static unsigned next_random(unsigned long *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

static void spin_us(unsigned us)
{
    double end_s = now_s() + us / 1e6;
    while (now_s() < end_s)
        ;
}

/* The thread that sleeps leaves the processor to the one that calls, and interrupts it anywhere. */
static void sleep_us(unsigned us)
{
    struct timespec time = {.tv_nsec = us * 1000};
    nanosleep(&time, NULL);
}

static void *cancel_often(void *context)
{
    struct target *target = context;
    static unsigned long random = 1;
    prctl(PR_SET_TIMERSLACK, 1);
    while (!atomic_load(&target->is_over)) {
        sleep_us(next_random(&random) % CANCEL_GAP_US);
        while (atomic_load(&target->is_awaited))
            sched_yield();
        pthread_mutex_lock(&target->lock);
        atomic_fetch_add(&target->begun, 1);
        mote_sandbox_cancel(target->sandbox);
        atomic_fetch_add(&target->ended, 1);
        pthread_mutex_unlock(&target->lock);
    }
    return NULL;
}

static void exchange(const struct settings *settings, struct target *target)
{
    atomic_store(&target->is_awaited, true);
    pthread_mutex_lock(&target->lock);
    atomic_store(&target->is_awaited, false);
    stop(target->sandbox);
    target->sandbox = start(settings);
    pthread_mutex_unlock(&target->lock);
}

/* One call among the cancels. It may be cancelled by a cancel that ended after it began, and by no
 * other. An endless one must be: there is always one more to come. */
static bool call_among_cancels(struct target *target, unsigned random)
{
    bool is_endless = random % SPIN_EVERY == 0;
    const char *name = is_endless ? "Spin" : random % 2 == 0 ? "Nothing" : "HostNothing";
    mote_error err;
    long ended_before = atomic_load(&target->ended);
    mote_status status = call(target->sandbox, name, &err);
    long begun_after = atomic_load(&target->begun);
    if (status == MOTE_OK && !is_endless)
        return false;
    if (status != MOTE_E_CANCELLED) {
        printf("soak: %s among cancels: %s: %s\n", name, mote_status_name(status), err.text);
        exit(1);
    }
    if (begun_after == ended_before) {
        printf("soak: a call was cancelled by a cancel that had ended before it\n");
        exit(1);
    }
    return true;
}

static void do_cancels(const struct settings *settings, long n)
{
    struct target target = {.lock = PTHREAD_MUTEX_INITIALIZER};
    static unsigned long random = 2;
    long n_calls = 0;
    long n_hit = 0;
    pthread_t thread;
    target.sandbox = start(settings);
    if (pthread_create(&thread, NULL, cancel_often, &target) != 0) {
        printf("soak: no thread\n");
        exit(1);
    }
    while (atomic_load(&target.ended) < n) {
        if (call_among_cancels(&target, next_random(&random))) {
            exchange(settings, &target);
            n_hit++;
        }
        n_calls++;
        spin_us(next_random(&random) % CALL_GAP_US);
    }
    atomic_store(&target.is_over, true);
    pthread_join(thread, NULL);
    mote_error err;
    require(call(target.sandbox, "Nothing", &err), &err, "call after the last cancel");
    stop(target.sandbox);
    spoil(settings->spoil);
    printf("  %ld of %ld calls were cancelled by %ld cancels\n", n_hit, n_calls,
           atomic_load(&target.ended));
}

/* ---- What is left behind ---- */

/* Do work n times in parts, and compare what the process uses before and after. */
static int soak(const struct settings *settings, const char *name,
                void (*work)(const struct settings *, long), long n)
{
    if (n == 0)
        return 0;
    double started_s = now_s();
    long warm_up = n / 10 + 1 < MAX_WARM_UP ? n / 10 + 1 : MAX_WARM_UP;
    work(settings, warm_up);
    struct usage before = usage_now();
    usage_print(name, 0, now_s() - started_s, &before);
    for (long part = 0; part < N_REPORTS; part++) {
        work(settings, n * (part + 1) / N_REPORTS - n * part / N_REPORTS);
        struct usage now = usage_now();
        usage_print(name, n * (part + 1) / N_REPORTS, now_s() - started_s, &now);
    }
    struct usage after = usage_now();
    return usage_has_grown(name, &before, &after) ? 1 : 0;
}

static bool parse(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"rounds", required_argument, NULL, 'r'},  {"calls", required_argument, NULL, 'c'},
        {"resets", required_argument, NULL, 'e'},  {"failures", required_argument, NULL, 'f'},
        {"cancels", required_argument, NULL, 'x'}, {"driver", required_argument, NULL, 'd'},
        {"spoil", required_argument, NULL, 's'},   {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'r':
            settings->rounds = strtol(optarg, NULL, 10);
            break;
        case 'c':
            settings->calls = strtol(optarg, NULL, 10);
            break;
        case 'e':
            settings->resets = strtol(optarg, NULL, 10);
            break;
        case 'f':
            settings->failures = strtol(optarg, NULL, 10);
            break;
        case 'x':
            settings->cancels = strtol(optarg, NULL, 10);
            break;
        case 'd':
            settings->config.driver = optarg;
            break;
        case 's':
            settings->spoil = optarg;
            break;
        default:
            return false;
        }
    }
    return optind == argc - 1;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .rounds = 200000,
        .calls = 2000000,
        .resets = 1000000,
        .failures = 100000,
        .cancels = 100000,
        .config = MOTE_CONFIG_INIT,
    };
    mote_error err;
    settings.config.time_limit_us = PATIENCE_US;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse(argc, argv, &settings)) {
        fprintf(stderr, "usage: soak [--rounds N] [--calls N] [--resets N] [--failures N] "
                        "[--cancels N] [--driver NAME] "
                        "[--spoil memory|descriptor|mapping|thread] HELLO-GUEST\n");
        return 2;
    }
    require(mote_image_open(argv[optind], NULL, &settings.image, &err), &err, "open");
    int failed = soak(&settings, "rounds", do_rounds, settings.rounds);
    failed += soak(&settings, "calls", do_calls, settings.calls);
    failed += soak(&settings, "resets", do_resets, settings.resets);
    failed += soak(&settings, "failures", do_failures, settings.failures);
    failed += soak(&settings, "cancels", do_cancels, settings.cancels);
    int n = (settings.rounds > 0) + (settings.calls > 0) + (settings.resets > 0) +
            (settings.failures > 0) + (settings.cancels > 0);
    mote_image_unref(settings.image);
    printf("%d passed, %d failed, 0 skipped\n", n - failed, failed);
    return failed > 0 || n == 0 ? 1 : 0;
}
