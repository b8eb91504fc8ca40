/* SPDX-License-Identifier: Apache-2.0 */
/* mote bench: many warm calls, each timed. */
#include "tools/mote/command.h"

#include "tools/mote/output.h"
#include "tools/mote/report.h"
#include "tools/mote/session.h"
#include "tools/mote/text.h"
#include "tools/mote/usage.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Calls before the first timed one: they touch the memory that all later ones use. */
#define N_WARM_UP 3

struct measurement {
    uint64_t *times_ns; /* one for each call; sorted once all are done */
    uint64_t n_calls;
    mote_sandbox_stats before;
    mote_sandbox_stats after;
};

/* A share of the calls that were as fast or faster. */
struct percentile {
    const char *name;
    unsigned int percent;
};

static const struct percentile percentiles[] = {
    {"min", 0}, {"p50", 50}, {"p90", 90}, {"p99", 99}, {"max", 100},
};

/* What is counted, per call. */
struct count {
    const char *key;
    const char *name;
    size_t field; /* offset in mote_sandbox_stats */
};

static const struct count counts[] = {
    {"exits", "exits", offsetof(mote_sandbox_stats, exits)},
    {"host_calls", "host calls", offsetof(mote_sandbox_stats, host_calls)},
    {"system_calls", "system calls", offsetof(mote_sandbox_stats, system_calls)},
};

#define N_PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))
#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))
#define FIXED_BYTES 32

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Nothing is printed or allocated between the calls: what standard error takes to write would be
 * measured as the guest's. */
static mote_status time_calls(struct session *session, struct measurement *measurement,
                              mote_error *err)
{
    mote_value result;
    session_end_output(session);
    session->output.is_off = true;
    for (uint64_t i = 0; i < measurement->n_calls; i++) {
        uint64_t start_ns = now_ns();
        mote_status status = session_call(session, &result, err);
        measurement->times_ns[i] = now_ns() - start_ns;
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

static mote_status warm_up(struct session *session, mote_error *err)
{
    mote_value result;
    mote_status status = MOTE_OK;
    for (int i = 0; i < N_WARM_UP && status == MOTE_OK; i++)
        status = session_call(session, &result, err);
    return status;
}

static mote_status count(struct session *session, mote_sandbox_stats *stats, mote_error *err)
{
    stats->struct_size = sizeof(*stats);
    return mote_sandbox_stats_get(session->sandbox, stats, err);
}

static int compare_times(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static mote_status measure(struct session *session, struct measurement *measurement,
                           mote_error *err)
{
    size_t len_bytes = measurement->n_calls * sizeof(measurement->times_ns[0]);
    measurement->times_ns = malloc(len_bytes);
    if (measurement->times_ns == NULL)
        return memory_fail(err);
    memset(measurement->times_ns, 1, len_bytes); /* pages it now, not between calls */
    mote_status status = warm_up(session, err);
    if (status == MOTE_OK)
        status = count(session, &measurement->before, err);
    if (status == MOTE_OK)
        status = time_calls(session, measurement, err);
    if (status == MOTE_OK)
        status = count(session, &measurement->after, err);
    if (status == MOTE_OK)
        qsort(measurement->times_ns, measurement->n_calls, sizeof(measurement->times_ns[0]),
              compare_times);
    session_end_output(session);
    return status;
}

/* By nearest rank: the smallest time that percent of all calls do not pass. */
static uint64_t time_at_ns(const struct measurement *measurement, unsigned int percent)
{
    uint64_t rank = (measurement->n_calls * percent + 99) / 100;
    return measurement->times_ns[rank > 0 ? rank - 1 : 0];
}

/* A number of thousandths with three digits behind the point. */
static const char *fixed(char to[FIXED_BYTES], uint64_t thousandths)
{
    snprintf(to, FIXED_BYTES, "%" PRIu64 ".%03" PRIu64, thousandths / 1000, thousandths % 1000);
    return to;
}

static uint64_t per_call_thousandths(const struct measurement *measurement, size_t field)
{
    uint64_t before;
    uint64_t after;
    memcpy(&before, (const char *)&measurement->before + field, sizeof(before));
    memcpy(&after, (const char *)&measurement->after + field, sizeof(after));
    return ((after - before) * 1000 + measurement->n_calls / 2) / measurement->n_calls;
}

static int print_json(const struct session *session, const struct measurement *measurement)
{
    struct json json = {0};
    char number[FIXED_BYTES];
    json_open(&json, NULL, '{');
    json_bool(&json, "ok", true);
    json_text(&json, "function", options_function(session->options));
    json_text(&json, "driver", mote_sandbox_driver(session->sandbox));
    json_unsigned(&json, "calls", measurement->n_calls);
    json_bool(&json, "restore", session->options->restore);
    json_open(&json, "us", '{');
    for (size_t i = 0; i < N_PERCENTILES; i++)
        json_literal(&json, percentiles[i].name,
                     fixed(number, time_at_ns(measurement, percentiles[i].percent)));
    json_close(&json, '}');
    json_open(&json, "per_call", '{');
    for (size_t i = 0; i < N_COUNTS; i++)
        json_literal(&json, counts[i].key,
                     fixed(number, per_call_thousandths(measurement, counts[i].field)));
    json_close(&json, '}');
    json_close(&json, '}');
    return report_json_end(&json, 0);
}

static mote_status print_text(const struct session *session, const struct measurement *measurement,
                              mote_error *err)
{
    char text[1024] = "";
    char number[FIXED_BYTES];
    text_append(text, sizeof(text), "%" PRIu64 " calls, driver %s\n", measurement->n_calls,
                mote_sandbox_driver(session->sandbox));
    for (size_t i = 0; i < N_PERCENTILES; i++)
        text_append(text, sizeof(text), "%-13s %12s us\n", percentiles[i].name,
                    fixed(number, time_at_ns(measurement, percentiles[i].percent)));
    for (size_t i = 0; i < N_COUNTS; i++)
        text_append(text, sizeof(text), "%-13s %12s per call\n", counts[i].name,
                    fixed(number, per_call_thousandths(measurement, counts[i].field)));
    return output_result(text, strlen(text), err);
}

static int run(struct session *session, struct measurement *measurement,
               const struct options *options)
{
    mote_error err;
    mote_status status = session_open(session, options, &err);
    if (status == MOTE_OK)
        status = measure(session, measurement, &err);
    if (status == MOTE_OK && options->json)
        return print_json(session, measurement);
    if (status == MOTE_OK)
        status = print_text(session, measurement, &err);
    return status == MOTE_OK ? 0 : session_report(session, &err);
}

int command_bench(const struct options *options)
{
    struct session session;
    struct measurement measurement = {.n_calls = options->calls};
    int exit_status = run(&session, &measurement, options);
    free(measurement.times_ns);
    session_close(&session);
    return exit_status;
}
