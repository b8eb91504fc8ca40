/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers against messages that are cut, changed at random, or made to deceive. Messages are judged
 * in blocks of their own length, so that AddressSanitizer sees a read outside.
 */
#include "wire/samples_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

#define N_MUTATIONS 100000u

static _Alignas(8) uint8_t buffer[SAMPLE_ROOM];
static struct mt_wire_fault fault;

/* Read len bytes in a block of that size; the fault is cleared before. */
static bool read_copy(const struct sample *sample, const uint8_t *message, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, message, len);
    fault = (struct mt_wire_fault){NULL, 0};
    bool is_read = sample->read(copy, len, &fault);
    free(copy);
    assert_int_equal(is_read, fault.field == NULL);
    return is_read;
}

static const struct sample *find_sample(const char *name)
{
    for (size_t i = 0; i < n_samples; i++) {
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    }
    fail_msg("no sample %s", name);
    return NULL;
}

/* Build the sample into the buffer; returns its size. */
static size_t build(const char *name)
{
    memset(buffer, 0, sizeof(buffer));
    size_t len = find_sample(name)->build(buffer, sizeof(buffer));
    assert_true(len > 0);
    return len;
}

/* The message in the buffer is taken for one of the sample's kind, and refused for the field. */
static void assert_refused(const char *name, size_t len, const char *field)
{
    assert_false(read_copy(find_sample(name), buffer, len));
    assert_string_equal(fault.field, field);
}

static void assert_accepted(const char *name, size_t len)
{
    if (!read_copy(find_sample(name), buffer, len))
        fail_msg("%s: refused for %s", name, fault.field);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        assert_true(read_copy(&samples[i], buffer, len));
        for (size_t cut = 0; cut < len; cut++)
            assert_false(read_copy(&samples[i], buffer, cut));
    }
}

/* The prefix tells the cut length: only padding and what has a default can be missed. */
static void test_every_truncation_with_a_matching_prefix_is_harmless(void **state)
{
    (void)state;
    size_t n_refused = 0;
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        for (size_t cut = 4; cut < len; cut++) {
            set_word(buffer, 0, (uint32_t)(cut - 4));
            n_refused += !read_copy(&samples[i], buffer, cut);
            if (cut + 8 <= len)
                assert_false(read_copy(&samples[i], buffer, cut));
        }
    }
    assert_true(n_refused > 0);
}

static uint64_t random_state;

/* splitmix64: the same sequence in every run. */
static uint64_t random_number(void)
{
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void mutate(uint8_t *message, size_t len)
{
    static const uint32_t edges[] = {0,          1,          2,          3,          4,
                                     7,          8,          0x7F,       0x80,       0xFF,
                                     0x7FFF,     0xFFFF,     0x10000,    0x7FFFFFFF, 0x80000000,
                                     0xFFFFFFF8, 0xFFFFFFFC, 0xFFFFFFFE, 0xFFFFFFFF, 0x40000000};
    for (uint64_t n = 1 + random_number() % 3; n > 0; n--) {
        uint64_t r = random_number();
        size_t at = (size_t)(r >> 32) % len;
        if (r % 3 == 0)
            message[at] ^= (uint8_t)(1u << (r >> 8) % 8);
        else if (r % 3 == 1)
            message[at] = (uint8_t)(r >> 8);
        else if (at + 4 <= len)
            set_word(message, at & ~(size_t)3, edges[(r >> 8) % (sizeof(edges) / 4)]);
    }
}

static void test_random_changes_never_read_outside_the_message(void **state)
{
    (void)state;
    random_state = 20;
    size_t n_refused = 0;
    for (size_t i = 0; i < N_MUTATIONS; i++) {
        const struct sample *sample = &samples[i % n_samples];
        size_t len = sample->build(buffer, sizeof(buffer));
        mutate(buffer, len);
        n_refused += !read_copy(sample, buffer, len);
    }
    assert_true(n_refused > N_MUTATIONS / 20 && n_refused < N_MUTATIONS);
}

static void test_a_message_of_another_kind_is_harmless(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        for (size_t k = 0; k < n_samples; k++)
            (void)read_copy(&samples[k], buffer, len);
    }
    assert_refused("call with every type", build("void"), "function_name");
    assert_refused("str", build("call with every type"), "return_value_type");
}

static void test_the_verdict_is_the_same_at_every_address(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t shifted[SAMPLE_ROOM + 16];
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        for (size_t shift = 0; shift < 16; shift++) {
            memcpy(shifted + shift, buffer, len);
            assert_true(samples[i].read(shifted + shift, len, &fault));
        }
    }
}

