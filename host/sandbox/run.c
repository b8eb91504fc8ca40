/* SPDX-License-Identifier: Apache-2.0 */
/* The loop over exits: the driver says what happened, this file decides what it means. */
#include "host/sandbox/sandbox.h"

#include "host/base/error.h"
#include "host/base/text.h"
#include "host/os/clock.h"
#include <inttypes.h>
#include <string.h>

#define NS_PER_US 1000u
#define LEAST_LOOK_NS 200000u

/* A guest cannot have had more processor time than time has passed: until then nobody looks. Nor so
 * soon that the time is up before it goes on: it would have no turn, and the rest of its processor
 * time never be up. */
static void look_again_in(struct mt_run *run, uint64_t now_ns, uint64_t after_ns)
{
    uint64_t look_ns = now_ns + (after_ns > LEAST_LOOK_NS ? after_ns : LEAST_LOOK_NS);
    run->deadline_ns = look_ns < run->wall_deadline_ns ? look_ns : run->wall_deadline_ns;
}

uint64_t mt_run_cpu_now(const struct mt_run *run)
{
    const mote_sandbox *sandbox = run->sandbox;
    return sandbox->settings.cpu_limit_us != 0 ? sandbox->driver->cpu_time_ns(sandbox->machine) : 0;
}

static void start_cpu_limit(struct mt_run *run)
{
    const mote_sandbox *sandbox = run->sandbox;
    if (sandbox->settings.cpu_limit_us == 0)
        return;
    run->cpu_started_ns = mt_run_cpu_now(run);
    look_again_in(run, run->started_ns, sandbox->settings.cpu_limit_us * NS_PER_US);
}

mote_status mt_run_begin(struct mt_run *run, mote_sandbox *sandbox, mote_span_kind kind,
                         const char *function, uint64_t limit_us, mote_error *err)
{
    if (sandbox->settings.span != NULL) {
        mt_observe_begin(sandbox, kind, function);
        mote_status process = mt_observe_check_process(sandbox, err);
        if (process != MOTE_OK)
            return process;
    }
    uint64_t now = mt_clock_ns();
    /* One by one: what a compiler makes of a list clears them all first. */
    run->sandbox = sandbox;
    run->kind = kind;
    run->phase = kind == MOTE_SPAN_CALL ? "call" : "init";
    run->function = function;
    run->done_state = MOTE_SANDBOX_READY;
    run->limit_us = limit_us;
    run->started_ns = now;
    run->deadline_ns = now + limit_us * NS_PER_US;
    run->wall_deadline_ns = run->deadline_ns;
    run->cpu_started_ns = 0;
    run->answered_ns = 0;
    run->late_function = NULL;
    start_cpu_limit(run);
    mote_status status = sandbox->driver->begin(sandbox->machine, run->deadline_ns, err);
    if (status != MOTE_OK) {
        mt_observe_end(sandbox, run->kind, run->function, run->started_ns, now, status);
        return status;
    }
    sandbox->stats.last_exits = 0;
    sandbox->stats.last_host_calls = 0;
    sandbox->last_fault.kind = MT_EXIT_PORT;
    mt_guard_start(&sandbox->guard);
    return MOTE_OK;
}

/* The state that an outcome leaves behind. */
static mote_sandbox_state state_after(const struct mt_run *run, mote_status status)
{
    if (status == MOTE_OK)
        return run->done_state;
    switch (mote_status_class(status)) {
    case MOTE_CLASS_GUEST_ERROR:
        return run->kind == MOTE_SPAN_CALL ? run->done_state : MOTE_SANDBOX_POISONED;
    case MOTE_CLASS_NONE:
    case MOTE_CLASS_USAGE:
    case MOTE_CLASS_LOAD:
    case MOTE_CLASS_GUEST_FAULT:
    case MOTE_CLASS_TIME_LIMIT:
    case MOTE_CLASS_HOST:
        break;
    }
    bool is_lost =
        status == MOTE_E_GUEST_DIED || status == MOTE_E_SYSTEM || status == MOTE_E_FORKED;
    return is_lost ? MOTE_SANDBOX_DEAD : MOTE_SANDBOX_POISONED;
}

