/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls by every wrong name, and with every wrong type in every place; failures of any length.
 */
#include "tests/script/fixture.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static mote_status count(void *context, const mote_value *args, size_t n_args, mote_value *result,
                         mote_error *err)
{
    (void)args, (void)n_args, (void)err;
    (*(int *)context)++;
    *result = mote_i32(0);
    return MOTE_OK;
}

/* A guest of a function that takes these types, ready. The message is what it leaves. */
static void open_with(struct guest *guest, const char *name, mote_host_fn fn, void *context,
                      size_t n_params, const mote_type *params)
{
    mote_host_function function = {
        .name = name, .fn = fn, .context = context, .returns = MOTE_TYPE_I32, .n_params = n_params};
    for (size_t i = 0; i < n_params; i++)
        function.params[i] = params[i];
    guest_open(guest, GUEST_01, NULL);
    assert_fine(mote_sandbox_register(guest->sandbox, &function, &last_error));
    guest_start(guest);
    assert_fine(guest_init(guest));
}

static mote_status call(struct guest *guest)
{
    guest_out(guest, MT_PORT_CALL, 0);
    guest_push_i32(guest, 1);
    guest_done(guest);
    return guest_call(guest, "Any", NULL, 0, MOTE_TYPE_I32, NULL);
}

/* ---- Names ---- */

static mote_status call_by_name(const char *name, size_t len_bytes, int *n_calls)
{
    static uint8_t message[0x3F00] __attribute__((aligned(8)));
    const struct mt_wire_call made = {.name = {(const uint8_t *)name, len_bytes},
                                      .call_type = MT_WIRE_CALL_HOST,
                                      .returns = MT_WIRE_I32};
    struct guest guest;
    open_with(&guest, "HostCount", count, n_calls, 0, NULL);
    size_t message_bytes = mt_wire_build_call(message, sizeof(message), &made);
    assert_true(message_bytes > 0);
    guest_push(&guest, message, message_bytes);
    mote_status status = call(&guest);
    if (status != MOTE_OK)
        assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
    return status;
}

static void test_no_other_name_reaches_a_function(void **state)
{
    (void)state;
    static char long_name[0x3E00];
    static const struct {
        const char *name;
        size_t len_bytes;
    } names[] = {
        {"", 0},
        {"hostCount", 9},
        {"HOSTCOUNT", 9},
        {"HostCount ", 10},
        {" HostCount", 10},
        {"HostCount\0", 10},
        {"HostCount\0x", 11},
        {"\0HostCount", 10},
        {"HostCoun", 8},
        {"HostCount\n", 10},
        {"Host\xD0\xA1ount", 10},      /* the Cyrillic letter that looks like C */
        {"HostCount\xE2\x80\x8B", 12}, /* a space of no width */
        {"H\xCC\x80ostCount", 11},     /* a combining accent */
        {"HostCount%s%n%x", 15},
        {"../HostCount", 12},
        {"\x1B[2J", 4},
    };
    int n_calls = 0;
    assert_fine(call_by_name("HostCount", 9, &n_calls));
    assert_int_equal(n_calls, 1);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_error(call_by_name(names[i].name, names[i].len_bytes, &n_calls),
                     MOTE_E_HOST_FUNCTION_UNKNOWN);
    memset(long_name, 'x', sizeof(long_name));
    for (size_t i = 0; i < 9; i++)
        long_name[i] = "HostCount"[i];
    for (size_t len = sizeof(long_name); len > 9; len /= 2)
        assert_error(call_by_name(long_name, len, &n_calls), MOTE_E_HOST_FUNCTION_UNKNOWN);
    assert_int_equal(n_calls, 1);
}

/* ---- Types ---- */

static const struct mt_wire_value values[] = {
    {.type = MT_WIRE_I32, .as.i32 = -5},
    {.type = MT_WIRE_U32, .as.u32 = UINT32_MAX},
    {.type = MT_WIRE_I64, .as.i64 = INT64_MIN},
    {.type = MT_WIRE_U64, .as.u64 = UINT64_MAX},
    {.type = MT_WIRE_F32, .as.f32 = 0.25f},
    {.type = MT_WIRE_F64, .as.f64 = -1e-300},
    {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"text", 4}},
    {.type = MT_WIRE_BOOL, .as.boolean = true},
    {.type = MT_WIRE_BYTES, .as.view = {(const uint8_t *)"bytes", 5}},
};