static void test_prefix_must_lie_inside_what_is_there(void **state)
{
    (void)state;
    size_t len = build("str");
    static const uint32_t prefixes[] = {0,          1,          3,          0x7FFFFFFB,
                                        0x7FFFFFFF, 0x80000000, 0xFFFFFFFB, 0xFFFFFFFC,
                                        0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        set_word(buffer, 0, prefixes[i]);
        assert_refused("str", len, "prefix");
        assert_int_equal(fault.value, prefixes[i]);
    }
    set_word(buffer, 0, (uint32_t)len - 3);
    assert_refused("str", len, "prefix");
    set_word(buffer, 0, (uint32_t)len - 4);
    assert_accepted("str", len);
    assert_accepted("str", len + 8);
}

static void test_no_message_is_longer_than_flatbuffers_allow(void **state)
{
    (void)state;
    size_t room = 0x80000000;
    uint8_t *large = mmap(NULL, room, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(large != MAP_FAILED);
    memcpy(large, buffer, build("str"));
    struct mt_wire_value value;
    set_word(large, 0, 0x7FFFFFFA);
    assert_true(mt_wire_read_result(large, room, &value, &fault));
    set_word(large, 0, 0x7FFFFFFB);
    assert_false(mt_wire_read_result(large, room, &value, &fault));
    assert_string_equal(fault.field, "prefix");
    assert_int_equal(munmap(large, room), 0);
}

static void test_root_must_be_inside_and_behind_the_head(void **state)
{
    (void)state;
    size_t len = build("str");
    set_word(buffer, 4, 0);
    assert_refused("str", len, "root");
    set_word(buffer, 4, (uint32_t)len - 4);
    assert_refused("str", len, "root");
    set_word(buffer, 4, 0x80000000);
    assert_refused("str", len, "root");
    set_word(buffer, 4, 0xFFFFFFFC);
    assert_refused("str", len, "root");
    set_word(buffer, 4, 2);
    assert_refused("str", len, "table");
    set_word(buffer, 4, 32 + 2 - 4);
    assert_refused("str", len, "table");
    assert_int_equal(fault.value, 32 + 2);
    set_word(buffer, 4, (uint32_t)len - 4 - 2);
    assert_refused("str", len, "table");
}

static void test_vtable_must_be_even_inside_and_behind_the_head(void **state)
{
    (void)state;
    size_t len = build("str");
    size_t root = root_at(buffer);
    uint32_t right = word_at(buffer, root);
    const uint32_t wrong[] = {right - 1,
                              (uint32_t)root,     /* position 0: over the prefix */
                              (uint32_t)root - 4, /* over the root offset */
                              (uint32_t)root + 2, /* before the message */
                              (uint32_t)(root - len),
                              (uint32_t)(root - len + 2),
                              0x7FFFFFFF,
                              0x80000000,
                              0x80000001};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set_word(buffer, root, wrong[i]);
        assert_refused("str", len, "vtable");
    }
    /* The table itself as its vtable: its size would be 0. */
    set_word(buffer, root, 0);
    assert_refused("str", len, "vtable size");
}

static void test_vtable_and_table_sizes_must_be_possible(void **state)
{
    (void)state;
    size_t len = build("str");
    size_t root = root_at(buffer);
    size_t vtable = vtable_at(buffer, root);
    const uint16_t sizes[] = {0, 1, 2, 3, 5, 9, (uint16_t)(len - vtable + 2), 0xFFFE, 0xFFFF};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        set_half(buffer, vtable, sizes[i]);
        assert_refused("str", len, "vtable size");
    }
    set_half(buffer, vtable, 8);
    assert_accepted("str", len);
    const uint16_t tables[] = {0, 3, (uint16_t)(len - root + 1), 0xFFFF};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        set_half(buffer, vtable + 2, tables[i]);
        assert_refused("str", len, "table size");
    }
    set_half(buffer, vtable + 2, (uint16_t)(len - root));
    assert_accepted("str", len);
}

static void test_field_must_be_inside_the_message_and_aligned(void **state)
{
    (void)state;
    size_t len = build("error");
    size_t root = root_at(buffer);
    size_t entry = entry_at(buffer, root, 4);
    const uint16_t offsets[] = {
        1, 3, 4, 9, 12, (uint16_t)(len - root - 4), (uint16_t)(len - root), 0xFFFF};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        set_half(buffer, entry, offsets[i]);
        assert_refused("error", len, "code");
        assert_int_equal(fault.value, offsets[i]);
    }
    set_half(buffer, entry, (uint16_t)(len - root - 8));
    assert_accepted("error", len);
    len = build("log");
    root = root_at(buffer);
    for (uint16_t offset = 1; offset < 4; offset++) {
        set_half(buffer, entry_at(buffer, root, 8), offset);
        assert_refused("log", len, "level"); /* over the offset to the vtable */
    }
    set_half(buffer, entry_at(buffer, root, 8), (uint16_t)(len - root));
    assert_refused("log", len, "level");
    set_half(buffer, entry_at(buffer, root, 8), (uint16_t)(len - root - 1));
    assert_accepted("log", len);
}

