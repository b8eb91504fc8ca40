/* SPDX-License-Identifier: Apache-2.0 */
/* What restores cost: large heaps, system calls, counts, and that nothing grows. */
#include "tests/api/keeper.h"

#include <stdlib.h>

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
    assert_int_equal(keeper_look(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

/* ---- Costs that are exact ---- */

static uint64_t system_calls_of_resets(mote_sandbox *sandbox, unsigned n)
{
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    uint64_t before = stats.system_calls;
    for (unsigned i = 0; i < n; i++)
        assert_ok(keeper_reset_call(sandbox, "Get"));
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

#define N_TIMED 101u

static int compare_times(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* The median of restores, of two snapshots in turn, after a call that does next to nothing. */
static uint64_t restore_us(uint64_t heap_bytes, uint64_t stack_bytes, bool is_one_snapshot)
{
    uint64_t times_us[N_TIMED];
    mote_snapshot *taken[2];
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = heap_bytes;
    config.stack_bytes = stack_bytes;
    mote_sandbox *sandbox = open_keeper(&config);
    for (size_t i = 0; i < 2; i++)
        assert_ok(mote_snapshot_take(sandbox, &taken[i], &last_error));
    for (size_t i = 0; i < N_TIMED; i++) {
        mote_snapshot *snapshot = taken[is_one_snapshot ? 0 : i % 2];
        (void)keeper_counter(sandbox);
        uint64_t started_us = now_us();
        assert_ok(mote_sandbox_restore(sandbox, snapshot, &last_error));
        times_us[i] = now_us() - started_us;
    }
    for (size_t i = 0; i < 2; i++)
        mote_snapshot_unref(taken[i]);
    mote_sandbox_destroy(sandbox);
    qsort(times_us, N_TIMED, sizeof(times_us[0]), compare_times);
    return times_us[N_TIMED / 2];
}

/* Stacks are told by the page, however large they are. */
static void test_a_large_stack_that_is_not_used_costs_a_restore_nothing(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const uint64_t heap_bytes = 8 << 20;
    uint64_t small_us = restore_us(heap_bytes, 64 << 10, true);
    assert_true(restore_us(heap_bytes, 512 << 20, true) <= 10 * small_us + 30);
}

/* What is in neither of them is not looked at. */
static void test_a_restore_of_another_snapshot_costs_what_is_in_both(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    uint64_t small_us = restore_us(1 << 20, 64 << 10, false);
    assert_true(restore_us(896 << 20, 64 << 10, false) <= 10 * small_us + 30);
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
        assert_ok(keeper_reset_call(sandbox, "Get"));
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
        assert_ok(keeper_reset_call(sandbox, "Get"));
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    assert_int_equal(stats.snapshots, 2);
    assert_int_equal(stats.restores, 3);
    assert_true(stats.last_restored_pages > 0);
    mote_sandbox_destroy(sandbox);
}

/* ---- Nothing grows ---- */

static void test_resets_leave_descriptors_and_mappings_where_they_were(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_keeper(NULL);
    for (int i = 0; i < 20; i++)
        (void)keeper_reset_call(sandbox, i % 2 == 0 ? "Get" : "Crash");
    size_t n_descriptors = count_descriptors();
    size_t n_mappings = count_mappings();
    for (int i = 0; i < 500; i++) {
        (void)keeper_reset_call(sandbox, i % 2 == 0 ? "Get" : "Crash");
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
        cmocka_unit_test(test_a_large_heap_is_restored),
        cmocka_unit_test(test_a_heap_of_a_gibibyte_needs_a_raised_cap),
        cmocka_unit_test(test_a_call_that_resets_makes_two_system_calls_on_kvm),
        cmocka_unit_test(test_a_large_stack_that_is_not_used_costs_a_restore_nothing),
        cmocka_unit_test(test_a_restore_of_another_snapshot_costs_what_is_in_both),
        cmocka_unit_test(test_a_large_heap_once_used_costs_no_later_restore),
        cmocka_unit_test(test_snapshots_and_restores_are_counted),
        cmocka_unit_test(test_resets_leave_descriptors_and_mappings_where_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
