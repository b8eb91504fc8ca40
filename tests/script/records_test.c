/* SPDX-License-Identifier: Apache-2.0 */
/* Log records and printed text: order, levels, counts, and what is wrong with them. */
#include "tests/script/fixture.h"

#include <stdio.h>
#include <string.h>

/* Everything that was given out, in its order: "2:text;" for a record, "p:text;" for a print. */
static char heard[8192];

static void hear_log(void *context, const mote_log_record *record)
{
    size_t used = strlen(heard);
    (void)context;
    snprintf(heard + used, sizeof(heard) - used, "%d:%.*s;", (int)record->level,
             (int)record->message.len_bytes, record->message.data);
    assert_memory_equal(record->source.data, "source", 7);
    assert_memory_equal(record->caller.data, "caller", 7);
    assert_memory_equal(record->source_file.data, "file.c", 7);
    assert_int_equal(record->line, 7);
}

static void hear_print(void *context, const char *text, size_t len_bytes)
{
    size_t used = strlen(heard);
    (void)context;
    snprintf(heard + used, sizeof(heard) - used, "p:%.*s;", (int)len_bytes, text);
}

static void open_listening(struct guest *guest, enum guest_kind kind)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.log = hear_log;
    config.print = hear_print;
    heard[0] = '\0';
    guest_ready(guest, kind, &config);
}

static mote_status call_i32(struct guest *guest)
{
    return guest_call(guest, "F", NULL, 0, MOTE_TYPE_I32, NULL);
}

static void test_records_come_oldest_first_and_before_the_result(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"r", 1}};
    struct guest guest;
    open_listening(&guest, GUEST_MOTE);
    guest_push_result(&guest, &text);
    guest_push_log(&guest, 2, "one");
    guest_push_log(&guest, 6, "two");
    guest_push_log(&guest, 4, "three");
    guest_out(&guest, MT_PORT_DONE, 3);
    assert_fine(guest_echo(&guest));
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "%d:one;p:two;%d:three;", MOTE_LOG_INFO, MOTE_LOG_ERROR);
    assert_string_equal(heard, wanted);
    assert_int_equal(guest_stats(&guest).log_records, 2);
    guest_close(&guest);
}

static void test_each_level(void **state)
{
    (void)state;
    static const mote_log_level levels[] = {MOTE_LOG_TRACE, MOTE_LOG_DEBUG, MOTE_LOG_INFO,
                                            MOTE_LOG_WARN,  MOTE_LOG_ERROR, MOTE_LOG_ERROR,
                                            MOTE_LOG_TRACE};
    for (uint8_t i = 0; i < 7; i++) {
        struct guest guest;
        char wanted[16];
        open_listening(&guest, GUEST_01);
        guest_push_log(&guest, i, "x");
        guest_out(&guest, MT_PORT_LOG, 0);
        guest_push_i32(&guest, 1);
        guest_done(&guest);
        assert_fine(call_i32(&guest));
        snprintf(wanted, sizeof(wanted), "%d:x;", (int)levels[i]);
        assert_string_equal(heard, wanted);
        guest_close(&guest);
    }
}

static void test_sixty_four_records_are_taken_and_not_one_more(void **state)
{
    (void)state;
    for (unsigned n = 63; n <= 65; n++) {
        struct guest guest;
        open_listening(&guest, GUEST_MOTE);
        for (unsigned i = 0; i < n; i++)
            guest_push_log(&guest, 6, "t");
        guest_out(&guest, MT_PORT_LOG, (uint8_t)n);
        guest_done(&guest);
        assert_error(guest_echo(&guest), n <= 64 ? MOTE_E_NO_RESULT : MOTE_E_PROTOCOL);
        assert_int_equal(strlen(heard), n <= 64 ? n * 4 : 0);
        guest_close(&guest);
    }
}

