/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's snprintf() against the host's: every conversion, flag and edge, and random doubles.
 */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

int guest_snprintf(char *to, size_t room, const char *format, ...);
int guest_sprintf(char *to, const char *format, ...);
int guest_printf(const char *format, ...);
int guest_puts(const char *text);
int guest_putchar(int c);
int guest_fflush(void *file);
size_t guest_fwrite(const void *data, size_t size, size_t count, void *file);
extern char moteg_standard_output[];

/* What the C library needs from the runtime. */
void mt_standard_output(const char *text, size_t len_bytes);
void mt_standard_output_flush(void);

static char printed[256];
static size_t n_printed;
static int n_flushes;

void mt_standard_output(const char *text, size_t len_bytes)
{
    assert_true(len_bytes <= sizeof(printed) - n_printed);
    memcpy(printed + n_printed, text, len_bytes);
    n_printed += len_bytes;
}

void mt_standard_output_flush(void)
{
    n_flushes++;
}

/* Formats are data here, which -Wformat-nonliteral forbids elsewhere. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#define SAME(...) \
    do { \
        static char ours[8192], theirs[8192]; \
        int n_ours = guest_snprintf(ours, sizeof(ours), __VA_ARGS__); \
        int n_theirs = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
        assert_string_equal(ours, theirs); \
        assert_int_equal(n_ours, n_theirs); \
    } while (0)

static const char *const flag_sets[] = {"",   "-",  "+",  " ",  "#",  "0",   "-+",  "- ",
                                        "-#", "+0", " 0", "#0", "-0", "+#0", "- #", "+ "};
static const char *const widths[] = {"", "1", "7", "30"};
static const char *const precisions[] = {"", ".", ".0", ".1", ".5", ".25"};

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Call visit with every combination of flags, width and precision before a length and a letter. */
static void for_each_format(const char *length_and_letter, void (*visit)(const char *format))
{
    char format[64];
    for (size_t f = 0; f < N(flag_sets); f++) {
        for (size_t w = 0; w < N(widths); w++) {
            for (size_t p = 0; p < N(precisions); p++) {
                snprintf(format, sizeof(format), "[%%%s%s%s%s]", flag_sets[f], widths[w],
                         precisions[p], length_and_letter);
                visit(format);
            }
        }
    }
}

static void visit_int(const char *format)
{
    static const int values[] = {0, 1, -1, 42, -42, 8, 255, INT_MAX, INT_MIN};
    for (size_t i = 0; i < N(values); i++)
        SAME(format, values[i]);
}

static void visit_long(const char *format)
{
    static const long values[] = {0, 1, -1, 1234567890123, LONG_MAX, LONG_MIN};
    for (size_t i = 0; i < N(values); i++)
        SAME(format, values[i]);
}

/* What rounds up to a power of ten: glibc 2.36 then drops zeroes that %#g has to keep. */
static bool is_nines(double value)
{
    return value == 999999.5 || value == 99999.5 || value == 9.9999999 || value == 9.5 ||
           value == 0.000099999999;
}

static void test_alternate_g_keeps_zeroes_after_rounding_up(void **state)
{
    (void)state;
    char to[32];
    guest_snprintf(to, sizeof(to), "%#g", 999999.5);
    assert_string_equal(to, "1.00000e+06");
    guest_snprintf(to, sizeof(to), "%#.5g", 99999.5);
    assert_string_equal(to, "1.0000e+05");
    guest_snprintf(to, sizeof(to), "%#.1g|%#.1g", 9.5, 0.000099999999);
    assert_string_equal(to, "1.e+01|0.0001");
}

static void visit_double(const char *format)
{
    static const double values[] = {0.0,
                                    -0.0,
                                    1.0,
                                    -1.0,
                                    0.5,
                                    1.5,
                                    2.5,
                                    0.1,
                                    9.5,
                                    9.9999999,
                                    99999.5,
                                    999999.5,
                                    0.0001,
                                    0.00001234,
                                    0.000099999999,
                                    100.0,
                                    123456789.0,
                                    1e15,
                                    1e16,
                                    1e22,
                                    1e23,
                                    1.7976931348623157e308,
                                    DBL_MIN,
                                    4.9406564584124654e-324,
                                    2.2250738585072009e-308,
                                    HUGE_VAL,
                                    -HUGE_VAL};
    bool is_alternate_g = strchr(format, '#') != NULL && strpbrk(format, "gG") != NULL;
    for (size_t i = 0; i < N(values); i++) {
        if (!is_alternate_g || !is_nines(values[i]))
            SAME(format, values[i]);
    }
}

