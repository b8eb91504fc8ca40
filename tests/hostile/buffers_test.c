/* SPDX-License-Identifier: Apache-2.0 */
/* Call buffers: messages of the wrong kind, in the wrong place, in the wrong number, and whatever
 * else a guest leaves where its host will look. */
#include "tests/hostile/witness.h"

#include "abi/ports.h"
#include <string.h>

/* ---- B14: a message of one kind where another is due ---- */

enum { RESULT, HOST_CALL, GUEST_CALL, LOG, GUEST_ERROR, DEFINITIONS, ZEROES };

struct exchange {
    uint32_t kind;
    uint32_t port;
    mote_status status;
    const char *buffer; /* of MOTE_E_PROTOCOL */
};

static const struct exchange exchanges[] = {
    {HOST_CALL, MT_PORT_DONE, MOTE_E_PROTOCOL, "output"},
    {GUEST_CALL, MT_PORT_DONE, MOTE_E_PROTOCOL, "output"},
    {LOG, MT_PORT_DONE, MOTE_E_PROTOCOL, "output"},
    {GUEST_ERROR, MT_PORT_DONE, MOTE_E_PROTOCOL, "output"},
    {DEFINITIONS, MT_PORT_DONE, MOTE_E_PROTOCOL, "output"},
    {ZEROES, MT_PORT_DONE, MOTE_E_PROTOCOL, "output"},
    {RESULT, MT_PORT_CALL, MOTE_E_PROTOCOL, "output"},
    {GUEST_CALL, MT_PORT_CALL, MOTE_E_PROTOCOL, "output"},
    {LOG, MT_PORT_CALL, MOTE_E_PROTOCOL, "output"},
    {GUEST_ERROR, MT_PORT_CALL, MOTE_E_PROTOCOL, "output"},
    {DEFINITIONS, MT_PORT_CALL, MOTE_E_PROTOCOL, "output"},
    {ZEROES, MT_PORT_CALL, MOTE_E_PROTOCOL, "output"},
    {RESULT, MT_PORT_LOG, MOTE_E_PROTOCOL, "output"},
    {HOST_CALL, MT_PORT_LOG, MOTE_E_PROTOCOL, "output"},
    {GUEST_ERROR, MT_PORT_LOG, MOTE_E_PROTOCOL, "output"},
    {DEFINITIONS, MT_PORT_LOG, MOTE_E_PROTOCOL, "output"},
    {ZEROES, MT_PORT_LOG, MOTE_E_PROTOCOL, "output"},
};

/* B14, F07: also the way in which a guest says "finished" with a host call on its lips. */
static void test_a_message_of_another_kind_is_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    size_t n_wrong = 0;
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        const mote_value args[] = {mote_u32(exchanges[i].kind), mote_u32(exchanges[i].port)};
        mote_sandbox *sandbox = new_offender(NULL);
        mote_status status = provoke(sandbox, "LeaveMessage", args, 2);
        bool has_buffer = strcmp(last_error.protocol_buffer, exchanges[i].buffer) == 0;
        if (status != exchanges[i].status || !has_buffer) {
            print_error("kind %u on port %u: %s: %s\n", exchanges[i].kind, exchanges[i].port,
                        mote_status_name(status), last_error.text);
            n_wrong++;
        }
        assert_contained(sandbox, status);
    }
    assert_int_equal(n_wrong, 0);
}

/* F07: a guest that says "finished" before it is answers the next call with what was still to come
 * of the last one. It has confused itself; its host sees a result of the wrong type. */
static void test_an_early_success_confuses_the_guest_alone(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_u32(RESULT), mote_u32(MT_PORT_DONE)};
    const mote_value text = mote_str("witness");
    mote_sandbox *sandbox = new_offender(NULL);
    assert_ok(provoke(sandbox, "LeaveMessage", args, 2));
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_READY);
    assert_status(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, NULL, &last_error),
                  MOTE_E_PROTOCOL);
    assert_string_equal(last_error.protocol_field, "return_value_type");
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    assert_others_unharmed(sandbox);
}

/* ---- B15, B18: what is left in the buffers does not reach the next call ---- */

static void test_residue_does_not_reach_the_next_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint32_t bytes[] = {0x00, 0x01, 0x5A, 0xFF};
    mote_sandbox *sandbox = new_offender(NULL);
    for (size_t i = 0; i < COUNT(bytes); i++) {
        const mote_value byte = mote_u32(bytes[i]);
        assert_ok(provoke(sandbox, "LeaveResidue", &byte, 1));
        assert_echo(sandbox);
    }
    assert_contained(sandbox, MOTE_OK);
}

/* ---- B19: the input buffer is overwritten before the host answers ---- */

static mote_status answer_42(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_i32(42);
    return MOTE_OK;
}

