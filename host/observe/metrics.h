/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting. Every function accepts NULL for metrics, and then does nothing: that branch is all that
 * sandboxes without metrics pay. Nothing here takes text: what a label can say stands in tables.
 */
#ifndef MOTE_HOST_OBSERVE_METRICS_H
#define MOTE_HOST_OBSERVE_METRICS_H

#include <mote/metrics.h>
#include <stdatomic.h>

#define MT_N_SPAN_KINDS 6u
#define MT_N_OUTCOMES 7u /* the classes of mote_class, from MOTE_CLASS_NONE on */
#define MT_N_EXIT_KINDS 5u
/* Codes of guest errors with a series of their own. A guest may choose any code: the others share
 * one. */
#define MT_N_GUEST_CODES 64u
/* Upper bounds of the buckets; one more bucket has what is over the last. */
#define MT_N_DURATION_BOUNDS 20u

enum mt_counter {
    MT_COUNTER_DESTROYED,
    MT_COUNTER_CANCELLED,
    MT_COUNTER_RESTORED_PAGES,
    MT_COUNTER_LOG_RECORDS,
    MT_COUNTER_LOG_RECORDS_DROPPED,
    MT_N_COUNTERS
};

typedef _Atomic uint64_t mt_count;

struct mt_durations {
    mt_count buckets[MT_N_DURATION_BOUNDS + 1];
    mt_count sum_ns;
};

struct mote_metrics {
    mote_allocator allocator;
    _Atomic uint64_t n_refs; /* the caller's, and one for each sandbox */
    mt_count outcomes[MT_N_SPAN_KINDS][MT_N_OUTCOMES];
    struct mt_durations durations[MT_N_SPAN_KINDS];
    mt_count exits[MT_N_EXIT_KINDS];
    mt_count guest_codes[MT_N_GUEST_CODES + 1];
    mt_count counters[MT_N_COUNTERS];
};

/* In microseconds, ascending. */
extern const uint32_t mt_duration_bounds_us[MT_N_DURATION_BOUNDS];

/* Take a reference, which mote_metrics_destroy() gives back. */
void mt_metrics_hold(mote_metrics *metrics);

void mt_metrics_add(mote_metrics *metrics, enum mt_counter counter, uint64_t n);
void mt_metrics_exit(mote_metrics *metrics, unsigned kind);
void mt_metrics_guest_error(mote_metrics *metrics, uint64_t code);
/* How an operation came out; and, of one that began, how long it took. */
void mt_metrics_outcome(mote_metrics *metrics, mote_span_kind kind, mote_status status);
void mt_metrics_duration(mote_metrics *metrics, mote_span_kind kind, uint64_t duration_ns);

#endif
