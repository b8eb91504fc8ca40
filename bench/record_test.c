/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the benchmarks that have Hyperlight 0.1's names. */
#include "tests/api/fixture.h"

#include "bench/record.h"

#include <string.h>

#define SIMPLE MOTE_BUILD_DIR "/guests/simple.elf"
/* What does more takes longer by more than the fastest of many differ: a restore adds a tenth. */
#define LEAST_RATIO 1.03

/* As `cargo bench` prints them there, misspelling included. */
static void test_names_are_the_originals(void **state)
{
    (void)state;
    static const char *const names[] = {
        "guest_functions/guest_call",
        "guest_functions/guest_call_with_reset",
        "guest_functions/guest_call_with_call_to_host_function",
        "sandboxes/create_uninitalized_sandbox",
        "sandboxes/create_uninitialized_sandbox_and_drop",
        "sandboxes/create_sandbox",
        "sandboxes/create_sandbox_and_drop",
        "sandboxes/create_sandbox_and_call_context",
        "sandboxes/create_sandbox_and_call_context_and_drop",
    };
    assert_int_equal(N_RECORD, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < N_RECORD; i++) {
        assert_string_equal(record_name(i), names[i]);
    }
}

static size_t index_of(const char *name)
{
    for (size_t i = 0; i < N_RECORD; i++) {
        if (strcmp(record_name(i), name) == 0) {
            return i;
        }
    }
    fail_msg("no benchmark %s", name);
    return 0;
}

/* The fastest of each: other work of the machine makes none of them shorter. */
static double fastest_us(struct record *record, const char *name)
{
    return samples_summary(&record->each[index_of(name)]).min_us;
}

static bool what_does_more_takes_longer(struct record *record)
{
    static const char *const pairs[][2] = {
        {"guest_functions/guest_call", "guest_functions/guest_call_with_reset"},
        {"guest_functions/guest_call", "guest_functions/guest_call_with_call_to_host_function"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (fastest_us(record, pairs[i][1]) < LEAST_RATIO * fastest_us(record, pairs[i][0])) {
            return false;
        }
    }
    return true;
}

/* Of each life both are measured: no machine can turn them round. */
static void assert_destruction_takes_time(struct record *record)
{
    static const char *const pairs[][2] = {
        {"sandboxes/create_uninitalized_sandbox",
         "sandboxes/create_uninitialized_sandbox_and_drop"},
        {"sandboxes/create_sandbox", "sandboxes/create_sandbox_and_drop"},
        {"sandboxes/create_sandbox_and_call_context",
         "sandboxes/create_sandbox_and_call_context_and_drop"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_true(fastest_us(record, pairs[i][0]) < fastest_us(record, pairs[i][1]));
    }
}

static void test_each_is_measured_and_what_does_more_takes_longer(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static struct record record;
    bool is_plausible = false;
    /* A machine may become faster between two benchmarks; not each time. */
    for (int i = 0; i < 3 && !is_plausible; i++) {
        record = (struct record){0};
        assert_ok(record_measure(SIMPLE, test_driver(), &record, &last_error));
        is_plausible = what_does_more_takes_longer(&record);
    }
    assert_true(is_plausible);
    assert_destruction_takes_time(&record);
    for (size_t i = 0; i < N_RECORD; i++) {
        assert_true(record.each[i].n >= 20);
        assert_true(samples_summary(&record.each[i]).min_us > 0);
    }
}

static void test_a_missing_guest_is_an_error(void **state)
{
    (void)state;
    static struct record record;
    assert_int_equal(record_measure("/nonexistent/guest.elf", "kvm", &record, &last_error),
                     MOTE_E_IMAGE_OPEN);
    assert_int_equal(record.each[0].n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_the_originals),
        cmocka_unit_test(test_each_is_measured_and_what_does_more_takes_longer),
        cmocka_unit_test(test_a_missing_guest_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
