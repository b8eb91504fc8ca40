/* SPDX-License-Identifier: Apache-2.0 */
/* Readers against messages whose texts, unions, numbers and lists are made to deceive. */
#include "wire/hostile_buffer_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_text_must_end_in_a_nul_inside_the_message(void **state)
{
    (void)state;
    size_t len = build_sample("str");
    size_t text = target_at(buffer, target_at(buffer, root_at(buffer), 6), 4);
    uint32_t n = word_at(buffer, text);
    buffer[text + 4 + n] = 'x';
    assert_refused("str", len, "value");
    buffer[text + 4 + n] = 0;
    assert_accepted("str", len);
    /* All that is left of the message: no room for the NUL. */
    set_word(buffer, text, (uint32_t)(len - text - 4));
    assert_refused("str", len, "value");
    set_word(buffer, text, 0xFFFFFFFF);
    assert_refused("str", len, "value");
}

static void test_text_with_a_nul_inside_keeps_its_length(void **state)
{
    (void)state;
    size_t len = build_sample("str");
    buffer[target_at(buffer, target_at(buffer, root_at(buffer), 6), 4) + 4] = 0;
    struct mt_wire_value value;
    assert_true(mt_wire_read_result(buffer, len, &value, &fault));
    assert_int_equal(value.as.view.len, 5);
    assert_memory_equal(value.as.view.data, "\0af\xC3\xA9", 5);
}

static void test_text_must_be_utf8(void **state)
{
    (void)state;
    size_t len = build_sample("str");
    buffer[target_at(buffer, target_at(buffer, root_at(buffer), 6), 4) + 4] = 0xFF;
    assert_refused("str", len, "value");
    len = build_sample("log");
    for (size_t vtable_offset = 4; vtable_offset <= 12; vtable_offset += 2) {
        if (vtable_offset == 8)
            continue; /* the level */
        size_t at = target_at(buffer, root_at(buffer), vtable_offset) + 4;
        uint8_t right = buffer[at];
        buffer[at] = 0x80;
        assert_false(read_copy(find_sample("log"), buffer, len));
        buffer[at] = right;
    }
    assert_accepted("log", len);
}

static void test_a_union_must_have_a_known_member_and_a_value(void **state)
{
    (void)state;
    static const uint8_t members[] = {0, 11, 12, 255};
    size_t len = build_sample("str");
    size_t type = field_at(buffer, root_at(buffer), 4);
    for (size_t i = 0; i < sizeof(members); i++) {
        buffer[type] = members[i];
        assert_refused("str", len, "return_value_type");
        assert_int_equal(fault.value, members[i]);
    }
    len = build_sample("str");
    set_half(buffer, entry_at(buffer, root_at(buffer), 6), 0);
    assert_refused("str", len, "return_value");
    len = build_sample("str");
    set_half(buffer, entry_at(buffer, root_at(buffer), 4), 0);
    assert_refused("str", len, "return_value_type");

    len = build_sample("call with every type");
    type = field_at(buffer, parameter_at(buffer, 6), 4);
    buffer[type] = 10; /* one more than the last */
    assert_refused("call with every type", len, "value_type");
    buffer[type] = 0;
    assert_refused("call with every type", len, "value_type");
    len = build_sample("call with every type");
    set_half(buffer, entry_at(buffer, parameter_at(buffer, 6), 6), 0);
    assert_refused("call with every type", len, "value");
}

static void test_a_union_that_lies_about_its_member_is_refused_or_harmless(void **state)
{
    (void)state;
    size_t len = build_sample("i32");
    size_t type = field_at(buffer, root_at(buffer), 4);
    buffer[type] = 7; /* hlstring: the number is no offset to a text */
    assert_refused("i32", len, "value");
    buffer[type] = 10; /* hlsizeprefixedbuffer: its bytes are absent, its length is not 0 */
    assert_refused("i32", len, "size");
    for (uint8_t member = 1; member <= 10; member++) {
        len = build_sample("str");
        buffer[field_at(buffer, root_at(buffer), 4)] = member;
        (void)read_copy(find_sample("str"), buffer, len);
    }
}

