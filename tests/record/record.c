/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the record share. */
#include "tests/record/record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US (60u * 1000 * 1000)
#define MAX_THREADS 128

/* ---- The host functions that the guests expect (docs/guests.md) ---- */

static void copy_view(char *to, size_t room, const mote_str_view *view)
{
    snprintf(to, room, "%.*s", (int)view->len_bytes, view->data);
}

static void print(void *context, const char *text, size_t len_bytes)
{
    struct host *host = context;
    assert_true(len_bytes < sizeof(host->printed) - host->printed_bytes);
    memcpy(host->printed + host->printed_bytes, text, len_bytes);
    host->printed_bytes += len_bytes;
    host->printed[host->printed_bytes] = '\0';
}

static void take_record(void *context, const mote_log_record *record)
{
    struct host *host = context;
    assert_true(host->n_records < MAX_RECORDS);
    size_t i = host->n_records++;
    host->records[i].level = record->level;
    host->records[i].line = record->line;
    copy_view(host->records[i].message, sizeof(host->records[i].message), &record->message);
    copy_view(host->records[i].source, sizeof(host->records[i].source), &record->source);
    copy_view(host->records[i].file, sizeof(host->records[i].file), &record->source_file);
}

static mote_status add(void *context, const mote_value *args, size_t n_args, mote_value *result,
                       mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    *result = mote_i32(args[0].as.i32 + args[1].as.i32);
    return MOTE_OK;
}

static mote_status process_number(void *context, const mote_value *args, size_t n_args,
                                  mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_u64((uint64_t)getpid());
    return MOTE_OK;
}

/* Returns how long the text is. */
static mote_status hear(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    struct host *host = context;
    (void)n_args;
    (void)err;
    copy_view(host->heard, sizeof(host->heard), &args[0].as.str);
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static mote_status hear_only(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    mote_status status = hear(context, args, n_args, result, err);
    *result = mote_void();
    return status;
}

static mote_status refuse(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)hear(context, args, n_args, result, err);
    return mote_host_fail(err, 21, "%s", "Host function error!");
}

static mote_status rest(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    const struct host *host = context;
    (void)args;
    (void)n_args;
    (void)err;
    usleep(host->sleep_us);
    *result = mote_void();
    return MOTE_OK;
}

static const mote_host_function host_functions[] = {
    {.name = "HostAdd", .fn = add, .n_params = 2, .params = {MOTE_TYPE_I32, MOTE_TYPE_I32}},
    {.name = "MakeGetpidSyscall", .fn = process_number, .returns = MOTE_TYPE_U64},
    {.name = "HostMethod", .fn = hear, .n_params = 1, .params = {MOTE_TYPE_STR}},
    {.name = "HostMethod1", .fn = hear, .n_params = 1, .params = {MOTE_TYPE_STR}},
    {.name = "HostMethod4",
     .fn = hear_only,
     .returns = MOTE_TYPE_VOID,
     .n_params = 1,
     .params = {MOTE_TYPE_STR}},
    {.name = "ErrorMethod", .fn = refuse, .n_params = 1, .params = {MOTE_TYPE_STR}},
    {.name = "Spin", .fn = rest, .returns = MOTE_TYPE_VOID},
};

/* ---- Sandboxes ---- */

bool has_guests(void)
{
    bool has = access(RECORD_SIMPLE, R_OK) == 0 && access(RECORD_CALLBACK, R_OK) == 0;
    if (!has)
        print_message("skipped: no Rust guests: build/logs/build-rust.log says why\n");
    return has;
}

mote_config patient_config(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = PATIENCE_US;
    config.init_limit_us = PATIENCE_US;
    return config;
}

mote_sandbox *create_guest(struct host *host, const char *path, const mote_config *config)
{
    mote_config ours = config != NULL ? *config : patient_config();
    memset(host, 0, sizeof(*host));
    ours.print = print;
    ours.print_context = host;
    ours.log = take_record;
    ours.log_context = host;
    mote_sandbox *sandbox = create_sandbox(path, &ours);
    for (size_t i = 0; i < sizeof(host_functions) / sizeof(host_functions[0]); i++) {
        mote_host_function function = host_functions[i];
        function.context = host;
        assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    }
    return sandbox;
}

mote_sandbox *evolve_guest(struct host *host, const char *path, const mote_config *config)
{
    mote_sandbox *sandbox = create_guest(host, path, config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

mote_sandbox *single_use_guest(struct host *host, const char *path)
{
    mote_config config = patient_config();
    config.single_use = true;
    return evolve_guest(host, path, &config);
}

void close_guest(mote_sandbox *sandbox)
{
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

/* ---- Calls ---- */

int32_t call_i32(mote_sandbox *sandbox, const char *function, mote_value arg)
{
    mote_value result;
    assert_ok(mote_call(sandbox, function, &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

int32_t reset_i32(mote_sandbox *sandbox, const char *function, mote_value arg)
{
    mote_value result;
    assert_ok(mote_call_reset(sandbox, function, &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

int32_t get_static(mote_sandbox *sandbox)
{
    mote_value result;
    assert_ok(CALL_NONE(mote_call, sandbox, "GetStatic", MOTE_TYPE_I32, &result));
    return result.as.i32;
}

/* ---- Threads ---- */

struct job {
    pthread_t thread;
    pthread_barrier_t *start;
    thread_fn fn;
    void *context;
    size_t index;
    const char *wrong;
};

static void *run_job(void *argument)
{
    struct job *job = argument;
    pthread_barrier_wait(job->start);
    job->wrong = job->fn(job->context, job->index);
    return NULL;
}

void run_threads(size_t n_threads, thread_fn fn, void *context)
{
    static struct job jobs[MAX_THREADS];
    pthread_barrier_t start;
    const char *wrong = NULL;
    assert_in_range(n_threads, 1, MAX_THREADS);
    assert_int_equal(pthread_barrier_init(&start, NULL, (unsigned)n_threads), 0);
    for (size_t i = 0; i < n_threads; i++) {
        jobs[i] = (struct job){.start = &start, .fn = fn, .context = context, .index = i};
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]), 0);
    }
    for (size_t i = 0; i < n_threads; i++) {
        assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
        wrong = jobs[i].wrong != NULL ? jobs[i].wrong : wrong;
    }
    pthread_barrier_destroy(&start);
    if (wrong != NULL)
        fail_msg("a thread found: %s", wrong);
}
