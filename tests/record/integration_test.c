/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The integration tests of Hyperlight 0.1, `integration_test.rs` (README.md), each by
 * its name: one call in a single-use sandbox.
 */
#include "tests/record/record.h"

#include "abi/codes.h"
#include <stdio.h>
#include <string.h>

#define HEAP_BYTES 0x20000
#define STACK_BYTES (64 * 1024)

/* One call in a sandbox of its own. */
static mote_status call_once(const char *function, const mote_value *args, size_t n_args,
                             mote_type returns, int32_t *result)
{
    struct host host;
    mote_value value;
    mote_sandbox *sandbox = single_use_guest(&host, RECORD_SIMPLE);
    mote_status status = mote_call(sandbox, function, args, n_args, returns, &value, &last_error);
    if (status == MOTE_OK && returns == MOTE_TYPE_I32)
        *result = value.as.i32;
    assert_int_equal(mote_sandbox_state_get(sandbox),
                     status == MOTE_OK ? MOTE_SANDBOX_SPENT : MOTE_SANDBOX_POISONED);
    close_guest(sandbox);
    return status;
}

static void assert_returns(const char *function, const mote_value *args, size_t n_args,
                           int32_t wanted)
{
    int32_t result = ~wanted;
    assert_ok(call_once(function, args, n_args, MOTE_TYPE_I32, &result));
    assert_int_equal(result, wanted);
}

static void assert_overflows(const char *function, const mote_value *args, size_t n_args,
                             mote_type returns)
{
    int32_t result;
    assert_status(call_once(function, args, n_args, returns, &result), MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "stack overflow");
}

static void assert_aborts(const char *function, const mote_value *args, size_t n_args,
                          mote_type returns, uint64_t code)
{
    int32_t result;
    assert_status(call_once(function, args, n_args, returns, &result), MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, code);
}

static void test_print_four_args(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value args[] = {mote_str("Test4"), mote_i32(3), mote_i64(4), mote_str("Tested")};
    assert_returns("PrintFourArgs", args, 4, 46);
}

/* ---- Aborts and panics ---- */

static void test_guest_abort(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value code = mote_i32(MT_GUEST_CODE_MALLOC_FAILED);
    assert_aborts("GuestAbortWithCode", &code, 1, MOTE_TYPE_VOID, MT_GUEST_CODE_MALLOC_FAILED);
    assert_string_equal(last_error.message, "");
}

static void test_guest_abort_with_context1(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value args[] = {mote_i32(25), mote_str("Oh no")};
    assert_aborts("GuestAbortWithMessage", args, 2, MOTE_TYPE_VOID, 25);
    assert_string_equal(last_error.message, "Oh no");
}

/* A text of more than the panic buffer's 1024 bytes keeps its beginning. */
static void test_guest_abort_with_context2(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    char text[1101];
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = (char)('a' + i % 26);
    text[sizeof(text) - 1] = '\0';
    const mote_value args[] = {mote_i32(60), mote_str(text)};
    assert_aborts("GuestAbortWithMessage", args, 2, MOTE_TYPE_VOID, 60);
    assert_in_range(strlen(last_error.message), 400, 1023);
    assert_memory_equal(last_error.message, text, strlen(last_error.message));
}

static void test_guest_panic(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value text = mote_str("Error... error...");
    assert_aborts("guest_panic", &text, 1, MOTE_TYPE_VOID, MT_GUEST_CODE_UNKNOWN);
    assert_non_null(strstr(last_error.message, "Error... error..."));
    assert_true(!RECORD_IS_RUST || strstr(last_error.message, "simple.rs") != NULL);
}

/* ---- The heap ---- */

static void test_guest_malloc(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value size = mote_i32(2000);
    assert_returns("CallMalloc", &size, 1, 2000);
    assert_returns("MallocAndFree", &size, 1, 2000);
}

static void test_guest_hlmalloc(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value size = mote_i32(2000);
    assert_returns("TestHlMalloc", &size, 1, 2000);
}

/* Where Rust's own allocation fails, it panics. */
static void test_guest_hlmalloc_abort(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value size = mote_i32(HEAP_BYTES + 1);
    assert_aborts("TestHlMalloc", &size, 1, MOTE_TYPE_I32, MT_GUEST_CODE_MALLOC_FAILED);
    assert_aborts("CallMalloc", &size, 1, MOTE_TYPE_I32,
                  RECORD_IS_RUST ? MT_GUEST_CODE_UNKNOWN : MT_GUEST_CODE_MALLOC_FAILED);
    assert_non_null(strstr(last_error.message, RECORD_IS_RUST
                                                   ? "memory allocation of 131073 bytes failed"
                                                   : "no memory for 131073 bytes"));
}

/* ---- The stack ---- */

static void test_dynamic_stack_allocate(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value size = mote_i32(100);
    assert_returns("StackAllocate", &size, 1, 100);
}

static void test_dynamic_stack_allocate_overflow(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value more_than_there_is = mote_i32(0);
    assert_overflows("StackAllocate", &more_than_there_is, 1, MOTE_TYPE_I32);
}

