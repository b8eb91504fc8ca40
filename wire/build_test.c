/* SPDX-License-Identifier: Apache-2.0 */
/* Builders: what is built reads back the same, fits where it must, and covers all its bytes. */
#include "wire/samples_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Everything of a bytes result that stands before the bytes. */
#define BYTES_RESULT_HEAD 56u

static _Alignas(8) uint8_t buffer[SAMPLE_ROOM];
static _Alignas(8) uint8_t other[SAMPLE_ROOM];
static struct mt_wire_fault fault;

static void assert_same_value(const struct mt_wire_value *a, const struct mt_wire_value *b)
{
    assert_int_equal(a->type, b->type);
    switch (a->type) {
    case MT_WIRE_STR:
    case MT_WIRE_BYTES:
        assert_int_equal(a->as.view.len, b->as.view.len);
        assert_memory_equal(a->as.view.data, b->as.view.data, a->as.view.len);
        break;
    case MT_WIRE_I32:
    case MT_WIRE_U32:
    case MT_WIRE_F32:
        assert_int_equal(a->as.u32, b->as.u32);
        break;
    case MT_WIRE_I64:
    case MT_WIRE_U64:
    case MT_WIRE_F64:
        assert_int_equal(a->as.u64, b->as.u64);
        break;
    case MT_WIRE_BOOL:
        assert_int_equal(a->as.boolean, b->as.boolean);
        break;
    case MT_WIRE_VOID:
        break;
    }
}

static void test_call_reads_back_the_same(void **state)
{
    (void)state;
    struct mt_wire_call call = call_of_every_type();
    struct mt_wire_call found;
    size_t len = mt_wire_build_call(buffer, sizeof(buffer), &call);
    assert_true(mt_wire_read_call(buffer, len, &found, &fault));
    assert_true(view_is(found.name, "EveryType"));
    assert_int_equal(found.call_type, MT_WIRE_CALL_HOST);
    assert_int_equal(found.returns, MT_WIRE_BYTES);
    assert_int_equal(found.n_params, 9);
    for (size_t i = 0; i < 9; i++)
        assert_same_value(&found.params[i], &call.params[i]);
}

/* Over bytes that are not zero, so that what is left out shows. */
static void test_names_and_texts_of_calls_are_copied_with_their_nul(void **state)
{
    (void)state;
    struct mt_wire_call call = {
        .name = view_of("Look"),
        .call_type = MT_WIRE_CALL_HOST,
        .returns = MT_WIRE_STR,
        .params = {{.type = MT_WIRE_STR, .as.view = view_of("abcd")},
                   {.type = MT_WIRE_STR, .as.view = view_of("abcdefgh")}},
    };
    struct mt_wire_call found;
    for (call.n_params = 0; call.n_params < 3; call.n_params++) {
        memset(buffer, 0xEE, sizeof(buffer));
        size_t len = mt_wire_build_call(buffer, sizeof(buffer), &call);
        assert_true(mt_wire_read_call(buffer, len, &found, &fault));
        assert_true(view_is(found.name, "Look"));
        assert_int_equal(found.name.data[4], 0);
    }
    assert_true(view_is(found.params[0].as.view, "abcd"));
    assert_int_equal(found.params[0].as.view.data[4], 0);
    assert_true(view_is(found.params[1].as.view, "abcdefgh"));
    assert_int_equal(found.params[1].as.view.data[8], 0);
}

static void test_parameters_that_no_message_holds_are_refused(void **state)
{
    (void)state;
    static const size_t lens[] = {MT_WIRE_MAX_BYTES - 1, MT_WIRE_MAX_BYTES, MT_WIRE_MAX_BYTES + 1,
                                  SIZE_MAX - 4,          SIZE_MAX - 1,      SIZE_MAX};
    static const enum mt_wire_type types[] = {MT_WIRE_STR, MT_WIRE_BYTES};
    for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
        struct mt_wire_call call = {
            .name = view_of("F"), .call_type = MT_WIRE_CALL_HOST, .n_params = 1};
        call.params[0].type = types[i % 2];
        call.params[0].as.view.data = buffer;
        call.params[0].as.view.len = lens[i / 2];
        assert_int_equal(mt_wire_call_bytes(&call), 0);
        call.n_params = 2;
        call.params[1] = (struct mt_wire_value){.type = MT_WIRE_BOOL};
        assert_int_equal(mt_wire_call_bytes(&call), 0);
        assert_int_equal(mt_wire_build_call(NULL, SIZE_MAX, &call), 0);
        assert_int_equal(mt_wire_build_call(buffer, sizeof(buffer), &call), 0);
    }
}

