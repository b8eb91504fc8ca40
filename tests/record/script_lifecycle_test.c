/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests of Hyperlight 0.1 on the life of a sandbox (README.md: sandbox/,
 * sandbox_state/, func/), where a script stands in the guest's place: its one number lies on its
 * heap.
 */
#include "tests/script/fixture.h"

#include <string.h>

static const enum guest_kind kinds[] = {GUEST_MOTE, GUEST_01};

static uint64_t number(const struct guest *guest)
{
    return guest_word(guest, guest_place(guest, MT_PLACE_HEAP));
}

/* Say that the guest's next call leaves a number there. */
static void next_call_writes(struct guest *guest, uint64_t value)
{
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    guest_write_word(guest, guest_place(guest, MT_PLACE_HEAP), value);
    guest_push_result(guest, &text);
    guest_done(guest);
}

/* The first step is the initialisation's. */
static void play_calls(struct guest *guest)
{
    mt_script_play(guest->sandbox->machine, guest->steps + 1, guest->n_steps - 1);
}

static mote_status ask(mote_status (*how)(mote_sandbox *, const char *, const mote_value *, size_t,
                                          mote_type, mote_value *, mote_error *),
                       mote_sandbox *sandbox)
{
    const mote_value text = mote_str("x");
    return how(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, NULL, &last_error);
}

static void evolve(struct guest *guest, enum guest_kind kind, const mote_config *config)
{
    guest_open(guest, kind, config);
    guest_start(guest);
    assert_int_equal(guest->n_steps, 1);
    mt_script_play(guest->sandbox->machine, guest->steps, 1);
    assert_fine(mote_sandbox_evolve(guest->sandbox, NULL, NULL, &last_error));
}

static void test_evolve(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        evolve(&guest, kinds[i], NULL);
        assert_state(&guest, MOTE_SANDBOX_READY);
        assert_int_equal(mote_sandbox_depth(guest.sandbox), 1);
        guest_close(&guest);
    }
}

static mote_status call_once(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    (void)err;
    return ask(mote_call, sandbox);
}

static void test_evolve_keeps_state_and_devolve_gives_it_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        evolve(&guest, kinds[i], NULL);
        next_call_writes(&guest, 5);
        next_call_writes(&guest, 12);
        play_calls(&guest);
        assert_fine(mote_sandbox_evolve(guest.sandbox, call_once, NULL, &last_error));
        assert_int_equal(number(&guest), 5);
        assert_fine(ask(mote_call, guest.sandbox));
        assert_int_equal(number(&guest), 12);
        assert_fine(mote_sandbox_restore(guest.sandbox, NULL, &last_error));
        assert_int_equal(number(&guest), 5);
        assert_fine(mote_sandbox_pop(guest.sandbox, &last_error));
        assert_int_equal(number(&guest), 0);
        assert_error(mote_sandbox_pop(guest.sandbox, &last_error), MOTE_E_NO_SNAPSHOT);
        guest_close(&guest);
    }
}

static void test_a_context_keeps_state_and_plain_calls_do_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        evolve(&guest, kinds[i], NULL);
        for (uint64_t n = 1; n <= 3; n++)
            next_call_writes(&guest, n);
        play_calls(&guest);
        assert_fine(mote_context_begin(guest.sandbox, &last_error));
        for (uint64_t n = 1; n <= 2; n++) {
            assert_fine(ask(mote_call, guest.sandbox));
            assert_int_equal(number(&guest), n);
        }
        assert_fine(mote_context_finish(guest.sandbox, &last_error));
        assert_int_equal(number(&guest), 0);
        assert_fine(ask(mote_call_reset, guest.sandbox));
        assert_int_equal(number(&guest), 0);
        guest_close(&guest);
    }
}

static void test_a_single_use_sandbox_answers_one_call(void **state)
{
    (void)state;
    struct guest guest;
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = true;
    evolve(&guest, GUEST_01, &config);
    next_call_writes(&guest, 1);
    play_calls(&guest);
    assert_fine(ask(mote_call, guest.sandbox));
    assert_error(ask(mote_call, guest.sandbox), MOTE_E_SPENT);
    guest_close(&guest);
}

static void test_a_single_use_context_answers_many_calls(void **state)
{
    (void)state;
    struct guest guest;
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = true;
    evolve(&guest, GUEST_01, &config);
    for (uint64_t n = 1; n <= 10; n++)
        next_call_writes(&guest, n);
    play_calls(&guest);
    assert_fine(mote_context_begin(guest.sandbox, &last_error));
    for (uint64_t n = 1; n <= 10; n++) {
        assert_fine(ask(mote_call, guest.sandbox));
        assert_int_equal(number(&guest), n);
    }
    assert_fine(mote_context_finish(guest.sandbox, &last_error));
    assert_error(mote_context_begin(guest.sandbox, &last_error), MOTE_E_SPENT);
    guest_close(&guest);
}

/* Cancel, then call: what the guest had half done is gone, and the next call is right. */
static void test_a_guest_that_was_stopped_is_called_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        mote_config config = MOTE_CONFIG_INIT;
        config.time_limit_us = 2000;
        evolve(&guest, kinds[i], &config);
        guest_write_word(&guest, guest_place(&guest, MT_PLACE_HEAP), 77);
        guest_interrupted(&guest)->waits = true;
        next_call_writes(&guest, 1);
        play_calls(&guest);
        assert_error(ask(mote_call, guest.sandbox), MOTE_E_TIME_LIMIT);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        assert_int_equal(number(&guest), 77);
        assert_fine(mote_sandbox_restore(guest.sandbox, NULL, &last_error));
        assert_int_equal(number(&guest), 0);
        assert_fine(ask(mote_call, guest.sandbox));
        assert_int_equal(number(&guest), 1);
        guest_close(&guest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evolve),
        cmocka_unit_test(test_evolve_keeps_state_and_devolve_gives_it_back),
        cmocka_unit_test(test_a_context_keeps_state_and_plain_calls_do_not),
        cmocka_unit_test(test_a_single_use_sandbox_answers_one_call),
        cmocka_unit_test(test_a_single_use_context_answers_many_calls),
        cmocka_unit_test(test_a_guest_that_was_stopped_is_called_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
