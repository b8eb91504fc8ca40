/* SPDX-License-Identifier: Apache-2.0 */
/* Coming into a sandbox, and leaving it. */
#include "host/api/enter.h"

#include "host/base/error.h"
#include "host/os/process.h"

mote_status mt_api_check_process(const mote_sandbox *sandbox, mote_error *err)
{
    if (mt_process_is(sandbox->process_mark))
        return MOTE_OK;
    return mt_fail(err, MOTE_E_FORKED, "the sandbox was created by the parent process");
}

mote_status mt_api_refuse(const mote_sandbox *sandbox, mote_error *err)
{
    if (mt_guard_is_mine(&sandbox->guard))
        return mt_fail(err, MOTE_E_REENTRY, "the sandbox is in use by the call that is answered");
    return mt_fail(err, MOTE_E_BUSY, "the sandbox is in use by a call on another thread");
}

mote_status mt_api_enter(mote_sandbox *sandbox, enum mt_operation operation, mote_error *err)
{
    mote_status status = mt_api_check_process(sandbox, err);
    if (status != MOTE_OK)
        return status;
    if (!mt_guard_claim(&sandbox->guard))
        return mt_api_refuse(sandbox, err);
    status = mt_lifecycle_check(operation, (mote_sandbox_state)atomic_load(&sandbox->state), err);
    if (status != MOTE_OK)
        mt_guard_release(&sandbox->guard);
    return status;
}

void mt_api_leave(mote_sandbox *sandbox)
{
    mt_guard_release(&sandbox->guard);
}
