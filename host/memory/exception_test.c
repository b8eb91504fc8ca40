/* SPDX-License-Identifier: Apache-2.0 */
/* The host exception region. */
#include "host/memory/exception.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define BASE 0x300000u
#define REGION 0x1000u
#define REGION_BYTES 0x4000u

static uint8_t memory[REGION + REGION_BYTES + 0x1000];
static const struct mt_window window = {.host = memory, .start = BASE, .len_bytes = sizeof(memory)};
static struct mt_layout layout;

static int set_up(void **state)
{
    (void)state;
    memset(memory, 0xEE, sizeof(memory));
    layout.start[MT_PLACE_HOST_EXCEPTION] = BASE + REGION;
    return 0;
}

static uint32_t length(void)
{
    uint32_t value;
    memcpy(&value, memory + REGION, sizeof(value));
    return value;
}

static void test_an_exception_is_one_json_object(void **state)
{
    (void)state;
    static const char wanted[] =
        "{\"message\":\"a \\\"b\\\" \\\\ c\\u000a\xC3\xBC\",\"source\":\"Look up\",\"code\":"
        "18446744073709551615,\"status\":73}";
    const struct mt_exception exception = {"a \"b\" \\ c\n\xC3\xBC", "Look up", UINT64_MAX,
                                           MOTE_E_HOST_FUNCTION};
    mt_exception_write(&layout, &window, &exception);
    assert_int_equal(length(), sizeof(wanted) - 1);
    assert_memory_equal(memory + REGION + 4, wanted, sizeof(wanted) - 1);
    assert_int_equal(memory[REGION + 4 + sizeof(wanted) - 1], 0xEE);
}

static void test_a_cleared_region_has_no_exception(void **state)
{
    (void)state;
    mt_exception_clear(&layout, &window);
    assert_int_equal(length(), 0);
    assert_int_equal(memory[REGION - 1], 0xEE);
    assert_int_equal(memory[REGION + 4], 0xEE);
}

/* The longest texts that an error holds, of the characters that grow most. */
static void test_the_longest_exception_fits_the_smallest_region(void **state)
{
    (void)state;
    char message[MOTE_ERROR_MESSAGE_BYTES], source[MOTE_ERROR_NAME_BYTES];
    memset(message, 1, sizeof(message));
    memset(source, 2, sizeof(source));
    message[sizeof(message) - 1] = '\0';
    source[sizeof(source) - 1] = '\0';
    const struct mt_exception exception = {message, source, UINT64_MAX, MOTE_E_HOST_FUNCTION};
    mt_exception_write(&layout, &window, &exception);
    assert_in_range(length(), 6 * (sizeof(message) + sizeof(source) - 2), REGION_BYTES - 4);
    assert_int_equal(memory[REGION + 4 + length() - 1], '}');
    assert_int_equal(memory[REGION + 4 + length()], 0xEE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_exception_is_one_json_object, set_up),
        cmocka_unit_test_setup(test_a_cleared_region_has_no_exception, set_up),
        cmocka_unit_test_setup(test_the_longest_exception_fits_the_smallest_region, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
