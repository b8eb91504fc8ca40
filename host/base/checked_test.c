/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic, range checks, escaping and UTF-8 at their edges. */
#include "host/base/checked.h"
#include "host/base/error.h"
#include "host/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_range_ok_at_its_edges(void **state)
{
    (void)state;
    assert_true(mt_range_ok(0, 0, 0));
    assert_true(mt_range_ok(0, 10, 10));
    assert_true(mt_range_ok(10, 0, 10));
    assert_false(mt_range_ok(10, 1, 10));
    assert_false(mt_range_ok(11, 0, 10));
    assert_false(mt_range_ok(1, 10, 10));
}

static void test_range_ok_rejects_wrap(void **state)
{
    (void)state;
    assert_false(mt_range_ok(UINT64_MAX, 1, UINT64_MAX));
    assert_false(mt_range_ok(UINT64_MAX - 3, 8, 4096));
    assert_false(mt_range_ok(8, UINT64_MAX - 3, 4096));
    assert_true(mt_range_ok(0, UINT64_MAX, UINT64_MAX));
}

static void test_round_up_refuses_what_wraps(void **state)
{
    (void)state;
    uint64_t rounded;
    assert_true(mt_round_up(0, 4096, &rounded));
    assert_int_equal(rounded, 0);
    assert_true(mt_round_up(1, 4096, &rounded));
    assert_int_equal(rounded, 4096);
    assert_true(mt_round_up(4096, 4096, &rounded));
    assert_int_equal(rounded, 4096);
    assert_false(mt_round_up(UINT64_MAX, 4096, &rounded));
    assert_int_equal(mt_round_down(4097, 4096), 4096);
}

static void test_utf8_accepts_only_well_formed(void **state)
{
    (void)state;
    assert_true(mt_utf8_is_valid("", 0));
    assert_true(mt_utf8_is_valid("a\0b", 3));
    assert_true(mt_utf8_is_valid("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9));
    assert_false(mt_utf8_is_valid("\x80", 1));
    assert_false(mt_utf8_is_valid("\xC0\xAF", 2));
    assert_false(mt_utf8_is_valid("\xE0\x9F\xBF", 3));
    assert_false(mt_utf8_is_valid("\xED\xA0\x80", 3));
    assert_false(mt_utf8_is_valid("\xF0\x8F\xBF\xBF", 4));
    assert_false(mt_utf8_is_valid("\xF4\x90\x80\x80", 4));
    assert_false(mt_utf8_is_valid("\xF5\x80\x80\x80", 4));
    assert_false(mt_utf8_is_valid("\xE2\x82", 2));
}

static void test_escape_makes_text_harmless(void **state)
{
    (void)state;
    char out[64];
    static const char text[] = "a\x1b[31m\n\t\x7f\xC2\x9B\xFFz\xC3\xA9";
    mt_escape(out, sizeof(out), text, sizeof(text) - 1);
    assert_string_equal(out, "a\\x1b[31m\\x0a\t\\x7f\\xc2\\x9b\\xffz\xC3\xA9");
}

static void test_escape_cuts_between_characters(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(mt_escape(out, sizeof(out), "1234567", 7), 7);
    assert_string_equal(out, "1234567");
    mt_escape(out, sizeof(out), "12345678", 8);
    assert_string_equal(out, "1234...");
    mt_escape(out, sizeof(out), "123\xE2\x82\xAC\xE2\x82\xAC", 9);
    assert_string_equal(out, "123...");
    mt_escape(out, 2, "123", 3);
    assert_string_equal(out, ".");
    assert_int_equal(mt_escape(out, 1, "123", 3), 0);
    assert_string_equal(out, "");
}

static void test_lossy_copy_is_always_utf8(void **state)
{
    (void)state;
    char out[16];
    mt_utf8_copy_lossy(out, sizeof(out), "a\xFFz", 3);
    assert_string_equal(out, "a\xEF\xBF\xBDz");
    mt_utf8_copy_lossy(out, 4, "ab\xE2\x82\xAC", 5);
    assert_string_equal(out, "ab");
}

/* As Hyperlight 0.1 spells them (docs/errors.md). */
static void test_guest_codes_have_the_records_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "NoError",
        "UnknownError", /* what any number is called that is none */
        "UnsupportedParameterType",
        "GuestFunctionNameNotProvided",
        "GuestFunctionNotFound",
        "GuestFunctionIncorrecNoOfParameters",
        "GispatchFunctionPointerNotSet",
        "OutbError",
        "UnknownError",
        "StackOverflow",
        "GsCheckFailed",
        "TooManyGuestFunctions",
        "FailureInDlmalloc",
        "MallocFailed",
        "GuestFunctionParameterTypeMismatch",
        "GuestError",
        "ArrayLengthParamIsMissing",
        "UnknownError",
    };
    for (uint64_t code = 0; code < sizeof(names) / sizeof(names[0]); code++)
        assert_string_equal(mote_guest_code_name(code), names[code]);
    assert_string_equal(mote_guest_code_name(UINT64_MAX), "UnknownError");
}

static void test_statuses_have_names_and_classes(void **state)
{
    (void)state;
    assert_string_equal(mote_status_name(MOTE_E_PROTOCOL), "MOTE_E_PROTOCOL");
    assert_int_equal(mote_status_class(MOTE_E_PROTOCOL), MOTE_CLASS_GUEST_FAULT);
    assert_int_equal(mote_status_class(MOTE_OK), MOTE_CLASS_NONE);
    assert_string_equal(mote_status_name((mote_status)9999), "MOTE_E_?");
}

static void test_fail_cuts_a_long_text(void **state)
{
    (void)state;
    mote_error err;
    char text[MOTE_ERROR_TEXT_BYTES * 2];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(mt_fail(&err, MOTE_E_BUG, "%s", text), MOTE_E_BUG);
    assert_int_equal(strlen(err.text), MOTE_ERROR_TEXT_BYTES - 1);
    assert_string_equal(err.text + MOTE_ERROR_TEXT_BYTES - 4, "...");
    assert_int_equal(mt_fail(NULL, MOTE_E_BUG, "unused"), MOTE_E_BUG);
}

static void test_fail_load_names_field_value_and_offset(void **state)
{
    (void)state;
    mote_error err;
    mt_fail_load(&err, MOTE_E_IMAGE_BOUNDS, "p_filesz", 0xffff, 0x60, "past the end");
    assert_string_equal(err.text, "p_filesz 0xffff at file offset 0x60: past the end");
    assert_string_equal(err.load.field, "p_filesz");
    assert_int_equal(err.load.value, 0xffff);
    assert_int_equal(err.load.offset, 0x60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range_ok_at_its_edges),
        cmocka_unit_test(test_range_ok_rejects_wrap),
        cmocka_unit_test(test_round_up_refuses_what_wraps),
        cmocka_unit_test(test_utf8_accepts_only_well_formed),
        cmocka_unit_test(test_escape_makes_text_harmless),
        cmocka_unit_test(test_escape_cuts_between_characters),
        cmocka_unit_test(test_lossy_copy_is_always_utf8),
        cmocka_unit_test(test_guest_codes_have_the_records_names),
        cmocka_unit_test(test_statuses_have_names_and_classes),
        cmocka_unit_test(test_fail_cuts_a_long_text),
        cmocka_unit_test(test_fail_load_names_field_value_and_offset),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