static void test_integers_are_printed_like_the_hosts(void **state)
{
    (void)state;
    static const char *const ints[] = {"d", "i", "u", "x", "X", "o", "hd", "hu", "hhd", "hhx", "c"};
    static const char *const longs[] = {"ld",  "lu", "lx", "lo", "lld", "llu",
                                        "llX", "jd", "ju", "zu", "zd",  "td"};
    for (size_t i = 0; i < N(ints); i++)
        for_each_format(ints[i], visit_int);
    for (size_t i = 0; i < N(longs); i++)
        for_each_format(longs[i], visit_long);
}

static void test_doubles_are_printed_like_the_hosts(void **state)
{
    (void)state;
    static const char *const letters[] = {"f", "F", "e", "E", "g", "G", "a", "A"};
    for (size_t i = 0; i < N(letters); i++)
        for_each_format(letters[i], visit_double);
    SAME("%f %e %g", (double)NAN, -(double)NAN, (double)NAN);
    SAME("%020F|%-20G|", (double)NAN, HUGE_VAL);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void test_random_doubles_are_printed_like_the_hosts(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 30000; i++) {
        uint64_t bits = next_random(&seed);
        double any, decimal = (double)(int64_t)(next_random(&seed) % 2000000000) / 1000.0;
        memcpy(&any, &bits, sizeof(any));
        int precision = (int)(next_random(&seed) % 20);
        SAME("%.17g %g %.*e", any, any, precision, any);
        SAME("%a %.*a", any, precision, any);
        SAME("%.*f %.1f %.2f %.*g", precision, decimal, decimal, decimal, precision, decimal);
    }
    for (int i = 0; i < 2000; i++) {
        uint64_t bits = next_random(&seed);
        double any;
        memcpy(&any, &bits, sizeof(any));
        SAME("%f %.1100f", any, any);
    }
}

static void test_every_digit_of_the_extremes(void **state)
{
    (void)state;
    SAME("%.1500f", 4.9406564584124654e-324);
    SAME("%.1500e", 4.9406564584124654e-324);
    SAME("%.1500g", 4.9406564584124654e-324);
    SAME("%.3f", DBL_MAX);
    SAME("%.1074f", 2.2250738585072009e-308);
    SAME("%.2000g|%#.1200g", 1.0, 1.0);
}

static void test_text_and_pointers(void **state)
{
    (void)state;
    char unterminated[3] = {'a', 'b', 'c'};
    SAME("%s|%10s|%-10s|%.2s|%.0s|%*s|%-*s|", "text", "text", "text", "text", "text", 6, "x", 6,
         "y");
    SAME("%.3s", unterminated);
    SAME("%*d|%.*d|%-*d", -5, 3, -2, 4, 8, 9);
    SAME("%p %20p %-20p|", (void *)state, (void *)state, (void *)state);
    SAME("%p", NULL);
    SAME("100%% of %c%c", 'a', 'b');
    SAME("%s", "");
    const char *volatile none = NULL;
    SAME("%s|%.3s|%8s", none, none, none);
}

static void test_output_is_cut_but_counted(void **state)
{
    (void)state;
    char to[8] = "*******";
    assert_int_equal(guest_snprintf(to, 0, "%d", 12345), 5);
    assert_string_equal(to, "*******");
    assert_int_equal(guest_snprintf(to, 1, "%d", 12345), 5);
    assert_string_equal(to, "");
    assert_int_equal(guest_snprintf(to, 5, "%d", 12345), 5);
    assert_string_equal(to, "1234");
    assert_int_equal(guest_snprintf(to, 6, "%d", 12345), 5);
    assert_string_equal(to, "12345");
    assert_int_equal(guest_sprintf(to, "%s", "whole"), 5);
    assert_string_equal(to, "whole");
}

