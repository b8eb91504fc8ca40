/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the API share. */
#include "tests/api/fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US 60000000u

mote_error last_error;

const char *test_driver(void)
{
    const char *name = getenv("MOTE_TEST_DRIVER");
    return name != NULL ? name : "kvm";
}

const mote_config *for_test(const mote_config *config)
{
    static _Thread_local mote_config copy;
    copy = config != NULL ? *config : (mote_config)MOTE_CONFIG_INIT;
    if (copy.driver == NULL)
        copy.driver = test_driver();
    return &copy;
}

bool has_driver(void)
{
    static mote_driver_report report;
    for (size_t i = 0; strcmp(report.name, test_driver()) != 0; i++) {
        report.struct_size = sizeof(report);
        if (mote_driver_examine(i, &report, NULL) != MOTE_OK)
            fail_msg("no driver %s", test_driver());
    }
    if (!report.works)
        print_message("skipped: driver %s does not work here: %s\n", report.name, report.reason);
    return report.works;
}

void assert_ok_at(mote_status status, const mote_error *err, const char *what, const char *file,
                  int line)
{
    assert_status_at(status, MOTE_OK, err, what, file, line);
}

void assert_status_at(mote_status status, mote_status wanted, const mote_error *err,
                      const char *what, const char *file, int line)
{
    if (status == wanted)
        return;
    print_error("%s: got %s, wanted %s; %s\n", what, mote_status_name(status),
                mote_status_name(wanted), status != MOTE_OK ? err->text : "");
    _fail(file, line);
}

mote_image *open_image(const char *path)
{
    mote_image *image = NULL;
    assert_ok(mote_image_open(path, NULL, &image, &last_error));
    return image;
}

mote_sandbox *open_sandbox(const char *path, const mote_config *config)
{
    mote_sandbox *sandbox = NULL;
    assert_ok(mote_open(path, for_test(config), &sandbox, &last_error));
    return sandbox;
}

mote_status answer_7(void *context, const mote_value *args, size_t n_args, mote_value *result,
                     mote_error *err)
{
    (void)args;
    (void)n_args;
    (void)err;
    (*(int *)context)++;
    *result = mote_i32(7);
    return MOTE_OK;
}

mote_sandbox *create_sandbox(const char *path, const mote_config *config)
{
    mote_image *image = open_image(path);
    mote_sandbox *sandbox = NULL;
    assert_ok(mote_sandbox_create(image, for_test(config), &sandbox, &last_error));
    mote_image_unref(image);
    return sandbox;
}

mote_status answer_slowly(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    const struct slow_answer *answer = context;
    (void)args;
    (void)n_args;
    (void)err;
    usleep((useconds_t)answer->sleep_us);
    *result = answer->value;
    return MOTE_OK;
}

static mote_status echo(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    *result = args[0];
    return MOTE_OK;
}

static mote_status nothing(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    return MOTE_OK;
}

mote_sandbox *open_with_function(const char *path, const mote_config *config,
                                 const mote_host_function *function)
{
    mote_sandbox *sandbox = create_sandbox(path, config);
    assert_ok(mote_sandbox_register(sandbox, function, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

void limit_spinning(mote_config *config)
{
    config->init_limit_us = config->time_limit_us = PATIENCE_US;
    config->cpu_limit_us = 100000;
}

mote_sandbox *open_hello_with_host(const mote_config *config)
{
    static const struct {
        const char *name;
        mote_type type;
    } echoes[] = {
        {"EchoI32", MOTE_TYPE_I32},   {"EchoU32", MOTE_TYPE_U32}, {"EchoI64", MOTE_TYPE_I64},
        {"EchoU64", MOTE_TYPE_U64},   {"EchoF32", MOTE_TYPE_F32}, {"EchoF64", MOTE_TYPE_F64},
        {"EchoBool", MOTE_TYPE_BOOL}, {"EchoStr", MOTE_TYPE_STR}, {"EchoBytes", MOTE_TYPE_BYTES},
    };
    mote_sandbox *sandbox = create_sandbox(HELLO, config);
    for (size_t i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++) {
        const mote_host_function function = {.name = echoes[i].name,
                                             .fn = echo,
                                             .returns = echoes[i].type,
                                             .n_params = 1,
                                             .params = {echoes[i].type}};
        assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    }
    const mote_host_function empty = {.name = "Nothing", .fn = nothing, .returns = MOTE_TYPE_VOID};
    assert_ok(mote_sandbox_register(sandbox, &empty, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    return sandbox;
}

mote_status call_void(mote_sandbox *sandbox, const char *function)
{
    return mote_call(sandbox, function, NULL, 0, MOTE_TYPE_ANY, NULL, &last_error);
}

static void *cancel_until_it_ends(void *sandbox)
{
    const mote_sandbox_state before = mote_sandbox_state_get(sandbox);
    do {
        usleep(10000);
        assert_int_equal(mote_sandbox_cancel(sandbox), MOTE_OK);
    } while (mote_sandbox_state_get(sandbox) == before);
    return NULL;
}

pthread_t cancel_soon(mote_sandbox *sandbox)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_until_it_ends, sandbox), 0);
    return thread;
}

/* Who waits until it is busy is inside itself for moments. */
mote_status spin_until_cancelled(mote_sandbox *sandbox)
{
    mote_status status;
    do
        status = mote_call(sandbox, "Spin", NULL, 0, MOTE_TYPE_ANY, NULL, NULL);
    while (status == MOTE_E_BUSY);
    return status;
}

void wait_until_busy(mote_sandbox *sandbox)
{
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    while (mote_sandbox_stats_get(sandbox, &stats, NULL) != MOTE_E_BUSY)
        usleep(100);
}

void assert_echoes(mote_sandbox *sandbox)
{
    const mote_value text = mote_str("are you well?");
    mote_value result;
    assert_ok(mote_call(sandbox, "EchoStr", &text, 1, MOTE_TYPE_STR, &result, &last_error));
    assert_string_equal(result.as.str.data, "are you well?");
}

static size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

size_t count_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

size_t count_mappings(void)
{
    size_t n = 0;
    int c;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while ((c = fgetc(maps)) != EOF)
        n += c == '\n';
    fclose(maps);
    return n;
}

uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}