static void test_an_answer_finds_its_place_over_ruins(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_host_function function = {
        .name = "Answer", .fn = answer_42, .returns = MOTE_TYPE_I32};
    for (uint32_t way = 0; way < 3; way++) {
        const mote_value arg = mote_u32(way);
        mote_value result;
        mote_sandbox *sandbox = new_offender_created(NULL);
        assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
        assert_ok(mote_sandbox_init(sandbox, &last_error));
        assert_ok(provoke(sandbox, "AskOverRuins", &arg, 1));
        assert_ok(mote_call(sandbox, "AskOverRuins", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, 42);
        assert_contained(sandbox, MOTE_OK);
    }
}

/* ---- B20: errors and aborts ---- */

/* Panic text of any length and any bytes: cut to its room, escaped where it is shown. */
static void test_abort_text_is_capped_and_escaped(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint32_t lengths[] = {0, 1, 1022, 1023, 1024};
    static const uint32_t bytes[] = {'a', 0x1B, '\n', 0x80, 0xFF};
    static const uint32_t codes[] = {0, 1, 255};
    for (size_t i = 0; i < COUNT(lengths) * COUNT(bytes); i++) {
        uint32_t n = lengths[i / COUNT(bytes)];
        uint32_t code = codes[i % COUNT(codes)];
        const mote_value args[] = {mote_u32(n), mote_u32(bytes[i % COUNT(bytes)]), mote_u32(code)};
        mote_sandbox *sandbox = new_offender(NULL);
        mote_status status = provoke(sandbox, "AbortWith", args, 3);
        assert_status(status, MOTE_E_GUEST_ABORT);
        assert_int_equal(last_error.guest_code, code);
        size_t len = strnlen(last_error.message, sizeof(last_error.message));
        assert_true(len < sizeof(last_error.message));
        if (bytes[i % COUNT(bytes)] == 'a')
            assert_int_equal(len, n < MOTE_ERROR_MESSAGE_BYTES ? n : MOTE_ERROR_MESSAGE_BYTES - 1);
        assert_contained(sandbox, status);
    }
}

/* Text that is only left in the panic buffer changes no outcome, and stays the guest's own. */
static void test_panic_text_without_an_abort_says_nothing(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value leave[] = {mote_u32(100), mote_u32('z'), mote_u32(256)};
    mote_sandbox *sandbox = new_offender(NULL);
    mote_sandbox *other = new_offender(NULL);
    const mote_value abort_without_text[] = {mote_u32(0), mote_u32(0), mote_u32(3)};
    assert_ok(provoke(sandbox, "AbortWith", leave, 3));
    assert_ok(provoke(sandbox, "AbortWith", leave, 3));
    mote_status status = provoke(other, "AbortWith", abort_without_text, 3);
    assert_status(status, MOTE_E_GUEST_ABORT);
    assert_string_equal(last_error.message, "");
    assert_contained(other, status);
    assert_ok(provoke(sandbox, "AbortWith", leave, 3));
    assert_contained(sandbox, MOTE_OK);
}

/* F13: a guest that claims to have faulted is an abort with that text, and no fault. */
static void test_a_claimed_exception_is_only_text(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value args[] = {mote_u32(14), mote_str("vector 14 (#PF), null pointer: rip 0x0")};
    mote_sandbox *sandbox = new_offender(NULL);
    mote_status status = provoke(sandbox, "Abort", args, 2);
    assert_status(status, MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.fault.vector, 0);
    assert_string_equal(last_error.fault.name, "");
    assert_string_equal(last_error.fault.cause, "");
    assert_non_null(strstr(last_error.message, "vector 14"));
    assert_contained(sandbox, status);
}

/* ---- Everything at once ---- */

#define N_SCRIBBLES rounds(1500)

static bool is_outcome_of_scribbling(mote_status status)
{
    static const mote_status outcomes[] = {MOTE_OK,
                                           MOTE_E_PROTOCOL,
                                           MOTE_E_NO_RESULT,
                                           MOTE_E_GUEST_ABORT,
                                           MOTE_E_GUEST_ERROR,
                                           MOTE_E_GUEST_FAULT,
                                           MOTE_E_HOST_FUNCTION_UNKNOWN,
                                           MOTE_E_HOST_FUNCTION_ARGUMENTS};
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        if (outcomes[i] == status)
            return true;
    }
    return false;
}

static void drop_print(void *context, const char *text, size_t len_bytes)
{
    (void)context;
    (void)text;
    (void)len_bytes;
}

/* B03 to B12, with random bytes on a live guest. */
static void test_random_messages_are_refused_or_mean_something(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    size_t n_refused = 0;
    mote_config config = MOTE_CONFIG_INIT;
    config.print = drop_print;
    for (uint64_t seed = 1; seed <= N_SCRIBBLES; seed++) {
        const mote_value arg = mote_u64(seed * 0x9E3779B97F4A7C15);
        mote_sandbox *sandbox = new_offender(&config);
        mote_status status = provoke(sandbox, "Scribble", &arg, 1);
        if (!is_outcome_of_scribbling(status))
            fail_msg("seed %u: %s", (unsigned)seed, mote_status_name(status));
        n_refused += status == MOTE_E_PROTOCOL;
        if (status == MOTE_OK || status == MOTE_E_GUEST_ERROR)
            assert_others_unharmed(sandbox); /* it has said "finished" before it was */
        else
            assert_contained(sandbox, status);
    }
    assert_in_range(n_refused, N_SCRIBBLES / 10, N_SCRIBBLES - N_SCRIBBLES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_of_another_kind_is_refused),
        cmocka_unit_test(test_an_early_success_confuses_the_guest_alone),
        cmocka_unit_test(test_residue_does_not_reach_the_next_call),
        cmocka_unit_test(test_an_answer_finds_its_place_over_ruins),
        cmocka_unit_test(test_abort_text_is_capped_and_escaped),
        cmocka_unit_test(test_panic_text_without_an_abort_says_nothing),
        cmocka_unit_test(test_a_claimed_exception_is_only_text),
        cmocka_unit_test(test_random_messages_are_refused_or_mean_something),
    };
    return cmocka_run_group_tests_name("hostile buffers", tests, witness_set_up, witness_tear_down);
}
