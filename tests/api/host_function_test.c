/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions, prints and logs: registered, called, failing, replaced. */
#include "tests/api/fixture.h"

#include <stdio.h>
#include <string.h>

static void test_register_refuses_bad_definitions(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    int n_calls = 0;
    mote_sandbox *sandbox = create_sandbox(HELLO, NULL);
    const mote_host_function good = {
        .name = "F", .fn = answer_7, .context = &n_calls, .returns = MOTE_TYPE_I32};
    mote_host_function bad[10];
    char long_name[97];
    memset(long_name, 'x', 96);
    long_name[96] = '\0';
    for (size_t i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].name = NULL;
    bad[1].fn = NULL;
    bad[2].name = "";
    bad[3].name = long_name;
    bad[4].name = "\xC3";
    bad[5].n_params = 12;
    bad[6].n_params = 1;
    bad[6].params[0] = MOTE_TYPE_VOID;
    bad[7].returns = MOTE_TYPE_ANY;
    bad[8].returns = (mote_type)-1;
    bad[9].name = "HostPrint";
    for (size_t i = 0; i < 10; i++)
        assert_status(mote_sandbox_register(sandbox, &bad[i], &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_register(NULL, &good, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_register(sandbox, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_ok(mote_sandbox_register(sandbox, &good, &last_error));
    long_name[95] = '\0';
    bad[3].name = long_name;
    assert_ok(mote_sandbox_register(sandbox, &bad[3], &last_error));
    bad[5].n_params = 11;
    for (size_t i = 0; i < 11; i++)
        bad[5].params[i] = (mote_type)(i % (MOTE_TYPE_BYTES + 1));
    assert_ok(mote_sandbox_register(sandbox, &bad[5], &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_status(mote_sandbox_register(sandbox, &good, &last_error), MOTE_E_STATE);
    mote_sandbox_destroy(sandbox);
}

static void test_definitions_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = create_sandbox(HELLO, NULL);
    int n_calls = 0;
    size_t n = 0;
    mote_status status = MOTE_OK;
    while (status == MOTE_OK && n < 10000) {
        char name[32];
        snprintf(name, sizeof(name), "Function%zu", n++);
        const mote_host_function function = {
            .name = name, .fn = answer_7, .context = &n_calls, .returns = MOTE_TYPE_I32};
        status = mote_sandbox_register(sandbox, &function, &last_error);
    }
    assert_status(status, MOTE_E_DEFINITIONS_FULL);
    assert_true(n > 20);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_echoes(sandbox);
    mote_sandbox_destroy(sandbox);
}

static void test_the_last_registration_of_a_name_counts(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    int n_first = 0;
    int n_second = 0;
    mote_sandbox *sandbox = create_sandbox(HELLO, NULL);
    mote_host_function function = {.name = "EchoI32",
                                   .fn = answer_7,
                                   .context = &n_first,
                                   .returns = MOTE_TYPE_I32,
                                   .n_params = 1,
                                   .params = {MOTE_TYPE_I32}};
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    function.context = &n_second;
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    const mote_value arg = mote_i32(1);
    mote_value result;
    assert_ok(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 7);
    assert_int_equal(n_first, 0);
    assert_int_equal(n_second, 1);
    mote_sandbox_destroy(sandbox);
}

static mote_status fail_with_9(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 9, "no %s today", "bananas");
}

static mote_status return_wrong_type(void *context, const mote_value *args, size_t n_args,
                                     mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_str("not a number");
    return MOTE_OK;
}

static mote_status return_too_much(void *context, const mote_value *args, size_t n_args,
                                   mote_value *result, mote_error *err)
{
    static const uint8_t data[1 << 20];
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_bytes(data, sizeof(data));
    return MOTE_OK;
}

static mote_sandbox *with_function(const char *name, mote_host_fn fn, mote_type type)
{
    const mote_host_function function = {
        .name = name, .fn = fn, .returns = type, .n_params = 1, .params = {type}};
    return open_with_function(HELLO, NULL, &function);
}

static void test_a_failing_host_function_ends_the_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value arg = mote_i32(1);
    mote_sandbox *sandbox = with_function("EchoI32", fail_with_9, MOTE_TYPE_I32);
    assert_status(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, NULL, &last_error),
                  MOTE_E_HOST_FUNCTION);
    assert_string_equal(last_error.function, "EchoI32");
    assert_int_equal(last_error.guest_code, 9);
    assert_string_equal(last_error.message, "no bananas today");
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_a_host_function_must_keep_its_type(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value arg = mote_i32(1);
    mote_sandbox *sandbox = with_function("EchoI32", return_wrong_type, MOTE_TYPE_I32);
    assert_status(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, NULL, &last_error),
                  MOTE_E_HOST_FUNCTION);
    assert_string_equal(last_error.function, "EchoI32");
    mote_sandbox_destroy(sandbox);
}

static void test_a_host_result_must_fit_the_input_buffer(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value arg = mote_bytes("x", 1);
    mote_sandbox *sandbox = with_function("EchoBytes", return_too_much, MOTE_TYPE_BYTES);
    assert_status(mote_call(sandbox, "HostEchoBytes", &arg, 1, MOTE_TYPE_BYTES, NULL, &last_error),
                  MOTE_E_INPUT_FULL);
    assert_string_equal(last_error.function, "EchoBytes");
    mote_sandbox_destroy(sandbox);
}

static mote_status use_own_sandbox(void *context, const mote_value *args, size_t n_args,
                                   mote_value *result, mote_error *err)
{
    mote_sandbox *sandbox = *(mote_sandbox **)context;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    (void)args;
    (void)n_args;
    (void)err;
    bool is_refused =
        mote_call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, NULL) == MOTE_E_REENTRY &&
        mote_sandbox_init(sandbox, NULL) == MOTE_E_REENTRY &&
        mote_sandbox_stats_get(sandbox, &stats, NULL) == MOTE_E_REENTRY &&
        mote_sandbox_destroy(sandbox) == MOTE_E_REENTRY;
    *result = mote_i32(is_refused ? 1 : 0);
    return MOTE_OK;
}

static void test_reentry_from_a_host_function_is_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = NULL;
    const mote_host_function function = {.name = "EchoI32",
                                         .fn = use_own_sandbox,
                                         .context = &sandbox,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_I32}};
    const mote_value arg = mote_i32(0);
    mote_value result;
    sandbox = open_with_function(HELLO, NULL, &function);
    assert_ok(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 1);
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
}

