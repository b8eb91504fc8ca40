/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions under a filter of system calls: what they may do, and what comes of the rest. */
#include "tests/api/fixture.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"
#define SDK MOTE_BUILD_DIR "/tests/guests/sdk.elf"

static mote_config filtered(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.filter_host_functions = true;
    return config;
}

/* End the test as skipped where the driver does not work, or this host has no such filters. */
static void need_filters(void)
{
    const mote_config config = filtered();
    mote_sandbox *sandbox = NULL;
    mote_error err;
    NEEDS_DRIVER();
    mote_image *image = open_image(HELLO);
    mote_status status = mote_sandbox_create(image, for_test(&config), &sandbox, &err);
    mote_image_unref(image);
    mote_sandbox_destroy(sandbox);
    if (status == MOTE_OK)
        return;
    print_message("skipped: %s\n", err.text);
    skip();
}

/* A sandbox of a guest that asks its host function Ask, ready, with a snapshot. */
static mote_sandbox *open_asking_with(const mote_config *config, mote_host_fn fn, void *context,
                                      const int *system_calls, size_t n)
{
    const mote_host_function ask = {.name = "Ask",
                                    .fn = fn,
                                    .context = context,
                                    .returns = MOTE_TYPE_I32,
                                    .n_params = 1,
                                    .params = {MOTE_TYPE_I32}};
    mote_sandbox *sandbox = create_sandbox(KEEPER, config);
    assert_ok(mote_sandbox_register_allowing(sandbox, &ask, system_calls, n, &last_error));
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

static mote_sandbox *open_asking(mote_host_fn fn, void *context, const int *system_calls, size_t n)
{
    const mote_config config = filtered();
    return open_asking_with(&config, fn, context, system_calls, n);
}

static mote_status ask(mote_sandbox *sandbox, int32_t n, int32_t *answer)
{
    const mote_value arg = mote_i32(n);
    mote_value result;
    mote_status status =
        mote_call(sandbox, "AskHost", &arg, 1, MOTE_TYPE_I32, &result, &last_error);
    if (status == MOTE_OK)
        *answer = result.as.i32;
    return status;
}

static void assert_answers(mote_sandbox *sandbox, int32_t n, int32_t wanted)
{
    int32_t answer = -1;
    assert_ok(ask(sandbox, n, &answer));
    assert_int_equal(answer, wanted);
}

/* By their name: KVM keeps threads in the process, too. */
static size_t count_workers(void)
{
    size_t n = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[64];
        char name[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        n += fgets(name, sizeof(name), file) != NULL && strcmp(name, "mote-worker\n") == 0;
        fclose(file);
    }
    closedir(folder);
    return n;
}

static void assert_workers(size_t wanted)
{
    for (int i = 0; i < 20000 && count_workers() != wanted; i++)
        usleep(1000); /* one that has been joined may be listed for another moment */
    assert_int_equal(count_workers(), wanted);
}

/* ---- What is refused ---- */

/* 0 asks for nothing, and any other number for that system call. What it returns is the call's own
 * outcome, but for EPERM: 1000. */
static mote_status make_call(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    long outcome = 0;
    (void)context, (void)n_args, (void)err;
    if (args[0].as.i32 != 0)
        outcome = syscall(args[0].as.i32, -1, -1, -1);
    *result = mote_i32(outcome == -1 && errno == EPERM ? 1000 : (int32_t)outcome);
    return MOTE_OK;
}

static void test_a_refused_system_call_ends_the_call_and_is_named(void **state)
{
    (void)state;
    need_filters();
    mote_sandbox *sandbox = open_asking(make_call, NULL, NULL, 0);
    int32_t answer;
    assert_answers(sandbox, 0, 0);
    assert_status(ask(sandbox, SYS_openat, &answer), MOTE_E_SYSTEM_CALL);
    assert_string_equal(last_error.text, "host function Ask was refused system call openat (257)");
    assert_string_equal(last_error.function, "Ask");
    assert_string_equal(last_error.subject, "openat (257)");
    assert_int_equal(last_error.os_errno, EPERM);
    assert_int_equal(mote_status_class(last_error.code), MOTE_CLASS_HOST);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_status(ask(sandbox, 0, &answer), MOTE_E_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_a_system_call_without_a_name_is_told_by_number(void **state)
{
    (void)state;
    need_filters();
    mote_sandbox *sandbox = open_asking(make_call, NULL, NULL, 0);
    int32_t answer;
    assert_status(ask(sandbox, 1000, &answer), MOTE_E_SYSTEM_CALL);
    assert_string_equal(last_error.text, "host function Ask was refused system call 1000");
    mote_sandbox_destroy(sandbox);
}

static void test_a_restore_follows_a_refusal(void **state)
{
    (void)state;
    need_filters();
    mote_sandbox *sandbox = open_asking(make_call, NULL, NULL, 0);
    int32_t answer;
    for (int i = 0; i < 20; i++) {
        assert_status(ask(sandbox, SYS_socket, &answer), MOTE_E_SYSTEM_CALL);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_answers(sandbox, 0, 0);
        assert_ok(mote_sandbox_push(sandbox, &last_error));
        assert_answers(sandbox, 0, 0);
        assert_ok(mote_sandbox_pop(sandbox, &last_error));
    }
    mote_sandbox_destroy(sandbox);
}

static void test_registered_system_calls_go_through(void **state)
{
    (void)state;
    need_filters();
    static const int allowed[] = {SYS_getppid, SYS_gettid, SYS_getppid};
    mote_sandbox *sandbox = open_asking(make_call, NULL, allowed, 3);
    int32_t answer = 0;
    assert_answers(sandbox, SYS_getppid, (int32_t)getppid());
    assert_ok(ask(sandbox, SYS_gettid, &answer));
    assert_int_not_equal(answer, getpid());
    assert_status(ask(sandbox, SYS_getuid, &answer), MOTE_E_SYSTEM_CALL);
    mote_sandbox_destroy(sandbox);
}

static void test_the_last_registration_says_what_is_allowed(void **state)
{
    (void)state;
    need_filters();
    static const int allowed[] = {SYS_getppid};
    const mote_config config = filtered();
    const mote_host_function function = {.name = "Ask",
                                         .fn = make_call,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_I32}};
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    int32_t answer;
    assert_ok(mote_sandbox_register_allowing(sandbox, &function, allowed, 1, &last_error));
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_status(ask(sandbox, SYS_getppid, &answer), MOTE_E_SYSTEM_CALL);
    mote_sandbox_destroy(sandbox);
}

static void test_register_refuses_what_is_no_system_call(void **state)
{
    (void)state;
    need_filters();
    static const int bad[] = {SYS_getppid, 1024};
    static const int worse[] = {-1};
    static const int others[] = {SYS_clone};
    static const int good[] = {0, 1023};
    const mote_config config = filtered();
    const mote_host_function function = {.name = "F", .fn = make_call, .returns = MOTE_TYPE_I32};
    mote_sandbox *sandbox = create_sandbox(HELLO, &config);
    const mote_status outcomes[] = {
        mote_sandbox_register_allowing(sandbox, &function, bad, 2, &last_error),
        mote_sandbox_register_allowing(sandbox, &function, worse, 1, &last_error),
        mote_sandbox_register_allowing(sandbox, &function, others, 1, &last_error),
        mote_sandbox_register_allowing(sandbox, &function, NULL, 1, &last_error),
        mote_sandbox_register_allowing(sandbox, NULL, good, 2, &last_error),
        mote_sandbox_register_allowing(NULL, &function, good, 2, &last_error),
    };
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        assert_int_equal(outcomes[i], MOTE_E_ARGUMENT);
    assert_ok(mote_sandbox_register_allowing(sandbox, &function, good, 2, &last_error));
    mote_sandbox_destroy(sandbox);
}

static void test_without_the_filter_nothing_is_refused(void **state)
{
    (void)state;
    need_filters();
    static const int allowed[] = {SYS_getuid};
    mote_sandbox *sandbox = open_asking_with(NULL, make_call, NULL, allowed, 1);
    assert_workers(0);
    assert_answers(sandbox, SYS_getppid, (int32_t)getppid());
    assert_answers(sandbox, SYS_gettid, (int32_t)syscall(SYS_gettid));
    mote_sandbox_destroy(sandbox);
}

/* ---- A guest that tries ---- */

static mote_status measure(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    (void)context, (void)n_args, (void)err;
    if (args[0].as.str.len_bytes == 0)
        syscall(SYS_openat, -1, NULL, 0);
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static mote_status end_thread(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)result, (void)err;
    pthread_exit(NULL);
}

static void assert_tries(mote_sandbox *sandbox, const char *function, const char *text,
                         const char *wanted)
{
    const mote_value args[] = {mote_str(function), mote_str(text)};
    mote_value result;
    assert_ok(mote_call(sandbox, "Try", args, 2, MOTE_TYPE_STR, &result, &last_error));
    assert_string_equal(result.as.str.data, wanted);
}

/* It is told that the function failed, and not what the host's functions do. */
static void test_a_guest_that_tries_is_told_of_the_failure_alone(void **state)
{
    (void)state;
    need_filters();
    static const struct {
        const char *name;
        mote_host_fn fn;
    } functions[] = {{"Length", measure}, {"End", end_thread}};
    const mote_config config = filtered();
    mote_sandbox *sandbox = create_sandbox(SDK, &config);
    for (size_t i = 0; i < 2; i++) {
        const mote_host_function function = {.name = functions[i].name,
                                             .fn = functions[i].fn,
                                             .returns = MOTE_TYPE_I32,
                                             .n_params = 1,
                                             .params = {MOTE_TYPE_STR}};
        assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    }
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    for (int i = 0; i < 3; i++) {
        assert_tries(sandbox, "Length", "four", "answered 4");
        assert_tries(sandbox, "Length", "", "73 0 Length: a host function failed");
        assert_tries(sandbox, "End", "x", "73 0 End: host function End ended its thread");
    }
    mote_sandbox_destroy(sandbox);
}

/* ---- Coming back ---- */

static mote_status use_own_sandbox(void *context, const mote_value *args, size_t n_args,
                                   mote_value *result, mote_error *err)
{
    mote_sandbox *sandbox = *(mote_sandbox **)context;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    (void)args, (void)n_args, (void)err;
    bool is_refused =
        mote_call(sandbox, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, NULL) == MOTE_E_REENTRY &&
        mote_sandbox_restore(sandbox, NULL, NULL) == MOTE_E_REENTRY &&
        mote_sandbox_stats_get(sandbox, &stats, NULL) == MOTE_E_REENTRY &&
        mote_sandbox_destroy(sandbox) == MOTE_E_REENTRY;
    *result = mote_i32(is_refused ? 1 : 0);
    return MOTE_OK;
}

static void test_reentry_from_the_worker_is_refused(void **state)
{
    (void)state;
    need_filters();
    mote_sandbox *sandbox = NULL;
    sandbox = open_asking(use_own_sandbox, &sandbox, NULL, 0);
    assert_answers(sandbox, 1, 1);
    mote_sandbox_destroy(sandbox);
}

static mote_status is_busy(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    (void)args, (void)n_args, (void)err;
    *result = mote_i32(mote_sandbox_restore(context, NULL, NULL) == MOTE_E_BUSY);
    return MOTE_OK;
}

static void *call_endless(void *sandbox)
{
    return spin_until_cancelled(sandbox) == MOTE_E_CANCELLED ? NULL : sandbox;
}

/* Whose call runs on another thread than its caller is not taken for that one. */
static void test_another_threads_sandbox_is_busy(void **state)
{
    (void)state;
    need_filters();
    pthread_t thread;
    mote_config config = filtered();
    config.time_limit_us = 60000000;
    mote_sandbox *other = open_asking_with(&config, make_call, NULL, NULL, 0);
    mote_sandbox *sandbox = open_asking(is_busy, other, NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, call_endless, other), 0);
    wait_until_busy(other);
    assert_answers(sandbox, 1, 1);
    pthread_join(cancel_soon(other), NULL);
    assert_int_equal(pthread_join(thread, NULL), 0);
    mote_sandbox_destroy(sandbox);
    mote_sandbox_destroy(other);
}

static mote_sandbox *circle[2];

static mote_status ask_other(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    const mote_value arg = mote_i32(2);
    (void)context, (void)args, (void)n_args, (void)err;
    mote_error inner;
    mote_status status = mote_call(circle[1], "AskHost", &arg, 1, MOTE_TYPE_I32, result, &inner);
    if (status != MOTE_OK)
        *result = mote_i32(-(int32_t)status);
    return MOTE_OK;
}

static mote_status close_circle(void *context, const mote_value *args, size_t n_args,
                                mote_value *result, mote_error *err)
{
    const mote_value arg = mote_i32(3);
    (void)context, (void)args, (void)n_args, (void)err;
    *result =
        mote_i32((int32_t)mote_call(circle[0], "AskHost", &arg, 1, MOTE_TYPE_I32, NULL, NULL));
    return MOTE_OK;
}

/* What the drivers and the worker need for a call, and the C library for memory. */
static const int for_calls[] = {
    SYS_ioctl,           SYS_poll,
    SYS_ppoll,           SYS_gettid,
    SYS_tgkill,          SYS_timer_create,
    SYS_timer_delete,    SYS_timer_settime,
    SYS_rt_sigtimedwait, SYS_mmap,
    SYS_mprotect,        SYS_brk,
    SYS_clock_gettime,   SYS_pidfd_send_signal,
};

static void test_a_circle_of_workers_is_refused(void **state)
{
    (void)state;
    need_filters();
    size_t n_calls = sizeof(for_calls) / sizeof(for_calls[0]);
    circle[0] = open_asking(ask_other, NULL, for_calls, n_calls);
    circle[1] = open_asking(close_circle, NULL, NULL, 0);
    assert_answers(circle[0], 1, MOTE_E_REENTRY);
    mote_sandbox_destroy(circle[0]);
    mote_sandbox_destroy(circle[1]);
}

/* ---- Limits ---- */

static mote_status cancel_own(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)args, (void)n_args, (void)err;
    *result = mote_i32((int32_t)mote_sandbox_cancel(*(mote_sandbox **)context));
    return MOTE_OK;
}

