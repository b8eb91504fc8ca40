/* SPDX-License-Identifier: Apache-2.0 */
/* The buffers: what the host pushes, and what it refuses to pop. */
#include "host/base/error.h"
#include "host/memory/buffers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x300000u
#define INPUT (BASE + 0x1000)
#define OUTPUT (BASE + 0x4000)
#define BUFFER_BYTES 0x2000u
#define GUEST_ERROR (BASE + 0x7000)
#define GUEST_ERROR_BYTES 0x100u

static _Alignas(16) uint8_t memory[0x8000];
static struct mt_buffers buffers;
static mote_allocator allocator;

static int set_up(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    mt_allocator_set(&allocator, NULL);
    buffers = (struct mt_buffers){
        .window = {.host = memory, .start = BASE, .len_bytes = sizeof(memory)},
        .input = INPUT,
        .input_bytes = BUFFER_BYTES,
        .output = OUTPUT,
        .output_bytes = BUFFER_BYTES,
        .guest_error = GUEST_ERROR,
        .guest_error_bytes = GUEST_ERROR_BYTES,
    };
    mt_buffers_reset(&buffers);
    return 0;
}

static uint64_t at(uint64_t gva)
{
    uint64_t value;
    memcpy(&value, memory + (gva - BASE), 8);
    return value;
}

static void set(uint64_t gva, uint64_t value)
{
    memcpy(memory + (gva - BASE), &value, 8);
}

/* Push an element with a message of len_bytes in all, as a guest does. */
static void guest_push(uint64_t len_bytes, uint32_t prefix)
{
    uint64_t sp = at(OUTPUT);
    memcpy(memory + (OUTPUT + sp - BASE), &prefix, 4);
    set(OUTPUT + sp + len_bytes, sp);
    set(OUTPUT, sp + len_bytes + 8);
}

static void test_reset_empties_both(void **state)
{
    (void)state;
    set(OUTPUT, 999);
    set(INPUT, 999);
    mt_buffers_reset(&buffers);
    assert_int_equal(at(INPUT), 8);
    assert_int_equal(at(OUTPUT), 8);
}

static void test_call_and_results_stack_up(void **state)
{
    (void)state;
    struct mt_wire_call call = {.name = {(const uint8_t *)"Echo", 4},
                                .call_type = MT_WIRE_CALL_GUEST,
                                .returns = MT_WIRE_VOID};
    struct mt_wire_value result = {.type = MT_WIRE_I32, .as.i32 = 7};
    assert_int_equal(mt_buffers_put_call(&buffers, &call, NULL), MOTE_OK);
    uint64_t sp = at(INPUT);
    assert_int_equal(sp, 8 + mt_wire_call_bytes(&call) + 8);
    assert_int_equal(at(INPUT + sp - 8), 8);
    assert_int_equal(mt_buffers_put_result(&buffers, &result, NULL), MOTE_OK);
    uint64_t sp_with_result = at(INPUT);
    assert_int_equal(sp_with_result, sp + mt_wire_result_bytes(&result) + 8);
    assert_int_equal(at(INPUT + sp_with_result - 8), sp);
    /* A result that nobody popped gives way to the next one. */
    assert_int_equal(mt_buffers_put_result(&buffers, &result, NULL), MOTE_OK);
    assert_int_equal(at(INPUT), sp_with_result);
}

static void test_put_call_at_the_size_of_the_buffer(void **state)
{
    (void)state;
    static uint8_t bytes[BUFFER_BYTES];
    struct mt_wire_call call = {.name = {(const uint8_t *)"F", 1},
                                .call_type = MT_WIRE_CALL_GUEST,
                                .returns = MT_WIRE_VOID,
                                .n_params = 1,
                                .params = {{.type = MT_WIRE_BYTES, .as.view = {bytes, 0}}}};
    size_t overhead = mt_wire_call_bytes(&call);
    size_t fits = BUFFER_BYTES - 16 - overhead;
    mote_error err;
    call.params[0].as.view.len = fits & ~7u;
    while (mt_wire_call_bytes(&call) < BUFFER_BYTES - 16)
        call.params[0].as.view.len++;
    assert_int_equal(mt_buffers_put_call(&buffers, &call, &err), MOTE_OK);
    assert_int_equal(at(INPUT), BUFFER_BYTES);
    while (mt_wire_call_bytes(&call) == BUFFER_BYTES - 16)
        call.params[0].as.view.len++;
    set_up(NULL);
    memset(memory + 0x3000, 0xAB, 0x1000);
    assert_int_equal(mt_buffers_put_call(&buffers, &call, &err), MOTE_E_INPUT_FULL);
    for (size_t i = 0x3000; i < 0x4000; i++)
        assert_int_equal(memory[i], 0xAB);
}

