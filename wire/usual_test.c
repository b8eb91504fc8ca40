/* SPDX-License-Identifier: Apache-2.0 */
/* The readers for what is laid out as ours, against those for any layout. */
#include "wire/usual.h"
#include "wire/samples_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

enum { LONGEST_TEXT = 13, N_RANDOM = 4000 };

static _Alignas(8) uint8_t buffer[SAMPLE_ROOM];
static unsigned long n_usual;

static bool is_same_view(struct mt_wire_view a, struct mt_wire_view b)
{
    /* An empty one points at a byte that is there. */
    return a.len == b.len && (a.len > 0 ? a.data == b.data : *a.data == *b.data);
}

static bool is_same_value(const struct mt_wire_value *a, const struct mt_wire_value *b)
{
    static const size_t sizes[] = {
        [MT_WIRE_I32] = 4, [MT_WIRE_U32] = 4, [MT_WIRE_I64] = 8,  [MT_WIRE_U64] = 8,
        [MT_WIRE_F32] = 4, [MT_WIRE_F64] = 8, [MT_WIRE_BOOL] = 1, [MT_WIRE_VOID] = 0,
    };
    if (a->type != b->type)
        return false;
    if (a->type == MT_WIRE_STR || a->type == MT_WIRE_BYTES)
        return is_same_view(a->as.view, b->as.view);
    return memcmp(&a->as, &b->as, sizes[a->type]) == 0;
}

/* A message that one reader takes, the other takes for the same. */
static void check_result(const uint8_t *message, size_t len)
{
    struct mt_wire_fault fault;
    struct mt_wire_value usual;
    struct mt_wire_value any;
    if (!mt_wire_read_usual_result(message, len, &usual))
        return;
    n_usual++;
    assert_true(mt_wire_read_any_result(message, len, &any, &fault));
    assert_true(is_same_value(&usual, &any));
}

static void check_call(const uint8_t *message, size_t len)
{
    struct mt_wire_fault fault;
    struct mt_wire_call usual;
    struct mt_wire_call any;
    if (!mt_wire_read_usual_call(message, len, &usual))
        return;
    n_usual++;
    assert_true(mt_wire_read_any_call(message, len, &any, &fault));
    assert_true(is_same_view(usual.name, any.name));
    assert_int_equal(usual.call_type, any.call_type);
    assert_int_equal(usual.returns, any.returns);
    assert_int_equal(usual.n_params, any.n_params);
    for (size_t i = 0; i < any.n_params; i++)
        assert_true(is_same_value(&usual.params[i], &any.params[i]));
}

typedef void checker(const uint8_t *message, size_t len);

/* In a block of its own length, so that AddressSanitizer sees a read outside. */
static void check_copy(checker *check, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, buffer, len);
    check(copy, len);
    free(copy);
}

/* Every cut, also with a prefix that agrees, and every byte changed to any other. */
static void check_variants(checker *check, size_t len)
{
    assert_true(len > 0);
    unsigned long before = n_usual;
    check_copy(check, len);
    assert_int_equal(n_usual, before + 1);
    for (size_t cut = 0; cut < len; cut++)
        check_copy(check, cut);
    uint32_t prefix = word_at(buffer, 0);
    for (size_t cut = 8; cut < len; cut++) {
        set_word(buffer, 0, (uint32_t)(cut - 4));
        check_copy(check, cut);
    }
    set_word(buffer, 0, prefix);
    for (size_t at = 0; at < len; at++) {
        uint8_t old = buffer[at];
        for (unsigned value = 0; value < 256; value++) {
            buffer[at] = (uint8_t)value;
            check_copy(check, len);
        }
        buffer[at] = old;
    }
}

