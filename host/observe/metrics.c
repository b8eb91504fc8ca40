/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, by atomic additions that order nothing else. */
#include "host/observe/metrics.h"

#include "host/base/alloc.h"
#include "host/base/error.h"

#define NS_PER_US 1000u

const uint32_t mt_duration_bounds_us[MT_N_DURATION_BOUNDS] = {
    1,    2,    5,     10,    20,    50,     100,    200,    500,     1000,
    2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 10000000,
};

static void add(mt_count *count, uint64_t n)
{
    atomic_fetch_add_explicit(count, n, memory_order_relaxed);
}

mote_status mote_metrics_create(const mote_allocator *allocator, mote_metrics **out,
                                mote_error *err)
{
    mote_allocator used;
    if (out == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "out is NULL");
    if (!mt_allocator_set(&used, allocator))
        return mt_fail(err, MOTE_E_ARGUMENT, "a function of the allocator is NULL");
    mote_metrics *metrics = mt_alloc_zero(&used, sizeof(*metrics));
    if (metrics == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for metrics");
    metrics->allocator = used;
    atomic_init(&metrics->n_refs, 1);
    *out = metrics;
    return mt_outcome(MOTE_OK, err);
}

void mt_metrics_hold(mote_metrics *metrics)
{
    if (metrics != NULL)
        atomic_fetch_add(&metrics->n_refs, 1);
}

void mote_metrics_destroy(mote_metrics *metrics)
{
    if (metrics == NULL || atomic_fetch_sub(&metrics->n_refs, 1) != 1)
        return;
    mote_allocator allocator = metrics->allocator;
    mt_release(&allocator, metrics);
}

void mt_metrics_add(mote_metrics *metrics, enum mt_counter counter, uint64_t n)
{
    if (metrics != NULL)
        add(&metrics->counters[counter], n);
}

void mt_metrics_exit(mote_metrics *metrics, unsigned kind)
{
    if (metrics != NULL && kind < MT_N_EXIT_KINDS)
        add(&metrics->exits[kind], 1);
}

void mt_metrics_guest_error(mote_metrics *metrics, uint64_t code)
{
    if (metrics != NULL)
        add(&metrics->guest_codes[code < MT_N_GUEST_CODES ? code : MT_N_GUEST_CODES], 1);
}

void mt_metrics_outcome(mote_metrics *metrics, mote_span_kind kind, mote_status status)
{
    if (metrics != NULL)
        add(&metrics->outcomes[kind][mote_status_class(status)], 1);
}

void mt_metrics_duration(mote_metrics *metrics, mote_span_kind kind, uint64_t duration_ns)
{
    if (metrics == NULL)
        return;
    struct mt_durations *durations = &metrics->durations[kind];
    size_t at = 0;
    while (at < MT_N_DURATION_BOUNDS &&
           duration_ns > (uint64_t)mt_duration_bounds_us[at] * NS_PER_US)
        at++;
    add(&durations->buckets[at], 1);
    add(&durations->sum_ns, duration_ns);
}
