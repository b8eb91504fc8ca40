/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a sandbox: creation, host functions, initialisation, states, fork, leaks. */
#include "tests/api/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static mote_status answer_7(void *context, const mote_value *args, size_t n_args,
                            mote_value *result, mote_error *err)
{
    (void)args;
    (void)n_args;
    (void)err;
    (*(int *)context)++;
    *result = mote_i32(7);
    return MOTE_OK;
}

static mote_sandbox *create(const char *path, const mote_config *config)
{
    mote_image *image = open_image(path);
    mote_sandbox *sandbox = NULL;
    assert_ok(mote_sandbox_create(image, config, &sandbox, &last_error));
    mote_image_unref(image);
    return sandbox;
}

/* ---- Creation ---- */

static void test_create_refuses_bad_arguments(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_image *image = open_image(HELLO);
    mote_sandbox *sandbox = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    assert_status(mote_sandbox_create(NULL, NULL, &sandbox, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_create(image, NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    config.struct_size = sizeof(config) + 8;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_STRUCT_SIZE);
    config = (mote_config)MOTE_CONFIG_INIT;
    config.driver = "magic";
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_DRIVER);
    config = (mote_config)MOTE_CONFIG_INIT;
    config.max_log = (mote_log_level)6;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_ARGUMENT);
    config = (mote_config)MOTE_CONFIG_INIT;
    config.time_limit_us = UINT64_MAX;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_TOO_LARGE);
    config = (mote_config)MOTE_CONFIG_INIT;
    config.input_bytes = 1ull << 30;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error),
                  MOTE_E_IMAGE_TOO_LARGE);
    assert_null(sandbox);
    mote_image_unref(image);
}

static void test_every_size_has_its_cap(void **state)
{
    (void)state;
    mote_image *image = open_image(HELLO);
    for (size_t i = 0; i < 9; i++) {
        mote_config config = MOTE_CONFIG_INIT;
        size_t *const sizes[] = {
            &config.input_bytes,          &config.output_bytes,      &config.host_definitions_bytes,
            &config.host_exception_bytes, &config.guest_error_bytes, &config.guest_panic_bytes,
            &config.kernel_stack_bytes,   &config.stack_bytes,       &config.heap_bytes};
        mote_sandbox *sandbox = NULL;
        *sizes[i] = (1ull << 30) + 1;
        assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_TOO_LARGE);
        assert_null(sandbox);
    }
    mote_image_unref(image);
}

static void test_other_sizes_work(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_config config = MOTE_CONFIG_INIT;
    config.input_bytes = 1 << 20;
    config.output_bytes = 256 << 20;
    config.host_definitions_bytes = 0x3000;
    config.host_exception_bytes = 0x8000;
    config.guest_error_bytes = 4096;
    config.guest_panic_bytes = 8192;
    config.kernel_stack_bytes = 8 << 20;
    config.stack_bytes = 1 << 20;
    config.heap_bytes = 64 << 20;
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    const mote_value most = mote_u64(60 << 20);
    assert_echoes(sandbox);
    assert_ok(mote_call(sandbox, "Allocate", &most, 1, MOTE_TYPE_ANY, NULL, &last_error));
    mote_sandbox_destroy(sandbox);
}

static void test_driver_by_name(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "kvm";
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    assert_string_equal(mote_sandbox_driver(sandbox), "kvm");
    assert_string_equal(mote_sandbox_driver(NULL), "");
    mote_sandbox_destroy(sandbox);
}

