/* SPDX-License-Identifier: Apache-2.0 */
/* <mote/dump.h> */
#include "host/api/enter.h"
#include "host/base/error.h"
#include <mote/dump.h>

mote_status mote_sandbox_dump(mote_sandbox *sandbox, const char *path, mote_error *err)
{
    if (sandbox == NULL || path == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "sandbox or path is NULL");
    mote_status status = mt_api_enter(sandbox, MT_OPERATION_DUMP, err);
    if (status != MOTE_OK)
        return status;
    status = mt_sandbox_dump(sandbox, path, err);
    mt_api_leave(sandbox);
    return mt_outcome(status, err);
}