mote_status mt_run_end(struct mt_run *run, mote_status status, mote_error *err)
{
    mote_sandbox *sandbox = run->sandbox;
    uint64_t now = mt_clock_ns();
    sandbox->stats.last_wall_us = (now - run->started_ns) / NS_PER_US;
    sandbox->stats.system_calls = sandbox->driver->n_system_calls(sandbox->machine);
    if (sandbox->worker != NULL)
        sandbox->stats.system_calls += mt_worker_n_system_calls(sandbox->worker);
    atomic_store(&sandbox->state, state_after(run, status));
    mt_guard_end(&sandbox->guard);
    if (status != MOTE_OK && mote_status_class(status) == MOTE_CLASS_GUEST_FAULT)
        mt_sandbox_dump_fault(sandbox, err);
    if (sandbox->n_log_dropped != 0)
        mt_records_tell_dropped(sandbox, now);
    mt_observe_end(sandbox, run->kind, run->function, run->started_ns, now, status);
    /* Whoever was first to find it has said where. */
    if (status == MOTE_E_FORKED)
        return status;
    mote_status process = mt_observe_check_process(sandbox, err);
    if (process == MOTE_OK)
        return status;
    atomic_store(&sandbox->state, MOTE_SANDBOX_DEAD);
    return process;
}

static mote_status out_of_time(const struct mt_run *run, uint64_t now, mote_error *err)
{
    uint64_t elapsed_us = (now - run->started_ns) / NS_PER_US;
    const char *function = run->late_function != NULL ? run->late_function : "";
    mote_status status = mt_fail(err, MOTE_E_TIME_LIMIT,
                                 "%s limit of %" PRIu64 " us passed, %" PRIu64 " us elapsed%s%s",
                                 run->phase, run->limit_us, elapsed_us,
                                 run->late_function != NULL ? ", in host function " : "", function);
    if (err == NULL)
        return status;
    err->limit = (mote_limit){"wall", "", run->limit_us, elapsed_us};
    mt_error_copy(err->limit.phase, sizeof(err->limit.phase), run->phase, strlen(run->phase));
    mt_error_copy(err->function, sizeof(err->function), function, strlen(function));
    return status;
}

static mote_status out_of_cpu_time(const struct mt_run *run, uint64_t used_us, mote_error *err)
{
    uint64_t limit_us = run->sandbox->settings.cpu_limit_us;
    mote_status status =
        mt_fail(err, MOTE_E_TIME_LIMIT,
                "%s limit of %" PRIu64 " us of processor time passed, %" PRIu64 " us used",
                run->phase, limit_us, used_us);
    if (err == NULL)
        return status;
    err->limit = (mote_limit){"cpu", "", limit_us, used_us};
    mt_error_copy(err->limit.phase, sizeof(err->limit.phase), run->phase, strlen(run->phase));
    return status;
}

static mote_status check_cpu_limit(struct mt_run *run, uint64_t now_ns, mote_error *err)
{
    const mote_sandbox *sandbox = run->sandbox;
    uint64_t limit_ns = sandbox->settings.cpu_limit_us * NS_PER_US;
    uint64_t now_used_ns = sandbox->driver->cpu_time_ns(sandbox->machine);
    /* Of a guest that is gone the driver may know less than before. */
    uint64_t used_ns = now_used_ns > run->cpu_started_ns ? now_used_ns - run->cpu_started_ns : 0;
    if (used_ns >= limit_ns)
        return out_of_cpu_time(run, used_ns / NS_PER_US, err);
    look_again_in(run, now_ns, limit_ns - used_ns);
    return sandbox->driver->begin(sandbox->machine, run->deadline_ns, err);
}

/* Whether a limit has passed at this moment. */
static mote_status check_limits(struct mt_run *run, uint64_t now_ns, mote_error *err)
{
    if (now_ns < run->deadline_ns || run->sandbox->driver->is_for_debugging)
        return MOTE_OK;
    if (now_ns >= run->wall_deadline_ns)
        return out_of_time(run, now_ns, err);
    return check_cpu_limit(run, now_ns, err);
}

static mote_status cancelled(const struct mt_run *run, mote_error *err)
{
    uint64_t elapsed_us = (mt_clock_ns() - run->started_ns) / NS_PER_US;
    mote_status status =
        mt_fail(err, MOTE_E_CANCELLED, "%s cancelled after %" PRIu64 " us", run->phase, elapsed_us);
    if (err == NULL)
        return status;
    err->limit = (mote_limit){"cancel", "", run->limit_us, elapsed_us};
    mt_error_copy(err->limit.phase, sizeof(err->limit.phase), run->phase, strlen(run->phase));
    return status;
}

/* Whether a limit has passed by now, or a cancel has come. */
static mote_status check_limits_and_cancel(struct mt_run *run, mote_error *err)
{
    if (mt_guard_is_cancelled(&run->sandbox->guard))
        return cancelled(run, err);
    return check_limits(run, mt_clock_ns(), err);
}

