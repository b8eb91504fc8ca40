/* SPDX-License-Identifier: Apache-2.0 */
/* Initialise and call: what happens before the guest runs and after it is done. */
#include "host/sandbox/operations.h"

#include "abi/codes.h"
#include "abi/memory_map.h"
#include "host/base/error.h"
#include "host/base/text.h"
#include "host/hostfn/marshal.h"
#include "host/memory/peb.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* ---- What the guest reported ---- */

/* The guest's error buffer: empty, or one GuestError. */
static mote_status read_guest_error(mote_sandbox *sandbox, struct mt_wire_error *reported,
                                    mote_error *err)
{
    struct mt_wire_fault fault;
    size_t len_bytes = 0;
    mote_status status = mt_buffers_copy_error(&sandbox->buffers, &sandbox->allocator,
                                               &sandbox->message_copy, &len_bytes, err);
    *reported = (struct mt_wire_error){.code = MT_GUEST_CODE_NO_ERROR};
    if (status != MOTE_OK || len_bytes == 0)
        return status;
    if (!mt_wire_read_error(sandbox->message_copy.data, len_bytes, reported, &fault))
        return mt_fail_protocol(err, "error", fault.field, fault.value,
                                "guest error buffer: malformed %s 0x%" PRIx64, fault.field,
                                fault.value);
    return MOTE_OK;
}

static mote_status report_guest_error(const struct mt_wire_error *reported, const char *function,
                                      mote_error *err)
{
    char escaped[MOTE_ERROR_TEXT_BYTES];
    const char *message = (const char *)reported->message.data;
    mt_escape(escaped, sizeof(escaped), message, reported->message.len);
    mote_status status = mt_fail(err, MOTE_E_GUEST_ERROR, "guest error %" PRIu64 " (%s): %s",
                                 reported->code, mote_guest_code_name(reported->code), escaped);
    if (err == NULL)
        return status;
    err->guest_code = reported->code;
    mt_utf8_copy_lossy(err->message, sizeof(err->message), message, reported->message.len);
    mt_error_copy(err->function, sizeof(err->function), function, strlen(function));
    return status;
}

static mote_status check_guest_error(mote_sandbox *sandbox, const char *function, mote_error *err)
{
    struct mt_wire_error reported;
    mote_status status = read_guest_error(sandbox, &reported, err);
    if (status != MOTE_OK || reported.code == MT_GUEST_CODE_NO_ERROR)
        return status;
    mt_metrics_guest_error(sandbox->settings.metrics, reported.code);
    return report_guest_error(&reported, function, err);
}

/* Exactly one element may be left on the output buffer. */
static mote_status find_result(mote_sandbox *sandbox, struct mt_element *element, mote_error *err)
{
    struct mt_element found[2];
    size_t n = 0;
    mote_status status = mt_buffers_list_output(&sandbox->buffers, found, 2, &n, err);
    if (status != MOTE_OK)
        return status;
    if (n == 0)
        return mt_fail(err, MOTE_E_NO_RESULT, "guest finished the call without a result");
    if (n > 1)
        return mt_fail_protocol(err, "output", "elements", n,
                                "output buffer: more than one result");
    *element = found[0];
    return MOTE_OK;
}

static mote_status read_result(mote_sandbox *sandbox, mote_type returns, mote_value *result,
                               mote_error *err)
{
    struct mt_element element;
    struct mt_wire_value value;
    struct mt_wire_fault fault;
    size_t len_bytes = 0;
    mote_status status = find_result(sandbox, &element, err);
    if (status == MOTE_OK)
        status = mt_buffers_copy(&sandbox->buffers, &element, &sandbox->allocator,
                                 &sandbox->result_copy, &len_bytes, err);
    if (status != MOTE_OK)
        return status;
    if (!mt_wire_read_result(sandbox->result_copy.data, len_bytes, &value, &fault))
        return mt_fail_protocol(err, "output", fault.field, fault.value,
                                "result: malformed %s 0x%" PRIx64, fault.field, fault.value);
    if ((int)value.type != (int)returns)
        return mt_fail_protocol(err, "output", "return_value_type", value.type,
                                "result: type is %s, not %s", mote_type_name((mote_type)value.type),
                                mote_type_name(returns));
    *result = mt_value_from_wire(&value);
    return MOTE_OK;
}

