/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting: every order of a few elements, and many elements of odd sizes. */
#include "host/image/sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct item {
    uint32_t key;
    uint8_t copy_of_key[7];
};

static size_t n_compared;

static int compare_items(const void *a, const void *b)
{
    const struct item *left = a;
    const struct item *right = b;
    n_compared++;
    return (left->key > right->key) - (left->key < right->key);
}

static struct item item_of(uint32_t key)
{
    struct item item = {.key = key};
    memset(item.copy_of_key, (int)(key & 0xFF), sizeof(item.copy_of_key));
    return item;
}

static void expect_sorted(const struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || items[i - 1].key <= items[i].key);
        assert_int_equal(items[i].copy_of_key[6], items[i].key & 0xFF);
    }
}

static void test_every_arrangement_of_six_is_sorted(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 46656; code++) {
        struct item items[6];
        uint64_t before = 0;
        uint64_t after = 0;
        uint32_t rest = code;
        for (size_t i = 0; i < 6; i++, rest /= 6) {
            items[i] = item_of(rest % 6);
            before += 1ull << (rest % 6 * 8);
        }
        mt_sort(items, 6, sizeof(items[0]), compare_items);
        expect_sorted(items, 6);
        for (size_t i = 0; i < 6; i++)
            after += 1ull << (items[i].key * 8);
        assert_int_equal(before, after);
    }
}

static void test_none_and_one_are_left_alone(void **state)
{
    (void)state;
    struct item item = item_of(5);
    mt_sort(NULL, 0, sizeof(item), compare_items);
    mt_sort(&item, 1, sizeof(item), compare_items);
    assert_int_equal(item.key, 5);
}

static void test_many_need_n_log_n_and_sorted_ones_n(void **state)
{
    (void)state;
    static struct item items[1 << 16];
    uint32_t key = 1;
    for (size_t i = 0; i < 1 << 16; i++, key = key * 1664525 + 1013904223)
        items[i] = item_of(key >> 8);
    n_compared = 0;
    mt_sort(items, 1 << 16, sizeof(items[0]), compare_items);
    expect_sorted(items, 1 << 16);
    assert_true(n_compared < 5u * 16 * (1u << 16) / 4);
    n_compared = 0;
    mt_sort(items, 1 << 16, sizeof(items[0]), compare_items);
    assert_true(n_compared < 1u << 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_arrangement_of_six_is_sorted),
        cmocka_unit_test(test_none_and_one_are_left_alone),
        cmocka_unit_test(test_many_need_n_log_n_and_sorted_ones_n),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
