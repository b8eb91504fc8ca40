/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that are PE files: the one of the 0.1 ABI, as compilers for Windows make it. */
#include "tests/api/fixture.h"

#include <string.h>
#include <unistd.h>

#define MINGW MOTE_BUILD_DIR "/guests/abi01-mingw.exe"
#define LLD MOTE_BUILD_DIR "/guests/abi01-lld.exe"
#define LLD_ALIGNED MOTE_BUILD_DIR "/guests/abi01-lld-aligned.exe"
#define MINGW_STRIPPED MOTE_BUILD_DIR "/guests/abi01-mingw-stripped.exe"
#define MINGW_WIDE MOTE_BUILD_DIR "/guests/abi01-mingw-wide.exe"
#define LLD_MERGED MOTE_BUILD_DIR "/guests/abi01-lld-merged.exe"
#define LLD_64KIB MOTE_BUILD_DIR "/guests/abi01-lld-64kib.exe"

/* End the test as skipped where the build had no compiler for a guest. */
static void need_guest(const char *path, const char *compiler)
{
    if (access(path, F_OK) == 0)
        return;
    print_message("skipped: there was no %s when this was built\n", compiler);
    skip();
}

static void assert_answers(mote_sandbox *sandbox)
{
    const mote_value text = mote_str("from Windows");
    const mote_value numbers[] = {mote_i32(40), mote_i32(2)};
    mote_value result;
    for (int i = 0; i < 3; i++) {
        assert_ok(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, &result, &last_error));
        assert_string_equal(result.as.str.data, "from Windows");
        assert_ok(mote_call(sandbox, "Add", numbers, 2, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, 42);
        assert_status(mote_call(sandbox, "NoSuch", NULL, 0, MOTE_TYPE_I32, &result, &last_error),
                      MOTE_E_GUEST_ERROR);
        assert_int_equal(last_error.guest_code, 4);
    }
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

static void assert_calls_the_host(const char *path)
{
    const mote_host_function host_add = {.name = "HostAdd",
                                         .fn = add,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 2,
                                         .params = {MOTE_TYPE_I32, MOTE_TYPE_I32}};
    const mote_value numbers[] = {mote_i32(-5), mote_i32(3)};
    mote_value result;
    mote_sandbox *sandbox = open_with_function(path, NULL, &host_add);
    assert_ok(mote_call(sandbox, "HostAdd", numbers, 2, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, -2);
    mote_sandbox_destroy(sandbox);
}

/* The record's own test guests reserve so much; the linkers' defaults are 1 and 2 MiB. */
static void assert_facts(const char *path)
{
    mote_image *image = open_image(path);
    mote_image_facts facts = {.struct_size = sizeof(facts)};
    assert_ok(mote_image_facts_get(image, &facts, &last_error));
    assert_int_equal(facts.format, MOTE_FORMAT_PE);
    assert_int_equal(facts.abi, MOTE_ABI_HYPERLIGHT_0_1);
    assert_int_equal(facts.stack_bytes, 65536);
    assert_int_equal(facts.heap_bytes, 131072);
    assert_true(facts.n_segments >= 3);
    assert_true(facts.n_relocations > 0);
    assert_null(mote_image_function(image, 0));
    assert_string_equal(mote_image_section(image, 0)->name, ".text");
    assert_non_null(mote_image_section(image, facts.n_segments - 1));
    assert_null(mote_image_section(image, facts.n_segments));
    assert_null(mote_image_section(NULL, 0));
    mote_image_unref(image);
}

/* Frames of 16 KiB: two fit in 64 KiB, fifty do not. The guest sees it before it happens. */
static void assert_checks_its_stack(const char *path)
{
    mote_sandbox *sandbox = open_sandbox(path, NULL);
    mote_value n = mote_i32(2);
    mote_value result;
    assert_ok(mote_call(sandbox, "UseStack", &n, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 2);
    n = mote_i32(50);
    assert_status(mote_call(sandbox, "UseStack", &n, 1, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, 9);
    assert_status(mote_call(sandbox, "UseStack", &n, 1, MOTE_TYPE_I32, &result, &last_error),
                  MOTE_E_POISONED);
    mote_sandbox_destroy(sandbox);
}

static void assert_code_is_not_writable(const char *path, const char *function)
{
    mote_value result;
    mote_sandbox *sandbox = open_sandbox(path, NULL);
    assert_status(mote_call(sandbox, "WriteCode", NULL, 0, MOTE_TYPE_VOID, &result, &last_error),
                  MOTE_E_GUEST_FAULT);
    assert_string_equal(last_error.fault.cause, "write to read-only code");
    assert_string_equal(last_error.fault.region, "code");
    assert_memory_equal(last_error.fault.symbol, function, strlen(function));
    mote_sandbox_destroy(sandbox);
}

static void assert_runs(const char *path)
{
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(path, NULL);
    assert_answers(sandbox);
    mote_sandbox_destroy(sandbox);
    assert_calls_the_host(path);
    assert_checks_its_stack(path);
}

static void test_a_guest_by_mingw_runs(void **state)
{
    (void)state;
    need_guest(MINGW, "x86_64-w64-mingw32-gcc");
    assert_facts(MINGW);
    assert_runs(MINGW);
}

static void test_a_guest_by_clang_and_lld_link_runs(void **state)
{
    (void)state;
    need_guest(LLD, "clang or lld-link");
    assert_facts(LLD);
    assert_runs(LLD);
}

static void test_a_guest_that_lies_in_its_file_as_in_memory_runs(void **state)
{
    (void)state;
    need_guest(LLD_ALIGNED, "clang or lld-link");
    assert_facts(LLD_ALIGNED);
    assert_runs(LLD_ALIGNED);
}

/* Sections at multiples of 8 KiB with a base of its own; without symbols. */
static void test_other_layouts_by_mingw_run(void **state)
{
    (void)state;
    need_guest(MINGW_WIDE, "x86_64-w64-mingw32-gcc");
    assert_runs(MINGW_WIDE);
    assert_runs(MINGW_STRIPPED);
}

/* Read-only data in the section of the code; sections at multiples of 64 KiB, with symbols. */
static void test_other_layouts_by_lld_link_run(void **state)
{
    (void)state;
    need_guest(LLD_MERGED, "clang or lld-link");
    assert_runs(LLD_MERGED);
    assert_runs(LLD_64KIB);
    assert_code_is_not_writable(LLD_64KIB, "write_code+0x");
}

static void test_code_of_a_pe_guest_is_not_writable(void **state)
{
    (void)state;
    need_guest(LLD, "clang or lld-link");
    NEEDS_DRIVER();
    assert_code_is_not_writable(LLD, "");
}

/* GNU ld leaves a table of symbols in a PE file; lld-link does with /debug:symtab only. */
static void test_a_fault_in_a_pe_guest_names_the_function(void **state)
{
    (void)state;
    need_guest(MINGW, "x86_64-w64-mingw32-gcc");
    NEEDS_DRIVER();
    assert_code_is_not_writable(MINGW, "write_code+0x");
}

/* A reserve is a wish like any other: the configuration goes before it. */
static void test_the_configuration_goes_before_the_reserves(void **state)
{
    (void)state;
    need_guest(LLD, "clang or lld-link");
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.stack_bytes = 2 << 20;
    mote_sandbox *sandbox = open_sandbox(LLD, &config);
    const mote_value n = mote_i32(50);
    mote_value result;
    assert_ok(mote_call(sandbox, "UseStack", &n, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 50);
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guest_by_mingw_runs),
        cmocka_unit_test(test_a_guest_by_clang_and_lld_link_runs),
        cmocka_unit_test(test_a_guest_that_lies_in_its_file_as_in_memory_runs),
        cmocka_unit_test(test_other_layouts_by_mingw_run),
        cmocka_unit_test(test_other_layouts_by_lld_link_run),
        cmocka_unit_test(test_code_of_a_pe_guest_is_not_writable),
        cmocka_unit_test(test_a_fault_in_a_pe_guest_names_the_function),
        cmocka_unit_test(test_the_configuration_goes_before_the_reserves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
