/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that write to pages, in blocks, each block once without and once with a restore. */
#include "bench/restores.h"
#include "bench/clock.h"

enum { BLOCKS = 100, BLOCK_CALLS = 10, WARM_UP_BLOCKS = 5 };

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define MAX_MEMORY (GIB + 64 * MIB) /* for the largest heap and all else */

static const struct {
    const char *name;
    uint32_t n_pages;
    uint64_t heap_bytes;
} all[N_RESTORES] = {
    {"16 pages, 64K", 16, 64 * KIB},   {"16 pages, 1M", 16, MIB},
    {"16 pages, 64M", 16, 64 * MIB},   {"16 pages, 1G", 16, GIB},
    {"256 pages, 64K", 256, 64 * KIB}, {"256 pages, 1M", 256, MIB},
    {"256 pages, 64M", 256, 64 * MIB}, {"256 pages, 1G", 256, GIB},
};

const char *restores_name(size_t i)
{
    return all[i].name;
}

uint32_t restores_n_pages(size_t i)
{
    return all[i].n_pages;
}

typedef mote_status (*call_fn)(mote_sandbox *sandbox, const char *function, const mote_value *args,
                               size_t n_args, mote_type returns, mote_value *result,
                               mote_error *err);

static mote_status call_block(mote_sandbox *sandbox, call_fn call, uint32_t n_pages,
                              double *mean_us, mote_error *err)
{
    const mote_value arg = mote_u32(n_pages);
    double start_us = clock_now_us();
    for (int i = 0; i < BLOCK_CALLS; i++) {
        mote_status status = call(sandbox, "WritePages", &arg, 1, MOTE_TYPE_VOID, NULL, err);
        if (status != MOTE_OK) {
            return status;
        }
    }
    *mean_us = (clock_now_us() - start_us) / BLOCK_CALLS;
    return MOTE_OK;
}

static mote_status measure_blocks(mote_sandbox *sandbox, uint32_t n_pages, struct restore *restore,
                                  mote_error *err)
{
    for (int i = -WARM_UP_BLOCKS; i < BLOCKS; i++) {
        double call_us = 0;
        double with_restore_us = 0;
        mote_status status = call_block(sandbox, mote_call, n_pages, &call_us, err);
        if (status == MOTE_OK) {
            status = call_block(sandbox, mote_call_reset, n_pages, &with_restore_us, err);
        }
        if (status != MOTE_OK) {
            return status;
        }
        if (i >= 0) {
            samples_add(&restore->call, call_us);
            samples_add(&restore->with_restore, with_restore_us);
        }
    }
    return MOTE_OK;
}

static mote_status count(mote_sandbox *sandbox, uint32_t n_pages, struct restore *restore,
                         mote_error *err)
{
    mote_sandbox_stats before = {.struct_size = sizeof before};
    mote_sandbox_stats after = {.struct_size = sizeof after};
    double ignored_us = 0;
    mote_status status = mote_sandbox_stats_get(sandbox, &before, err);
    if (status == MOTE_OK) {
        status = call_block(sandbox, mote_call_reset, n_pages, &ignored_us, err);
    }
    if (status == MOTE_OK) {
        status = mote_sandbox_stats_get(sandbox, &after, err);
    }
    restore->system_calls = (double)(after.system_calls - before.system_calls) / BLOCK_CALLS;
    return status;
}

static mote_status measure(mote_image *image, const char *driver, size_t i, struct restore *restore,
                           mote_error *err)
{
    mote_config config = MOTE_CONFIG_INIT;
    mote_sandbox *sandbox = NULL;
    config.driver = driver;
    config.heap_bytes = all[i].heap_bytes;
    config.max_memory_bytes = MAX_MEMORY;
    mote_status status = mote_sandbox_create(image, &config, &sandbox, err);
    if (status == MOTE_OK) {
        status = mote_sandbox_evolve(sandbox, NULL, NULL, err);
    }
    if (status == MOTE_OK) {
        status = measure_blocks(sandbox, all[i].n_pages, restore, err);
    }
    if (status == MOTE_OK) {
        status = count(sandbox, all[i].n_pages, restore, err);
    }
    mote_sandbox_destroy(sandbox);
    return status;
}

mote_status restores_measure(mote_image *image, const char *driver, struct restores *restores,
                             mote_error *err)
{
    for (size_t i = 0; i < N_RESTORES; i++) {
        mote_status status = measure(image, driver, i, &restores->each[i], err);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}
