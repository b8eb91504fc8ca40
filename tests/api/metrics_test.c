/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox tells those who watch it: metrics, spans, and log records at a limited rate. */
#include "tests/api/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_THREADS 6
#define N_CALLS 50
/* As <mote_guest/moteg.h> has it. */
#define GUEST_LOG_ERROR 4

static char text[MOTE_METRICS_TEXT_BYTES];

static mote_metrics *make_metrics(mote_config *config)
{
    mote_metrics *metrics = NULL;
    *config = (mote_config)MOTE_CONFIG_INIT;
    assert_ok(mote_metrics_create(NULL, &metrics, &last_error));
    config->metrics = metrics;
    return metrics;
}

static uint64_t value_of(const mote_metrics *metrics, const char *series)
{
    char wanted[128];
    assert_ok(mote_metrics_prometheus(metrics, text, sizeof(text), NULL, &last_error));
    snprintf(wanted, sizeof(wanted), "\n%s ", series);
    const char *at = strstr(text, wanted);
    if (at == NULL)
        fail_msg("no series %s", series);
    return at != NULL ? strtoull(at + strlen(wanted), NULL, 10) : 0;
}

#define assert_value(metrics, series, value) assert_int_equal(value_of(metrics, series), value)
#define CALLS(outcome) "mote_guest_function_calls_total{outcome=\"" outcome "\"}"

static mote_status call_fail(mote_sandbox *sandbox, int32_t code, const char *message)
{
    const mote_value args[] = {mote_i32(code), mote_str(message)};
    return mote_call(sandbox, "Fail", args, 2, MOTE_TYPE_VOID, NULL, &last_error);
}

static mote_status call_log(mote_sandbox *sandbox, const char *message)
{
    const mote_value args[] = {mote_i32(GUEST_LOG_ERROR), mote_str(message)};
    return mote_call(sandbox, "Log", args, 2, MOTE_TYPE_VOID, NULL, &last_error);
}

/* ---- Metrics ---- */

static void test_calls_are_counted_by_outcome(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    limit_spinning(&config);
    mote_sandbox *sandbox = open_hello_with_host(&config);
    assert_ok(call_void(sandbox, "Nothing"));
    assert_ok(call_void(sandbox, "HostNothing"));
    assert_status(call_void(sandbox, "NotThere"), MOTE_E_GUEST_ERROR);
    assert_status(call_fail(sandbox, 15, "\" } injected 1\nnew_series 1"), MOTE_E_GUEST_ERROR);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    assert_value(metrics, CALLS("ok"), 2);
    assert_value(metrics, CALLS("guest_error"), 2);
    assert_value(metrics, CALLS("time_limit"), 1);
    assert_value(metrics, CALLS("guest_fault"), 0);
    assert_value(metrics, "mote_guest_initialisations_total{outcome=\"ok\"}", 1);
    assert_value(metrics, "mote_host_function_calls_total{outcome=\"ok\"}", 1);
    assert_value(metrics, "mote_host_function_call_duration_seconds_count", 1);
    /* The one that was refused did not take the guest any time. */
    assert_value(metrics, "mote_guest_function_call_duration_seconds_count", 4);
    assert_value(metrics, "mote_guest_errors_total{error_code=\"15\"}", 1);
    assert_true(value_of(metrics, "mote_exits_total{kind=\"port\"}") >= 5);
    assert_true(value_of(metrics, "mote_exits_total{kind=\"interrupted\"}") >= 1);
    assert_null(strstr(text, "injected"));
    assert_null(strstr(text, "new_series"));
    mote_sandbox_destroy(sandbox);
    mote_metrics_destroy(metrics);
}

static void test_a_refused_host_call_is_a_failed_one(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    assert_status(call_void(sandbox, "HostNothing"), MOTE_E_HOST_FUNCTION_UNKNOWN);
    assert_value(metrics, "mote_host_function_calls_total{outcome=\"host\"}", 1);
    assert_value(metrics, "mote_host_function_call_duration_seconds_count", 0);
    assert_value(metrics, CALLS("host"), 1);
    mote_sandbox_destroy(sandbox);
    mote_metrics_destroy(metrics);
}

