/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox tells those who watch it: metrics, and spans through the callback. */
#include "host/sandbox/sandbox.h"

#include "host/base/error.h"
#include "host/os/clock.h"
#include "host/os/process.h"

_Static_assert(MT_EXIT_PORT == 0 && MT_EXIT_FAULT == 1 && MT_EXIT_REFUSED == 2 &&
                   MT_EXIT_INTERRUPTED == 3 && MT_EXIT_DIED + 1 == MT_N_EXIT_KINDS,
               "host/observe/prometheus.c names the kinds of exits in this order");

static const char *const operation_names[MT_N_SPAN_KINDS] = {
    [MOTE_SPAN_CREATE] = "create",     [MOTE_SPAN_INIT] = "init",
    [MOTE_SPAN_CALL] = "call",         [MOTE_SPAN_HOST_CALL] = "host call",
    [MOTE_SPAN_SNAPSHOT] = "snapshot", [MOTE_SPAN_RESTORE] = "restore",
};

static mote_span span_of(const mote_sandbox *sandbox, mote_span_kind kind, const char *function)
{
    return (mote_span){
        .struct_size = sizeof(mote_span),
        .kind = kind,
        .operation = operation_names[kind],
        .function = function,
        .sandbox_id = sandbox->id,
    };
}

void mt_observe_begin(const mote_sandbox *sandbox, mote_span_kind kind, const char *function)
{
    if (sandbox->settings.span == NULL)
        return;
    mote_span span = span_of(sandbox, kind, function);
    span.time_ns = mt_clock_ns();
    sandbox->settings.span(sandbox->settings.span_context, &span);
}

static void tell_end(const mote_sandbox *sandbox, mote_span_kind kind, const char *function,
                     uint64_t started_ns, uint64_t now_ns, mote_status status)
{
    mote_span span = span_of(sandbox, kind, function);
    span.is_end = true;
    span.time_ns = now_ns;
    span.duration_ns = now_ns - started_ns;
    span.status = status;
    sandbox->settings.span(sandbox->settings.span_context, &span);
}

void mt_observe_tell_end(const mote_sandbox *sandbox, mote_span_kind kind, const char *function,
                         uint64_t started_ns, uint64_t now_ns, mote_status status)
{
    mote_metrics *metrics = sandbox->settings.metrics;
    if (metrics != NULL) {
        mt_metrics_outcome(metrics, kind, status);
        mt_metrics_duration(metrics, kind, now_ns - started_ns);
        if (status == MOTE_E_CANCELLED)
            mt_metrics_add(metrics, MT_COUNTER_CANCELLED, 1);
    }
    if (sandbox->settings.span != NULL)
        tell_end(sandbox, kind, function, started_ns, now_ns, status);
}

mote_status mt_observe_check_process(const mote_sandbox *sandbox, mote_error *err)
{
    if (mt_process_is(sandbox->process_mark))
        return MOTE_OK;
    return mt_fail(err, MOTE_E_FORKED, "a callback returned in a forked child");
}

void mt_observe_refused(const mote_sandbox *sandbox, mote_span_kind kind, mote_status status)
{
    mt_metrics_outcome(sandbox->settings.metrics, kind, status);
}
