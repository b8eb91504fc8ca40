/* SPDX-License-Identifier: Apache-2.0 */
/* Initialise and call: what the guest is given, what is read back, what each outcome leaves. */
#include "tests/script/fixture.h"

#include "abi/codes.h"
#include "abi/note.h"
#include <string.h>

static void test_users_do_not_see_the_driver(void **state)
{
    (void)state;
    mote_driver_report report = {.struct_size = sizeof(report)};
    for (size_t i = 0; mote_driver_examine(i, &report, &last_error) == MOTE_OK; i++)
        assert_string_not_equal(report.name, "script");
}

static void test_other_drivers_are_still_found(void **state)
{
    (void)state;
    struct guest guest;
    mote_image *image = NULL;
    mote_sandbox *sandbox = NULL;
    guest_open(&guest, GUEST_MOTE, NULL);
    image = guest.image;
    assert_string_equal(mote_sandbox_driver(guest.sandbox), "script");
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "scripts";
    assert_error(mote_sandbox_create(image, &config, &sandbox, &last_error), MOTE_E_DRIVER);
    guest_close(&guest);
}

static void test_init_enters_at_the_entry_with_the_records_registers(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    config.max_log = MOTE_LOG_DEBUG;
    config.log_is_set = true;
    guest_ready(&guest, GUEST_MOTE, &config);
    struct mt_script_record record = mt_script_record_of(guest.sandbox->machine);
    assert_int_equal(record.n_enters, 1);
    assert_int_equal(record.entered.rip, guest_code(&guest, 0x40));
    assert_int_equal(record.entered.rsp, guest_place(&guest, MT_PLACE_STACK_GUARD) - 0x28);
    assert_int_equal(record.entered.rcx, guest_place(&guest, MT_PLACE_PEB));
    assert_int_equal(record.entered.r8, 4096);
    assert_int_equal(record.entered.r9, MOTE_LOG_DEBUG);
    assert_state(&guest, MOTE_SANDBOX_READY);
    guest_close(&guest);
}

static void test_an_open_guest_is_asked_for_names_that_its_table_lacks(void **state)
{
    (void)state;
    struct guest guest;
    mote_value result;
    guest_file()->note.description.flags = MT_NOTE_FLAG_OPEN;
    guest_ready(&guest, GUEST_MOTE, NULL);
    assert_error(guest_call(&guest, "Other", NULL, 0, MOTE_TYPE_ANY, &result), MOTE_E_TYPE);
    assert_error(guest_call(&guest, "Echo", NULL, 0, MOTE_TYPE_ANY, &result), MOTE_E_GUEST_ERROR);
    guest_push_i32(&guest, 99);
    guest_done(&guest);
    assert_fine(guest_call(&guest, "Other", NULL, 0, MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 99);
    guest_close(&guest);
}

static void test_a_mote_guest_goes_on_and_a_guest_of_01_is_entered_anew(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"y", 1}};
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_echo(&guest));
    assert_int_equal(mt_script_record_of(guest.sandbox->machine).n_enters, 1);
    guest_close(&guest);

    guest_ready(&guest, GUEST_01, NULL);
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_call(&guest, "Anything", NULL, 0, MOTE_TYPE_STR, NULL));
    struct mt_script_record record = mt_script_record_of(guest.sandbox->machine);
    assert_int_equal(record.n_enters, 2);
    assert_int_equal(record.entered.rip, guest_code(&guest, GUEST_DISPATCH));
    assert_int_equal(record.entered.rsp, guest_place(&guest, MT_PLACE_STACK_GUARD) - 0x28);
    assert_int_equal(record.entered.rcx, 0);
    guest_close(&guest);
}