static mote_status bad_port(const struct mt_exit *exit, mote_error *err)
{
    return mt_fail_protocol(err, "port", exit->port.is_in ? "in" : "out", exit->port.number,
                            "port %u: %s of %u bytes, %" PRIu32 " times, is not in the ABI",
                            exit->port.number, exit->port.is_in ? "in" : "out",
                            exit->port.size_bytes, exit->port.count);
}

/* The elements that an exit is about: its records, topmost first, and under them its main message,
 * where the exit has one. */
static mote_status list_elements(mote_sandbox *sandbox, struct mt_element *elements,
                                 size_t n_records, size_t n_main, mote_error *err)
{
    size_t n_found = 0;
    if (n_records > MT_MAX_PENDING_RECORDS)
        return mt_fail_protocol(err, "output", "records", n_records,
                                "output buffer: %zu records at one exit, more than %u", n_records,
                                MT_MAX_PENDING_RECORDS);
    mote_status status =
        mt_buffers_list_output(&sandbox->buffers, elements, n_records + n_main, &n_found, err);
    if (status == MOTE_OK && n_found < n_records + n_main)
        return mt_fail_protocol(err, "output", "elements", n_found,
                                "output buffer: %zu elements where %zu were announced", n_found,
                                n_records + n_main);
    return status;
}

/* Functions of the host print and log. */
static mote_status deliver(struct mt_run *run, const struct mt_element *elements, size_t n_records,
                           mote_error *err)
{
    if (n_records == 0)
        return MOTE_OK;
    uint64_t cpu_before_ns = mt_run_cpu_now(run);
    mote_status status = mt_records_deliver(run->sandbox, elements, n_records, err);
    if (status == MOTE_OK)
        run->cpu_started_ns += mt_run_cpu_now(run) - cpu_before_ns;
    return status;
}

static mote_status take_records(struct mt_run *run, size_t n_records, mote_error *err)
{
    mote_sandbox *sandbox = run->sandbox;
    struct mt_element elements[MT_MAX_PENDING_RECORDS + 1];
    if (n_records == 0)
        return MOTE_OK;
    mote_status status = list_elements(sandbox, elements, n_records, 0, err);
    if (status == MOTE_OK)
        status = deliver(run, elements, n_records, err);
    if (status == MOTE_OK)
        mt_buffers_drop_from(&sandbox->buffers, &elements[n_records - 1]);
    return status;
}

/* Whoever is told of records takes as long as he likes, and a guest that only sends them hardly
 * runs: a driver that looks at the guest's time would not notice that the limit has passed. */
static mote_status answer_records(struct mt_run *run, size_t n_records, mote_error *err)
{
    mote_status status = take_records(run, n_records, err);
    return status == MOTE_OK ? check_limits(run, mt_clock_ns(), err) : status;
}

static mote_status take_host_call(struct mt_run *run, size_t n_records, bool tries, mote_error *err)
{
    mote_sandbox *sandbox = run->sandbox;
    struct mt_element elements[MT_MAX_PENDING_RECORDS + 1];
    mote_status status = list_elements(sandbox, elements, n_records, 1, err);
    if (status == MOTE_OK)
        status = deliver(run, elements, n_records, err);
    /* No function is begun for a call that is over by then. */
    if (status == MOTE_OK && n_records > 0)
        status = check_limits_and_cancel(run, err);
    if (status != MOTE_OK)
        return status;
    mt_buffers_drop_from(&sandbox->buffers, &elements[n_records]);
    status = tries ? mt_host_call_try(run, &elements[n_records], err)
                   : mt_host_call_answer(run, &elements[n_records], err);
    /* The guest is not let go on past its limit, however little it has left to do. */
    return status == MOTE_OK ? check_limits(run, run->answered_ns, err) : status;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The panic buffer's text is hostile: as many bytes as we have room for, up to the first NUL,
 * without blanks around it. Returns where it begins in room. */
static const char *read_panic(const mote_sandbox *sandbox, char room[MOTE_ERROR_MESSAGE_BYTES],
                              size_t *len_bytes)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    uint64_t size = layout->sizes.guest_panic;
    uint64_t len = size < MOTE_ERROR_MESSAGE_BYTES ? size : MOTE_ERROR_MESSAGE_BYTES;
    mt_guest_read(&sandbox->buffers.window, mt_gva(layout->start[MT_PLACE_PANIC]), room, len);
    const char *text = room;
    size_t n = strnlen(room, len);
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    while (n > 0 && is_blank(*text)) {
        text++;
        n--;
    }
    *len_bytes = n;
    return text;
}