/* It is no system call of the function's. */
static void test_a_function_may_cancel_its_own_call(void **state)
{
    (void)state;
    need_filters();
    mote_sandbox *sandbox = NULL;
    int32_t answer;
    sandbox = open_asking(cancel_own, &sandbox, NULL, 0);
    for (int i = 0; i < 5; i++) {
        assert_status(ask(sandbox, 1, &answer), MOTE_E_CANCELLED);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    }
    mote_sandbox_destroy(sandbox);
}

static mote_status sleep_long(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)context, (void)n_args, (void)err;
    usleep((useconds_t)args[0].as.i32);
    *result = mote_i32(1);
    return MOTE_OK;
}

static void test_limits_and_cancels_take_effect_when_it_returns(void **state)
{
    (void)state;
    need_filters();
    static const int allowed[] = {SYS_clock_nanosleep, SYS_nanosleep};
    mote_config config = filtered();
    int32_t answer;
    config.time_limit_us = 20000;
    config.cancel_wait_us = 10000;
    mote_sandbox *sandbox = open_asking_with(&config, sleep_long, NULL, allowed, 2);
    assert_status(ask(sandbox, 300000, &answer), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.function, "Ask");
    /* On a busy machine a call that has nothing to do may be late, too. */
    mote_status status = MOTE_E_TIME_LIMIT;
    for (int i = 0; i < 100 && status == MOTE_E_TIME_LIMIT; i++) {
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        status = ask(sandbox, 0, &answer);
    }
    assert_ok(status);
    assert_int_equal(answer, 1);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    mote_sandbox_destroy(sandbox);
}

