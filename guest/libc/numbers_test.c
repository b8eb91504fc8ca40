/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's strtod(), strtol() and their families against the host's. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

double guest_strtod(const char *text, char **end);
float guest_strtof(const char *text, char **end);
long guest_strtol(const char *text, char **end, int base);
unsigned long guest_strtoul(const char *text, char **end, int base);
int guest_atoi(const char *text);
int *guest___errno_location(void);
void guest_qsort(void *base, size_t count, size_t n, int (*compare)(const void *, const void *));
void *guest_bsearch(const void *key, const void *base, size_t count, size_t n,
                    int (*compare)(const void *, const void *));

static void same_double(const char *text)
{
    char *our_end, *their_end;
    double ours = guest_strtod(text, &our_end), theirs = strtod(text, &their_end);
    if (memcmp(&ours, &theirs, sizeof(ours)) != 0)
        fail_msg("\"%s\": %a, not %a", text, ours, theirs);
    assert_ptr_equal(our_end, their_end);
    float our_float = guest_strtof(text, &our_end), their_float = strtof(text, &their_end);
    if (memcmp(&our_float, &their_float, sizeof(our_float)) != 0)
        fail_msg("float \"%s\": %a, not %a", text, (double)our_float, (double)their_float);
    assert_ptr_equal(our_end, their_end);
}

static void test_edges_of_strtod(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "0",
                                        "-0",
                                        "+0",
                                        ".",
                                        "+",
                                        "-",
                                        "1",
                                        "1.",
                                        ".5",
                                        "-.5",
                                        "1e",
                                        "1e+",
                                        "1e5",
                                        "1E-5",
                                        "1.5x",
                                        "  12",
                                        "\t\n3",
                                        "1.2.3",
                                        "1e400",
                                        "-1e400",
                                        "1e-400",
                                        "1e99999999999999999999",
                                        "1e-99999999999999999999",
                                        "0e99999999999",
                                        "inf",
                                        "-INF",
                                        "infinity",
                                        "infinit",
                                        "nan",
                                        "NaN(12_a)",
                                        "nan(",
                                        "-nan",
                                        "0x",
                                        "0x1",
                                        "0x1p",
                                        "0x1p4",
                                        "-0x1.8p1",
                                        "0x.8",
                                        "0x.",
                                        "0xg",
                                        "0x1.fffffffffffff8p0",
                                        "0x1.fffffffffffff7fp0",
                                        "0x1p-1074",
                                        "0x1p-1075",
                                        "0x1.00000000000001p-1075",
                                        "0x1p1023",
                                        "0x1p1024",
                                        "0x123456789abcdef01234p0",
                                        "0x1.ffffffp0",
                                        "0x0p99999",
                                        "2.2250738585072011e-308",
                                        "2.2250738585072012e-308",
                                        "2.2250738585072014e-308",
                                        "4.9406564584124654e-324",
                                        "2.4703282292062327e-324",
                                        "2.4703282292062328e-324",
                                        "1.7976931348623157e308",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "179769313486231580793728971405301e276",
                                        "9007199254740993",
                                        "9007199254740992.99999999999999999999999",
                                        "9007199254740993.00000000000000000000001",
                                        "3.4028235677973366e38",
                                        "3.4028235677973362e38",
                                        "1.4012984643248170e-45",
                                        "7.0064923216240853e-46",
                                        "7.0064923216240854e-46",
                                        "0.000000000000000000000000000001",
                                        "100000000000000000000000000000000000000000",
                                        "1e22",
                                        "1e23",
                                        "123456789012345e22"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        same_double(texts[i]);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void test_random_doubles_read_back(void **state)
{
    (void)state;
    uint64_t seed = 362436069362436069u;
    char text[64];
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = next_random(&seed);
        double any;
        memcpy(&any, &bits, sizeof(any));
        snprintf(text, sizeof(text), "%.*g", (int)(next_random(&seed) % 22) + 1, any);
        same_double(text);
        snprintf(text, sizeof(text), "%a", any);
        same_double(text);
    }
}

/* The exact middle between two neighbours, and what is a hair beside it. */
static void test_halfway_points_round_to_even(void **state)
{
    (void)state;
    uint64_t seed = 521288629546311u;
    static char text[2400];
    for (int i = 0; i < 300; i++) {
        uint64_t bits = next_random(&seed) & INT64_MAX;
        if (i % 3 == 0)
            bits >>= 11; /* subnormal and small */
        double any;
        memcpy(&any, &bits, sizeof(any));
        if (!(any < 1e300))
            continue;
        double next;
        bits++;
        memcpy(&next, &bits, sizeof(next));
        long double middle = ((long double)any + (long double)next) / 2;
        int n = snprintf(text, sizeof(text), "%.1100Le", middle);
        assert_true(n > 0 && n < (int)sizeof(text));
        same_double(text);
        char *last = strchr(text, 'e') - 1;
        *last = '1';
        same_double(text);
    }
}

static void same_long(const char *text, int base)
{
    char *our_end, *their_end;
    *guest___errno_location() = 0;
    errno = 0;
    long ours = guest_strtol(text, &our_end, base), theirs = strtol(text, &their_end, base);
    assert_int_equal(ours, theirs);
    assert_ptr_equal(our_end, their_end);
    assert_int_equal(*guest___errno_location(), errno);
    unsigned long our_unsigned = guest_strtoul(text, &our_end, base);
    unsigned long their_unsigned = strtoul(text, &their_end, base);
    assert_int_equal(our_unsigned, their_unsigned);
    assert_ptr_equal(our_end, their_end);
}

static void test_integers_like_the_hosts(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "0",
                                        "-1",
                                        "+17",
                                        "  42x",
                                        "0x1f",
                                        "0X1Fg",
                                        "0x",
                                        "0xg",
                                        "017",
                                        "08",
                                        "zz",
                                        "-zz",
                                        "-",
                                        "- 1",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "-18446744073709551615",
                                        "99999999999999999999999x",
                                        "1111111111111111111111111111111111111111111111111"};
    static const int bases[] = {0, 2, 8, 10, 16, 36};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++)
            same_long(texts[i], bases[b]);
    }
    assert_int_equal(guest_atoi("-12abc"), -12);
}

static int compare_ints(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

static void test_qsort_orders_and_bsearch_finds(void **state)
{
    (void)state;
    uint64_t seed = 12345;
    static int values[1000];
    for (size_t n = 0; n <= 1000; n = n < 10 ? n + 1 : n * 3 + 7) {
        for (size_t i = 0; i < n; i++)
            values[i] = (int)(next_random(&seed) % 500) * 2;
        guest_qsort(values, n, sizeof(values[0]), compare_ints);
        for (size_t i = 1; i < n; i++)
            assert_true(values[i - 1] <= values[i]);
        for (size_t i = 0; i < n; i++) {
            int absent = values[i] + 1;
            const int *found =
                guest_bsearch(&values[i], values, n, sizeof(values[0]), compare_ints);
            assert_non_null(found);
            assert_int_equal(*found, values[i]);
            assert_null(guest_bsearch(&absent, values, n, sizeof(values[0]), compare_ints));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges_of_strtod),
        cmocka_unit_test(test_random_doubles_read_back),
        cmocka_unit_test(test_halfway_points_round_to_even),
        cmocka_unit_test(test_integers_like_the_hosts),
        cmocka_unit_test(test_qsort_orders_and_bsearch_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