static void test_call_without_parameters_has_no_vector(void **state)
{
    (void)state;
    struct mt_wire_call call = {
        .name = view_of("f"), .call_type = MT_WIRE_CALL_GUEST, .returns = MT_WIRE_F64};
    struct mt_wire_call found;
    size_t len = mt_wire_build_call(buffer, sizeof(buffer), &call);
    assert_int_equal(field_at(buffer, root_at(buffer), 6), root_at(buffer));
    assert_true(mt_wire_read_call(buffer, len, &found, &fault));
    assert_int_equal(found.n_params, 0);
    assert_int_equal(found.call_type, MT_WIRE_CALL_GUEST);
    assert_int_equal(found.returns, MT_WIRE_F64);
}

static void test_result_of_every_type_reads_back_the_same(void **state)
{
    (void)state;
    for (unsigned type = MT_WIRE_I32; type <= MT_WIRE_VOID; type++) {
        struct mt_wire_value value = value_of((enum mt_wire_type)type);
        struct mt_wire_value found;
        size_t len = mt_wire_build_result(buffer, sizeof(buffer), &value);
        assert_true(mt_wire_read_result(buffer, len, &found, &fault));
        assert_same_value(&found, &value);
    }
}

static void test_zero_values_read_back_the_same(void **state)
{
    (void)state;
    for (unsigned type = MT_WIRE_I32; type <= MT_WIRE_VOID; type++) {
        struct mt_wire_value value = {.type = (enum mt_wire_type)type, .as.view = {NULL, 0}};
        struct mt_wire_value found;
        size_t len = mt_wire_build_result(buffer, sizeof(buffer), &value);
        assert_true(mt_wire_read_result(buffer, len, &found, &fault));
        if (type == MT_WIRE_STR || type == MT_WIRE_BYTES)
            assert_true(found.as.view.len == 0 && found.as.view.data != NULL);
        else
            assert_same_value(&found, &value);
    }
}

static void test_error_reads_back_the_same(void **state)
{
    (void)state;
    struct mt_wire_error error = {0x123456789ABCDEF0u, view_of("no such thing")};
    struct mt_wire_error found;
    size_t len = mt_wire_build_error(buffer, sizeof(buffer), &error);
    assert_true(mt_wire_read_error(buffer, len, &found, &fault));
    assert_true(found.code == error.code);
    assert_true(view_is(found.message, "no such thing"));
}

static void test_log_reads_back_the_same(void **state)
{
    (void)state;
    struct mt_wire_log log = log_record();
    struct mt_wire_log found;
    size_t len = mt_wire_build_log(buffer, sizeof(buffer), &log);
    assert_true(mt_wire_read_log(buffer, len, &found, &fault));
    assert_true(view_is(found.message, "all is well"));
    assert_true(view_is(found.source, "guest"));
    assert_true(view_is(found.caller, "main"));
    assert_true(view_is(found.source_file, "main.c"));
    assert_int_equal(found.level, 6);
    assert_int_equal(found.line, 4000000000u);
}

static void test_definitions_read_back_the_same(void **state)
{
    (void)state;
    struct mt_wire_definition definitions[2] = {
        {.name = view_of("A"), .returns = MT_WIRE_BYTES, .n_params = MT_WIRE_MAX_PARAMETERS},
        {.name = view_of("B"), .returns = MT_WIRE_VOID}};
    for (unsigned i = 0; i < MT_WIRE_MAX_PARAMETERS; i++)
        definitions[0].params[i] = (enum mt_wire_type)(i % 9);
    size_t len = mt_wire_build_definitions(buffer, sizeof(buffer), definitions, 2);
    size_t n;
    assert_true(mt_wire_read_definitions(buffer, len, &n, &fault));
    assert_int_equal(n, 2);
    struct mt_wire_definition found;
    assert_true(mt_wire_read_definition(buffer, len, 0, &found, &fault));
    assert_true(view_is(found.name, "A"));
    assert_int_equal(found.returns, MT_WIRE_BYTES);
    assert_int_equal(found.n_params, MT_WIRE_MAX_PARAMETERS);
    for (unsigned i = 0; i < MT_WIRE_MAX_PARAMETERS; i++)
        assert_int_equal(found.params[i], i % 9);
    assert_true(mt_wire_read_definition(buffer, len, 1, &found, &fault));
    assert_true(view_is(found.name, "B"));
    assert_int_equal(found.n_params, 0);
    assert_false(mt_wire_read_definition(buffer, len, 2, &found, &fault));
    assert_string_equal(fault.field, "index");
}