static void test_results_of_every_type(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 1, 255, 0};
    const struct mt_wire_value values[] = {
        {.type = MT_WIRE_I32, .as.i32 = INT32_MIN},
        {.type = MT_WIRE_U32, .as.u32 = UINT32_MAX},
        {.type = MT_WIRE_I64, .as.i64 = INT64_MIN},
        {.type = MT_WIRE_U64, .as.u64 = UINT64_MAX},
        {.type = MT_WIRE_F32, .as.f32 = -0.5f},
        {.type = MT_WIRE_F64, .as.f64 = 1e300},
        {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"a\0b", 3}},
        {.type = MT_WIRE_BOOL, .as.boolean = true},
        {.type = MT_WIRE_BYTES, .as.view = {bytes, sizeof(bytes)}},
        {.type = MT_WIRE_VOID},
    };
    struct guest guest;
    mote_value got;
    guest_ready(&guest, GUEST_01, NULL);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        mote_type type = (mote_type)values[i].type;
        guest_push_result(&guest, &values[i]);
        guest_done(&guest);
        assert_fine(guest_call(&guest, "F", NULL, 0, type, &got));
        assert_int_equal(got.type, type);
        if (type == MOTE_TYPE_STR || type == MOTE_TYPE_BYTES) {
            assert_int_equal(got.as.bytes.len_bytes, values[i].as.view.len);
            assert_memory_equal(got.as.bytes.data, values[i].as.view.data, values[i].as.view.len);
        } else if (type == MOTE_TYPE_BOOL) {
            assert_true(got.as.boolean);
        } else if (type != MOTE_TYPE_VOID) {
            size_t len =
                type == MOTE_TYPE_I32 || type == MOTE_TYPE_U32 || type == MOTE_TYPE_F32 ? 4 : 8;
            assert_memory_equal(&got.as, &values[i].as, len);
        }
    }
    assert_int_equal(guest_stats(&guest).calls, 10);
    guest_close(&guest);
}

static void test_the_call_lies_in_the_input_buffer(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"", 0}};
    struct guest guest;
    struct mt_wire_call call;
    struct mt_wire_fault fault;
    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_echo(&guest));
    uint64_t input = guest_place(&guest, MT_PLACE_INPUT);
    uint64_t sp = guest_word(&guest, input);
    uint64_t start = guest_word(&guest, input + sp - 8);
    struct mt_window window = mt_script_memory(guest.sandbox->machine);
    assert_int_equal(start, 8);
    assert_true(mt_wire_read_call(window.host + (input + start - window.start), sp - 8 - start,
                                  &call, &fault));
    assert_int_equal(call.call_type, MT_WIRE_CALL_GUEST);
    assert_int_equal(call.name.len, 4);
    assert_memory_equal(call.name.data, "Echo", 4);
    assert_int_equal(call.n_params, 1);
    assert_memory_equal(call.params[0].as.view.data, "x", 2);
    guest_close(&guest);
}

static void test_a_result_of_another_type_poisons(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_push_i32(&guest, 1);
    guest_done(&guest);
    assert_error(guest_echo(&guest), MOTE_E_PROTOCOL);
    assert_string_equal(last_error.protocol_field, "return_value_type");
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    assert_error(guest_echo(&guest), MOTE_E_POISONED);
    guest_close(&guest);
}

static void test_no_result_and_two_results_poison(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_done(&guest);
    assert_error(guest_echo(&guest), MOTE_E_NO_RESULT);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_i32(&guest, 1);
    guest_push_i32(&guest, 2);
    guest_done(&guest);
    assert_error(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_PROTOCOL);
    assert_string_equal(last_error.protocol_field, "elements");
    assert_int_equal(last_error.protocol_value, 2);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

static void test_what_a_call_left_behind_does_not_reach_the_next(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_i32(&guest, 1);
    guest_write_error(&guest, 0, "");
    guest_done(&guest);
    assert_fine(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL));
    guest_done(&guest);
    assert_error(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_NO_RESULT);
    guest_close(&guest);
}

static void test_a_call_where_a_result_is_due_is_refused(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_call(&guest, "F", NULL, 0);
    guest_done(&guest);
    assert_error(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_PROTOCOL);
    guest_close(&guest);
}

static void test_a_guest_error_leaves_the_sandbox_ready(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_write_error(&guest, MT_GUEST_CODE_GUEST_ERROR, "it\nhurts");
    guest_done(&guest);
    assert_error(guest_echo(&guest), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_GUEST_ERROR);
    assert_string_equal(last_error.message, "it\nhurts");
    assert_string_equal(last_error.function, "Echo");
    assert_non_null(strstr(last_error.text, "it\\x0ahurts"));
    assert_state(&guest, MOTE_SANDBOX_READY);
    /* The error is gone with its call. */
    guest_done(&guest);
    assert_error(guest_echo(&guest), MOTE_E_NO_RESULT);
    guest_close(&guest);
}

static void test_a_guest_error_in_init_poisons(void **state)
{
    (void)state;
    struct guest guest;
    guest_open(&guest, GUEST_MOTE, NULL);
    guest_write_error(&guest, 3, "no");
    guest_done(&guest);
    assert_error(guest_init(&guest), MOTE_E_GUEST_ERROR);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    assert_error(guest_init(&guest), MOTE_E_POISONED);
    assert_error(guest_echo(&guest), MOTE_E_POISONED);
    guest_close(&guest);
}

