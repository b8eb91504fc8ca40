/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a guest, and calling it without arguments. */
#include "bench/guest.h"

static mote_status nothing(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    return MOTE_OK;
}

mote_status guest_start(mote_image *image, const mote_config *config, mote_sandbox **out,
                        mote_error *err)
{
    static const mote_host_function function = {
        .name = "Nothing", .fn = nothing, .returns = MOTE_TYPE_VOID};
    mote_sandbox *sandbox = NULL;
    mote_status status = mote_sandbox_create(image, config, &sandbox, err);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_sandbox_register(sandbox, &function, err);
    if (status == MOTE_OK) {
        status = mote_sandbox_init(sandbox, err);
    }
    if (status != MOTE_OK) {
        mote_sandbox_destroy(sandbox);
        return status;
    }
    *out = sandbox;
    return MOTE_OK;
}

mote_status guest_call(mote_sandbox *sandbox, const char *function, mote_error *err)
{
    return mote_call(sandbox, function, NULL, 0, MOTE_TYPE_ANY, NULL, err);
}
