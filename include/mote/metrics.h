/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: counts and durations of any number of sandboxes, as text for Prometheus. */
#ifndef MOTE_METRICS_H
#define MOTE_METRICS_H

#include <mote/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What sandboxes count: creations, calls, host calls, exits, guest errors, restores, how long they
 * took. docs/observability.md lists all of them.
 *
 * Nothing is counted unless the caller makes metrics and names them in mote_config. Sandboxes of
 * any threads and images may share them; counting is atomic additions, without a lock or a system
 * call. No name and no label holds text that a guest could choose.
 */
typedef struct mote_metrics mote_metrics;

/** A room that is always enough for the text of mote_metrics_prometheus(), its NUL included. */
#define MOTE_METRICS_TEXT_BYTES 32768

/**
 * Make metrics, all zero.
 *
 * Units: none.
 * Owner: the caller owns *out and gives it back with mote_metrics_destroy(). allocator is copied;
 * NULL stands for malloc.
 * Threads: any.
 * Errors: MOTE_E_ARGUMENT (out is NULL, or the allocator lacks a function), MOTE_E_MEMORY. *out is
 * untouched.
 */
MOTE_NODISCARD mote_status mote_metrics_create(const mote_allocator *allocator, mote_metrics **out,
                                               mote_error *err);

/**
 * Give metrics back; NULL is a no-op.
 *
 * Units: none.
 * Owner: they are freed once all sandboxes that count into them are destroyed as well.
 * Threads: any.
 * Errors: none.
 */
void mote_metrics_destroy(mote_metrics *metrics);

/**
 * Write metrics as text in the exposition format of Prometheus, version 0.0.4.
 *
 * Each number is read once; a call that ends meanwhile may be in one of them and not yet in
 * another.
 *
 * Units: bytes.
 * Owner: buffer is the caller's, and may be NULL if room is 0. *needed, unless needed is NULL,
 * becomes the size of the text, its NUL included, even if room is too small.
 * Threads: any, also while sandboxes count.
 * Errors: MOTE_E_ARGUMENT (metrics is NULL, or buffer is NULL and room is not 0), MOTE_E_TOO_LARGE
 * (the text does not fit in room; buffer then holds an empty text, unless room is 0).
 */
MOTE_NODISCARD mote_status mote_metrics_prometheus(const mote_metrics *metrics, char *buffer,
                                                   size_t room, size_t *needed, mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
