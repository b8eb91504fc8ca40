/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of reading a floor from a program, with shell scripts in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bench/floor_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Run a script that ends with body as if it were mote-floor. */
static mote_status run_script(const char *body, struct floor *floor, mote_error *err)
{
    char path[] = "/tmp/mote-floor-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\n%s\n", body) > 0);
    assert_int_equal(fchmod(fd, S_IRUSR | S_IXUSR), 0);
    assert_int_equal(close(fd), 0);
    mote_status status = floor_run(path, floor, err);
    assert_int_equal(unlink(path), 0);
    return status;
}

#define SUMMARY(median, min, p90) \
    "{\"median_us\":" median ",\"min_us\":" min ",\"p90_us\":" p90 "},"

static void test_floor_run_reads_what_the_floor_prints(void **state)
{
    (void)state;
    struct floor floor;
    mote_error err;
    mote_status status = run_script(
        "echo '{\"run\":" SUMMARY("2.5", "1", "3") "\"create\":" SUMMARY(
            "20", "10", "30") "\"destroy\":" SUMMARY("200", "100", "300") "\"exits\":21001}'",
        &floor, &err);
    assert_int_equal(status, MOTE_OK);
    assert_true(floor.run.median_us == 2.5 && floor.run.min_us == 1 && floor.run.p90_us == 3);
    assert_true(floor.create.median_us == 20 && floor.destroy.p90_us == 300);
    assert_true(floor.exits == 21001);
    assert_false(floor.has_child);
    assert_false(floor.has_ping_pong);
}

#define REST "\"create\":" SUMMARY("20", "10", "30") "\"destroy\":" SUMMARY("200", "100", "300")

static void test_floor_run_reads_a_child_and_a_ping_pong_where_they_are(void **state)
{
    (void)state;
    struct floor floor;
    mote_error err;
    mote_status status = run_script("echo '{\"run\":" SUMMARY("2.5", "1", "3") REST
                                    "\"child\":" SUMMARY("90", "80", "95") "\"ping_pong\":" SUMMARY(
                                        "0.5", "0.25", "0.75") "\"exits\":7}'",
                                    &floor, &err);
    assert_int_equal(status, MOTE_OK);
    assert_true(floor.has_child && floor.has_ping_pong);
    assert_true(floor.child.median_us == 90 && floor.child.p90_us == 95);
    assert_true(floor.ping_pong.median_us == 0.5 && floor.ping_pong.min_us == 0.25);
    assert_true(floor.destroy.p90_us == 300 && floor.exits == 7);
}

static void test_floor_run_reads_a_child_without_a_ping_pong(void **state)
{
    (void)state;
    struct floor floor;
    mote_error err;
    mote_status status = run_script("echo '{\"run\":" SUMMARY("2.5", "1", "3") REST
                                    "\"child\":" SUMMARY("90", "80", "95") "\"exits\":7}'",
                                    &floor, &err);
    assert_int_equal(status, MOTE_OK);
    assert_true(floor.has_child && floor.child.min_us == 80);
    assert_false(floor.has_ping_pong);
    assert_true(floor.exits == 7);
}

static void test_floor_run_refuses_a_floor_that_prints_less(void **state)
{
    (void)state;
    struct floor floor = {.exits = 5};
    mote_error err;
    mote_status status =
        run_script("echo '{\"run\":" SUMMARY("2.5", "1", "3") "\"exits\":1}'", &floor, &err);
    assert_int_equal(status, MOTE_E_SYSTEM);
    assert_int_equal(err.code, MOTE_E_SYSTEM);
    assert_true(floor.exits == 5);
}

static void test_floor_run_refuses_a_floor_that_fails(void **state)
{
    (void)state;
    struct floor floor;
    mote_error err;
    assert_int_equal(run_script("exit 1", &floor, &err), MOTE_E_NO_HYPERVISOR);
    assert_int_equal(run_script("kill -9 $$", &floor, &err), MOTE_E_NO_HYPERVISOR);
}

static void test_floor_run_refuses_a_missing_program(void **state)
{
    (void)state;
    struct floor floor;
    mote_error err;
    assert_int_equal(floor_run("/nonexistent/mote-floor", &floor, &err), MOTE_E_SYSTEM);
}

static void test_floor_run_survives_endless_output(void **state)
{
    (void)state;
    struct floor floor;
    mote_error err;
    assert_int_equal(run_script("head -c 100000 /dev/zero", &floor, &err), MOTE_E_SYSTEM);
}

static void test_floor_lower_takes_each_figure_by_itself(void **state)
{
    (void)state;
    struct floor lowest = {.run = {.median_us = 5},
                           .create = {.median_us = 50},
                           .destroy = {.median_us = 500},
                           .child = {.median_us = 90}};
    const struct floor other = {.run = {.median_us = 6},
                                .create = {.median_us = 40},
                                .destroy = {.median_us = 500},
                                .child = {.median_us = 80}};
    floor_lower(&lowest, &other);
    assert_true(lowest.run.median_us == 5);
    assert_true(lowest.create.median_us == 40);
    assert_true(lowest.destroy.median_us == 500);
    assert_true(lowest.child.median_us == 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floor_run_reads_what_the_floor_prints),
        cmocka_unit_test(test_floor_run_reads_a_child_and_a_ping_pong_where_they_are),
        cmocka_unit_test(test_floor_run_reads_a_child_without_a_ping_pong),
        cmocka_unit_test(test_floor_run_refuses_a_floor_that_prints_less),
        cmocka_unit_test(test_floor_run_refuses_a_floor_that_fails),
        cmocka_unit_test(test_floor_run_refuses_a_missing_program),
        cmocka_unit_test(test_floor_run_survives_endless_output),
        cmocka_unit_test(test_floor_lower_takes_each_figure_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
