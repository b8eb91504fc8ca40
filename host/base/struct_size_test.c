/* SPDX-License-Identifier: Apache-2.0 */
/* Callers that are older or newer than the library. */
#include "host/base/struct_size.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* What the library knows: the first version had one field. */
struct known {
    size_t struct_size;
    uint64_t first;
    uint64_t second;
};

struct newer {
    struct known known;
    uint64_t third;
};

static const struct mt_struct kind = {"a struct", 16, sizeof(struct known)};

static void test_sizes_that_no_version_has_are_refused(void **state)
{
    static const size_t bad[] = {0, 15, MT_STRUCT_MAX_BYTES + 1, SIZE_MAX};
    static const size_t good[] = {16, 24, MT_STRUCT_MAX_BYTES};
    mote_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(mt_struct_check(&kind, bad[i], &err), MOTE_E_STRUCT_SIZE);
    assert_string_equal(err.text, "a struct has struct_size 18446744073709551615, not 24");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(mt_struct_check(&kind, good[i], &err), MOTE_OK);
}

static void test_what_an_older_caller_has_not_is_zero(void **state)
{
    const struct known older = {16, 7, 8};
    struct known read = {1, 2, 3};
    mote_error err = {0};
    (void)state;
    assert_int_equal(mt_struct_read(&kind, &read, &older, &err), MOTE_OK);
    assert_true(read.struct_size == sizeof(read) && read.first == 7 && read.second == 0);
}

static void test_what_the_library_does_not_know_must_be_zero(void **state)
{
    struct newer newer = {{sizeof(newer), 7, 8}, 0};
    struct known read = {1, 2, 3};
    mote_error err = {0};
    (void)state;
    assert_int_equal(mt_struct_read(&kind, &read, &newer, &err), MOTE_OK);
    assert_true(read.struct_size == sizeof(read) && read.first == 7 && read.second == 8);
    newer.third = 1ull << 63;
    read.first = 2;
    assert_int_equal(mt_struct_read(&kind, &read, &newer, &err), MOTE_E_STRUCT_SIZE);
    assert_string_equal(
        err.text, "a struct has struct_size 32, not 24, and sets byte 31, which is not known");
    assert_int_equal(read.first, 2);
}

static void test_each_caller_gets_what_it_has_room_for(void **state)
{
    const struct known from = {sizeof(from), 7, 8};
    struct known older = {16, 1, 2};
    struct newer newer = {{sizeof(newer), 1, 2}, 3};
    (void)state;
    mt_struct_write(&kind, &older, older.struct_size, &from);
    assert_true(older.struct_size == 16 && older.first == 7 && older.second == 2);
    mt_struct_write(&kind, &newer, sizeof(newer), &from);
    assert_true(newer.known.struct_size == sizeof(newer) && newer.known.first == 7);
    assert_true(newer.known.second == 8 && newer.third == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_that_no_version_has_are_refused),
        cmocka_unit_test(test_what_an_older_caller_has_not_is_zero),
        cmocka_unit_test(test_what_the_library_does_not_know_must_be_zero),
        cmocka_unit_test(test_each_caller_gets_what_it_has_room_for),
    };
    return cmocka_run_group_tests_name("struct sizes", tests, NULL, NULL);
}
