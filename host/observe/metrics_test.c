/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, and the text that it becomes. */
#include "host/observe/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define N_THREADS 4
#define N_ROUNDS 20000

static char text[MOTE_METRICS_TEXT_BYTES];
static mote_error err;

static mote_metrics *make(void)
{
    mote_metrics *metrics = NULL;
    assert_int_equal(mote_metrics_create(NULL, &metrics, &err), MOTE_OK);
    return metrics;
}

static void write_text(const mote_metrics *metrics)
{
    size_t needed = 0;
    assert_int_equal(mote_metrics_prometheus(metrics, text, sizeof(text), &needed, &err), MOTE_OK);
    assert_int_equal(strlen(text) + 1, needed);
}

static void assert_line(const char *line)
{
    char wanted[160];
    snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    if (strstr(text, wanted) == NULL)
        fail_msg("no line %s in\n%s", line, text);
}

static void test_nothing_counts_into_nothing(void **state)
{
    (void)state;
    mt_metrics_hold(NULL);
    mt_metrics_add(NULL, MT_COUNTER_DESTROYED, 1);
    mt_metrics_exit(NULL, 0);
    mt_metrics_guest_error(NULL, 1);
    mt_metrics_outcome(NULL, MOTE_SPAN_CALL, MOTE_OK);
    mt_metrics_duration(NULL, MOTE_SPAN_CALL, 1);
    mote_metrics_destroy(NULL);
}

static void test_outcomes_are_told_by_class(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    mt_metrics_outcome(metrics, MOTE_SPAN_CALL, MOTE_OK);
    mt_metrics_outcome(metrics, MOTE_SPAN_CALL, MOTE_OK);
    mt_metrics_outcome(metrics, MOTE_SPAN_CALL, MOTE_E_GUEST_ABORT);
    mt_metrics_outcome(metrics, MOTE_SPAN_RESTORE, MOTE_E_MEMORY);
    write_text(metrics);
    assert_line("mote_guest_function_calls_total{outcome=\"ok\"} 2");
    assert_line("mote_guest_function_calls_total{outcome=\"guest_fault\"} 1");
    assert_line("mote_guest_function_calls_total{outcome=\"time_limit\"} 0");
    assert_line("mote_restores_total{outcome=\"host\"} 1");
    mote_metrics_destroy(metrics);
}

static void test_durations_fall_into_buckets_at_their_bounds(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    mt_metrics_duration(metrics, MOTE_SPAN_CALL, 0);
    mt_metrics_duration(metrics, MOTE_SPAN_CALL, 1000);
    mt_metrics_duration(metrics, MOTE_SPAN_CALL, 1001);
    mt_metrics_duration(metrics, MOTE_SPAN_CALL, 10000000000ull);
    mt_metrics_duration(metrics, MOTE_SPAN_CALL, 10000000001ull);
    write_text(metrics);
    assert_line("mote_guest_function_call_duration_seconds_bucket{le=\"0.000001\"} 2");
    assert_line("mote_guest_function_call_duration_seconds_bucket{le=\"0.000002\"} 3");
    assert_line("mote_guest_function_call_duration_seconds_bucket{le=\"1.000000\"} 3");
    assert_line("mote_guest_function_call_duration_seconds_bucket{le=\"10.000000\"} 4");
    assert_line("mote_guest_function_call_duration_seconds_bucket{le=\"+Inf\"} 5");
    assert_line("mote_guest_function_call_duration_seconds_sum 20.000002002");
    assert_line("mote_guest_function_call_duration_seconds_count 5");
    mote_metrics_destroy(metrics);
}

/* A guest chooses the code: it cannot make more series than there are. */
static void test_codes_that_a_guest_makes_up_share_one_series(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    mt_metrics_guest_error(metrics, 4);
    mt_metrics_guest_error(metrics, MT_N_GUEST_CODES - 1);
    mt_metrics_guest_error(metrics, MT_N_GUEST_CODES);
    mt_metrics_guest_error(metrics, MT_N_GUEST_CODES + 1);
    mt_metrics_guest_error(metrics, UINT64_MAX);
    write_text(metrics);
    assert_line("mote_guest_errors_total{error_code=\"4\"} 1");
    assert_line("mote_guest_errors_total{error_code=\"63\"} 1");
    assert_line("mote_guest_errors_total{error_code=\"other\"} 3");
    assert_null(strstr(text, "error_code=\"5\""));
    mote_metrics_destroy(metrics);
}

static void test_exits_and_counts_have_their_names(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    mt_metrics_exit(metrics, MT_N_EXIT_KINDS - 1);
    mt_metrics_exit(metrics, MT_N_EXIT_KINDS);
    mt_metrics_add(metrics, MT_COUNTER_RESTORED_PAGES, 17);
    mt_metrics_add(metrics, MT_COUNTER_CANCELLED, 3);
    write_text(metrics);
    assert_line("mote_exits_total{kind=\"port\"} 0");
    assert_line("mote_exits_total{kind=\"died\"} 1");
    assert_null(strstr(text, "error_code=\"0\""));
    assert_line("mote_restored_pages_total 17");
    assert_line("mote_cancelled_guest_executions_total 3");
    mote_metrics_destroy(metrics);
}

