/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's strtod(), strtol() and their families, and <math.h>, against the host's. */
#include <errno.h>
#include <limits.h>
#include <math.h>
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
intmax_t guest_strtoimax(const char *text, char **end, int base);
uintmax_t guest_strtoumax(const char *text, char **end, int base);
intmax_t guest_imaxabs(intmax_t value);
long double guest_strtold(const char *text, char **end);
double guest_fabs(double value);
float guest_fabsf(float value);
long double guest_fabsl(long double value);
double guest_copysign(double magnitude, double sign);
float guest_copysignf(float magnitude, float sign);
long double guest_copysignl(long double magnitude, long double sign);
double guest_fmod(double a, double b);
float guest_fmodf(float a, float b);
long double guest_fmodl(long double a, long double b);
double guest_scalbn(double value, int exponent);
float guest_scalbnf(float value, int exponent);
long double guest_scalbnl(long double value, int exponent);
double guest_ldexp(double value, int exponent);
void guest_qsort_r(void *base, size_t count, size_t n,
                   int (*compare)(const void *, const void *, void *), void *context);
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
                                        "nan)",
                                        "nan())",
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

static void test_the_widest_integers_are_read(void **state)
{
    (void)state;
    char *end;
    assert_true(guest_strtoimax("-9223372036854775808x", &end, 10) == INTMAX_MIN);
    assert_int_equal(*end, 'x');
    assert_true(guest_strtoumax("0xFFFFFFFFFFFFFFFF", &end, 0) == UINTMAX_MAX);
    assert_int_equal(*end, '\0');
    assert_true(guest_imaxabs(-INTMAX_MAX) == INTMAX_MAX);
    assert_true(guest_strtold("-0.625z", &end) == -0.625L);
    assert_int_equal(*end, 'z');
}

static void test_signs_are_bits(void **state)
{
    (void)state;
    const double nan = NAN;
    assert_true(guest_fabs(-2.5) == 2.5 && guest_fabsf(-2.5F) == 2.5F);
    assert_true(guest_fabsl(-2.5L) == 2.5L && !signbit(guest_fabs(-0.0)));
    assert_true(guest_copysign(3, -0.0) == -3 && guest_copysignf(-3, 1) == 3);
    assert_true(guest_copysignl(3, -1) == -3);
    assert_true(signbit(guest_copysign(nan, -1)));
}

/* The remainders are those of exact arithmetic. */
static void test_remainders_are_exact(void **state)
{
    (void)state;
    static const double values[] = {5.5, -5.5, 2,    -2,     1e300,  -1e300,  0.7,
                                    3,   7.25, 1e18, 1e-310, 5e-324, 1.7e308, INFINITY};
    const size_t n = sizeof(values) / sizeof(values[0]);
    for (size_t i = 0; i < n * (n - 1); i++) {
        double a = values[i % (n - 1)], b = values[i / (n - 1)];
        double ours = guest_fmod(a, b), theirs = fmod(a, b);
        if (memcmp(&ours, &theirs, sizeof(ours)) != 0)
            fail_msg("fmod(%a, %a): %a, not %a", a, b, ours, theirs);
    }
    assert_true(isnan(guest_fmod(1, 0)) && isnan(guest_fmod(INFINITY, 1)));
    assert_true(guest_fmodf(5.5F, 2) == 1.5F && guest_fmodl(5.5L, 2) == 1.5L);
}

static void test_powers_of_two_round_once(void **state)
{
    (void)state;
    static const double values[] = {1, -1.5, 1.25, 0x1.fffffffffffffp0, 5e-324, 1e308, 0};
    for (int exponent = -2200; exponent <= 2200; exponent++) {
        double value = values[(unsigned)(exponent + 2200) % 7];
        double ours = guest_scalbn(value, exponent), theirs = scalbn(value, exponent);
        if (memcmp(&ours, &theirs, sizeof(ours)) != 0)
            fail_msg("scalbn(%a, %d): %a, not %a", value, exponent, ours, theirs);
    }
    assert_true(guest_scalbn(1.5, 10) == 1536 && guest_ldexp(1536, -10) == 1.5);
    assert_true(guest_scalbn(1, 2000) == INFINITY && guest_scalbn(1, -2000) == 0);
    assert_true(guest_scalbn(1, INT_MIN) == 0 && guest_scalbn(0, INT_MAX) == 0);
    assert_true(guest_scalbn(0x1.8p0, -1074) == 0x1p-1073);
    assert_true(guest_scalbn(0x1.4p0, -1074) == 0x1p-1074);
    assert_true(guest_scalbnf(1, 127) == 0x1p127F && guest_scalbnl(1, 16000) == 0x1p16000L);
}

static int by_key(const void *a, const void *b, void *context)
{
    const int *left = a, *right = b, *keys = context;
    return keys[*left] - keys[*right];
}

static void test_qsort_r_hands_its_context_on(void **state)
{
    (void)state;
    int keys[] = {30, 10, 40, 20}, order[] = {0, 1, 2, 3};
    guest_qsort_r(order, 4, sizeof(order[0]), by_key, keys);
    assert_memory_equal(order, ((const int[]){1, 3, 0, 2}), sizeof(order));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges_of_strtod),
        cmocka_unit_test(test_random_doubles_read_back),
        cmocka_unit_test(test_halfway_points_round_to_even),
        cmocka_unit_test(test_integers_like_the_hosts),
        cmocka_unit_test(test_qsort_orders_and_bsearch_finds),
        cmocka_unit_test(test_qsort_r_hands_its_context_on),
        cmocka_unit_test(test_the_widest_integers_are_read),
        cmocka_unit_test(test_signs_are_bits),
        cmocka_unit_test(test_remainders_are_exact),
        cmocka_unit_test(test_powers_of_two_round_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
