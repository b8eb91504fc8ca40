/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: every type in every direction, errors that the guest reports, faults, misbehaviour. */
#include "tests/api/fixture.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Types ---- */

static bool is_same_memory(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

static bool is_same(const mote_value *a, const mote_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case MOTE_TYPE_I32:
    case MOTE_TYPE_U32:
        return a->as.u32 == b->as.u32;
    case MOTE_TYPE_F32:
        return memcmp(&a->as.f32, &b->as.f32, 4) == 0;
    case MOTE_TYPE_I64:
    case MOTE_TYPE_U64:
        return a->as.u64 == b->as.u64;
    case MOTE_TYPE_F64:
        return memcmp(&a->as.f64, &b->as.f64, 8) == 0;
    case MOTE_TYPE_BOOL:
        return a->as.boolean == b->as.boolean;
    case MOTE_TYPE_STR:
        return is_same_memory(a->as.str.data, a->as.str.len_bytes, b->as.str.data,
                              b->as.str.len_bytes);
    case MOTE_TYPE_BYTES:
        return is_same_memory(a->as.bytes.data, a->as.bytes.len_bytes, b->as.bytes.data,
                              b->as.bytes.len_bytes);
    case MOTE_TYPE_VOID:
    case MOTE_TYPE_ANY:
        break;
    }
    return true;
}

static const char *const echo_of[] = {"EchoI32", "EchoU32", "EchoI64",  "EchoU64",  "EchoF32",
                                      "EchoF64", "EchoStr", "EchoBool", "EchoBytes"};