static mote_status return_text(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)err;
    *result = mote_str("no number");
    return MOTE_OK;
}

/* Its host call has failed, although the function says that it went well. */
static const mote_host_function wrong_function = {.name = "EchoI32",
                                                  .fn = return_text,
                                                  .returns = MOTE_TYPE_I32,
                                                  .n_params = 1,
                                                  .params = {MOTE_TYPE_I32}};

static mote_status call_wrong_function(mote_sandbox *sandbox)
{
    const mote_value arg = mote_i32(1);
    return mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, NULL, &last_error);
}

static void test_a_host_call_with_an_invalid_result_is_a_failed_one(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    mote_sandbox *sandbox = open_with_function(HELLO, &config, &wrong_function);
    assert_status(call_wrong_function(sandbox), MOTE_E_HOST_FUNCTION);
    assert_value(metrics, "mote_host_function_calls_total{outcome=\"host\"}", 1);
    assert_value(metrics, "mote_host_function_calls_total{outcome=\"ok\"}", 0);
    mote_sandbox_destroy(sandbox);
    mote_metrics_destroy(metrics);
}

static void test_live_sandboxes_and_restores_are_counted(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    mote_sandbox *first = create_sandbox(HELLO, &config);
    mote_sandbox *second = create_sandbox(HELLO, &config);
    assert_value(metrics, "mote_sandboxes", 2);
    assert_ok(mote_sandbox_evolve(first, NULL, NULL, &last_error));
    for (int i = 0; i < 3; i++)
        assert_ok(mote_call_reset(first, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error));
    assert_value(metrics, "mote_snapshots_total{outcome=\"ok\"}", 1);
    assert_value(metrics, "mote_restores_total{outcome=\"ok\"}", 3);
    assert_value(metrics, "mote_restore_duration_seconds_count", 3);
    assert_true(value_of(metrics, "mote_restored_pages_total") >= 3);
    mote_sandbox_destroy(second);
    assert_value(metrics, "mote_sandboxes", 1);
    mote_sandbox_destroy(first);
    assert_value(metrics, "mote_sandboxes", 0);
    assert_value(metrics, "mote_sandbox_creations_total{outcome=\"ok\"}", 2);
    assert_value(metrics, "mote_sandbox_destructions_total", 2);
    mote_metrics_destroy(metrics);
}

static void test_a_sandbox_that_could_not_be_made_is_counted_as_such(void **state)
{
    (void)state;
    mote_config config;
    mote_sandbox *sandbox = NULL;
    mote_metrics *metrics = make_metrics(&config);
    mote_image *image = open_image(HELLO);
    config.driver = "no such driver";
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_DRIVER);
    assert_value(metrics, "mote_sandbox_creations_total{outcome=\"usage\"}", 1);
    assert_value(metrics, "mote_sandboxes", 0);
    assert_value(metrics, "mote_sandbox_destructions_total", 0);
    mote_image_unref(image);
    mote_metrics_destroy(metrics);
}

static void test_metrics_outlive_their_owner_as_long_as_a_sandbox_counts(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    mote_metrics_destroy(metrics);
    assert_ok(call_void(sandbox, "Nothing"));
    mote_sandbox_destroy(sandbox);
}

static void test_a_cancelled_call_is_counted(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    config.time_limit_us = 60000000;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    pthread_t thread = cancel_soon(sandbox);
    assert_status(call_void(sandbox, "Spin"), MOTE_E_CANCELLED);
    pthread_join(thread, NULL);
    assert_value(metrics, "mote_cancelled_guest_executions_total", 1);
    assert_value(metrics, CALLS("time_limit"), 1);
    mote_sandbox_destroy(sandbox);
    mote_metrics_destroy(metrics);
}