static void test_size_is_a_multiple_of_8_and_the_prefix_is_4_less(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        assert_true(len >= 16 && len % 8 == 0);
        assert_int_equal(word_at(buffer, 0), len - 4);
        assert_true(samples[i].read(buffer, len, &fault));
    }
}

/* Nothing of what lay in the buffer before gets into a message. */
static void test_every_byte_of_a_message_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_samples; i++) {
        memset(buffer, 0x00, sizeof(buffer));
        memset(other, 0xFF, sizeof(other));
        size_t len = samples[i].build(buffer, sizeof(buffer));
        assert_int_equal(samples[i].build(other, sizeof(other)), len);
        assert_memory_equal(buffer, other, len);
    }
}

static void test_a_message_fits_in_its_size_and_in_no_byte_less(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        assert_int_equal(samples[i].build(buffer, len), len);
        for (size_t room = 0; room < len; room++) {
            memset(other, 0xC5, sizeof(other));
            assert_int_equal(samples[i].build(other, room), 0);
            for (size_t at = room; at < sizeof(other); at++)
                assert_int_equal(other[at], 0xC5);
        }
    }
}

static void test_sizes_are_those_of_the_builders(void **state)
{
    (void)state;
    struct mt_wire_call call = call_of_every_type();
    for (call.n_params = 0; call.n_params <= 9; call.n_params++)
        assert_int_equal(mt_wire_call_bytes(&call),
                         mt_wire_build_call(buffer, sizeof(buffer), &call));
    for (unsigned type = MT_WIRE_I32; type <= MT_WIRE_VOID; type++) {
        struct mt_wire_value value = value_of((enum mt_wire_type)type);
        assert_int_equal(mt_wire_result_bytes(&value),
                         mt_wire_build_result(buffer, sizeof(buffer), &value));
    }
}

static void test_lengths_that_do_not_fit_are_refused_without_wrapping(void **state)
{
    (void)state;
    struct mt_wire_value bytes = {.type = MT_WIRE_BYTES};
    size_t most = MT_WIRE_MAX_BYTES - BYTES_RESULT_HEAD;
    bytes.as.view.len = most;
    assert_int_equal(mt_wire_result_bytes(&bytes), MT_WIRE_MAX_BYTES);
    static const size_t lens[] = {0x7FFFFFFF,   0x80000000,        0xFFFFFFFF,
                                  0x100000000,  (size_t)INT64_MAX, SIZE_MAX - 64,
                                  SIZE_MAX - 8, SIZE_MAX - 4,      SIZE_MAX - 3,
                                  SIZE_MAX - 1, SIZE_MAX,          MT_WIRE_MAX_BYTES};
    struct mt_wire_value text = {.type = MT_WIRE_STR};
    struct mt_wire_call call = {.call_type = MT_WIRE_CALL_GUEST};
    bytes.as.view.len = most + 1;
    assert_int_equal(mt_wire_result_bytes(&bytes), 0);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        bytes.as.view.len = text.as.view.len = call.name.len = lens[i];
        assert_int_equal(mt_wire_result_bytes(&bytes), 0);
        assert_int_equal(mt_wire_result_bytes(&text), 0);
        assert_int_equal(mt_wire_call_bytes(&call), 0);
        assert_int_equal(mt_wire_end_bytes_result(buffer, sizeof(buffer), lens[i]), 0);
    }
}

