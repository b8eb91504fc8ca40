/* SPDX-License-Identifier: Apache-2.0 */
/* Calls in blocks, as other calls are measured; stops one by one, since each ends its sandbox. */
#include "bench/ways.h"
#include "bench/clock.h"
#include "bench/fail.h"
#include "bench/floor_run.h"
#include "bench/guest.h"

#include <string.h>

enum { BLOCKS = 600, WARM_UP_BLOCKS = 100, BLOCK_CALLS = 10, STOPS = 60 };
enum { LIMIT_US = 5000, SPIN_US = 100, EXAMINATIONS = 9 };

static const struct {
    const char *name;
    const char *about;
} texts[N_WAYS] = {
    [WAY_ROUND_TRIP] = {"round trip", "the driver alone, without a message"},
    [WAY_FAULT] = {"call by fault", "Add of a guest of Hyperlight 0.1"},
    [WAY_STOP] = {"stop", "from the limit of an endless call to its error"},
    [WAY_SPIN_ROUND_TRIP] = {"spinning trip", "the driver alone, both sides spin"},
    [WAY_SPIN] = {"spinning call", "an empty function, both sides spin"},
};

const char *ways_name(size_t way)
{
    return texts[way].name;
}

const char *ways_about(size_t way)
{
    return texts[way].about;
}

static mote_status call_add(mote_sandbox *sandbox, mote_error *err)
{
    const mote_value numbers[] = {mote_i32(1), mote_i32(41)};
    mote_value sum;
    return mote_call(sandbox, "Add", numbers, 2, MOTE_TYPE_I32, &sum, err);
}

static mote_status call_nothing(mote_sandbox *sandbox, mote_error *err)
{
    return guest_call(sandbox, "Nothing", err);
}

static mote_status measure_blocks(mote_image *image, const mote_config *config,
                                  mote_status (*call)(mote_sandbox *, mote_error *),
                                  struct samples *samples, mote_error *err)
{
    mote_sandbox *sandbox = NULL;
    mote_status status = guest_start(image, config, &sandbox, err);
    for (int i = -WARM_UP_BLOCKS; i < BLOCKS && status == MOTE_OK; i++) {
        double start_us = clock_now_us();
        for (int n = 0; n < BLOCK_CALLS && status == MOTE_OK; n++) {
            status = call(sandbox, err);
        }
        if (i >= 0) {
            samples_add(samples, (clock_now_us() - start_us) / BLOCK_CALLS);
        }
    }
    mote_sandbox_destroy(sandbox);
    return status;
}

static mote_status measure_stop(mote_image *image, const mote_config *config,
                                struct samples *samples, mote_error *err)
{
    mote_sandbox *sandbox = NULL;
    mote_status status = guest_start(image, config, &sandbox, err);
    if (status != MOTE_OK) {
        return status;
    }
    double start_us = clock_now_us();
    status = guest_call(sandbox, "Spin", err);
    samples_add(samples, clock_now_us() - start_us - LIMIT_US);
    mote_sandbox_destroy(sandbox);
    if (status == MOTE_E_TIME_LIMIT) {
        return MOTE_OK;
    }
    return status != MOTE_OK ? status : fail(err, MOTE_E_BUG, "a call without an end ended");
}

static mote_status measure_ping_pong(const char *floor_program, struct samples *samples,
                                     mote_error *err)
{
    struct floor floor;
    mote_status status = floor_run(floor_program, &floor, err);
    if (status == MOTE_OK && floor.has_ping_pong) {
        samples_add(samples, floor.ping_pong.median_us);
    }
    return status;
}

/* As `mote doctor` measures it: each sample is a median. */
static mote_status measure_round_trips(const char *driver, const char *floor_program,
                                       struct ways *ways, mote_error *err)
{
    size_t index = 0;
    while (mote_driver_name(index) != NULL && strcmp(mote_driver_name(index), driver) != 0) {
        index++;
    }
    for (int i = 0; i < EXAMINATIONS; i++) {
        mote_driver_report report = {.struct_size = sizeof report};
        mote_status status = measure_ping_pong(floor_program, &ways->ping_pong, err);
        if (status == MOTE_OK) {
            status = mote_driver_examine(index, &report, err);
        }
        if (status != MOTE_OK) {
            return status;
        }
        samples_add(&ways->each[WAY_ROUND_TRIP], (double)report.call_ns / 1000);
        samples_add(&ways->each[WAY_SPIN_ROUND_TRIP], (double)report.spin_call_ns / 1000);
    }
    return MOTE_OK;
}

mote_status ways_measure(mote_image *legacy, mote_image *hello, const char *driver,
                         const char *floor_program, struct ways *ways, mote_error *err)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = driver;
    mote_status status = measure_round_trips(driver, floor_program, ways, err);
    if (status == MOTE_OK) {
        status = measure_blocks(legacy, &config, call_add, &ways->each[WAY_FAULT], err);
    }
    config.spin_us = SPIN_US;
    if (status == MOTE_OK) {
        status = measure_blocks(hello, &config, call_nothing, &ways->each[WAY_SPIN], err);
    }
    config.spin_us = 0;
    config.time_limit_us = LIMIT_US;
    for (int i = 0; i < STOPS && status == MOTE_OK; i++) {
        status = measure_stop(hello, &config, &ways->each[WAY_STOP], err);
    }
    return status;
}
