/* SPDX-License-Identifier: Apache-2.0 */
/* Core files on request; tests/dump looks at them with gdb. */
#include "tests/api/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"

static char folder[] = "/tmp/mote-dump-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/core", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return 0;
}

/* How often 8 bytes stand in the file, at multiples of 8. */
static size_t count_words(uint64_t wanted)
{
    size_t n = 0;
    uint64_t word;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while (fread(&word, sizeof(word), 1, file) == 1)
        n += word == wanted;
    fclose(file);
    return n;
}

static void test_a_sandbox_that_is_ready_is_dumped_and_goes_on(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const uint64_t canary = 0x00005AC35A3C1BADull;
    const mote_value masked = mote_u64(canary ^ 0x1234567812345678ull);
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_int_equal(count_words(canary), 0);
    assert_ok(mote_call(sandbox, "Fill", &masked, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    /* The guest's static array alone has so many. */
    assert_true(count_words(canary) >= 0x40000 / 8);
    assert_ok(call_void(sandbox, "Get"));
    mote_sandbox_destroy(sandbox);
}

static void test_every_state_is_dumped(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = create_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void test_a_fault_is_dumped_when_asked_for(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct stat facts;
    mote_config config = MOTE_CONFIG_INIT;
    config.dump_path = path;
    mote_sandbox *sandbox = open_sandbox(KEEPER, &config);
    assert_status(call_void(sandbox, "Fail"), MOTE_E_GUEST_ERROR);
    assert_int_equal(stat(path, &facts), -1);
    assert_status(call_void(sandbox, "Abort"), MOTE_E_GUEST_ABORT);
    assert_int_equal(stat(path, &facts), 0);
    assert_null(strstr(last_error.text, "core file"));
    mote_sandbox_destroy(sandbox);
}

static void test_bad_arguments_and_places(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_status(mote_sandbox_dump(NULL, path, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_dump(sandbox, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_dump(sandbox, "/nonexistent/core", &last_error), MOTE_E_SYSTEM);
    assert_int_equal(symlink("/nonexistent/target", path), 0);
    assert_status(mote_sandbox_dump(sandbox, path, &last_error), MOTE_E_SYSTEM);
    assert_ok(call_void(sandbox, "Get"));
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_sandbox_that_is_ready_is_dumped_and_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_every_state_is_dumped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_fault_is_dumped_when_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_arguments_and_places, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
