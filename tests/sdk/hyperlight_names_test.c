/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that were written to Hyperlight 0.1's C API, made by mote-cc: all that the API has. */
#include "tests/api/fixture.h"

#include "abi/codes.h"
#include <stdio.h>
#include <string.h>

#define SIMPLE MOTE_BUILD_DIR "/guests/c01_simple.elf"
#define CALLBACK MOTE_BUILD_DIR "/guests/c01_callback.elf"
#define NAMES MOTE_BUILD_DIR "/tests/guests/names.elf"

static struct {
    char printed[512];
    char logged[128];
    mote_log_level level;
    uint32_t line;
    size_t n_records;
} seen;

static void print(void *context, const char *text, size_t len_bytes)
{
    (void)context;
    snprintf(seen.printed, sizeof(seen.printed), "%.*s", (int)len_bytes, text);
}

static void take_record(void *context, const mote_log_record *record)
{
    (void)context;
    snprintf(seen.logged, sizeof(seen.logged), "%.*s", (int)record->message.len_bytes,
             record->message.data);
    seen.level = record->level;
    seen.line = record->line;
    seen.n_records++;
}

static mote_sandbox *open_simple(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.print = print;
    config.log = take_record;
    config.max_log = MOTE_LOG_TRACE;
    config.log_is_set = true;
    memset(&seen, 0, sizeof(seen));
    return open_sandbox(SIMPLE, &config);
}

static mote_status call(mote_sandbox *sandbox, const char *function, const mote_value *args,
                        size_t n_args, mote_type returns, mote_value *result)
{
    return mote_call(sandbox, function, args, n_args, returns, result, &last_error);
}

static int32_t call_i32(mote_sandbox *sandbox, const char *function, mote_value arg)
{
    mote_value result;
    assert_ok(call(sandbox, function, &arg, 1, MOTE_TYPE_I32, &result));
    return result.as.i32;
}

