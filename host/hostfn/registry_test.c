/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions: found by name, sorted, replaced, removed, described; values and failures. */
#include "host/base/limits.h"
#include "host/hostfn/marshal.h"
#include "host/hostfn/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static mote_allocator allocator;
static struct mt_registry registry;

static mote_status answer(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)result;
    (void)err;
    return MOTE_OK;
}

static int set_up(void **state)
{
    (void)state;
    mt_allocator_set(&allocator, NULL);
    registry = (struct mt_registry){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mt_registry_fini(&registry, &allocator);
    return 0;
}

static void add(const char *name, mote_type returns)
{
    const struct mt_host_function function = {
        .as_registered = {.name = name, .fn = answer, .returns = returns}};
    assert_int_equal(mt_registry_add(&registry, &allocator, &function, NULL), MOTE_OK);
}

static const mote_host_function *find(const char *name)
{
    const struct mt_host_function *found = mt_registry_find(&registry, name, strlen(name));
    return found != NULL ? &found->as_registered : NULL;
}

static void test_functions_are_found_and_sorted(void **state)
{
    (void)state;
    for (int i = 99; i >= 0; i--) {
        char name[16];
        snprintf(name, sizeof(name), "F%02d", i * 37 % 100);
        add(name, MOTE_TYPE_I32);
    }
    assert_int_equal(registry.n, 100);
    for (size_t i = 1; i < registry.n; i++)
        assert_true(strcmp(registry.functions[i - 1].as_registered.name,
                           registry.functions[i].as_registered.name) < 0);
    assert_string_equal(find("F42")->name, "F42");
    assert_null(find("F"));
    assert_null(find("F4"));
    assert_null(find("F420"));
    assert_null(find(""));
}

static void test_a_name_with_a_nul_inside_is_not_found(void **state)
{
    (void)state;
    add("F", MOTE_TYPE_I32);
    assert_non_null(mt_registry_find(&registry, "F", 1));
    assert_null(mt_registry_find(&registry, "F\0G", 3));
}

static void test_the_same_name_replaces(void **state)
{
    (void)state;
    add("F", MOTE_TYPE_I32);
    add("F", MOTE_TYPE_STR);
    assert_int_equal(registry.n, 1);
    assert_int_equal(find("F")->returns, MOTE_TYPE_STR);
}

static mote_status try_to_add(const mote_host_function *function)
{
    const struct mt_host_function added = {.as_registered = *function};
    return mt_registry_add(&registry, &allocator, &added, NULL);
}

static void test_a_name_has_1_to_95_bytes_of_utf8(void **state)
{
    (void)state;
    char name[MT_MAX_FUNCTION_NAME_BYTES + 2];
    mote_host_function function = {.name = name, .fn = answer, .returns = MOTE_TYPE_VOID};
    for (size_t len = 0; len < sizeof(name); len++) {
        bool fits = len >= 1 && len <= MT_MAX_FUNCTION_NAME_BYTES;
        memset(name, 'n', sizeof(name));
        name[len] = '\0';
        assert_int_equal(try_to_add(&function), fits ? MOTE_OK : MOTE_E_ARGUMENT);
    }
    assert_int_equal(registry.n, MT_MAX_FUNCTION_NAME_BYTES);
    function.name = "\xC3";
    assert_int_equal(try_to_add(&function), MOTE_E_ARGUMENT);
    function.name = "\xC3\xBC";
    assert_int_equal(try_to_add(&function), MOTE_OK);
}

static void test_11_parameters_are_most(void **state)
{
    (void)state;
    mote_host_function function = {.name = "F", .fn = answer, .returns = MOTE_TYPE_VOID};
    function.n_params = MOTE_MAX_PARAMETERS;
    assert_int_equal(try_to_add(&function), MOTE_OK);
    function.n_params = MOTE_MAX_PARAMETERS + 1;
    assert_int_equal(try_to_add(&function), MOTE_E_ARGUMENT);
    function.n_params = SIZE_MAX;
    assert_int_equal(try_to_add(&function), MOTE_E_ARGUMENT);
}

static void test_types_that_cross_as_parameter_and_as_result(void **state)
{
    (void)state;
    for (int type = -1; type <= MOTE_TYPE_ANY + 1; type++) {
        bool is_known = type >= 0;
        mote_host_function takes = {.name = "F", .fn = answer, .n_params = 2};
        mote_host_function returns = {.name = "F", .fn = answer, .returns = (mote_type)type};
        takes.params[1] = (mote_type)type;
        assert_int_equal(try_to_add(&takes),
                         is_known && type <= MOTE_TYPE_BYTES ? MOTE_OK : MOTE_E_ARGUMENT);
        assert_int_equal(try_to_add(&returns),
                         is_known && type <= MOTE_TYPE_VOID ? MOTE_OK : MOTE_E_ARGUMENT);
    }
}

static void test_4096_functions_are_most(void **state)
{
    (void)state;
    char name[16];
    mote_host_function function = {.name = name, .fn = answer, .returns = MOTE_TYPE_VOID};
    for (unsigned i = 0; i < MT_MAX_HOST_FUNCTIONS; i++) {
        snprintf(name, sizeof(name), "F%04u", i);
        assert_int_equal(try_to_add(&function), MOTE_OK);
    }
    assert_int_equal(try_to_add(&function), MOTE_OK);
    function.name = "G";
    assert_int_equal(try_to_add(&function), MOTE_E_TOO_LARGE);
    assert_int_equal(registry.n, MT_MAX_HOST_FUNCTIONS);
}

static void test_removed_functions_are_gone(void **state)
{
    (void)state;
    add("A", MOTE_TYPE_I32);
    add("B", MOTE_TYPE_I32);
    add("C", MOTE_TYPE_I32);
    mt_registry_remove(&registry, &allocator, "B");
    mt_registry_remove(&registry, &allocator, "X");
    mt_registry_remove(&registry, &allocator, "AA");
    assert_int_equal(registry.n, 2);
    assert_null(find("B"));
    assert_non_null(find("A"));
    assert_non_null(find("C"));
    mt_registry_remove(&registry, &allocator, "C");
    mt_registry_remove(&registry, &allocator, "C");
    assert_int_equal(registry.n, 1);
}

static void test_the_description_lists_all(void **state)
{
    (void)state;
    _Alignas(8) uint8_t message[1024];
    size_t len_bytes = 0;
    size_t n = 0;
    struct mt_wire_fault fault;
    struct mt_wire_definition definition;
    add("B", MOTE_TYPE_VOID);
    add("A", MOTE_TYPE_BYTES);
    assert_int_equal(
        mt_registry_describe(&registry, &allocator, message, sizeof(message), &len_bytes, NULL),
        MOTE_OK);
    assert_true(mt_wire_read_definitions(message, len_bytes, &n, &fault));
    assert_int_equal(n, 2);
    assert_true(mt_wire_read_definition(message, len_bytes, 0, &definition, &fault));
    assert_string_equal((const char *)definition.name.data, "A");
    assert_int_equal(definition.returns, MT_WIRE_BYTES);
    assert_int_equal(
        mt_registry_describe(&registry, &allocator, message, len_bytes - 1, &len_bytes, NULL),
        MOTE_OK);
    assert_int_equal(len_bytes, 0);
}

static void test_values_that_cannot_cross_are_refused(void **state)
{
    (void)state;
    struct mt_wire_value wire;
    const mote_value bad[] = {
        mote_void(),           {.type = MOTE_TYPE_ANY}, {.type = (mote_type)77},
        mote_str_n("\xC3", 1), mote_str_n(NULL, 1),     mote_bytes(NULL, 1)};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(mt_value_to_wire(&bad[i], false, "argument 0", &wire, NULL),
                         MOTE_E_ARGUMENT);
    assert_int_equal(mt_value_to_wire(&bad[0], true, "result", &wire, NULL), MOTE_OK);
    const mote_value empty = mote_str_n(NULL, 0);
    assert_int_equal(mt_value_to_wire(&empty, false, "argument 0", &wire, NULL), MOTE_OK);
    assert_non_null(wire.as.view.data);
    const mote_value text = mote_str("\xC3\xBC");
    assert_int_equal(mt_value_to_wire(&text, false, "argument 0", &wire, NULL), MOTE_OK);
    assert_int_equal(wire.as.view.len, 2);
}

static void test_names_of_types(void **state)
{
    (void)state;
    assert_string_equal(mote_type_name(MOTE_TYPE_I32), "i32");
    assert_string_equal(mote_type_name(MOTE_TYPE_ANY), "any");
    assert_string_equal(mote_type_name((mote_type)(MOTE_TYPE_ANY + 1)), "?");
    assert_string_equal(mote_type_name((mote_type)-1), "?");
    assert_string_equal(mt_record_type_name(MOTE_TYPE_I32), "Int");
    assert_string_equal(mt_record_type_name(MOTE_TYPE_VOID), "Void");
    assert_string_equal(mt_record_type_name(MOTE_TYPE_ANY), "?");
    assert_string_equal(mt_record_type_name((mote_type)-1), "?");
}

static void test_no_text_is_an_empty_one(void **state)
{
    (void)state;
    assert_int_equal(mote_str(NULL).as.str.len_bytes, 0);
    assert_non_null(mote_str(NULL).as.str.data);
}

/* The C locale has no character for U+20AC, so that nothing can be made of the format. */
static void test_a_failure_has_the_text_of_its_format_or_none(void **state)
{
    (void)state;
    mote_error err;
    assert_int_equal(mote_host_fail(&err, 7, "no %d", 5), MOTE_E_HOST_FUNCTION);
    assert_int_equal(err.guest_code, 7);
    assert_string_equal(err.message, "no 5");
    assert_int_equal(mote_host_fail(&err, 8, "no %ls", L"\x20AC"), MOTE_E_HOST_FUNCTION);
    assert_int_equal(err.guest_code, 8);
    assert_string_equal(err.message, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_functions_are_found_and_sorted),
        TEST(test_a_name_with_a_nul_inside_is_not_found),
        TEST(test_the_same_name_replaces),
        TEST(test_a_name_has_1_to_95_bytes_of_utf8),
        TEST(test_11_parameters_are_most),
        TEST(test_types_that_cross_as_parameter_and_as_result),
        TEST(test_4096_functions_are_most),
        TEST(test_removed_functions_are_gone),
        TEST(test_the_description_lists_all),
        TEST(test_values_that_cannot_cross_are_refused),
        TEST(test_names_of_types),
        TEST(test_no_text_is_an_empty_one),
        TEST(test_a_failure_has_the_text_of_its_format_or_none),
    };
    return cmocka_run_group_tests_name("hostfn", tests, NULL, NULL);
}
