/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of types, and UTF-8 at its edges. */
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_parameter_numbers_are_those_of_the_schema(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= MT_WIRE_BYTES; i++) {
        uint8_t number;
        enum mt_wire_type type;
        assert_true(mt_wire_parameter_number((enum mt_wire_type)i, &number));
        assert_int_equal(number, i);
        assert_true(mt_wire_parameter_type((uint8_t)i, &type));
        assert_int_equal(type, i);
    }
}

static void test_returns_have_void_before_bytes(void **state)
{
    (void)state;
    static const uint8_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 8};
    for (unsigned i = 0; i <= MT_WIRE_VOID; i++) {
        uint8_t number;
        enum mt_wire_type type;
        assert_true(mt_wire_return_number((enum mt_wire_type)i, &number));
        assert_int_equal(number, numbers[i]);
        assert_true(mt_wire_return_type(numbers[i], &type));
        assert_int_equal(type, i);
    }
}

static void test_what_is_no_type_is_refused(void **state)
{
    (void)state;
    uint8_t number = 77;
    enum mt_wire_type type = MT_WIRE_F32;
    assert_false(mt_wire_parameter_number(MT_WIRE_VOID, &number));
    assert_false(mt_wire_parameter_number((enum mt_wire_type)255, &number));
    assert_false(mt_wire_return_number((enum mt_wire_type)10, &number));
    assert_false(mt_wire_return_number((enum mt_wire_type)UINT32_MAX, &number));
    assert_false(mt_wire_parameter_type(9, &type));
    assert_false(mt_wire_parameter_type(255, &type));
    assert_false(mt_wire_return_type(10, &type));
    assert_false(mt_wire_return_type(255, &type));
    assert_int_equal(number, 77);
    assert_int_equal(type, MT_WIRE_F32);
}

/* The text in a block of its own length, so that AddressSanitizer sees a read behind it. */
static bool is_valid(const char *text, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    bool result = mt_wire_utf8_is_valid(copy, len);
    free(copy);
    return result;
}

static void test_utf8_accepts_the_first_and_last_of_every_length(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\x01\x7F",
                                        "\xC2\x80\xDF\xBF",
                                        "\xE0\xA0\x80\xEF\xBF\xBF",
                                        "\xED\x9F\xBF\xEE\x80\x80",
                                        "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
                                        "eight by\xC3\xA9te words"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(is_valid(texts[i], strlen(texts[i])));
    assert_true(is_valid("a\0b", 3));
}

static void test_utf8_refuses_what_rfc_3629_does(void **state)
{
    (void)state;
    static const char *const texts[] = {"\x80",
                                        "\xBF",
                                        "\xC0\xAF",
                                        "\xC1\xBF",
                                        "\xC2",
                                        "\xC2\x7F",
                                        "\xC2\xC0",
                                        "\xE0\x9F\xBF",
                                        "\xE2\x82",
                                        "\xE2\x82\x28",
                                        "\xED\xA0\x80",
                                        "\xED\xBF\xBF",
                                        "\xF0\x8F\xBF\xBF",
                                        "\xF0\x9F\x98",
                                        "\xF4\x90\x80\x80",
                                        "\xF5\x80\x80\x80",
                                        "\xFE",
                                        "\xFF",
                                        "12345678\x80",
                                        "1234567\xC3",
                                        "\xF0\x9F\x98\x28",
                                        "\xE2\x82\xC0",
                                        "\xF0\x9F\xC0\x80",
                                        "\xF0\x9F\x98\xC0",
                                        "1234567\x80"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(is_valid(texts[i], strlen(texts[i])));
}

/* Texts are looked at in words: each byte of each length counts. */
static void test_utf8_looks_at_every_byte(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'a', sizeof(text));
    for (size_t len = 1; len <= sizeof(text); len++) {
        assert_true(is_valid(text, len));
        for (size_t at = 0; at < len; at++) {
            text[at] = '\x80';
            assert_false(is_valid(text, len));
            text[at] = 'a';
        }
    }
}

/* All code points, the surrogates apart, encoded here and judged there. */
static void test_utf8_agrees_with_an_encoder_on_all_code_points(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x110000; point++) {
        uint8_t text[4];
        size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
        uint32_t rest = point;
        for (size_t i = len - 1; i > 0; i--, rest >>= 6)
            text[i] = (uint8_t)(0x80 | (rest & 0x3F));
        text[0] = (uint8_t)(lead[len] | rest);
        bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
        if (mt_wire_utf8_is_valid(text, len) == is_surrogate)
            fail_msg("code point %x", point);
    }
}

/* Nothing is read where there is nothing. */
static void test_no_bytes_hold_no_character(void **state)
{
    (void)state;
    assert_int_equal(mt_wire_utf8_char_bytes((const uint8_t *)"a", 0), 0);
    assert_int_equal(mt_wire_utf8_char_bytes((const uint8_t *)"a", 1), 1);
    assert_int_equal(mt_wire_utf8_char_bytes((const uint8_t *)"\xC3\xA9", 1), 0);
    assert_int_equal(mt_wire_utf8_char_bytes((const uint8_t *)"\xC3\xA9", 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameter_numbers_are_those_of_the_schema),
        cmocka_unit_test(test_returns_have_void_before_bytes),
        cmocka_unit_test(test_what_is_no_type_is_refused),
        cmocka_unit_test(test_utf8_accepts_the_first_and_last_of_every_length),
        cmocka_unit_test(test_utf8_refuses_what_rfc_3629_does),
        cmocka_unit_test(test_utf8_looks_at_every_byte),
        cmocka_unit_test(test_utf8_agrees_with_an_encoder_on_all_code_points),
        cmocka_unit_test(test_no_bytes_hold_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
