/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests of a sandbox for many uses, `sandbox_host_tests.rs` (README.md), each by its
 * name. only_one_sandbox_instance_with_loadlib has no counterpart: it is about LoadLibrary.
 */
#include "tests/record/record.h"

#include "abi/codes.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define N_THREADS 100

static void test_pass_byte_array(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t zeroes[sizeof(data)];
    mote_value result;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_ok(CALL(mote_call_reset, sandbox, "SetByteArrayToZero", MOTE_TYPE_BYTES, &result,
                   mote_bytes(data, sizeof(data))));
    assert_int_equal(result.as.bytes.len_bytes, sizeof(data));
    assert_memory_equal(result.as.bytes.data, zeroes, sizeof(data));
    close_guest(sandbox);
}

static void assert_doubles_and_floats_come_back(mote_sandbox *sandbox, double value)
{
    mote_value result;
    float narrow = (float)value;
    assert_ok(
        CALL(mote_call_reset, sandbox, "EchoDouble", MOTE_TYPE_F64, &result, mote_f64(value)));
    assert_memory_equal(&result.as.f64, &value, sizeof(value));
    assert_ok(
        CALL(mote_call_reset, sandbox, "EchoFloat", MOTE_TYPE_F32, &result, mote_f32(narrow)));
    assert_memory_equal(&result.as.f32, &narrow, sizeof(narrow));
}

/* Every bit comes back, of infinities and of what is no number too; but the 0.1 guest library
 * leaves out what equals 0, and so loses the sign of -0. */
static void test_float_roundtrip(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    static const double values[] = {0.0,      1.0,       -1.5, 1e-40,   -1e-310 * 1e280, 3.4e38,
                                    INFINITY, -INFINITY, NAN,  3.14159, 1.17549435e-38,  -7e37};
    static const double signs[] = {-0.0, -4.9e-324, 1e-310, 1.7976e308};
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_doubles_and_floats_come_back(sandbox, values[i]);
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]) && !RECORD_IS_RUST; i++)
        assert_doubles_and_floats_come_back(sandbox, signs[i]);
    close_guest(sandbox);
}

static void test_invalid_guest_function_name(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    const char *const guests[] = {RECORD_SIMPLE, RECORD_CALLBACK};
    for (size_t i = 0; i < 2; i++) {
        mote_sandbox *sandbox = evolve_guest(&host, guests[i], NULL);
        assert_status(
            CALL_NONE(mote_call_reset, sandbox, "FunctionDoesntExist", MOTE_TYPE_I32, NULL),
            MOTE_E_GUEST_ERROR);
        assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
        assert_string_equal(last_error.message, "FunctionDoesntExist");
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
        close_guest(sandbox);
    }
}

static void test_set_static(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_value result;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_ok(CALL_NONE(mote_call_reset, sandbox, "SetStatic", MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 1048576);
    close_guest(sandbox);
}

static void test_multiple_parameters(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    static const char *const functions[] = {
        "PrintTwoArgs",   "PrintThreeArgs", "PrintFourArgs", "PrintFiveArgs", "PrintSixArgs",
        "PrintSevenArgs", "PrintEightArgs", "PrintNineArgs", "PrintTenArgs",  "PrintElevenArgs"};
    static const char *const shown[] = {"1",     "2", "3", "4",  "5",    "true",
                                        "false", "8", "9", "10", "3.123"};
    const mote_value args[] = {mote_str("1"), mote_i32(2),     mote_i64(3),      mote_str("4"),
                               mote_str("5"), mote_bool(true), mote_bool(false), mote_str("8"),
                               mote_i64(9),   mote_i32(10),    mote_f32(3.123F)};
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    for (size_t n = 2; n <= 11; n++) {
        char wanted[256] = "Message:";
        for (size_t i = 0; i < n; i++) {
            size_t used = strlen(wanted);
            snprintf(wanted + used, sizeof(wanted) - used, " arg%zu:%s", i + 1, shown[i]);
        }
        strcat(wanted, ".");
        mote_value result;
        host.printed_bytes = 0;
        assert_ok(mote_call_reset(sandbox, functions[n - 2], args, n, MOTE_TYPE_I32, &result,
                                  &last_error));
        assert_string_equal(host.printed, wanted);
        assert_int_equal(result.as.i32, strlen(wanted));
    }
    close_guest(sandbox);
}

static void test_incorrect_parameter_type(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_status(CALL(mote_call_reset, sandbox, "Echo", MOTE_TYPE_STR, NULL, mote_i32(2)),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH);
    assert_string_equal(
        last_error.message,
        "Expected parameter type String for parameter index 0 of function Echo but got Int.");
    close_guest(sandbox);
}

static void test_incorrect_parameter_num(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_status(
        CALL(mote_call_reset, sandbox, "Echo", MOTE_TYPE_STR, NULL, mote_str("1"), mote_i32(2)),
        MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS);
    assert_string_equal(last_error.message,
                        "Called function Echo with 2 parameters but it takes 1.");
    close_guest(sandbox);
}

/* 1 GiB of input leaves no room for the rest. */
static void test_max_memory_sandbox(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_config config = MOTE_CONFIG_INIT;
    mote_sandbox *sandbox = NULL;
    config.input_bytes = 0x40000000;
    mote_image *image = open_image(RECORD_SIMPLE);
    assert_status(mote_sandbox_create(image, for_test(&config), &sandbox, &last_error),
                  MOTE_E_IMAGE_TOO_LARGE);
    assert_null(sandbox);
    mote_image_unref(image);
}

/* The fallback logs and calls the host before it looks at its call, which lies under both. */
static void test_iostack_is_working(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_config config = patient_config();
    mote_value result;
    config.max_log = MOTE_LOG_TRACE;
    config.log_is_set = true;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, &config);
    assert_ok(CALL_NONE(mote_call_reset, sandbox, "ThisIsNotARealFunctionButTheNameIsImportant",
                        MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 99);
    assert_string_equal(host.printed, "text above the call");
    assert_int_equal(host.n_records, 1);
    assert_string_equal(host.records[0].message, "a record above the call");
    close_guest(sandbox);
}

/* ---- One sandbox, and a hundred at once ---- */

#define SAID "Hello, World!!\n"

static void test_simple_test(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_value result;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, NULL);
    assert_int_equal(reset_i32(sandbox, "PrintOutput", mote_str(SAID)), strlen(SAID));
    assert_string_equal(host.printed, SAID);
    assert_ok(
        CALL(mote_call_reset, sandbox, "Echo", MOTE_TYPE_STR, &result, mote_str("are you there?")));
    assert_string_equal(result.as.str.data, "are you there?");
    close_guest(sandbox);
}