static mote_status use_other_sandbox(void *context, const mote_value *args, size_t n_args,
                                     mote_value *result, mote_error *err)
{
    mote_sandbox *other = context;
    (void)n_args;
    (void)err;
    return mote_call(other, "EchoI32", args, 1, MOTE_TYPE_I32, result, NULL);
}

static void test_a_host_function_may_use_another_sandbox(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *other = open_sandbox(HELLO, NULL);
    const mote_host_function function = {.name = "EchoI32",
                                         .fn = use_other_sandbox,
                                         .context = other,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_I32}};
    const mote_value arg = mote_i32(-5);
    mote_value result;
    mote_sandbox *sandbox = open_with_function(HELLO, NULL, &function);
    assert_ok(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, -5);
    mote_sandbox_destroy(sandbox);
    mote_sandbox_destroy(other);
}

/* ---- Prints and logs ---- */

struct heard {
    char text[4096];
    size_t n_records;
    mote_log_level level;
    char message[128];
    uint32_t line;
};

static void hear_print(void *context, const char *text, size_t len_bytes)
{
    struct heard *heard = context;
    strncat(heard->text, text, len_bytes);
}

static void hear_log(void *context, const mote_log_record *record)
{
    struct heard *heard = context;
    heard->n_records++;
    heard->level = record->level;
    heard->line = record->line;
    snprintf(heard->message, sizeof(heard->message), "%.*s", (int)record->message.len_bytes,
             record->message.data);
}

