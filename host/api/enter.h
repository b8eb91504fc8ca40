/* SPDX-License-Identifier: Apache-2.0 */
/* Coming into a sandbox: the checks that every operation begins with. */
#ifndef MOTE_HOST_API_ENTER_H
#define MOTE_HOST_API_ENTER_H

#include "host/sandbox/operations.h"

/* MOTE_E_FORKED in a process that did not make the sandbox. */
mote_status mt_api_check_process(const mote_sandbox *sandbox, mote_error *err);

/* Claim the sandbox for an operation that its state accepts: MOTE_E_FORKED, MOTE_E_BUSY, or the
 * refusal of the table. */
mote_status mt_api_enter(mote_sandbox *sandbox, enum mt_operation operation, mote_error *err);

/* Why a sandbox cannot be claimed: MOTE_E_REENTRY for the thread whose call is running in it, or
 * MOTE_E_BUSY. */
mote_status mt_api_refuse(const mote_sandbox *sandbox, mote_error *err);

/* Give the claim back. */
void mt_api_leave(mote_sandbox *sandbox);

#endif
