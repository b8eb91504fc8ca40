/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: taken, restored, on the stack; and what they bring back. */
#include "tests/api/keeper.h"

#include <pthread.h>
#include <unistd.h>

#define EVERY_PLACE (1u | 2u | 4u | 8u | 32u)
#define PLACE_VECTORS 16u

static uint32_t check_registers(mote_sandbox *sandbox, uint32_t n)
{
    const mote_value arg = mote_u32(n);
    mote_value result;
    assert_ok(mote_call(sandbox, "CheckRegisters", &arg, 1, MOTE_TYPE_U32, &result, &last_error));
    return result.as.u32;
}

/* ---- Push, restore, pop ---- */

static void test_restore_brings_back_and_keeps_the_snapshot(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_int_equal(keeper_add(sandbox, 5), 5);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(keeper_add(sandbox, 7), 12);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(keeper_counter(sandbox), 5);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_pop_goes_back_one_step_at_a_time(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    keeper_add(sandbox, 1);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    keeper_add(sandbox, 10);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    keeper_add(sandbox, 100);
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(keeper_counter(sandbox), 1);
    keeper_add(sandbox, 1000);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(keeper_counter(sandbox), 1);
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_int_equal(keeper_counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

/* docs/hyperlight.md, D14: this lost the only snapshot. */
static void test_pop_of_the_base_changes_nothing(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    keeper_add(sandbox, 3);
    assert_status(mote_sandbox_pop(sandbox, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_int_equal(keeper_counter(sandbox), 3);
    assert_int_equal(mote_sandbox_depth(sandbox), 1);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(keeper_counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_without_a_snapshot_there_is_nothing_to_come_back_to(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    keeper_add(sandbox, 3);
    assert_status(mote_sandbox_restore(sandbox, NULL, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_status(mote_sandbox_pop(sandbox, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_status(keeper_reset_call(sandbox, "Get"), MOTE_E_NO_SNAPSHOT);
    assert_status(mote_context_begin(sandbox, &last_error), MOTE_E_NO_SNAPSHOT);
    assert_int_equal(keeper_counter(sandbox), 3);
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
    keeper_add(first, 42);
    keeper_call_u32(first, "SetRegisters", 3);
    assert_ok(mote_snapshot_take(first, &snapshot, &last_error));
    assert_true(mote_snapshot_bytes(snapshot) > 0);
    keeper_add(first, 1);
    assert_ok(mote_sandbox_create(image, for_test(NULL), &second, &last_error));
    mote_image_unref(image);
    assert_ok(mote_sandbox_restore(second, snapshot, &last_error));
    assert_int_equal(mote_sandbox_state_get(second), MOTE_SANDBOX_READY);
    assert_int_equal(keeper_counter(second), 42);
    assert_int_equal(check_registers(second, 3), 0);
    assert_int_equal(keeper_counter(first), 43);
    /* The snapshot outlives the sandbox that it was taken of. */
    mote_sandbox_destroy(first);
    keeper_add(second, 1);
    assert_ok(mote_sandbox_restore(second, snapshot, &last_error));
    assert_int_equal(keeper_counter(second), 42);
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

static void count_record(void *context, const mote_log_record *record)
{
    (void)record;
    ++*(int *)context;
}

static int records_of(mote_sandbox *sandbox, const int *n_records)
{
    const mote_value args[] = {mote_i32(1), mote_str("debug")};
    int before = *n_records;
    assert_ok(mote_call(sandbox, "Log", args, 2, MOTE_TYPE_VOID, NULL, &last_error));
    return *n_records - before;
}

/* The guest was told it at its initialisation, and keeps it in its memory. */
static void test_the_log_level_is_the_snapshots(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(HELLO);
    int n_records = 0;
    mote_config config = MOTE_CONFIG_INIT;
    config.log = count_record;
    config.log_context = &n_records;
    config.log_is_set = true;
    mote_sandbox *sandboxes[2];
    mote_snapshot *snapshots[2];
    for (int i = 0; i < 2; i++) {
        config.max_log = i == 0 ? MOTE_LOG_OFF : MOTE_LOG_TRACE;
        assert_ok(mote_sandbox_create(image, for_test(&config), &sandboxes[i], &last_error));
        assert_ok(mote_sandbox_init(sandboxes[i], &last_error));
        assert_ok(mote_snapshot_take(sandboxes[i], &snapshots[i], &last_error));
        assert_int_equal(records_of(sandboxes[i], &n_records), i);
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_sandbox_restore(sandboxes[i], snapshots[1 - i], &last_error));
        assert_int_equal(records_of(sandboxes[i], &n_records), 1 - i);
        assert_ok(mote_sandbox_restore(sandboxes[i], snapshots[i], &last_error));
        assert_int_equal(records_of(sandboxes[i], &n_records), i);
    }
    for (int i = 0; i < 2; i++) {
        mote_snapshot_unref(snapshots[i]);
        mote_sandbox_destroy(sandboxes[i]);
    }
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
    assert_int_equal(keeper_counter(larger), 0);
    /* The same pages, but the guest is told another size. */
    other.heap_bytes = 128 * 1024 - 1;
    mote_sandbox *smaller;
    assert_ok(mote_sandbox_create(image, for_test(&other), &smaller, &last_error));
    assert_status(mote_sandbox_restore(smaller, snapshot, &last_error), MOTE_E_SNAPSHOT);
    mote_sandbox_destroy(smaller);
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
        keeper_call_u32(sandbox, "Dirty", n_pages[i]);
        keeper_add(sandbox, 1);
        assert_ok(mote_snapshot_take(sandbox, &snapshots[i], &last_error));
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        const mote_value all = mote_u32(300);
        mote_value n_before;
        assert_ok(mote_sandbox_restore(sandbox, snapshots[order[i]], &last_error));
        assert_int_equal(keeper_counter(sandbox), order[i] + 1);
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
    assert_int_equal(keeper_counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_after_a_failed_call_that_resets_the_sandbox_is_ready(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    limit_spinning(&config);
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
            assert_status(keeper_reset_call(sandbox, failures[i].function), failures[i].status);
            assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
            assert_int_equal(keeper_counter(sandbox), 0);
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
        assert_true(keeper_reset_call(sandbox, odd[i % 2]) != MOTE_OK);
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
        assert_int_equal(keeper_counter(sandbox), 0);
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
    assert_int_equal(keeper_counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_a_cancelled_sandbox_can_be_restored_and_used(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 60000000;
    mote_sandbox *sandbox = open_keeper(&config);
    for (int i = 0; i < 3; i++) {
        pthread_t thread = cancel_soon(sandbox);
        assert_status(call_void(sandbox, "Spin"), MOTE_E_CANCELLED);
        pthread_join(thread, NULL);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(keeper_counter(sandbox), 0);
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
    mote_sandbox *sandbox = open_asking(NULL, refuse, NULL);
    const mote_value arg = mote_i32(1);
    for (int i = 0; i < 2; i++) {
        assert_status(
            mote_call_reset(sandbox, "AskHost", &arg, 1, MOTE_TYPE_I32, NULL, &last_error),
            MOTE_E_HOST_FUNCTION);
        assert_int_equal(last_error.guest_code, 5);
        assert_string_equal(last_error.message, "not today");
        assert_int_equal(keeper_counter(sandbox), 0);
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

/* ---- Snapshots of what was just restored ---- */

static void test_a_snapshot_is_taken_between_a_restore_and_a_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    keeper_call_u32(sandbox, "SetRegisters", 3);
    keeper_add(sandbox, 5);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    keeper_call_u32(sandbox, "SetRegisters", 1);
    assert_ok(keeper_reset_call(sandbox, "Get"));
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    for (int i = 0; i < 2; i++) {
        assert_ok(keeper_reset_call(sandbox, "Get"));
        assert_int_equal(check_registers(sandbox, 3), 0);
        assert_int_equal(keeper_add(sandbox, 1), 6);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    }
    assert_ok(mote_sandbox_pop(sandbox, &last_error));
    assert_ok(keeper_reset_call(sandbox, "Get"));
    assert_int_equal(check_registers(sandbox, 3), 0);
    assert_int_equal(keeper_counter(sandbox), 5);
    mote_sandbox_destroy(sandbox);
}

/* How a pool makes sandboxes: none of them initialises, and all come back to what they began as. */
static void test_a_sandbox_begins_with_another_ones_snapshot_on_its_stack(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    mote_sandbox *first;
    mote_sandbox *second;
    mote_snapshot *snapshot;
    assert_ok(mote_sandbox_create(image, for_test(NULL), &first, &last_error));
    assert_ok(mote_sandbox_init(first, &last_error));
    keeper_call_u32(first, "SetRegisters", 3);
    keeper_add(first, 42);
    assert_ok(mote_snapshot_take(first, &snapshot, &last_error));
    mote_sandbox_destroy(first);
    assert_ok(mote_sandbox_create(image, for_test(NULL), &second, &last_error));
    assert_ok(mote_sandbox_restore(second, snapshot, &last_error));
    mote_snapshot_unref(snapshot);
    assert_ok(mote_sandbox_push(second, &last_error));
    for (int i = 0; i < 2; i++)
        assert_ok(keeper_reset_call(second, "Get"));
    assert_int_equal(keeper_counter(second), 42);
    assert_int_equal(check_registers(second, 3), 0);
    mote_sandbox_destroy(second);
    mote_image_unref(image);
}

static void test_a_context_may_begin_with_a_snapshot(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    mote_snapshot *snapshot;
    assert_ok(keeper_reset_call(sandbox, "Get"));
    assert_ok(mote_context_begin(sandbox, &last_error));
    assert_ok(mote_snapshot_take(sandbox, &snapshot, &last_error));
    assert_int_equal(keeper_add(sandbox, 1), 1);
    assert_ok(mote_context_finish(sandbox, &last_error));
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_sandbox_restore(sandbox, snapshot, &last_error));
        assert_int_equal(keeper_add(sandbox, 1), 1);
    }
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(sandbox);
}

/* ---- Nothing is left ---- */

static void fill_all(mote_sandbox *sandbox)
{
    const mote_value arg = mote_u64(KEEPER_CANARY ^ KEEPER_MASK);
    assert_ok(mote_call(sandbox, "Fill", &arg, 1, MOTE_TYPE_VOID, NULL, &last_error));
}

static void test_nothing_of_an_earlier_call_is_left_after_a_restore(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = 8 << 20;
    mote_sandbox *sandbox = open_keeper(&config);
    assert_int_equal(keeper_look(sandbox), 0);
    /* Without a restore the same search finds it, everywhere. */
    fill_all(sandbox);
    assert_int_equal(keeper_look(sandbox) & ~PLACE_VECTORS, EVERY_PLACE);
    for (int i = 0; i < 2; i++) {
        fill_all(sandbox);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(keeper_look(sandbox), 0);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_registers_are_restored(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    keeper_call_u32(sandbox, "SetRegisters", 3);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_int_equal(check_registers(sandbox, 3), 0);
    for (int i = 0; i < 3; i++) {
        keeper_call_u32(sandbox, "SetRegisters", 1);
        assert_int_equal(check_registers(sandbox, 1), 0);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
        assert_int_equal(check_registers(sandbox, 3), 0);
    }
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
        cmocka_unit_test(test_the_log_level_is_the_snapshots),
        cmocka_unit_test(test_a_snapshot_of_something_else_is_refused),
        cmocka_unit_test(test_snapshots_can_be_restored_in_any_order),
        cmocka_unit_test(test_a_call_that_resets_leaves_no_trace),
        cmocka_unit_test(test_after_a_failed_call_that_resets_the_sandbox_is_ready),
        cmocka_unit_test(test_what_an_odd_exit_left_pending_is_not_completed_after_a_restore),
        cmocka_unit_test(test_a_poisoned_sandbox_can_be_restored),
        cmocka_unit_test(test_a_cancelled_sandbox_can_be_restored_and_used),
        cmocka_unit_test(test_a_host_function_that_fails_poisons_until_restored),
        cmocka_unit_test(test_a_guest_of_0_1_is_restored),
        cmocka_unit_test(test_a_snapshot_is_taken_between_a_restore_and_a_call),
        cmocka_unit_test(test_a_sandbox_begins_with_another_ones_snapshot_on_its_stack),
        cmocka_unit_test(test_a_context_may_begin_with_a_snapshot),
        cmocka_unit_test(test_nothing_of_an_earlier_call_is_left_after_a_restore),
        cmocka_unit_test(test_registers_are_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
