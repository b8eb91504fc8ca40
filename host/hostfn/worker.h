/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: a thread under a filter of system calls, on which a sandbox runs its host functions.
 * Its filter reports what it does not allow, and who waits for the function decides by the number
 * alone: the registers behind it may point to memory that other threads change.
 *
 * One job at a time; who uses a worker sees to it. Everything below is for the process that made
 * it, but for mt_worker_destroy().
 */
#ifndef MOTE_HOST_HOSTFN_WORKER_H
#define MOTE_HOST_HOSTFN_WORKER_H

#include "host/base/alloc.h"
#include "host/hostfn/system_calls.h"

struct mt_worker;

/* What is to be said of a job besides what it says itself. */
struct mt_verdict {
    bool has_ended_thread; /* instead of returning */
    bool is_refused;       /* a system call was: the first one's facts follow */
    bool is_foreign;       /* of another architecture, where the number means something else */
    int number;
};

/* Start the thread and put it under its filter. MOTE_E_MEMORY, MOTE_E_SYSTEM. */
mote_status mt_worker_create(const mote_allocator *allocator, struct mt_worker **out,
                             mote_error *err);

/* End the thread; NULL is a no-op. In a forked child, which has none, its copies are released.
 * Where the caller may not listen to it, as a thread under another filter, thread and memory stay.
 */
void mt_worker_destroy(struct mt_worker *worker, bool is_copy);

/* Have fn run, and wait until it is done. It may make the system calls of the set, too; any other
 * is EPERM to it. Where the last job has ended its thread, another one is started. A thread that is
 * cancelled (pthread_cancel()) waits on. MOTE_E_SYSTEM: fn was not run, or nobody knows how it
 * ended; in either case it runs no more. */
mote_status mt_worker_run(struct mt_worker *worker, const struct mt_system_calls *allowed,
                          void (*fn)(void *context), void *context, struct mt_verdict *verdict,
                          mote_error *err);

/* How many system calls both sides made to hand jobs over, notifications of jobs included. */
uint64_t mt_worker_n_system_calls(const struct mt_worker *worker);

#endif
