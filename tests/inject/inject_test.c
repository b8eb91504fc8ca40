/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failure injection: in each phase of a sandbox's life every allocation and every system call of
 * the library fails once. Each time the caller gets an error with its cause, or what it asked for
 * where the call was only advice; nothing is left behind, and other sandboxes stay right.
 */
#include "tests/api/fixture.h"
#include "tests/inject/failures.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Whether sandboxes run their host functions on a worker. */
static bool is_filtered;

struct life {
    mote_metrics *metrics;
    mote_image *image;
    mote_sandbox *sandbox;
    pthread_t spinner;
    bool is_spinning;
    mote_status spun;
};

/* ---- Phases ---- */

/* On a worker the call is reported, and let through. */
static mote_status answer(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)err;
    (void)getppid();
    *result = mote_void();
    return MOTE_OK;
}

static mote_status count(struct life *life)
{
    return mote_metrics_create(NULL, &life->metrics, &last_error);
}

static mote_status load(struct life *life)
{
    return mote_image_open(HELLO, NULL, &life->image, &last_error);
}

static mote_status create(struct life *life)
{
    mote_config config = MOTE_CONFIG_INIT;
    limit_spinning(&config);
    config.metrics = life->metrics;
    config.filter_host_functions = is_filtered;
    return mote_sandbox_create(life->image, for_test(&config), &life->sandbox, &last_error);
}

static mote_status enter(struct life *life)
{
    static const int allowed[] = {SYS_getppid};
    static const mote_host_function function = {
        .name = "Nothing", .fn = answer, .returns = MOTE_TYPE_VOID};
    return mote_sandbox_register_allowing(life->sandbox, &function, allowed, 1, &last_error);
}

static mote_status initialise(struct life *life)
{
    return mote_sandbox_init(life->sandbox, &last_error);
}

/* The result is longer than what the sandbox has room for so far. */
static mote_status call(struct life *life)
{
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    const mote_value argument = mote_str(text);
    mote_value result;
    mote_status status =
        mote_call(life->sandbox, "EchoStr", &argument, 1, MOTE_TYPE_STR, &result, &last_error);
    if (status == MOTE_OK)
        assert_string_equal(result.as.str.data, text);
    return status;
}

static mote_status call_host(struct life *life)
{
    return mote_call(life->sandbox, "HostNothing", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error);
}

static mote_status push(struct life *life)
{
    return mote_sandbox_push(life->sandbox, &last_error);
}

static mote_status call_reset(struct life *life)
{
    return mote_call_reset(life->sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error);
}

static mote_status restore(struct life *life)
{
    return mote_sandbox_restore(life->sandbox, NULL, &last_error);
}

static mote_status call_endless(struct life *life)
{
    return mote_call(life->sandbox, "Spin", NULL, 0, MOTE_TYPE_ANY, NULL, &last_error);
}

/* A cancel that does not get through leaves the call to its limit. */
static mote_status cancel(struct life *life)
{
    return mote_sandbox_cancel(life->sandbox);
}

static mote_status destroy(struct life *life)
{
    mote_status status = mote_sandbox_destroy(life->sandbox);
    mote_image_unref(life->image);
    mote_metrics_destroy(life->metrics);
    *life = (struct life){0};
    return status;
}

static const struct phase {
    const char *name;
    mote_status (*act)(struct life *life);
} phases[] = {
    {"metrics", count},
    {"open", load},
    {"create", create},
    {"register", enter},
    {"initialise", initialise},
    {"call", call},
    {"host call", call_host},
    {"push", push},
    {"call that resets", call_reset},
    {"restore", restore},
    {"cancel", cancel},
    {"destroy", destroy},
};
enum { FIRST_RUN = 4, N_PHASES = sizeof(phases) / sizeof(phases[0]) };

/* ---- What runs while it is cancelled ---- */

static void *spin(void *context)
{
    struct life *life = context;
    mote_error err;
    life->spun = mote_call(life->sandbox, "Spin", NULL, 0, MOTE_TYPE_ANY, NULL, &err);
    return NULL;
}

static void start_spinning(struct life *life)
{
    const struct timespec a_while = {.tv_nsec = 2000000};
    assert_int_equal(pthread_create(&life->spinner, NULL, spin, life), 0);
    life->is_spinning = true;
    nanosleep(&a_while, NULL);
}