static void test_fewer_records_than_announced_are_a_protocol_error(void **state)
{
    (void)state;
    static const uint16_t ports[] = {MT_PORT_LOG, MT_PORT_CALL, MT_PORT_DONE};
    for (size_t i = 0; i < 3; i++) {
        struct guest guest;
        open_listening(&guest, GUEST_MOTE);
        guest_push_log(&guest, 2, "alone");
        guest_out(&guest, ports[i], 2);
        assert_error(guest_echo(&guest), MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_field, "elements");
        assert_int_equal(last_error.protocol_value, 1);
        assert_string_equal(heard, "");
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_a_message_that_is_no_record_is_a_protocol_error(void **state)
{
    (void)state;
    struct guest guest;
    open_listening(&guest, GUEST_MOTE);
    guest_push_log(&guest, 2, "first");
    guest_push_i32(&guest, 4);
    guest_out(&guest, MT_PORT_LOG, 2);
    assert_error(guest_echo(&guest), MOTE_E_PROTOCOL);
    assert_non_null(strstr(heard, "first"));
    guest_close(&guest);
}

static void test_a_level_past_the_last_is_a_protocol_error(void **state)
{
    (void)state;
    uint8_t message[256] __attribute__((aligned(8)));
    struct guest guest;
    const struct mt_wire_log log = {.message = {(const uint8_t *)"m", 1},
                                    .source = {(const uint8_t *)"source", 6},
                                    .caller = {(const uint8_t *)"caller", 6},
                                    .source_file = {(const uint8_t *)"file.c", 6},
                                    .level = 7,
                                    .line = 7};
    size_t len_bytes = mt_wire_build_log(message, sizeof(message), &log);
    open_listening(&guest, GUEST_MOTE);
    if (len_bytes > 0) {
        guest_push(&guest, message, len_bytes);
        guest_out(&guest, MT_PORT_LOG, 1);
        assert_error(guest_echo(&guest), MOTE_E_PROTOCOL);
    }
    assert_string_equal(heard, "");
    guest_close(&guest);
}

static mote_status refuse(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 9, "paper jam");
}

static void test_print_goes_to_the_function_that_replaced_it(void **state)
{
    (void)state;
    const mote_host_function print = {.name = "HostPrint",
                                      .fn = refuse,
                                      .returns = MOTE_TYPE_I32,
                                      .n_params = 1,
                                      .params = {MOTE_TYPE_STR}};
    struct guest guest;
    guest_open(&guest, GUEST_MOTE, NULL);
    assert_fine(mote_sandbox_register(guest.sandbox, &print, &last_error));
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_push_log(&guest, 6, "text");
    guest_out(&guest, MT_PORT_LOG, 1);
    assert_error(guest_echo(&guest), MOTE_E_HOST_FUNCTION);
    assert_int_equal(last_error.guest_code, 9);
    assert_string_equal(last_error.function, "HostPrint");
    assert_string_equal(last_error.message, "paper jam");
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

static void test_records_in_init(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    config.log = hear_log;
    heard[0] = '\0';
    guest_open(&guest, GUEST_MOTE, &config);
    guest_push_log(&guest, 2, "early");
    guest_out(&guest, MT_PORT_DONE, 1);
    assert_fine(guest_init(&guest));
    assert_non_null(strstr(heard, "early"));
    guest_close(&guest);
}

/* ---- The limit on the rate ---- */

/* Records of the library's own have no place in a guest's source, and say how many were dropped. */
static void hear_any_log(void *context, const mote_log_record *record)
{
    size_t used = strlen(heard);
    (void)context;
    snprintf(heard + used, sizeof(heard) - used, "%d:%.*s/%u;", (int)record->level,
             (int)record->message.len_bytes, record->message.data, (unsigned)record->n_dropped);
}

/* The limit as it is when no record was let through for long, and when too many were. */
static void open_rate(struct mt_machine *machine, void *context)
{
    (void)machine;
    ((struct guest *)context)->sandbox->log_rate.due_ns = 0;
}

static void close_rate(struct mt_machine *machine, void *context)
{
    (void)machine;
    ((struct guest *)context)->sandbox->log_rate.due_ns = UINT64_MAX;
}

static void open_limited(struct guest *guest, uint64_t log_rate_per_s)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.log = hear_any_log;
    config.log_rate_per_s = log_rate_per_s;
    heard[0] = '\0';
    guest_ready(guest, GUEST_01, &config);
}

/* The guest sends what it has pushed, or ends its call, when the limit is so. */
static void step_when(struct guest *guest, struct mt_script_step *step,
                      void (*act)(struct mt_machine *machine, void *context))
{
    step->act = act;
    step->context = guest;
}

static void test_records_over_the_limit_are_dropped_and_told_of_with_the_next(void **state)
{
    (void)state;
    struct guest guest;
    open_limited(&guest, 1);
    guest_push_log(&guest, 2, "one");
    step_when(&guest, guest_out(&guest, MT_PORT_LOG, 1), open_rate);
    guest_push_log(&guest, 2, "two");
    guest_push_log(&guest, 2, "three");
    step_when(&guest, guest_out(&guest, MT_PORT_LOG, 2), close_rate);
    guest_push_log(&guest, 2, "four");
    step_when(&guest, guest_out(&guest, MT_PORT_LOG, 1), open_rate);
    guest_push_i32(&guest, 1);
    guest_done(&guest);
    assert_fine(call_i32(&guest));
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "%d:one/0;%d:2 records dropped/2;%d:four/0;", MOTE_LOG_INFO,
             MOTE_LOG_WARN, MOTE_LOG_INFO);
    assert_string_equal(heard, wanted);
    assert_int_equal(guest_stats(&guest).log_records, 4);
    guest_close(&guest);
}

