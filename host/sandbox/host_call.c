/* SPDX-License-Identifier: Apache-2.0 */
/* Answering a host call. */
#include "host/sandbox/sandbox.h"

#include "host/base/error.h"
#include "host/base/text.h"
#include "host/hostfn/marshal.h"
#include "host/memory/exception.h"
#include "host/os/clock.h"
#include "host/os/process.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_US 1000u

static void name_function(mote_error *err, const char *name, size_t name_bytes)
{
    if (err != NULL)
        mt_utf8_copy_lossy(err->function, sizeof(err->function), name, name_bytes);
}

static mote_status unknown(const char *name, size_t name_bytes, const char *why, mote_error *err)
{
    char escaped[MOTE_ERROR_NAME_BYTES * 2];
    mt_escape(escaped, sizeof(escaped), name, name_bytes);
    mote_status status =
        mt_fail(err, MOTE_E_HOST_FUNCTION_UNKNOWN, "host function %s %s", escaped, why);
    name_function(err, name, name_bytes);
    return status;
}

static mote_status wrong_arguments(const mote_host_function *function,
                                   const struct mt_wire_call *call, size_t at, mote_error *err)
{
    mote_status status;
    if (call->n_params != function->n_params)
        status = mt_fail(err, MOTE_E_HOST_FUNCTION_ARGUMENTS,
                         "host function %s takes %zu arguments and got %zu", function->name,
                         function->n_params, call->n_params);
    else
        status = mt_fail(err, MOTE_E_HOST_FUNCTION_ARGUMENTS,
                         "argument %zu of host function %s is %s and got %s", at, function->name,
                         mote_type_name(function->params[at]),
                         mote_type_name((mote_type)call->params[at].type));
    name_function(err, function->name, strlen(function->name));
    return status;
}

static mote_status take_arguments(const mote_host_function *function,
                                  const struct mt_wire_call *call, mote_value *args,
                                  mote_error *err)
{
    if (call->n_params != function->n_params)
        return wrong_arguments(function, call, 0, err);
    for (size_t i = 0; i < call->n_params; i++) {
        if ((int)call->params[i].type != (int)function->params[i])
            return wrong_arguments(function, call, i, err);
        args[i] = mt_value_from_wire(&call->params[i]);
    }
    return MOTE_OK;
}

mote_status mt_host_function_failed(const mote_host_function *function, mote_status returned,
                                    const mote_error *host_err, mote_error *err)
{
    char escaped[MOTE_ERROR_TEXT_BYTES];
    const char *message = host_err->message;
    if (returned != MOTE_E_HOST_FUNCTION)
        message = mote_status_meaning(returned);
    mt_escape(escaped, sizeof(escaped), message, strlen(message));
    mote_status status =
        mt_fail(err, MOTE_E_HOST_FUNCTION, "host function %s failed with code %llu: %s",
                function->name, (unsigned long long)host_err->guest_code, escaped);
    if (err == NULL)
        return status;
    name_function(err, function->name, strlen(function->name));
    err->guest_code = host_err->guest_code;
    mt_utf8_copy_lossy(err->message, sizeof(err->message), message, strlen(message));
    return status;
}

/* ---- Where it runs ---- */

struct job {
    const void *identity; /* of who waits for it */
    const mote_host_function *function;
    const mote_value *args;
    size_t n_args;
    mote_value *result;
    mote_error *host_err;
    mote_status returned;
};

static void do_job(void *context)
{
    struct job *job = context;
    const mote_host_function *function = job->function;
    mt_guard_act_for(job->identity);
    job->returned =
        function->fn(function->context, job->args, job->n_args, job->result, job->host_err);
    mt_guard_act_for(NULL);
}

static mote_status refused(const char *function, const struct mt_verdict *verdict, mote_error *err)
{
    const char *name = verdict->is_foreign ? NULL : mt_system_call_name(verdict->number);
    char what[48];
    if (name != NULL)
        snprintf(what, sizeof(what), "%s (%d)", name, verdict->number);
    else
        snprintf(what, sizeof(what), "%d%s", verdict->number,
                 verdict->is_foreign ? " of another architecture" : "");
    mote_status status = mt_fail(err, MOTE_E_SYSTEM_CALL,
                                 "host function %s was refused system call %s", function, what);
    if (err == NULL)
        return status;
    err->os_errno = EPERM;
    mt_error_copy(err->subject, sizeof(err->subject), what, strlen(what));
    name_function(err, function, strlen(function));
    return status;
}