static void test_the_longest_text_leaves_room_for_its_nul(void **state)
{
    (void)state;
    struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {NULL, 0}};
    assert_int_equal(mt_wire_result_bytes(&text), 56); /* 48, the NUL, padding */
    text.as.view.len = MT_WIRE_MAX_BYTES - 49;
    assert_int_equal(mt_wire_result_bytes(&text), MT_WIRE_MAX_BYTES);
    text.as.view.len++;
    assert_int_equal(mt_wire_result_bytes(&text), 0);
}

static void test_what_is_no_message_is_not_built(void **state)
{
    (void)state;
    struct mt_wire_call call = call_of_every_type();
    call.call_type = MT_WIRE_CALL_NONE;
    assert_int_equal(mt_wire_build_call(buffer, sizeof(buffer), &call), 0);
    call.call_type = (enum mt_wire_call_type)3;
    assert_int_equal(mt_wire_build_call(buffer, sizeof(buffer), &call), 0);
    call = call_of_every_type();
    call.returns = (enum mt_wire_type)10;
    assert_int_equal(mt_wire_build_call(buffer, sizeof(buffer), &call), 0);
    call = call_of_every_type();
    call.params[8].type = MT_WIRE_VOID;
    assert_int_equal(mt_wire_build_call(buffer, sizeof(buffer), &call), 0);
    call.n_params = MT_WIRE_MAX_PARAMETERS + 1;
    assert_int_equal(mt_wire_build_call(buffer, sizeof(buffer), &call), 0);
    struct mt_wire_value value = {.type = (enum mt_wire_type)10};
    assert_int_equal(mt_wire_build_result(buffer, sizeof(buffer), &value), 0);
    struct mt_wire_log log = log_record();
    log.level = 7;
    assert_int_equal(mt_wire_build_log(buffer, sizeof(buffer), &log), 0);
}

static void test_definitions_that_are_none_are_not_built(void **state)
{
    (void)state;
    struct mt_wire_definition definition = {.name = view_of("f"), .returns = MT_WIRE_VOID};
    assert_true(mt_wire_build_definitions(buffer, sizeof(buffer), &definition, 1) != 0);
    definition.returns = (enum mt_wire_type)10;
    assert_int_equal(mt_wire_build_definitions(buffer, sizeof(buffer), &definition, 1), 0);
    definition.returns = MT_WIRE_VOID;
    definition.n_params = 1;
    definition.params[0] = MT_WIRE_VOID;
    assert_int_equal(mt_wire_build_definitions(buffer, sizeof(buffer), &definition, 1), 0);
    definition.params[0] = MT_WIRE_I32;
    definition.n_params = MT_WIRE_MAX_PARAMETERS;
    assert_true(mt_wire_build_definitions(buffer, sizeof(buffer), &definition, 1) != 0);
    definition.n_params++;
    assert_int_equal(mt_wire_build_definitions(buffer, sizeof(buffer), &definition, 1), 0);
    size_t n = MT_WIRE_MAX_DEFINITIONS + 1;
    assert_int_equal(mt_wire_build_definitions(buffer, sizeof(buffer), NULL, n), 0);
}

/* Only the count stands in the way: what is behind the last parameter is a parameter too. */
static void test_counts_over_the_most_are_not_built(void **state)
{
    (void)state;
    static struct mt_wire_call calls[2];
    calls[0] = (struct mt_wire_call){.name = view_of("f"), .call_type = MT_WIRE_CALL_GUEST};
    memset(&calls[1], 0, sizeof(calls[1]));
    calls[0].n_params = MT_WIRE_MAX_PARAMETERS;
    assert_true(mt_wire_call_bytes(&calls[0]) > 0);
    calls[0].n_params = MT_WIRE_MAX_PARAMETERS + 1;
    assert_int_equal(mt_wire_call_bytes(&calls[0]), 0);
}

/* FlatBuffers' own libraries make it so. */
static void test_the_table_of_a_void_has_no_fields(void **state)
{
    (void)state;
    struct mt_wire_value value = {.type = MT_WIRE_VOID};
    assert_true(mt_wire_build_result(buffer, sizeof(buffer), &value) > 0);
    size_t vtable = vtable_at(buffer, target_at(buffer, root_at(buffer), 6));
    assert_int_equal(word_at(buffer, vtable), 4 | 4u << 16);
}