static void test_what_was_dropped_is_told_of_at_the_calls_end_if_the_limit_lets_it(void **state)
{
    (void)state;
    for (int is_open = 0; is_open < 2; is_open++) {
        struct guest guest;
        open_limited(&guest, 1);
        guest_push_log(&guest, 2, "one");
        step_when(&guest, guest_out(&guest, MT_PORT_LOG, 1), close_rate);
        guest_push_i32(&guest, 1);
        step_when(&guest, guest_done(&guest), is_open ? open_rate : close_rate);
        assert_fine(call_i32(&guest));
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "%d:1 records dropped/1;", MOTE_LOG_WARN);
        assert_string_equal(heard, is_open ? wanted : "");
        assert_int_equal(guest.sandbox->n_log_dropped, is_open ? 0 : 1);
        guest_close(&guest);
    }
}

static void test_without_a_limit_none_is_dropped(void **state)
{
    (void)state;
    struct guest guest;
    open_limited(&guest, 0);
    guest_push_log(&guest, 2, "one");
    step_when(&guest, guest_out(&guest, MT_PORT_LOG, 1), close_rate);
    guest_push_i32(&guest, 1);
    guest_done(&guest);
    assert_fine(call_i32(&guest));
    char wanted[16];
    snprintf(wanted, sizeof(wanted), "%d:one/0;", MOTE_LOG_INFO);
    assert_string_equal(heard, wanted);
    guest_close(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_come_oldest_first_and_before_the_result),
        cmocka_unit_test(test_each_level),
        cmocka_unit_test(test_sixty_four_records_are_taken_and_not_one_more),
        cmocka_unit_test(test_fewer_records_than_announced_are_a_protocol_error),
        cmocka_unit_test(test_a_message_that_is_no_record_is_a_protocol_error),
        cmocka_unit_test(test_a_level_past_the_last_is_a_protocol_error),
        cmocka_unit_test(test_print_goes_to_the_function_that_replaced_it),
        cmocka_unit_test(test_records_in_init),
        cmocka_unit_test(test_records_over_the_limit_are_dropped_and_told_of_with_the_next),
        cmocka_unit_test(test_what_was_dropped_is_told_of_at_the_calls_end_if_the_limit_lets_it),
        cmocka_unit_test(test_without_a_limit_none_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