static mote_status ended_thread(const char *function, mote_error *err)
{
    mote_status status =
        mt_fail(err, MOTE_E_HOST_FUNCTION, "host function %s ended its thread", function);
    name_function(err, function, strlen(function));
    return status;
}

mote_status mt_host_function_run(mote_sandbox *sandbox, const struct mt_host_function *function,
                                 const mote_value *args, size_t n_args, mote_value *result,
                                 mote_error *host_err, mote_status *returned, mote_error *err)
{
    struct job job = {.identity = mt_guard_identity(),
                      .function = &function->as_registered,
                      .args = args,
                      .n_args = n_args,
                      .result = result,
                      .host_err = host_err};
    struct mt_verdict verdict;
    /* The library's own printing is no host function of the program's. */
    if (sandbox->worker == NULL || job.function->fn == mt_host_print) {
        *returned = job.function->fn(job.function->context, args, n_args, result, host_err);
        return MOTE_OK;
    }
    mote_status status =
        mt_worker_run(sandbox->worker, &function->allowed, do_job, &job, &verdict, err);
    if (status != MOTE_OK)
        return status;
    if (verdict.is_refused)
        return refused(job.function->name, &verdict, err);
    if (verdict.has_ended_thread)
        return ended_thread(job.function->name, err);
    *returned = job.returned;
    return MOTE_OK;
}

static mote_status check_and_put(mote_sandbox *sandbox, const mote_host_function *function,
                                 const mote_value *result, mote_error *err)
{
    struct mt_wire_value wire;
    if (result->type != function->returns)
        return mt_fail(err, MOTE_E_HOST_FUNCTION, "result of host function %s is %s and got %s",
                       function->name, mote_type_name(function->returns),
                       mote_type_name(result->type));
    if (mt_value_to_wire(result, true, "", &wire, NULL) != MOTE_OK)
        return mt_fail(err, MOTE_E_HOST_FUNCTION, "result of host function %s is not valid",
                       function->name);
    return mt_buffers_put_result(&sandbox->buffers, &wire, err);
}

static mote_status put_result(mote_sandbox *sandbox, const mote_host_function *function,
                              const mote_value *result, mote_error *err)
{
    mote_status status = check_and_put(sandbox, function, result, err);
    if (status != MOTE_OK)
        name_function(err, function->name, strlen(function->name));
    return status;
}

/* Run the function and give the guest its result. When it returned is noted, and its name if it ran
 * far past the limit. */
static mote_status run_function(struct mt_run *run, const struct mt_host_function *entry,
                                const mote_value *args, size_t n_args, mote_error *err)
{
    const mote_host_function *function = &entry->as_registered;
    mote_value result = mote_void();
    mote_error host_err;
    host_err.code = MOTE_OK;
    host_err.guest_code = 0;
    host_err.message[0] = '\0';
    run->sandbox->stats.host_calls++;
    run->sandbox->stats.last_host_calls++;
    uint64_t started_ns = 0;
    if (mt_observe_is_on(run->sandbox)) {
        mt_observe_begin(run->sandbox, MOTE_SPAN_HOST_CALL, function->name);
        mote_status process = mt_observe_check_process(run->sandbox, err);
        if (process != MOTE_OK)
            return process;
        started_ns = mt_clock_ns();
    }
    uint64_t cpu_before_ns = mt_run_cpu_now(run);
    mote_status returned = MOTE_OK;
    mote_status status =
        mt_host_function_run(run->sandbox, entry, args, n_args, &result, &host_err, &returned, err);
    if (!mt_process_is(run->sandbox->process_mark))
        return mt_fail(err, MOTE_E_FORKED, "host function %s returned in a forked child",
                       function->name);
    run->cpu_started_ns += mt_run_cpu_now(run) - cpu_before_ns;
    uint64_t latest = run->wall_deadline_ns + run->sandbox->settings.cancel_wait_us * NS_PER_US;
    run->answered_ns = mt_clock_ns();
    if (run->answered_ns > latest)
        run->late_function = function->name;
    if (status == MOTE_OK && returned != MOTE_OK)
        status = mt_host_function_failed(function, returned, &host_err, err);
    if (status == MOTE_OK)
        status = put_result(run->sandbox, function, &result, err);
    mt_observe_end(run->sandbox, MOTE_SPAN_HOST_CALL, function->name, started_ns, run->answered_ns,
                   status);
    mote_status process = mt_observe_check_process(run->sandbox, err);
    return process == MOTE_OK ? status : process;
}