static void test_names_values_and_log_texts_are_required(void **state)
{
    (void)state;
    size_t len = build_sample("call with every type");
    set_half(buffer, entry_at(buffer, root_at(buffer), 4), 0);
    assert_refused("call with every type", len, "function_name");
    len = build_sample("definitions");
    size_t element = target_at(buffer, root_at(buffer), 4) + 8;
    set_half(buffer, entry_at(buffer, element + word_at(buffer, element), 4), 0);
    assert_refused("definitions", len, "function_name");
    static const struct {
        size_t vtable_offset;
        const char *field;
    } texts[] = {{4, "message"}, {6, "source"}, {10, "caller"}, {12, "source_file"}};
    for (size_t i = 0; i < 4; i++) {
        len = build_sample("log");
        set_half(buffer, entry_at(buffer, root_at(buffer), texts[i].vtable_offset), 0);
        assert_refused("log", len, texts[i].field);
    }
}

static void test_absent_scalars_texts_and_bytes_have_defaults(void **state)
{
    (void)state;
    static const char *const names[] = {"i32", "f64", "bool", "str"};
    for (size_t i = 0; i < 4; i++) {
        size_t len = build_sample(names[i]);
        size_t table = target_at(buffer, root_at(buffer), 6);
        set_half(buffer, entry_at(buffer, table, 4), 0);
        struct mt_wire_value value;
        memset(&value, 0xA5, sizeof(value));
        assert_true(mt_wire_read_result(buffer, len, &value, &fault));
        if (value.type == MT_WIRE_STR)
            assert_true(value.as.view.len == 0 && value.as.view.data[0] == 0);
        else if (value.type == MT_WIRE_F64)
            assert_true(value.as.u64 == 0);
        else if (value.type == MT_WIRE_BOOL)
            assert_false(value.as.boolean);
        else
            assert_int_equal(value.as.i32, 0);
    }
    size_t len = build_sample("bytes");
    size_t table = target_at(buffer, root_at(buffer), 6);
    set_half(buffer, entry_at(buffer, table, 6), 0);
    assert_refused("bytes", len, "size");
    set_half(buffer, entry_at(buffer, table, 4), 0);
    assert_accepted("bytes", len);
    len = build_sample("log");
    set_half(buffer, entry_at(buffer, root_at(buffer), 8), 0);
    set_half(buffer, entry_at(buffer, root_at(buffer), 14), 0);
    assert_accepted("log", len);
    len = build_sample("error");
    set_half(buffer, entry_at(buffer, root_at(buffer), 6), 0);
    assert_accepted("error", len);
}

static void test_a_shorter_vtable_has_fewer_fields(void **state)
{
    (void)state;
    size_t len = build_sample("error");
    set_half(buffer, vtable_at(buffer, root_at(buffer)), 6);
    struct mt_wire_error error;
    assert_true(mt_wire_read_error(buffer, len, &error, &fault));
    assert_true(error.code == UINT64_MAX);
    assert_int_equal(error.message.len, 0);
    set_half(buffer, vtable_at(buffer, root_at(buffer)), 4);
    assert_true(mt_wire_read_error(buffer, len, &error, &fault));
    assert_true(error.code == 0);
}

static void test_unknown_fields_of_a_longer_vtable_are_ignored(void **state)
{
    (void)state;
    size_t len = build_sample("error");
    size_t root = root_at(buffer);
    /* A longer vtable behind the message, with two fields that no reader knows. */
    memcpy(buffer + len, buffer + vtable_at(buffer, root), 8);
    set_half(buffer, len, 12);
    set_half(buffer, len + 8, 0xFFFF);
    set_half(buffer, len + 10, 3);
    set_word(buffer, root, (uint32_t)(root - len));
    set_word(buffer, 0, (uint32_t)(len + 16 - 4));
    assert_accepted("error", len + 16);
}

