/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the order statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bench/samples.h"

static struct samples samples;

static int reset(void **state)
{
    (void)state;
    samples.n = 0;
    return 0;
}

static void test_one_sample_is_all_of_them(void **state)
{
    (void)state;
    samples_add(&samples, 7);
    struct summary summary = samples_summary(&samples);
    assert_true(summary.median_us == 7 && summary.min_us == 7 && summary.p90_us == 7);
    assert_int_equal(summary.n, 1);
}

static void test_median_of_an_even_number_lies_between(void **state)
{
    (void)state;
    const double us[] = {40, 10, 30, 20};
    for (size_t i = 0; i < 4; i++) {
        samples_add(&samples, us[i]);
    }
    struct summary summary = samples_summary(&samples);
    assert_true(summary.median_us == 25);
    assert_true(summary.min_us == 10);
}

static void test_p90_leaves_a_tenth_above(void **state)
{
    (void)state;
    for (int us = 100; us >= 0; us--) {
        samples_add(&samples, us);
    }
    struct summary summary = samples_summary(&samples);
    assert_true(summary.p90_us == 90);
    assert_true(summary.median_us == 50);
}

static void test_what_is_over_the_maximum_is_not_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES_MAX; i++) {
        samples_add(&samples, 5);
    }
    samples_add(&samples, 1);
    struct summary summary = samples_summary(&samples);
    assert_int_equal(summary.n, SAMPLES_MAX);
    assert_true(summary.min_us == 5);
}

static void test_less_shifts_all_but_the_count(void **state)
{
    (void)state;
    const struct summary summary = {.median_us = 30, .min_us = 20, .p90_us = 40, .n = 3};
    struct summary less = summary_less(summary, 5);
    assert_true(less.median_us == 25 && less.min_us == 15 && less.p90_us == 35);
    assert_int_equal(less.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_sample_is_all_of_them, reset),
        cmocka_unit_test_setup(test_median_of_an_even_number_lies_between, reset),
        cmocka_unit_test_setup(test_p90_leaves_a_tenth_above, reset),
        cmocka_unit_test_setup(test_what_is_over_the_maximum_is_not_kept, reset),
        cmocka_unit_test(test_less_shifts_all_but_the_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