static mote_status read_call(mote_sandbox *sandbox, const struct mt_element *element,
                             struct mt_wire_call *call, mote_error *err)
{
    struct mt_wire_fault fault;
    size_t len_bytes = 0;
    mote_status status = mt_buffers_copy(&sandbox->buffers, element, &sandbox->allocator,
                                         &sandbox->message_copy, &len_bytes, err);
    if (status != MOTE_OK)
        return status;
    if (!mt_wire_read_call(sandbox->message_copy.data, len_bytes, call, &fault))
        return mt_fail_protocol(err, "output", fault.field, fault.value,
                                "host call: malformed %s 0x%llx", fault.field,
                                (unsigned long long)fault.value);
    if (call->call_type != MT_WIRE_CALL_HOST)
        return mt_fail_protocol(err, "output", "function_call_type", call->call_type,
                                "host call: function_call_type %d is not host",
                                (int)call->call_type);
    return MOTE_OK;
}

/* The function that a host call is for, and its arguments; or why it is refused. */
static mote_status admit(const mote_sandbox *sandbox, const struct mt_wire_call *call,
                         const struct mt_host_function **function, mote_value *args,
                         mote_error *err)
{
    const char *name = (const char *)call->name.data;
    *function = mt_registry_find(&sandbox->registry, name, call->name.len);
    if (*function == NULL)
        return unknown(name, call->name.len, "is not registered", err);
    bool is_init = atomic_load(&sandbox->state) == MOTE_SANDBOX_CREATED;
    const mote_host_function *registered = &(*function)->as_registered;
    if (is_init && !sandbox->settings.host_calls_in_init &&
        strcmp(registered->name, MT_HOST_PRINT_NAME) != 0)
        return unknown(name, call->name.len, "is not answered while the guest initialises", err);
    return take_arguments(registered, call, args, err);
}

mote_status mt_host_call_answer(struct mt_run *run, const struct mt_element *element,
                                mote_error *err)
{
    mote_sandbox *sandbox = run->sandbox;
    struct mt_wire_call call;
    const struct mt_host_function *function;
    mote_value args[MT_WIRE_MAX_PARAMETERS];
    mote_status status = read_call(sandbox, element, &call, err);
    if (status != MOTE_OK)
        return status;
    status = admit(sandbox, &call, &function, args, err);
    if (status != MOTE_OK) {
        mt_observe_refused(sandbox, MOTE_SPAN_HOST_CALL, status);
        return status;
    }
    status = run_function(run, function, args, call.n_params, err);
    mt_copy_close(&sandbox->message_copy); /* a host function may have kept its arguments */
    return status;
}

/* What a guest that tries is told; all else ends its call. */
static bool is_for_guest(mote_status status)
{
    return status == MOTE_E_HOST_FUNCTION || status == MOTE_E_HOST_FUNCTION_UNKNOWN ||
           status == MOTE_E_HOST_FUNCTION_ARGUMENTS || status == MOTE_E_INPUT_FULL ||
           status == MOTE_E_SYSTEM_CALL;
}

mote_status mt_host_call_try(struct mt_run *run, const struct mt_element *element, mote_error *err)
{
    const struct mt_layout *layout = &run->sandbox->template->layout;
    const struct mt_window *window = &run->sandbox->buffers.window;
    mote_error failure;
    mote_status status = mt_host_call_answer(run, element, &failure);
    if (status != MOTE_OK && !is_for_guest(status)) {
        if (err != NULL)
            *err = failure;
        return status;
    }
    mt_exception_clear(layout, window);
    if (status == MOTE_OK)
        return MOTE_OK;
    run->answered_ns = mt_clock_ns(); /* where no function was run, nobody has noted it */
    struct mt_exception exception = {
        .message = failure.message[0] != '\0' ? failure.message : failure.text,
        .source = failure.function,
        .code = failure.guest_code,
        .status = status,
    };
    /* What the host's functions do is not the guest's to know. */
    if (status == MOTE_E_SYSTEM_CALL) {
        exception.status = MOTE_E_HOST_FUNCTION;
        exception.message = mote_status_meaning(MOTE_E_HOST_FUNCTION);
    }
    mt_exception_write(layout, window, &exception);
    return MOTE_OK;
}

mote_status mt_host_print(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    const mote_sandbox *sandbox = context;
    const mote_str_view *text = &args[0].as.str;
    (void)n_args;
    if (sandbox->settings.print != NULL)
        sandbox->settings.print(sandbox->settings.print_context, text->data, text->len_bytes);
    else if (fwrite(text->data, 1, text->len_bytes, stdout) != text->len_bytes)
        return mote_host_fail(err, 1, "standard output cannot be written");
    *result = mote_i32((int32_t)text->len_bytes);
    return MOTE_OK;
}