static void test_enums_must_have_known_values(void **state)
{
    (void)state;
    size_t len = build_sample("call with every type");
    size_t root = root_at(buffer);
    buffer[field_at(buffer, root, 10)] = 10;
    assert_refused("call with every type", len, "expected_return_type");
    len = build_sample("call with every type");
    static const uint8_t call_types[] = {0, 3, 255};
    for (size_t i = 0; i < sizeof(call_types); i++) {
        buffer[field_at(buffer, root, 8)] = call_types[i];
        assert_refused("call with every type", len, "function_call_type");
        assert_int_equal(fault.value, call_types[i]);
    }
    len = build_sample("log");
    buffer[field_at(buffer, root_at(buffer), 8)] = 7;
    assert_refused("log", len, "level");
    len = build_sample("definitions");
    size_t element = target_at(buffer, root_at(buffer), 4) + 4;
    size_t definition = element + word_at(buffer, element);
    buffer[field_at(buffer, definition, 8)] = 10;
    assert_refused("definitions", len, "return_type");
    len = build_sample("definitions");
    buffer[target_at(buffer, definition, 6) + 5] = 9;
    assert_refused("definitions", len, "parameters");
}

static void test_too_many_parameters_of_a_definition_are_refused(void **state)
{
    (void)state;
    struct mt_wire_definition definition = {
        .name = view_of("f"), .returns = MT_WIRE_VOID, .n_params = MT_WIRE_MAX_PARAMETERS};
    size_t len = mt_wire_build_definitions(buffer, sizeof(buffer), &definition, 1);
    size_t element = target_at(buffer, root_at(buffer), 4) + 4;
    size_t types = target_at(buffer, element + word_at(buffer, element), 6);
    assert_accepted("definitions", len);
    set_word(buffer, 0, (uint32_t)len + 4);
    memset(buffer + len, 0, 8);
    set_word(buffer, types, MT_WIRE_MAX_PARAMETERS + 1);
    assert_refused("definitions", len + 8, "parameters");
    assert_int_equal(fault.value, MT_WIRE_MAX_PARAMETERS + 1);
}

/* Reading one checks the whole way to it, and nothing of the others. */
static void test_one_definition_is_judged_by_itself(void **state)
{
    (void)state;
    struct mt_wire_definition definition;
    size_t n;
    size_t len = build_sample("definitions");
    assert_true(mt_wire_read_definitions(buffer, len, &n, &fault));
    assert_true(n >= 2);
    memset(&definition, 0xA5, sizeof(definition));
    const struct mt_wire_definition before = definition;
    assert_false(mt_wire_read_definition(buffer, len, n, &definition, &fault));
    assert_string_equal(fault.field, "index");
    assert_false(mt_wire_read_definition(buffer, len - 1, 0, &definition, &fault));
    assert_string_equal(fault.field, "prefix");
    buffer[field_at(buffer, definition_at(1), 8)] = 77;
    assert_false(mt_wire_read_definition(buffer, len, 1, &definition, &fault));
    assert_string_equal(fault.field, "return_type");
    assert_memory_equal(&definition, &before, sizeof(definition));
    assert_true(mt_wire_read_definition(buffer, len, 0, &definition, &fault));
}

static void test_any_bool_but_zero_is_true(void **state)
{
    (void)state;
    size_t len = build_sample("bool");
    buffer[field_at(buffer, target_at(buffer, root_at(buffer), 6), 4)] = 0xFE;
    struct mt_wire_value value;
    assert_true(mt_wire_read_result(buffer, len, &value, &fault));
    uint8_t byte;
    memcpy(&byte, &value.as.boolean, 1);
    assert_int_equal(byte, 1);
}

