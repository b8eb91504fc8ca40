/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on a few sandboxes of one image, held against a model: what each operation
 * gives in each state, and what the guest's memory holds after it. The environment says how many
 * (MOTE_MODEL_OPERATIONS) and from which number on (MOTE_MODEL_SEED).
 */
#include "tests/api/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define N_SUBJECTS 4u
#define N_TAKEN 8u
#define MAX_DEPTH 20u
#define PAGE_BYTES 4096u
#define HEAP_BYTES (8u << 20)
#define CALLS_LEAVE 1000 /* what a call of keeper that ends oddly, or asks, adds to its counter */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define N_OPERATIONS 1000u
#else
#define N_OPERATIONS 4000u
#endif

/* What a guest holds. */
struct model {
    int32_t counter;
    uint64_t kept_bytes; /* 0: nothing */
    uint64_t kept_sum;
};

struct subject {
    mote_sandbox *sandbox;
    mote_sandbox_state state;
    struct model now;
    struct model stack[MAX_DEPTH];
    size_t depth;
};

struct taken {
    mote_snapshot *snapshot;
    struct model then;
};

static mote_image *image;
static struct subject subjects[N_SUBJECTS];
static struct taken all_taken[N_TAKEN];

/* ---- Numbers ---- */

static uint64_t number = 1;

