/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions: found by name, sorted, replaced, removed, described. */
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
    const mote_host_function function = {.name = name, .fn = answer, .returns = returns};
    assert_int_equal(mt_registry_add(&registry, &allocator, &function, NULL), MOTE_OK);
}

static const mote_host_function *find(const char *name)
{
    return mt_registry_find(&registry, name, strlen(name));
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
        assert_true(strcmp(registry.functions[i - 1].name, registry.functions[i].name) < 0);
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

static void test_removed_functions_are_gone(void **state)
{
    (void)state;
    add("A", MOTE_TYPE_I32);
    add("B", MOTE_TYPE_I32);
    add("C", MOTE_TYPE_I32);
    mt_registry_remove(&registry, &allocator, "B");
    mt_registry_remove(&registry, &allocator, "X");
    assert_int_equal(registry.n, 2);
    assert_null(find("B"));
    assert_non_null(find("A"));
    assert_non_null(find("C"));
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
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_functions_are_found_and_sorted), TEST(test_a_name_with_a_nul_inside_is_not_found),
        TEST(test_the_same_name_replaces),         TEST(test_removed_functions_are_gone),
        TEST(test_the_description_lists_all),      TEST(test_values_that_cannot_cross_are_refused),
    };
    return cmocka_run_group_tests_name("hostfn", tests, NULL, NULL);
}