static void test_bytes_that_tell_two_lengths_are_refused(void **state)
{
    (void)state;
    size_t len = build_sample("bytes");
    size_t size = field_at(buffer, target_at(buffer, root_at(buffer), 6), 4);
    static const uint32_t sizes[] = {0, 4, 6, 0x80000005, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        set_word(buffer, size, sizes[i]);
        assert_refused("bytes", len, "size");
        assert_int_equal(fault.value, sizes[i]);
    }
    set_word(buffer, size, 5);
    assert_accepted("bytes", len);
}

static void test_a_cleared_buffer_is_no_error(void **state)
{
    (void)state;
    struct mt_wire_error error = {7, {NULL, 7}};
    memset(buffer, 0, sizeof(buffer));
    assert_false(mt_wire_read_error(buffer, 7, &error, &fault));
    assert_true(error.code == 7 && error.message.len == 7);
    assert_true(mt_wire_read_error(buffer, 8, &error, &fault));
    assert_true(error.code == 0 && error.message.len == 0 && error.message.data[0] == 0);
    buffer[4] = 1;
    assert_false(mt_wire_read_error(buffer, 256, &error, &fault));
    buffer[4] = 0;
    buffer[0] = 12;
    assert_false(mt_wire_read_error(buffer, 256, &error, &fault));
    struct mt_wire_log log;
    memset(buffer, 0, sizeof(buffer));
    assert_false(mt_wire_read_log(buffer, 256, &log, &fault));
}

static void test_small_shared_texts_are_accepted(void **state)
{
    (void)state;
    struct mt_wire_call call = {.name = view_of("f"),
                                .call_type = MT_WIRE_CALL_GUEST,
                                .n_params = 2,
                                .params = {value_of(MT_WIRE_STR), value_of(MT_WIRE_STR)}};
    size_t len = mt_wire_build_call(buffer, sizeof(buffer), &call);
    size_t first = field_at(buffer, target_at(buffer, parameter_at(buffer, 0), 6), 4);
    size_t text = target_at(buffer, target_at(buffer, parameter_at(buffer, 1), 6), 4);
    set_word(buffer, first, (uint32_t)(text - first));
    assert_true(mt_wire_read_call(buffer, len, &call, &fault));
    assert_ptr_equal(call.params[0].as.view.data, call.params[1].as.view.data);
}

/* A small message that unfolds into a large one: sixteen parameters with one vector. */
static void test_what_unfolds_to_much_more_than_the_message_is_refused(void **state)
{
    (void)state;
    static const uint8_t bytes[60000];
    static _Alignas(8) uint8_t large[65536];
    struct mt_wire_call call = {
        .name = view_of("f"), .call_type = MT_WIRE_CALL_GUEST, .n_params = MT_WIRE_MAX_PARAMETERS};
    for (size_t i = 0; i < MT_WIRE_MAX_PARAMETERS; i++)
        call.params[i] = (struct mt_wire_value){.type = MT_WIRE_BYTES, .as.view = {bytes, 0}};
    call.params[MT_WIRE_MAX_PARAMETERS - 1].as.view.len = sizeof(bytes);
    size_t len = mt_wire_build_call(large, sizeof(large), &call);
    struct mt_wire_call found;
    assert_true(mt_wire_read_call(large, len, &found, &fault));
    size_t last =
        target_at(large, target_at(large, parameter_at(large, MT_WIRE_MAX_PARAMETERS - 1), 6), 4);
    for (size_t i = 0; i + 1 < MT_WIRE_MAX_PARAMETERS; i++) {
        size_t field = field_at(large, target_at(large, parameter_at(large, i), 6), 4);
        set_word(large, field, (uint32_t)(last - field));
    }
    assert_false(mt_wire_read_call(large, len, &found, &fault));
    assert_string_equal(fault.field, "shared bytes");
}