/* Below a limit (Marsaglia's xorshift64). */
static uint32_t any_below(uint32_t limit)
{
    number ^= number << 13;
    number ^= number >> 7;
    number ^= number << 17;
    return (uint32_t)(number >> 32) % limit;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* ---- What is expected ---- */

static bool is_callable(const struct subject *subject)
{
    return subject->state == MOTE_SANDBOX_READY || subject->state == MOTE_SANDBOX_IN_CONTEXT;
}

/* Of what needs a guest that can be called. */
static mote_status if_callable(const struct subject *subject)
{
    if (is_callable(subject))
        return MOTE_OK;
    return subject->state == MOTE_SANDBOX_CREATED ? MOTE_E_STATE : MOTE_E_POISONED;
}

/* Of what a context does not allow either. */
static mote_status if_ready(const struct subject *subject)
{
    return subject->state == MOTE_SANDBOX_IN_CONTEXT ? MOTE_E_STATE : if_callable(subject);
}

static mote_status if_depth(const struct subject *subject, size_t needed, mote_status status)
{
    return status == MOTE_OK && subject->depth < needed ? MOTE_E_NO_SNAPSHOT : status;
}

static void bring_to(struct subject *subject, const struct model *model)
{
    subject->now = *model;
    subject->state = MOTE_SANDBOX_READY;
}

static void bring_to_top(struct subject *subject)
{
    bring_to(subject, &subject->stack[subject->depth - 1]);
}

/* ---- Sandboxes ---- */

static mote_status answer(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context, (void)n_args;
    if (args[0].as.i32 == 0)
        return mote_host_fail(err, 1, "as asked");
    *result = mote_i32(2 * args[0].as.i32);
    return MOTE_OK;
}

static void make(struct subject *subject)
{
    static const mote_host_function ask = {.name = "Ask",
                                           .fn = answer,
                                           .returns = MOTE_TYPE_I32,
                                           .n_params = 1,
                                           .params = {MOTE_TYPE_I32}};
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = HEAP_BYTES;
    config.time_limit_us = 20000000;
    *subject = (struct subject){.state = MOTE_SANDBOX_CREATED};
    assert_ok(mote_sandbox_create(image, for_test(&config), &subject->sandbox, &last_error));
    assert_ok(mote_sandbox_register(subject->sandbox, &ask, &last_error));
}

static void make_anew(struct subject *subject)
{
    if (any_below(3) != 0)
        return;
    assert_int_equal(mote_sandbox_destroy(subject->sandbox), MOTE_OK);
    make(subject);
}

/* ---- Calls ---- */

static mote_status call(struct subject *subject, const char *function, const mote_value *args,
                        size_t n_args, mote_value *result)
{
    return mote_call(subject->sandbox, function, args, n_args, MOTE_TYPE_ANY, result, &last_error);
}

static void add(struct subject *subject)
{
    const mote_value n = mote_i32((int32_t)any_below(100));
    assert_status(call(subject, "Add", &n, 1, NULL), if_callable(subject));
    if (is_callable(subject))
        subject->now.counter += n.as.i32;
}

static void keep(struct subject *subject)
{
    uint64_t n_pages = 1 + any_below(any_below(2) != 0 ? 8 : HEAP_BYTES / PAGE_BYTES / 2);
    const mote_value args[] = {mote_u64(n_pages * PAGE_BYTES), mote_u32(any_below(256))};
    if (subject->now.kept_bytes != 0)
        return;
    assert_status(call(subject, "Keep", args, 2, NULL), if_callable(subject));
    if (!is_callable(subject))
        return;
    subject->now.kept_bytes = args[0].as.u64;
    subject->now.kept_sum = n_pages * args[1].as.u32;
}

static uint64_t kept_sum(struct subject *subject)
{
    const mote_value len_bytes = mote_u64(subject->now.kept_bytes);
    mote_value sum;
    assert_ok(call(subject, "KeptSum", &len_bytes, 1, &sum));
    return sum.as.u64;
}

/* A byte of each page becomes one more, and 255 becomes 0. */
static void spoil(struct subject *subject)
{
    const mote_value len_bytes = mote_u64(subject->now.kept_bytes);
    uint64_t n_pages = subject->now.kept_bytes / PAGE_BYTES;
    if (n_pages == 0)
        return;
    uint64_t value = subject->now.kept_sum / n_pages;
    assert_status(call(subject, "SpoilKept", &len_bytes, 1, NULL), if_callable(subject));
    if (is_callable(subject))
        subject->now.kept_sum = n_pages * ((value + 1) % 256);
}

static void report(struct subject *subject)
{
    bool is_entered = is_callable(subject);
    assert_status(call(subject, "Fail", NULL, 0, NULL),
                  is_entered ? MOTE_E_GUEST_ERROR : if_callable(subject));
    if (is_entered)
        subject->now.counter += CALLS_LEAVE;
}

static void break_it(struct subject *subject)
{
    static const struct {
        const char *function;
        mote_status status;
    } ways[] = {{"Crash", MOTE_E_GUEST_FAULT},
                {"Abort", MOTE_E_GUEST_ABORT},
                {"ReadPort", MOTE_E_PROTOCOL},
                {"StringOut", MOTE_E_PROTOCOL}};
    size_t way = any_below(COUNT(ways));
    bool is_entered = is_callable(subject);
    mote_status status = call(subject, ways[way].function, NULL, 0, NULL);
    if (!is_entered)
        assert_status(status, if_callable(subject));
    else if (way < 2)
        assert_status(status, ways[way].status);
    else
        assert_int_not_equal(status, MOTE_OK); /* which port exit it is depends on the driver */
    if (is_entered)
        subject->state = MOTE_SANDBOX_POISONED;
}

static void ask_host(struct subject *subject)
{
    const mote_value n = mote_i32((int32_t)any_below(4));
    bool is_entered = is_callable(subject);
    bool is_refused = is_entered && n.as.i32 == 0;
    mote_value result;
    mote_status wanted = is_refused ? MOTE_E_HOST_FUNCTION : if_callable(subject);
    assert_status(call(subject, "AskHost", &n, 1, &result), wanted);
    if (is_refused)
        subject->state = MOTE_SANDBOX_POISONED;
    if (!is_entered || is_refused)
        return;
    assert_int_equal(result.as.i32, 2 * n.as.i32);
    subject->now.counter += CALLS_LEAVE;
}

static void call_and_reset(struct subject *subject)
{
    static const char *const functions[] = {"Crash", "Fail", "ReadPort", "Get"};
    size_t i = any_below(COUNT(functions));
    mote_status wanted = if_depth(subject, 1, if_ready(subject));
    mote_status status =
        mote_call_reset(subject->sandbox, functions[i], NULL, 0, MOTE_TYPE_ANY, NULL, &last_error);
    if (wanted != MOTE_OK || i == COUNT(functions) - 1)
        assert_status(status, wanted);
    else
        assert_int_not_equal(status, MOTE_OK);
    if (wanted == MOTE_OK)
        bring_to_top(subject);
}

/* ---- From state to state ---- */

static void push(struct subject *subject)
{
    if (subject->depth == MAX_DEPTH)
        return;
    assert_status(mote_sandbox_push(subject->sandbox, &last_error), if_ready(subject));
    if (subject->state == MOTE_SANDBOX_READY)
        subject->stack[subject->depth++] = subject->now;
}

static void evolve(struct subject *subject)
{
    bool is_new = subject->state == MOTE_SANDBOX_CREATED;
    mote_status wanted = is_new ? MOTE_OK : if_ready(subject);
    if (subject->depth == MAX_DEPTH)
        return;
    assert_status(mote_sandbox_evolve(subject->sandbox, NULL, NULL, &last_error), wanted);
    if (wanted != MOTE_OK)
        return;
    subject->state = MOTE_SANDBOX_READY;
    subject->stack[subject->depth++] = subject->now;
}

static void pop(struct subject *subject)
{
    bool is_poisoned = subject->state == MOTE_SANDBOX_POISONED;
    mote_status wanted = if_depth(subject, 2, is_poisoned ? MOTE_OK : if_ready(subject));
    assert_status(mote_sandbox_pop(subject->sandbox, &last_error), wanted);
    if (wanted != MOTE_OK)
        return;
    subject->depth--;
    bring_to_top(subject);
}

static mote_status if_restorable(const struct subject *subject)
{
    return subject->state == MOTE_SANDBOX_IN_CONTEXT ? MOTE_E_STATE : MOTE_OK;
}

static void restore_top(struct subject *subject)
{
    mote_status wanted = if_depth(subject, 1, if_restorable(subject));
    assert_status(mote_sandbox_restore(subject->sandbox, NULL, &last_error), wanted);
    if (wanted == MOTE_OK)
        bring_to_top(subject);
}

static void restore_any(struct subject *subject)
{
    const struct taken *taken = &all_taken[any_below(N_TAKEN)];
    mote_status wanted = if_restorable(subject);
    if (taken->snapshot == NULL)
        return;
    assert_status(mote_sandbox_restore(subject->sandbox, taken->snapshot, &last_error), wanted);
    if (wanted == MOTE_OK)
        bring_to(subject, &taken->then);
}

static void take(struct subject *subject)
{
    struct taken *taken = &all_taken[any_below(N_TAKEN)];
    mote_snapshot *made = NULL;
    mote_status wanted = if_callable(subject);
    assert_status(mote_snapshot_take(subject->sandbox, &made, &last_error), wanted);
    if (wanted != MOTE_OK)
        return;
    mote_snapshot_unref(taken->snapshot);
    *taken = (struct taken){made, subject->now};
}

static void begin(struct subject *subject)
{
    mote_status wanted = if_depth(subject, 1, if_ready(subject));
    assert_status(mote_context_begin(subject->sandbox, &last_error), wanted);
    if (wanted == MOTE_OK)
        subject->state = MOTE_SANDBOX_IN_CONTEXT;
}

static void finish(struct subject *subject)
{
    bool has_begun = subject->state == MOTE_SANDBOX_IN_CONTEXT ||
                     subject->state == MOTE_SANDBOX_POISONED; /* in one, for all it knows */
    mote_status wanted = if_depth(subject, 1, has_begun ? MOTE_OK : MOTE_E_STATE);
    assert_status(mote_context_finish(subject->sandbox, &last_error), wanted);
    if (wanted == MOTE_OK)
        bring_to_top(subject);
}

/* ---- The test ---- */

static void (*const operations[])(struct subject *subject) = {
    add,         add,         ask_host, begin,     break_it, call_and_reset, evolve, evolve,
    finish,      finish,      keep,     make_anew, pop,      push,           report, restore_any,
    restore_any, restore_top, spoil,    take,
};

static void check(struct subject *subject)
{
    mote_value counter;
    assert_int_equal(mote_sandbox_state_get(subject->sandbox), subject->state);
    assert_int_equal(mote_sandbox_depth(subject->sandbox), subject->depth);
    if (!is_callable(subject))
        return;
    assert_ok(call(subject, "Get", NULL, 0, &counter));
    assert_int_equal(counter.as.i32, subject->now.counter);
    assert_int_equal(kept_sum(subject), subject->now.kept_sum);
}

static void test_any_operations_do_what_the_model_says(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    uint64_t n = from_environment("MOTE_MODEL_OPERATIONS", N_OPERATIONS);
    number = from_environment("MOTE_MODEL_SEED", 1) * 0x9E3779B97F4A7C15u | 1;
    image = open_image(KEEPER);
    for (size_t i = 0; i < N_SUBJECTS; i++)
        make(&subjects[i]);
    for (uint64_t i = 0; i < n; i++) {
        struct subject *subject = &subjects[any_below(N_SUBJECTS)];
        operations[any_below(COUNT(operations))](subject);
        check(subject);
        check(&subjects[any_below(N_SUBJECTS)]);
    }
    for (size_t i = 0; i < N_SUBJECTS; i++)
        assert_int_equal(mote_sandbox_destroy(subjects[i].sandbox), MOTE_OK);
    for (size_t i = 0; i < N_TAKEN; i++)
        mote_snapshot_unref(all_taken[i].snapshot);
    mote_image_unref(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_operations_do_what_the_model_says),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
