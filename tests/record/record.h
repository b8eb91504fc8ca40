/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the record share: its two guests, and a host with the functions that they call.
 *
 * The same tests are compiled once for each pair of guests: RECORD_SIMPLE and RECORD_CALLBACK are
 * their files, RECORD_IS_RUST says whose library they are built on.
 */
#ifndef MOTE_TESTS_RECORD_RECORD_H
#define MOTE_TESTS_RECORD_RECORD_H

#include "tests/api/fixture.h"

#define MAX_RECORDS 32

/* What happened on the host's side of one sandbox. */
struct host {
    char printed[4096];
    size_t printed_bytes;
    char heard[256];   /* by the last host function that takes text */
    unsigned sleep_us; /* how long Spin takes */
    struct {
        mote_log_level level;
        char message[128], source[128], file[128];
        uint32_t line;
    } records[MAX_RECORDS];
    size_t n_records;
};

/* Settings for tests that are not about time: limits that a busy machine does not reach. */
mote_config patient_config(void);

/* Create a sandbox of a guest, with all host functions. */
mote_sandbox *create_guest(struct host *host, const char *path, const mote_config *config);
/* The same, and evolve it: it has one snapshot then. */
mote_sandbox *evolve_guest(struct host *host, const char *path, const mote_config *config);
/* A sandbox for one call. */
mote_sandbox *single_use_guest(struct host *host, const char *path);
void close_guest(mote_sandbox *sandbox);

/* Both guests and the driver must be there. */
bool has_guests(void);
#define NEEDS_GUESTS() \
    if (!has_driver() || !has_guests()) \
    skip()

/* CALL(mote_call or mote_call_reset, sandbox, function, returns, result, arguments...). */
#define CALL(how, sandbox, function, returns, result, ...) \
    how((sandbox), (function), (const mote_value[]){__VA_ARGS__}, \
        sizeof((const mote_value[]){__VA_ARGS__}) / sizeof(mote_value), (returns), (result), \
        &last_error)
#define CALL_NONE(how, sandbox, function, returns, result) \
    how((sandbox), (function), NULL, 0, (returns), (result), &last_error)

/* A call that must succeed. */
int32_t call_i32(mote_sandbox *sandbox, const char *function, mote_value arg);
int32_t reset_i32(mote_sandbox *sandbox, const char *function, mote_value arg);
int32_t get_static(mote_sandbox *sandbox);

/* Run a function on many threads at once. It returns NULL, or what went wrong. */
typedef const char *(*thread_fn)(void *context, size_t index);
void run_threads(size_t n_threads, thread_fn fn, void *context);

#endif