static void test_overlapping_parts_read_consistently(void **state)
{
    (void)state;
    size_t len = build_sample("call with every type");
    size_t name = field_at(buffer, root_at(buffer), 4);
    size_t text = target_at(buffer, target_at(buffer, parameter_at(buffer, 6), 6), 4);
    set_word(buffer, name, (uint32_t)(text - name));
    struct mt_wire_call call;
    assert_true(mt_wire_read_call(buffer, len, &call, &fault));
    assert_ptr_equal(call.name.data, call.params[6].as.view.data);
    assert_int_equal(call.name.len, call.params[6].as.view.len);
}

static void test_outputs_are_untouched_by_what_is_refused(void **state)
{
    (void)state;
    struct mt_wire_call call;
    struct mt_wire_call before;
    memset(&call, 0xA5, sizeof(call));
    memcpy(&before, &call, sizeof(call));
    size_t len = build_sample("call with every type");
    size_t type = field_at(buffer, parameter_at(buffer, 8), 4);
    buffer[type] = 77; /* the last thing that is looked at */
    assert_false(mt_wire_read_call(buffer, len, &call, &fault));
    assert_memory_equal(&call, &before, sizeof(call));

    struct mt_wire_value value = value_of(MT_WIRE_F64);
    len = build_sample("bytes");
    buffer[field_at(buffer, target_at(buffer, root_at(buffer), 6), 4)] = 77;
    assert_false(mt_wire_read_result(buffer, len, &value, &fault));
    assert_true(value.type == MT_WIRE_F64);

    size_t n = 77;
    len = build_sample("definitions");
    size_t element = target_at(buffer, root_at(buffer), 4) + 12;
    buffer[field_at(buffer, element + word_at(buffer, element), 8)] = 77;
    assert_false(mt_wire_read_definitions(buffer, len, &n, &fault));
    assert_int_equal(n, 77);
}

static void test_too_many_definitions_are_refused(void **state)
{
    (void)state;
    static _Alignas(8) uint8_t large[64 + 4 * (MT_WIRE_MAX_DEFINITIONS + 1)];
    size_t len = build_sample("definitions");
    memcpy(large, buffer, len);
    size_t vector = target_at(large, root_at(large), 4);
    set_word(large, vector, MT_WIRE_MAX_DEFINITIONS + 1);
    set_word(large, 0, sizeof(large) - 4);
    size_t n;
    assert_false(mt_wire_read_definitions(large, sizeof(large), &n, &fault));
    assert_string_equal(fault.field, "functions");
    assert_int_equal(fault.value, MT_WIRE_MAX_DEFINITIONS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_must_end_in_a_nul_inside_the_message),
        cmocka_unit_test(test_text_with_a_nul_inside_keeps_its_length),
        cmocka_unit_test(test_text_must_be_utf8),
        cmocka_unit_test(test_a_union_must_have_a_known_member_and_a_value),
        cmocka_unit_test(test_a_union_that_lies_about_its_member_is_refused_or_harmless),
        cmocka_unit_test(test_names_values_and_log_texts_are_required),
        cmocka_unit_test(test_absent_scalars_texts_and_bytes_have_defaults),
        cmocka_unit_test(test_a_shorter_vtable_has_fewer_fields),
        cmocka_unit_test(test_unknown_fields_of_a_longer_vtable_are_ignored),
        cmocka_unit_test(test_enums_must_have_known_values),
        cmocka_unit_test(test_too_many_parameters_of_a_definition_are_refused),
        cmocka_unit_test(test_one_definition_is_judged_by_itself),
        cmocka_unit_test(test_any_bool_but_zero_is_true),
        cmocka_unit_test(test_bytes_that_tell_two_lengths_are_refused),
        cmocka_unit_test(test_a_cleared_buffer_is_no_error),
        cmocka_unit_test(test_small_shared_texts_are_accepted),
        cmocka_unit_test(test_what_unfolds_to_much_more_than_the_message_is_refused),
        cmocka_unit_test(test_overlapping_parts_read_consistently),
        cmocka_unit_test(test_outputs_are_untouched_by_what_is_refused),
        cmocka_unit_test(test_too_many_definitions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
