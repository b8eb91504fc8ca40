/* SPDX-License-Identifier: Apache-2.0 */
/* The guest SDK from outside: host calls that are tried, calls of every shape, logs, memory. */
#include "tests/api/fixture.h"

#include "abi/codes.h"
#include <stdio.h>
#include <string.h>

#define SDK MOTE_BUILD_DIR "/tests/guests/sdk.elf"
#define HEADLESS MOTE_BUILD_DIR "/tests/guests/headless.elf"
#define MAX_RECORDS 16

static struct {
    struct {
        mote_log_level level;
        char message[64], source[64], caller[64], file[64];
        uint32_t line;
    } records[MAX_RECORDS];
    size_t n_records;
} seen;

static void copy_view(char *to, size_t room, const mote_str_view *view)
{
    snprintf(to, room, "%.*s", (int)view->len_bytes, view->data);
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
    copy_view(seen.records[i].caller, sizeof(seen.records[i].caller), &record->caller);
    copy_view(seen.records[i].file, sizeof(seen.records[i].file), &record->source_file);
}

/* ---- Host functions ---- */

static mote_status length(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static mote_status fail_with_text(void *context, const mote_value *args, size_t n_args,
                                  mote_value *result, mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 21, "%s", args[0].as.str.data);
}

static mote_status return_text(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    static char large[32 * 1024];
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    memset(large, 'l', sizeof(large) - 1);
    *result = mote_str(large);
    return MOTE_OK;
}

static mote_status wrong_result(void *context, const mote_value *args, size_t n_args,
                                mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_str("not a number");
    return MOTE_OK;
}