static mote_status cancel_other(void *context, const mote_value *args, size_t n_args,
                                mote_value *result, mote_error *err)
{
    (void)args, (void)n_args, (void)err;
    *result = mote_i32((int32_t)mote_sandbox_cancel(context));
    return MOTE_OK;
}

/* The function may not send the signal, and its own call ends with that. Whoever may, still can. */
static void test_a_cancel_that_was_refused_its_signal_is_not_the_last(void **state)
{
    (void)state;
    need_filters();
    pthread_t thread;
    int32_t answer;
    mote_config config = filtered();
    config.time_limit_us = 20000000;
    mote_sandbox *other = open_asking_with(&config, make_call, NULL, NULL, 0);
    mote_sandbox *sandbox = open_asking(cancel_other, other, NULL, 0);
    assert_int_equal(pthread_create(&thread, NULL, call_endless, other), 0);
    wait_until_busy(other);
    mote_status status = MOTE_OK;
    while (status == MOTE_OK) /* until the call has begun that can be cancelled */
        status = ask(sandbox, 1, &answer);
    assert_status(status, MOTE_E_SYSTEM_CALL);
    uint64_t before_us = now_us();
    assert_ok(mote_sandbox_cancel(other));
    void *failed = NULL;
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    /* At its limit it would end as cancelled, too. */
    assert_true(now_us() - before_us < config.time_limit_us / 2);
    mote_sandbox_destroy(sandbox);
    mote_sandbox_destroy(other);
}

