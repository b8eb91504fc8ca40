/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text in the exposition format of Prometheus, version 0.0.4. Names follow its rules:
 * counters end in _total, durations are in seconds.
 */
#include "host/observe/metrics.h"

#include "host/base/error.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define US_PER_S 1000000u
#define NS_PER_S 1000000000u

/* Text grows here; what does not fit is counted all the same. */
struct writer {
    char *to;
    size_t room;
    size_t n;
};

struct name {
    const char *name;
    const char *help;
};

struct operation {
    struct name outcomes;
    struct name durations;
};

static const struct operation operations[MT_N_SPAN_KINDS] = {
    [MOTE_SPAN_CREATE] = {{"mote_sandbox_creations_total", "Sandboxes created."},
                          {"mote_sandbox_creation_duration_seconds", "Creation of a sandbox."}},
    [MOTE_SPAN_INIT] = {{"mote_guest_initialisations_total", "Initialisations of guests."},
                        {"mote_guest_initialisation_duration_seconds",
                         "Initialisation of a guest."}},
    [MOTE_SPAN_CALL] = {{"mote_guest_function_calls_total", "Calls of guest functions."},
                        {"mote_guest_function_call_duration_seconds",
                         "Calls that the guest was entered for, their host calls included."}},
    [MOTE_SPAN_HOST_CALL] = {{"mote_host_function_calls_total", "Calls of host functions."},
                             {"mote_host_function_call_duration_seconds",
                              "Runs of host functions."}},
    [MOTE_SPAN_SNAPSHOT] = {{"mote_snapshots_total", "Snapshots taken."},
                            {"mote_snapshot_duration_seconds", "Taking a snapshot."}},
    [MOTE_SPAN_RESTORE] = {{"mote_restores_total", "Restores of snapshots."},
                           {"mote_restore_duration_seconds", "Restoring a snapshot."}},
};

static const char *const outcome_names[MT_N_OUTCOMES] = {
    [MOTE_CLASS_NONE] = "ok",
    [MOTE_CLASS_GUEST_ERROR] = "guest_error",
    [MOTE_CLASS_USAGE] = "usage",
    [MOTE_CLASS_LOAD] = "load",
    [MOTE_CLASS_GUEST_FAULT] = "guest_fault",
    [MOTE_CLASS_TIME_LIMIT] = "time_limit",
    [MOTE_CLASS_HOST] = "host",
};

/* In the order of enum mt_exit_kind; host/sandbox/observe.c holds the two together. */
static const char *const exit_names[MT_N_EXIT_KINDS] = {"port", "fault", "refused", "interrupted",
                                                        "died"};

static const struct name counters[MT_N_COUNTERS] = {
    [MT_COUNTER_DESTROYED] = {"mote_sandbox_destructions_total", "Sandboxes destroyed."},
    [MT_COUNTER_CANCELLED] = {"mote_cancelled_guest_executions_total",
                              "Calls and initialisations that were cancelled."},
    [MT_COUNTER_RESTORED_PAGES] = {"mote_restored_pages_total", "Pages that restores looked at."},
    [MT_COUNTER_LOG_RECORDS] = {"mote_log_records_total", "Log records of guests."},
    [MT_COUNTER_LOG_RECORDS_DROPPED] = {"mote_log_records_dropped_total",
                                        "Log records that the rate limit kept from the callback."},
};