static mote_status aborted(const mote_sandbox *sandbox, uint8_t code, mote_error *err)
{
    char room[MOTE_ERROR_MESSAGE_BYTES];
    char message[MOTE_ERROR_MESSAGE_BYTES];
    char escaped[MOTE_ERROR_TEXT_BYTES];
    size_t n = 0;
    const char *text = read_panic(sandbox, room, &n);
    mt_utf8_copy_lossy(message, sizeof(message), text, n);
    mt_escape(escaped, sizeof(escaped), text, n);
    mote_status status = mt_fail(err, MOTE_E_GUEST_ABORT, "guest aborted with code %u (%s)%s%s",
                                 code, mote_guest_code_name(code), n > 0 ? ": " : "", escaped);
    if (err == NULL)
        return status;
    err->guest_code = code;
    mt_error_copy(err->message, sizeof(err->message), message, strlen(message));
    return status;
}

/* What one exit through a port asks for. *is_done is set when the guest has finished. */
static mote_status answer_port(struct mt_run *run, const struct mt_exit *exit, bool *is_done,
                               mote_error *err)
{
    if (exit->port.is_in || exit->port.size_bytes != 1 || exit->port.count != 1)
        return bad_port(exit, err);
    uint8_t value = exit->port.value;
    switch (exit->port.number) {
    case MT_PORT_LOG:
        return answer_records(run, value == 0 ? 1 : value, err);
    case MT_PORT_CALL:
        return take_host_call(run, value, false, err);
    case MT_PORT_TRY_CALL:
        if (run->sandbox->image->parsed.facts.abi == MOTE_ABI_HYPERLIGHT_0_1)
            return bad_port(exit, err);
        return take_host_call(run, value, true, err);
    case MT_PORT_ABORT:
        return aborted(run->sandbox, value, err);
    case MT_PORT_DONE:
        *is_done = true;
        return take_records(run, value, err);
    default:
        return bad_port(exit, err);
    }
}

/* Guests of 0.1 finish by `hlt`; a mote guest that does has not said what its result is. */
static mote_status answer_fault(struct mt_run *run, const struct mt_exit *exit, bool *is_done,
                                mote_error *err)
{
    run->sandbox->last_fault = *exit;
    if (!mt_fault_is_finish(run->sandbox->template, exit))
        return mt_fault_report(run->sandbox, exit, err);
    if (run->sandbox->image->parsed.facts.abi != MOTE_ABI_HYPERLIGHT_0_1)
        return mt_fail(err, MOTE_E_NO_RESULT, "guest halted at 0x%" PRIx64, exit->fault.rip);
    *is_done = true;
    return MOTE_OK;
}

static mote_status answer_exit(struct mt_run *run, const struct mt_exit *exit, bool *is_done,
                               mote_error *err)
{
    if (run->sandbox->settings.metrics != NULL)
        mt_metrics_exit(run->sandbox->settings.metrics, exit->kind);
    if (exit->kind == MT_EXIT_INTERRUPTED)
        return check_limits_and_cancel(run, err); /* or the signal was neither */
    run->sandbox->stats.exits++;
    run->sandbox->stats.last_exits++;
    switch (exit->kind) {
    case MT_EXIT_PORT:
        return answer_port(run, exit, is_done, err);
    case MT_EXIT_FAULT:
        return answer_fault(run, exit, is_done, err);
    case MT_EXIT_REFUSED:
        run->sandbox->last_fault = *exit;
        return mt_fault_report(run->sandbox, exit, err);
    case MT_EXIT_DIED:
        return mt_fail(err, MOTE_E_GUEST_DIED, "%s", exit->died);
    case MT_EXIT_INTERRUPTED:
        break;
    }
    return mt_fail(err, MOTE_E_BUG, "exit of unknown kind %d", (int)exit->kind);
}

mote_status mt_run_until_done(struct mt_run *run, mote_error *err)
{
    mote_sandbox *sandbox = run->sandbox;
    bool is_done = false;
    while (!is_done) {
        struct mt_exit exit;
        if (mt_guard_is_cancelled(&sandbox->guard))
            return cancelled(run, err);
        mote_status status = sandbox->driver->run(sandbox->machine, &exit, err);
        if (status == MOTE_OK)
            status = answer_exit(run, &exit, &is_done, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}
