/* SPDX-License-Identifier: Apache-2.0 */
/* The sandboxes that the benchmark measures. */
#ifndef MOTE_BENCH_GUEST_H
#define MOTE_BENCH_GUEST_H

#include <mote/mote.h>

/* Create and initialise a sandbox whose guest may call the host function Nothing. *out is the
 * caller's. */
mote_status guest_start(mote_image *image, const mote_config *config, mote_sandbox **out,
                        mote_error *err);

/* Call a function that has no parameters and whose result does not matter. */
mote_status guest_call(mote_sandbox *sandbox, const char *function, mote_error *err);

#endif