/* A function that returns after its call was cancelled. */
struct patient {
    mote_sandbox *sandbox;
    atomic_bool is_inside;
    atomic_bool is_cancelled;
};

static mote_status outlast_a_cancel(void *context, const mote_value *args, size_t n_args,
                                    mote_value *result, mote_error *err)
{
    struct patient *patient = context;
    (void)args, (void)n_args, (void)err;
    atomic_store(&patient->is_inside, true);
    while (!atomic_load(&patient->is_cancelled))
        usleep(1000);
    *result = mote_i32(1);
    return MOTE_OK;
}

static void *cancel_inside(void *context)
{
    struct patient *patient = context;
    while (!atomic_load(&patient->is_inside))
        usleep(1000);
    (void)mote_sandbox_cancel(patient->sandbox);
    atomic_store(&patient->is_cancelled, true);
    return NULL;
}

static void test_a_cancel_from_elsewhere_takes_effect_when_it_returns(void **state)
{
    (void)state;
    need_filters();
    static const int allowed[] = {SYS_clock_nanosleep, SYS_nanosleep};
    pthread_t thread;
    int32_t answer;
    struct patient patient = {.is_inside = false};
    mote_config config = filtered();
    config.time_limit_us = 60000000;
    patient.sandbox = open_asking_with(&config, outlast_a_cancel, &patient, allowed, 2);
    assert_int_equal(pthread_create(&thread, NULL, cancel_inside, &patient), 0);
    assert_status(ask(patient.sandbox, 0, &answer), MOTE_E_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    mote_sandbox_destroy(patient.sandbox);
}

/* ---- Prints ---- */

static mote_status print_wrongly(void *context, const mote_value *args, size_t n_args,
                                 mote_value *result, mote_error *err)
{
    (void)n_args, (void)err;
    ++*(int *)context;
    syscall(SYS_openat, -1, NULL, 0);
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static void ask_kernel(void *context, const char *text, size_t len_bytes)
{
    (void)text, (void)len_bytes;
    *(long *)context = syscall(SYS_getppid);
}

static void test_a_print_function_is_filtered_and_a_callback_is_not(void **state)
{
    (void)state;
    need_filters();
    long parent = 0;
    int n_prints = 0;
    const mote_value text = mote_str("text");
    const mote_host_function print = {.name = "HostPrint",
                                      .fn = print_wrongly,
                                      .context = &n_prints,
                                      .returns = MOTE_TYPE_I32,
                                      .n_params = 1,
                                      .params = {MOTE_TYPE_STR}};
    mote_config config = filtered();
    config.print = ask_kernel;
    config.print_context = &parent;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    assert_ok(mote_call(sandbox, "Print", &text, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_int_equal(parent, getppid());
    mote_sandbox_destroy(sandbox);
    sandbox = open_with_function(HELLO, &config, &print);
    assert_status(mote_call(sandbox, "Print", &text, 1, MOTE_TYPE_VOID, NULL, &last_error),
                  MOTE_E_SYSTEM_CALL);
    assert_int_equal(n_prints, 1);
    mote_sandbox_destroy(sandbox);
}

/* ---- The thread ---- */

static void test_a_function_that_ends_its_thread_ends_the_call(void **state)
{
    (void)state;
    need_filters();
    assert_workers(0);
    mote_sandbox *sandbox = open_asking(end_thread, NULL, NULL, 0);
    int32_t answer;
    for (int i = 0; i < 3; i++) {
        assert_status(ask(sandbox, 1, &answer), MOTE_E_HOST_FUNCTION);
        assert_string_equal(last_error.text, "host function Ask ended its thread");
        assert_string_equal(last_error.function, "Ask");
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    }
    mote_sandbox_destroy(sandbox);
    assert_workers(0);
}

static void test_the_thread_lives_as_long_as_its_sandbox(void **state)
{
    (void)state;
    need_filters();
    mote_config config = filtered();
    mote_sandbox_destroy(open_asking(make_call, NULL, NULL, 0)); /* what comes once */
    assert_workers(0);
    size_t n_descriptors = count_descriptors();
    mote_sandbox *sandboxes[10];
    for (size_t i = 0; i < 10; i++)
        sandboxes[i] = create_sandbox(KEEPER, &config);
    assert_workers(10);
    for (size_t i = 0; i < 10; i++)
        mote_sandbox_destroy(sandboxes[i]);
    assert_workers(0);
    assert_int_equal(count_descriptors(), n_descriptors);
}

static void test_a_forked_child_releases_a_filtered_sandbox(void **state)
{
    (void)state;
    need_filters();
    int how = 0;
    mote_sandbox *sandbox = open_asking(make_call, NULL, NULL, 0);
    assert_answers(sandbox, 0, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool is_right =
            mote_call(sandbox, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, NULL) == MOTE_E_FORKED &&
            mote_sandbox_destroy(sandbox) == MOTE_OK;
        _exit(is_right ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_answers(sandbox, 0, 0);
    mote_sandbox_destroy(sandbox);
}

#define N_THREADS 8
#define N_CALLS 100

static void *call_many(void *context)
{
    mote_sandbox *sandbox = context;
    mote_error err;
    const mote_value arg = mote_i32(0);
    mote_value result;
    for (int i = 0; i < N_CALLS; i++)
        if (mote_call(sandbox, "AskHost", &arg, 1, MOTE_TYPE_I32, &result, &err) != MOTE_OK ||
            result.as.i32 != 0)
            return context;
    return NULL;
}

static void test_many_threads_call_filtered_sandboxes(void **state)
{
    (void)state;
    need_filters();
    pthread_t threads[N_THREADS];
    mote_sandbox *sandboxes[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++)
        sandboxes[i] = open_asking(make_call, NULL, NULL, 0);
    for (size_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, sandboxes[i]), 0);
    for (size_t i = 0; i < N_THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    /* And one sandbox from all of them in turn. */
    for (size_t i = 0; i < N_THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, sandboxes[0]), 0);
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (size_t i = 0; i < N_THREADS; i++)
        mote_sandbox_destroy(sandboxes[i]);
}

/* ---- Watching ---- */

static uint64_t system_calls_of_ten(mote_sandbox *sandbox)
{
    mote_sandbox_stats before = {.struct_size = sizeof(before)};
    mote_sandbox_stats after = {.struct_size = sizeof(after)};
    assert_answers(sandbox, 0, 0);
    assert_ok(mote_sandbox_stats_get(sandbox, &before, &last_error));
    for (int i = 0; i < 10; i++)
        assert_answers(sandbox, 0, 0);
    assert_ok(mote_sandbox_stats_get(sandbox, &after, &last_error));
    return after.system_calls - before.system_calls;
}

/* The least of some tries: a timer that fires early costs a call or two. */
static void test_a_filtered_host_call_costs_four_system_calls(void **state)
{
    (void)state;
    need_filters();
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
    const mote_config configs[2] = {MOTE_CONFIG_INIT, filtered()};
    for (size_t i = 0; i < 2; i++) {
        mote_sandbox *sandbox = open_asking_with(&configs[i], make_call, NULL, NULL, 0);
        for (int k = 0; k < 5; k++) {
            uint64_t n = system_calls_of_ten(sandbox);
            least[i] = n < least[i] ? n : least[i];
        }
        mote_sandbox_destroy(sandbox);
    }
    assert_int_equal(least[1] - least[0], 40);
}

struct seen {
    pthread_t thread;
    size_t n_spans;
    bool was_elsewhere;
    mote_status last;
};

static void see_span(void *context, const mote_span *span)
{
    struct seen *seen = context;
    seen->n_spans++;
    seen->was_elsewhere |= !pthread_equal(seen->thread, pthread_self());
    if (span->is_end && span->kind == MOTE_SPAN_HOST_CALL)
        seen->last = span->status;
}

static void test_spans_stay_on_the_calling_thread(void **state)
{
    (void)state;
    need_filters();
    struct seen seen = {.thread = pthread_self()};
    mote_config config = filtered();
    int32_t answer;
    config.span = see_span;
    config.span_context = &seen;
    mote_sandbox *sandbox = open_asking_with(&config, make_call, NULL, NULL, 0);
    seen.n_spans = 0;
    assert_answers(sandbox, 0, 0);
    assert_int_equal(seen.n_spans, 4);
    assert_int_equal(seen.last, MOTE_OK);
    assert_status(ask(sandbox, SYS_openat, &answer), MOTE_E_SYSTEM_CALL);
    assert_int_equal(seen.last, MOTE_E_SYSTEM_CALL);
    assert_false(seen.was_elsewhere);
    mote_sandbox_destroy(sandbox);
}

/* ---- Other drivers, and none ---- */

static void test_the_driver_for_debugging_filters_too(void **state)
{
    (void)state;
    need_filters();
    mote_config config = filtered();
    int32_t answer;
    config.driver = "inprocess";
    mote_sandbox *sandbox = open_asking_with(&config, make_call, NULL, NULL, 0);
    assert_answers(sandbox, 0, 0);
    assert_status(ask(sandbox, SYS_openat, &answer), MOTE_E_SYSTEM_CALL);
    mote_sandbox_destroy(sandbox);
}

struct creation {
    mote_image *image;
    mote_status status;
    mote_status without;
    mote_error err;
};

static void *create_without_seccomp(void *context)
{
    struct creation *creation = context;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {4, filter};
    mote_config config = filtered();
    mote_sandbox *sandbox = NULL;
    config.driver = "inprocess";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
        return NULL;
    creation->status = mote_sandbox_create(creation->image, &config, &sandbox, &creation->err);
    config.filter_host_functions = false;
    creation->without = mote_sandbox_create(creation->image, &config, &sandbox, NULL);
    mote_sandbox_destroy(sandbox);
    return NULL;
}

static void test_without_notification_creation_fails_and_says_why(void **state)
{
    (void)state;
    pthread_t thread;
    struct creation creation = {.image = open_image(HELLO), .without = MOTE_E_BUG};
    assert_int_equal(pthread_create(&thread, NULL, create_without_seccomp, &creation), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(creation.status, MOTE_E_SYSTEM);
    assert_int_equal(creation.err.os_errno, EINVAL);
    assert_non_null(strstr(creation.err.text, "for host functions"));
    assert_int_equal(creation.without, MOTE_OK);
    mote_image_unref(creation.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_system_call_ends_the_call_and_is_named),
        cmocka_unit_test(test_a_system_call_without_a_name_is_told_by_number),
        cmocka_unit_test(test_a_restore_follows_a_refusal),
        cmocka_unit_test(test_registered_system_calls_go_through),
        cmocka_unit_test(test_the_last_registration_says_what_is_allowed),
        cmocka_unit_test(test_register_refuses_what_is_no_system_call),
        cmocka_unit_test(test_without_the_filter_nothing_is_refused),
        cmocka_unit_test(test_a_guest_that_tries_is_told_of_the_failure_alone),
        cmocka_unit_test(test_reentry_from_the_worker_is_refused),
        cmocka_unit_test(test_another_threads_sandbox_is_busy),
        cmocka_unit_test(test_a_circle_of_workers_is_refused),
        cmocka_unit_test(test_a_function_may_cancel_its_own_call),
        cmocka_unit_test(test_a_cancel_that_was_refused_its_signal_is_not_the_last),
        cmocka_unit_test(test_limits_and_cancels_take_effect_when_it_returns),
        cmocka_unit_test(test_a_cancel_from_elsewhere_takes_effect_when_it_returns),
        cmocka_unit_test(test_a_print_function_is_filtered_and_a_callback_is_not),
        cmocka_unit_test(test_a_function_that_ends_its_thread_ends_the_call),
        cmocka_unit_test(test_the_thread_lives_as_long_as_its_sandbox),
        cmocka_unit_test(test_a_forked_child_releases_a_filtered_sandbox),
        cmocka_unit_test(test_many_threads_call_filtered_sandboxes),
        cmocka_unit_test(test_a_filtered_host_call_costs_four_system_calls),
        cmocka_unit_test(test_spans_stay_on_the_calling_thread),
        cmocka_unit_test(test_the_driver_for_debugging_filters_too),
        cmocka_unit_test(test_without_notification_creation_fails_and_says_why),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
