/* SPDX-License-Identifier: Apache-2.0 */
/* Warm calls in blocks, as the floor is measured: the clock is read between blocks only, and they
 * are short, so that the median block is one that no other process interrupted. */
#include "bench/calls.h"
#include "bench/clock.h"
#include "bench/guest.h"

enum { BLOCKS = 600, BLOCK_CALLS = 10, WARM_UP_CALLS = 1000 };

/* Call n times; *mean_us is the mean duration. */
static mote_status call_block(mote_sandbox *sandbox, const char *function, int n, double *mean_us,
                              mote_error *err)
{
    double start_us = clock_now_us();
    for (int i = 0; i < n; i++) {
        mote_status status = guest_call(sandbox, function, err);
        if (status != MOTE_OK) {
            return status;
        }
    }
    *mean_us = (clock_now_us() - start_us) / n;
    return MOTE_OK;
}

static mote_status count(mote_sandbox *sandbox, const char *function, struct counts *counts,
                         mote_error *err)
{
    mote_sandbox_stats before = {.struct_size = sizeof before};
    mote_sandbox_stats after = {.struct_size = sizeof after};
    double ignored_us = 0;
    mote_status status = mote_sandbox_stats_get(sandbox, &before, err);
    if (status == MOTE_OK) {
        status = call_block(sandbox, function, BLOCK_CALLS, &ignored_us, err);
    }
    if (status == MOTE_OK) {
        status = mote_sandbox_stats_get(sandbox, &after, err);
    }
    if (status == MOTE_OK) {
        counts->exits = (double)(after.exits - before.exits) / BLOCK_CALLS;
        counts->system_calls = (double)(after.system_calls - before.system_calls) / BLOCK_CALLS;
    }
    return status;
}

static mote_status measure(mote_sandbox *sandbox, struct calls *calls, mote_error *err)
{
    double call_us = 0;
    double with_host_call_us = 0;
    mote_status status = call_block(sandbox, "Nothing", WARM_UP_CALLS, &call_us, err);
    if (status == MOTE_OK) {
        status = call_block(sandbox, "HostNothing", WARM_UP_CALLS, &with_host_call_us, err);
    }
    for (int i = 0; i < BLOCKS && status == MOTE_OK; i++) {
        status = call_block(sandbox, "Nothing", BLOCK_CALLS, &call_us, err);
        if (status == MOTE_OK) {
            status = call_block(sandbox, "HostNothing", BLOCK_CALLS, &with_host_call_us, err);
        }
        if (status == MOTE_OK) {
            samples_add(&calls->call, call_us);
            samples_add(&calls->with_host_call, with_host_call_us);
        }
    }
    if (status == MOTE_OK) {
        status = count(sandbox, "Nothing", &calls->call_counts, err);
    }
    if (status == MOTE_OK) {
        status = count(sandbox, "HostNothing", &calls->with_host_call_counts, err);
    }
    return status;
}

mote_status calls_measure(mote_image *image, const char *driver, struct calls *calls,
                          mote_error *err)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = driver;
    mote_sandbox *sandbox = NULL;
    mote_status status = guest_start(image, &config, &sandbox, err);
    if (status == MOTE_OK) {
        status = measure(sandbox, calls, err);
        mote_sandbox_destroy(sandbox);
    }
    return status;
}