static void *call_often(void *context)
{
    const mote_config *config = context;
    mote_sandbox *sandbox = NULL;
    mote_error err;
    assert_int_equal(mote_open(HELLO, config, &sandbox, &err), MOTE_OK);
    for (int i = 0; i < N_CALLS; i++)
        assert_int_equal(mote_call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &err),
                         MOTE_OK);
    mote_sandbox_destroy(sandbox);
    return NULL;
}

static void test_threads_share_metrics(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    pthread_t threads[N_THREADS];
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    config.driver = test_driver();
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &config), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_value(metrics, CALLS("ok"), N_THREADS * N_CALLS);
    assert_value(metrics, "mote_guest_function_call_duration_seconds_count", N_THREADS * N_CALLS);
    assert_value(metrics, "mote_sandboxes", 0);
    mote_metrics_destroy(metrics);
}

/* ---- Spans ---- */

struct diary {
    char text[1024];
    uint64_t begun_ns[8];
    size_t depth;
    uint64_t sandbox_id;
};

/* "(call F" when it begins, and ")" when it ends well, or the status. */
static void note_span(void *context, const mote_span *span)
{
    struct diary *diary = context;
    size_t used = strlen(diary->text);
    char *to = diary->text + used;
    size_t room = sizeof(diary->text) - used;
    assert_int_equal(span->struct_size, sizeof(*span));
    assert_true(diary->sandbox_id == 0 || diary->sandbox_id == span->sandbox_id);
    diary->sandbox_id = span->sandbox_id;
    if (!span->is_end) {
        assert_int_equal(span->duration_ns, 0);
        assert_in_range(diary->depth, 0, 7);
        diary->begun_ns[diary->depth++] = span->time_ns;
        snprintf(to, room, "(%s%s%s", span->operation, span->function[0] != '\0' ? " " : "",
                 span->function);
        return;
    }
    assert_true(diary->depth > 0);
    uint64_t begun_ns = diary->begun_ns[--diary->depth];
    assert_true(span->time_ns >= begun_ns && span->duration_ns <= span->time_ns);
    snprintf(to, room, "%s)", span->status == MOTE_OK ? "" : mote_status_name(span->status));
}

static void test_spans_nest_and_name_what_the_host_named(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct diary diary = {.text = ""};
    mote_config config = MOTE_CONFIG_INIT;
    config.span = note_span;
    config.span_context = &diary;
    mote_sandbox *sandbox = open_hello_with_host(&config);
    assert_string_equal(diary.text, "(create)(init)");
    diary.text[0] = '\0';
    assert_ok(call_void(sandbox, "HostNothing"));
    assert_string_equal(diary.text, "(call HostNothing(host call Nothing))");
    diary.text[0] = '\0';
    assert_status(call_fail(sandbox, 15, "text"), MOTE_E_GUEST_ERROR);
    assert_string_equal(diary.text, "(call FailMOTE_E_GUEST_ERROR)");
    diary.text[0] = '\0';
    assert_status(call_void(sandbox, "NotThere"), MOTE_E_GUEST_ERROR);
    assert_string_equal(diary.text, "");
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_ok(mote_call_reset(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error));
    assert_string_equal(diary.text, "(snapshot)(call Nothing)(restore)");
    mote_sandbox_destroy(sandbox);
    diary = (struct diary){.text = ""};
    sandbox = open_with_function(HELLO, &config, &wrong_function);
    diary.text[0] = '\0';
    assert_status(call_wrong_function(sandbox), MOTE_E_HOST_FUNCTION);
    assert_string_equal(diary.text, "(call HostEchoI32(host call EchoI32MOTE_E_HOST_FUNCTION)"
                                    "MOTE_E_HOST_FUNCTION)");
    mote_sandbox_destroy(sandbox);
}

static void test_a_creation_that_fails_ends_its_span(void **state)
{
    (void)state;
    struct diary diary = {.text = ""};
    mote_sandbox *sandbox = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    mote_image *image = open_image(HELLO);
    config.span = note_span;
    config.span_context = &diary;
    config.driver = "no such driver";
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_DRIVER);
    assert_string_equal(diary.text, "(createMOTE_E_DRIVER)");
    mote_image_unref(image);
}

