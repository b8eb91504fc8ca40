/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the static analyzer what it cannot see from one file: the functions that fill an error give
 * back the code that they were given, which is never MOTE_OK. Included by scripts/check_tidy.py.
 */
#ifndef MOTE_SCRIPTS_ANALYZER_MODEL_H
#define MOTE_SCRIPTS_ANALYZER_MODEL_H

#include "host/base/error.h"

int mt_model_use(mote_error *err, ...);

#define mt_fail(err, code, ...) ((void)mt_model_use(err, __VA_ARGS__), (code))
#define mt_fail_errno(err, code, ...) ((void)mt_model_use(err, __VA_ARGS__), (code))
#define mt_fail_load(err, code, ...) ((void)mt_model_use(err, __VA_ARGS__), (code))
#define mt_fail_protocol(err, ...) ((void)mt_model_use(err, __VA_ARGS__), MOTE_E_PROTOCOL)

#endif
