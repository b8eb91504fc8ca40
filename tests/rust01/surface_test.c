/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of the record's test guests (section 11.3), twice: with IS_RUST, guests that nobody
 * made for mote, built on Hyperlight 0.1's own library and run unchanged; without, the same on
 * mote's SDK. The exact texts are the record's (section 11.2).
 */
#include "tests/api/fixture.h"

#include "abi/codes.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Both guests and the driver must be there. */
#define NEEDS_GUESTS() \
    if (!has_driver() || !has_guests()) \
    skip()

static bool has_guests(void)
{
    bool has = access(SIMPLE, R_OK) == 0 && access(CALLBACK, R_OK) == 0;
    if (!has)
        print_message("skipped: no guests: build/logs/build-rust.log says why\n");
    return has;
}

/* ---- The host ---- */

#define MAX_RECORDS 16

static struct {
    char printed[4096];
    size_t printed_bytes;
    char heard[256]; /* by the last host function that takes text */
    struct {
        mote_log_level level;
        char message[128], source[128], file[128];
        uint32_t line;
    } records[MAX_RECORDS];
    size_t n_records;
} seen;

static void copy_view(char *to, size_t room, const mote_str_view *view)
{
    snprintf(to, room, "%.*s", (int)view->len_bytes, view->data);
}

static void print(void *context, const char *text, size_t len_bytes)
{
    (void)context;
    assert_true(len_bytes < sizeof(seen.printed) - seen.printed_bytes);
    memcpy(seen.printed + seen.printed_bytes, text, len_bytes);
    seen.printed_bytes += len_bytes;
    seen.printed[seen.printed_bytes] = '\0';
}

static void take_record(void *context, const mote_log_record *record)
{
    (void)context;
    assert_true(seen.n_records < MAX_RECORDS);
    size_t i = seen.n_records++;
    seen.records[i].level = record->level;
    seen.records[i].line = record->line;
    copy_view(seen.records[i].message, sizeof(seen.records[i].message), &record->message);
    copy_view(seen.records[i].source, sizeof(seen.records[i].source), &record->source);
    copy_view(seen.records[i].file, sizeof(seen.records[i].file), &record->source_file);
}

static mote_status add(void *context, const mote_value *args, size_t n_args, mote_value *result,
                       mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    *result = mote_i32(args[0].as.i32 + args[1].as.i32);
    return MOTE_OK;
}

static mote_status process_number(void *context, const mote_value *args, size_t n_args,
                                  mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_u64((uint64_t)getpid());
    return MOTE_OK;
}

/* Returns how long the text is. */
static mote_status hear(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    copy_view(seen.heard, sizeof(seen.heard), &args[0].as.str);
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static mote_status hear_only(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    mote_status status = hear(context, args, n_args, result, err);
    *result = mote_void();
    return status;
}

static mote_status refuse(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)result;
    copy_view(seen.heard, sizeof(seen.heard), &args[0].as.str);
    return mote_host_fail(err, 21, "%s", "Host function error!");
}

static mote_status rest(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    return MOTE_OK;
}

static const mote_host_function host_functions[] = {
    {.name = "HostAdd", .fn = add, .n_params = 2, .params = {MOTE_TYPE_I32, MOTE_TYPE_I32}},
    {.name = "MakeGetpidSyscall", .fn = process_number, .returns = MOTE_TYPE_U64},
    {.name = "HostMethod", .fn = hear, .n_params = 1, .params = {MOTE_TYPE_STR}},
    {.name = "HostMethod1", .fn = hear, .n_params = 1, .params = {MOTE_TYPE_STR}},
    {.name = "HostMethod4",
     .fn = hear_only,
     .returns = MOTE_TYPE_VOID,
     .n_params = 1,
     .params = {MOTE_TYPE_STR}},
    {.name = "ErrorMethod", .fn = refuse, .n_params = 1, .params = {MOTE_TYPE_STR}},
    {.name = "Spin", .fn = rest, .returns = MOTE_TYPE_VOID},
};

