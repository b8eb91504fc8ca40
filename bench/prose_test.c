/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the data that the benchmark compresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bench/prose.h"

#include <zlib.h>

enum { LEN_BYTES = 1 << 20 };

static uint8_t first[LEN_BYTES + 1];
static uint8_t second[LEN_BYTES];
static uint8_t compressed[LEN_BYTES];

static void test_prose_is_the_same_every_time(void **state)
{
    (void)state;
    prose_write(first, LEN_BYTES);
    prose_write(second, LEN_BYTES);
    assert_memory_equal(first, second, LEN_BYTES);
}

static void test_prose_compresses_like_prose(void **state)
{
    (void)state;
    prose_write(first, LEN_BYTES);
    uLongf len = LEN_BYTES;
    assert_int_equal(compress2(compressed, &len, first, LEN_BYTES, 6), Z_OK);
    assert_in_range(len, LEN_BYTES / 4, LEN_BYTES / 2);
}

static void test_prose_ends_where_it_is_told(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 2, 1000, LEN_BYTES - 1};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        first[lens[i]] = 0xEE;
        prose_write(first, lens[i]);
        assert_int_equal(first[lens[i]], 0xEE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prose_is_the_same_every_time),
        cmocka_unit_test(test_prose_compresses_like_prose),
        cmocka_unit_test(test_prose_ends_where_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
