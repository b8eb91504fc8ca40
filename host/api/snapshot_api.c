/* SPDX-License-Identifier: Apache-2.0 */
/* <mote/snapshot.h>: what brings a sandbox from one state to another. */
#include "host/api/enter.h"
#include "host/base/error.h"
#include <mote/snapshot.h>
#include <sched.h>

static void set_state(mote_sandbox *sandbox, mote_sandbox_state state)
{
    atomic_store(&sandbox->state, state);
}

static mote_sandbox_state state_of(const mote_sandbox *sandbox)
{
    return (mote_sandbox_state)atomic_load(&sandbox->state);
}

/* Restore, and say in the state how it ended. A snapshot that does not fit changes nothing. */
static mote_status restore(mote_sandbox *sandbox, enum mt_operation operation,
                           mote_snapshot *snapshot, mote_error *err)
{
    mote_status status = mt_snapshot_restore(sandbox, snapshot, err);
    if (status == MOTE_OK)
        set_state(sandbox, mt_lifecycle_next(operation, state_of(sandbox)));
    else if (status != MOTE_E_SNAPSHOT)
        set_state(sandbox, MOTE_SANDBOX_POISONED);
    return status;
}

static mote_status restore_top(mote_sandbox *sandbox, enum mt_operation operation, mote_error *err)
{
    mote_snapshot *top = NULL;
    mote_status status = mt_history_top(sandbox, 0, &top, err);
    return status == MOTE_OK ? restore(sandbox, operation, top, err) : status;
}

static mote_status check_multi_use(const mote_sandbox *sandbox, mote_error *err)
{
    if (!sandbox->settings.single_use)
        return MOTE_OK;
    return mt_fail(err, MOTE_E_STATE, "a single-use sandbox keeps no snapshots");
}

/* Whoever lets a guest be used once counts on it, also where the guest has failed. */
static mote_status check_unused(const mote_sandbox *sandbox, mote_error *err)
{
    if (!sandbox->settings.single_use || state_of(sandbox) != MOTE_SANDBOX_POISONED)
        return MOTE_OK;
    return mt_fail(err, MOTE_E_SPENT, "a single-use sandbox that is poisoned is not restored");
}

/* ---- Snapshots ---- */