static mote_sandbox *open_sdk(const mote_config *config)
{
    static const mote_host_function functions[] = {
        {.name = "Length", .fn = length, .n_params = 1, .params = {MOTE_TYPE_STR}},
        {.name = "Fail", .fn = fail_with_text, .n_params = 1, .params = {MOTE_TYPE_STR}},
        {.name = "TakesNone", .fn = length},
        {.name = "TakesNumber", .fn = length, .n_params = 1, .params = {MOTE_TYPE_I32}},
        {.name = "Large",
         .fn = return_text,
         .returns = MOTE_TYPE_STR,
         .n_params = 1,
         .params = {MOTE_TYPE_STR}},
        {.name = "Wrong", .fn = wrong_result, .n_params = 1, .params = {MOTE_TYPE_STR}},
    };
    memset(&seen, 0, sizeof(seen));
    mote_sandbox *sandbox = create_sandbox(SDK, config);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        assert_ok(mote_sandbox_register(sandbox, &functions[i], &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

static mote_status call(mote_sandbox *sandbox, const char *function, const mote_value *args,
                        size_t n_args, mote_value *result)
{
    return mote_call(sandbox, function, args, n_args, MOTE_TYPE_ANY, result, &last_error);
}

/* ---- Host calls that are tried ---- */

static void assert_tries(mote_sandbox *sandbox, const char *function, const char *text,
                         const char *wanted)
{
    const mote_value args[] = {mote_str(function), mote_str(text)};
    mote_value result;
    assert_ok(call(sandbox, "Try", args, 2, &result));
    assert_string_equal(result.as.str.data, wanted);
}

static void test_a_guest_that_tries_is_told_of_the_failure(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_tries(sandbox, "Length", "four", "answered 4");
    assert_tries(sandbox, "Fail", "no such \"key\"\\\n\xC3\xBC",
                 "73 21 Fail: no such \"key\"\\\n\xC3\xBC");
    assert_tries(sandbox, "Length", "", "answered 0");
    assert_tries(sandbox, "Fail", "", "73 21 Fail: host function Fail failed with code 21: ");
    assert_tries(sandbox, "Nobody", "x", "74 0 Nobody: host function Nobody is not registered");
    assert_tries(sandbox, "TakesNone", "x",
                 "75 0 TakesNone: host function TakesNone takes 0 arguments and got 1");
    assert_tries(sandbox, "TakesNumber", "x",
                 "75 0 TakesNumber: argument 0 of host function TakesNumber is i32 and got str");
    assert_tries(sandbox, "Wrong", "x",
                 "73 0 Wrong: result of host function Wrong is i32 and got str");
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    mote_sandbox_destroy(sandbox);
}

static void test_a_result_without_room_is_told_too(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_str("Large"), mote_str("x")};
    mote_value result;
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_ok(call(sandbox, "Try", args, 2, &result));
    assert_memory_equal(result.as.str.data, "9 0 Large: ", 11);
    mote_sandbox_destroy(sandbox);
}

static void test_failures_leave_nothing_behind(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value n = mote_i32(500);
    mote_value result;
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_ok(call(sandbox, "TryMany", &n, 1, &result));
    assert_string_equal(result.as.str.data, "500 failed, 1000 answered");
    mote_sandbox_destroy(sandbox);
}

static void test_records_travel_with_a_call_that_is_tried(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value n = mote_i32(3);
    mote_config config = MOTE_CONFIG_INIT;
    mote_value result;
    config.log = take_record;
    config.max_log = MOTE_LOG_INFO;
    config.log_is_set = true;
    mote_sandbox *sandbox = open_sdk(&config);
    assert_ok(call(sandbox, "TryWithLogs", &n, 1, &result));
    assert_string_equal(result.as.str.data, "73 21 Fail: x");
    assert_int_equal(seen.n_records, 3);
    assert_string_equal(seen.records[2].message, "record 2");
    mote_sandbox_destroy(sandbox);
}

static void test_a_call_that_is_not_tried_still_ends(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_value result;
    mote_sandbox *sandbox = open_sdk(NULL);
    const mote_status status =
        mote_call(sandbox, "Forward0", NULL, 0, MOTE_TYPE_I32, &result, &last_error);
    assert_int_equal(status, MOTE_E_HOST_FUNCTION_UNKNOWN);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

/* ---- Zero to eleven parameters of every type, both ways, and every result ---- */

#define N_PARAMETER_TYPES 9
#define N_RESULT_TYPES 10

static mote_value sample(mote_type type, size_t seed)
{
    static const char *const texts[] = {"", "a", "\xE2\x82\xAC uro", "four"};
    static const uint8_t bytes[] = {0, 1, 254, 255};
    switch (type) {
    case MOTE_TYPE_I32:
        return mote_i32(INT32_MIN + (int32_t)seed);
    case MOTE_TYPE_U32:
        return mote_u32(UINT32_MAX - (uint32_t)seed);
    case MOTE_TYPE_I64:
        return mote_i64(INT64_MIN + (int64_t)seed);
    case MOTE_TYPE_U64:
        return mote_u64(UINT64_MAX - seed);
    case MOTE_TYPE_F32:
        return mote_f32(-0.5F * (float)seed);
    case MOTE_TYPE_F64:
        return mote_f64(1e300 / (double)(seed + 1));
    case MOTE_TYPE_STR:
        return mote_str(texts[seed % 4]);
    case MOTE_TYPE_BOOL:
        return mote_bool(seed % 2 == 0);
    case MOTE_TYPE_BYTES:
        return mote_bytes(bytes, seed % 5);
    case MOTE_TYPE_VOID:
    case MOTE_TYPE_ANY:
        break;
    }
    return mote_void();
}

static void assert_same(const mote_value *got, const mote_value *wanted)
{
    assert_int_equal(got->type, wanted->type);
    switch (wanted->type) {
    case MOTE_TYPE_STR:
        assert_string_equal(got->as.str.data, wanted->as.str.data);
        break;
    case MOTE_TYPE_BYTES:
        assert_int_equal(got->as.bytes.len_bytes, wanted->as.bytes.len_bytes);
        if (wanted->as.bytes.len_bytes > 0)
            assert_memory_equal(got->as.bytes.data, wanted->as.bytes.data,
                                wanted->as.bytes.len_bytes);
        break;
    case MOTE_TYPE_BOOL:
        assert_int_equal(got->as.boolean, wanted->as.boolean);
        break;
    case MOTE_TYPE_I32:
    case MOTE_TYPE_U32:
    case MOTE_TYPE_F32:
        assert_memory_equal(&got->as.u32, &wanted->as.u32, 4);
        break;
    case MOTE_TYPE_I64:
    case MOTE_TYPE_U64:
    case MOTE_TYPE_F64:
        assert_memory_equal(&got->as.u64, &wanted->as.u64, 8);
        break;
    case MOTE_TYPE_VOID:
    case MOTE_TYPE_ANY:
        break;
    }
}

/* What function HostN takes and returns, in one of nine turns. */
static mote_host_function shape(size_t n, size_t turn)
{
    mote_host_function made = {.n_params = n, .returns = (mote_type)((n + turn) % N_RESULT_TYPES)};
    for (size_t i = 0; i < n; i++)
        made.params[i] = (mote_type)((i + turn) % N_PARAMETER_TYPES);
    return made;
}

struct shaped {
    size_t n, turn;
    size_t n_called;
};

static mote_status answer_shape(void *context, const mote_value *args, size_t n_args,
                                mote_value *result, mote_error *err)
{
    struct shaped *shaped = context;
    const mote_host_function function = shape(shaped->n, shaped->turn);
    (void)err;
    assert_int_equal(n_args, shaped->n);
    for (size_t i = 0; i < n_args; i++) {
        const mote_value wanted = sample(function.params[i], i);
        assert_same(&args[i], &wanted);
    }
    shaped->n_called++;
    *result = sample(function.returns, shaped->n);
    return MOTE_OK;
}

static void try_shapes(size_t turn)
{
    struct shaped shaped[MOTE_MAX_PARAMETERS + 1];
    mote_sandbox *sandbox = create_sandbox(SDK, NULL);
    char name[16];
    for (size_t n = 0; n <= MOTE_MAX_PARAMETERS; n++) {
        mote_host_function function = shape(n, turn);
        shaped[n] = (struct shaped){n, turn, 0};
        snprintf(name, sizeof(name), "Host%zu", n);
        function.name = name;
        function.fn = answer_shape;
        function.context = &shaped[n];
        assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    }
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    for (size_t n = 0; n <= MOTE_MAX_PARAMETERS; n++) {
        const mote_host_function function = shape(n, turn);
        mote_value args[MOTE_MAX_PARAMETERS];
        mote_value result;
        for (size_t i = 0; i < n; i++)
            args[i] = sample(function.params[i], i);
        snprintf(name, sizeof(name), "Forward%zu", n);
        assert_ok(mote_call(sandbox, name, args, n, function.returns, &result, &last_error));
        const mote_value wanted = sample(function.returns, n);
        assert_same(&result, &wanted);
        assert_int_equal(shaped[n].n_called, 1);
    }
    mote_sandbox_destroy(sandbox);
}

static void test_every_type_in_every_place_both_ways(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (size_t turn = 0; turn < N_RESULT_TYPES; turn++)
        try_shapes(turn);
}

static void test_more_than_eleven_are_refused_on_both_sides(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_value args[MOTE_MAX_PARAMETERS + 1];
    mote_sandbox *sandbox = open_sdk(NULL);
    for (size_t i = 0; i <= MOTE_MAX_PARAMETERS; i++)
        args[i] = mote_i32(0);
    assert_status(call(sandbox, "Forward12", args, MOTE_MAX_PARAMETERS + 1, NULL), MOTE_E_ARGUMENT);
    assert_status(call(sandbox, "TooManyArguments", NULL, 0, NULL), MOTE_E_GUEST_ERROR);
    assert_string_equal(last_error.message, "call of host function Host11 has 12 arguments");
    mote_sandbox_destroy(sandbox);
}

static void test_a_function_comes_at_run_time(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value number = mote_i32(14);
    const mote_value text = mote_str("14");
    mote_value result;
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_status(mote_call(sandbox, "Triple", &number, 1, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    assert_string_equal(last_error.message, "Triple");
    assert_ok(call(sandbox, "RegisterTriple", NULL, 0, NULL));
    assert_ok(mote_call(sandbox, "Triple", &number, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 42);
    assert_status(mote_call(sandbox, "Triple", &text, 1, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_string_equal(
        last_error.message,
        "Expected parameter type Int for parameter index 0 of function Triple but got String.");
    mote_sandbox_destroy(sandbox);
}

/* As one of a guest of Hyperlight 0.1: the guest answers, and the host refuses it. */
static void test_a_result_at_run_time_of_another_type_is_a_protocol_error(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value number = mote_i32(14);
    static const char *const functions[] = {"Triple", "NumberOfArguments"};
    for (size_t i = 0; i < 2; i++) {
        mote_sandbox *sandbox = open_sdk(NULL);
        assert_ok(call(sandbox, "RegisterTriple", NULL, 0, NULL));
        assert_ok(mote_call(sandbox, functions[i], &number, 1, MOTE_TYPE_I32, NULL, &last_error));
        assert_status(
            mote_call(sandbox, functions[i], &number, 1, MOTE_TYPE_STR, NULL, &last_error),
            MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_field, "return_value_type");
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
        mote_sandbox_destroy(sandbox);
    }
}

/* ---- Logs ---- */

static void test_every_level_comes_with_its_place(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const mote_log_level levels[] = {MOTE_LOG_TRACE, MOTE_LOG_DEBUG, MOTE_LOG_INFO,
                                            MOTE_LOG_WARN,  MOTE_LOG_ERROR, MOTE_LOG_ERROR};
    static const size_t wanted[] = {0, 2, 3, 4, 5, 6};
    const mote_value source = mote_str("a::source");
    for (int max = MOTE_LOG_OFF; max <= MOTE_LOG_TRACE; max++) {
        mote_config config = MOTE_CONFIG_INIT;
        config.log = take_record;
        config.max_log = (mote_log_level)max;
        config.log_is_set = true;
        mote_sandbox *sandbox = open_sdk(&config);
        assert_ok(call(sandbox, "LogAll", &source, 1, NULL));
        assert_int_equal(seen.n_records, wanted[max]);
        for (size_t i = 0; i < seen.n_records; i++) {
            size_t level = 6 - seen.n_records + i;
            char message[16];
            snprintf(message, sizeof(message), "level %zu", level);
            assert_int_equal(seen.records[i].level, levels[level]);
            assert_string_equal(seen.records[i].message, message);
            assert_string_equal(seen.records[i].source, "a::source");
            assert_string_equal(seen.records[i].caller, "somewhere");
            assert_string_equal(seen.records[i].file, "some/file.c");
            assert_int_equal(seen.records[i].line, 100 + level);
        }
        mote_sandbox_destroy(sandbox);
    }
}

static void test_a_record_names_the_line_that_made_it(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    mote_value line;
    config.log = take_record;
    config.max_log = MOTE_LOG_WARN;
    config.log_is_set = true;
    mote_sandbox *sandbox = open_sdk(&config);
    assert_ok(call(sandbox, "LogHere", NULL, 0, &line));
    assert_int_equal(seen.n_records, 1);
    assert_int_equal(seen.records[0].line, line.as.u32);
    assert_string_equal(seen.records[0].source, "guest");
    assert_string_equal(seen.records[0].caller, "LogHere");
    assert_non_null(strstr(seen.records[0].file, "sdk.c"));
    mote_sandbox_destroy(sandbox);
}

/* ---- Errors and aborts ---- */

/* Hyperlight 0.1's guest cut by characters and copied what it had not cut (D20). */
static void test_a_long_error_is_cut_between_characters(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    char text[901] = "";
    for (size_t i = 0; i < 300; i++)
        strcat(text, "\xE2\x82\xAC");
    const mote_value args[] = {mote_u32(77), mote_str(text)};
    static const size_t rooms[] = {128, 129, 256, 800};
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        mote_config config = MOTE_CONFIG_INIT;
        config.guest_error_bytes = rooms[i];
        mote_sandbox *sandbox = open_sdk(&config);
        assert_status(call(sandbox, "Fail", args, 2, NULL), MOTE_E_GUEST_ERROR);
        assert_int_equal(last_error.guest_code, 77);
        size_t len = strlen(last_error.message);
        assert_in_range(len, rooms[i] - 52, rooms[i] - 36);
        assert_int_equal(len % 3, 0);
        assert_memory_equal(last_error.message, text, len);
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
        mote_sandbox_destroy(sandbox);
    }
}

/* Hyperlight 0.1's abort had no bound (D20). */
static void test_a_long_abort_text_stays_in_its_buffer(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    char text[6001];
    memset(text, 't', sizeof(text) - 1);
    text[6000] = '\0';
    const mote_value args[] = {mote_u32(0x1FF), mote_str(text)};
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_status(call(sandbox, "Abort", args, 2, NULL), MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, 0xFF);
    assert_int_equal(strlen(last_error.message), 1023);
    mote_sandbox_destroy(sandbox);
}

static void test_a_long_abort_text_is_cut_between_characters(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    for (size_t n_before = 0; n_before < 4; n_before++) {
        char text[2000] = "";
        memset(text, 't', n_before);
        while (strlen(text) + 4 < sizeof(text))
            strcat(text, "\xF0\x9F\x98\x80");
        const mote_value args[] = {mote_u32(1), mote_str(text)};
        assert_status(call(sandbox, "Abort", args, 2, NULL), MOTE_E_GUEST_ABORT);
        size_t len = strlen(last_error.message);
        assert_int_equal(len, n_before + (1023 - n_before) / 4 * 4);
        assert_memory_equal(last_error.message, text, len);
        assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    }
    mote_sandbox_destroy(sandbox);
}

/* ---- Memory and the rest ---- */

static bool ask(mote_sandbox *sandbox, const char *function, const mote_value *args, size_t n_args)
{
    mote_value result;
    assert_ok(mote_call(sandbox, function, args, n_args, MOTE_TYPE_BOOL, &result, &last_error));
    return result.as.boolean;
}

static int32_t ask_i32(mote_sandbox *sandbox, const char *function, const mote_value *args,
                       size_t n_args)
{
    mote_value result;
    assert_ok(mote_call(sandbox, function, args, n_args, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

static void test_the_heap_counts_right(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value rounds = mote_i32(15);
    mote_sandbox *sandbox = open_sdk(NULL);
    mote_value sizes[] = {mote_u64(UINT64_MAX / 2 + 2), mote_u64(2)};
    assert_true(ask(sandbox, "Refuses", sizes, 2));
    sizes[1] = mote_u64(UINT64_MAX);
    assert_true(ask(sandbox, "Refuses", sizes, 2));
    sizes[0] = mote_u64(1);
    sizes[1] = mote_u64(0x20000);
    assert_true(ask(sandbox, "Refuses", sizes, 2));
    assert_true(ask(sandbox, "ReallocKeepsAndGrows", &rounds, 1));
    mote_sandbox_destroy(sandbox);
}

static void test_a_jump_comes_back_to_where_it_started(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_value args[] = {mote_i32(20), mote_i32(5)};
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_int_equal(ask_i32(sandbox, "Jump", args, 2), 5);
    args[1] = mote_i32(0);
    assert_int_equal(ask_i32(sandbox, "Jump", args, 2), 1);
    mote_sandbox_destroy(sandbox);
}

static void test_the_stack_is_the_functions_own(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value n = mote_i32(1000);
    mote_sandbox *sandbox = open_sdk(NULL);
    assert_int_equal(ask_i32(sandbox, "Alloca", &n, 1), (int32_t)(int8_t)(999 & 0xFF));
    assert_true(ask(sandbox, "StackMinIsBelow", NULL, 0));
    mote_sandbox_destroy(sandbox);
}

/* A guest's numbers differ from sandbox to sandbox, unless it asks for a seed (record, 6.1). */
static void test_rand_is_seeded_by_the_host_or_by_the_guest(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value seed = mote_u32(7);
    int32_t first[4];
    size_t n_same = 0;
    for (size_t i = 0; i < 4; i++) {
        mote_sandbox *sandbox = open_sdk(NULL);
        first[i] = ask_i32(sandbox, "Random", NULL, 0);
        assert_true(ask(sandbox, "RandIsRepeatable", &seed, 1));
        n_same += i > 0 && first[i] == first[0];
        mote_sandbox_destroy(sandbox);
    }
    assert_true(n_same < 3);
}

static void test_a_guest_runs_whose_headers_are_not_loaded(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_value result;
    mote_sandbox *sandbox = open_sandbox(HEADLESS, NULL);
    for (int i = 1; i <= 2; i++) {
        assert_ok(mote_call(sandbox, "Count", NULL, 0, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, i);
    }
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guest_that_tries_is_told_of_the_failure),
        cmocka_unit_test(test_a_result_without_room_is_told_too),
        cmocka_unit_test(test_failures_leave_nothing_behind),
        cmocka_unit_test(test_records_travel_with_a_call_that_is_tried),
        cmocka_unit_test(test_a_call_that_is_not_tried_still_ends),
        cmocka_unit_test(test_every_type_in_every_place_both_ways),
        cmocka_unit_test(test_more_than_eleven_are_refused_on_both_sides),
        cmocka_unit_test(test_a_function_comes_at_run_time),
        cmocka_unit_test(test_a_result_at_run_time_of_another_type_is_a_protocol_error),
        cmocka_unit_test(test_every_level_comes_with_its_place),
        cmocka_unit_test(test_a_record_names_the_line_that_made_it),
        cmocka_unit_test(test_a_long_error_is_cut_between_characters),
        cmocka_unit_test(test_a_long_abort_text_stays_in_its_buffer),
        cmocka_unit_test(test_a_long_abort_text_is_cut_between_characters),
        cmocka_unit_test(test_the_heap_counts_right),
        cmocka_unit_test(test_a_jump_comes_back_to_where_it_started),
        cmocka_unit_test(test_the_stack_is_the_functions_own),
        cmocka_unit_test(test_rand_is_seeded_by_the_host_or_by_the_guest),
        cmocka_unit_test(test_a_guest_runs_whose_headers_are_not_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
