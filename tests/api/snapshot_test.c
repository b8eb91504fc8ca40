/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots, the stack of them, evolution, contexts and single use. */
#include "tests/api/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"

#define MASK 0x1234567812345678ull
#define CANARY 0x00005AC35A3C1BADull
#define EVERY_PLACE (1u | 2u | 4u | 8u | 32u)
#define PLACE_VECTORS 16u

/* ---- Short words ---- */

static mote_sandbox *open_keeper(const mote_config *config)
{
    mote_sandbox *sandbox = create_sandbox(KEEPER, config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

static int32_t add(mote_sandbox *sandbox, int32_t n)
{
    const mote_value arg = mote_i32(n);
    mote_value result;
    assert_ok(mote_call(sandbox, "Add", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

static int32_t counter(mote_sandbox *sandbox)
{
    mote_value result;
    assert_ok(mote_call(sandbox, "Get", NULL, 0, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

static mote_status reset_call(mote_sandbox *sandbox, const char *function)
{
    return mote_call_reset(sandbox, function, NULL, 0, MOTE_TYPE_ANY, NULL, &last_error);
}

static void call_u32(mote_sandbox *sandbox, const char *function, uint32_t n)
{
    const mote_value arg = mote_u32(n);
    assert_ok(mote_call(sandbox, function, &arg, 1, MOTE_TYPE_ANY, NULL, &last_error));
}

static uint32_t check_registers(mote_sandbox *sandbox, uint32_t n)
{
    const mote_value arg = mote_u32(n);
    mote_value result;
    assert_ok(mote_call(sandbox, "CheckRegisters", &arg, 1, MOTE_TYPE_U32, &result, &last_error));
    return result.as.u32;
}

static bool is_kvm(void)
{
    return strcmp(test_driver(), "kvm") == 0;
}

/* ---- Push, restore, pop ---- */

static void test_restore_brings_back_and_keeps_the_snapshot(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_int_equal(add(sandbox, 5), 5);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add(sandbox, 7), 12);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(counter(sandbox), 5);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_pop_goes_back_one_step_at_a_time(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    add(sandbox, 1);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    add(sandbox, 10);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    add(sandbox, 100);
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(counter(sandbox), 1);
    add(sandbox, 1000);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(counter(sandbox), 1);
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

/* The record's defect 14: this lost the only snapshot. */
static void test_pop_of_the_base_changes_nothing(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    add(sandbox, 3);
    assert_status(mote_sandbox_pop(sandbox, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_int_equal(counter(sandbox), 3);
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_without_a_snapshot_there_is_nothing_to_come_back_to(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    add(sandbox, 3);
    assert_status(mote_sandbox_restore(sandbox, NULL, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_status(mote_sandbox_pop(sandbox, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_status(reset_call(sandbox, "Get"), MOTE_E_NO_SNAPSHOT);
    assert_status(mote_context_begin(sandbox, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_int_equal(counter(sandbox), 3);
    mote_sandbox_destroy(sandbox);
}

/* ---- Snapshots as objects ---- */

static void test_a_snapshot_starts_another_sandbox(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    mote_sandbox *first;
    mote_sandbox *second;
    mote_snapshot *snapshot;
    assert_ok(mote_sandbox_create(image, for_test(NULL), &first, &last_error));
    assert_ok(mote_sandbox_init(first, &last_error));
    add(first, 42);
    call_u32(first, "SetRegisters", 3);
    assert_ok(mote_snapshot_take(first, &snapshot, &last_error));
    assert_true(mote_snapshot_bytes(snapshot) > 0);
    add(first, 1);
    assert_ok(mote_sandbox_create(image, for_test(NULL), &second, &last_error));
    mote_image_unref(image);
    assert_ok(mote_sandbox_restore(second, snapshot, &last_error));
    assert_int_equal(mote_sandbox_state_get(second), MOTE_SANDBOX_READY);
    assert_int_equal(counter(second), 42);
    assert_int_equal(check_registers(second, 3), 0);
    assert_int_equal(counter(first), 43);
    /* The snapshot outlives the sandbox that it was taken of. */
    mote_sandbox_destroy(first);
    add(second, 1);
    assert_ok(mote_sandbox_restore(second, snapshot, &last_error));
    assert_int_equal(counter(second), 42);
    mote_sandbox_destroy(second);
    mote_snapshot_unref(mote_snapshot_ref(snapshot));
    mote_snapshot_unref(snapshot);
    mote_snapshot_unref(NULL);
    assert_int_equal(mote_snapshot_bytes(NULL), 0);
}

/* What the other sandbox's host functions are called is not this one's business. */
static void test_a_restored_sandbox_has_its_own_host_functions(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    mote_sandbox *first;
    mote_sandbox *second;
    mote_snapshot *snapshot;
    int n_calls = 0;
    const mote_host_function ask = {.name = "Ask",
                                    .fn = answer_7,
                                    .context = &n_calls,
                                    .returns = MOTE_TYPE_I32,
                                    .n_params = 1,
                                    .params = {MOTE_TYPE_I32}};
    const mote_value arg = mote_i32(1);
    mote_value result;
    assert_ok(mote_sandbox_create(image, for_test(NULL), &first, &last_error));
    assert_ok(mote_sandbox_init(first, &last_error));
    assert_ok(mote_snapshot_take(first, &snapshot, &last_error));
    assert_ok(mote_sandbox_create(image, for_test(NULL), &second, &last_error));
    assert_ok(mote_sandbox_register(second, &ask, &last_error));
    for (int i = 1; i <= 2; i++) {
        assert_ok(mote_sandbox_restore(second, snapshot, &last_error));
        assert_ok(mote_call(second, "AskHost", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, 7);
        assert_int_equal(n_calls, i);
    }
    assert_status(mote_call(first, "AskHost", &arg, 1, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_HOST_FUNCTION_UNKNOWN);
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(first);
    mote_sandbox_destroy(second);
    mote_image_unref(image);
}

static void test_a_snapshot_of_something_else_is_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    mote_config other = MOTE_CONFIG_INIT;
    mote_sandbox *sandbox;
    mote_sandbox *larger;
    mote_snapshot *snapshot;
    other.heap_bytes = 1 << 20;
    assert_ok(mote_sandbox_create(image, for_test(NULL), &sandbox, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_ok(mote_snapshot_take(sandbox, &snapshot, &last_error));
    assert_ok(mote_sandbox_create(image, for_test(&other), &larger, &last_error));
    assert_status(mote_sandbox_restore(larger, snapshot, &last_error), MOTE_E_SNAPSHOT);
    assert_int_equal(mote_sandbox_state_get(larger), MOTE_SANDBOX_CREATED);
    assert_ok(mote_sandbox_init(larger, &last_error));
    assert_status(mote_sandbox_restore(larger, snapshot, &last_error), MOTE_E_SNAPSHOT);
    assert_int_equal(counter(larger), 0);
    mote_sandbox *another = open_sandbox(HELLO, NULL);
    assert_status(mote_sandbox_restore(another, snapshot, &last_error), MOTE_E_SNAPSHOT);
    assert_echoes(another);
    mote_sandbox_destroy(another);
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(sandbox);
    mote_sandbox_destroy(larger);
    mote_image_unref(image);
}

/* From snapshot to snapshot, in any order, with pages that only one of them has. */
static void test_snapshots_can_be_restored_in_any_order(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    mote_snapshot *snapshots[3];
    static const uint32_t n_pages[3] = {0, 40, 120};
    static const int order[] = {2, 0, 1, 1, 2, 1, 0, 0, 2};
    for (int i = 0; i < 3; i++) {
        call_u32(sandbox, "Dirty", n_pages[i]);
        add(sandbox, 1);
        assert_ok(mote_snapshot_take(sandbox, &snapshots[i], &last_error));
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        const mote_value all = mote_u32(300);
        mote_value n_before;
        assert_ok(mote_sandbox_restore(sandbox, snapshots[order[i]], &last_error));
        assert_int_equal(counter(sandbox), order[i] + 1);
        assert_ok(mote_call(sandbox, "Dirty", &all, 1, MOTE_TYPE_U32, &n_before, &last_error));
        assert_int_equal(n_before.as.u32, n_pages[order[i]]);
    }
    for (int i = 0; i < 3; i++)
        mote_snapshot_unref(snapshots[i]);
    mote_sandbox_destroy(sandbox);
}

/* ---- Calls that reset ---- */

static void test_a_call_that_resets_leaves_no_trace(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    const mote_value seven = mote_i32(7);
    mote_value result;
    for (int i = 0; i < 3; i++) {
        assert_ok(mote_call_reset(sandbox, "Add", &seven, 1, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, 7);
    }
    assert_int_equal(counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_after_a_failed_call_that_resets_the_sandbox_is_ready(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 300000;
    static const struct {
        const char *function;
        mote_status status;
    } failures[] = {
        {"Fail", MOTE_E_GUEST_ERROR}, {"Crash", MOTE_E_GUEST_FAULT},  {"Abort", MOTE_E_GUEST_ABORT},
        {"Spin", MOTE_E_TIME_LIMIT},  {"NoSuch", MOTE_E_GUEST_ERROR},
    };
    mote_sandbox *sandbox = open_keeper(&config);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
            assert_status(reset_call(sandbox, failures[i].function), failures[i].status);
            assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
            assert_int_equal(counter(sandbox), 0);
        }
    }
    mote_sandbox_destroy(sandbox);
}

/* On KVM what `in` reads, and the rest of a string instruction, would be completed by the next run,
 * in registers that were just restored. */
static void test_what_an_odd_exit_left_pending_is_not_completed_after_a_restore(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char *const odd[] = {"ReadPort", "StringOut"};
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 6; i++) {
        assert_true(reset_call(sandbox, odd[i % 2]) != MOTE_OK);
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
        assert_int_equal(counter(sandbox), 0);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_a_poisoned_sandbox_can_be_restored(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_status(call_void(sandbox, "Get"), MOTE_E_POISONED);
    assert_status(mote_sandbox_push(sandbox, &last_error), MOTE_E_POISONED);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void *cancel_soon(void *sandbox)
{
    usleep(20000);
    mote_sandbox_cancel(sandbox);
    return NULL;
}

static void test_a_cancelled_sandbox_can_be_restored_and_used(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, sandbox), 0);
        assert_status(call_void(sandbox, "Spin"), MOTE_E_CANCELLED);
        pthread_join(thread, NULL);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(counter(sandbox), 0);
    }
    mote_sandbox_destroy(sandbox);
}

static mote_status refuse(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 5, "not today");
}

static void test_a_host_function_that_fails_poisons_until_restored(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = create_sandbox(KEEPER, NULL);
    const mote_host_function ask = {.name = "Ask",
                                    .fn = refuse,
                                    .returns = MOTE_TYPE_I32,
                                    .n_params = 1,
                                    .params = {MOTE_TYPE_I32}};
    const mote_value arg = mote_i32(1);
    assert_ok(mote_sandbox_register(sandbox, &ask, &last_error));
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    for (int i = 0; i < 2; i++) {
        assert_status(
            mote_call_reset(sandbox, "AskHost", &arg, 1, MOTE_TYPE_I32, NULL, &last_error),
            MOTE_E_HOST_FUNCTION);
        assert_int_equal(last_error.guest_code, 5);
        assert_string_equal(last_error.message, "not today");
        assert_int_equal(counter(sandbox), 0);
    }
    mote_sandbox_destroy(sandbox);
}

/* The record's 0.1 guests have no registers between calls: each call enters them anew. */
static void test_a_guest_of_0_1_is_restored(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = create_sandbox(ABI01, NULL);
    const mote_value text = mote_str("again");
    mote_value result;
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    for (int i = 0; i < 3; i++) {
        assert_ok(mote_call_reset(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, &result, &last_error));
        assert_string_equal(result.as.str.data, "again");
    }
    mote_sandbox_destroy(sandbox);
}

/* ---- Evolution ---- */

struct plan {
    int32_t n;
    mote_status outcome;
};

static mote_status evolve_by(void *context, mote_sandbox *sandbox, mote_error *err)
{
    const struct plan *plan = context;
    const mote_value arg = mote_i32(plan->n);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_IN_CONTEXT);
    mote_status status = mote_call(sandbox, "Add", &arg, 1, MOTE_TYPE_I32, NULL, err);
    return status != MOTE_OK ? status : plan->outcome;
}

static void test_evolution_keeps_what_its_function_did(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct plan by_5 = {5, MOTE_OK};
    struct plan by_30 = {30, MOTE_OK};
    mote_sandbox *sandbox = create_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_evolve(sandbox, evolve_by, &by_5, &last_error));
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    assert_ok(mote_sandbox_evolve(sandbox, evolve_by, &by_30, &last_error));
    assert_int_equal(mote_sandbox_depth(sandbox), 2);
    add(sandbox, 100);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(counter(sandbox), 35);
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(counter(sandbox), 5);
    mote_sandbox_destroy(sandbox);
}

static void test_evolution_that_fails_goes_back(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct plan fails = {9, MOTE_E_ARGUMENT};
    mote_sandbox *sandbox = open_keeper(NULL);
    assert_int_equal(mote_sandbox_evolve(sandbox, evolve_by, &fails, &last_error), MOTE_E_ARGUMENT);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    assert_int_equal(counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
    sandbox = create_sandbox(KEEPER, NULL);
    assert_int_equal(mote_sandbox_evolve(sandbox, evolve_by, &fails, &last_error), MOTE_E_ARGUMENT);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

static mote_status crash_in_evolution(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    return mote_call(sandbox, "Crash", NULL, 0, MOTE_TYPE_ANY, NULL, err);
}

static mote_status leave_context(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    return mote_context_finish(sandbox, err);
}

static void test_evolution_whose_function_breaks_it_goes_back(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    assert_status(mote_sandbox_evolve(sandbox, crash_in_evolution, NULL, &last_error),
                  MOTE_E_GUEST_FAULT);
    assert_int_equal(counter(sandbox), 0);
    assert_status(mote_sandbox_evolve(sandbox, leave_context, NULL, &last_error), MOTE_E_STATE);
    assert_int_equal(counter(sandbox), 0);
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    mote_sandbox_destroy(sandbox);
}

/* ---- Contexts and single use ---- */

static void test_a_context_keeps_state_until_it_is_finished(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_context_begin(sandbox, &last_error));
        assert_int_equal(add(sandbox, 2), 2);
        assert_int_equal(add(sandbox, 2), 4);
        assert_ok(mote_context_finish(sandbox, &last_error));
        assert_int_equal(counter(sandbox), 0);
    }
    assert_ok(mote_context_begin(sandbox, &last_error));
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_ok(mote_context_finish(sandbox, &last_error));
    assert_int_equal(counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_a_single_use_sandbox_is_spent_by_one_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = true;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    assert_int_equal(mote_sandbox_depth(sandbox), 0);
    assert_status(mote_sandbox_push(sandbox, &last_error), MOTE_E_STATE);
    assert_int_equal(add(sandbox, 2), 2);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_SPENT);
    assert_status(call_void(sandbox, "Get"), MOTE_E_SPENT);
    assert_status(mote_sandbox_restore(sandbox, NULL, &last_error), MOTE_E_SPENT);
    mote_sandbox_destroy(sandbox);
}

static void test_a_single_use_context_may_call_often(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = true;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_ok(mote_context_begin(sandbox, &last_error));
    assert_int_equal(add(sandbox, 2), 2);
    assert_int_equal(add(sandbox, 2), 4);
    assert_ok(mote_context_finish(sandbox, &last_error));
    assert_status(call_void(sandbox, "Get"), MOTE_E_SPENT);
    mote_sandbox_destroy(sandbox);
}

/* Time-outs of a single-use sandbox say so (the record's defect 13). */
static void test_a_single_use_time_out_is_a_time_out(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = true;
    config.time_limit_us = 300000;
    mote_sandbox *sandbox = open_sandbox(KEEPER, &config);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

/* ---- The table of states ---- */

struct operation {
    const char *function;
    mote_status (*call)(mote_sandbox *sandbox);
};

static mote_status do_register(mote_sandbox *sandbox)
{
    const mote_host_function ask = {
        .name = "Late", .fn = answer_7, .returns = MOTE_TYPE_I32, .n_params = 0};
    return mote_sandbox_register(sandbox, &ask, &last_error);
}

static mote_status do_init(mote_sandbox *sandbox)
{
    return mote_sandbox_init(sandbox, &last_error);
}

static mote_status do_evolve(mote_sandbox *sandbox)
{
    return mote_sandbox_evolve(sandbox, NULL, NULL, &last_error);
}

static mote_status do_call(mote_sandbox *sandbox)
{
    return call_void(sandbox, "Get");
}

static mote_status do_call_reset(mote_sandbox *sandbox)
{
    return reset_call(sandbox, "Get");
}

static mote_status do_begin(mote_sandbox *sandbox)
{
    return mote_context_begin(sandbox, &last_error);
}

static mote_status do_finish(mote_sandbox *sandbox)
{
    return mote_context_finish(sandbox, &last_error);
}

static mote_status do_take(mote_sandbox *sandbox)
{
    mote_snapshot *snapshot;
    mote_status status = mote_snapshot_take(sandbox, &snapshot, &last_error);
    if (status == MOTE_OK)
        mote_snapshot_unref(snapshot);
    return status;
}

static mote_status do_push(mote_sandbox *sandbox)
{
    return mote_sandbox_push(sandbox, &last_error);
}

static mote_status do_pop(mote_sandbox *sandbox)
{
    return mote_sandbox_pop(sandbox, &last_error);
}

static mote_status do_restore(mote_sandbox *sandbox)
{
    return mote_sandbox_restore(sandbox, NULL, &last_error);
}

/* A sandbox in a state that refuses things. */
static mote_sandbox *sandbox_in(mote_sandbox_state wanted)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = wanted == MOTE_SANDBOX_SPENT;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    if (wanted == MOTE_SANDBOX_CREATED)
        return sandbox;
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    if (wanted == MOTE_SANDBOX_IN_CONTEXT)
        assert_ok(mote_context_begin(sandbox, &last_error));
    if (wanted == MOTE_SANDBOX_POISONED)
        assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    if (wanted == MOTE_SANDBOX_SPENT)
        assert_ok(call_void(sandbox, "Get"));
    assert_int_equal(mote_sandbox_state_get(sandbox), wanted);
    return sandbox;
}

/* Written out a second time, from what the documentation says, to be held against the table. */
static void test_every_state_refuses_what_it_must_and_is_not_changed(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    enum { REFUSED = MOTE_E_STATE, NOT = MOTE_OK };
    static const mote_sandbox_state states[] = {MOTE_SANDBOX_CREATED, MOTE_SANDBOX_READY,
                                                MOTE_SANDBOX_IN_CONTEXT, MOTE_SANDBOX_POISONED,
                                                MOTE_SANDBOX_SPENT};
    static const struct {
        struct operation operation;
        int outcome[5]; /* NOT: it is accepted, which other tests show */
    } expected[] = {
        {{"mote_sandbox_register", do_register},
         {NOT, REFUSED, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_init", do_init}, {NOT, REFUSED, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_evolve", do_evolve}, {NOT, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_call", do_call}, {REFUSED, NOT, NOT, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_call_reset", do_call_reset},
         {REFUSED, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_context_begin", do_begin}, {REFUSED, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_context_finish", do_finish}, {REFUSED, REFUSED, NOT, NOT, MOTE_E_SPENT}},
        {{"mote_snapshot_take", do_take}, {REFUSED, NOT, NOT, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_push", do_push}, {REFUSED, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_pop", do_pop}, {REFUSED, NOT, REFUSED, NOT, MOTE_E_SPENT}},
        {{"mote_sandbox_restore", do_restore}, {NOT, NOT, REFUSED, NOT, MOTE_E_SPENT}},
    };
    for (size_t s = 0; s < 5; s++) {
        mote_sandbox *sandbox = sandbox_in(states[s]);
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
            if (expected[i].outcome[s] == NOT)
                continue;
            size_t depth = mote_sandbox_depth(sandbox);
            assert_status(expected[i].operation.call(sandbox), (mote_status)expected[i].outcome[s]);
            assert_non_null(strstr(last_error.text, expected[i].operation.function));
            assert_int_equal(mote_sandbox_state_get(sandbox), states[s]);
            assert_int_equal(mote_sandbox_depth(sandbox), depth);
        }
        mote_sandbox_destroy(sandbox);
    }
}

static void test_null_is_an_argument_error_everywhere(void **state)
{
    (void)state;
    mote_snapshot *snapshot = NULL;
    assert_status(mote_snapshot_take(NULL, &snapshot, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_restore(NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_push(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_pop(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_evolve(NULL, NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(reset_call(NULL, "Get"), MOTE_E_ARGUMENT);
    assert_status(mote_context_begin(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_context_finish(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_int_equal(mote_sandbox_depth(NULL), 0);
    assert_null(mote_snapshot_ref(NULL));
}

/* ---- Nothing is left ---- */

static uint32_t look(mote_sandbox *sandbox)
{
    const mote_value args[] = {mote_u64(CANARY ^ MASK), mote_bool(is_kvm())};
    mote_value found;
    assert_ok(mote_call(sandbox, "Look", args, 2, MOTE_TYPE_U32, &found, &last_error));
    return found.as.u32;
}

static void fill_all(mote_sandbox *sandbox)
{
    const mote_value arg = mote_u64(CANARY ^ MASK);
    assert_ok(mote_call(sandbox, "Fill", &arg, 1, MOTE_TYPE_VOID, NULL, &last_error));
}

static void test_nothing_of_an_earlier_call_is_left_after_a_restore(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = 8 << 20;
    mote_sandbox *sandbox = open_keeper(&config);
    assert_int_equal(look(sandbox), 0);
    /* Without a restore the same search finds it, everywhere. */
    fill_all(sandbox);
    assert_int_equal(look(sandbox) & ~PLACE_VECTORS, EVERY_PLACE);
    for (int i = 0; i < 2; i++) {
        fill_all(sandbox);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(look(sandbox), 0);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_registers_are_restored(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    call_u32(sandbox, "SetRegisters", 3);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_int_equal(check_registers(sandbox, 3), 0);
    for (int i = 0; i < 3; i++) {
        call_u32(sandbox, "SetRegisters", 1);
        assert_int_equal(check_registers(sandbox, 1), 0);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(check_registers(sandbox, 3), 0);
    }
    mote_sandbox_destroy(sandbox);
}

/* ---- Large heaps ---- */

static uint64_t kept_sum(mote_sandbox *sandbox, uint64_t len_bytes)
{
    const mote_value arg = mote_u64(len_bytes);
    mote_value sum;
    assert_ok(mote_call(sandbox, "KeptSum", &arg, 1, MOTE_TYPE_U64, &sum, &last_error));
    return sum.as.u64;
}

static void keep(mote_sandbox *sandbox, uint64_t len_bytes, uint32_t value)
{
    const mote_value args[] = {mote_u64(len_bytes), mote_u32(value)};
    assert_ok(mote_call(sandbox, "Keep", args, 2, MOTE_TYPE_VOID, NULL, &last_error));
}

static void spoil(mote_sandbox *sandbox, uint64_t len_bytes)
{
    const mote_value arg = mote_u64(len_bytes);
    assert_ok(mote_call(sandbox, "SpoilKept", &arg, 1, MOTE_TYPE_VOID, NULL, &last_error));
}

/* What the snapshot has in the sparse part of the heap comes back; what it has not, goes. */
static void test_a_large_heap_is_restored(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const uint64_t part = 9 << 20;
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = 64 << 20;
    mote_sandbox *sandbox = open_keeper(&config);
    keep(sandbox, part, 7);
    assert_int_equal(kept_sum(sandbox, part), 7 * part / 4096);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    keep(sandbox, part, 5);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    for (int i = 0; i < 2; i++) {
        spoil(sandbox, part);
        assert_int_equal(kept_sum(sandbox, part), 6 * part / 4096);
        keep(sandbox, 2 * part, 9);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(kept_sum(sandbox, part), 5 * part / 4096);
    }
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(kept_sum(sandbox, part), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_a_heap_of_a_gibibyte_needs_a_raised_cap(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = 1ull << 30;
    mote_image *image = open_image(KEEPER);
    mote_sandbox *sandbox = NULL;
    assert_status(mote_sandbox_create(image, for_test(&config), &sandbox, &last_error),
                  MOTE_E_IMAGE_TOO_LARGE);
    config.max_memory_bytes = 3ull << 30;
    assert_status(mote_sandbox_create(image, for_test(&config), &sandbox, &last_error),
                  MOTE_E_TOO_LARGE);
    mote_image_unref(image);
    config.max_memory_bytes = (1ull << 30) + (64 << 20);
    config.time_limit_us = 20000000; /* a page fault for each page, on some drivers */
    sandbox = open_keeper(&config);
    keep(sandbox, 3 << 20, 1);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(kept_sum(sandbox, 3 << 20), 0);
    assert_int_equal(look(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

/* ---- Costs that are exact ---- */

static uint64_t system_calls_of_resets(mote_sandbox *sandbox, unsigned n)
{
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    uint64_t before = stats.system_calls;
    for (unsigned i = 0; i < n; i++)
        assert_ok(reset_call(sandbox, "Get"));
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    return stats.system_calls - before;
}

static void test_a_call_that_resets_makes_two_system_calls_on_kvm(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    if (!is_kvm())
        return;
    mote_config large = MOTE_CONFIG_INIT;
    large.heap_bytes = 64 << 20;
    mote_sandbox *sandbox = open_keeper(NULL);
    (void)system_calls_of_resets(sandbox, 10);
    /* A timer of the thread, or a stray signal, may add a few. */
    uint64_t n = system_calls_of_resets(sandbox, 500);
    assert_in_range(n, 1000, 1020);
    mote_sandbox_destroy(sandbox);
    sandbox = open_keeper(&large);
    (void)system_calls_of_resets(sandbox, 10);
    n = system_calls_of_resets(sandbox, 500);
    assert_in_range(n, 1000, 1020);
    mote_sandbox_destroy(sandbox);
}

static uint64_t restored_pages(const mote_sandbox *sandbox)
{
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    return stats.last_restored_pages;
}

/* What a call did in the sparse part of the heap costs its own restore, and no later one. */
static void test_a_large_heap_once_used_costs_no_later_restore(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const uint64_t used_bytes = 20 << 20;
    const mote_value args[] = {mote_u64(used_bytes), mote_u32(1)};
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = 64 << 20;
    mote_sandbox *sandbox = open_keeper(&config);
    for (int i = 0; i < 3; i++) {
        assert_ok(mote_call_reset(sandbox, "Keep", args, 2, MOTE_TYPE_VOID, NULL, &last_error));
        if (is_kvm())
            assert_true(restored_pages(sandbox) >= used_bytes / 4096);
        assert_ok(reset_call(sandbox, "Get"));
        /* Up to 3 MiB of the heap are told by the page, for good. */
        if (is_kvm())
            assert_in_range(restored_pages(sandbox), 1, 1200);
        assert_int_equal(kept_sum(sandbox, used_bytes), 0);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_snapshots_and_restores_are_counted(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 3; i++)
        assert_ok(reset_call(sandbox, "Get"));
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    assert_int_equal(stats.snapshots, 2);
    assert_int_equal(stats.restores, 3);
    assert_true(stats.last_restored_pages > 0);
    mote_sandbox_destroy(sandbox);
}

/* ---- Limits on processor time ---- */

static mote_status sleep_long(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    usleep(120000);
    *result = mote_i32(1);
    return MOTE_OK;
}

static void test_a_limit_on_processor_time_stops_a_guest_that_computes(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 20000000;
    config.cpu_limit_us = 30000;
    mote_sandbox *sandbox = open_keeper(&config);
    assert_status(reset_call(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.limit.kind, "cpu");
    assert_string_equal(last_error.limit.phase, "call");
    assert_int_equal(last_error.limit.limit_us, 30000);
    assert_true(last_error.limit.elapsed_us >= 30000);
    assert_int_equal(counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_host_functions_do_not_use_up_processor_time(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.cpu_limit_us = 100000;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    const mote_host_function ask = {.name = "Ask",
                                    .fn = sleep_long,
                                    .returns = MOTE_TYPE_I32,
                                    .n_params = 1,
                                    .params = {MOTE_TYPE_I32}};
    const mote_value arg = mote_i32(1);
    assert_ok(mote_sandbox_register(sandbox, &ask, &last_error));
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    for (int i = 0; i < 2; i++)
        assert_ok(mote_call_reset(sandbox, "AskHost", &arg, 1, MOTE_TYPE_I32, NULL, &last_error));
    mote_sandbox_destroy(sandbox);
}

/* ---- Nothing grows ---- */

static void test_resets_leave_descriptors_and_mappings_where_they_were(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 20; i++)
        (void)reset_call(sandbox, i % 2 == 0 ? "Get" : "Crash");
    size_t n_descriptors = count_descriptors();
    size_t n_mappings = count_mappings();
    for (int i = 0; i < 500; i++) {
        (void)reset_call(sandbox, i % 2 == 0 ? "Get" : "Crash");
        if (i % 50 == 0) {
            assert_ok(mote_sandbox_push(sandbox, &last_error));
            assert_ok(mote_sandbox_pop(sandbox, &last_error));
        }
    }
    assert_int_equal(count_descriptors(), n_descriptors);
    assert_in_range(count_mappings(), 1, n_mappings + 2);
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restore_brings_back_and_keeps_the_snapshot),
        cmocka_unit_test(test_pop_goes_back_one_step_at_a_time),
        cmocka_unit_test(test_pop_of_the_base_changes_nothing),
        cmocka_unit_test(test_without_a_snapshot_there_is_nothing_to_come_back_to),
        cmocka_unit_test(test_a_snapshot_starts_another_sandbox),
        cmocka_unit_test(test_a_restored_sandbox_has_its_own_host_functions),
        cmocka_unit_test(test_a_snapshot_of_something_else_is_refused),
        cmocka_unit_test(test_snapshots_can_be_restored_in_any_order),
        cmocka_unit_test(test_a_call_that_resets_leaves_no_trace),
        cmocka_unit_test(test_after_a_failed_call_that_resets_the_sandbox_is_ready),
        cmocka_unit_test(test_what_an_odd_exit_left_pending_is_not_completed_after_a_restore),
        cmocka_unit_test(test_a_poisoned_sandbox_can_be_restored),
        cmocka_unit_test(test_a_cancelled_sandbox_can_be_restored_and_used),
        cmocka_unit_test(test_a_host_function_that_fails_poisons_until_restored),
        cmocka_unit_test(test_a_guest_of_0_1_is_restored),
        cmocka_unit_test(test_evolution_keeps_what_its_function_did),
        cmocka_unit_test(test_evolution_that_fails_goes_back),
        cmocka_unit_test(test_evolution_whose_function_breaks_it_goes_back),
        cmocka_unit_test(test_a_context_keeps_state_until_it_is_finished),
        cmocka_unit_test(test_a_single_use_sandbox_is_spent_by_one_call),
        cmocka_unit_test(test_a_single_use_context_may_call_often),
        cmocka_unit_test(test_a_single_use_time_out_is_a_time_out),
        cmocka_unit_test(test_every_state_refuses_what_it_must_and_is_not_changed),
        cmocka_unit_test(test_null_is_an_argument_error_everywhere),
        cmocka_unit_test(test_nothing_of_an_earlier_call_is_left_after_a_restore),
        cmocka_unit_test(test_registers_are_restored),
        cmocka_unit_test(test_a_large_heap_is_restored),
        cmocka_unit_test(test_a_heap_of_a_gibibyte_needs_a_raised_cap),
        cmocka_unit_test(test_a_call_that_resets_makes_two_system_calls_on_kvm),
        cmocka_unit_test(test_a_large_heap_once_used_costs_no_later_restore),
        cmocka_unit_test(test_snapshots_and_restores_are_counted),
        cmocka_unit_test(test_a_limit_on_processor_time_stops_a_guest_that_computes),
        cmocka_unit_test(test_host_functions_do_not_use_up_processor_time),
        cmocka_unit_test(test_resets_leave_descriptors_and_mappings_where_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