/* Any two words changed at random to numbers that matter. */
static void check_random(checker *check, size_t len)
{
    static const uint32_t odd[] = {0, 1, 3, 4, 5, 7, 8, 12, 0x7FFFFFF4, 0x7FFFFFFF, 0xFFFFFFFF};
    const size_t n_odd = sizeof(odd) / sizeof(odd[0]);
    for (unsigned i = 0; i < N_RANDOM; i++) {
        uint8_t old[SAMPLE_ROOM];
        memcpy(old, buffer, len);
        for (int k = 0; k < 2; k++) {
            size_t at = 4 * ((size_t)rand() % (len / 4));
            uint32_t near = word_at(buffer, at) + (uint32_t)(rand() % 17) - 8;
            set_word(buffer, at, rand() % 2 == 0 ? near : odd[(size_t)rand() % n_odd]);
        }
        check_copy(check, len);
        memcpy(buffer, old, len);
    }
}

static struct mt_wire_view text_of(size_t len, bool is_ascii)
{
    static const char ascii[] = "abcdefghijklmnopqrstuvwxyz";
    static const char accents[] = "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                                  "\xC3\xA9\xC3\xA9\xC3\xA9";
    return (struct mt_wire_view){(const uint8_t *)(is_ascii ? ascii : accents), len};
}

static void check_built_result(const struct mt_wire_value *value)
{
    size_t len = mt_wire_build_result(buffer, sizeof(buffer), value);
    check_variants(check_result, len);
    check_random(check_result, len);
}

static void test_results_of_scalars_are_read_alike(void **state)
{
    (void)state;
    for (int type = 0; type <= MT_WIRE_VOID; type++) {
        struct mt_wire_value value = value_of((enum mt_wire_type)type);
        check_built_result(&value);
    }
}

static void test_results_of_any_length_are_read_alike(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LONGEST_TEXT; len++) {
        struct mt_wire_value value = {.type = MT_WIRE_BYTES, .as.view = text_of(len, true)};
        check_built_result(&value);
        value.type = MT_WIRE_STR;
        check_built_result(&value);
        value.as.view = text_of(len & ~(size_t)1, false);
        check_built_result(&value);
    }
}

static void check_built_call(size_t name_len, enum mt_wire_call_type call_type,
                             enum mt_wire_type returns)
{
    const struct mt_wire_call call = {
        .name = text_of(name_len, true),
        .call_type = call_type,
        .returns = returns,
    };
    size_t len = mt_wire_build_call(buffer, sizeof(buffer), &call);
    check_variants(check_call, len);
    check_random(check_call, len);
}

static void test_calls_are_read_alike(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LONGEST_TEXT; len++)
        check_built_call(len, MT_WIRE_CALL_GUEST, MT_WIRE_VOID);
    for (int type = 0; type <= MT_WIRE_VOID; type++)
        check_built_call(3, MT_WIRE_CALL_HOST, (enum mt_wire_type)type);
}

static void test_another_message_is_left_to_the_other_readers(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_samples; i++) {
        size_t len = samples[i].build(buffer, sizeof(buffer));
        check_copy(check_call, len);
        check_copy(check_result, len);
    }
}

static void test_what_is_left_to_others_leaves_the_outputs(void **state)
{
    (void)state;
    struct mt_wire_value value = {.type = MT_WIRE_U64, .as.u64 = 5};
    struct mt_wire_call call = {.n_params = 77};
    memset(buffer, 0, sizeof(buffer));
    assert_false(mt_wire_read_usual_result(buffer, 64, &value));
    assert_false(mt_wire_read_usual_call(buffer, 64, &call));
    assert_int_equal(value.type, MT_WIRE_U64);
    assert_int_equal(value.as.u64, 5);
    assert_int_equal(call.n_params, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_of_scalars_are_read_alike),
        cmocka_unit_test(test_results_of_any_length_are_read_alike),
        cmocka_unit_test(test_calls_are_read_alike),
        cmocka_unit_test(test_another_message_is_left_to_the_other_readers),
        cmocka_unit_test(test_what_is_left_to_others_leaves_the_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