/* Run body in a child and return how it exited. */
static int in_child(void (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        body();
        _exit(99);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 100 + WTERMSIG(how);
}

static mote_image *image_for_child;

static void create_without_rights(void)
{
    mote_sandbox *sandbox = NULL;
    mote_error err = {0};
    if (setgid(65534) != 0 || setuid(65534) != 0 || access("/dev/kvm", R_OK | W_OK) == 0)
        _exit(77);
    mote_status status = mote_sandbox_create(image_for_child, NULL, &sandbox, &err);
    bool is_right = status == MOTE_E_NO_HYPERVISOR && err.os_errno == EACCES &&
                    strcmp(err.subject, "open /dev/kvm") == 0;
    _exit(is_right ? 0 : 1);
}

static void test_no_access_to_kvm_is_no_hypervisor(void **state)
{
    (void)state;
    image_for_child = open_image(HELLO);
    int how = in_child(create_without_rights);
    mote_image_unref(image_for_child);
    if (how == 77) {
        print_message("skipped: cannot give up the right to open /dev/kvm\n");
        skip();
    }
    assert_int_equal(how, 0);
}

static void create_without_descriptors(void)
{
    mote_sandbox *sandbox = NULL;
    mote_error err = {0};
    const struct rlimit none = {(rlim_t)dup(0) + 1, (rlim_t)dup(0) + 1};
    setrlimit(RLIMIT_NOFILE, &none);
    mote_status status = mote_sandbox_create(image_for_child, NULL, &sandbox, &err);
    _exit(status == MOTE_E_SYSTEM && err.os_errno == EMFILE ? 0 : 1);
}

static void test_no_descriptors_is_a_system_error(void **state)
{
    (void)state;
    NEEDS_KVM();
    image_for_child = open_image(HELLO);
    assert_int_equal(in_child(create_without_descriptors), 0);
    mote_image_unref(image_for_child);
}

/* An allocator that fails its n-th request. */
struct failing {
    size_t n_left;
    size_t n_live;
};

static void *failing_reallocate(void *context, void *block, size_t len_bytes)
{
    struct failing *failing = context;
    if (failing->n_left == 0)
        return NULL;
    failing->n_left--;
    void *made = realloc(block, len_bytes);
    failing->n_live += made != NULL && block == NULL;
    return made;
}

static void *failing_allocate(void *context, size_t len_bytes)
{
    return failing_reallocate(context, NULL, len_bytes);
}

static void failing_release(void *context, void *block)
{
    ((struct failing *)context)->n_live--;
    free(block);
}

/* Every allocation on the way to a first result fails once: an error each time, nothing left. */
static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    NEEDS_KVM();
    size_t n_descriptors = 0;
    bool is_through = false;
    for (size_t n = 0; n < 200 && !is_through; n++) {
        struct failing failing = {n, 0};
        const mote_allocator allocator = {failing_allocate, failing_reallocate, failing_release,
                                          &failing};
        mote_image *image = NULL;
        mote_sandbox *sandbox = NULL;
        const mote_value text = mote_str("x");
        mote_status status = mote_image_open(HELLO, &allocator, &image, &last_error);
        if (status == MOTE_OK)
            status = mote_sandbox_create(image, NULL, &sandbox, &last_error);
        if (status == MOTE_OK)
            status = mote_sandbox_init(sandbox, &last_error);
        if (status == MOTE_OK)
            status = mote_call(sandbox, "EchoStr", &text, 1, MOTE_TYPE_STR, NULL, &last_error);
        is_through = status == MOTE_OK;
        if (!is_through)
            assert_int_equal(status, MOTE_E_MEMORY);
        mote_sandbox_destroy(sandbox);
        mote_image_unref(image);
        assert_int_equal(failing.n_live, 0);
        if (n > 0)
            assert_int_equal(count_descriptors(), n_descriptors);
        n_descriptors = count_descriptors();
    }
    assert_true(is_through);
}

/* ---- Host functions ---- */

static void test_register_refuses_bad_definitions(void **state)
{
    (void)state;
    NEEDS_KVM();
    int n_calls = 0;
    mote_sandbox *sandbox = create(HELLO, NULL);
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
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_status(mote_sandbox_register(sandbox, &good, &last_error), MOTE_E_STATE);
    mote_sandbox_destroy(sandbox);
}

static void test_definitions_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_sandbox *sandbox = create(HELLO, NULL);
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
    NEEDS_KVM();
    int n_first = 0;
    int n_second = 0;
    mote_sandbox *sandbox = create(HELLO, NULL);
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
    mote_sandbox *sandbox = create(HELLO, NULL);
    const mote_host_function function = {
        .name = name, .fn = fn, .returns = type, .n_params = 1, .params = {type}};
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

static void test_a_failing_host_function_ends_the_call(void **state)
{
    (void)state;
    NEEDS_KVM();
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
    NEEDS_KVM();
    const mote_value arg = mote_i32(1);
    mote_sandbox *sandbox = with_function("EchoI32", return_wrong_type, MOTE_TYPE_I32);
    assert_status(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, NULL, &last_error),
                  MOTE_E_HOST_FUNCTION);
    mote_sandbox_destroy(sandbox);
}

