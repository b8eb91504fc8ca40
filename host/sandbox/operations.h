/* SPDX-License-Identifier: Apache-2.0 */
/* What host/api asks of a sandbox, once arguments, process and state have been checked. */
#ifndef MOTE_HOST_SANDBOX_OPERATIONS_H
#define MOTE_HOST_SANDBOX_OPERATIONS_H

#include "host/sandbox/lifecycle_table.h"
#include "host/sandbox/sandbox.h"

/* Whether a call is well-formed: what mote_call() and mote_image_check_call() check first. */
mote_status mt_check_words(const char *function, const mote_value *args, size_t n_args,
                           mote_type returns, mote_error *err);

mote_status mt_sandbox_create(mote_image *image, const mote_config *config, mote_sandbox **out,
                              mote_error *err);

/* Nobody else is inside any more. */
void mt_sandbox_destroy(mote_sandbox *sandbox);

/* Whether a state accepts an operation; or its refusal. */
mote_status mt_lifecycle_check(enum mt_operation operation, mote_sandbox_state state,
                               mote_error *err);
/* The state after an operation that succeeded. */
mote_sandbox_state mt_lifecycle_next(enum mt_operation operation, mote_sandbox_state state);

/* The rest is called by who has claimed the guard. */

mote_status mt_sandbox_register(mote_sandbox *sandbox, const mote_host_function *function,
                                const int *system_calls, size_t n_system_calls, mote_error *err);
mote_status mt_sandbox_init_run(mote_sandbox *sandbox, mote_error *err);
mote_status mt_sandbox_call_run(mote_sandbox *sandbox, const char *function, const mote_value *args,
                                size_t n_args, mote_type asked, mote_value *result,
                                mote_error *err);

/* Write a core file of the guest. */
mote_status mt_sandbox_dump(mote_sandbox *sandbox, const char *path, mote_error *err);

/* Tell the guest which host functions it may call, in a region that it can only read. Changes
 * nothing when they do not fit: MOTE_E_DEFINITIONS_FULL. */
mote_status mt_sandbox_publish_definitions(mote_sandbox *sandbox, mote_error *err);

#endif
