/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Hyperlight 0.1's test guests have beyond the tests in tests/record, twice: with
 * RECORD_IS_RUST, guests that nobody made for mote, built on Hyperlight 0.1's own library and run
 * unchanged; without, the same on mote's SDK. The exact texts are Hyperlight 0.1's.
 */
#include "tests/record/record.h"

#include "abi/codes.h"
#include <string.h>
#include <unistd.h>

static struct host host;

static mote_sandbox *open_guest(const char *path, mote_log_level level)
{
    mote_config config = patient_config();
    config.max_log = level;
    config.log_is_set = true;
    mote_sandbox *sandbox = create_guest(&host, path, &config);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

static void test_values_go_there_and_back(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static const uint8_t data[] = {1, 0, 255, 128};
    mote_value result;
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    assert_ok(CALL(mote_call, sandbox, "Echo", MOTE_TYPE_STR, &result,
                   mote_str("gr\xC3\xBC\xC3\x9F Gott")));
    assert_string_equal(result.as.str.data, "gr\xC3\xBC\xC3\x9F Gott");
    assert_ok(CALL(mote_call, sandbox, "EchoFloat", MOTE_TYPE_F32, &result, mote_f32(1.25F)));
    assert_true(result.as.f32 == 1.25F);
    assert_ok(CALL(mote_call, sandbox, "EchoDouble", MOTE_TYPE_F64, &result, mote_f64(-1e300)));
    assert_true(result.as.f64 == -1e300);
    const mote_value bytes = mote_bytes(data, sizeof(data));
    assert_ok(mote_call(sandbox, "GetSizePrefixedBuffer", &bytes, 1, MOTE_TYPE_BYTES, &result,
                        &last_error));
    assert_int_equal(result.as.bytes.len_bytes, sizeof(data));
    assert_memory_equal(result.as.bytes.data, data, sizeof(data));
    assert_ok(
        mote_call(sandbox, "SetByteArrayToZero", &bytes, 1, MOTE_TYPE_BYTES, &result, &last_error));
    assert_memory_equal(result.as.bytes.data, "\0\0\0\0", sizeof(data));
    close_guest(sandbox);
}

static void test_wrong_calls_get_the_records_texts(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    assert_status(CALL(mote_call, sandbox, "Echo", MOTE_TYPE_STR, NULL, mote_i32(3)),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH);
    assert_string_equal(
        last_error.message,
        "Expected parameter type String for parameter index 0 of function Echo but got Int.");
    assert_status(
        CALL(mote_call, sandbox, "Echo", MOTE_TYPE_STR, NULL, mote_str("a"), mote_str("b")),
        MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS);
    assert_string_equal(last_error.message,
                        "Called function Echo with 2 parameters but it takes 1.");
    assert_status(CALL(mote_call, sandbox, "Ech", MOTE_TYPE_STR, NULL, mote_str("a")),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    assert_string_equal(last_error.message, "Ech");
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    close_guest(sandbox);
}

/* The 0.1 host gave the string out as it came (docs/hyperlight.md, D25). A guest of mote's is not
 * asked.
 */
static void test_a_result_of_another_type_is_refused(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value text = mote_str("a");
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    assert_status(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_I32, NULL, &last_error),
                  RECORD_IS_RUST ? MOTE_E_PROTOCOL : MOTE_E_TYPE);
    assert_int_equal(mote_sandbox_state_get(sandbox),
                     RECORD_IS_RUST ? MOTE_SANDBOX_POISONED : MOTE_SANDBOX_READY);
    close_guest(sandbox);
}

/* The guest library cuts a long error by characters, and copies its old length (docs/hyperlight.md,
 * D20).
 */
static void test_an_error_that_overflows_its_buffer_is_read_within_it(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    char name[601];
    memset(name, 'n', sizeof(name) - 1);
    name[600] = '\0';
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    assert_status(CALL_NONE(mote_call, sandbox, name, MOTE_TYPE_I32, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    size_t len = strlen(last_error.message);
    assert_in_range(len, 150, 255);
    assert_memory_equal(last_error.message, name, len);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(1)), 1);
    close_guest(sandbox);
}

/* Its printf() leaves each result of HostPrint where it lies (docs/hyperlight.md, D22). */
static void test_printf_does_not_fill_the_input_buffer(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    for (int i = 0; i < 1000; i++) {
        host.printed_bytes = 0;
        assert_int_equal(call_i32(sandbox, "PrintUsingPrintf", mote_str("printed")), 7);
        assert_string_equal(host.printed, "printed");
    }
    close_guest(sandbox);
}

static void test_the_host_is_called_back(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_value result;
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    assert_ok(CALL(mote_call, sandbox, "Add", MOTE_TYPE_I32, &result, mote_i32(40), mote_i32(2)));
    assert_int_equal(result.as.i32, 42);
    assert_ok(CALL_NONE(mote_call, sandbox, "ViolateSeccompFilters", MOTE_TYPE_U64, &result));
    assert_int_equal(result.as.u64, getpid());
    assert_int_equal(call_i32(sandbox, "PrintOutput", mote_str("hello")), 5);
    assert_string_equal(host.printed, "hello");
    close_guest(sandbox);
    sandbox = open_guest(RECORD_CALLBACK, MOTE_LOG_ERROR);
    assert_int_equal(call_i32(sandbox, "GuestMethod", mote_str("x")), 27);
    assert_string_equal(host.heard, "Hello from GuestFunction, x");
    assert_int_equal(call_i32(sandbox, "GuestMethod1", mote_str("x")), 28);
    assert_string_equal(host.heard, "Hello from GuestFunction1, x");
    call_i32(sandbox, "GuestMethod2", mote_str("x"));
    assert_string_equal(host.heard, "Hello from GuestFunction2, x");
    call_i32(sandbox, "GuestMethod3", mote_str("x"));
    assert_string_equal(host.heard, "Hello from GuestFunction3, x");
    assert_ok(CALL_NONE(mote_call, sandbox, "GuestMethod4", MOTE_TYPE_VOID, NULL));
    assert_string_equal(host.heard, "Hello from GuestFunction4");
    assert_ok(CALL_NONE(mote_call, sandbox, "CallHostSpin", MOTE_TYPE_VOID, NULL));
    close_guest(sandbox);
}

/* The Rust guest sends the record past its library's own filter, whatever the host wants. */
static void test_a_record_names_a_source_of_its_own(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox =
        open_guest(RECORD_CALLBACK, RECORD_IS_RUST ? MOTE_LOG_OFF : MOTE_LOG_INFO);
    assert_ok(CALL(mote_call, sandbox, "LogMessage", MOTE_TYPE_VOID, NULL, mote_str("text"),
                   mote_str("somewhere"), mote_i32(3)));
    assert_int_equal(host.n_records, 1);
    assert_int_equal(host.records[0].level, MOTE_LOG_INFO);
    assert_string_equal(host.records[0].message, "text");
    assert_string_equal(host.records[0].source, "somewhere");
    close_guest(sandbox);
}

static void test_calls_keep_the_guests_state(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_value result;
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(5)), 5);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(7)), 12);
    assert_ok(CALL_NONE(mote_call, sandbox, "GetStatic", MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 12);
    assert_ok(CALL_NONE(mote_call, sandbox, "SetStatic", MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 1048576);
    close_guest(sandbox);
}

static void test_a_short_buffer_is_not_overrun(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(RECORD_SIMPLE, MOTE_LOG_ERROR);
    assert_int_equal(call_i32(sandbox, "BufferOverrun", mote_str("01234567890123456789")), 0);
    assert_int_equal(call_i32(sandbox, "BufferOverrun", mote_str("0123")), 13);
    close_guest(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_go_there_and_back),
        cmocka_unit_test(test_wrong_calls_get_the_records_texts),
        cmocka_unit_test(test_a_result_of_another_type_is_refused),
        cmocka_unit_test(test_an_error_that_overflows_its_buffer_is_read_within_it),
        cmocka_unit_test(test_printf_does_not_fill_the_input_buffer),
        cmocka_unit_test(test_the_host_is_called_back),
        cmocka_unit_test(test_a_record_names_a_source_of_its_own),
        cmocka_unit_test(test_calls_keep_the_guests_state),
        cmocka_unit_test(test_a_short_buffer_is_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