static void test_a_host_result_must_fit_the_input_buffer(void **state)
{
    (void)state;
    NEEDS_KVM();
    const mote_value arg = mote_bytes("x", 1);
    mote_sandbox *sandbox = with_function("EchoBytes", return_too_much, MOTE_TYPE_BYTES);
    assert_status(mote_call(sandbox, "HostEchoBytes", &arg, 1, MOTE_TYPE_BYTES, NULL, &last_error),
                  MOTE_E_INPUT_FULL);
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
        mote_call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, NULL) == MOTE_E_BUSY &&
        mote_sandbox_init(sandbox, NULL) == MOTE_E_BUSY &&
        mote_sandbox_stats_get(sandbox, &stats, NULL) == MOTE_E_BUSY &&
        mote_sandbox_destroy(sandbox) == MOTE_E_BUSY;
    *result = mote_i32(is_refused ? 1 : 0);
    return MOTE_OK;
}

static void test_reentry_from_a_host_function_is_refused(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_sandbox *sandbox = create(HELLO, NULL);
    const mote_host_function function = {.name = "EchoI32",
                                         .fn = use_own_sandbox,
                                         .context = &sandbox,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_I32}};
    const mote_value arg = mote_i32(0);
    mote_value result;
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
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
    NEEDS_KVM();
    mote_sandbox *other = open_sandbox(HELLO, NULL);
    mote_sandbox *sandbox = create(HELLO, NULL);
    const mote_host_function function = {.name = "EchoI32",
                                         .fn = use_other_sandbox,
                                         .context = other,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_I32}};
    const mote_value arg = mote_i32(-5);
    mote_value result;
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_ok(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, -5);
    mote_sandbox_destroy(sandbox);
    mote_sandbox_destroy(other);
}

/* ---- Initialisation ---- */

