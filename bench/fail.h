/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of the benchmark itself, in the form that the library's have. */
#ifndef MOTE_BENCH_FAIL_H
#define MOTE_BENCH_FAIL_H

#include <mote/error.h>

/* Set code and text of *err. Returns code. */
mote_status fail(mote_error *err, mote_status code, const char *format, ...) MOTE_PRINTF(3, 4);

#endif