static void assert_ends(const char *function, const mote_value *args, size_t n_args,
                        mote_type returns, mote_status wanted)
{
    mote_sandbox *sandbox = open_simple();
    assert_status(call(sandbox, function, args, n_args, returns, NULL), wanted);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

/* ---- c_simpleguest ---- */

static void test_two_to_eleven_parameters_are_unwrapped(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char *const functions[] = {
        "PrintTwoArgs",   "PrintThreeArgs", "PrintFourArgs", "PrintFiveArgs", "PrintSixArgs",
        "PrintSevenArgs", "PrintEightArgs", "PrintNineArgs", "PrintTenArgs",  "PrintElevenArgs"};
    static const char *const shown[] = {"1",     "2", "3", "4",  "5",    "true",
                                        "false", "8", "9", "10", "3.123"};
    const mote_value args[] = {mote_str("1"), mote_i32(2),     mote_i64(3),      mote_str("4"),
                               mote_str("5"), mote_bool(true), mote_bool(false), mote_str("8"),
                               mote_i64(9),   mote_i32(10),    mote_f32(3.123F)};
    mote_sandbox *sandbox = open_simple();
    for (size_t n = 2; n <= 11; n++) {
        char wanted[256] = "Message:";
        for (size_t i = 0; i < n; i++) {
            size_t used = strlen(wanted);
            snprintf(wanted + used, sizeof(wanted) - used, " arg%zu:%s", i + 1, shown[i]);
        }
        strcat(wanted, ".");
        mote_value result;
        assert_ok(call(sandbox, functions[n - 2], args, n, MOTE_TYPE_I32, &result));
        assert_string_equal(seen.printed, wanted);
        assert_int_equal(result.as.i32, strlen(wanted));
    }
    mote_sandbox_destroy(sandbox);
}

static void test_values_go_there_and_back(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint8_t data[] = {1, 0, 255};
    const mote_value text = mote_str("hello"), bytes = mote_bytes(data, 3);
    const mote_value single = mote_f32(1.5F), precise = mote_f64(-2.25);
    mote_value result;
    mote_sandbox *sandbox = open_simple();
    assert_ok(call(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, &result));
    assert_string_equal(result.as.str.data, "hello");
    assert_ok(call(sandbox, "EchoFloat", &single, 1, MOTE_TYPE_F32, &result));
    assert_true(result.as.f32 == 1.5F);
    assert_ok(call(sandbox, "EchoDouble", &precise, 1, MOTE_TYPE_F64, &result));
    assert_true(result.as.f64 == -2.25);
    assert_ok(call(sandbox, "GetSizePrefixedBuffer", &bytes, 1, MOTE_TYPE_BYTES, &result));
    assert_int_equal(result.as.bytes.len_bytes, 3);
    assert_memory_equal(result.as.bytes.data, data, 3);
    assert_ok(call(sandbox, "SetByteArrayToZero", &bytes, 1, MOTE_TYPE_BYTES, &result));
    assert_memory_equal(result.as.bytes.data, "\0\0\0", 3);
    assert_int_equal(call_i32(sandbox, "PrintUsingPrintf", text), 5);
    assert_string_equal(seen.printed, "hello");
    mote_sandbox_destroy(sandbox);
}

static void test_wrong_calls_get_the_records_texts(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_i32(3), mote_i32(4)};
    mote_sandbox *sandbox = open_simple();
    assert_status(call(sandbox, "Echo", args, 1, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH);
    assert_string_equal(
        last_error.message,
        "Expected parameter type String for parameter index 0 of function Echo but got Int.");
    assert_status(call(sandbox, "Echo", args, 2, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS);
    assert_string_equal(last_error.message,
                        "Called function Echo with 2 parameters but it takes 1.");
    assert_status(call(sandbox, "Unknown", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    assert_string_equal(last_error.message, "Unknown");
    mote_sandbox_destroy(sandbox);
}

static void test_an_error_is_set_and_the_guest_goes_on(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_i32(MT_GUEST_CODE_ARRAY_LENGTH_MISSING), mote_str("no length")};
    mote_sandbox *sandbox = open_simple();
    assert_status(call(sandbox, "Fail", args, 2, MOTE_TYPE_VOID, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_ARRAY_LENGTH_MISSING);
    assert_string_equal(last_error.message, "no length");
    assert_int_equal(call_i32(sandbox, "MallocAndFree", mote_i32(10)), 10);
    mote_sandbox_destroy(sandbox);
}

static void test_a_record_names_its_level_and_line(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char *const wanted[] = {"ERROR: logged", "WARN: logged", "INFO: logged",
                                         "DEBUG: logged", "TRACE: logged"};
    mote_sandbox *sandbox = open_simple();
    for (int level = 0; level <= 6; level++) {
        const mote_value args[] = {mote_str("logged"), mote_i64(level)};
        size_t n_before = seen.n_records;
        assert_ok(call(sandbox, "LogMessage", args, 2, MOTE_TYPE_VOID, NULL));
        bool is_level = level >= 1 && level <= 5;
        assert_int_equal(seen.n_records - n_before, is_level);
        if (!is_level)
            continue;
        assert_string_equal(seen.logged, wanted[level - 1]);
        assert_int_equal(seen.level, level);
        assert_true(seen.line > 0);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_aborts_and_missing_memory_end_the_guest(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_i32(MT_GUEST_CODE_MALLOC_FAILED), mote_str("on purpose")};
    const mote_value too_much = mote_i32(0x20000);
    assert_ends("GuestAbortWithCode", args, 1, MOTE_TYPE_VOID, MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_MALLOC_FAILED);
    assert_string_equal(last_error.message, "");
    assert_ends("GuestAbortWithMessage", args, 2, MOTE_TYPE_VOID, MOTE_E_GUEST_ABORT);
    assert_string_equal(last_error.message, "on purpose");
    assert_ends("CallMalloc", &too_much, 1, MOTE_TYPE_I32, MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_MALLOC_FAILED);
    mote_sandbox *sandbox = open_simple();
    assert_int_equal(call_i32(sandbox, "TestHlMalloc", mote_i32(2000)), 2000);
    assert_int_equal(call_i32(sandbox, "CallMalloc", mote_i32(2000)), 2000);
    mote_sandbox_destroy(sandbox);
}

static void test_the_stack_is_enough_or_overflows(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_value result;
    mote_sandbox *sandbox = open_simple();
    assert_int_equal(call_i32(sandbox, "StackAllocate", mote_i32(100)), 100);
    assert_int_equal(call_i32(sandbox, "StackOverflow", mote_i32(1)), 1);
    assert_int_equal(call_i32(sandbox, "BufferOverrun", mote_str("01234567890123456789")), 0);
    assert_ok(call(sandbox, "SmallVar", NULL, 0, MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 1024);
    mote_sandbox_destroy(sandbox);
    const mote_value n = mote_i32(0), depth = mote_i32(500);
    assert_ends("StackAllocate", &n, 1, MOTE_TYPE_I32, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
    assert_ends("StackOverflow", &depth, 1, MOTE_TYPE_I32, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
    assert_ends("LargeVar", NULL, 0, MOTE_TYPE_I32, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
    assert_ends("InfiniteRecursion", NULL, 0, MOTE_TYPE_VOID, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
    assert_ends("ExecuteOnStack", NULL, 0, MOTE_TYPE_STR, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "execute of data");
    assert_ends("ExecuteOnHeap", NULL, 0, MOTE_TYPE_STR, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.region, "heap");
}

/* ---- c_callbackguest ---- */

static mote_status echo(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    (void)context;
    (void)err;
    *result = n_args > 0 ? args[0] : mote_void();
    return MOTE_OK;
}

static mote_status length(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    snprintf(seen.printed, sizeof(seen.printed), "%s", args[0].as.str.data);
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static mote_sandbox *open_callback(void)
{
    static const char *const names[] = {"EchoI32", "EchoU32", "EchoI64",  "EchoU64",  "EchoF32",
                                        "EchoF64", "EchoStr", "EchoBool", "EchoBytes"};
    const mote_host_function method = {
        .name = "HostMethod1", .fn = length, .n_params = 1, .params = {MOTE_TYPE_STR}};
    const mote_host_function nothing = {.name = "Nothing", .fn = echo, .returns = MOTE_TYPE_VOID};
    mote_sandbox *sandbox = create_sandbox(CALLBACK, NULL);
    assert_ok(mote_sandbox_register(sandbox, &method, &last_error));
    assert_ok(mote_sandbox_register(sandbox, &nothing, &last_error));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const mote_host_function function = {.name = names[i],
                                             .fn = echo,
                                             .returns = (mote_type)i,
                                             .n_params = 1,
                                             .params = {(mote_type)i}};
        assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    }
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

static void test_the_host_is_called_and_its_result_fetched(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_i32(-1),
                               mote_u32(2),
                               mote_i64(-3),
                               mote_u64(4),
                               mote_f32(0.5F),
                               mote_f64(-0.25),
                               mote_str("t\xC3\xA9xt"),
                               mote_bool(true),
                               mote_bytes("abc", 3)};
    mote_value result;
    mote_sandbox *sandbox = open_callback();
    assert_int_equal(call_i32(sandbox, "GuestMethod1", mote_str("x")), 28);
    assert_string_equal(seen.printed, "Hello from GuestFunction1, x");
    for (int i = 0; i < 100; i++) {
        assert_ok(call(sandbox, "EchoAll", args, 9, MOTE_TYPE_STR, &result));
        assert_string_equal(result.as.str.data, "-1 2 -3 4 0.5 -0.25 t\xC3\xA9xt true 3");
    }
    mote_sandbox_destroy(sandbox);
}

static void test_a_getter_of_another_type_aborts(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value number = mote_i32(1);
    mote_sandbox *sandbox = open_callback();
    assert_status(call(sandbox, "WrongGetter", &number, 1, MOTE_TYPE_I32, NULL),
                  MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_UNKNOWN);
    mote_sandbox_destroy(sandbox);
}

static void test_every_wrapped_type_works(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value yes = mote_bool(true), u32 = mote_u32(UINT32_MAX), i64 = mote_i64(INT64_MAX),
                     u64 = mote_u64(INT64_MAX);
    mote_value result;
    mote_sandbox *sandbox = open_callback();
    assert_ok(call(sandbox, "Negate", &yes, 1, MOTE_TYPE_BOOL, &result));
    assert_false(result.as.boolean);
    assert_ok(call(sandbox, "AddOne", &u32, 1, MOTE_TYPE_U32, &result));
    assert_int_equal(result.as.u32, 0);
    assert_ok(call(sandbox, "Minus", &i64, 1, MOTE_TYPE_I64, &result));
    assert_true(result.as.i64 == -INT64_MAX);
    assert_ok(call(sandbox, "Twice", &u64, 1, MOTE_TYPE_U64, &result));
    assert_true(result.as.u64 == UINT64_MAX - 1);
    mote_sandbox_destroy(sandbox);
}

static void test_the_fallback_gets_what_is_not_registered(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_i32(1), mote_str("two"), mote_bool(true)};
    mote_value result;
    mote_sandbox *sandbox = open_callback();
    assert_ok(call(sandbox, "Unregistered", args, 3, MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 3);
    assert_status(call(sandbox, "Other", args, 3, MOTE_TYPE_I32, &result), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    mote_sandbox_destroy(sandbox);
}

/* ---- tests/sdk/guests/names.c ---- */

static mote_status answer_text(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_str("text");
    return MOTE_OK;
}

/* Its text was freed with the call that left it. */
static void test_a_result_is_gone_when_its_call_has_ended(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_host_function text = {.name = "Text", .fn = answer_text, .returns = MOTE_TYPE_STR};
    mote_sandbox *sandbox = create_sandbox(NAMES, NULL);
    assert_ok(mote_sandbox_register(sandbox, &text, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_ok(call(sandbox, "LeaveResult", NULL, 0, MOTE_TYPE_I32, NULL));
    assert_status(call(sandbox, "TakeResult", NULL, 0, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_UNKNOWN);
    assert_string_equal(last_error.message, "no host call has left a result");
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_to_eleven_parameters_are_unwrapped),
        cmocka_unit_test(test_values_go_there_and_back),
        cmocka_unit_test(test_wrong_calls_get_the_records_texts),
        cmocka_unit_test(test_an_error_is_set_and_the_guest_goes_on),
        cmocka_unit_test(test_a_record_names_its_level_and_line),
        cmocka_unit_test(test_aborts_and_missing_memory_end_the_guest),
        cmocka_unit_test(test_the_stack_is_enough_or_overflows),
        cmocka_unit_test(test_the_host_is_called_and_its_result_fetched),
        cmocka_unit_test(test_a_getter_of_another_type_aborts),
        cmocka_unit_test(test_every_wrapped_type_works),
        cmocka_unit_test(test_the_fallback_gets_what_is_not_registered),
        cmocka_unit_test(test_a_result_is_gone_when_its_call_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