static void test_prints_and_logs_arrive_with_the_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static struct heard heard;
    mote_config config = MOTE_CONFIG_INIT;
    memset(&heard, 0, sizeof(heard));
    config.print = hear_print;
    config.print_context = &heard;
    config.log = hear_log;
    config.log_context = &heard;
    config.max_log = MOTE_LOG_INFO;
    config.log_is_set = true;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    const mote_value text = mote_str("one two three\n");
    assert_ok(mote_call(sandbox, "Print", &text, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_string_equal(heard.text, "one two three\n");
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    assert_int_equal(stats.last_exits, 1);
    /* The guest's own numbers: 2 is information, 1 is debug. */
    const mote_value info[] = {mote_i32(2), mote_str("noted")};
    const mote_value debug[] = {mote_i32(1), mote_str("too much")};
    assert_ok(mote_call(sandbox, "Log", info, 2, MOTE_TYPE_VOID, NULL, &last_error));
    assert_int_equal(heard.n_records, 1);
    assert_int_equal(heard.level, MOTE_LOG_INFO);
    assert_string_equal(heard.message, "noted");
    assert_true(heard.line > 0);
    assert_ok(mote_call(sandbox, "Log", debug, 2, MOTE_TYPE_VOID, NULL, &last_error));
    assert_int_equal(heard.n_records, 1);
    mote_sandbox_destroy(sandbox);
}

static mote_status print_into(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)n_args;
    (void)err;
    hear_print(context, args[0].as.str.data, args[0].as.str.len_bytes);
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static void test_host_print_can_be_replaced(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static struct heard heard;
    const mote_host_function print = {.name = "HostPrint",
                                      .fn = print_into,
                                      .context = &heard,
                                      .returns = MOTE_TYPE_I32,
                                      .n_params = 1,
                                      .params = {MOTE_TYPE_STR}};
    mote_sandbox *sandbox = open_with_function(HELLO, NULL, &print);
    const mote_value text = mote_str("elsewhere");
    assert_ok(mote_call(sandbox, "Print", &text, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_string_equal(heard.text, "elsewhere");
    mote_sandbox_destroy(sandbox);
}

static mote_status echo_text(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    *result = args[0];
    return MOTE_OK;
}

/* Arguments lie in the input buffer, where results of host calls arrive as well. */
static void test_arguments_outlive_host_calls(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_host_function function = {.name = "EchoStr",
                                         .fn = echo_text,
                                         .returns = MOTE_TYPE_STR,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_STR}};
    const mote_value args[] = {mote_str("before"), mote_bytes("\x01\x02\x03", 3),
                               mote_str("after")};
    mote_value result;
    mote_sandbox *sandbox =
        open_with_function(MOTE_BUILD_DIR "/tests/guests/asker.elf", NULL, &function);
    assert_ok(mote_call(sandbox, "AskTwice", args, 3, MOTE_TYPE_STR, &result, &last_error));
    assert_string_equal(result.as.str.data, "before 3 3 after 59 short");
    mote_sandbox_destroy(sandbox);
}

/* ---- While the guest initialises ---- */

static void fail_in_init(const char *path, const mote_host_function *function, mote_status wanted)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.host_calls_in_init = true;
    mote_sandbox *sandbox = create_sandbox(path, &config);
    assert_ok(mote_sandbox_register(sandbox, function, &last_error));
    assert_status(mote_sandbox_init(sandbox, &last_error), wanted);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_status(mote_sandbox_register(sandbox, function, &last_error), MOTE_E_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_host_functions_that_fail_an_initialisation(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_host_function failing = {
        .name = "Seven", .fn = fail_with_9, .returns = MOTE_TYPE_I32};
    const mote_host_function large = {
        .name = "Data", .fn = return_too_much, .returns = MOTE_TYPE_BYTES};
    const mote_host_function other = {.name = "Seven",
                                      .fn = fail_with_9,
                                      .returns = MOTE_TYPE_I32,
                                      .n_params = 1,
                                      .params = {MOTE_TYPE_I32}};
    fail_in_init(MOTE_BUILD_DIR "/tests/guests/startup-hostcall.elf", &failing,
                 MOTE_E_HOST_FUNCTION);
    fail_in_init(MOTE_BUILD_DIR "/tests/guests/startup-hostcall.elf", &other,
                 MOTE_E_HOST_FUNCTION_ARGUMENTS);
    fail_in_init(MOTE_BUILD_DIR "/tests/guests/startup-hostbytes.elf", &large, MOTE_E_INPUT_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register_refuses_bad_definitions),
        cmocka_unit_test(test_definitions_that_do_not_fit_are_refused),
        cmocka_unit_test(test_the_last_registration_of_a_name_counts),
        cmocka_unit_test(test_a_failing_host_function_ends_the_call),
        cmocka_unit_test(test_a_host_function_must_keep_its_type),
        cmocka_unit_test(test_a_host_result_must_fit_the_input_buffer),
        cmocka_unit_test(test_reentry_from_a_host_function_is_refused),
        cmocka_unit_test(test_a_host_function_may_use_another_sandbox),
        cmocka_unit_test(test_prints_and_logs_arrive_with_the_call),
        cmocka_unit_test(test_host_print_can_be_replaced),
        cmocka_unit_test(test_arguments_outlive_host_calls),
        cmocka_unit_test(test_host_functions_that_fail_an_initialisation),
    };
    return cmocka_run_group_tests_name("host functions", tests, NULL, NULL);
}
