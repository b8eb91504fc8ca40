/* SPDX-License-Identifier: Apache-2.0 */
/* Readers against messages that are cut, changed at random, or made to deceive about where things
 * are. */
#include "wire/hostile_buffer_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <cmocka.h>

#define N_MUTATIONS 100000u

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
    assert_refused("call with every type", build_sample("void"), "function_name");
    assert_refused("str", build_sample("call with every type"), "return_value_type");
}

static void assert_same_verdict_everywhere(const struct sample *sample, size_t len)
{
    static _Alignas(16) uint8_t shifted[SAMPLE_ROOM + 16];
    struct mt_wire_fault first = {0};
    bool is_good = sample->read(buffer, len, &first);
    for (size_t shift = 0; shift < 16; shift++) {
        memset(&fault, 0, sizeof(fault));
        memcpy(shifted + shift, buffer, len);
        assert_int_equal(sample->read(shifted + shift, len, &fault), is_good);
        assert_memory_equal(&fault, &first, sizeof(fault));
    }
}

static void test_the_verdict_is_the_same_at_every_address(void **state)
{
    (void)state;
    random_state = 17;
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        assert_true(samples[i].read(buffer, len, &fault));
        assert_same_verdict_everywhere(&samples[i], len);
        for (size_t n = 0; n < 500; n++) {
            samples[i].build(buffer, sizeof(buffer));
            mutate(buffer, len);
            assert_same_verdict_everywhere(&samples[i], len);
        }
    }
}

static void test_prefix_must_lie_inside_what_is_there(void **state)
{
    (void)state;
    size_t len = build_sample("str");
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
    memcpy(large, buffer, build_sample("str"));
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
    size_t len = build_sample("str");
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
    size_t len = build_sample("str");
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
    size_t len = build_sample("str");
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
    size_t len = build_sample("error");
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
    len = build_sample("log");
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

static size_t first_parameter(void)
{
    return parameter_at(buffer, 0);
}

/* The value of a result. */
static size_t result_value(void)
{
    return target_at(buffer, root_at(buffer), 6);
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
        size_t len = build_sample(fields[i].sample);
        set_half(buffer, entry_at(buffer, fields[i].table(), fields[i].vtable_offset), 0xFFFC);
        assert_refused(fields[i].sample, len, fields[i].field);
        assert_int_equal(fault.value, 0xFFFC);
    }
}

/* As FlatBuffers' builder for Python does it when the fields stand at the same places. */
static void test_tables_of_different_sizes_may_share_a_vtable(void **state)
{
    (void)state;
    size_t len = build_sample("error");
    set_half(buffer, vtable_at(buffer, root_at(buffer)) + 2, 8);
    assert_accepted("error", len);
}

static void test_alignment_counts_from_the_message(void **state)
{
    (void)state;
    size_t len = build_sample("error");
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
    size_t len = build_sample("call with the most parameters");
    size_t vector = target_at(buffer, root_at(buffer), 6);
    const uint32_t counts[] = {17, 18, 0x40000000, 0x3FFFFFFF, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        set_word(buffer, vector, counts[i]);
        assert_refused("call with the most parameters", len, "parameters");
        assert_int_equal(fault.value, counts[i]);
    }
    len = build_sample("bytes");
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
    size_t len = build_sample("bytes");
    size_t table = target_at(buffer, root_at(buffer), 6);
    size_t field = field_at(buffer, table, 6);
    set_word(buffer, field, word_at(buffer, field) + 2);
    assert_refused("bytes", len, "value");
}

static void test_an_empty_vector_is_as_good_as_none_even_at_the_end(void **state)
{
    (void)state;
    size_t len = build_sample("call with every type");
    size_t parameters = field_at(buffer, root_at(buffer), 6);
    set_word(buffer, 0, (uint32_t)len); /* four bytes more, which are zero */
    set_word(buffer, parameters, (uint32_t)(len - parameters));
    struct mt_wire_call call;
    assert_accepted("call with every type", len + 4);
    assert_true(mt_wire_read_call(buffer, len + 4, &call, &fault));
    assert_int_equal(call.n_params, 0);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