/* ---- Initialise ---- */

mote_status mt_sandbox_publish_definitions(mote_sandbox *sandbox, mote_error *err)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    uint64_t room = layout->sizes.host_definitions;
    size_t len_bytes = 0;
    uint8_t *to = mt_guest_build_at(&sandbox->buffers.window,
                                    mt_gva(layout->start[MT_PLACE_HOST_DEFINITIONS]), room);
    mote_status status =
        mt_registry_describe(&sandbox->registry, &sandbox->allocator, to, room, &len_bytes, err);
    if (status == MOTE_OK && len_bytes == 0)
        return mt_fail(err, MOTE_E_DEFINITIONS_FULL,
                       "definitions of %zu host functions do not fit in %" PRIu64 " bytes",
                       sandbox->registry.n, room);
    if (status == MOTE_OK)
        mt_guest_built(&sandbox->buffers.window, mt_gva(layout->start[MT_PLACE_HOST_DEFINITIONS]),
                       len_bytes);
    return status;
}

static mote_status enter_guest(mote_sandbox *sandbox, mote_error *err)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    uint64_t random[2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "getrandom");
    mt_peb_write(layout, &sandbox->buffers.window, random[0]);
    if (sandbox->driver->find_way_out != NULL) {
        struct mt_way_out way_out;
        sandbox->driver->find_way_out(sandbox->machine, &way_out);
        mt_peb_set_way_out(layout, &sandbox->buffers.window, &way_out);
    }
    const struct mt_registers start = {
        .rip = layout->start[MT_PLACE_CODE] + sandbox->image->parsed.entry,
        .rsp = layout->initial_rsp,
        .rcx = layout->start[MT_PLACE_PEB],
        .rdx = random[1],
        .r8 = MT_PAGE_BYTES,
        .r9 = (uint64_t)sandbox->settings.max_log,
    };
    sandbox->driver->enter(sandbox->machine, &start);
    return MOTE_OK;
}

/* A 0.1 guest says while it initialises where it wants its calls. */
static mote_status take_dispatch(mote_sandbox *sandbox, mote_error *err)
{
    const struct mt_template *template = sandbox->template;
    if (sandbox->image->parsed.facts.abi != MOTE_ABI_HYPERLIGHT_0_1)
        return MOTE_OK;
    uint64_t dispatch = mt_peb_dispatch_function(&template->layout, &sandbox->buffers.window);
    const struct mt_region *region = mt_template_region_at(template, dispatch);
    if (region == NULL || !(region->rights & MOTE_RIGHT_EXECUTE))
        return mt_fail_protocol(err, "PEB", "dispatch function", dispatch,
                                "PEB: dispatch function 0x%" PRIx64 " is not in code", dispatch);
    sandbox->dispatch = dispatch;
    return MOTE_OK;
}

mote_status mt_sandbox_init_run(mote_sandbox *sandbox, mote_error *err)
{
    struct mt_run run;
    mt_buffers_reset(&sandbox->buffers);
    mote_status status = mt_sandbox_publish_definitions(sandbox, err);
    if (status == MOTE_OK)
        status = enter_guest(sandbox, err);
    if (status == MOTE_OK)
        status =
            mt_run_begin(&run, sandbox, MOTE_SPAN_INIT, "", sandbox->settings.init_limit_us, err);
    if (status != MOTE_OK)
        return status;
    status = mt_run_until_done(&run, err);
    if (status == MOTE_OK)
        status = check_guest_error(sandbox, "", err);
    if (status == MOTE_OK)
        status = take_dispatch(sandbox, err);
    return mt_run_end(&run, status, err);
}

/* ---- Call ---- */

/* Its name is made when it is needed. */
static mote_status bad_argument(const mote_value *arg, size_t i, mote_error *err)
{
    struct mt_wire_value ignored;
    char what[32];
    snprintf(what, sizeof(what), "argument %zu", i);
    return mt_value_to_wire(arg, false, what, &ignored, err);
}