static void test_states_are_checked(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_sandbox *sandbox = create(HELLO, NULL);
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_CREATED);
    assert_status(call_void(sandbox, "Nothing"), MOTE_E_STATE);
    assert_status(mote_sandbox_init(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    assert_status(mote_sandbox_init(sandbox, &last_error), MOTE_E_STATE);
    assert_int_equal(mote_sandbox_state_get(NULL), MOTE_SANDBOX_DEAD);
    assert_int_equal(mote_sandbox_cancel(NULL), MOTE_E_ARGUMENT);
    assert_int_equal(mote_sandbox_cancel(sandbox), MOTE_OK);
    assert_echoes(sandbox);
    assert_int_equal(mote_sandbox_destroy(NULL), MOTE_OK);
    mote_sandbox_destroy(sandbox);
}

static void test_open_reports_what_each_step_does(void **state)
{
    (void)state;
    mote_sandbox *sandbox = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    assert_status(mote_open(NULL, NULL, &sandbox, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_open(HELLO, NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_open("no.elf", NULL, &sandbox, &last_error), MOTE_E_IMAGE_OPEN);
    config.heap_bytes = SIZE_MAX;
    assert_status(mote_open(HELLO, &config, &sandbox, &last_error), MOTE_E_TOO_LARGE);
    assert_null(sandbox);
}

struct startup {
    const char *image;
    mote_status status;
};

static void test_failures_while_the_guest_initialises(void **state)
{
    (void)state;
    NEEDS_KVM();
    static const struct startup startups[] = {
        {"crash", MOTE_E_GUEST_FAULT},
        {"abort", MOTE_E_GUEST_ABORT},
        {"fail", MOTE_E_GUEST_ERROR},
        {"spin", MOTE_E_TIME_LIMIT},
        {"hostcall", MOTE_E_HOST_FUNCTION_UNKNOWN},
        {"badport", MOTE_E_PROTOCOL},
    };
    size_t n_descriptors = count_descriptors();
    for (size_t i = 0; i < sizeof(startups) / sizeof(startups[0]); i++) {
        char path[256];
        mote_config config = MOTE_CONFIG_INIT;
        config.init_limit_us = 20000;
        mote_sandbox *sandbox = NULL;
        snprintf(path, sizeof(path), "%s/tests/guests/startup-%s.elf", MOTE_BUILD_DIR,
                 startups[i].image);
        assert_status(mote_open(path, &config, &sandbox, &last_error), startups[i].status);
        assert_null(sandbox);
        sandbox = create(path, &config);
        assert_status(mote_sandbox_init(sandbox, &last_error), startups[i].status);
        assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
        assert_status(mote_sandbox_init(sandbox, &last_error), MOTE_E_POISONED);
        assert_status(call_void(sandbox, "Fine"), MOTE_E_POISONED);
        mote_sandbox_destroy(sandbox);
    }
    assert_int_equal(count_descriptors(), n_descriptors);
}

static void test_host_calls_in_init_when_configured(void **state)
{
    (void)state;
    NEEDS_KVM();
    int n_calls = 0;
    mote_config config = MOTE_CONFIG_INIT;
    config.host_calls_in_init = true;
    mote_sandbox *sandbox = create(MOTE_BUILD_DIR "/tests/guests/startup-hostcall.elf", &config);
    const mote_host_function function = {
        .name = "Seven", .fn = answer_7, .context = &n_calls, .returns = MOTE_TYPE_I32};
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_int_equal(n_calls, 1);
    mote_sandbox_destroy(sandbox);
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
    NEEDS_KVM();
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
    NEEDS_KVM();
    static struct heard heard;
    mote_sandbox *sandbox = create(HELLO, NULL);
    const mote_host_function print = {.name = "HostPrint",
                                      .fn = print_into,
                                      .context = &heard,
                                      .returns = MOTE_TYPE_I32,
                                      .n_params = 1,
                                      .params = {MOTE_TYPE_STR}};
    assert_ok(mote_sandbox_register(sandbox, &print, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    const mote_value text = mote_str("elsewhere");
    assert_ok(mote_call(sandbox, "Print", &text, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_string_equal(heard.text, "elsewhere");
    mote_sandbox_destroy(sandbox);
}

/* ---- Stats ---- */

static void test_stats_count(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_sandbox *sandbox = open_hello_with_host(NULL);
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    const mote_value arg = mote_i32(1);
    assert_ok(mote_call(sandbox, "HostEchoI32", &arg, 1, MOTE_TYPE_I32, NULL, &last_error));
    assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    assert_int_equal(stats.calls, 1);
    assert_int_equal(stats.last_exits, 2);
    assert_int_equal(stats.last_host_calls, 1);
    assert_true(stats.exits == 3 && stats.system_calls >= 3);
    assert_status(mote_sandbox_stats_get(NULL, &stats, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_stats_get(sandbox, NULL, &last_error), MOTE_E_ARGUMENT);
    stats.struct_size = 3;
    assert_status(mote_sandbox_stats_get(sandbox, &stats, &last_error), MOTE_E_STRUCT_SIZE);
    mote_sandbox_destroy(sandbox);
}

static void test_driver_reports(void **state)
{
    (void)state;
    mote_driver_report report = {.struct_size = sizeof(report)};
    assert_ok(mote_driver_examine(0, &report, &last_error));
    assert_string_equal(report.name, "kvm");
    assert_true(report.is_hardware);
    assert_int_equal(report.works, has_kvm());
    assert_status(mote_driver_examine(0, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_driver_examine(99, &report, &last_error), MOTE_E_ARGUMENT);
    report.struct_size = 0;
    assert_status(mote_driver_examine(0, &report, &last_error), MOTE_E_STRUCT_SIZE);
}

/* ---- Fork, order, leaks ---- */

static mote_sandbox *sandbox_for_child;

static void use_after_fork(void)
{
    mote_error err;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    const mote_host_function function = {.name = "F", .fn = answer_7, .returns = MOTE_TYPE_I32};
    mote_sandbox *inherited = sandbox_for_child;
    if (mote_call(inherited, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &err) != MOTE_E_FORKED)
        _exit(1);
    if (mote_sandbox_init(inherited, &err) != MOTE_E_FORKED)
        _exit(2);
    if (mote_sandbox_register(inherited, &function, &err) != MOTE_E_FORKED)
        _exit(3);
    if (mote_sandbox_cancel(inherited) != MOTE_E_FORKED)
        _exit(4);
    if (mote_sandbox_stats_get(inherited, &stats, &err) != MOTE_E_FORKED)
        _exit(5);
    if (mote_sandbox_state_get(inherited) != MOTE_SANDBOX_DEAD)
        _exit(6);
    if (mote_sandbox_destroy(inherited) != MOTE_OK)
        _exit(7);
    mote_sandbox *own = NULL;
    if (mote_sandbox_create(image_for_child, NULL, &own, &err) != MOTE_OK)
        _exit(8);
    if (mote_sandbox_init(own, &err) != MOTE_OK)
        _exit(9);
    if (mote_call(own, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &err) != MOTE_OK)
        _exit(10);
    _exit(mote_sandbox_destroy(own) == MOTE_OK ? 0 : 11);
}

static void test_a_forked_child_cannot_use_a_sandbox_but_make_one(void **state)
{
    (void)state;
    NEEDS_KVM();
    image_for_child = open_image(HELLO);
    assert_ok(mote_sandbox_create(image_for_child, NULL, &sandbox_for_child, &last_error));
    assert_ok(mote_sandbox_init(sandbox_for_child, &last_error));
    assert_ok(call_void(sandbox_for_child, "Nothing"));
    assert_int_equal(in_child(use_after_fork), 0);
    assert_echoes(sandbox_for_child);
    mote_sandbox_destroy(sandbox_for_child);
    mote_image_unref(image_for_child);
}

static void test_sandboxes_and_image_go_in_any_order(void **state)
{
    (void)state;
    NEEDS_KVM();
    for (int order = 0; order < 3; order++) {
        mote_image *image = open_image(HELLO);
        mote_sandbox *a = NULL;
        mote_sandbox *b = NULL;
        assert_ok(mote_sandbox_create(image, NULL, &a, &last_error));
        assert_ok(mote_sandbox_create(image, NULL, &b, &last_error));
        if (order == 0)
            mote_image_unref(image);
        assert_ok(mote_sandbox_init(b, &last_error));
        assert_ok(mote_sandbox_init(a, &last_error));
        mote_sandbox_destroy(order == 1 ? a : b);
        if (order == 1)
            mote_image_unref(image);
        assert_echoes(order == 1 ? b : a);
        mote_sandbox_destroy(order == 1 ? b : a);
        if (order == 2)
            mote_image_unref(image);
    }
}

static void live_and_die(mote_image *image)
{
    mote_sandbox *sandbox = NULL;
    assert_ok(mote_sandbox_create(image, NULL, &sandbox, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_ok(call_void(sandbox, "Nothing"));
    mote_sandbox_destroy(sandbox);
}

static void test_nothing_is_left_of_a_hundred_sandboxes(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_image *image = open_image(HELLO);
    for (int i = 0; i < 5; i++)
        live_and_die(image);
    size_t n_descriptors = count_descriptors();
    size_t n_mappings = count_mappings();
    for (int i = 0; i < 100; i++)
        live_and_die(image);
    assert_int_equal(count_descriptors(), n_descriptors);
    assert_in_range(count_mappings(), n_mappings - 4, n_mappings + 4);
    mote_image_unref(image);
}

static void test_version_agrees_with_the_header(void **state)
{
    (void)state;
    assert_string_equal(mote_version(), MOTE_VERSION_TEXT);
    assert_int_equal(mote_version_number(), MOTE_VERSION_NUMBER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_refuses_bad_arguments),
        cmocka_unit_test(test_every_size_has_its_cap),
        cmocka_unit_test(test_other_sizes_work),
        cmocka_unit_test(test_driver_by_name),
        cmocka_unit_test(test_no_access_to_kvm_is_no_hypervisor),
        cmocka_unit_test(test_no_descriptors_is_a_system_error),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_register_refuses_bad_definitions),
        cmocka_unit_test(test_definitions_that_do_not_fit_are_refused),
        cmocka_unit_test(test_the_last_registration_of_a_name_counts),
        cmocka_unit_test(test_a_failing_host_function_ends_the_call),
        cmocka_unit_test(test_a_host_function_must_keep_its_type),
        cmocka_unit_test(test_a_host_result_must_fit_the_input_buffer),
        cmocka_unit_test(test_reentry_from_a_host_function_is_refused),
        cmocka_unit_test(test_a_host_function_may_use_another_sandbox),
        cmocka_unit_test(test_states_are_checked),
        cmocka_unit_test(test_open_reports_what_each_step_does),
        cmocka_unit_test(test_failures_while_the_guest_initialises),
        cmocka_unit_test(test_host_calls_in_init_when_configured),
        cmocka_unit_test(test_prints_and_logs_arrive_with_the_call),
        cmocka_unit_test(test_host_print_can_be_replaced),
        cmocka_unit_test(test_stats_count),
        cmocka_unit_test(test_driver_reports),
        cmocka_unit_test(test_a_forked_child_cannot_use_a_sandbox_but_make_one),
        cmocka_unit_test(test_sandboxes_and_image_go_in_any_order),
        cmocka_unit_test(test_nothing_is_left_of_a_hundred_sandboxes),
        cmocka_unit_test(test_version_agrees_with_the_header),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