static void test_live_sandboxes_are_those_created_less_those_destroyed(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    for (int i = 0; i < 3; i++)
        mt_metrics_outcome(metrics, MOTE_SPAN_CREATE, MOTE_OK);
    mt_metrics_outcome(metrics, MOTE_SPAN_CREATE, MOTE_E_MEMORY);
    mt_metrics_add(metrics, MT_COUNTER_DESTROYED, 1);
    write_text(metrics);
    assert_line("mote_sandboxes 2");
    mote_metrics_destroy(metrics);
}

static void test_the_room_that_is_needed_is_told_and_is_enough(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    size_t needed = 0;
    assert_int_equal(mote_metrics_prometheus(metrics, NULL, 0, &needed, &err), MOTE_E_TOO_LARGE);
    assert_true(needed > 1000 && needed < sizeof(text));
    for (int less = 0; less <= 1; less++) {
        size_t told = 0;
        memset(text, 'x', sizeof(text));
        mote_status status =
            mote_metrics_prometheus(metrics, text, needed - (size_t)less, &told, &err);
        assert_int_equal(status, less ? MOTE_E_TOO_LARGE : MOTE_OK);
        assert_int_equal(told, needed);
        assert_int_equal(strlen(text), less ? 0 : needed - 1);
        assert_int_equal(text[needed], 'x');
    }
    assert_int_equal(mote_metrics_prometheus(metrics, text, 1, NULL, &err), MOTE_E_TOO_LARGE);
    assert_int_equal(text[0], '\0');
    mote_metrics_destroy(metrics);
}

static void test_the_largest_numbers_fit_in_the_room_that_is_promised(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    for (size_t i = 0; i < MT_N_SPAN_KINDS; i++) {
        memset(metrics->outcomes[i], 0xFF, sizeof(metrics->outcomes[i]));
        memset(&metrics->durations[i].sum_ns, 0xFF, sizeof(uint64_t));
        memset(metrics->durations[i].buckets, 0xFF, sizeof(uint64_t));
    }
    memset(metrics->exits, 0xFF, sizeof(metrics->exits));
    memset(metrics->guest_codes, 0xFF, sizeof(metrics->guest_codes));
    memset(metrics->counters, 0xFF, sizeof(metrics->counters));
    write_text(metrics);
    assert_line("mote_guest_function_call_duration_seconds_sum 18446744073.709551615");
    assert_line("mote_guest_function_call_duration_seconds_count 18446744073709551615");
    mote_metrics_destroy(metrics);
}

static void test_wrong_arguments_are_refused(void **state)
{
    (void)state;
    mote_metrics *metrics = make();
    const mote_allocator half = {.allocate = NULL};
    assert_int_equal(mote_metrics_create(NULL, NULL, &err), MOTE_E_ARGUMENT);
    mote_metrics *untouched = metrics;
    assert_int_equal(mote_metrics_create(&half, &untouched, &err), MOTE_E_ARGUMENT);
    assert_ptr_equal(untouched, metrics);
    assert_int_equal(mote_metrics_prometheus(NULL, text, 1, NULL, &err), MOTE_E_ARGUMENT);
    assert_int_equal(mote_metrics_prometheus(metrics, NULL, 1, NULL, &err), MOTE_E_ARGUMENT);
    mote_metrics_destroy(metrics);
}

static void *count_much(void *metrics)
{
    for (int i = 0; i < N_ROUNDS; i++) {
        mt_metrics_outcome(metrics, MOTE_SPAN_CALL, MOTE_OK);
        mt_metrics_duration(metrics, MOTE_SPAN_CALL, 1000);
    }
    mote_metrics_destroy(metrics);
    return NULL;
}

/* Each thread gives its reference back, and the metrics stay as long as the last one does. */
static void test_no_count_is_lost_between_threads(void **state)
{
    (void)state;
    pthread_t threads[N_THREADS];
    mote_metrics *metrics = make();
    for (int i = 0; i < N_THREADS; i++) {
        mt_metrics_hold(metrics);
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, metrics), 0);
    }
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    write_text(metrics);
    assert_line("mote_guest_function_calls_total{outcome=\"ok\"} 80000");
    assert_line("mote_guest_function_call_duration_seconds_sum 0.080000000");
    assert_line("mote_guest_function_call_duration_seconds_count 80000");
    mote_metrics_destroy(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_counts_into_nothing),
        cmocka_unit_test(test_outcomes_are_told_by_class),
        cmocka_unit_test(test_durations_fall_into_buckets_at_their_bounds),
        cmocka_unit_test(test_codes_that_a_guest_makes_up_share_one_series),
        cmocka_unit_test(test_exits_and_counts_have_their_names),
        cmocka_unit_test(test_live_sandboxes_are_those_created_less_those_destroyed),
        cmocka_unit_test(test_the_room_that_is_needed_is_told_and_is_enough),
        cmocka_unit_test(test_the_largest_numbers_fit_in_the_room_that_is_promised),
        cmocka_unit_test(test_wrong_arguments_are_refused),
        cmocka_unit_test(test_no_count_is_lost_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