static mote_status make_call(struct mt_wire_view name, const mote_value *args, size_t n_args,
                             mote_type returns, struct mt_wire_call *call, mote_error *err)
{
    call->name = name;
    call->call_type = MT_WIRE_CALL_GUEST;
    call->returns = (enum mt_wire_type)returns;
    call->n_params = n_args;
    for (size_t i = 0; i < n_args; i++) {
        if (mt_value_to_wire(&args[i], false, "", &call->params[i], NULL) != MOTE_OK)
            return bad_argument(&args[i], i, err);
    }
    return MOTE_OK;
}

/* The function in the guest's table, and how long its name is. Most calls are of the function that
 * was called last. */
static const mote_function *find_function(mote_sandbox *sandbox, const char *name,
                                          size_t *name_bytes)
{
    if (sandbox->latest != NULL && strcmp(sandbox->latest->name, name) == 0) {
        *name_bytes = sandbox->latest_name_bytes;
        return sandbox->latest;
    }
    const mote_function *found = mt_image_function_named(&sandbox->image->parsed, name);
    *name_bytes = strlen(name);
    if (found != NULL) {
        sandbox->latest = found;
        sandbox->latest_name_bytes = *name_bytes;
    }
    return found;
}

/* A mote guest waits behind its `out`; a guest of 0.1 is entered anew. */
static void resume_guest(mote_sandbox *sandbox)
{
    if (sandbox->image->parsed.facts.abi != MOTE_ABI_HYPERLIGHT_0_1)
        return;
    const struct mt_registers start = {.rip = sandbox->dispatch,
                                       .rsp = sandbox->template->layout.initial_rsp};
    sandbox->driver->enter(sandbox->machine, &start);
}

static mote_status prepare_call(mote_sandbox *sandbox, const char *function, const mote_value *args,
                                size_t n_args, mote_type asked, mote_type *returns, mote_error *err)
{
    struct mt_wire_call call;
    struct mt_wire_view name = {.data = (const uint8_t *)function};
    const mote_function *found = find_function(sandbox, function, &name.len);
    mote_status status = mt_check_call_of(&sandbox->image->parsed, found, function, args, n_args,
                                          asked, returns, err);
    if (status == MOTE_OK)
        status = make_call(name, args, n_args, *returns, &call, err);
    if (status != MOTE_OK)
        return status;
    mt_buffers_reset(&sandbox->buffers);
    return mt_buffers_put_call(&sandbox->buffers, &call, err);
}

/* One call spends a single-use sandbox; a call in a context does not. */
static mote_sandbox_state state_after_call(const mote_sandbox *sandbox)
{
    mote_sandbox_state state = (mote_sandbox_state)atomic_load(&sandbox->state);
    bool spends = sandbox->settings.single_use && state == MOTE_SANDBOX_READY;
    return spends ? MOTE_SANDBOX_SPENT : state;
}

mote_status mt_sandbox_call_run(mote_sandbox *sandbox, const char *function, const mote_value *args,
                                size_t n_args, mote_type asked, mote_value *result, mote_error *err)
{
    struct mt_run run;
    mote_value value;
    mote_type returns = MOTE_TYPE_VOID;
    mote_status status = prepare_call(sandbox, function, args, n_args, asked, &returns, err);
    if (status != MOTE_OK) {
        mt_observe_refused(sandbox, MOTE_SPAN_CALL, status);
        return status;
    }
    status =
        mt_run_begin(&run, sandbox, MOTE_SPAN_CALL, function, sandbox->settings.time_limit_us, err);
    if (status != MOTE_OK)
        return status;
    run.done_state = state_after_call(sandbox);
    sandbox->stats.calls++;
    resume_guest(sandbox);
    status = mt_run_until_done(&run, err);
    if (status == MOTE_OK)
        status = check_guest_error(sandbox, function, err);
    if (status == MOTE_OK)
        status = read_result(sandbox, returns, &value, err);
    status = mt_run_end(&run, status, err);
    if (status == MOTE_OK && result != NULL)
        *result = value;
    return status;
}