static void stop_spinning(struct life *life)
{
    if (!life->is_spinning)
        return;
    assert_int_equal(pthread_join(life->spinner, NULL), 0);
    life->is_spinning = false;
    assert_true(life->spun == MOTE_E_CANCELLED || life->spun == MOTE_E_TIME_LIMIT);
}

/* ---- One failure in one phase ---- */

/* A restore that fails again and again is one that failed once: the next one brings all back. */
static void restore_poisoned(struct life *life)
{
    if (mote_sandbox_depth(life->sandbox) == 0)
        return;
    assert_ok(mote_sandbox_restore(life->sandbox, NULL, &last_error));
    assert_ok(call(life));
}

static bool is_expected(mote_status status)
{
    return status == MOTE_E_SYSTEM || status == MOTE_E_MEMORY || status == MOTE_E_NO_HYPERVISOR ||
           status == MOTE_E_IMAGE_OPEN;
}

static size_t count_threads(void)
{
    size_t n = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

/* One that has been joined may be listed for another moment. */
static void assert_threads(size_t wanted)
{
    for (int i = 0; i < 20000 && count_threads() != wanted; i++)
        usleep(1000);
    assert_int_equal(count_threads(), wanted);
}

/* What failed is tried again, unless the sandbox is spent; then the life goes on to its end. */
static void go_on(struct life *life, size_t i, mote_status status)
{
    if (phases[i].act == cancel || phases[i].act == destroy)
        return;
    mote_sandbox_state state =
        life->sandbox != NULL ? mote_sandbox_state_get(life->sandbox) : MOTE_SANDBOX_CREATED;
    if (state == MOTE_SANDBOX_POISONED || state == MOTE_SANDBOX_DEAD) {
        assert_true(status != MOTE_OK);
        assert_status(call(life), MOTE_E_POISONED);
        if (state == MOTE_SANDBOX_POISONED)
            restore_poisoned(life);
        return;
    }
    for (size_t k = status == MOTE_OK ? i + 1 : i; phases[k].act != cancel; k++)
        assert_ok(phases[k].act(life));
    /* What could not be set up for the first call must be there for the second. */
    if (status != MOTE_OK && i >= FIRST_RUN)
        assert_status(call_endless(life), MOTE_E_TIME_LIMIT);
}

static void end(struct life *life)
{
    assert_int_equal(destroy(life), MOTE_OK);
    failures_clean_up();
}

/* Whether a caller can tell why: of a system call, by its error number. A mutex has one of its
 * own, and what fails when a worker is tried is the call that it tries. */
static bool has_cause(enum failures_of kind, int with_errno)
{
    static const char tried[] = "seccomp lets no reported system call go through";
    if (kind != FAILURES_OF_SYSTEM_CALLS || (is_filtered && strcmp(last_error.text, tried) == 0))
        return true;
    bool is_mutex = strcmp(failures_failed(), "pthread_mutex_init") == 0;
    return last_error.os_errno == (is_mutex ? ENOMEM : with_errno);
}

/* Fail the call of this kind that follows n others in the phase. Returns what failed, or NULL. */
static const char *fail_in_phase(size_t i, enum failures_of kind, size_t n, int with_errno)
{
    struct life life = {0};
    for (size_t k = 0; k < i; k++)
        if (phases[k].act != cancel)
            assert_ok(phases[k].act(&life));
    if (phases[i].act == cancel)
        start_spinning(&life);
    memset(&last_error, 0, sizeof(last_error));
    failures_arm(kind, n, with_errno);
    mote_status status = phases[i].act(&life);
    failures_disarm();
    stop_spinning(&life);
    if (status != MOTE_OK &&
        (!is_expected(status) || last_error.text[0] == '\0' || last_error.code != status ||
         failures_failed() == NULL || !has_cause(kind, with_errno)))
        fail_msg("%s %zu in %s: %s: %s", failures_failed(), n, phases[i].name,
                 mote_status_name(status), last_error.text);
    go_on(&life, i, status);
    end(&life);
    return failures_failed();
}

static void live_once(void)
{
    struct life life = {0};
    for (size_t i = 0; i < N_PHASES; i++) {
        if (phases[i].act == cancel)
            start_spinning(&life);
        assert_ok(phases[i].act(&life));
        stop_spinning(&life);
    }
}

static size_t fail_each_once(enum failures_of kind, int with_errno)
{
    mote_sandbox *witness = open_sandbox(HELLO, NULL);
    live_once();
    size_t n_descriptors = count_descriptors();
    int64_t n_mapped_bytes = failures_mapped_bytes();
    size_t n_threads = count_threads();
    size_t n_all = 0;
    for (size_t i = 0; i < N_PHASES; i++) {
        size_t n = 0;
        while (fail_in_phase(i, kind, n, with_errno) != NULL) {
            assert_int_equal(count_descriptors(), n_descriptors);
            assert_int_equal(failures_mapped_bytes(), n_mapped_bytes);
            assert_threads(n_threads);
            assert_echoes(witness);
            n++;
        }
        print_message("%s: %zu failed once each\n", phases[i].name, n);
        n_all += n;
    }
    mote_sandbox_destroy(witness);
    return n_all;
}

static void test_every_system_call_may_fail_for_want_of_memory(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    assert_true(fail_each_once(FAILURES_OF_SYSTEM_CALLS, ENOMEM) > 30);
}

/* Below a supervisor that listens to system calls there is no worker. */
static bool has_worker(void)
{
    struct life life = {0};
    assert_ok(load(&life));
    mote_status status = create(&life);
    if (status != MOTE_OK)
        print_message("skipped: no worker here: %s\n", last_error.text);
    end(&life);
    return status == MOTE_OK;
}

static void test_every_call_of_a_worker_may_fail(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    size_t n_without = fail_each_once(FAILURES_OF_SYSTEM_CALLS, ENOMEM);
    is_filtered = true;
    if (!has_worker()) {
        is_filtered = false;
        skip();
    }
    size_t n_memory = fail_each_once(FAILURES_OF_SYSTEM_CALLS, ENOMEM);
    size_t n_forbidden = fail_each_once(FAILURES_OF_SYSTEM_CALLS, EPERM);
    size_t n_allocations = fail_each_once(FAILURES_OF_ALLOCATIONS, ENOMEM);
    is_filtered = false;
    assert_true(n_memory > n_without + 20);
    assert_true(n_forbidden > n_without + 20);
    assert_true(n_allocations > 10);
}

static void test_every_system_call_may_be_forbidden(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    assert_true(fail_each_once(FAILURES_OF_SYSTEM_CALLS, EPERM) > 30);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    assert_true(fail_each_once(FAILURES_OF_ALLOCATIONS, ENOMEM) > 10);
}

/* ---- The first sandbox of a process ---- */

/* The exit status of a child in which the n-th call fails on the way to a first result: 0 when all
 * is well. */
static int live_first(enum failures_of kind, size_t n)
{
    struct life life = {0};
    mote_status status = MOTE_OK;
    failures_arm(kind, n, ENOMEM);
    for (size_t i = 0; phases[i].act != cancel && status == MOTE_OK; i++)
        status = phases[i].act(&life);
    failures_disarm();
    if (status != MOTE_OK && !is_expected(status))
        return 1;
    (void)destroy(&life);
    for (size_t i = 0; phases[i].act != cancel; i++)
        if (phases[i].act(&life) != MOTE_OK)
            return 2;
    return failures_failed() != NULL ? 0 : 3;
}

/* It makes more: the process mark, the self-test. */
static void test_the_first_sandbox_of_a_process(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (enum failures_of kind = 0; kind <= FAILURES_OF_ALLOCATIONS; kind++) {
        int how = 0;
        for (size_t n = 0; how == 0; n++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                _exit(live_first(kind, n));
            assert_int_equal(waitpid(child, &how, 0), child);
            assert_true(WIFEXITED(how));
        }
        /* All went through, since so many calls were not made. */
        assert_int_equal(WEXITSTATUS(how), 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* Forks first: what the process has learnt is inherited. */
        cmocka_unit_test(test_the_first_sandbox_of_a_process),
        cmocka_unit_test(test_every_system_call_may_fail_for_want_of_memory),
        cmocka_unit_test(test_every_system_call_may_be_forbidden),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_every_call_of_a_worker_may_fail),
    };
    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