static void test_elements_are_listed_topmost_first(void **state)
{
    (void)state;
    struct mt_element found[4];
    size_t n;
    guest_push(24, 20);
    guest_push(40, 36);
    assert_int_equal(mt_buffers_list_output(&buffers, found, 4, &n, NULL), MOTE_OK);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].start, 40);
    assert_int_equal(found[0].end, 80);
    assert_int_equal(found[1].start, 8);
    assert_int_equal(found[1].end, 32);
    mt_buffers_drop_from(&buffers, &found[0]);
    assert_int_equal(at(OUTPUT), 40);
}

struct bad_pointer {
    uint64_t sp;
    uint64_t back_pointer;
    bool sets_back_pointer;
};

static void test_bad_pointers_are_protocol_errors(void **state)
{
    (void)state;
    static const struct bad_pointer bad[] = {
        {0, 0, false},
        {7, 0, false},
        {BUFFER_BYTES + 1, 0, false},
        {BUFFER_BYTES + 8, 0, false},
        {UINT64_MAX, 0, false},
        {1ull << 63, 0, false},
        {9, 0, false},
        {16, 0, false},
        {19, 0, false},
        {64, 0, true},
        {64, 7, true},
        {64, 53, true},
        {64, 56, true},
        {64, 64, true},
        {64, UINT64_MAX, true},
        {64, UINT64_MAX - 3, true},
        {64, (uint64_t)-8, true},
        {BUFFER_BYTES, BUFFER_BYTES - 8, true},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mt_element found[2];
        size_t n = 99;
        mote_error err = {0};
        set_up(NULL);
        set(OUTPUT, bad[i].sp);
        if (bad[i].sets_back_pointer)
            set(OUTPUT + bad[i].sp - 8, bad[i].back_pointer);
        assert_int_equal(mt_buffers_list_output(&buffers, found, 2, &n, &err), MOTE_E_PROTOCOL);
        assert_string_equal(err.protocol_buffer, "output");
        assert_int_equal(n, 99);
    }
}

static void test_a_full_buffer_is_legal(void **state)
{
    (void)state;
    struct mt_element found[1];
    size_t n;
    guest_push(BUFFER_BYTES - 16, BUFFER_BYTES - 20);
    assert_int_equal(at(OUTPUT), BUFFER_BYTES);
    assert_int_equal(mt_buffers_list_output(&buffers, found, 1, &n, NULL), MOTE_OK);
    assert_int_equal(n, 1);
}

static void test_size_prefixes_past_their_element_are_refused(void **state)
{
    (void)state;
    static const uint32_t bad[] = {21,         22,         24,         1000,
                                   0x7FFFFFFF, 0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFF};
    struct mt_copy copy = {0};
    struct mt_element found[1];
    size_t n;
    size_t len_bytes;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        mote_error err = {0};
        set_up(NULL);
        guest_push(24, bad[i]);
        assert_int_equal(mt_buffers_list_output(&buffers, found, 1, &n, &err), MOTE_OK);
        assert_int_equal(mt_buffers_copy(&buffers, &found[0], &allocator, &copy, &len_bytes, &err),
                         MOTE_E_PROTOCOL);
        assert_string_equal(err.protocol_field, "size prefix");
        assert_int_equal(err.protocol_value, bad[i]);
    }
    assert_null(copy.data);
    set_up(NULL);
    guest_push(24, 20);
    assert_int_equal(mt_buffers_list_output(&buffers, found, 1, &n, NULL), MOTE_OK);
    assert_int_equal(mt_buffers_copy(&buffers, &found[0], &allocator, &copy, &len_bytes, NULL),
                     MOTE_OK);
    assert_int_equal(len_bytes, 24);
    mt_copy_fini(&copy, &allocator);
}

static size_t n_allocations;

static void *allocate_and_count(void *context, size_t len_bytes)
{
    (void)context;
    n_allocations++;
    return malloc(len_bytes);
}

static void *reallocate_and_count(void *context, void *block, size_t len_bytes)
{
    (void)context;
    n_allocations++;
    return realloc(block, len_bytes);
}

static void release_block(void *context, void *block)
{
    (void)context;
    free(block);
}