/* A guest's error buffer may be small, and a message with many parameters should be, too. */
static void test_tables_of_one_kind_share_a_vtable(void **state)
{
    (void)state;
    struct mt_wire_call call = {.name = view_of("f"),
                                .call_type = MT_WIRE_CALL_GUEST,
                                .n_params = 2,
                                .params = {value_of(MT_WIRE_I32), value_of(MT_WIRE_U32)}};
    assert_true(mt_wire_build_call(buffer, sizeof(buffer), &call) > 0);
    size_t first = parameter_at(buffer, 0);
    size_t second = parameter_at(buffer, 1);
    assert_int_equal(vtable_at(buffer, first), vtable_at(buffer, second));
    assert_int_equal(vtable_at(buffer, target_at(buffer, first, 6)),
                     vtable_at(buffer, target_at(buffer, second, 6)));
}

static void test_the_most_definitions_are_built_and_read(void **state)
{
    (void)state;
    static struct mt_wire_definition definitions[MT_WIRE_MAX_DEFINITIONS];
    static _Alignas(8) uint8_t large[64 * MT_WIRE_MAX_DEFINITIONS];
    for (size_t i = 0; i < MT_WIRE_MAX_DEFINITIONS; i++)
        definitions[i] = (struct mt_wire_definition){.name = view_of("f"), .returns = MT_WIRE_I64};
    size_t len =
        mt_wire_build_definitions(large, sizeof(large), definitions, MT_WIRE_MAX_DEFINITIONS);
    size_t n;
    assert_true(len > 0);
    assert_true(mt_wire_read_definitions(large, len, &n, &fault));
    assert_int_equal(n, MT_WIRE_MAX_DEFINITIONS);
}

static void test_bytes_built_in_place_are_the_message_of_a_copy(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 40; len++) {
        memset(other, 0x5A, sizeof(other));
        size_t room = 0;
        uint8_t *bytes = mt_wire_begin_bytes_result(other, sizeof(other), &room);
        assert_non_null(bytes);
        assert_int_equal((size_t)(bytes - other) % 8, 0);
        assert_int_equal(room, sizeof(other) - BYTES_RESULT_HEAD);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i + 1);
        struct mt_wire_value value = {.type = MT_WIRE_BYTES, .as.view = {bytes, len}};
        size_t size = mt_wire_build_result(buffer, sizeof(buffer), &value);
        assert_int_equal(mt_wire_end_bytes_result(other, sizeof(other), len), size);
        assert_memory_equal(buffer, other, size);
        assert_int_equal(other[size], 0x5A);
    }
}

static void test_begin_tells_how_many_bytes_fit(void **state)
{
    (void)state;
    for (size_t room = 0; room < 128; room++) {
        memset(other, 0x5A, sizeof(other));
        size_t bytes_room = 1000;
        uint8_t *bytes = mt_wire_begin_bytes_result(other, room, &bytes_room);
        for (size_t at = 0; at < sizeof(other); at++)
            assert_int_equal(other[at], 0x5A);
        if (room < BYTES_RESULT_HEAD) {
            assert_null(bytes);
            assert_int_equal(bytes_room, 1000);
            assert_int_equal(mt_wire_end_bytes_result(other, room, 0), 0);
            continue;
        }
        assert_int_equal(bytes_room, (room - BYTES_RESULT_HEAD) & ~(size_t)7);
        assert_true(mt_wire_end_bytes_result(other, room, bytes_room) <= room);
        assert_int_equal(other[room], 0x5A);
        assert_int_equal(mt_wire_end_bytes_result(other, room, bytes_room + 1), 0);
        assert_int_equal(other[room], 0x5A);
    }
}

static void test_begin_offers_no_more_than_a_message_can_hold(void **state)
{
    (void)state;
    size_t bytes_room;
    assert_non_null(mt_wire_begin_bytes_result(other, SIZE_MAX, &bytes_room));
    assert_int_equal(bytes_room, MT_WIRE_MAX_BYTES - BYTES_RESULT_HEAD);
}

static void test_bytes_values_start_at_a_multiple_of_8(void **state)
{
    (void)state;
    struct mt_wire_call call = call_of_every_type();
    call.n_params = 9;
    static const char *const names[] = {"", "a", "ab", "abc", "abcd", "abcde"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        call.name = view_of(names[i]);
        struct mt_wire_call found;
        size_t len = mt_wire_build_call(buffer, sizeof(buffer), &call);
        assert_true(mt_wire_read_call(buffer, len, &found, &fault));
        assert_int_equal((size_t)(found.params[MT_WIRE_BYTES].as.view.data - buffer) % 8, 0);
    }
}