static void test_callback_test(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_CALLBACK, NULL);
    assert_int_equal(reset_i32(sandbox, "GuestMethod1", mote_str("Hello World")), 38);
    assert_string_equal(host.heard, "Hello from GuestFunction1, Hello World");
    close_guest(sandbox);
}

/* The sandboxes are made by the threads that call them. Assertions are for the first thread only.
 */
struct trial {
    const char *path;
    const char *function;
    const char *text;
    int32_t wanted;
};

static const char *try_sandbox(mote_sandbox *sandbox, const struct trial *trial)
{
    const mote_value arg = mote_str(trial->text);
    mote_value result;
    if (mote_sandbox_evolve(sandbox, NULL, NULL, NULL) != MOTE_OK)
        return "the guest does not start";
    if (mote_call_reset(sandbox, trial->function, &arg, 1, MOTE_TYPE_I32, &result, NULL) != MOTE_OK)
        return "the call fails";
    return result.as.i32 == trial->wanted ? NULL : "the result is wrong";
}

static mote_status count_text(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static void drop_text(void *context, const char *text, size_t len_bytes)
{
    (void)context;
    (void)text;
    (void)len_bytes;
}

static const char *live_and_die(void *context, size_t index)
{
    const struct trial *trial = context;
    const mote_host_function method = {
        .name = "HostMethod1", .fn = count_text, .n_params = 1, .params = {MOTE_TYPE_STR}};
    mote_config config = patient_config();
    mote_image *image = NULL;
    mote_sandbox *sandbox = NULL;
    const char *wrong = "a sandbox cannot be made";
    (void)index;
    config.print = drop_text;
    if (mote_image_open(trial->path, NULL, &image, NULL) != MOTE_OK)
        return "the guest file cannot be opened";
    if (mote_sandbox_create(image, for_test(&config), &sandbox, NULL) == MOTE_OK)
        wrong = mote_sandbox_register(sandbox, &method, NULL) == MOTE_OK
                    ? try_sandbox(sandbox, trial)
                    : "a function cannot be registered";
    mote_image_unref(image);
    if (mote_sandbox_destroy(sandbox) != MOTE_OK)
        return "a sandbox is not destroyed";
    return wrong;
}

static void test_simple_test_parallel(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct trial trial = {RECORD_SIMPLE, "PrintOutput", SAID, sizeof(SAID) - 1};
    run_threads(N_THREADS, live_and_die, &trial);
}

static void test_callback_test_parallel(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct trial trial = {RECORD_CALLBACK, "GuestMethod1", "Hello World", 38};
    run_threads(N_THREADS, live_and_die, &trial);
}

static void test_host_function_error(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_CALLBACK, NULL);
    assert_status(CALL(mote_call, sandbox, "CallErrorMethod", MOTE_TYPE_I32, NULL,
                       mote_str("This is a test")),
                  MOTE_E_HOST_FUNCTION);
    assert_string_equal(host.heard, "Error From Host: This is a test");
    assert_string_equal(last_error.function, "ErrorMethod");
    assert_string_equal(last_error.message, "Host function error!");
    assert_int_equal(last_error.guest_code, 21);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(reset_i32(sandbox, "GuestMethod1", mote_str("again")), 32);
    close_guest(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass_byte_array),
        cmocka_unit_test(test_float_roundtrip),
        cmocka_unit_test(test_invalid_guest_function_name),
        cmocka_unit_test(test_set_static),
        cmocka_unit_test(test_multiple_parameters),
        cmocka_unit_test(test_incorrect_parameter_type),
        cmocka_unit_test(test_incorrect_parameter_num),
        cmocka_unit_test(test_max_memory_sandbox),
        cmocka_unit_test(test_iostack_is_working),
        cmocka_unit_test(test_simple_test),
        cmocka_unit_test(test_callback_test),
        cmocka_unit_test(test_simple_test_parallel),
        cmocka_unit_test(test_callback_test_parallel),
        cmocka_unit_test(test_host_function_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
