/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what counts as a goal that is met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bench/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct floor_figure hundred = {"run", "", {.median_us = 100}};

static struct figure figure_of(double median_us, double goal)
{
    return (struct figure){
        .name = "call", .summary = {.median_us = median_us}, .floor = &hundred, .goal = goal};
}

static void test_ratio_is_to_the_floor(void **state)
{
    (void)state;
    const struct figure figure = figure_of(150, 0);
    assert_true(figure_ratio(&figure) == 1.5);
}

static void test_goal_is_met_up_to_it(void **state)
{
    (void)state;
    const struct figure at = figure_of(150, 1.5);
    const struct figure above = figure_of(151, 1.5);
    assert_true(figure_is_met(&at));
    assert_false(figure_is_met(&above));
}

static void test_figure_without_a_goal_misses_none(void **state)
{
    (void)state;
    const struct figure figure = figure_of(10000, 0);
    assert_true(figure_is_met(&figure));
}

static void test_goal_in_microseconds_is_met_up_to_it(void **state)
{
    (void)state;
    struct figure figure = figure_of(150, 0);
    figure.goal_us = 150;
    assert_true(figure_is_met(&figure));
    figure.goal_us = 149;
    assert_false(figure_is_met(&figure));
    figure.goal = 2;
    assert_false(figure_is_met(&figure));
}

static void test_driver_that_does_not_work_misses_no_goal(void **state)
{
    (void)state;
    const struct report report = {.driver = "kvm", .reason = "no /dev/kvm"};
    assert_true(report_goals_are_met(&report));
}

static void test_one_missed_goal_is_enough(void **state)
{
    (void)state;
    const struct figure figures[] = {figure_of(100, 1.1), figure_of(300, 0), figure_of(111, 1.1)};
    const struct report all = {.figures = figures, .n_figures = 3};
    const struct report but_last = {.figures = figures, .n_figures = 2};
    assert_false(report_goals_are_met(&all));
    assert_true(report_goals_are_met(&but_last));
}

static void print_table(const struct report *reports, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        report_print(&reports[i]);
    }
}

/* What a function writes to standard output, up to room - 1 characters. */
static void print_into(void (*print)(const struct report *reports, size_t n),
                       const struct report *reports, size_t n, char *text, size_t room)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fflush(stdout), 0);
    int kept = dup(STDOUT_FILENO);
    assert_true(kept >= 0);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    print(reports, n);
    assert_int_equal(fflush(stdout), 0);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    assert_int_equal(close(kept), 0);
    rewind(file);
    text[fread(text, 1, room - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
}

static void test_json_has_all_drivers_and_the_first_at_the_top(void **state)
{
    (void)state;
    const struct figure figure = {
        .name = "create", .summary = {.median_us = 150}, .floor = &hundred, .goal_us = 100};
    const struct report reports[] = {
        {.driver = "kvm", .kind = "", .reason = "open \"a\\b\""},
        {.driver = "process", .kind = "", .cpu = 1, .figures = &figure, .n_figures = 1}};
    char text[1024];
    print_into(report_print_json, reports, 2, text, sizeof text);
    const char *none = "\"driver\":\"kvm\",\"kind\":\"\",\"cpu\":0,\"works\":false,"
                       "\"reason\":\"open \\\"a\\\\b\\\"\"";
    char wanted[512];
    assert_true(snprintf(wanted, sizeof wanted, "{%s,\"drivers\":[{%s},{\"driver\":\"process\",",
                         none, none) < (int)sizeof wanted);
    assert_memory_equal(text, wanted, strlen(wanted));
    assert_non_null(strstr(text, "\"ratio\":1.5000,\"goal_us\":100,\"met\":false}"));
    assert_non_null(strstr(text, "},\"goals_met\":false,\"hyperlight_benchmarks\":[]}]}\n"));
}

static const struct benchmark benchmarks[] = {
    {"guest_functions/guest_call", "Echo", {.median_us = 2, .min_us = 1, .p90_us = 3, .n = 4}},
    {"sandboxes/create_sandbox", "", {.median_us = 200}},
};
static const struct report with_benchmarks = {
    .driver = "kvm",
    .kind = "",
    .floor_program = "mote-floor",
    .benchmarks = benchmarks,
    .n_benchmarks = 2,
};

static void test_benchmarks_are_an_array_with_their_names(void **state)
{
    (void)state;
    char text[1024];
    print_into(report_print_json, &with_benchmarks, 1, text, sizeof text);
    assert_non_null(strstr(text,
                           "\"hyperlight_benchmarks\":[{\"name\":\"guest_functions/guest_call\","
                           "\"median_us\":2.000,\"min_us\":1.000,\"p90_us\":3.000,"
                           "\"samples\":4},{\"name\":\"sandboxes/create_sandbox\","));
}

static void test_benchmarks_are_lines_of_the_table(void **state)
{
    (void)state;
    char text[2048];
    print_into(print_table, &with_benchmarks, 1, text, sizeof text);
    assert_non_null(strstr(text, "\nguest_functions/guest_call "));
    assert_non_null(strstr(text, " 2.00        1.00        3.00 Echo\n"));
    assert_non_null(strstr(text, "\nsandboxes/create_sandbox "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ratio_is_to_the_floor),
        cmocka_unit_test(test_goal_is_met_up_to_it),
        cmocka_unit_test(test_figure_without_a_goal_misses_none),
        cmocka_unit_test(test_goal_in_microseconds_is_met_up_to_it),
        cmocka_unit_test(test_driver_that_does_not_work_misses_no_goal),
        cmocka_unit_test(test_json_has_all_drivers_and_the_first_at_the_top),
        cmocka_unit_test(test_one_missed_goal_is_enough),
        cmocka_unit_test(test_benchmarks_are_an_array_with_their_names),
        cmocka_unit_test(test_benchmarks_are_lines_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
