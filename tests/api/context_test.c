/* SPDX-License-Identifier: Apache-2.0 */
/* Evolution, call contexts and single use. */
#include "tests/api/keeper.h"

#include <string.h>

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
    keeper_add(sandbox, 100);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(keeper_counter(sandbox), 35);
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(keeper_counter(sandbox), 5);
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
    assert_int_equal(keeper_counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
    sandbox = create_sandbox(KEEPER, NULL);
    assert_int_equal(mote_sandbox_evolve(sandbox, evolve_by, &fails, &last_error), MOTE_E_ARGUMENT);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

static mote_status fail_without_a_word(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)sandbox;
    if (context != NULL) {
        err->code = MOTE_E_ARGUMENT;
        err->text[0] = '\0';
    }
    return MOTE_E_ARGUMENT;
}

/* The error is there, whether the function has filled it or not. */
static void test_the_error_of_an_evolution_is_that_of_its_function(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const mote_status before[] = {MOTE_OK, MOTE_E_ARGUMENT, MOTE_E_BUG};
    mote_sandbox *sandbox = open_keeper(NULL);
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        last_error.code = before[i];
        last_error.text[0] = '\0';
        assert_status(mote_sandbox_evolve(sandbox, fail_without_a_word, NULL, &last_error),
                      MOTE_E_ARGUMENT);
        assert_string_not_equal(last_error.text, "");
    }
    assert_status(mote_sandbox_evolve(sandbox, fail_without_a_word, &last_error, &last_error),
                  MOTE_E_ARGUMENT);
    assert_string_equal(last_error.text, "");
    assert_int_equal(mote_sandbox_evolve(sandbox, fail_without_a_word, NULL, NULL),
                     MOTE_E_ARGUMENT);
    mote_sandbox_destroy(sandbox);
}

static mote_status fail_with_a_message(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    (void)sandbox;
    return mote_host_fail(err, 7, "not %s", "so");
}

/* What the caller's record held before is not said of this failure. */
static void test_the_error_of_an_evolution_has_nothing_of_an_earlier_one(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_string_not_equal(last_error.fault.cause, ""); /* success leaves it alone */
    assert_int_equal(mote_sandbox_evolve(sandbox, fail_with_a_message, NULL, &last_error),
                     MOTE_E_HOST_FUNCTION);
    assert_int_equal(last_error.code, MOTE_E_HOST_FUNCTION);
    assert_int_equal(last_error.guest_code, 7);
    assert_string_equal(last_error.message, "not so");
    assert_string_equal(last_error.text, "");
    assert_string_equal(last_error.fault.cause, "");
    mote_sandbox_destroy(sandbox);
}

static mote_status crash_in_evolution(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    return mote_call(sandbox, "Crash", NULL, 0, MOTE_TYPE_ANY, NULL, err);
}

static mote_status crash_and_say_nothing(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)crash_in_evolution(context, sandbox, err);
    return MOTE_OK;
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
    assert_int_equal(keeper_counter(sandbox), 0);
    assert_status(mote_sandbox_evolve(sandbox, leave_context, NULL, &last_error), MOTE_E_STATE);
    assert_non_null(strstr(last_error.text, "was left in it"));
    assert_int_equal(keeper_counter(sandbox), 0);
    assert_status(mote_sandbox_evolve(sandbox, crash_and_say_nothing, NULL, &last_error),
                  MOTE_E_STATE);
    assert_non_null(strstr(last_error.text, "a call in it failed"));
    assert_int_equal(keeper_counter(sandbox), 0);
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    mote_sandbox_destroy(sandbox);
}

static mote_status destroy_in_evolution(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)err;
    *(mote_status *)context = mote_sandbox_destroy(sandbox);
    return MOTE_OK;
}

/* Whoever evolves it goes on with it when the function has returned. */
static void test_a_sandbox_cannot_be_destroyed_while_it_evolves(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_status status = MOTE_OK;
    mote_sandbox *sandbox = create_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_evolve(sandbox, destroy_in_evolution, &status, &last_error));
    assert_int_equal(status, MOTE_E_BUSY);
    assert_int_equal(keeper_add(sandbox, 3), 3);
    assert_ok(mote_context_begin(sandbox, &last_error));
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

static mote_status do_nothing(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context, (void)sandbox, (void)err;
    return MOTE_OK;
}

static mote_status evolve_in_evolution(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    assert_ok(mote_context_finish(sandbox, err));
    assert_ok(mote_sandbox_evolve(sandbox, do_nothing, NULL, err));
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_E_BUSY);
    return MOTE_OK;
}

