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

/* ---- Creation ---- */

static void test_create_refuses_bad_arguments(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(HELLO);
    mote_sandbox *sandbox = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    assert_status(mote_sandbox_create(NULL, for_test(NULL), &sandbox, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_create(image, for_test(NULL), NULL, &last_error), MOTE_E_ARGUMENT);
    config.struct_size = sizeof(config) - 1;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_STRUCT_SIZE);
    struct {
        mote_config known;
        uint64_t more; /* that this library does not have */
    } newer = {MOTE_CONFIG_INIT, 1};
    newer.known.struct_size = sizeof(newer);
    newer.known.driver = test_driver();
    assert_status(mote_sandbox_create(image, &newer.known, &sandbox, &last_error),
                  MOTE_E_STRUCT_SIZE);
    newer.more = 0;
    assert_ok(mote_sandbox_create(image, &newer.known, &sandbox, &last_error));
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
    sandbox = NULL;
    config = (mote_config)MOTE_CONFIG_INIT;
    config.driver = "magic";
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_DRIVER);
    config.driver = "loadlibrary";
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_DRIVER);
    assert_non_null(strstr(last_error.text, "needs Windows"));
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

static void test_spinning_has_a_cap_and_changes_no_result(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const uint64_t spins_us[] = {0, 1, 1000, 1000000};
    for (size_t i = 0; i < sizeof(spins_us) / sizeof(spins_us[0]); i++) {
        mote_config config = MOTE_CONFIG_INIT;
        config.spin_us = spins_us[i];
        mote_sandbox *sandbox = open_sandbox(HELLO, &config);
        assert_ok(mote_sandbox_push(sandbox, &last_error));
        for (int n = 0; n < 20; n++) {
            assert_echoes(sandbox);
            assert_ok(
                mote_call_reset(sandbox, "Nothing", NULL, 0, MOTE_TYPE_ANY, NULL, &last_error));
        }
        mote_sandbox_destroy(sandbox);
    }
    mote_config config = MOTE_CONFIG_INIT;
    config.spin_us = 1000001;
    mote_image *image = open_image(HELLO);
    mote_sandbox *sandbox = NULL;
    assert_status(mote_sandbox_create(image, for_test(&config), &sandbox, &last_error),
                  MOTE_E_TOO_LARGE);
    mote_image_unref(image);
}

static void test_other_sizes_work(void **state)
{
    (void)state;
    NEEDS_DRIVER();
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
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = test_driver();
    mote_sandbox *sandbox = open_sandbox(HELLO, &config);
    assert_string_equal(mote_sandbox_driver(sandbox), test_driver());
    assert_string_equal(mote_sandbox_driver(NULL), "");
    mote_sandbox_destroy(sandbox);
}

