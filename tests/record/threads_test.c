/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads and many sandboxes (README.md: call_ctx.rs, hypervisor_handler.rs), with
 * right answers also under ThreadSanitizer.
 */
#include "tests/record/record.h"

#include <pthread.h>
#include <stdlib.h>

#define N_THREADS 100
#define N_SHARED 10
#define N_PRODUCERS 10
#define CALLS_EACH 10
#define N_MAKERS 20
/* 50 each: a thousand. MOTE_TEST_MAKES says otherwise where making one is slow. */
#define MAKES_EACH 50

/* A sandbox that several threads use, one at a time, and what they added in all. */
struct shared {
    pthread_mutex_t lock;
    mote_sandbox *sandbox;
    struct host host;
    int32_t sum;
};

static const char *add_locked(struct shared *shared, int32_t n)
{
    const mote_value arg = mote_i32(n);
    mote_value result;
    const char *wrong = NULL;
    pthread_mutex_lock(&shared->lock);
    shared->sum += n;
    if (mote_call(shared->sandbox, "AddToStatic", &arg, 1, MOTE_TYPE_I32, &result, NULL) != MOTE_OK)
        wrong = "a call fails";
    else if (result.as.i32 != shared->sum)
        wrong = "a sum is wrong";
    pthread_mutex_unlock(&shared->lock);
    return wrong;
}

static void open_shared(struct shared *shared)
{
    assert_int_equal(pthread_mutex_init(&shared->lock, NULL), 0);
    shared->sandbox = evolve_guest(&shared->host, RECORD_SIMPLE, NULL);
    shared->sum = 0;
}

static void close_shared(struct shared *shared, int32_t wanted)
{
    assert_int_equal(shared->sum, wanted);
    assert_int_equal(get_static(shared->sandbox), wanted);
    close_guest(shared->sandbox);
    pthread_mutex_destroy(&shared->lock);
}

static const char *produce(void *context, size_t index)
{
    struct shared *shared = context;
    const char *wrong = NULL;
    (void)index;
    for (int i = 0; i < CALLS_EACH && wrong == NULL; i++)
        wrong = add_locked(shared, 1);
    return wrong;
}

static void test_ten_producers_to_one_sandbox(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static struct shared shared;
    open_shared(&shared);
    run_threads(N_PRODUCERS, produce, &shared);
    close_shared(&shared, N_PRODUCERS * CALLS_EACH);
}

static const char *share(void *context, size_t index)
{
    struct shared *shared = context;
    const char *wrong = NULL;
    for (size_t i = 0; i < N_SHARED && wrong == NULL; i++)
        wrong = add_locked(&shared[(index + i) % N_SHARED], (int32_t)index);
    return wrong;
}

static void test_a_hundred_threads_share_ten_sandboxes_under_a_lock(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static struct shared shared[N_SHARED];
    for (size_t i = 0; i < N_SHARED; i++)
        open_shared(&shared[i]);
    run_threads(N_THREADS, share, shared);
    for (size_t i = 0; i < N_SHARED; i++)
        close_shared(&shared[i], N_THREADS * (N_THREADS - 1) / 2);
}

/* ---- A sandbox each ---- */

static const char *count_and_reset(mote_sandbox *sandbox, int32_t n)
{
    const mote_value arg = mote_i32(n);
    mote_value result;
    if (mote_sandbox_evolve(sandbox, NULL, NULL, NULL) != MOTE_OK)
        return "a guest does not start";
    for (int32_t i = 1; i <= CALLS_EACH; i++) {
        if (mote_call(sandbox, "AddToStatic", &arg, 1, MOTE_TYPE_I32, &result, NULL) != MOTE_OK)
            return "a call fails";
        if (result.as.i32 != i * n)
            return "a sum is wrong";
    }
    if (mote_sandbox_restore(sandbox, NULL, NULL) != MOTE_OK)
        return "a restore fails";
    if (mote_call(sandbox, "GetStatic", NULL, 0, MOTE_TYPE_I32, &result, NULL) != MOTE_OK)
        return "a call fails after a restore";
    return result.as.i32 == 0 ? NULL : "something is left after a restore";
}

static const char *own(void *context, size_t index)
{
    mote_config config = patient_config();
    mote_sandbox *sandbox = NULL;
    if (mote_sandbox_create(context, for_test(&config), &sandbox, NULL) != MOTE_OK)
        return "a sandbox cannot be made";
    const char *wrong = count_and_reset(sandbox, (int32_t)index + 1);
    if (mote_sandbox_destroy(sandbox) != MOTE_OK)
        return "a sandbox is not destroyed";
    return wrong;
}

static void test_a_hundred_threads_with_a_sandbox_each(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_image *image = open_image(RECORD_SIMPLE);
    run_threads(N_THREADS, own, image);
    mote_image_unref(image);
}

/* ---- A thousand sandboxes ---- */

static size_t makes_each(void)
{
    const char *text = getenv("MOTE_TEST_MAKES");
    return text != NULL ? strtoul(text, NULL, 10) : MAKES_EACH;
}

static const char *make_many(void *context, size_t index)
{
    mote_config config = patient_config();
    size_t n = makes_each();
    (void)index;
    for (size_t i = 0; i < n; i++) {
        mote_sandbox *sandbox = NULL;
        if (mote_sandbox_create(context, for_test(&config), &sandbox, NULL) != MOTE_OK)
            return "a sandbox cannot be made";
        if (mote_sandbox_init(sandbox, NULL) != MOTE_OK)
            return "a guest does not start";
        if (mote_sandbox_destroy(sandbox) != MOTE_OK)
            return "a sandbox is not destroyed";
    }
    return NULL;
}

static void test_create_1000_sandboxes(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_image *image = open_image(RECORD_SIMPLE);
    run_threads(N_MAKERS, make_many, image);
    mote_image_unref(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_producers_to_one_sandbox),
        cmocka_unit_test(test_a_hundred_threads_share_ten_sandboxes_under_a_lock),
        cmocka_unit_test(test_a_hundred_threads_with_a_sandbox_each),
        cmocka_unit_test(test_create_1000_sandboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