static size_t root(void)
{
    return root_at(buffer);
}

static size_t first_parameter(void)
{
    return parameter_at(buffer, 0);
}

/* The value of a result. */
static size_t result_value(void)
{
    return target_at(buffer, root_at(buffer), 6);
}

static size_t definition_at(size_t index)
{
    size_t element = target_at(buffer, root_at(buffer), 4) + 4 + 4 * index;
    return element + word_at(buffer, element);
}

static size_t first_definition(void)
{
    return definition_at(0);
}

/* A field outside ends the reading, and is what the fault names. */
static void test_every_field_must_be_inside_the_message(void **state)
{
    (void)state;
    static const struct {
        const char *sample;
        size_t (*table)(void);
        size_t vtable_offset;
        const char *field;
    } fields[] = {
        {"call with every type", root, 4, "function_name"},
        {"call with every type", root, 6, "parameters"},
        {"call with every type", root, 8, "function_call_type"},
        {"call with every type", root, 10, "expected_return_type"},
        {"call with every type", first_parameter, 4, "value_type"},
        {"call with every type", first_parameter, 6, "value"},
        {"i32", root, 4, "return_value_type"},
        {"i32", root, 6, "return_value"},
        {"i32", result_value, 4, "value"},
        {"f64", result_value, 4, "value"},
        {"bool", result_value, 4, "value"},
        {"str", result_value, 4, "value"},
        {"bytes", result_value, 4, "size"},
        {"bytes", result_value, 6, "value"},
        {"error", root, 4, "code"},
        {"error", root, 6, "message"},
        {"log", root, 4, "message"},
        {"log", root, 6, "source"},
        {"log", root, 8, "level"},
        {"log", root, 10, "caller"},
        {"log", root, 12, "source_file"},
        {"log", root, 14, "line"},
        {"definitions", root, 4, "functions"},
        {"definitions", first_definition, 4, "function_name"},
        {"definitions", first_definition, 6, "parameters"},
        {"definitions", first_definition, 8, "return_type"},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        size_t len = build(fields[i].sample);
        set_half(buffer, entry_at(buffer, fields[i].table(), fields[i].vtable_offset), 0xFFFC);
        assert_refused(fields[i].sample, len, fields[i].field);
        assert_int_equal(fault.value, 0xFFFC);
    }
}

/* As FlatBuffers' builder for Python does it when the fields stand at the same places. */
static void test_tables_of_different_sizes_may_share_a_vtable(void **state)
{
    (void)state;
    size_t len = build("error");
    set_half(buffer, vtable_at(buffer, root_at(buffer)) + 2, 8);
    assert_accepted("error", len);
}

static void test_alignment_counts_from_the_message(void **state)
{
    (void)state;
    size_t len = build("error");
    size_t root = root_at(buffer);
    /* The same message, all of it 4 bytes further: its u64 is at 4 modulo 8. */
    memmove(buffer + 12, buffer + 8, len - 8);
    set_word(buffer, 0, (uint32_t)len);
    set_word(buffer, 4, (uint32_t)root);
    assert_refused("error", len + 4, "code");
}

static void test_vector_lengths_must_be_possible(void **state)
{
    (void)state;
    size_t len = build("call with the most parameters");
    size_t vector = target_at(buffer, root_at(buffer), 6);
    const uint32_t counts[] = {17, 18, 0x40000000, 0x3FFFFFFF, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        set_word(buffer, vector, counts[i]);
        assert_refused("call with the most parameters", len, "parameters");
        assert_int_equal(fault.value, counts[i]);
    }
    len = build("bytes");
    size_t bytes = target_at(buffer, target_at(buffer, root_at(buffer), 6), 6);
    const uint32_t lens[] = {(uint32_t)(len - bytes - 3), 0x7FFFFFFF, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        set_word(buffer, bytes, lens[i]);
        assert_refused("bytes", len, "value");
    }
    /* The padding may be counted in: it is inside. */
    set_word(buffer, bytes, (uint32_t)(len - bytes - 4));
    assert_refused("bytes", len, "size");
}

