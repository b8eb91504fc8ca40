/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on processor time. */
#include "tests/api/keeper.h"

static void test_a_limit_on_processor_time_stops_a_guest_that_computes(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 20000000;
    config.cpu_limit_us = 30000;
    mote_sandbox *sandbox = open_keeper(&config);
    assert_status(keeper_reset_call(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.limit.kind, "cpu");
    assert_string_equal(last_error.limit.phase, "call");
    assert_int_equal(last_error.limit.limit_us, 30000);
    assert_true(last_error.limit.elapsed_us >= 30000);
    assert_int_equal(keeper_counter(sandbox), 0);
    mote_sandbox_destroy(sandbox);
}

static void test_host_functions_do_not_use_up_processor_time(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.cpu_limit_us = 100000;
    struct slow_answer answer = {config.cpu_limit_us + 20000, mote_i32(1)};
    const mote_value arg = mote_i32(1);
    mote_sandbox *sandbox = open_asking(&config, answer_slowly, &answer);
    for (int i = 0; i < 2; i++)
        assert_ok(mote_call_reset(sandbox, "AskHost", &arg, 1, MOTE_TYPE_I32, NULL, &last_error));
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_limit_on_processor_time_stops_a_guest_that_computes),
        cmocka_unit_test(test_host_functions_do_not_use_up_processor_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
