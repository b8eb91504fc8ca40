/* SPDX-License-Identifier: Apache-2.0 */
/* Warm calls in blocks, as the floor is measured: the clock is read between blocks only, and they
 * are short, so that the median block is one that no other process interrupted. The kinds of calls
 * take turns of many blocks, so that the median block does not follow one of another kind either.
 */
#include "bench/calls.h"
#include "bench/clock.h"
#include "bench/guest.h"

enum { BLOCKS = 600, TURN_BLOCKS = 20, BLOCK_CALLS = 10, WARM_UP_CALLS = 1000 };

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

/* One kind of call: where it is made, and what becomes of it. */
struct kind {
    mote_sandbox *sandbox;
    const char *function;
    struct samples *samples;
    struct counts *counts;
};
enum { N_KINDS = 3 };

static mote_status measure(const struct kind *kinds, int n_kinds, mote_error *err)
{
    mote_status status = MOTE_OK;
    double mean_us = 0;
    for (int k = 0; k < n_kinds && status == MOTE_OK; k++) {
        status = call_block(kinds[k].sandbox, kinds[k].function, WARM_UP_CALLS, &mean_us, err);
    }
    for (int i = 0; i < BLOCKS * n_kinds && status == MOTE_OK; i++) {
        const struct kind *kind = &kinds[i / TURN_BLOCKS % n_kinds];
        status = call_block(kind->sandbox, kind->function, BLOCK_CALLS, &mean_us, err);
        if (status == MOTE_OK) {
            samples_add(kind->samples, mean_us);
        }
    }
    for (int k = 0; k < n_kinds && status == MOTE_OK; k++) {
        status = count(kinds[k].sandbox, kinds[k].function, kinds[k].counts, err);
    }
    return status;
}

mote_status calls_measure(mote_image *image, const char *driver, struct calls *calls,
                          mote_error *err)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = driver;
    mote_sandbox *sandbox = NULL;
    mote_sandbox *filtered = NULL;
    mote_status status = guest_start(image, &config, &sandbox, err);
    if (status != MOTE_OK) {
        return status;
    }
    /* Last, since there are hosts that have no such filter. */
    config.filter_host_functions = true;
    int n_kinds = guest_start(image, &config, &filtered, NULL) == MOTE_OK ? N_KINDS : N_KINDS - 1;
    const struct kind kinds[N_KINDS] = {
        {sandbox, "Nothing", &calls->call, &calls->call_counts},
        {sandbox, "HostNothing", &calls->with_host_call, &calls->with_host_call_counts},
        {filtered, "HostNothing", &calls->with_filtered_call, &calls->with_filtered_call_counts},
    };
    status = measure(kinds, n_kinds, err);
    mote_sandbox_destroy(filtered);
    mote_sandbox_destroy(sandbox);
    return status;
}
