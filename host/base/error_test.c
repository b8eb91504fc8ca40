/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/error.h"

#include "host/base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define E_ACUTE "\xC3\xA9"

static bool is_utf8(const char *text)
{
    return mt_utf8_is_valid(text, strlen(text));
}

static void fill(char *text, size_t n, const char *character)
{
    size_t character_bytes = strlen(character);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * character_bytes, character, character_bytes);
    text[n * character_bytes] = '\0';
}

static void test_a_text_that_fits_is_whole(void **state)
{
    (void)state;
    char longest[MOTE_ERROR_TEXT_BYTES];
    mote_error err;
    fill(longest, MOTE_ERROR_TEXT_BYTES - 1, "a");
    assert_int_equal(mt_fail(&err, MOTE_E_BUG, "%s", longest), MOTE_E_BUG);
    assert_string_equal(err.text, longest);
}

static void test_a_text_that_is_too_long_ends_in_dots(void **state)
{
    (void)state;
    char too_long[MOTE_ERROR_TEXT_BYTES + 1];
    mote_error err;
    fill(too_long, MOTE_ERROR_TEXT_BYTES, "a");
    (void)mt_fail(&err, MOTE_E_BUG, "%s", too_long);
    assert_int_equal(strlen(err.text), MOTE_ERROR_TEXT_BYTES - 1);
    assert_string_equal(err.text + MOTE_ERROR_TEXT_BYTES - 5, "a...");
    (void)mt_fail_load(&err, MOTE_E_IMAGE_FORMAT, "field", 1, 2, "%s", too_long);
    assert_string_equal(err.text + MOTE_ERROR_TEXT_BYTES - 5, "a...");
}

/* Wherever the end falls. */
static void test_a_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {E_ACUTE, "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    char too_long[4 * MOTE_ERROR_TEXT_BYTES + 1];
    mote_error err;
    for (size_t i = 0; i < 3; i++) {
        fill(too_long, MOTE_ERROR_TEXT_BYTES, characters[i]);
        for (int shift = 0; shift < 4; shift++) {
            (void)mt_fail(&err, MOTE_E_BUG, "%.*s%s", shift, "abc", too_long);
            assert_true(is_utf8(err.text));
            assert_string_equal(err.text + strlen(err.text) - 3, "...");
            assert_true(strlen(err.text) >= MOTE_ERROR_TEXT_BYTES - 4);
        }
    }
}

static void test_a_name_is_cut_between_characters(void **state)
{
    (void)state;
    char name[2 * 16 + 1];
    char to[16];
    fill(name, 16, E_ACUTE);
    mt_error_copy(to, sizeof(to), name, strlen(name));
    assert_int_equal(strlen(to), 14);
    assert_true(is_utf8(to));
    mt_error_copy(to, sizeof(to), name, 14);
    assert_int_equal(strlen(to), 14);
    mt_error_copy(to, sizeof(to), "0123456789abcdef", 16);
    assert_string_equal(to, "0123456789abcde");
    mt_error_copy(to, sizeof(to), "0123456789abcde", 15);
    assert_string_equal(to, "0123456789abcde");
    mt_error_copy(to, sizeof(to), "", 0);
    assert_string_equal(to, "");
    mt_error_copy(to, 1, name, strlen(name));
    assert_string_equal(to, "");
    /* What is not UTF-8 has no first byte to go back to. */
    memset(name, 0x80, sizeof(name));
    mt_error_copy(to, sizeof(to), name, sizeof(name));
    assert_int_equal(strlen(to), 15);
}

static void test_an_error_is_optional(void **state)
{
    (void)state;
    assert_int_equal(mt_fail(NULL, MOTE_E_BUG, "text"), MOTE_E_BUG);
    assert_int_equal(mt_fail_errno(NULL, MOTE_E_SYSTEM, 1, "operation"), MOTE_E_SYSTEM);
    assert_int_equal(mt_fail_load(NULL, MOTE_E_IMAGE_FORMAT, "field", 1, 2, "text"),
                     MOTE_E_IMAGE_FORMAT);
    assert_int_equal(mt_fail_protocol(NULL, "output", "field", 1, "text"), MOTE_E_PROTOCOL);
    assert_int_equal(mt_outcome(MOTE_OK, NULL), MOTE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_text_that_fits_is_whole),
        cmocka_unit_test(test_a_text_that_is_too_long_ends_in_dots),
        cmocka_unit_test(test_a_text_is_cut_between_characters),
        cmocka_unit_test(test_a_name_is_cut_between_characters),
        cmocka_unit_test(test_an_error_is_optional),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