static size_t list_values(mote_value *values)
{
    static const uint8_t bytes[] = {0, 255, 1, 0, 128};
    const mote_value all[] = {
        mote_i32(0),
        mote_i32(INT32_MIN),
        mote_i32(INT32_MAX),
        mote_u32(0),
        mote_u32(UINT32_MAX),
        mote_i64(INT64_MIN),
        mote_i64(INT64_MAX),
        mote_u64(0),
        mote_u64(UINT64_MAX),
        mote_f32(0.0f),
        mote_f32(-0.0f),
        mote_f32(FLT_MAX),
        mote_f32(INFINITY),
        mote_f32(NAN),
        mote_f32(FLT_TRUE_MIN),
        mote_f64(1.0 / 3),
        mote_f64(DBL_MAX),
        mote_f64(-INFINITY),
        mote_f64(NAN),
        mote_bool(true),
        mote_bool(false),
        mote_str(""),
        mote_str("W\xC3\xB6rld \xF0\x9F\x8C\x8D"),
        mote_bytes(bytes, 5),
        mote_bytes(bytes, 0),
        mote_bytes(NULL, 0),
    };
    memcpy(values, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

static void test_every_type_goes_in_and_comes_out(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    mote_value values[32];
    size_t n = list_values(values);
    for (size_t i = 0; i < n; i++) {
        mote_value result = mote_void();
        assert_ok(mote_call(sandbox, echo_of[values[i].type], &values[i], 1, values[i].type,
                            &result, &last_error));
        assert_true(is_same(&values[i], &result));
    }
    mote_sandbox_destroy(sandbox);
}

static void test_every_type_goes_through_host_calls(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_hello_with_host(NULL);
    mote_value values[32];
    size_t n = list_values(values);
    for (size_t i = 0; i < n; i++) {
        char function[32];
        mote_value result = mote_void();
        snprintf(function, sizeof(function), "Host%s", echo_of[values[i].type]);
        assert_ok(mote_call(sandbox, function, &values[i], 1, MOTE_TYPE_ANY, &result, &last_error));
        assert_true(is_same(&values[i], &result));
    }
    mote_sandbox_destroy(sandbox);
}

static void test_eleven_parameters_arrive_in_order(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    mote_value args[11];
    mote_value result;
    for (int i = 0; i < 11; i++)
        args[i] = mote_i32(i + 1);
    assert_ok(mote_call(sandbox, "Eleven", args, 11, MOTE_TYPE_STR, &result, &last_error));
    const char *at = result.as.str.data;
    for (int i = 1; i <= 11; i++) {
        char digits[8];
        snprintf(digits, sizeof(digits), "%d", i);
        at = strstr(at, digits);
        assert_non_null(at);
        at += strlen(digits);
    }
    assert_status(mote_call(sandbox, "Eleven", args, 10, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_GUEST_ERROR);
    mote_sandbox_destroy(sandbox);
}

static void test_void_returns_nothing_and_state_is_kept(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    mote_value first;
    mote_value second;
    assert_ok(mote_call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, &first, &last_error));
    assert_int_equal(first.type, MOTE_TYPE_VOID);
    assert_ok(mote_call(sandbox, "Count", NULL, 0, MOTE_TYPE_I64, &first, &last_error));
    assert_ok(mote_call(sandbox, "Count", NULL, 0, MOTE_TYPE_I64, &second, &last_error));
    assert_int_equal(second.as.i64, first.as.i64 + 1);
    mote_sandbox_destroy(sandbox);
}

static void test_large_bytes_go_through(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    enum { N = 8 << 20 };
    mote_config config = MOTE_CONFIG_INIT;
    config.input_bytes = N + 4096;
    config.output_bytes = N + 65536;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    uint8_t *data = malloc(N);
    assert_non_null(data);
    uint64_t sum = 0;
    for (size_t i = 0; i < N; i++) {
        data[i] = (uint8_t)(i * 2654435761u >> 13);
        sum += data[i];
    }
    const mote_value arg = mote_bytes(data, N);
    const mote_value n_bytes = mote_u64(N);
    mote_value result;
    assert_ok(mote_call(sandbox, "Sum", &arg, 1, MOTE_TYPE_U64, &result, &last_error));
    assert_int_equal(result.as.u64, sum);
    assert_ok(mote_call(sandbox, "Fill", &n_bytes, 1, MOTE_TYPE_BYTES, &result, &last_error));
    assert_int_equal(result.as.bytes.len_bytes, N);
    free(data);
    mote_sandbox_destroy(sandbox);
}

/* ---- Wrong use ---- */

static void test_an_argument_without_a_value_type_is_no_guest_error(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const int types[] = {-1, MOTE_TYPE_VOID, MOTE_TYPE_ANY, 42};
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    mote_image *image = open_image(HELLO);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const mote_value arg = {.type = (mote_type)types[i]};
        assert_status(mote_call(sandbox, "EchoI32", &arg, 1, MOTE_TYPE_I32, NULL, &last_error),
                      MOTE_E_ARGUMENT);
        assert_status(
            mote_call_reset(sandbox, "EchoI32", &arg, 1, MOTE_TYPE_I32, NULL, &last_error),
            MOTE_E_ARGUMENT);
        assert_status(mote_image_check_call(image, "EchoI32", &arg, 1, MOTE_TYPE_I32, &last_error),
                      MOTE_E_ARGUMENT);
    }
    assert_echoes(sandbox);
    mote_image_unref(image);
    mote_sandbox_destroy(sandbox);
}

static void test_call_refuses_bad_arguments(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    const mote_value arg = mote_str("x");
    const mote_value not_utf8 = mote_str_n("\xFF", 1);
    const mote_value null_text = mote_str_n(NULL, 5);
    const mote_value null_bytes = mote_bytes(NULL, 5);
    mote_value result = mote_i32(77);
    assert_status(mote_call(NULL, "EchoStr", &arg, 1, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, NULL, &arg, 1, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, "EchoStr", NULL, 1, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, "EchoStr", &arg, 12, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, "", &arg, 1, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, "EchoStr", &not_utf8, 1, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, "EchoStr", &null_text, 1, MOTE_TYPE_STR, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(
        mote_call(sandbox, "EchoBytes", &null_bytes, 1, MOTE_TYPE_BYTES, &result, &last_error),
        MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, "EchoStr", &arg, 1, (mote_type)99, &result, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_call(sandbox, "EchoStr", &arg, 1, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_TYPE);
    assert_int_equal(result.as.i32, 77);
    assert_ok(mote_call(sandbox, "EchoStr", &arg, 1, MOTE_TYPE_STR, NULL, NULL));
    assert_echoes(sandbox);
    mote_sandbox_destroy(sandbox);
}

static void test_arguments_larger_than_the_input_buffer(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static uint8_t data[0x4000];
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    const mote_value arg = mote_bytes(data, sizeof(data));
    const mote_value fits = mote_bytes(data, sizeof(data) - 256);
    mote_value result;
    assert_status(mote_call(sandbox, "Sum", &arg, 1, MOTE_TYPE_U64, &result, &last_error),
                  MOTE_E_INPUT_FULL);
    assert_non_null(strstr(last_error.text, "16384"));
    assert_ok(mote_call(sandbox, "Sum", &fits, 1, MOTE_TYPE_U64, &result, &last_error));
    mote_sandbox_destroy(sandbox);
}

/* ---- What the guest reports ---- */

static void test_a_guest_error_leaves_the_sandbox_ready(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    const mote_value args[] = {mote_i32(15), mote_str("not \x1b[31mtoday")};
    assert_status(mote_call(sandbox, "Fail", args, 2, MOTE_TYPE_ANY, NULL, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 15);
    assert_string_equal(last_error.message, "not \x1b[31mtoday");
    assert_null(strchr(last_error.text, '\x1b'));
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    assert_echoes(sandbox);
    mote_sandbox_destroy(sandbox);
}

static void test_failed_allocation_is_a_guest_error(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    const mote_value huge = mote_u64(1ull << 40);
    const mote_value small = mote_u64(1000);
    assert_status(mote_call(sandbox, "Allocate", &huge, 1, MOTE_TYPE_ANY, NULL, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 13);
    assert_non_null(strstr(last_error.message, "1099511627776"));
    assert_ok(mote_call(sandbox, "Allocate", &small, 1, MOTE_TYPE_ANY, NULL, &last_error));
    mote_sandbox_destroy(sandbox);
}

static void test_an_abort_poisons(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    const mote_value args[] = {mote_u32(13), mote_str("out of luck")};
    assert_status(mote_call(sandbox, "Abort", args, 2, MOTE_TYPE_ANY, NULL, &last_error),
                  MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, 13);
    assert_string_equal(last_error.message, "out of luck");
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_status(call_void(sandbox, "Nothing"), MOTE_E_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_a_crash_is_a_precise_fault(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_int_equal(last_error.fault.vector, 14);
    assert_string_equal(last_error.fault.name, "#PF");
    assert_string_equal(last_error.fault.cause, "null pointer");
    assert_int_equal(last_error.fault.access, MOTE_ACCESS_WRITE);
    assert_int_equal(last_error.fault.has_address, 1);
    assert_int_equal(last_error.fault.address, 0);
    assert_int_equal(strncmp(last_error.fault.symbol, "crash_here+0x", 13), 0);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_status(mote_sandbox_init(sandbox, &last_error), MOTE_E_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_endless_recursion_is_a_stack_overflow(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    assert_status(call_void(sandbox, "Recurse"), MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
    assert_string_equal(last_error.fault.region, "guard");
    mote_sandbox_destroy(sandbox);
}

static void test_division_by_zero_is_vector_0(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    const mote_value fine[] = {mote_i32(7), mote_i32(2)};
    const mote_value bad[] = {mote_i32(7), mote_i32(0)};
    mote_value result;
    assert_ok(mote_call(sandbox, "Divide", fine, 2, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 3);
    assert_status(mote_call(sandbox, "Divide", bad, 2, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_GUEST_FAULT);
    assert_int_equal(last_error.fault.vector, 0);
    assert_string_equal(last_error.fault.name, "#DE");
    assert_int_equal(last_error.fault.has_address, 0);
    mote_sandbox_destroy(sandbox);
}

/* ---- What a guest must not do ---- */

struct misdeed {
    const char *function;
    mote_status status;
    const char *buffer; /* of MOTE_E_PROTOCOL */
    const char *field;
};

static void test_misbehaviour_is_named_and_poisons(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const struct misdeed misdeeds[] = {
        {"ReturnNothing", MOTE_E_NO_RESULT, "", ""},
        {"Halt", MOTE_E_NO_RESULT, "", ""},
        {"ReturnTwice", MOTE_E_PROTOCOL, "output", "elements"},
        {"ReturnWrongType", MOTE_E_PROTOCOL, "output", "return_value_type"},
        {"AnnounceRecords", MOTE_E_PROTOCOL, "output", "elements"},
        {"AnnounceTooMany", MOTE_E_PROTOCOL, "output", "records"},
        {"StackPointerZero", MOTE_E_PROTOCOL, "output", "stack pointer"},
        {"StackPointerPastEnd", MOTE_E_PROTOCOL, "output", "stack pointer"},
        {"BackPointerZero", MOTE_E_PROTOCOL, "output", "back pointer"},
        {"BackPointerAllOnes", MOTE_E_PROTOCOL, "output", "back pointer"},
        {"PrefixAllOnes", MOTE_E_PROTOCOL, "output", "size prefix"},
        {"BadError", MOTE_E_PROTOCOL, "error", NULL},
        {"ReadPort", MOTE_E_PROTOCOL, "port", "in"},
        {"HostCallOfTypeGuest", MOTE_E_PROTOCOL, "output", "function_call_type"},
        {"CallNobody", MOTE_E_HOST_FUNCTION_UNKNOWN, NULL, NULL},
        {"PrintNumber", MOTE_E_HOST_FUNCTION_ARGUMENTS, NULL, NULL},
        {"PrintTwo", MOTE_E_HOST_FUNCTION_ARGUMENTS, NULL, NULL},
        {"ForbiddenPort", MOTE_E_GUEST_FAULT, NULL, NULL},
    };
    mote_sandbox *witness = open_sandbox(HELLO, NULL);
    for (size_t i = 0; i < sizeof(misdeeds) / sizeof(misdeeds[0]); i++) {
        mote_sandbox *sandbox = open_sandbox(MISBEHAVE, NULL);
        last_error.protocol_buffer[0] = last_error.protocol_field[0] = '\0';
        assert_status(call_void(sandbox, misdeeds[i].function), misdeeds[i].status);
        if (misdeeds[i].buffer != NULL)
            assert_string_equal(last_error.protocol_buffer, misdeeds[i].buffer);
        if (misdeeds[i].field != NULL)
            assert_string_equal(last_error.protocol_field, misdeeds[i].field);
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
        assert_status(call_void(sandbox, "Fine"), MOTE_E_POISONED);
        assert_echoes(witness);
        assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
    }
    mote_sandbox_destroy(witness);
}

static void test_a_result_too_large_for_output_is_an_error(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(HELLO, NULL);
    const mote_value n = mote_u64(1 << 20);
    assert_status(mote_call(sandbox, "Fill", &n, 1, MOTE_TYPE_BYTES, NULL, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_echoes(sandbox);
    mote_sandbox_destroy(sandbox);
}

/* ---- Guests of 0.1 ---- */

static void test_a_guest_of_0_1_runs_unchanged(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(ABI01, NULL);
    const mote_value text = mote_str("from 0.1");
    const mote_value numbers[] = {mote_i32(40), mote_i32(2)};
    mote_value result;
    for (int i = 0; i < 3; i++) {
        assert_ok(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, &result, &last_error));
        assert_string_equal(result.as.str.data, "from 0.1");
        assert_ok(mote_call(sandbox, "Add", numbers, 2, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, 42);
    }
    assert_status(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_ANY, &result, &last_error),
                  MOTE_E_TYPE);
    assert_status(mote_call(sandbox, "NoSuch", NULL, 0, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 4);
    assert_string_equal(last_error.message, "NoSuch");
    assert_status(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_PROTOCOL);
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_goes_in_and_comes_out),
        cmocka_unit_test(test_every_type_goes_through_host_calls),
        cmocka_unit_test(test_eleven_parameters_arrive_in_order),
        cmocka_unit_test(test_void_returns_nothing_and_state_is_kept),
        cmocka_unit_test(test_large_bytes_go_through),
        cmocka_unit_test(test_an_argument_without_a_value_type_is_no_guest_error),
        cmocka_unit_test(test_call_refuses_bad_arguments),
        cmocka_unit_test(test_arguments_larger_than_the_input_buffer),
        cmocka_unit_test(test_a_guest_error_leaves_the_sandbox_ready),
        cmocka_unit_test(test_failed_allocation_is_a_guest_error),
        cmocka_unit_test(test_an_abort_poisons),
        cmocka_unit_test(test_a_crash_is_a_precise_fault),
        cmocka_unit_test(test_endless_recursion_is_a_stack_overflow),
        cmocka_unit_test(test_division_by_zero_is_vector_0),
        cmocka_unit_test(test_misbehaviour_is_named_and_poisons),
        cmocka_unit_test(test_a_result_too_large_for_output_is_an_error),
        cmocka_unit_test(test_a_guest_of_0_1_runs_unchanged),
    };
    return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
