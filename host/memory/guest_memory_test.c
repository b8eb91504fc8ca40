/* SPDX-License-Identifier: Apache-2.0 */
/* Access to guest memory: its bounds, and which pages the host is known to have written. */
#include "host/memory/buffers.h"

#include "abi/memory_map.h"
#include "host/base/page_set_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define START 0x300000u
#define N_PAGES 8u
#define LEN_BYTES (N_PAGES * MT_PAGE_BYTES)

static uint8_t memory[LEN_BYTES];
static mote_allocator allocator;
static struct mt_page_set written;
static struct mt_window window = {.host = memory, .start = START, .len_bytes = LEN_BYTES};

static int set_up(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    mt_allocator_set(&allocator, NULL);
    window.written = &written;
    return mt_page_set_init(&written, &allocator, N_PAGES) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mt_page_set_fini(&written, &allocator);
    return 0;
}

static void assert_written(uint64_t first, uint64_t n)
{
    for (uint64_t page = 0; page < N_PAGES; page++)
        assert_int_equal(page_set_has(&written, page), page >= first && page < first + n);
    mt_page_set_clear(&written);
}

static void test_a_write_changes_its_bytes_and_no_others(void **state)
{
    (void)state;
    const uint64_t at = MT_PAGE_BYTES - 2;
    assert_true(mt_guest_write(&window, mt_gva(START + at), "abcd", 4));
    assert_memory_equal(memory + at - 1, "\0abcd", 6);
    assert_true(mt_guest_write(&window, mt_gva(START + at), NULL, 0));
    assert_memory_equal(memory + at - 1, "\0abcd", 6);
    assert_false(mt_guest_write(&window, mt_gva(START + LEN_BYTES - 3), "abcd", 4));
    assert_int_equal(memory[LEN_BYTES - 3], 0);
}

static void test_each_page_that_a_write_touches_is_known(void **state)
{
    (void)state;
    static uint8_t bytes[3 * MT_PAGE_BYTES];
    assert_true(mt_guest_write(&window, mt_gva(START), bytes, 1));
    assert_written(0, 1);
    assert_true(mt_guest_write(&window, mt_gva(START + MT_PAGE_BYTES - 1), bytes, 1));
    assert_written(0, 1);
    assert_true(mt_guest_write(&window, mt_gva(START + MT_PAGE_BYTES - 1), bytes, 2));
    assert_written(0, 2);
    assert_true(mt_guest_write_u64(&window, mt_gva(START + 3 * MT_PAGE_BYTES - 4), 1));
    assert_written(2, 2);
    assert_true(mt_guest_write(&window, mt_gva(START + 2 * MT_PAGE_BYTES), bytes, sizeof(bytes)));
    assert_written(2, 3);
    assert_true(mt_guest_write(&window, mt_gva(START + LEN_BYTES - 1), bytes, 1));
    assert_written(N_PAGES - 1, 1);
}

static void test_what_writes_nothing_marks_nothing(void **state)
{
    (void)state;
    uint64_t value;
    assert_true(mt_guest_write(&window, mt_gva(START + 5), NULL, 0));
    assert_true(mt_guest_write(&window, mt_gva(START + LEN_BYTES), NULL, 0));
    assert_true(mt_guest_read_u64(&window, mt_gva(START), &value));
    assert_non_null(mt_guest_build_at(&window, mt_gva(START), 8));
    assert_written(0, 0);
}

static void test_a_write_outside_writes_and_marks_nothing(void **state)
{
    (void)state;
    static const uint64_t places[] = {
        0,          START - 1,     START - 8, START + LEN_BYTES - 7, START + LEN_BYTES,
        UINT64_MAX, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        assert_false(mt_guest_write_u64(&window, mt_gva(places[i]), UINT64_MAX));
    assert_written(0, 0);
    for (size_t i = 0; i < sizeof(memory); i++)
        assert_int_equal(memory[i], 0);
}

static void test_nobody_need_know(void **state)
{
    (void)state;
    window.written = NULL;
    assert_true(mt_guest_write_u64(&window, mt_gva(START), 1));
    mt_guest_built(&window, mt_gva(START), 8);
    assert_written(0, 0);
}

static struct mt_buffers buffers_of_pages(void)
{
    struct mt_buffers buffers = {.window = window,
                                 .input = START + 2 * MT_PAGE_BYTES,
                                 .input_bytes = 2 * MT_PAGE_BYTES,
                                 .output = START + 5 * MT_PAGE_BYTES,
                                 .output_bytes = MT_PAGE_BYTES,
                                 .guest_error = START + 7 * MT_PAGE_BYTES,
                                 .guest_error_bytes = MT_PAGE_BYTES};
    mt_buffers_reset(&buffers);
    mt_page_set_clear(&written);
    return buffers;
}

static void test_a_message_marks_what_it_takes(void **state)
{
    (void)state;
    static uint8_t bytes[MT_PAGE_BYTES];
    struct mt_buffers buffers = buffers_of_pages();
    struct mt_wire_value value = {.type = MT_WIRE_I32};
    assert_int_equal(mt_buffers_put_result(&buffers, &value, NULL), MOTE_OK);
    assert_written(2, 1);
    value = (struct mt_wire_value){.type = MT_WIRE_BYTES, .as.view = {bytes, sizeof(bytes)}};
    assert_int_equal(mt_buffers_put_result(&buffers, &value, NULL), MOTE_OK);
    assert_written(2, 2);
}

/* A message that does not fit may have been begun. */
static void test_a_message_that_does_not_fit_marks_the_room(void **state)
{
    (void)state;
    static uint8_t bytes[3 * MT_PAGE_BYTES];
    struct mt_buffers buffers = buffers_of_pages();
    const struct mt_wire_value value = {.type = MT_WIRE_BYTES, .as.view = {bytes, sizeof(bytes)}};
    mote_error err;
    assert_int_equal(mt_buffers_put_result(&buffers, &value, &err), MOTE_E_INPUT_FULL);
    assert_written(2, 2);
    /* Where there is no room, nothing is begun. */
    buffers.input_floor = buffers.input_bytes;
    assert_int_equal(mt_buffers_put_result(&buffers, &value, &err), MOTE_E_INPUT_FULL);
    assert_written(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_write_changes_its_bytes_and_no_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_each_page_that_a_write_touches_is_known, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_writes_nothing_marks_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_write_outside_writes_and_marks_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_need_know, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_message_marks_what_it_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_message_that_does_not_fit_marks_the_room, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("guest memory", tests, NULL, NULL);
}