/* Prefix and root, vtable, table and name: 44; the vector of one parameter: 52; vtable and table of
 * a Parameter: 72; vtable and table of hlint: 88. */
static void test_a_parameter_of_4_bytes_takes_a_table_of_8(void **state)
{
    (void)state;
    const struct mt_wire_call call = {
        .name = view_of("f"),
        .call_type = MT_WIRE_CALL_GUEST,
        .returns = MT_WIRE_VOID,
        .n_params = 1,
        .params = {{.type = MT_WIRE_I32, .as.i32 = 5}},
    };
    assert_int_equal(mt_wire_call_bytes(&call), 88);
}

static void test_a_bool_is_one_byte_whatever_is_behind_it(void **state)
{
    (void)state;
    static _Alignas(8) uint8_t message[48];
    static const uint8_t one[8] = {1};
    struct mt_wire_value value;
    memset(&value, 0xFF, sizeof(value));
    value.type = MT_WIRE_BOOL;
    value.as.boolean = true;
    assert_int_equal(mt_wire_build_result(message, sizeof(message), &value), 48);
    assert_memory_equal(message + 40, one, sizeof(one));
}

static void test_bytes_in_place_that_do_not_fit_write_nothing(void **state)
{
    (void)state;
    static _Alignas(8) uint8_t message[64];
    static const uint8_t untouched[64];
    size_t room = 0;
    for (size_t given = 0; given < 56; given++) {
        assert_null(mt_wire_begin_bytes_result(message, given, &room));
        assert_int_equal(mt_wire_end_bytes_result(message, given, 0), 0);
    }
    assert_int_equal(mt_wire_end_bytes_result(message, 63, 1), 0);
    assert_memory_equal(message, untouched, sizeof(message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_reads_back_the_same),
        cmocka_unit_test(test_names_and_texts_of_calls_are_copied_with_their_nul),
        cmocka_unit_test(test_parameters_that_no_message_holds_are_refused),
        cmocka_unit_test(test_call_without_parameters_has_no_vector),
        cmocka_unit_test(test_result_of_every_type_reads_back_the_same),
        cmocka_unit_test(test_zero_values_read_back_the_same),
        cmocka_unit_test(test_error_reads_back_the_same),
        cmocka_unit_test(test_log_reads_back_the_same),
        cmocka_unit_test(test_definitions_read_back_the_same),
        cmocka_unit_test(test_size_is_a_multiple_of_8_and_the_prefix_is_4_less),
        cmocka_unit_test(test_every_byte_of_a_message_is_written),
        cmocka_unit_test(test_a_message_fits_in_its_size_and_in_no_byte_less),
        cmocka_unit_test(test_sizes_are_those_of_the_builders),
        cmocka_unit_test(test_lengths_that_do_not_fit_are_refused_without_wrapping),
        cmocka_unit_test(test_the_longest_text_leaves_room_for_its_nul),
        cmocka_unit_test(test_what_is_no_message_is_not_built),
        cmocka_unit_test(test_definitions_that_are_none_are_not_built),
        cmocka_unit_test(test_counts_over_the_most_are_not_built),
        cmocka_unit_test(test_the_table_of_a_void_has_no_fields),
        cmocka_unit_test(test_tables_of_one_kind_share_a_vtable),
        cmocka_unit_test(test_the_most_definitions_are_built_and_read),
        cmocka_unit_test(test_bytes_built_in_place_are_the_message_of_a_copy),
        cmocka_unit_test(test_begin_tells_how_many_bytes_fit),
        cmocka_unit_test(test_begin_offers_no_more_than_a_message_can_hold),
        cmocka_unit_test(test_bytes_values_start_at_a_multiple_of_8),
        cmocka_unit_test(test_a_parameter_of_4_bytes_takes_a_table_of_8),
        cmocka_unit_test(test_a_bool_is_one_byte_whatever_is_behind_it),
        cmocka_unit_test(test_bytes_in_place_that_do_not_fit_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