static mote_sandbox *open_guest(const char *path, mote_log_level level)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.print = print;
    config.log = take_record;
    config.max_log = level;
    config.log_is_set = true;
    config.time_limit_us = 20 * 1000 * 1000;
    config.init_limit_us = 20 * 1000 * 1000;
    memset(&seen, 0, sizeof(seen));
    mote_sandbox *sandbox = create_sandbox(path, &config);
    for (size_t i = 0; i < sizeof(host_functions) / sizeof(host_functions[0]); i++)
        assert_ok(mote_sandbox_register(sandbox, &host_functions[i], &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

static void close_guest(mote_sandbox *sandbox)
{
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

/* ---- Calls ---- */

static mote_status call(mote_sandbox *sandbox, const char *function, const mote_value *args,
                        size_t n_args, mote_type returns, mote_value *result)
{
    return mote_call(sandbox, function, args, n_args, returns, result, &last_error);
}

#define CALL(sandbox, function, returns, result, ...) \
    call((sandbox), (function), (const mote_value[]){__VA_ARGS__}, \
         sizeof((const mote_value[]){__VA_ARGS__}) / sizeof(mote_value), (returns), (result))

static mote_status call_no_args(mote_sandbox *sandbox, const char *function, mote_type returns,
                                mote_value *result)
{
    return call(sandbox, function, NULL, 0, returns, result);
}

static int32_t call_i32(mote_sandbox *sandbox, const char *function, mote_value arg)
{
    mote_value result;
    assert_ok(call(sandbox, function, &arg, 1, MOTE_TYPE_I32, &result));
    return result.as.i32;
}

/* One call in a sandbox of its own, which it loses. */
static void assert_ends(const char *function, const mote_value *args, size_t n_args,
                        mote_type returns, mote_status wanted)
{
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_status(call(sandbox, function, args, n_args, returns, NULL), wanted);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    close_guest(sandbox);
}

static void assert_overflows(const char *function, const mote_value *args, size_t n_args)
{
    assert_ends(function, args, n_args, MOTE_TYPE_I32, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
}

static void assert_aborts(const char *function, const mote_value *args, size_t n_args,
                          uint64_t code, const char *text)
{
    assert_ends(function, args, n_args, MOTE_TYPE_VOID, MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, code);
    assert_string_equal(last_error.message, text);
}

/* ---- The tests ---- */

static void test_values_go_there_and_back(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static const uint8_t data[] = {1, 0, 255, 128};
    mote_value result;
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_ok(CALL(sandbox, "Echo", MOTE_TYPE_STR, &result, mote_str("gr\xC3\xBC\xC3\x9F Gott")));
    assert_string_equal(result.as.str.data, "gr\xC3\xBC\xC3\x9F Gott");
    assert_ok(CALL(sandbox, "EchoFloat", MOTE_TYPE_F32, &result, mote_f32(1.25F)));
    assert_true(result.as.f32 == 1.25F);
    assert_ok(CALL(sandbox, "EchoDouble", MOTE_TYPE_F64, &result, mote_f64(-1e300)));
    assert_true(result.as.f64 == -1e300);
    const mote_value bytes = mote_bytes(data, sizeof(data));
    assert_ok(call(sandbox, "GetSizePrefixedBuffer", &bytes, 1, MOTE_TYPE_BYTES, &result));
    assert_int_equal(result.as.bytes.len_bytes, sizeof(data));
    assert_memory_equal(result.as.bytes.data, data, sizeof(data));
    assert_ok(call(sandbox, "SetByteArrayToZero", &bytes, 1, MOTE_TYPE_BYTES, &result));
    assert_memory_equal(result.as.bytes.data, "\0\0\0\0", sizeof(data));
    close_guest(sandbox);
}

static void test_wrong_calls_get_the_records_texts(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_status(CALL(sandbox, "Echo", MOTE_TYPE_STR, NULL, mote_i32(3)), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH);
    assert_string_equal(
        last_error.message,
        "Expected parameter type String for parameter index 0 of function Echo but got Int.");
    assert_status(CALL(sandbox, "Echo", MOTE_TYPE_STR, NULL, mote_str("a"), mote_str("b")),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS);
    assert_string_equal(last_error.message,
                        "Called function Echo with 2 parameters but it takes 1.");
    assert_status(CALL(sandbox, "Ech", MOTE_TYPE_STR, NULL, mote_str("a")), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    assert_string_equal(last_error.message, "Ech");
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    close_guest(sandbox);
}

/* The 0.1 host gave the string out as it came (record, defect 25). A guest of mote's is not asked.
 */
static void test_a_result_of_another_type_is_refused(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value text = mote_str("a");
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_status(call(sandbox, "Echo", &text, 1, MOTE_TYPE_I32, NULL),
                  IS_RUST ? MOTE_E_PROTOCOL : MOTE_E_TYPE);
    assert_int_equal(mote_sandbox_state_get(sandbox),
                     IS_RUST ? MOTE_SANDBOX_POISONED : MOTE_SANDBOX_READY);
    close_guest(sandbox);
}

/* The guest library cuts a long error by characters, and copies its old length (record, defect 20).
 */
static void test_an_error_that_overflows_its_buffer_is_read_within_it(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    char name[601];
    memset(name, 'n', sizeof(name) - 1);
    name[600] = '\0';
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_status(call_no_args(sandbox, name, MOTE_TYPE_I32, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    size_t len = strlen(last_error.message);
    assert_in_range(len, 150, 255);
    assert_memory_equal(last_error.message, name, len);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(1)), 1);
    close_guest(sandbox);
}

static void test_two_to_eleven_arguments_are_printed(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static const char *const functions[] = {
        "PrintTwoArgs",   "PrintThreeArgs", "PrintFourArgs", "PrintFiveArgs", "PrintSixArgs",
        "PrintSevenArgs", "PrintEightArgs", "PrintNineArgs", "PrintTenArgs",  "PrintElevenArgs"};
    static const char *const shown[] = {"1",     "2", "3", "4",  "5",    "true",
                                        "false", "8", "9", "10", "3.123"};
    const mote_value args[] = {mote_str("1"), mote_i32(2),     mote_i64(3),      mote_str("4"),
                               mote_str("5"), mote_bool(true), mote_bool(false), mote_str("8"),
                               mote_i64(9),   mote_i32(10),    mote_f32(3.123F)};
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    for (size_t n = 2; n <= 11; n++) {
        char wanted[256] = "Message:";
        for (size_t i = 0; i < n; i++) {
            size_t used = strlen(wanted);
            snprintf(wanted + used, sizeof(wanted) - used, " arg%zu:%s", i + 1, shown[i]);
        }
        strcat(wanted, ".");
        mote_value result;
        seen.printed_bytes = 0;
        assert_ok(call(sandbox, functions[n - 2], args, n, MOTE_TYPE_I32, &result));
        assert_string_equal(seen.printed, wanted);
        assert_int_equal(result.as.i32, strlen(wanted));
    }
    close_guest(sandbox);
}

/* Its printf() leaves each result of HostPrint where it lies (record, defect 22). */
static void test_printf_does_not_fill_the_input_buffer(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    for (int i = 0; i < 1000; i++) {
        seen.printed_bytes = 0;
        assert_int_equal(call_i32(sandbox, "PrintUsingPrintf", mote_str("printed")), 7);
        assert_string_equal(seen.printed, "printed");
    }
    close_guest(sandbox);
}

static void test_the_host_is_called_back(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_value result;
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_ok(CALL(sandbox, "Add", MOTE_TYPE_I32, &result, mote_i32(40), mote_i32(2)));
    assert_int_equal(result.as.i32, 42);
    assert_ok(call_no_args(sandbox, "ViolateSeccompFilters", MOTE_TYPE_U64, &result));
    assert_int_equal(result.as.u64, getpid());
    assert_int_equal(call_i32(sandbox, "PrintOutput", mote_str("hello")), 5);
    assert_string_equal(seen.printed, "hello");
    close_guest(sandbox);
    sandbox = open_guest(CALLBACK, MOTE_LOG_ERROR);
    assert_int_equal(call_i32(sandbox, "GuestMethod", mote_str("x")), 27);
    assert_string_equal(seen.heard, "Hello from GuestFunction, x");
    assert_int_equal(call_i32(sandbox, "GuestMethod1", mote_str("x")), 28);
    assert_string_equal(seen.heard, "Hello from GuestFunction1, x");
    call_i32(sandbox, "GuestMethod2", mote_str("x"));
    assert_string_equal(seen.heard, "Hello from GuestFunction2, x");
    call_i32(sandbox, "GuestMethod3", mote_str("x"));
    assert_string_equal(seen.heard, "Hello from GuestFunction3, x");
    assert_ok(call_no_args(sandbox, "GuestMethod4", MOTE_TYPE_VOID, NULL));
    assert_string_equal(seen.heard, "Hello from GuestFunction4");
    assert_ok(call_no_args(sandbox, "CallHostSpin", MOTE_TYPE_VOID, NULL));
    close_guest(sandbox);
}

static void test_a_host_functions_failure_ends_the_call(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(CALLBACK, MOTE_LOG_ERROR);
    assert_status(CALL(sandbox, "CallErrorMethod", MOTE_TYPE_I32, NULL, mote_str("why")),
                  MOTE_E_HOST_FUNCTION);
    assert_string_equal(seen.heard, "Error From Host: why");
    assert_string_equal(last_error.function, "ErrorMethod");
    assert_string_equal(last_error.message, "Host function error!");
    assert_int_equal(last_error.guest_code, 21);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    close_guest(sandbox);
}

/* The Rust library looks the function up in what the host has described, and does not call. */
static void test_a_missing_host_function_is_an_error(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value args[] = {mote_i32(1), mote_i32(2)};
    mote_sandbox *sandbox = open_sandbox(SIMPLE, NULL);
    assert_status(call(sandbox, "Add", args, 2, MOTE_TYPE_I32, NULL),
                  IS_RUST ? MOTE_E_GUEST_ERROR : MOTE_E_HOST_FUNCTION_UNKNOWN);
    if (IS_RUST)
        assert_non_null(strstr(last_error.message, "HostAdd"));
    close_guest(sandbox);
}

/* A record and a host call above the call and below its result. */
static void test_the_buffers_are_stacks(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_value result;
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_TRACE);
    assert_ok(call_no_args(sandbox, "ThisIsNotARealFunctionButTheNameIsImportant", MOTE_TYPE_I32,
                           &result));
    assert_int_equal(result.as.i32, 99);
    assert_string_equal(seen.printed, "text above the call");
    assert_int_equal(seen.n_records, 1);
    assert_string_equal(seen.records[0].message, "a record above the call");
    close_guest(sandbox);
}

static void test_the_host_says_which_records_are_sent(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    for (int wanted = MOTE_LOG_OFF; wanted <= MOTE_LOG_TRACE; wanted++) {
        mote_sandbox *sandbox = open_guest(SIMPLE, (mote_log_level)wanted);
        for (int level = 0; level <= MOTE_LOG_TRACE; level++)
            assert_ok(CALL(sandbox, "LogMessage", MOTE_TYPE_VOID, NULL, mote_str("logged"),
                           mote_i32(level)));
        assert_int_equal(seen.n_records, wanted);
        for (int i = 0; i < wanted; i++) {
            assert_int_equal(seen.records[i].level, i + 1);
            assert_string_equal(seen.records[i].message, "logged");
            assert_string_equal(seen.records[i].source, IS_RUST ? "simple" : "guest");
            assert_non_null(strstr(seen.records[i].file, IS_RUST ? "simple.rs" : "simple.c"));
            assert_true(seen.records[i].line > 0);
        }
        close_guest(sandbox);
    }
}

/* The Rust guest sends the record past its library's own filter, whatever the host wants. */
static void test_a_record_names_a_source_of_its_own(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(CALLBACK, IS_RUST ? MOTE_LOG_OFF : MOTE_LOG_INFO);
    assert_ok(CALL(sandbox, "LogMessage", MOTE_TYPE_VOID, NULL, mote_str("text"),
                   mote_str("somewhere"), mote_i32(3)));
    assert_int_equal(seen.n_records, 1);
    assert_int_equal(seen.records[0].level, MOTE_LOG_INFO);
    assert_string_equal(seen.records[0].message, "text");
    assert_string_equal(seen.records[0].source, "somewhere");
    close_guest(sandbox);
}

static void test_calls_keep_the_guests_state(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_value result;
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(5)), 5);
    assert_int_equal(call_i32(sandbox, "AddToStatic", mote_i32(7)), 12);
    assert_ok(call_no_args(sandbox, "GetStatic", MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 12);
    assert_ok(call_no_args(sandbox, "SetStatic", MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 1048576);
    close_guest(sandbox);
}

static void test_aborts_carry_code_and_text(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    char text[1101];
    memset(text, 't', sizeof(text) - 1);
    text[1100] = '\0';
    const mote_value code = mote_i32(MT_GUEST_CODE_MALLOC_FAILED);
    assert_aborts("GuestAbortWithCode", &code, 1, MT_GUEST_CODE_MALLOC_FAILED, "");
    mote_value args[] = {mote_i32(3), mote_str("Oh no")};
    assert_aborts("GuestAbortWithMessage", args, 2, 3, "Oh no");
    args[1] = mote_str(text);
    assert_ends("GuestAbortWithMessage", args, 2, MOTE_TYPE_VOID, MOTE_E_GUEST_ABORT);
    assert_in_range(strlen(last_error.message), 400, 1023);
    assert_memory_equal(last_error.message, text, strlen(last_error.message));
}

static void test_a_panic_is_an_abort_with_its_text(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value text = mote_str("the sky is falling");
    assert_ends("guest_panic", &text, 1, MOTE_TYPE_VOID, MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_UNKNOWN);
    assert_non_null(strstr(last_error.message, "the sky is falling"));
    assert_true(!IS_RUST || strstr(last_error.message, "simple.rs") != NULL);
}

static void test_memory_is_given_or_the_guest_ends(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static const char *const functions[] = {"CallMalloc", "MallocAndFree", "TestHlMalloc"};
    const mote_value too_much = mote_i32(0x20000 + 1);
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(call_i32(sandbox, functions[i], mote_i32(2000)), 2000);
    close_guest(sandbox);
    assert_ends("TestHlMalloc", &too_much, 1, MOTE_TYPE_I32, MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_MALLOC_FAILED);
    assert_ends("CallMalloc", &too_much, 1, MOTE_TYPE_I32, MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code,
                     IS_RUST ? MT_GUEST_CODE_UNKNOWN : MT_GUEST_CODE_MALLOC_FAILED);
    assert_non_null(strstr(last_error.message, IS_RUST ? "memory allocation of 131073 bytes failed"
                                                       : "no memory for 131073 bytes"));
}

static void test_the_stack_is_enough_or_overflows(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_value result;
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
    assert_int_equal(call_i32(sandbox, "StackAllocate", mote_i32(100)), 100);
    assert_int_equal(call_i32(sandbox, "StackOverflow", mote_i32(1)), 1);
    assert_ok(call_no_args(sandbox, "SmallVar", MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 1024);
    close_guest(sandbox);
    mote_value n = mote_i32(0);
    assert_overflows("StackAllocate", &n, 1);
    n = mote_i32(10 * 1024 * 1024);
    assert_overflows("StackAllocate", &n, 1);
    n = mote_i32(65000 / 512 * 4);
    assert_overflows("StackOverflow", &n, 1);
    assert_overflows("LargeVar", NULL, 0);
    assert_ends("InfiniteRecursion", NULL, 0, MOTE_TYPE_VOID, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
}

static void test_the_guard_page_is_one_page(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static const int64_t fine[] = {-1024, -1, 4096, 5120};
    static const int64_t wrong[] = {0, 1, 1024, 4095};
    for (size_t i = 0; i < 4; i++) {
        mote_value result;
        mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
        assert_ok(CALL(sandbox, "test_write_raw_ptr", MOTE_TYPE_STR, &result, mote_i64(fine[i])));
        assert_string_equal(result.as.str.data, "success");
        close_guest(sandbox);
        const mote_value offset = mote_i64(wrong[i]);
        assert_ends("test_write_raw_ptr", &offset, 1, MOTE_TYPE_STR, MOTE_E_GUEST_FAULT);
        assert_string_equal(last_error.fault.cause, "stack overflow");
    }
}

static void test_data_is_not_executed(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    assert_ends("ExecuteOnStack", NULL, 0, MOTE_TYPE_STR, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "execute of data");
    assert_string_equal(last_error.fault.region, "stack");
    assert_ends("ExecuteOnHeap", NULL, 0, MOTE_TYPE_STR, MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.region, "heap");
}

static void test_an_executable_heap_is_executed(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_config config = MOTE_CONFIG_INIT;
    mote_value result;
    config.executable_heap = true;
    mote_sandbox *sandbox = open_sandbox(SIMPLE, &config);
    assert_ok(call_no_args(sandbox, "ExecuteOnHeap", MOTE_TYPE_STR, &result));
    assert_string_equal(result.as.str.data, "executed");
    close_guest(sandbox);
}

static void test_a_spinning_guest_is_stopped(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 20 * 1000;
    mote_sandbox *sandbox = open_sandbox(SIMPLE, &config);
    assert_status(call_no_args(sandbox, "Spin", MOTE_TYPE_VOID, NULL), MOTE_E_TIME_LIMIT);
    close_guest(sandbox);
}

static void test_a_short_buffer_is_not_overrun(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    mote_sandbox *sandbox = open_guest(SIMPLE, MOTE_LOG_ERROR);
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
        cmocka_unit_test(test_two_to_eleven_arguments_are_printed),
        cmocka_unit_test(test_printf_does_not_fill_the_input_buffer),
        cmocka_unit_test(test_the_host_is_called_back),
        cmocka_unit_test(test_a_host_functions_failure_ends_the_call),
        cmocka_unit_test(test_a_missing_host_function_is_an_error),
        cmocka_unit_test(test_the_buffers_are_stacks),
        cmocka_unit_test(test_the_host_says_which_records_are_sent),
        cmocka_unit_test(test_a_record_names_a_source_of_its_own),
        cmocka_unit_test(test_calls_keep_the_guests_state),
        cmocka_unit_test(test_aborts_carry_code_and_text),
        cmocka_unit_test(test_a_panic_is_an_abort_with_its_text),
        cmocka_unit_test(test_memory_is_given_or_the_guest_ends),
        cmocka_unit_test(test_the_stack_is_enough_or_overflows),
        cmocka_unit_test(test_the_guard_page_is_one_page),
        cmocka_unit_test(test_data_is_not_executed),
        cmocka_unit_test(test_an_executable_heap_is_executed),
        cmocka_unit_test(test_a_spinning_guest_is_stopped),
        cmocka_unit_test(test_a_short_buffer_is_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
