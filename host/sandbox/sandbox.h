/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a sandbox.
 *
 *   lifecycle.c  create, register, destroy
 *   call.c       initialise and call: what happens before and after the guest runs
 *   check.c      a call against the guest's function table
 *   run.c        the loop over exits
 *   host_call.c  answering a host call
 *   records.c    log records and printed text
 *   fault.c      from an exception to a cause
 *   guard.c      one operation at a time; cancel
 *   choose.c     which driver
 *   settings.c   from mote_config to sizes and limits
 *   template.c   what sandboxes of one image share
 *   snapshot.c   snapshots, and the stack of them
 *   dump.c       core files
 *   observe.c    metrics and spans
 *   lifecycle_table.c  which operation each state accepts
 */
#ifndef MOTE_HOST_SANDBOX_SANDBOX_H
#define MOTE_HOST_SANDBOX_SANDBOX_H

#include "host/hostfn/registry.h"
#include "host/hostfn/worker.h"
#include "host/memory/buffers.h"
#include "host/observe/metrics.h"
#include "host/observe/rate.h"
#include "host/sandbox/guard.h"
#include "host/sandbox/settings.h"
#include "host/sandbox/snapshot.h"
#include "host/sandbox/template.h"
#include <mote/sandbox.h>

struct mote_sandbox {
    mote_allocator allocator;       /* (c) */
    mote_image *image;              /* (c) */
    struct mt_template *template;   /* (c) */
    const struct mt_driver *driver; /* (c) */
    struct mt_machine *machine;     /* (c) */
    struct mt_settings settings;    /* (c) */
    uint64_t process_mark;          /* (c) */
    uint64_t id;                    /* (c) no two of the process have the same */
    struct mt_guard guard;          /* who may touch what is marked (g) */
    _Atomic int state;              /* mote_sandbox_state: (g) to change, free to read */
    unsigned n_evolutions;          /* (g) that come back to it */
    struct mt_buffers buffers;      /* (g) */
    struct mt_registry registry;    /* (g) */
    const mote_function *latest;    /* (g) that was called; NULL before the first */
    size_t latest_name_bytes;       /* (g) */
    struct mt_worker *worker;       /* (c) NULL: host functions run on the calling thread */
    struct mt_copy result_copy;  /* (g) the last result's message: the caller's views point here */
    struct mt_copy message_copy; /* (g) the message that is being looked at */
    struct mt_history history;   /* (g) */
    struct mt_exit last_fault;   /* (g) or halt of the last run; its kind says whether it was one */
    uint64_t dispatch;           /* (g) where a 0.1 guest wants its calls */
    mote_sandbox_stats stats;    /* (g) */
    struct mt_rate log_rate;     /* (g) where the settings limit it */
    uint64_t n_log_dropped;      /* (g) records that nobody has been told of yet */
    /* (c): set at creation. (g): belongs to whom the guard let in */
};

/* One run of the guest: its initialisation, or one call. */
struct mt_run {
    mote_sandbox *sandbox;
    mote_span_kind kind;           /* MOTE_SPAN_INIT or MOTE_SPAN_CALL */
    const char *phase;             /* "init" or "call" */
    const char *function;          /* that is called; "" in a guest's initialisation */
    mote_sandbox_state done_state; /* that success leaves behind */
    uint64_t limit_us;
    uint64_t started_ns;
    uint64_t deadline_ns;      /* when to look at the limits; the earliest that one can pass */
    uint64_t wall_deadline_ns; /* the limit on wall clock */
    uint64_t cpu_started_ns;   /* where there is a limit on processor time */
    uint64_t answered_ns;      /* when the last host call was answered */
    const char *late_function; /* the host function that ran past the limit; NULL for none */
};

/* Begin a run: the calling thread's alarm, the deadline. Cancels count from here on. */
mote_status mt_run_begin(struct mt_run *run, mote_sandbox *sandbox, mote_span_kind kind,
                         const char *function, uint64_t limit_us, mote_error *err);