static void test_policies_find_a_driver(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (int policy = MOTE_POLICY_HARDWARE_ONLY; policy <= MOTE_POLICY_FASTEST; policy++) {
        mote_config config = MOTE_CONFIG_INIT;
        mote_sandbox *sandbox = NULL;
        config.policy = (mote_policy)policy;
        mote_status status = mote_open(HELLO, &config, &sandbox, &last_error);
        if (status == MOTE_E_NO_HYPERVISOR && policy == MOTE_POLICY_HARDWARE_ONLY)
            continue;
        assert_ok(status);
        assert_echoes(sandbox);
        if (policy == MOTE_POLICY_HARDWARE_ONLY)
            assert_string_equal(mote_sandbox_driver(sandbox), mote_driver_name(0));
        mote_sandbox_destroy(sandbox);
    }
    mote_image *image = open_image(HELLO);
    mote_sandbox *sandbox = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = (mote_policy)3;
    assert_status(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_ARGUMENT);
    mote_image_unref(image);
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
    if (access("/dev/kvm", R_OK | W_OK) == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(77);
    mote_status status = mote_sandbox_create(image_for_child, NULL, &sandbox, &err);
    if (status == MOTE_OK && access("/dev/kvm", R_OK | W_OK) == 0)
        _exit(77);
    /* ENOTTY: another device stands in KVM's place. */
    bool is_right = status == MOTE_E_NO_HYPERVISOR &&
                    (err.os_errno == EACCES || err.os_errno == ENOENT || err.os_errno == ENOTTY) &&
                    strstr(err.subject, "/dev/kvm") != NULL;
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

/* The linker puts this in the place of the driver's own. */
void __real_mt_process_examine(mote_driver_report *report);
void __wrap_mt_process_examine(mote_driver_report *report);
static unsigned n_examined;

void __wrap_mt_process_examine(mote_driver_report *report)
{
    n_examined++;
    __real_mt_process_examine(report);
}

static void create_by_the_second_choice(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    if (access("/dev/kvm", R_OK | W_OK) == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(77);
    for (int i = 0; i < 3; i++) {
        mote_sandbox *sandbox = NULL;
        if (mote_sandbox_create(image_for_child, &config, &sandbox, NULL) != MOTE_OK)
            _exit(0); /* it does not work here: there is nothing to count */
        if (strcmp(mote_sandbox_driver(sandbox), "process") != 0)
            _exit(77);
        mote_sandbox_destroy(sandbox);
    }
    /* An earlier test may have done it, in the process that this is a copy of. */
    _exit(n_examined <= 1 ? 0 : 1);
}

/* To examine this driver takes several times as long as to create a sandbox. */
static void test_without_hardware_the_other_driver_is_examined_once(void **state)
{
    (void)state;
    image_for_child = open_image(HELLO);
    n_examined = 0;
    int how = in_child(create_by_the_second_choice);
    mote_image_unref(image_for_child);
    if (how == 77) {
        print_message("skipped: cannot do without /dev/kvm\n");
        skip();
    }
    assert_int_equal(how, 0);
}

static mote_status create_fastest(void)
{
    mote_sandbox *sandbox = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_FASTEST;
    mote_status status = mote_sandbox_create(image_for_child, &config, &sandbox, NULL);
    mote_sandbox_destroy(sandbox);
    return status;
}

static void create_fastest_twice(void)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    struct rlimit all;
    if (access("/dev/kvm", R_OK | W_OK) == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(77);
    if (access("/dev/kvm", R_OK | W_OK) == 0)
        _exit(77);
#ifdef __SANITIZE_THREAD__
    _exit(0); /* the driver works there only now and then */
#endif
    __real_mt_process_examine(&report);
    if (!report.works)
        _exit(0);
    getrlimit(RLIMIT_NOFILE, &all);
    const struct rlimit none = {(rlim_t)dup(0) + 1, all.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    if (create_fastest() == MOTE_OK)
        _exit(1);
    setrlimit(RLIMIT_NOFILE, &all);
    _exit(create_fastest() == MOTE_OK ? 0 : 2);
}

/* Nothing had been measured in this process before. */
static void test_what_could_not_be_measured_is_measured_again(void **state)
{
    (void)state;
    image_for_child = open_image(HELLO);
    int how = in_child(create_fastest_twice);
    mote_image_unref(image_for_child);
    if (how == 77) {
        print_message("skipped: cannot do without /dev/kvm\n");
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
    mote_status status = mote_sandbox_create(image_for_child, for_test(NULL), &sandbox, &err);
    _exit(status == MOTE_E_SYSTEM && err.os_errno == EMFILE ? 0 : 1);
}

static void test_no_descriptors_is_a_system_error(void **state)
{
    (void)state;
    NEEDS_DRIVER();
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
    NEEDS_DRIVER();
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
            status = mote_sandbox_create(image, for_test(NULL), &sandbox, &last_error);
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

static void test_no_memory_for_a_host_function(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    int n_calls = 0;
    struct failing failing = {1000, 0};
    const mote_allocator allocator = {failing_allocate, failing_reallocate, failing_release,
                                      &failing};
    const mote_host_function function = {
        .name = "F", .fn = answer_7, .context = &n_calls, .returns = MOTE_TYPE_I32};
    mote_image *image = NULL;
    mote_sandbox *sandbox = NULL;
    assert_ok(mote_image_open(HELLO, &allocator, &image, &last_error));
    assert_ok(mote_sandbox_create(image, for_test(NULL), &sandbox, &last_error));
    for (size_t n = 0; n < 2; n++) {
        failing.n_left = n;
        assert_status(mote_sandbox_register(sandbox, &function, &last_error), MOTE_E_MEMORY);
    }
    failing.n_left = 1000;
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    mote_sandbox_destroy(sandbox);
    mote_image_unref(image);
    assert_int_equal(failing.n_live, 0);
}

/* ---- Initialisation ---- */

static void test_what_fails_before_the_guest_is_entered_may_be_tried_again(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct failing failing = {1000, 0};
    const mote_allocator allocator = {failing_allocate, failing_reallocate, failing_release,
                                      &failing};
    mote_image *image = NULL;
    mote_sandbox *sandboxes[2];
    assert_ok(mote_image_open(HELLO, &allocator, &image, &last_error));
    for (int i = 0; i < 2; i++)
        assert_ok(mote_sandbox_create(image, for_test(NULL), &sandboxes[i], &last_error));
    failing.n_left = 0;
    assert_status(mote_sandbox_init(sandboxes[0], &last_error), MOTE_E_MEMORY);
    assert_status(mote_sandbox_evolve(sandboxes[1], NULL, NULL, &last_error), MOTE_E_MEMORY);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mote_sandbox_state_get(sandboxes[i]), MOTE_SANDBOX_CREATED);
    failing.n_left = 1000;
    assert_ok(mote_sandbox_init(sandboxes[0], &last_error));
    assert_ok(mote_sandbox_evolve(sandboxes[1], NULL, NULL, &last_error));
    for (int i = 0; i < 2; i++) {
        assert_echoes(sandboxes[i]);
        mote_sandbox_destroy(sandboxes[i]);
    }
    mote_image_unref(image);
}

static void test_states_are_checked(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = create_sandbox(HELLO, NULL);
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
    NEEDS_DRIVER();
    static const struct startup startups[] = {
        {"crash", MOTE_E_GUEST_FAULT}, {"abort", MOTE_E_GUEST_ABORT},
        {"fail", MOTE_E_GUEST_ERROR},  {"spin", MOTE_E_TIME_LIMIT},
        {"halt", MOTE_E_NO_RESULT},    {"hostcall", MOTE_E_HOST_FUNCTION_UNKNOWN},
        {"badport", MOTE_E_PROTOCOL},
    };
    size_t n_descriptors = count_descriptors();
    for (size_t i = 0; i < sizeof(startups) / sizeof(startups[0]); i++) {
        char path[256];
        mote_config config = MOTE_CONFIG_INIT;
        config.init_limit_us = startups[i].status == MOTE_E_TIME_LIMIT ? 200000 : 60000000;
        mote_sandbox *sandbox = NULL;
        snprintf(path, sizeof(path), "%s/tests/guests/startup-%s.elf", MOTE_BUILD_DIR,
                 startups[i].image);
        assert_status(mote_open(path, for_test(&config), &sandbox, &last_error),
                      startups[i].status);
        assert_null(sandbox);
        sandbox = create_sandbox(path, &config);
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
    NEEDS_DRIVER();
    int n_calls = 0;
    mote_config config = MOTE_CONFIG_INIT;
    config.host_calls_in_init = true;
    const mote_host_function function = {
        .name = "Seven", .fn = answer_7, .context = &n_calls, .returns = MOTE_TYPE_I32};
    mote_sandbox *sandbox =
        open_with_function(MOTE_BUILD_DIR "/tests/guests/startup-hostcall.elf", &config, &function);
    assert_int_equal(n_calls, 1);
    mote_sandbox_destroy(sandbox);
}

/* ---- Stats ---- */

static void test_stats_count(void **state)
{
    (void)state;
    NEEDS_DRIVER();
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
    if (strcmp(test_driver(), report.name) == 0)
        assert_int_equal(report.works, has_driver());
    assert_true(!report.works || (report.create_ns > 0 && report.call_ns > 0));
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
    if (mote_sandbox_create(image_for_child, for_test(NULL), &own, &err) != MOTE_OK)
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
    NEEDS_DRIVER();
    image_for_child = open_image(HELLO);
    assert_ok(
        mote_sandbox_create(image_for_child, for_test(NULL), &sandbox_for_child, &last_error));
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
    NEEDS_DRIVER();
    for (int order = 0; order < 3; order++) {
        mote_image *image = open_image(HELLO);
        mote_sandbox *a = NULL;
        mote_sandbox *b = NULL;
        assert_ok(mote_sandbox_create(image, for_test(NULL), &a, &last_error));
        assert_ok(mote_sandbox_create(image, for_test(NULL), &b, &last_error));
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
    assert_ok(mote_sandbox_create(image, for_test(NULL), &sandbox, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_ok(call_void(sandbox, "Nothing"));
    mote_sandbox_destroy(sandbox);
}

static void test_nothing_is_left_of_a_hundred_sandboxes(void **state)
{
    (void)state;
    NEEDS_DRIVER();
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
        cmocka_unit_test(test_what_could_not_be_measured_is_measured_again), /* before it is */
        cmocka_unit_test(test_create_refuses_bad_arguments),
        cmocka_unit_test(test_every_size_has_its_cap),
        cmocka_unit_test(test_spinning_has_a_cap_and_changes_no_result),
        cmocka_unit_test(test_other_sizes_work),
        cmocka_unit_test(test_driver_by_name),
        cmocka_unit_test(test_policies_find_a_driver),
        cmocka_unit_test(test_no_access_to_kvm_is_no_hypervisor),
        cmocka_unit_test(test_without_hardware_the_other_driver_is_examined_once),
        cmocka_unit_test(test_no_descriptors_is_a_system_error),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_no_memory_for_a_host_function),
        cmocka_unit_test(test_what_fails_before_the_guest_is_entered_may_be_tried_again),
        cmocka_unit_test(test_states_are_checked),
        cmocka_unit_test(test_open_reports_what_each_step_does),
        cmocka_unit_test(test_failures_while_the_guest_initialises),
        cmocka_unit_test(test_host_calls_in_init_when_configured),
        cmocka_unit_test(test_stats_count),
        cmocka_unit_test(test_driver_reports),
        cmocka_unit_test(test_a_forked_child_cannot_use_a_sandbox_but_make_one),
        cmocka_unit_test(test_sandboxes_and_image_go_in_any_order),
        cmocka_unit_test(test_nothing_is_left_of_a_hundred_sandboxes),
        cmocka_unit_test(test_version_agrees_with_the_header),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