static uint64_t read_count(const mt_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

static void put(struct writer *writer, const char *format, ...) MOTE_PRINTF(2, 3);
static void put(struct writer *writer, const char *format, ...)
{
    va_list args;
    bool fits = writer->n < writer->room;
    va_start(args, format);
    int n = vsnprintf(fits ? writer->to + writer->n : NULL, fits ? writer->room - writer->n : 0,
                      format, args);
    va_end(args);
    writer->n += n > 0 ? (size_t)n : 0;
}

static void put_head(struct writer *writer, const struct name *name, const char *type)
{
    put(writer, "# HELP %s %s\n# TYPE %s %s\n", name->name, name->help, name->name, type);
}

static void put_labelled(struct writer *writer, const struct name *name, const char *label,
                         const char *const *values, const mt_count *counts, size_t n)
{
    put_head(writer, name, "counter");
    for (size_t i = 0; i < n; i++)
        put(writer, "%s{%s=\"%s\"} %" PRIu64 "\n", name->name, label, values[i],
            read_count(&counts[i]));
}

/* Numbers are put together from whole ones: the locale's decimal point may be another. */
static void put_durations(struct writer *writer, const struct name *name,
                          const struct mt_durations *durations)
{
    uint64_t n = 0;
    put_head(writer, name, "histogram");
    for (size_t i = 0; i < MT_N_DURATION_BOUNDS; i++) {
        n += read_count(&durations->buckets[i]);
        put(writer, "%s_bucket{le=\"%u.%06u\"} %" PRIu64 "\n", name->name,
            mt_duration_bounds_us[i] / US_PER_S, mt_duration_bounds_us[i] % US_PER_S, n);
    }
    n += read_count(&durations->buckets[MT_N_DURATION_BOUNDS]);
    uint64_t sum_ns = read_count(&durations->sum_ns);
    put(writer, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name->name, n);
    put(writer, "%s_sum %" PRIu64 ".%09" PRIu64 "\n", name->name, sum_ns / NS_PER_S,
        sum_ns % NS_PER_S);
    put(writer, "%s_count %" PRIu64 "\n", name->name, n);
}

static void put_live(struct writer *writer, const mote_metrics *metrics)
{
    static const struct name name = {"mote_sandboxes", "Sandboxes that there are."};
    /* In this order: whoever is destroyed was created before. */
    uint64_t destroyed =
        atomic_load_explicit(&metrics->counters[MT_COUNTER_DESTROYED], memory_order_acquire);
    uint64_t created = read_count(&metrics->outcomes[MOTE_SPAN_CREATE][MOTE_CLASS_NONE]);
    put_head(writer, &name, "gauge");
    put(writer, "%s %" PRIu64 "\n", name.name, created > destroyed ? created - destroyed : 0);
}

/* A code that never came has no series. */
static void put_guest_codes(struct writer *writer, const mote_metrics *metrics)
{
    static const struct name name = {"mote_guest_errors_total",
                                     "Errors that guests reported, by code."};
    put_head(writer, &name, "counter");
    for (unsigned code = 0; code < MT_N_GUEST_CODES; code++) {
        uint64_t n = read_count(&metrics->guest_codes[code]);
        if (n > 0)
            put(writer, "%s{error_code=\"%u\"} %" PRIu64 "\n", name.name, code, n);
    }
    put(writer, "%s{error_code=\"other\"} %" PRIu64 "\n", name.name,
        read_count(&metrics->guest_codes[MT_N_GUEST_CODES]));
}

static void put_all(struct writer *writer, const mote_metrics *metrics)
{
    static const struct name exits = {"mote_exits_total", "Exits of guests, by kind."};
    put_live(writer, metrics);
    for (size_t i = 0; i < MT_N_SPAN_KINDS; i++) {
        put_labelled(writer, &operations[i].outcomes, "outcome", outcome_names,
                     metrics->outcomes[i], MT_N_OUTCOMES);
        put_durations(writer, &operations[i].durations, &metrics->durations[i]);
    }
    put_labelled(writer, &exits, "kind", exit_names, metrics->exits, MT_N_EXIT_KINDS);
    put_guest_codes(writer, metrics);
    for (size_t i = 0; i < MT_N_COUNTERS; i++) {
        put_head(writer, &counters[i], "counter");
        put(writer, "%s %" PRIu64 "\n", counters[i].name, read_count(&metrics->counters[i]));
    }
}

mote_status mote_metrics_prometheus(const mote_metrics *metrics, char *buffer, size_t room,
                                    size_t *needed, mote_error *err)
{
    if (metrics == NULL || (buffer == NULL && room > 0))
        return mt_fail(err, MOTE_E_ARGUMENT, "metrics or buffer is NULL");
    struct writer writer = {buffer, room, 0};
    put_all(&writer, metrics);
    if (needed != NULL)
        *needed = writer.n + 1;
    if (writer.n < room)
        return mt_outcome(MOTE_OK, err);
    if (room > 0)
        buffer[0] = '\0';
    return mt_fail(err, MOTE_E_TOO_LARGE, "metrics of %zu bytes do not fit in %zu", writer.n + 1,
                   room);
}