static void test_a_vector_must_be_aligned_even_when_empty(void **state)
{
    (void)state;
    size_t len = build("bytes");
    size_t table = target_at(buffer, root_at(buffer), 6);
    size_t field = field_at(buffer, table, 6);
    set_word(buffer, field, word_at(buffer, field) + 2);
    assert_refused("bytes", len, "value");
}

static void test_an_empty_vector_is_as_good_as_none_even_at_the_end(void **state)
{
    (void)state;
    size_t len = build("call with every type");
    size_t parameters = field_at(buffer, root_at(buffer), 6);
    set_word(buffer, 0, (uint32_t)len); /* four bytes more, which are zero */
    set_word(buffer, parameters, (uint32_t)(len - parameters));
    struct mt_wire_call call;
    assert_accepted("call with every type", len + 4);
    assert_true(mt_wire_read_call(buffer, len + 4, &call, &fault));
    assert_int_equal(call.n_params, 0);
}

static void test_text_must_end_in_a_nul_inside_the_message(void **state)
{
    (void)state;
    size_t len = build("str");
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
    size_t len = build("str");
    buffer[target_at(buffer, target_at(buffer, root_at(buffer), 6), 4) + 4] = 0;
    struct mt_wire_value value;
    assert_true(mt_wire_read_result(buffer, len, &value, &fault));
    assert_int_equal(value.as.view.len, 5);
    assert_memory_equal(value.as.view.data, "\0af\xC3\xA9", 5);
}

static void test_text_must_be_utf8(void **state)
{
    (void)state;
    size_t len = build("str");
    buffer[target_at(buffer, target_at(buffer, root_at(buffer), 6), 4) + 4] = 0xFF;
    assert_refused("str", len, "value");
    len = build("log");
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
    size_t len = build("str");
    size_t type = field_at(buffer, root_at(buffer), 4);
    for (size_t i = 0; i < sizeof(members); i++) {
        buffer[type] = members[i];
        assert_refused("str", len, "return_value_type");
        assert_int_equal(fault.value, members[i]);
    }
    len = build("str");
    set_half(buffer, entry_at(buffer, root_at(buffer), 6), 0);
    assert_refused("str", len, "return_value");
    len = build("str");
    set_half(buffer, entry_at(buffer, root_at(buffer), 4), 0);
    assert_refused("str", len, "return_value_type");

    len = build("call with every type");
    type = field_at(buffer, parameter_at(buffer, 6), 4);
    buffer[type] = 10; /* one more than the last */
    assert_refused("call with every type", len, "value_type");
    buffer[type] = 0;
    assert_refused("call with every type", len, "value_type");
    len = build("call with every type");
    set_half(buffer, entry_at(buffer, parameter_at(buffer, 6), 6), 0);
    assert_refused("call with every type", len, "value");
}

static void test_a_union_that_lies_about_its_member_is_refused_or_harmless(void **state)
{
    (void)state;
    size_t len = build("i32");
    size_t type = field_at(buffer, root_at(buffer), 4);
    buffer[type] = 7; /* hlstring: the number is no offset to a text */
    assert_refused("i32", len, "value");
    buffer[type] = 10; /* hlsizeprefixedbuffer: its bytes are absent, its length is not 0 */
    assert_refused("i32", len, "size");
    for (uint8_t member = 1; member <= 10; member++) {
        len = build("str");
        buffer[field_at(buffer, root_at(buffer), 4)] = member;
        (void)read_copy(find_sample("str"), buffer, len);
    }
}

static void test_names_values_and_log_texts_are_required(void **state)
{
    (void)state;
    size_t len = build("call with every type");
    set_half(buffer, entry_at(buffer, root_at(buffer), 4), 0);
    assert_refused("call with every type", len, "function_name");
    len = build("definitions");
    size_t element = target_at(buffer, root_at(buffer), 4) + 8;
    set_half(buffer, entry_at(buffer, element + word_at(buffer, element), 4), 0);
    assert_refused("definitions", len, "function_name");
    static const struct {
        size_t vtable_offset;
        const char *field;
    } texts[] = {{4, "message"}, {6, "source"}, {10, "caller"}, {12, "source_file"}};
    for (size_t i = 0; i < 4; i++) {
        len = build("log");
        set_half(buffer, entry_at(buffer, root_at(buffer), texts[i].vtable_offset), 0);
        assert_refused("log", len, texts[i].field);
    }
}