/* The function does what it should not; the sandbox outlives it all the same. */
static void test_an_evolution_inside_another_does_not_end_it(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    assert_status(mote_sandbox_evolve(sandbox, evolve_in_evolution, NULL, &last_error),
                  MOTE_E_STATE);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

/* ---- Contexts and single use ---- */

static void test_a_context_keeps_state_until_it_is_finished(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_context_begin(sandbox, &last_error));
        assert_int_equal(keeper_add(sandbox, 2), 2);
        assert_int_equal(keeper_add(sandbox, 2), 4);
        assert_ok(mote_context_finish(sandbox, &last_error));
        assert_int_equal(keeper_counter(sandbox), 0);
    }
    assert_ok(mote_context_begin(sandbox, &last_error));
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_ok(mote_context_finish(sandbox, &last_error));
    assert_int_equal(keeper_counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_a_poisoned_sandbox_is_finished_in_a_context_or_not(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            assert_ok(mote_context_begin(sandbox, &last_error));
        assert_int_equal(keeper_add(sandbox, 2), 2);
        assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
        assert_ok(mote_context_finish(sandbox, &last_error));
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
        assert_int_equal(keeper_counter(sandbox), 0);
        assert_status(mote_context_finish(sandbox, &last_error), MOTE_E_STATE);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_restore_and_pop_of_a_poisoned_sandbox_end_its_context(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_snapshot *snapshot;
    mote_sandbox *sandbox = open_keeper(NULL);
    keeper_add(sandbox, 3);
    assert_ok(mote_snapshot_take(sandbox, &snapshot, &last_error));
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_context_begin(sandbox, &last_error));
        assert_status(mote_sandbox_restore(sandbox, snapshot, &last_error), MOTE_E_STATE);
        assert_status(mote_sandbox_pop(sandbox, &last_error), MOTE_E_STATE);
        assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
        assert_ok(i == 0 ? mote_sandbox_restore(sandbox, snapshot, &last_error)
                         : mote_sandbox_pop(sandbox, &last_error));
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
        assert_int_equal(keeper_counter(sandbox), i == 0 ? 3 : 0);
        assert_status(mote_context_finish(sandbox, &last_error), MOTE_E_STATE);
    }
    mote_snapshot_unref(snapshot);
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
    assert_int_equal(keeper_add(sandbox, 2), 2);
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
    assert_int_equal(keeper_add(sandbox, 2), 2);
    assert_int_equal(keeper_add(sandbox, 2), 4);
    assert_ok(mote_context_finish(sandbox, &last_error));
    assert_status(call_void(sandbox, "Get"), MOTE_E_SPENT);
    mote_sandbox_destroy(sandbox);
}

/* Time-outs of a single-use sandbox say so (docs/hyperlight.md, D13). */
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

static void test_a_single_use_sandbox_is_not_used_again_after_a_failure(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = true;
    mote_snapshot *snapshot = NULL;
    mote_sandbox *sandbox = open_sandbox(KEEPER, &config);
    assert_ok(mote_snapshot_take(sandbox, &snapshot, &last_error));
    assert_ok(mote_sandbox_restore(sandbox, snapshot, &last_error)); /* it was not used yet */
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_status(mote_sandbox_restore(sandbox, snapshot, &last_error), MOTE_E_SPENT);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_status(call_void(sandbox, "Get"), MOTE_E_POISONED);
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evolution_keeps_what_its_function_did),
        cmocka_unit_test(test_evolution_that_fails_goes_back),
        cmocka_unit_test(test_the_error_of_an_evolution_is_that_of_its_function),
        cmocka_unit_test(test_the_error_of_an_evolution_has_nothing_of_an_earlier_one),
        cmocka_unit_test(test_evolution_whose_function_breaks_it_goes_back),
        cmocka_unit_test(test_a_sandbox_cannot_be_destroyed_while_it_evolves),
        cmocka_unit_test(test_an_evolution_inside_another_does_not_end_it),
        cmocka_unit_test(test_a_context_keeps_state_until_it_is_finished),
        cmocka_unit_test(test_a_poisoned_sandbox_is_finished_in_a_context_or_not),
        cmocka_unit_test(test_restore_and_pop_of_a_poisoned_sandbox_end_its_context),
        cmocka_unit_test(test_a_single_use_sandbox_is_spent_by_one_call),
        cmocka_unit_test(test_a_single_use_context_may_call_often),
        cmocka_unit_test(test_a_single_use_time_out_is_a_time_out),
        cmocka_unit_test(test_a_single_use_sandbox_is_not_used_again_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