mote_status mote_snapshot_take(mote_sandbox *sandbox, mote_snapshot **out, mote_error *err)
{
    if (sandbox == NULL || out == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox or out is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_TAKE, err);
    if (status != MOTE_OK)
        return status;
    status = mt_snapshot_take(sandbox, out, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

mote_status mote_sandbox_restore(mote_sandbox *sandbox, mote_snapshot *snapshot, mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_RESTORE, err);
    if (status != MOTE_OK)
        return status;
    status = check_unused(sandbox, err);
    if (status == MOTE_OK)
        status = snapshot != NULL ? restore(sandbox, MT_OPERATION_RESTORE, snapshot, err)
                                  : restore_top(sandbox, MT_OPERATION_RESTORE, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

/* ---- The stack ---- */

mote_status mote_sandbox_push(mote_sandbox *sandbox, mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_PUSH, err);
    if (status != MOTE_OK)
        return status;
    status = check_multi_use(sandbox, err);
    if (status == MOTE_OK)
        status = mt_history_push(sandbox, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

static mote_status pop(mote_sandbox *sandbox, mote_error *err)
{
    mote_snapshot *below = NULL;
    mote_status status = mt_history_top(sandbox, 1, &below, err);
    if (status == MOTE_OK)
        status = restore(sandbox, MT_OPERATION_POP, below, err);
    if (status == MOTE_OK)
        mt_history_drop(sandbox);
    return status;
}

mote_status mote_sandbox_pop(mote_sandbox *sandbox, mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_POP, err);
    if (status != MOTE_OK)
        return status;
    status = pop(sandbox, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

size_t mote_sandbox_depth(const mote_sandbox *sandbox)
{
    return sandbox != NULL ? sandbox->history.depth : 0;
}

/* ---- Evolve ---- */

/* What the caller left in the error is not the function's, and stays there if that succeeds. */
static mote_status call_callback(mote_sandbox *sandbox, mote_evolve_fn fn, void *context,
                                 mote_error *err)
{
    if (err == NULL)
        return fn(context, sandbox, NULL);
    mote_error before = *err;
    *err = (mote_error){.code = MOTE_OK};
    mote_status status = fn(context, sandbox, err);
    if (status == MOTE_OK)
        *err = before;
    else if (err->code != status)
        return mt_fail(err, status, "the function of the evolution failed: %s",
                       mote_status_meaning(status));
    return status;
}

/* The function says that all is well, but the sandbox is not in the context any more. */
static mote_status left_context(mote_sandbox_state state, mote_error *err)
{
    if (state == MOTE_SANDBOX_POISONED || state == MOTE_SANDBOX_DEAD)
        return mt_fail(err, MOTE_E_STATE,
                       "the function of the evolution returned MOTE_OK, but a call in it failed");
    return mt_fail(err, MOTE_E_STATE, "the context of an evolution was left in it");
}

/* Let the caller's function make calls. The claim is given up for that long; the context keeps
 * others from changing what the sandbox is. */
static mote_status run_callback(mote_sandbox *sandbox, mote_evolve_fn fn, void *context,
                                mote_error *err)
{
    set_state(sandbox, MOTE_SANDBOX_IN_CONTEXT);
    sandbox->n_evolutions++;
    mt_api_leave(sandbox);
    mote_status status = call_callback(sandbox, fn, context, err);
    mote_status process = mt_api_check_process(sandbox, err);
    if (process != MOTE_OK) {
        set_state(sandbox, MOTE_SANDBOX_DEAD);
        return process;
    }
    /* Another thread may be in the context with a call, which ends by itself. */
    while (!mt_guard_claim(&sandbox->guard))
        sched_yield();
    sandbox->n_evolutions--;
    if (status == MOTE_OK && state_of(sandbox) != MOTE_SANDBOX_IN_CONTEXT)
        status = left_context(state_of(sandbox), err);
    return status;
}

/* After a failure: what was ready before is so again, where there is something to come back to. */
static void fall_back(mote_sandbox *sandbox, bool was_ready)
{
    if (state_of(sandbox) == MOTE_SANDBOX_DEAD)
        return;
    set_state(sandbox, MOTE_SANDBOX_POISONED);
    if (was_ready)
        (void)restore_top(sandbox, MT_OPERATION_RESTORE, NULL);
}

static mote_status evolve(mote_sandbox *sandbox, mote_evolve_fn fn, void *context, bool was_ready,
                          mote_error *err)
{
    mote_status status = was_ready ? MOTE_OK : mt_sandbox_init_run(sandbox, err);
    if (status != MOTE_OK)
        return status; /* the state is what the initialisation left */
    if (fn != NULL)
        status = run_callback(sandbox, fn, context, err);
    if (status == MOTE_OK && !sandbox->settings.single_use)
        status = mt_history_push(sandbox, err);
    if (status == MOTE_OK)
        set_state(sandbox, MOTE_SANDBOX_READY);
    else
        fall_back(sandbox, was_ready);
    return status;
}

mote_status mote_sandbox_evolve(mote_sandbox *sandbox, mote_evolve_fn fn, void *context,
                                mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_EVOLVE, err);
    if (status != MOTE_OK)
        return status;
    bool was_ready = state_of(sandbox) == MOTE_SANDBOX_READY;
    status = was_ready ? check_multi_use(sandbox, err) : MOTE_OK;
    if (status == MOTE_OK)
        status = evolve(sandbox, fn, context, was_ready, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

/* ---- Calls and contexts ---- */

static mote_status call_and_restore(mote_sandbox *sandbox, const char *function,
                                    const mote_value *args, size_t n_args, mote_type returns,
                                    mote_value *result, mote_error *err)
{
    mote_snapshot *top = NULL;
    mote_value value;
    mote_status status = mt_history_top(sandbox, 0, &top, err);
    if (status != MOTE_OK)
        return status;
    status = mt_sandbox_call_run(sandbox, function, args, n_args, returns, &value, err);
    /* A call that the guest was not entered for may have left arguments in the input buffer. */
    if (state_of(sandbox) == MOTE_SANDBOX_DEAD)
        return status;
    mote_error *restore_err = status == MOTE_OK ? err : NULL;
    mote_status restored = restore(sandbox, MT_OPERATION_CALL_RESET, top, restore_err);
    if (status == MOTE_OK && restored == MOTE_OK && result != NULL)
        *result = value;
    return status == MOTE_OK ? restored : status;
}

mote_status mote_call_reset(mote_sandbox *sandbox, const char *function, const mote_value *args,
                            size_t n_args, mote_type returns, mote_value *result, mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_check_words(function, args, n_args, returns, err);
    if (status == MOTE_OK)
        status = mt_api_enter(sandbox, MT_OPERATION_CALL_RESET, err);
    if (status != MOTE_OK)
        return status;
    status = call_and_restore(sandbox, function, args, n_args, returns, result, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

mote_status mote_context_begin(mote_sandbox *sandbox, mote_error *err)
{
    mote_snapshot *top = NULL;
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_BEGIN, err);
    if (status != MOTE_OK)
        return status;
    if (!sandbox->settings.single_use)
        status = mt_history_top(sandbox, 0, &top, err);
    if (status == MOTE_OK)
        set_state(sandbox, MOTE_SANDBOX_IN_CONTEXT);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}

mote_status mote_context_finish(mote_sandbox *sandbox, mote_error *err)
{
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_FINISH, err);
    if (status != MOTE_OK)
        return status;
    if (sandbox->settings.single_use)
        set_state(sandbox, MOTE_SANDBOX_SPENT);
    else
        status = restore_top(sandbox, MT_OPERATION_FINISH, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}