static void test_dynamic_stack_allocate_pointer_overflow(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value size = mote_i32(10 * 1024 * 1024);
    assert_overflows("StackAllocate", &size, 1, MOTE_TYPE_I32);
}

static void test_static_stack_allocate(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    assert_returns("SmallVar", NULL, 0, 1024);
}

static void test_static_stack_allocate_overflow(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    assert_overflows("LargeVar", NULL, 0, MOTE_TYPE_I32);
}

static void test_recursive_stack_allocate(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value depth = mote_i32(1);
    assert_returns("StackOverflow", &depth, 1, 1);
}

static void test_recursive_stack_allocate_overflow(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    const mote_value depth = mote_i32(STACK_BYTES / 512 * 2);
    assert_overflows("StackOverflow", &depth, 1, MOTE_TYPE_I32);
}

static void assert_writes(const mote_value *offset)
{
    struct host host;
    mote_value result;
    mote_sandbox *sandbox = single_use_guest(&host, RECORD_SIMPLE);
    assert_ok(
        mote_call(sandbox, "test_write_raw_ptr", offset, 1, MOTE_TYPE_STR, &result, &last_error));
    assert_string_equal(result.as.str.data, "success");
    close_guest(sandbox);
}

/* Offsets count from the first byte of the guard page. */
static void test_guard_page_check(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    static const struct {
        int64_t offset;
        bool is_guarded;
    } places[] = {{-1024, false}, {-1, false},  {0, true},     {1, true},
                  {1024, true},   {4095, true}, {4096, false}, {5120, false}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const mote_value offset = mote_i64(places[i].offset);
        if (places[i].is_guarded)
            assert_overflows("test_write_raw_ptr", &offset, 1, MOTE_TYPE_STR);
        else
            assert_writes(&offset);
    }
}

static void test_guard_page_check_2(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    assert_overflows("InfiniteRecursion", NULL, 0, MOTE_TYPE_VOID);
}

/* ---- Code where none should be ---- */

static void test_execute_on_stack(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    assert_status(call_once("ExecuteOnStack", NULL, 0, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "execute of data");
    assert_string_equal(last_error.fault.region, "stack");
}

static void test_execute_on_heap(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    struct host host;
    mote_config config = patient_config();
    mote_value result;
    assert_status(call_once("ExecuteOnHeap", NULL, 0, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.region, "heap");
    config.executable_heap = true;
    mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, &config);
    assert_ok(CALL_NONE(mote_call, sandbox, "ExecuteOnHeap", MOTE_TYPE_STR, &result));
    assert_string_equal(result.as.str.data, "executed");
    close_guest(sandbox);
}

/* ---- Records ---- */

/* The guest sends one at each level; the host's level decides how many come. */
static void test_log_message(void **state)
{
    (void)state;
    NEEDS_GUESTS();
    for (int wanted = MOTE_LOG_OFF; wanted <= MOTE_LOG_TRACE; wanted++) {
        struct host host;
        mote_config config = patient_config();
        config.max_log = (mote_log_level)wanted;
        config.log_is_set = true;
        mote_sandbox *sandbox = evolve_guest(&host, RECORD_SIMPLE, &config);
        for (int level = 0; level <= MOTE_LOG_TRACE; level++)
            assert_ok(CALL(mote_call_reset, sandbox, "LogMessage", MOTE_TYPE_VOID, NULL,
                           mote_str("Hello"), mote_i32(level)));
        assert_int_equal(host.n_records, wanted);
        for (int i = 0; i < wanted; i++) {
            assert_int_equal(host.records[i].level, i + 1);
            assert_string_equal(host.records[i].message, "Hello");
            assert_string_equal(host.records[i].source, RECORD_IS_RUST ? "simple" : "guest");
            assert_non_null(
                strstr(host.records[i].file, RECORD_IS_RUST ? "simple.rs" : "simple.c"));
            assert_true(host.records[i].line > 0);
        }
        close_guest(sandbox);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_four_args),
        cmocka_unit_test(test_guest_abort),
        cmocka_unit_test(test_guest_abort_with_context1),
        cmocka_unit_test(test_guest_abort_with_context2),
        cmocka_unit_test(test_guest_panic),
        cmocka_unit_test(test_guest_malloc),
        cmocka_unit_test(test_guest_hlmalloc),
        cmocka_unit_test(test_guest_hlmalloc_abort),
        cmocka_unit_test(test_dynamic_stack_allocate),
        cmocka_unit_test(test_dynamic_stack_allocate_overflow),
        cmocka_unit_test(test_dynamic_stack_allocate_pointer_overflow),
        cmocka_unit_test(test_static_stack_allocate),
        cmocka_unit_test(test_static_stack_allocate_overflow),
        cmocka_unit_test(test_recursive_stack_allocate),
        cmocka_unit_test(test_recursive_stack_allocate_overflow),
        cmocka_unit_test(test_guard_page_check),
        cmocka_unit_test(test_guard_page_check_2),
        cmocka_unit_test(test_execute_on_stack),
        cmocka_unit_test(test_execute_on_heap),
        cmocka_unit_test(test_log_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
