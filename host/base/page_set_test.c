/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of pages against a plain array of booleans. */
#include "host/base/page_set.h"

#include "host/base/page_set_test.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PAGES 9000u

static mote_allocator allocator;

static void check_same(const struct mt_page_set *set, const bool *plain, uint64_t n_pages)
{
    uint64_t n_plain = 0;
    for (uint64_t i = 0; i < n_pages; i++) {
        assert_int_equal(page_set_has(set, i), plain[i]);
        n_plain += plain[i];
    }
    assert_int_equal(mt_page_set_count(set), n_plain);
    uint64_t at = 0;
    uint64_t n;
    uint64_t walked = 0;
    while (mt_page_set_next_run(set, &at, &n)) {
        for (uint64_t i = at; i < at + n; i++)
            assert_true(plain[i]);
        assert_true(at + n == n_pages || !plain[at + n]);
        walked += n;
        at += n;
    }
    assert_int_equal(walked, n_plain);
}

static void plain_add(bool *plain, uint64_t n_pages, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < n_pages && i - first < n; i++)
        plain[i] = true;
}

static void test_runs_bits_and_pages_match_a_plain_array(void **state)
{
    static const uint64_t sizes[] = {1, 63, 64, 65, 127, 4095, 4096, 4097, MOST_PAGES};
    (void)state;
    srandom(1);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        static bool plain[MOST_PAGES];
        struct mt_page_set set;
        assert_true(mt_page_set_init(&set, &allocator, sizes[s]));
        memset(plain, 0, sizeof(plain));
        for (unsigned round = 0; round < 200; round++) {
            uint64_t first = (uint64_t)random() % (sizes[s] + 3);
            uint64_t n = (uint64_t)random() % 200;
            uint64_t bits = (uint64_t)random() << 33 ^ (uint64_t)random();
            if (round % 3 == 0) {
                mt_page_set_add_run(&set, first, n);
                plain_add(plain, sizes[s], first, n);
            } else if (round % 3 == 1) {
                mt_page_set_add(&set, first);
                plain_add(plain, sizes[s], first, 1);
            } else {
                mt_page_set_add_bits(&set, first, bits);
                for (unsigned b = 0; b < 64; b++)
                    plain_add(plain, sizes[s], first + b, bits >> b & 1);
            }
            if (round % 20 == 0)
                check_same(&set, plain, sizes[s]);
            if (round == 100) {
                mt_page_set_clear(&set);
                memset(plain, 0, sizeof(plain));
            }
        }
        check_same(&set, plain, sizes[s]);
        mt_page_set_fini(&set, &allocator);
    }
}

static void test_a_whole_set_is_one_run(void **state)
{
    struct mt_page_set set;
    uint64_t first = 0;
    uint64_t n;
    (void)state;
    assert_true(mt_page_set_init(&set, &allocator, 130));
    assert_false(mt_page_set_next_run(&set, &first, &n));
    mt_page_set_add_run(&set, 0, ~0ull);
    assert_true(mt_page_set_next_run(&set, &first, &n));
    assert_int_equal(first, 0);
    assert_int_equal(n, 130);
    first = 130;
    assert_false(mt_page_set_next_run(&set, &first, &n));
    mt_page_set_fini(&set, &allocator);
}

static void test_union_takes_both(void **state)
{
    struct mt_page_set a;
    struct mt_page_set b;
    (void)state;
    assert_true(mt_page_set_init(&a, &allocator, 5000));
    assert_true(mt_page_set_init(&b, &allocator, 5000));
    mt_page_set_add(&a, 1);
    mt_page_set_add(&b, 4999);
    mt_page_set_add(&b, 64);
    mt_page_set_add_all(&a, &b);
    assert_int_equal(mt_page_set_count(&a), 3);
    assert_true(page_set_has(&a, 1) && page_set_has(&a, 64) && page_set_has(&a, 4999));
    assert_int_equal(mt_page_set_count(&b), 2);
    mt_page_set_fini(&a, &allocator);
    mt_page_set_fini(&b, &allocator);
}

/* More pages than one summary of summaries speaks of. */
static void test_pages_that_lie_far_apart(void **state)
{
    static const uint64_t pages[] = {0, 4095, 4096, 262143, 262144, 300000, 700000};
    const size_t n_pages = sizeof(pages) / sizeof(pages[0]);
    struct mt_page_set set;
    (void)state;
    assert_true(mt_page_set_init(&set, &allocator, 700001));
    for (unsigned round = 0; round < 2; round++) {
        uint64_t at = 0;
        uint64_t n;
        for (size_t i = n_pages; i-- > round;)
            mt_page_set_add(&set, pages[i]);
        assert_int_equal(mt_page_set_count(&set), n_pages - round);
        for (size_t i = round; i < n_pages; i += n, at += n) {
            assert_true(mt_page_set_next_run(&set, &at, &n));
            assert_int_equal(at, pages[i]);
            assert_int_equal(n, i + 1 < n_pages && pages[i + 1] == pages[i] + 1 ? 2 : 1);
        }
        assert_false(mt_page_set_next_run(&set, &at, &n));
        mt_page_set_clear(&set);
        at = 0;
        assert_false(mt_page_set_next_run(&set, &at, &n));
        assert_int_equal(mt_page_set_count(&set), 0);
    }
    mt_page_set_fini(&set, &allocator);
}

static void test_an_empty_memory_has_no_pages(void **state)
{
    struct mt_page_set set;
    uint64_t first = 0;
    uint64_t n;
    (void)state;
    assert_true(mt_page_set_init(&set, &allocator, 0));
    mt_page_set_add(&set, 0);
    mt_page_set_add_run(&set, 0, 1);
    mt_page_set_add_bits(&set, 0, 1);
    assert_false(page_set_has(&set, 0));
    assert_false(mt_page_set_next_run(&set, &first, &n));
    mt_page_set_fini(&set, &allocator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_bits_and_pages_match_a_plain_array),
        cmocka_unit_test(test_a_whole_set_is_one_run),
        cmocka_unit_test(test_union_takes_both),
        cmocka_unit_test(test_pages_that_lie_far_apart),
        cmocka_unit_test(test_an_empty_memory_has_no_pages),
    };
    mt_allocator_set(&allocator, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