static void test_bad_formats_and_results_too_long_are_refused(void **state)
{
    (void)state;
    char to[8];
    const char *volatile percent = "%";
    const char *volatile unknown = "%y";
    assert_int_equal(guest_snprintf(to, sizeof(to), percent), -1);
    assert_int_equal(guest_snprintf(to, sizeof(to), unknown, 1), -1);
    assert_int_equal(guest_snprintf(to, sizeof(to), "%s", "12345678"), 8);
}

/* As the host's does: no int can say how much that would be. */
static void test_a_width_or_precision_over_int_max_is_refused(void **state)
{
    (void)state;
    static const char *const formats[] = {"%2147483648d", "%99999999999d", "%.2147483648d",
                                          "%5.99999999999s", "%-21474836470x"};
    char to[8];
    for (size_t i = 0; i < N(formats); i++) {
        const char *volatile format = formats[i];
        assert_int_equal(guest_snprintf(to, sizeof(to), format, 0), -1);
    }
    assert_int_equal(guest_snprintf(to, sizeof(to), "%*d", INT_MIN, 1), -1);
    assert_int_equal(guest_snprintf(NULL, 0, "%2147483647d", 1), INT_MAX);
    assert_int_equal(guest_snprintf(NULL, 0, "%2147483647d|", 1), -1);
}

/* All that a double has, with no sum over INT_MAX on the way; glibc prints "0". */
static void test_the_largest_precision_is_no_special_case(void **state)
{
    (void)state;
    static const double values[] = {0.01, 0.00012, 12.5, 1e-300};
    char all[1200], ours[1200];
    for (size_t i = 0; i < N(values); i++) {
        int n = guest_snprintf(all, sizeof(all), "%.1100g", values[i]);
        assert_int_equal(guest_snprintf(ours, sizeof(ours), "%.*g", INT_MAX, values[i]), n);
        assert_string_equal(ours, all);
    }
}

/* docs/guests.md names them. */
static void test_what_is_not_supported_is_refused(void **state)
{
    (void)state;
    static const char *const formats[] = {"%'d", "%1$d", "%n", "%ls", "%-5ls", "%lc"};
    char to[8];
    long argument = 0;
    for (size_t i = 0; i < N(formats); i++) {
        const char *volatile format = formats[i];
        assert_int_equal(guest_snprintf(to, sizeof(to), format, &argument), -1);
    }
}

static void test_a_write_of_nothing_has_written_nothing(void **state)
{
    (void)state;
    n_printed = 0;
    assert_int_equal(guest_fwrite("x", 0, 5, moteg_standard_output), 0);
    assert_int_equal(guest_fwrite("x", 5, 0, moteg_standard_output), 0);
    assert_int_equal(guest_fwrite("x", SIZE_MAX, 2, moteg_standard_output), 0);
    assert_int_equal(n_printed, 0);
    assert_int_equal(guest_fwrite("abcd", 2, 2, moteg_standard_output), 2);
    assert_int_equal(n_printed, 4);
}

static void test_printing_reaches_the_output(void **state)
{
    (void)state;
    n_printed = 0;
    n_flushes = 0;
    assert_int_equal(guest_printf("%d-%s", 7, "x"), 3);
    guest_putchar('!');
    guest_puts("line");
    assert_int_equal(n_printed, 9);
    assert_memory_equal(printed, "7-x!line\n", 9);
    assert_int_equal(n_flushes, 0);
    guest_fflush(NULL);
    assert_int_equal(n_flushes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_are_printed_like_the_hosts),
        cmocka_unit_test(test_doubles_are_printed_like_the_hosts),
        cmocka_unit_test(test_alternate_g_keeps_zeroes_after_rounding_up),
        cmocka_unit_test(test_random_doubles_are_printed_like_the_hosts),
        cmocka_unit_test(test_every_digit_of_the_extremes),
        cmocka_unit_test(test_text_and_pointers),
        cmocka_unit_test(test_output_is_cut_but_counted),
        cmocka_unit_test(test_bad_formats_and_results_too_long_are_refused),
        cmocka_unit_test(test_a_width_or_precision_over_int_max_is_refused),
        cmocka_unit_test(test_the_largest_precision_is_no_special_case),
        cmocka_unit_test(test_what_is_not_supported_is_refused),
        cmocka_unit_test(test_a_write_of_nothing_has_written_nothing),
        cmocka_unit_test(test_printing_reaches_the_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