/* What a call costs: memory is taken for a longer message than all before, and for no other. */
static void test_a_copy_takes_memory_only_when_it_grows(void **state)
{
    (void)state;
    static const struct {
        uint32_t len_bytes;
        size_t n_allocations;
    } messages[] = {{24, 1}, {24, 1}, {16, 1}, {40, 2}, {24, 2}, {40, 2}};
    const mote_allocator counted = {.allocate = allocate_and_count,
                                    .reallocate = reallocate_and_count,
                                    .release = release_block};
    struct mt_copy copy = {0};
    n_allocations = 0;
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct mt_element found[1];
        size_t n;
        size_t len_bytes;
        set_up(NULL);
        guest_push(messages[i].len_bytes, messages[i].len_bytes - 4);
        assert_int_equal(mt_buffers_list_output(&buffers, found, 1, &n, NULL), MOTE_OK);
        assert_int_equal(mt_buffers_copy(&buffers, &found[0], &counted, &copy, &len_bytes, NULL),
                         MOTE_OK);
        assert_int_equal(len_bytes, messages[i].len_bytes);
        assert_int_equal(n_allocations, messages[i].n_allocations);
    }
    mt_copy_fini(&copy, &counted);
}

static void test_the_error_buffer_is_read_once_and_bounded(void **state)
{
    (void)state;
    struct mt_copy copy = {0};
    size_t len_bytes = 99;
    mote_error err = {0};
    assert_int_equal(mt_buffers_copy_error(&buffers, &allocator, &copy, &len_bytes, &err), MOTE_OK);
    assert_int_equal(len_bytes, 0);
    set(GUEST_ERROR, GUEST_ERROR_BYTES - 4);
    assert_int_equal(mt_buffers_copy_error(&buffers, &allocator, &copy, &len_bytes, &err), MOTE_OK);
    assert_int_equal(len_bytes, GUEST_ERROR_BYTES);
    static const uint64_t bad[] = {GUEST_ERROR_BYTES - 3, GUEST_ERROR_BYTES, 0xFFFFFFFC,
                                   0xFFFFFFFF};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        set(GUEST_ERROR, bad[i]);
        assert_int_equal(mt_buffers_copy_error(&buffers, &allocator, &copy, &len_bytes, &err),
                         MOTE_E_PROTOCOL);
        assert_string_equal(err.protocol_buffer, "error");
    }
    mt_buffers_reset(&buffers);
    assert_int_equal(at(GUEST_ERROR), 0);
    mt_copy_fini(&copy, &allocator);
}

static void test_access_outside_the_window_does_nothing(void **state)
{
    (void)state;
    uint64_t value = 42;
    const struct mt_window *window = &buffers.window;
    assert_false(mt_guest_read_u64(window, mt_gva(BASE - 1), &value));
    assert_false(mt_guest_read_u64(window, mt_gva(BASE + sizeof(memory) - 7), &value));
    assert_false(mt_guest_read_u64(window, mt_gva(UINT64_MAX), &value));
    assert_false(mt_guest_write_u64(window, mt_gva(BASE - 8), 1));
    assert_null(mt_guest_build_at(window, mt_gva(0), 1));
    assert_null(mt_guest_build_at(window, mt_gva(BASE), sizeof(memory) + 1));
    assert_null(mt_guest_build_at(window, mt_gva(BASE + 8), UINT64_MAX - 3));
    assert_int_equal(value, 42);
    assert_true(mt_guest_read_u64(window, mt_gva(BASE + sizeof(memory) - 8), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reset_empties_both, set_up),
        cmocka_unit_test_setup(test_call_and_results_stack_up, set_up),
        cmocka_unit_test_setup(test_put_call_at_the_size_of_the_buffer, set_up),
        cmocka_unit_test_setup(test_elements_are_listed_topmost_first, set_up),
        cmocka_unit_test_setup(test_bad_pointers_are_protocol_errors, set_up),
        cmocka_unit_test_setup(test_a_full_buffer_is_legal, set_up),
        cmocka_unit_test_setup(test_size_prefixes_past_their_element_are_refused, set_up),
        cmocka_unit_test_setup(test_a_copy_takes_memory_only_when_it_grows, set_up),
        cmocka_unit_test_setup(test_the_error_buffer_is_read_once_and_bounded, set_up),
        cmocka_unit_test_setup(test_access_outside_the_window_does_nothing, set_up),
    };
    return cmocka_run_group_tests_name("buffers", tests, NULL, NULL);
}