static mote_status call_with(size_t n_declared, const mote_type *declared, size_t n_given,
                             const struct mt_wire_value *given, int *n_calls)
{
    struct guest guest;
    open_with(&guest, "F", count, n_calls, n_declared, declared);
    guest_push_call(&guest, "F", given, n_given);
    mote_status status = call(&guest);
    guest_close(&guest);
    return status;
}

/* Every type in every place, where every other type is declared. */
static void test_a_wrong_type_in_any_place_reaches_no_function(void **state)
{
    (void)state;
    int n_calls = 0;
    for (size_t place = 0; place < MOTE_MAX_PARAMETERS; place++) {
        for (size_t i = 0; i < COUNT(values) * COUNT(values); i++) {
            const struct mt_wire_value *wanted = &values[i / COUNT(values)];
            const struct mt_wire_value *sent = &values[i % COUNT(values)];
            mote_type declared[MOTE_MAX_PARAMETERS];
            struct mt_wire_value given[MOTE_MAX_PARAMETERS];
            for (size_t k = 0; k < MOTE_MAX_PARAMETERS; k++) {
                declared[k] = MOTE_TYPE_I32;
                given[k] = values[0];
            }
            declared[place] = (mote_type)wanted->type;
            given[place] = *sent;
            int n_before = n_calls;
            assert_error(call_with(place + 1, declared, place + 1, given, &n_calls),
                         wanted == sent ? MOTE_OK : MOTE_E_HOST_FUNCTION_ARGUMENTS);
            assert_int_equal(n_calls, n_before + (wanted == sent));
        }
    }
}

static void test_a_wrong_number_of_arguments_reaches_no_function(void **state)
{
    (void)state;
    int n_calls = 0;
    mote_type declared[MOTE_MAX_PARAMETERS];
    struct mt_wire_value given[MT_WIRE_MAX_PARAMETERS];
    for (size_t k = 0; k < MOTE_MAX_PARAMETERS; k++)
        declared[k] = MOTE_TYPE_I32;
    for (size_t k = 0; k < MT_WIRE_MAX_PARAMETERS; k++)
        given[k] = values[0];
    for (size_t n_declared = 0; n_declared <= MOTE_MAX_PARAMETERS; n_declared++) {
        for (size_t n_given = 0; n_given <= MT_WIRE_MAX_PARAMETERS; n_given++) {
            int n_before = n_calls;
            bool is_right = n_declared == n_given;
            assert_error(call_with(n_declared, declared, n_given, given, &n_calls),
                         is_right ? MOTE_OK : MOTE_E_HOST_FUNCTION_ARGUMENTS);
            assert_int_equal(n_calls, n_before + is_right);
        }
    }
}

/* ---- Failures ---- */

#define LONG_TEXT_BYTES (1u << 20)

static mote_status fail_at_length(void *context, const mote_value *args, size_t n_args,
                                  mote_value *result, mote_error *err)
{
    (void)args, (void)n_args, (void)result;
    return mote_host_fail(err, UINT64_MAX, "%s", (const char *)context);
}

/* A mebibyte of text becomes a line for the host, and a bounded exception for the guest. */
static void test_a_failure_of_a_mebibyte_is_cut(void **state)
{
    (void)state;
    char *text = malloc(LONG_TEXT_BYTES + 1);
    assert_non_null(text);
    for (size_t i = 0; i < LONG_TEXT_BYTES; i += 2)
        memcpy(text + i, "\xC3\xA9", 2);
    text[LONG_TEXT_BYTES] = '\0';
    struct guest guest;
    open_with(&guest, "F", fail_at_length, text, 0, NULL);
    guest_push_call(&guest, "F", NULL, 0);
    assert_error(call(&guest), MOTE_E_HOST_FUNCTION);
    assert_true(last_error.guest_code == UINT64_MAX);
    size_t len = strnlen(last_error.message, sizeof(last_error.message));
    assert_in_range(len, 500, sizeof(last_error.message) - 1);
    assert_int_equal(len % 2, 0); /* no letter is cut */
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_other_name_reaches_a_function),
        cmocka_unit_test(test_a_wrong_type_in_any_place_reaches_no_function),
        cmocka_unit_test(test_a_wrong_number_of_arguments_reaches_no_function),
        cmocka_unit_test(test_a_failure_of_a_mebibyte_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
