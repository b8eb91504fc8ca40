/* SPDX-License-Identifier: Apache-2.0 */
/* Printing figures. Text in them is the benchmark's own or a driver's name, which needs no escapes,
 * save for reasons. */
#include "bench/report.h"

#include <stdio.h>

double figure_ratio(const struct figure *figure)
{
    return figure->summary.median_us / figure->floor->summary.median_us;
}

bool figure_is_met(const struct figure *figure)
{
    return (figure->goal <= 0 || figure_ratio(figure) <= figure->goal) &&
           (figure->goal_us <= 0 || figure->summary.median_us <= figure->goal_us);
}

bool report_goals_are_met(const struct report *report)
{
    for (size_t i = 0; i < report->n_figures; i++) {
        if (!figure_is_met(&report->figures[i])) {
            return false;
        }
    }
    return true;
}

static void print_row(const char *name, const struct summary *summary)
{
    printf("%-15s %11.2f %11.2f %11.2f", name, summary->median_us, summary->min_us,
           summary->p90_us);
}

static void print_figure(const struct figure *figure)
{
    print_row(figure->name, &figure->summary);
    printf(" %8.3f", figure_ratio(figure));
    const char *verdict = figure_is_met(figure) ? "met" : "MISSED";
    if (figure->goal > 0) {
        printf("  %-6.2f %-7s", figure->goal, verdict);
    } else if (figure->goal_us > 0) {
        printf("  %3.0f us %-7s", figure->goal_us, verdict);
    } else {
        printf("  %-14s", "-");
    }
    printf(" %-15s %s\n", figure->floor->name, figure->about);
}

static void print_benchmarks(const struct report *report)
{
    if (report->n_benchmarks == 0) {
        return;
    }
    printf("\n%-53s %11s %11s %11s\n", "as Hyperlight 0.1 names and measures it", "median", "min",
           "p90");
    for (size_t i = 0; i < report->n_benchmarks; i++) {
        const struct benchmark *benchmark = &report->benchmarks[i];
        printf("%-53s %11.2f %11.2f %11.2f %s\n", benchmark->name, benchmark->summary.median_us,
               benchmark->summary.min_us, benchmark->summary.p90_us, benchmark->about);
    }
}

void report_print(const struct report *report)
{
    if (report->reason != NULL) {
        printf("driver %s does not work: %s\n", report->driver, report->reason);
        return;
    }
    printf("driver %s%s%s, all on CPU %d, times in microseconds\n\n", report->driver,
           report->kind[0] ? ", " : "", report->kind, report->cpu);
    printf("%-15s %11s %11s %11s %8s  %-14s %s\n", "figure", "median", "min", "p90", "ratio",
           "goal", "floor");
    for (size_t i = 0; i < report->n_figures; i++) {
        print_figure(&report->figures[i]);
    }
    printf("\n%-15s %11s %11s %11s\n", "floor", "median", "min", "p90");
    for (size_t i = 0; i < report->n_floors; i++) {
        print_row(report->floors[i].name, &report->floors[i].summary);
        printf(" %s\n", report->floors[i].about);
    }
    printf("\n%s: %.0f exits a run, the lowest of its runs counts\n", report->floor_program,
           report->floor_exits);
    for (size_t i = 0; i < report->n_figures; i++) {
        const struct figure *figure = &report->figures[i];
        if (figure->counts != NULL) {
            printf("%s: %g exits, %g system calls in all\n", figure->name, figure->counts->exits,
                   figure->counts->system_calls);
        }
    }
    print_benchmarks(report);
}

static void print_json_summary(const struct summary *summary)
{
    printf("\"median_us\":%.3f,\"min_us\":%.3f,\"p90_us\":%.3f", summary->median_us,
           summary->min_us, summary->p90_us);
}

static void print_json_figure(const struct figure *figure)
{
    printf("\"%s\":{", figure->name);
    print_json_summary(&figure->summary);
    printf(",\"samples\":%zu,\"floor\":\"%s\",\"ratio\":%.4f", figure->summary.n,
           figure->floor->name, figure_ratio(figure));
    if (figure->goal > 0) {
        printf(",\"goal\":%.2f", figure->goal);
    }
    if (figure->goal_us > 0) {
        printf(",\"goal_us\":%.0f", figure->goal_us);
    }
    if (figure->goal > 0 || figure->goal_us > 0) {
        printf(",\"met\":%s", figure_is_met(figure) ? "true" : "false");
    }
    if (figure->counts != NULL) {
        printf(",\"exits\":%g,\"system_calls\":%g", figure->counts->exits,
               figure->counts->system_calls);
    }
    printf("}");
}

/* Control characters do not occur in a reason. */
static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('"');
}

/* An array, in that system's own order. */
static void print_json_benchmarks(const struct report *report)
{
    printf(",\"hyperlight_benchmarks\":[");
    for (size_t i = 0; i < report->n_benchmarks; i++) {
        const struct benchmark *benchmark = &report->benchmarks[i];
        printf("%s{\"name\":\"%s\",", i > 0 ? "," : "", benchmark->name);
        print_json_summary(&benchmark->summary);
        printf(",\"samples\":%zu}", benchmark->summary.n);
    }
    printf("]");
}

/* The members of an object, without its braces. */
static void print_json_members(const struct report *report)
{
    printf("\"driver\":\"%s\",\"kind\":\"%s\",\"cpu\":%d,\"works\":%s", report->driver,
           report->kind, report->cpu, report->reason == NULL ? "true" : "false");
    if (report->reason != NULL) {
        printf(",\"reason\":");
        print_json_text(report->reason);
        return;
    }
    printf(",\"floors\":{");
    for (size_t i = 0; i < report->n_floors; i++) {
        printf("%s\"%s\":{", i > 0 ? "," : "", report->floors[i].name);
        print_json_summary(&report->floors[i].summary);
        printf("}");
    }
    printf("},\"floor_exits\":%.0f,\"figures\":{", report->floor_exits);
    for (size_t i = 0; i < report->n_figures; i++) {
        printf("%s", i > 0 ? "," : "");
        print_json_figure(&report->figures[i]);
    }
    printf("},\"goals_met\":%s", report_goals_are_met(report) ? "true" : "false");
    print_json_benchmarks(report);
}

void report_print_json(const struct report *reports, size_t n)
{
    printf("{");
    print_json_members(&reports[0]);
    printf(",\"drivers\":[");
    for (size_t i = 0; i < n; i++) {
        printf("%s{", i > 0 ? "," : "");
        print_json_members(&reports[i]);
        printf("}");
    }
    printf("]}\n");
}