static void test_absent_scalars_texts_and_bytes_have_defaults(void **state)
{
    (void)state;
    static const char *const names[] = {"i32", "f64", "bool", "str"};
    for (size_t i = 0; i < 4; i++) {
        size_t len = build(names[i]);
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
    size_t len = build("bytes");
    size_t table = target_at(buffer, root_at(buffer), 6);
    set_half(buffer, entry_at(buffer, table, 6), 0);
    assert_refused("bytes", len, "size");
    set_half(buffer, entry_at(buffer, table, 4), 0);
    assert_accepted("bytes", len);
    len = build("log");
    set_half(buffer, entry_at(buffer, root_at(buffer), 8), 0);
    set_half(buffer, entry_at(buffer, root_at(buffer), 14), 0);
    assert_accepted("log", len);
    len = build("error");
    set_half(buffer, entry_at(buffer, root_at(buffer), 6), 0);
    assert_accepted("error", len);
}

static void test_a_shorter_vtable_has_fewer_fields(void **state)
{
    (void)state;
    size_t len = build("error");
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
    size_t len = build("error");
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
    size_t len = build("call with every type");
    size_t root = root_at(buffer);
    buffer[field_at(buffer, root, 10)] = 10;
    assert_refused("call with every type", len, "expected_return_type");
    len = build("call with every type");
    static const uint8_t call_types[] = {0, 3, 255};
    for (size_t i = 0; i < sizeof(call_types); i++) {
        buffer[field_at(buffer, root, 8)] = call_types[i];
        assert_refused("call with every type", len, "function_call_type");
        assert_int_equal(fault.value, call_types[i]);
    }
    len = build("log");
    buffer[field_at(buffer, root_at(buffer), 8)] = 7;
    assert_refused("log", len, "level");
    len = build("definitions");
    size_t element = target_at(buffer, root_at(buffer), 4) + 4;
    size_t definition = element + word_at(buffer, element);
    buffer[field_at(buffer, definition, 8)] = 10;
    assert_refused("definitions", len, "return_type");
    len = build("definitions");
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
    size_t len = build("definitions");
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
    size_t len = build("bool");
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
    size_t len = build("bytes");
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
    size_t len = build("call with every type");
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
    size_t len = build("call with every type");
    size_t type = field_at(buffer, parameter_at(buffer, 8), 4);
    buffer[type] = 77; /* the last thing that is looked at */
    assert_false(mt_wire_read_call(buffer, len, &call, &fault));
    assert_memory_equal(&call, &before, sizeof(call));

    struct mt_wire_value value = value_of(MT_WIRE_F64);
    len = build("bytes");
    buffer[field_at(buffer, target_at(buffer, root_at(buffer), 6), 4)] = 77;
    assert_false(mt_wire_read_result(buffer, len, &value, &fault));
    assert_true(value.type == MT_WIRE_F64);

    size_t n = 77;
    len = build("definitions");
    size_t element = target_at(buffer, root_at(buffer), 4) + 12;
    buffer[field_at(buffer, element + word_at(buffer, element), 8)] = 77;
    assert_false(mt_wire_read_definitions(buffer, len, &n, &fault));
    assert_int_equal(n, 77);
}

static void test_too_many_definitions_are_refused(void **state)
{
    (void)state;
    static _Alignas(8) uint8_t large[64 + 4 * (MT_WIRE_MAX_DEFINITIONS + 1)];
    size_t len = build("definitions");
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
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_truncation_with_a_matching_prefix_is_harmless),
        cmocka_unit_test(test_random_changes_never_read_outside_the_message),
        cmocka_unit_test(test_a_message_of_another_kind_is_harmless),
        cmocka_unit_test(test_the_verdict_is_the_same_at_every_address),
        cmocka_unit_test(test_prefix_must_lie_inside_what_is_there),
        cmocka_unit_test(test_no_message_is_longer_than_flatbuffers_allow),
        cmocka_unit_test(test_root_must_be_inside_and_behind_the_head),
        cmocka_unit_test(test_vtable_must_be_even_inside_and_behind_the_head),
        cmocka_unit_test(test_vtable_and_table_sizes_must_be_possible),
        cmocka_unit_test(test_field_must_be_inside_the_message_and_aligned),
        cmocka_unit_test(test_every_field_must_be_inside_the_message),
        cmocka_unit_test(test_tables_of_different_sizes_may_share_a_vtable),
        cmocka_unit_test(test_alignment_counts_from_the_message),
        cmocka_unit_test(test_vector_lengths_must_be_possible),
        cmocka_unit_test(test_a_vector_must_be_aligned_even_when_empty),
        cmocka_unit_test(test_an_empty_vector_is_as_good_as_none_even_at_the_end),
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