static void test_malformed_error_buffers_are_protocol_errors(void **state)
{
    (void)state;
    static const uint64_t heads[] = {1, 0xF9, 0xFC, 0xFD, 0x7FFFFFFF, 0xFFFFFFFF, UINT64_MAX};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        guest_write_word(&guest, guest_place(&guest, MT_PLACE_GUEST_ERROR), heads[i]);
        guest_done(&guest);
        assert_error(guest_echo(&guest), MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_buffer, "error");
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_an_abort_carries_code_and_text(void **state)
{
    (void)state;
    static const struct {
        const char *panic;
        size_t len_bytes;
        const char *message;
        const char *end; /* of the error's text */
    } cases[] = {
        {"", 1, "", ")"},
        {"out of luck \n", 14, "out of luck", "): out of luck"},
        {"\t\r\n out of luck\v\f", 18, "out of luck", "): out of luck"},
        {" \n ", 4, "", ")"},
        {"a\0b", 4, "a", "): a"},
        {" \t\n\v\f\r a b \r\f\v\n\t ", 18, "a b", "): a b"},
        {" \r\n\t ", 6, "", ")"},
        {"\b a \x0E", 6, "\b a \x0E", "): \\x08 a \\x0e"},
        {"\x1B[31m\xFF", 7, "\x1B[31m\xEF\xBF\xBD", "): \\x1b[31m\\xff"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        guest_write(&guest, guest_place(&guest, MT_PLACE_PANIC), cases[i].panic,
                    cases[i].len_bytes);
        guest_out(&guest, MT_PORT_ABORT, MT_GUEST_CODE_MALLOC_FAILED);
        assert_error(guest_echo(&guest), MOTE_E_GUEST_ABORT);
        assert_int_equal(last_error.guest_code, MT_GUEST_CODE_MALLOC_FAILED);
        assert_string_equal(last_error.message, cases[i].message);
        const char *end = strrchr(last_error.text, ')');
        assert_non_null(end);
        assert_string_equal(end, cases[i].end);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_a_panic_buffer_without_an_end_is_cut(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0x400, 0x401, 0x1000};
    static char text[0x1000];
    memset(text, 'A', sizeof(text));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        mote_config config = MOTE_CONFIG_INIT;
        struct guest guest;
        config.guest_panic_bytes = sizes[i];
        guest_ready(&guest, GUEST_MOTE, &config);
        guest_write(&guest, guest_place(&guest, MT_PLACE_PANIC), text, 0x1000);
        guest_out(&guest, MT_PORT_ABORT, 255);
        assert_error(guest_echo(&guest), MOTE_E_GUEST_ABORT);
        assert_int_equal(last_error.guest_code, 255);
        assert_int_equal(strlen(last_error.message), MOTE_ERROR_MESSAGE_BYTES - 1);
        guest_close(&guest);
    }
}

static void test_what_is_wrong_with_a_call_is_told_before_the_guest_runs(void **state)
{
    (void)state;
    struct guest guest;
    const mote_value number = mote_i32(1);
    const mote_value text = mote_str("x");
    guest_ready(&guest, GUEST_MOTE, NULL);
    uint64_t n_runs = mt_script_record_of(guest.sandbox->machine).n_runs;
    assert_error(guest_call(&guest, "Ech", &text, 1, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_FUNCTION_NOT_FOUND);
    assert_error(guest_call(&guest, "Echo", NULL, 0, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS);
    assert_error(guest_call(&guest, "Echo", &number, 1, MOTE_TYPE_STR, NULL), MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH);
    assert_error(guest_call(&guest, "Echo", &text, 1, MOTE_TYPE_I32, NULL), MOTE_E_TYPE);
    assert_int_equal(mt_script_record_of(guest.sandbox->machine).n_runs, n_runs);
    assert_state(&guest, MOTE_SANDBOX_READY);
    guest_close(&guest);
}

static void test_a_call_too_large_for_the_input_buffer_leaves_the_sandbox_ready(void **state)
{
    (void)state;
    static char text[0x4000];
    struct guest guest;
    memset(text, 'x', sizeof(text));
    const mote_value large = mote_str_n(text, sizeof(text));
    guest_ready(&guest, GUEST_MOTE, NULL);
    assert_error(guest_call(&guest, "Echo", &large, 1, MOTE_TYPE_STR, NULL), MOTE_E_INPUT_FULL);
    assert_state(&guest, MOTE_SANDBOX_READY);
    guest_close(&guest);
}

/* No message can hold so much, and its size is not said to be 0. */
static void test_arguments_that_no_buffer_could_hold_are_named_by_the_most(void **state)
{
    (void)state;
    static const size_t lens[] = {MT_WIRE_MAX_BYTES, (size_t)UINT32_MAX + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct guest guest;
        const mote_value large = mote_bytes("x", lens[i]);
        guest_ready(&guest, GUEST_01, NULL);
        assert_error(guest_call(&guest, "Echo", &large, 1, MOTE_TYPE_I32, NULL), MOTE_E_INPUT_FULL);
        assert_non_null(strstr(last_error.text, "call message of more than 2147483640 bytes"));
        assert_state(&guest, MOTE_SANDBOX_READY);
        guest_close(&guest);
    }
}

static void test_the_dispatch_pointer_must_lead_into_code(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        struct guest guest;
        guest_open(&guest, GUEST_01, NULL);
        uint64_t code = guest_place(&guest, MT_PLACE_CODE);
        const uint64_t bad[] = {0,
                                1,
                                code,
                                code + MAKER_CODE - 1,
                                code + MAKER_CODE + 0x1000,
                                code + MAKER_WRITABLE,
                                guest_place(&guest, MT_PLACE_HEAP),
                                MT_STUB_PAGE,
                                UINT64_MAX};
        guest_write_word(&guest, guest_place(&guest, MT_PLACE_PEB) + 8, bad[i]);
        guest_done(&guest);
        assert_error(guest_init(&guest), MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_buffer, "PEB");
        assert_int_equal(last_error.protocol_value, bad[i]);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_a_peb_full_of_lies_changes_nothing(void **state)
{
    (void)state;
    struct guest guest;
    guest_open(&guest, GUEST_01, NULL);
    for (uint64_t at = 0; at < sizeof(struct mt_peb); at += 8)
        guest_write_word(&guest, guest_place(&guest, MT_PLACE_PEB) + at, UINT64_MAX - at);
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_push_i32(&guest, 5);
    guest_done(&guest);
    mote_value result;
    assert_fine(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 5);
    guest_close(&guest);
}

static void test_counts(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    assert_int_equal(guest_stats(&guest).exits, 1);
    guest_interrupted(&guest);
    guest_push_log(&guest, 2, "hello");
    guest_out(&guest, MT_PORT_LOG, 1);
    guest_write_error(&guest, 4, "no");
    guest_done(&guest);
    assert_error(guest_echo(&guest), MOTE_E_GUEST_ERROR);
    mote_sandbox_stats stats = guest_stats(&guest);
    assert_int_equal(stats.calls, 1);
    assert_int_equal(stats.exits, 3);
    assert_int_equal(stats.last_exits, 2);
    assert_int_equal(stats.log_records, 1);
    assert_int_equal(stats.system_calls, 4);
    guest_close(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_do_not_see_the_driver),
        cmocka_unit_test(test_other_drivers_are_still_found),
        cmocka_unit_test(test_init_enters_at_the_entry_with_the_records_registers),
        cmocka_unit_test(test_an_open_guest_is_asked_for_names_that_its_table_lacks),
        cmocka_unit_test(test_a_mote_guest_goes_on_and_a_guest_of_01_is_entered_anew),
        cmocka_unit_test(test_results_of_every_type),
        cmocka_unit_test(test_the_call_lies_in_the_input_buffer),
        cmocka_unit_test(test_a_result_of_another_type_poisons),
        cmocka_unit_test(test_no_result_and_two_results_poison),
        cmocka_unit_test(test_what_a_call_left_behind_does_not_reach_the_next),
        cmocka_unit_test(test_a_call_where_a_result_is_due_is_refused),
        cmocka_unit_test(test_a_guest_error_leaves_the_sandbox_ready),
        cmocka_unit_test(test_a_guest_error_in_init_poisons),
        cmocka_unit_test(test_malformed_error_buffers_are_protocol_errors),
        cmocka_unit_test(test_an_abort_carries_code_and_text),
        cmocka_unit_test(test_a_panic_buffer_without_an_end_is_cut),
        cmocka_unit_test(test_what_is_wrong_with_a_call_is_told_before_the_guest_runs),
        cmocka_unit_test(test_a_call_too_large_for_the_input_buffer_leaves_the_sandbox_ready),
        cmocka_unit_test(test_arguments_that_no_buffer_could_hold_are_named_by_the_most),
        cmocka_unit_test(test_the_dispatch_pointer_must_lead_into_code),
        cmocka_unit_test(test_a_peb_full_of_lies_changes_nothing),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