/* ---- Log records ---- */

struct listener {
    size_t n_guest;
    size_t n_library;
    size_t n_dropped;
};

static void hear(void *context, const mote_log_record *record)
{
    struct listener *listener = context;
    char wanted[64];
    if (record->n_dropped == 0) {
        listener->n_guest++;
        assert_memory_equal(record->message.data, "7 records dropped", 17);
        return;
    }
    listener->n_library++;
    listener->n_dropped += record->n_dropped;
    snprintf(wanted, sizeof(wanted), "%zu records dropped", (size_t)record->n_dropped);
    assert_string_equal(record->message.data, wanted);
    assert_int_equal(record->message.len_bytes, strlen(wanted));
    assert_int_equal(record->level, MOTE_LOG_WARN);
}

static void test_records_over_the_rate_are_dropped_and_told_of_once(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct listener listener = {.n_guest = 0};
    mote_config config;
    mote_metrics *metrics = make_metrics(&config);
    config.log = hear;
    config.log_context = &listener;
    config.log_rate_per_s = 1;
    config.log_burst = 3;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    for (int i = 0; i < 3; i++)
        assert_ok(call_log(sandbox, "7 records dropped"));
    assert_int_equal(listener.n_guest, 3);
    size_t n_sent = 3;
    while (n_sent - listener.n_guest < 5) {
        assert_ok(call_log(sandbox, "7 records dropped"));
        n_sent++;
        assert_in_range(n_sent, 0, 100);
    }
    assert_value(metrics, "mote_log_records_dropped_total", n_sent - listener.n_guest);
    assert_value(metrics, "mote_log_records_total", n_sent);
    usleep(1100000);
    assert_ok(call_void(sandbox, "Nothing"));
    assert_int_equal(listener.n_dropped, n_sent - listener.n_guest);
    size_t n_told = listener.n_library;
    assert_true(n_told >= 1);
    assert_ok(call_void(sandbox, "Nothing"));
    assert_int_equal(listener.n_library, n_told);
    mote_sandbox_destroy(sandbox);
    mote_metrics_destroy(metrics);
}

static void test_without_a_rate_every_record_comes(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct listener listener = {.n_guest = 0};
    mote_config config = MOTE_CONFIG_INIT;
    config.log = hear;
    config.log_context = &listener;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    for (int i = 0; i < 100; i++)
        assert_ok(call_log(sandbox, "7 records dropped"));
    assert_int_equal(listener.n_guest, 100);
    assert_int_equal(listener.n_library, 0);
    mote_sandbox_destroy(sandbox);
}

static void test_a_rate_over_its_cap_is_refused(void **state)
{
    (void)state;
    mote_sandbox *sandbox = NULL;
    mote_image *image = open_image(HELLO);
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "no such driver";
    config.log_rate_per_s = 1000000;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_DRIVER);
    config.log_rate_per_s = 1000001;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_TOO_LARGE);
    config.log_rate_per_s = 1;
    config.log_burst = 1000001;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_TOO_LARGE);
    mote_image_unref(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_counted_by_outcome),
        cmocka_unit_test(test_a_refused_host_call_is_a_failed_one),
        cmocka_unit_test(test_a_host_call_with_an_invalid_result_is_a_failed_one),
        cmocka_unit_test(test_live_sandboxes_and_restores_are_counted),
        cmocka_unit_test(test_a_sandbox_that_could_not_be_made_is_counted_as_such),
        cmocka_unit_test(test_metrics_outlive_their_owner_as_long_as_a_sandbox_counts),
        cmocka_unit_test(test_a_cancelled_call_is_counted),
        cmocka_unit_test(test_threads_share_metrics),
        cmocka_unit_test(test_spans_nest_and_name_what_the_host_named),
        cmocka_unit_test(test_a_creation_that_fails_ends_its_span),
        cmocka_unit_test(test_records_over_the_rate_are_dropped_and_told_of_once),
        cmocka_unit_test(test_without_a_rate_every_record_comes),
        cmocka_unit_test(test_a_rate_over_its_cap_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
