/* SPDX-License-Identifier: Apache-2.0 */
/* The in-process driver, which no policy chooses: what is the same there, and what is not. */
#include "tests/api/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

#define OLD MOTE_BUILD_DIR "/tests/guests/old.elf"
#define DEBUGGEE MOTE_BUILD_DIR "/tests/guests/debuggee.elf"

static const mote_config *in_process(void)
{
    static mote_config config;
    config = (mote_config)MOTE_CONFIG_INIT;
    config.driver = "inprocess";
    return &config;
}

static int32_t call_i32(mote_sandbox *sandbox, const char *function)
{
    mote_value result;
    assert_ok(mote_call(sandbox, function, NULL, 0, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

static int64_t count(mote_sandbox *sandbox)
{
    mote_value result;
    assert_ok(mote_call(sandbox, "Count", NULL, 0, MOTE_TYPE_I64, &result, &last_error));
    return result.as.i64;
}

/* ---- What is the same ---- */

static void test_calls_keep_state(void **state)
{
    (void)state;
    mote_sandbox *sandbox = open_sandbox(HELLO, in_process());
    assert_string_equal(mote_sandbox_driver(sandbox), "inprocess");
    int64_t before = count(sandbox);
    assert_echoes(sandbox);
    assert_int_equal(count(sandbox), before + 1);
    mote_sandbox_destroy(sandbox);
}

static void test_host_calls_are_answered(void **state)
{
    (void)state;
    mote_sandbox *sandbox = open_hello_with_host(in_process());
    mote_value value = mote_i32(-5);
    mote_value result;
    assert_ok(mote_call(sandbox, "HostEchoI32", &value, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, -5);
    value = mote_f64(0.1);
    assert_ok(mote_call(sandbox, "HostEchoF64", &value, 1, MOTE_TYPE_F64, &result, &last_error));
    assert_true(result.as.f64 == 0.1);
    value = mote_str("text");
    assert_ok(mote_call(sandbox, "HostEchoStr", &value, 1, MOTE_TYPE_STR, &result, &last_error));
    assert_string_equal(result.as.str.data, "text");
    mote_sandbox_destroy(sandbox);
}

static mote_status refuse(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 9, "not today");
}

static void test_an_error_of_a_host_function_is_the_calls_and_a_restore_mends(void **state)
{
    (void)state;
    mote_sandbox *sandbox = open_asking(in_process(), refuse, NULL);
    mote_snapshot *snapshot = NULL;
    mote_value n = mote_i32(4);
    mote_value result;
    assert_ok(mote_call(sandbox, "Add", &n, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_ok(mote_snapshot_take(sandbox, &snapshot, &last_error));
    assert_status(mote_call(sandbox, "AskHost", &n, 1, MOTE_TYPE_I32, NULL, &last_error),
                  MOTE_E_HOST_FUNCTION);
    assert_string_equal(last_error.message, "not today");
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_ok(mote_sandbox_restore(sandbox, snapshot, &last_error));
    assert_int_equal(call_i32(sandbox, "Get"), 4);
    assert_ok(mote_call(sandbox, "Add", &n, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 8);
    assert_ok(mote_sandbox_restore(sandbox, snapshot, &last_error));
    assert_int_equal(call_i32(sandbox, "Get"), 4);
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(sandbox);
}

static void test_a_snapshot_goes_into_the_next_sandbox(void **state)
{
    (void)state;
    mote_image *image = open_image(KEEPER);
    mote_sandbox *sandbox = NULL;
    mote_snapshot *snapshot = NULL;
    mote_value n = mote_i32(4);
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_sandbox_create(image, in_process(), &sandbox, &last_error));
        assert_ok(mote_sandbox_init(sandbox, &last_error));
        if (snapshot == NULL) {
            assert_ok(mote_call(sandbox, "Add", &n, 1, MOTE_TYPE_I32, NULL, &last_error));
            assert_ok(mote_snapshot_take(sandbox, &snapshot, &last_error));
        } else {
            assert_int_equal(call_i32(sandbox, "Get"), 0);
            assert_ok(mote_sandbox_restore(sandbox, snapshot, &last_error));
            assert_int_equal(call_i32(sandbox, "Get"), 4);
        }
        mote_sandbox_destroy(sandbox);
    }
    mote_snapshot_unref(snapshot);
    mote_image_unref(image);
}

static void test_errors_and_aborts_of_guests_are_told(void **state)
{
    (void)state;
    mote_sandbox *sandbox = open_sandbox(HELLO, in_process());
    const mote_value args[] = {mote_i32(12), mote_str("oh no")};
    assert_status(mote_call(sandbox, "Fail", args, 2, MOTE_TYPE_ANY, NULL, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_string_equal(last_error.message, "oh no");
    assert_echoes(sandbox);
    const mote_value code[] = {mote_u32(13), mote_str("enough")};
    assert_status(mote_call(sandbox, "Abort", code, 2, MOTE_TYPE_ANY, NULL, &last_error),
                  MOTE_E_GUEST_ABORT);
    assert_string_equal(last_error.message, "enough");
    mote_sandbox_destroy(sandbox);
}

static void keep_record(void *context, const mote_log_record *record)
{
    snprintf(context, 32, "%.*s", (int)record->message.len_bytes, record->message.data);
}

static void test_records_are_logged(void **state)
{
    (void)state;
    char text[32] = "";
    mote_config config = *in_process();
    config.log = keep_record;
    config.log_context = text;
    config.max_log = MOTE_LOG_TRACE;
    config.log_is_set = true;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    const mote_value args[] = {mote_i32(3), mote_str("a record")};
    assert_ok(mote_call(sandbox, "Log", args, 2, MOTE_TYPE_ANY, NULL, &last_error));
    assert_string_equal(text, "a record");
    mote_sandbox_destroy(sandbox);
}

static void *call_from_thread(void *sandbox)
{
    assert_echoes(sandbox);
    return NULL;
}

static void test_any_thread_may_call(void **state)
{
    (void)state;
    pthread_t thread;
    mote_sandbox *sandbox = open_sandbox(HELLO, in_process());
    assert_int_equal(pthread_create(&thread, NULL, call_from_thread, sandbox), 0);
    pthread_join(thread, NULL);
    assert_echoes(sandbox);
    mote_sandbox_destroy(sandbox);
}

static void test_host_and_guest_round_each_in_their_own_way(void **state)
{
    (void)state;
    mote_sandbox *sandbox = open_sandbox(DEBUGGEE, in_process());
    mote_value guests;
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | _MM_ROUND_UP);
    mote_status status =
        mote_call(sandbox, "Rounding", NULL, 0, MOTE_TYPE_U32, &guests, &last_error);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    assert_ok(status);
    assert_int_equal(after & _MM_ROUND_MASK, _MM_ROUND_UP);
    assert_int_equal(guests.as.u32 & _MM_ROUND_MASK, _MM_ROUND_NEAREST);
    mote_sandbox_destroy(sandbox);
}

/* ---- What is not ---- */

static void test_a_second_sandbox_is_refused_until_the_first_is_gone(void **state)
{
    (void)state;
    mote_sandbox *first = open_sandbox(HELLO, in_process());
    mote_sandbox *second = NULL;
    assert_status(mote_open(HELLO, in_process(), &second, &last_error), MOTE_E_SYSTEM);
    assert_int_equal(last_error.os_errno, EEXIST);
    assert_non_null(strstr(last_error.text, "another sandbox"));
    assert_null(second);
    assert_echoes(first);
    mote_sandbox_destroy(first);
    second = open_sandbox(HELLO, in_process());
    assert_echoes(second);
    mote_sandbox_destroy(second);
}

/* The rights that this process has at an address, as /proc says it; "" where nothing is mapped. */
static void read_rights(uint64_t address, char rights[5])
{
    char line[512];
    unsigned long long start;
    unsigned long long end;
    char found[5];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    rights[0] = '\0';
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%llx-%llx %4s", &start, &end, found) == 3 && address >= start &&
            address < end)
            memcpy(rights, found, sizeof(found));
    }
    fclose(maps);
}

static void test_each_region_has_its_rights_and_no_more(void **state)
{
    (void)state;
    mote_region regions[64];
    size_t n = 0;
    mote_image *image = open_image(HELLO);
    assert_ok(mote_image_map(image, in_process(), regions, 64, &n, &last_error));
    mote_sandbox *sandbox = NULL;
    assert_ok(mote_sandbox_create(image, in_process(), &sandbox, &last_error));
    for (size_t i = 0; i < n; i++) {
        char rights[5];
        read_rights(regions[i].start + regions[i].len_bytes - 1, rights);
        assert_int_equal(rights[0] == 'r', (regions[i].rights & MOTE_RIGHT_READ) != 0);
        assert_int_equal(rights[1] == 'w', (regions[i].rights & MOTE_RIGHT_WRITE) != 0);
        assert_int_equal(rights[2] == 'x', (regions[i].rights & MOTE_RIGHT_EXECUTE) != 0);
        assert_int_equal(strlen(rights), 4);
    }
    mote_sandbox_destroy(sandbox);
    mote_image_unref(image);
}

static void test_nothing_is_left_behind(void **state)
{
    (void)state;
    mote_sandbox *sandbox = open_sandbox(HELLO, in_process());
    mote_sandbox_destroy(sandbox);
    size_t n_descriptors = count_descriptors();
    size_t n_mappings = count_mappings();
    for (int i = 0; i < 3; i++)
        mote_sandbox_destroy(open_sandbox(HELLO, in_process()));
    assert_int_equal(count_descriptors(), n_descriptors);
    assert_true(count_mappings() <= n_mappings + 1); /* the allocator may have taken one */
}

static void test_no_policy_chooses_it(void **state)
{
    (void)state;
    mote_image *image = open_image(HELLO);
    for (int policy = MOTE_POLICY_HARDWARE_ONLY; policy <= MOTE_POLICY_FASTEST; policy++) {
        mote_config config = MOTE_CONFIG_INIT;
        mote_sandbox *sandbox = NULL;
        config.policy = (mote_policy)policy;
        if (mote_sandbox_create(image, &config, &sandbox, &last_error) == MOTE_OK)
            assert_string_not_equal(mote_sandbox_driver(sandbox), "inprocess");
        if (sandbox != NULL)
            mote_sandbox_destroy(sandbox);
    }
    mote_image_unref(image);
}

static void test_its_report_says_that_there_is_no_isolation(void **state)
{
    (void)state;
    mote_driver_report report = {.struct_size = sizeof(report)};
    for (size_t i = 0; strcmp(report.name, "inprocess") != 0; i++)
        assert_ok(mote_driver_examine(i, &report, &last_error));
    assert_true(report.works);
    assert_true(report.is_for_debugging);
    assert_false(report.is_hardware);
    assert_memory_equal(report.isolation, "none", 4);
    assert_int_equal(report.max_sandboxes, 1);
    assert_int_equal(report.call_ns, 0);
}

static void test_limits_on_time_are_not_looked_at(void **state)
{
    (void)state;
    mote_config config = *in_process();
    config.time_limit_us = 1000;
    struct slow_answer answer = {20 * config.time_limit_us, mote_i32(9)};
    mote_sandbox *sandbox = open_asking(&config, answer_slowly, &answer);
    mote_value n = mote_i32(9);
    mote_value result;
    assert_ok(mote_call(sandbox, "AskHost", &n, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 9);
    mote_sandbox_destroy(sandbox);
}

static mote_status cancel(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)n_args;
    (void)err;
    *result = args[0];
    return mote_sandbox_cancel(*(mote_sandbox **)context);
}

static void test_a_cancel_counts_at_the_next_exit(void **state)
{
    (void)state;
    mote_sandbox *sandbox = NULL;
    mote_value n = mote_i32(9);
    sandbox = open_asking(in_process(), cancel, &sandbox);
    assert_status(mote_call(sandbox, "AskHost", &n, 1, MOTE_TYPE_I32, NULL, &last_error),
                  MOTE_E_CANCELLED);
    mote_sandbox_destroy(sandbox);
}

/* Run something in a child, and say by which signal it died; 0 for none. */
static int signal_of(void (*fn)(void))
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL);
        fn();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void do_nothing(void)
{
    mote_sandbox *sandbox = open_sandbox(HELLO, in_process());
    (void)call_void(sandbox, "Nothing");
    mote_sandbox_destroy(sandbox);
}

static void crash(void)
{
    (void)call_void(open_sandbox(HELLO, in_process()), "Crash");
}

/* It halts by itself, whatever the run mode. */
static void run_old_guest_that_halts(void)
{
    (void)open_sandbox(ABI01, in_process());
}

static void test_a_fault_is_the_processes_own(void **state)
{
    (void)state;
    assert_int_equal(signal_of(do_nothing), 0);
    assert_int_equal(signal_of(crash), SIGSEGV);
    assert_int_equal(signal_of(run_old_guest_that_halts), SIGSEGV);
}

static void test_a_guest_of_0_1_that_returns_is_done(void **state)
{
    (void)state;
    mote_sandbox *sandbox = open_sandbox(OLD, in_process());
    assert_int_equal(call_i32(sandbox, "Any"), 1);
    assert_int_equal(call_i32(sandbox, "Any"), 2);
    mote_sandbox_destroy(sandbox);
}

static void test_a_forked_child_has_no_guest(void **state)
{
    (void)state;
    int status = 0;
    mote_sandbox *sandbox = open_sandbox(HELLO, in_process());
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool is_right = call_void(sandbox, "Nothing") == MOTE_E_FORKED;
        mote_sandbox_destroy(sandbox);
        mote_sandbox *own = NULL;
        is_right = is_right && mote_open(HELLO, in_process(), &own, &last_error) == MOTE_OK &&
                   call_void(own, "Nothing") == MOTE_OK;
        _exit(is_right ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_echoes(sandbox);
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_keep_state),
        cmocka_unit_test(test_host_calls_are_answered),
        cmocka_unit_test(test_an_error_of_a_host_function_is_the_calls_and_a_restore_mends),
        cmocka_unit_test(test_a_snapshot_goes_into_the_next_sandbox),
        cmocka_unit_test(test_errors_and_aborts_of_guests_are_told),
        cmocka_unit_test(test_records_are_logged),
        cmocka_unit_test(test_any_thread_may_call),
        cmocka_unit_test(test_host_and_guest_round_each_in_their_own_way),
        cmocka_unit_test(test_a_second_sandbox_is_refused_until_the_first_is_gone),
        cmocka_unit_test(test_each_region_has_its_rights_and_no_more),
        cmocka_unit_test(test_nothing_is_left_behind),
        cmocka_unit_test(test_no_policy_chooses_it),
        cmocka_unit_test(test_its_report_says_that_there_is_no_isolation),
        cmocka_unit_test(test_limits_on_time_are_not_looked_at),
        cmocka_unit_test(test_a_cancel_counts_at_the_next_exit),
        cmocka_unit_test(test_a_fault_is_the_processes_own),
        cmocka_unit_test(test_a_guest_of_0_1_that_returns_is_done),
        cmocka_unit_test(test_a_forked_child_has_no_guest),
    };
    return cmocka_run_group_tests_name("inprocess", tests, NULL, NULL);
}
