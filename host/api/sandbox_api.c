/* SPDX-License-Identifier: Apache-2.0 */
/* <mote/sandbox.h>: arguments, process, guard and state are checked here, in this order, then one
 * call goes inward. */
#include "host/api/enter.h"
#include "host/base/error.h"
#include "host/base/struct_size.h"
#include "host/os/process.h"
#include "host/sandbox/operations.h"
#include <mote/mote.h>

/* ---- Operations ---- */

mote_status mote_sandbox_create(mote_image *image, const mote_config *config, mote_sandbox **out,
                                mote_error *err)
{
    if (image == NULL || out == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "image or out is NULL");
    mote_config known;
    mote_status status = mt_config_read(&known, config, err);
    if (status == MOTE_OK)
        status = mt_sandbox_create(image, &known, out, err);
    return mt_outcome(status, err);
}

mote_status mote_sandbox_register(mote_sandbox *sandbox, const mote_host_function *function,
                                  mote_error *err)
{
    return mote_sandbox_register_allowing(sandbox, function, NULL, 0, err);
}

mote_status mote_sandbox_register_allowing(mote_sandbox *sandbox,
                                           const mote_host_function *function,
                                           const int *system_calls, size_t n_system_calls,
                                           mote_error *err)
{
    if (sandbox == NULL || function == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox or function is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_REGISTER, err);
    if (status != MOTE_OK)
        return status;
    status = mt_sandbox_register(sandbox, function, system_calls, n_system_calls, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

mote_status mote_sandbox_init(mote_sandbox *sandbox, mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_INIT, err);
    if (status != MOTE_OK)
        return status;
    status = mt_sandbox_init_run(sandbox, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

mote_status mote_open(const char *path, const mote_config *config, mote_sandbox **out,
                      mote_error *err)
{
    mote_image *image;
    mote_sandbox *sandbox = NULL;
    if (path == NULL || out == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "path or out is NULL");
    mote_status status = mote_image_open(path, NULL, &image, err);
    if (status != MOTE_OK)
        return status;
    status = mote_sandbox_create(image, config, &sandbox, err);
    mote_image_unref(image);
    if (status != MOTE_OK)
        return status;
    status = mote_sandbox_init(sandbox, err);
    if (status != MOTE_OK) {
        mote_sandbox_destroy(sandbox);
        return status;
    }
    *out = sandbox;
    return MOTE_OK;
}

mote_status mote_call(mote_sandbox *sandbox, const char *function, const mote_value *args,
                      size_t n_args, mote_type returns, mote_value *result, mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_check_words(function, args, n_args, returns, err);
    if (status == MOTE_OK)
        status = mt_api_enter(sandbox, MT_OPERATION_CALL, err);
    if (status != MOTE_OK)
        return status;
    status = mt_sandbox_call_run(sandbox, function, args, n_args, returns, result, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

mote_status mote_sandbox_cancel(mote_sandbox *sandbox)
{
    if (sandbox == NULL)
        return MOTE_E_ARGUMENT;
    if (!mt_process_is(sandbox->process_mark))
        return MOTE_E_FORKED;
    mt_guard_cancel(&sandbox->guard, sandbox->driver, sandbox->machine);
    return MOTE_OK;
}

mote_sandbox_state mote_sandbox_state_get(const mote_sandbox *sandbox)
{
    if (sandbox == NULL || !mt_process_is(sandbox->process_mark))
        return MOTE_SANDBOX_DEAD;
    return (mote_sandbox_state)atomic_load(&sandbox->state);
}

mote_status mote_sandbox_stats_get(const mote_sandbox *sandbox, mote_sandbox_stats *stats,
                                   mote_error *err)
{
    static const struct mt_struct kind = {"mote_sandbox_stats", 96, sizeof(*stats)};
    if (sandbox == NULL || stats == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox or stats is NULL");
    mote_status status = mt_struct_check(&kind, stats->struct_size, err);
    if (status == MOTE_OK)
        status = mt_api_check_process(sandbox, err);
    if (status != MOTE_OK)
        return status;
    /* Who reads is inside like any other: what is counted changes with every call. */
    struct mt_guard *guard = (struct mt_guard *)(uintptr_t)&sandbox->guard;
    if (!mt_guard_claim(guard))
        return mt_api_refuse(sandbox, err);
    mt_struct_write(&kind, stats, stats->struct_size, &sandbox->stats);
    mt_guard_release(guard);
    return mt_outcome(MOTE_OK, err);
}

const char *mote_sandbox_driver(const mote_sandbox *sandbox)
{
    return sandbox != NULL ? sandbox->driver->name : "";
}

mote_status mote_sandbox_destroy(mote_sandbox *sandbox)
{
    if (sandbox == NULL)
        return MOTE_OK;
    /* In a forked child whoever was inside stayed with the parent. */
    bool is_copy = !mt_process_is(sandbox->process_mark);
    if (!mt_guard_claim(&sandbox->guard) && !is_copy)
        return mt_api_refuse(sandbox, NULL);
    if (sandbox->n_evolutions > 0 && !is_copy) {
        mt_guard_release(&sandbox->guard);
        return MOTE_E_BUSY;
    }
    mt_sandbox_destroy(sandbox);
    return MOTE_OK;
}
