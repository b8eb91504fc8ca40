/* SPDX-License-Identifier: Apache-2.0 */
/* Calls in blocks, as in calls.c. Lives one by one: each gives the time until its sandbox is there,
 * and the time until it is gone again. */
#include "bench/record.h"
#include "bench/clock.h"

enum { BLOCKS = 100, BLOCK_CALLS = 10, WARM_UP_BLOCKS = 5 };
enum { LIVES = 25, WARM_UP_LIVES = 2 };

enum {
    GUEST_CALL,
    GUEST_CALL_WITH_RESET,
    GUEST_CALL_WITH_HOST_CALL,
    FIRST_LIFE, /* two for each stage: until it is reached, and until all is gone again */
};

/* How far a sandbox comes before it goes. */
enum stage { STAGE_CREATED, STAGE_EVOLVED, STAGE_IN_CONTEXT, N_STAGES };

static const struct {
    const char *name;
    const char *about;
} all[N_RECORD] = {
    {"guest_functions/guest_call", "Echo, within a context"},
    {"guest_functions/guest_call_with_reset", "Echo, and a restore"},
    {"guest_functions/guest_call_with_call_to_host_function",
     "Add, which calls the host's HostAdd"},
    {"sandboxes/create_uninitalized_sandbox", "guest file to a sandbox that is created"},
    {"sandboxes/create_uninitialized_sandbox_and_drop", "the same, and its destruction"},
    {"sandboxes/create_sandbox", "guest file to a sandbox that is ready, with a snapshot"},
    {"sandboxes/create_sandbox_and_drop", "the same, and its destruction"},
    {"sandboxes/create_sandbox_and_call_context", "guest file to a sandbox in a context"},
    {"sandboxes/create_sandbox_and_call_context_and_drop", "the same, and its destruction"},
};

const char *record_name(size_t i)
{
    return all[i].name;
}

const char *record_about(size_t i)
{
    return all[i].about;
}

/* ---- Calls ---- */

typedef mote_status (*call_fn)(mote_sandbox *sandbox, const char *function, const mote_value *args,
                               size_t n_args, mote_type returns, mote_value *result,
                               mote_error *err);

struct call {
    call_fn fn;
    const char *function;
    mote_value args[2];
    size_t n_args;
    mote_type returns;
};

static mote_status add(void *context, const mote_value *args, size_t n_args, mote_value *result,
                       mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    *result = mote_i32((int32_t)((uint32_t)args[0].as.i32 + (uint32_t)args[1].as.i32));
    return MOTE_OK;
}

static mote_status call_block(mote_sandbox *sandbox, const struct call *call, double *mean_us,
                              mote_error *err)
{
    double start_us = clock_now_us();
    for (int i = 0; i < BLOCK_CALLS; i++) {
        mote_value result;
        mote_status status = call->fn(sandbox, call->function, call->args, call->n_args,
                                      call->returns, &result, err);
        if (status != MOTE_OK) {
            return status;
        }
    }
    *mean_us = (clock_now_us() - start_us) / BLOCK_CALLS;
    return MOTE_OK;
}

static mote_status measure_call(mote_sandbox *sandbox, const struct call *call,
                                struct samples *samples, mote_error *err)
{
    for (int i = -WARM_UP_BLOCKS; i < BLOCKS; i++) {
        double call_us = 0;
        mote_status status = call_block(sandbox, call, &call_us, err);
        if (status != MOTE_OK) {
            return status;
        }
        if (i >= 0) {
            samples_add(samples, call_us);
        }
    }
    return MOTE_OK;
}

static mote_status measure_calls(mote_sandbox *sandbox, struct record *record, mote_error *err)
{
    const struct call echo = {
        mote_call, "Echo", {mote_str("hello\n")}, 1, MOTE_TYPE_STR,
    };
    const struct call sum = {
        mote_call, "Add", {mote_i32(1), mote_i32(41)}, 2, MOTE_TYPE_I32,
    };
    struct call echo_and_reset = echo;
    echo_and_reset.fn = mote_call_reset;
    mote_status status = mote_context_begin(sandbox, err);
    if (status == MOTE_OK) {
        status = measure_call(sandbox, &echo, &record->each[GUEST_CALL], err);
    }
    if (status == MOTE_OK) {
        status = measure_call(sandbox, &sum, &record->each[GUEST_CALL_WITH_HOST_CALL], err);
    }
    if (status == MOTE_OK) {
        status = mote_context_finish(sandbox, err);
    }
    if (status == MOTE_OK) {
        status = measure_call(sandbox, &echo_and_reset, &record->each[GUEST_CALL_WITH_RESET], err);
    }
    return status;
}

/* ---- Lives ---- */

/* The image is opened anew each time, and the sandbox's alone from then on: there, a sandbox reads
 * its guest file itself. *out is the caller's also where a later step failed. */
static mote_status create(const char *path, const mote_config *config, mote_sandbox **out,
                          mote_error *err)
{
    mote_image *image = NULL;
    mote_status status = mote_image_open(path, NULL, &image, err);
    if (status == MOTE_OK) {
        status = mote_sandbox_create(image, config, out, err);
    }
    mote_image_unref(image);
    return status;
}

static mote_status live(const char *path, const mote_config *config, enum stage stage,
                        double *reached_us, double *gone_us, mote_error *err)
{
    mote_sandbox *sandbox = NULL;
    double start_us = clock_now_us();
    mote_status status = create(path, config, &sandbox, err);
    if (status == MOTE_OK && stage >= STAGE_EVOLVED) {
        status = mote_sandbox_evolve(sandbox, NULL, NULL, err);
    }
    if (status == MOTE_OK && stage >= STAGE_IN_CONTEXT) {
        status = mote_context_begin(sandbox, err);
    }
    *reached_us = clock_now_us() - start_us;
    mote_sandbox_destroy(sandbox);
    *gone_us = clock_now_us() - start_us;
    return status;
}

static mote_status measure_lives(const char *path, const mote_config *config, enum stage stage,
                                 struct record *record, mote_error *err)
{
    struct samples *reached = &record->each[FIRST_LIFE + 2 * (size_t)stage];
    struct samples *gone = reached + 1;
    for (int i = -WARM_UP_LIVES; i < LIVES; i++) {
        double reached_us = 0;
        double gone_us = 0;
        mote_status status = live(path, config, stage, &reached_us, &gone_us, err);
        if (status != MOTE_OK) {
            return status;
        }
        if (i >= 0) {
            samples_add(reached, reached_us);
            samples_add(gone, gone_us);
        }
    }
    return MOTE_OK;
}

mote_status record_measure(const char *path, const char *driver, struct record *record,
                           mote_error *err)
{
    static const mote_host_function host_add = {.name = "HostAdd",
                                                .fn = add,
                                                .returns = MOTE_TYPE_I32,
                                                .n_params = 2,
                                                .params = {MOTE_TYPE_I32, MOTE_TYPE_I32}};
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = driver;
    mote_sandbox *sandbox = NULL;
    mote_status status = create(path, &config, &sandbox, err);
    if (status == MOTE_OK) {
        status = mote_sandbox_register(sandbox, &host_add, err);
    }
    if (status == MOTE_OK) {
        status = mote_sandbox_evolve(sandbox, NULL, NULL, err);
    }
    if (status == MOTE_OK) {
        status = measure_calls(sandbox, record, err);
    }
    mote_sandbox_destroy(sandbox);
    for (int stage = STAGE_CREATED; stage < N_STAGES && status == MOTE_OK; stage++) {
        status = measure_lives(path, &config, (enum stage)stage, record, err);
    }
    return status;
}
