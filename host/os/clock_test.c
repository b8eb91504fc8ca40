/* SPDX-License-Identifier: Apache-2.0 */
/* How long waits are asked for, so that the kernel's slack does not make them late. */
#include "host/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SLACK_NS 50000u

static uint64_t asked_ns(uint64_t left_ns)
{
    struct timespec timeout = mt_clock_timeout(left_ns);
    assert_in_range(timeout.tv_nsec, 0, 999999999);
    return (uint64_t)timeout.tv_sec * 1000000000u + (uint64_t)timeout.tv_nsec;
}

static void test_a_wait_leaves_room_for_the_threads_slack(void **state)
{
    (void)state;
    assert_int_equal(asked_ns(SLACK_NS + 1), 1);
    assert_int_equal(asked_ns(5000000), 5000000 - SLACK_NS);
}

static void test_a_long_wait_leaves_room_for_a_part_of_it(void **state)
{
    (void)state;
    const uint64_t long_ns = 3600000000000u;
    assert_in_range(asked_ns(long_ns), long_ns - long_ns / 100, long_ns - long_ns / 200);
    assert_true(asked_ns(UINT64_MAX) > UINT64_MAX / 2);
}

/* No time at all would be no wait: its caller asks until the time is over. */
static void test_a_short_wait_waits_and_a_late_one_does_not(void **state)
{
    (void)state;
    assert_int_equal(asked_ns(0), 0);
    assert_int_equal(asked_ns(1), 1);
    assert_int_equal(asked_ns(SLACK_NS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wait_leaves_room_for_the_threads_slack),
        cmocka_unit_test(test_a_long_wait_leaves_room_for_a_part_of_it),
        cmocka_unit_test(test_a_short_wait_waits_and_a_late_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
