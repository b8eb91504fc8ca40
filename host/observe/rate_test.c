/* SPDX-License-Identifier: Apache-2.0 */
/* The limit on a rate, with a clock of the test's own. */
#include "host/observe/rate.h"

#include "host/base/limits.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define START_NS 5000000000ull

static unsigned take_many(struct mt_rate *rate, uint64_t now_ns, unsigned n)
{
    unsigned n_taken = 0;
    for (unsigned i = 0; i < n; i++)
        n_taken += mt_rate_take(rate, now_ns);
    return n_taken;
}

static void test_a_burst_passes_and_no_more(void **state)
{
    (void)state;
    struct mt_rate rate;
    mt_rate_init(&rate, 10, 3);
    assert_int_equal(take_many(&rate, START_NS, 2), 2);
    assert_true(mt_rate_is_open(&rate, START_NS));
    assert_int_equal(take_many(&rate, START_NS, 10), 1);
    assert_false(mt_rate_is_open(&rate, START_NS));
}

static void test_each_interval_lets_one_more_through(void **state)
{
    (void)state;
    struct mt_rate rate;
    mt_rate_init(&rate, 10, 3);
    assert_int_equal(take_many(&rate, START_NS, 10), 3);
    assert_false(mt_rate_take(&rate, START_NS + 99999999));
    assert_int_equal(take_many(&rate, START_NS + 100000000, 10), 1);
    assert_int_equal(take_many(&rate, START_NS + 1000000000, 10), 3);
}

static void test_refusals_do_not_put_the_next_one_off(void **state)
{
    (void)state;
    struct mt_rate rate;
    mt_rate_init(&rate, 1, 1);
    assert_int_equal(take_many(&rate, START_NS, 1000), 1);
    assert_true(mt_rate_take(&rate, START_NS + 1000000000));
}

static void test_no_limit_and_the_largest_do_not_wrap(void **state)
{
    (void)state;
    struct mt_rate rate;
    mt_rate_init(&rate, 0, 0);
    assert_int_equal(take_many(&rate, START_NS, 1000), 1000);
    mt_rate_init(&rate, 1, MT_MAX_LOG_RATE);
    assert_int_equal(take_many(&rate, START_NS, MT_MAX_LOG_RATE + 1), MT_MAX_LOG_RATE);
    mt_rate_init(&rate, MT_MAX_LOG_RATE, 0);
    assert_int_equal(take_many(&rate, START_NS, 2), 1);
    assert_true(mt_rate_take(&rate, START_NS + 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_passes_and_no_more),
        cmocka_unit_test(test_each_interval_lets_one_more_through),
        cmocka_unit_test(test_refusals_do_not_put_the_next_one_off),
        cmocka_unit_test(test_no_limit_and_the_largest_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