/* Let the guest go until it says that it is done, and answer it on the way. */
mote_status mt_run_until_done(struct mt_run *run, mote_error *err);
/* Processor time of the guest; 0 where nothing limits it. What functions of the host use between
 * two looks is none of it, and is added to when the run began. */
uint64_t mt_run_cpu_now(const struct mt_run *run);
/* End a run that was begun: count, and set the state that it leaves behind. The guard stays
 * claimed. Returns the status, or MOTE_E_FORKED where who was told of the end has forked. */
mote_status mt_run_end(struct mt_run *run, mote_status status, mote_error *err);

/* Whether anybody watches, so that reading the clock is worth it. */
static inline bool mt_observe_is_on(const mote_sandbox *sandbox)
{
    return sandbox->settings.metrics != NULL || sandbox->settings.span != NULL;
}

/* An operation begins, and ends: its spans, its count, its duration. function may be "". */
void mt_observe_begin(const mote_sandbox *sandbox, mote_span_kind kind, const char *function);
void mt_observe_tell_end(const mote_sandbox *sandbox, mote_span_kind kind, const char *function,
                         uint64_t started_ns, uint64_t now_ns, mote_status status);
static inline void mt_observe_end(const mote_sandbox *sandbox, mote_span_kind kind,
                                  const char *function, uint64_t started_ns, uint64_t now_ns,
                                  mote_status status)
{
    if (mt_observe_is_on(sandbox))
        mt_observe_tell_end(sandbox, kind, function, started_ns, now_ns, status);
}
/* Whoever was told may have forked, and guest memory is not in the child: MOTE_E_FORKED there. */
mote_status mt_observe_check_process(const mote_sandbox *sandbox, mote_error *err);
/* An operation was refused before it began. */
void mt_observe_refused(const mote_sandbox *sandbox, mote_span_kind kind, mote_status status);

/* Write the core file that the settings ask for at a fault. */
void mt_sandbox_dump_fault(mote_sandbox *sandbox, mote_error *err);

/* Give out the top n_records elements of the output buffer, oldest first. elements lists them,
 * topmost first. */
mote_status mt_records_deliver(mote_sandbox *sandbox, const struct mt_element *elements,
                               size_t n_records, mote_error *err);

/* Tell the callback how many records were dropped, once the limit lets records through again. */
void mt_records_tell_dropped(mote_sandbox *sandbox, uint64_t now_ns);

/* Answer the host call in an element. A guest that tries is told of a failure, and goes on. */
mote_status mt_host_call_answer(struct mt_run *run, const struct mt_element *element,
                                mote_error *err);
mote_status mt_host_call_try(struct mt_run *run, const struct mt_element *element, mote_error *err);
/* Run a host function where this sandbox runs them. *returned is what it returned; MOTE_OK: it did
 * so, and made no system call that its filter refuses. */
mote_status mt_host_function_run(mote_sandbox *sandbox, const struct mt_host_function *function,
                                 const mote_value *args, size_t n_args, mote_value *result,
                                 mote_error *host_err, mote_status *returned, mote_error *err);
/* Fill the error of one that returned something else than MOTE_OK: with its own code and text. */
mote_status mt_host_function_failed(const mote_host_function *function, mote_status returned,
                                    const mote_error *host_err, mote_error *err);
/* HostPrint as every sandbox has it; context is the sandbox. */
mote_status mt_host_print(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err);

/* Check a call against the guest's table, and settle the type of its result. */
mote_status mt_check_call(const struct mt_image *image, const char *name, const mote_value *args,
                          size_t n_args, mote_type asked, mote_type *returns, mote_error *err);
/* The same for the function that the table has by that name; NULL for none. */
mote_status mt_check_call_of(const struct mt_image *image, const mote_function *function,
                             const char *name, const mote_value *args, size_t n_args,
                             mote_type asked, mote_type *returns, mote_error *err);

/* Whether a fault is a 0.1 guest's way of saying "finished". */
bool mt_fault_is_finish(const struct mt_template *template, const struct mt_exit *exit);
/* Fill the error of a fault. */
mote_status mt_fault_report(const mote_sandbox *sandbox, const struct mt_exit *exit,
                            mote_error *err);

#endif
