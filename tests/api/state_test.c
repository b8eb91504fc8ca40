/* SPDX-License-Identifier: Apache-2.0 */
/* What each state of a sandbox refuses: the table of docs/lifecycle.md. */
#include "tests/api/keeper.h"

#include <string.h>

struct operation {
    const char *function;
    mote_status (*call)(mote_sandbox *sandbox);
};

static mote_status do_register(mote_sandbox *sandbox)
{
    const mote_host_function ask = {
        .name = "Late", .fn = answer_7, .returns = MOTE_TYPE_I32, .n_params = 0};
    return mote_sandbox_register(sandbox, &ask, &last_error);
}

static mote_status do_init(mote_sandbox *sandbox)
{
    return mote_sandbox_init(sandbox, &last_error);
}

static mote_status do_evolve(mote_sandbox *sandbox)
{
    return mote_sandbox_evolve(sandbox, NULL, NULL, &last_error);
}

static mote_status do_call(mote_sandbox *sandbox)
{
    return call_void(sandbox, "Get");
}

static mote_status do_call_reset(mote_sandbox *sandbox)
{
    return keeper_reset_call(sandbox, "Get");
}

static mote_status do_begin(mote_sandbox *sandbox)
{
    return mote_context_begin(sandbox, &last_error);
}

static mote_status do_finish(mote_sandbox *sandbox)
{
    return mote_context_finish(sandbox, &last_error);
}

static mote_status do_take(mote_sandbox *sandbox)
{
    mote_snapshot *snapshot;
    mote_status status = mote_snapshot_take(sandbox, &snapshot, &last_error);
    if (status == MOTE_OK)
        mote_snapshot_unref(snapshot);
    return status;
}

static mote_status do_push(mote_sandbox *sandbox)
{
    return mote_sandbox_push(sandbox, &last_error);
}

static mote_status do_pop(mote_sandbox *sandbox)
{
    return mote_sandbox_pop(sandbox, &last_error);
}

static mote_status do_restore(mote_sandbox *sandbox)
{
    return mote_sandbox_restore(sandbox, NULL, &last_error);
}

/* A sandbox in a state that refuses things. */
static mote_sandbox *sandbox_in(mote_sandbox_state wanted)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.single_use = wanted == MOTE_SANDBOX_SPENT;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    if (wanted == MOTE_SANDBOX_CREATED)
        return sandbox;
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    if (wanted == MOTE_SANDBOX_IN_CONTEXT)
        assert_ok(mote_context_begin(sandbox, &last_error));
    if (wanted == MOTE_SANDBOX_POISONED)
        assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    if (wanted == MOTE_SANDBOX_SPENT)
        assert_ok(call_void(sandbox, "Get"));
    assert_int_equal(mote_sandbox_state_get(sandbox), wanted);
    return sandbox;
}

/* Written out a second time, from what the documentation says, to be held against the table. */
static void test_every_state_refuses_what_it_must_and_is_not_changed(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    enum { REFUSED = MOTE_E_STATE, NOT = MOTE_OK };
    static const mote_sandbox_state states[] = {MOTE_SANDBOX_CREATED, MOTE_SANDBOX_READY,
                                                MOTE_SANDBOX_IN_CONTEXT, MOTE_SANDBOX_POISONED,
                                                MOTE_SANDBOX_SPENT};
    static const struct {
        struct operation operation;
        int outcome[5]; /* NOT: it is accepted, which other tests show */
    } expected[] = {
        {{"mote_sandbox_register", do_register},
         {NOT, REFUSED, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_init", do_init}, {NOT, REFUSED, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_evolve", do_evolve}, {NOT, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_call", do_call}, {REFUSED, NOT, NOT, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_call_reset", do_call_reset},
         {REFUSED, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_context_begin", do_begin}, {REFUSED, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_context_finish", do_finish}, {REFUSED, REFUSED, NOT, NOT, MOTE_E_SPENT}},
        {{"mote_snapshot_take", do_take}, {REFUSED, NOT, NOT, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_push", do_push}, {REFUSED, NOT, REFUSED, MOTE_E_POISONED, MOTE_E_SPENT}},
        {{"mote_sandbox_pop", do_pop}, {REFUSED, NOT, REFUSED, NOT, MOTE_E_SPENT}},
        {{"mote_sandbox_restore", do_restore}, {NOT, NOT, REFUSED, NOT, MOTE_E_SPENT}},
    };
    for (size_t s = 0; s < 5; s++) {
        mote_sandbox *sandbox = sandbox_in(states[s]);
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
            if (expected[i].outcome[s] == NOT)
                continue;
            size_t depth = mote_sandbox_depth(sandbox);
            assert_status(expected[i].operation.call(sandbox), (mote_status)expected[i].outcome[s]);
            assert_non_null(strstr(last_error.text, expected[i].operation.function));
            assert_int_equal(mote_sandbox_state_get(sandbox), states[s]);
            assert_int_equal(mote_sandbox_depth(sandbox), depth);
        }
        mote_sandbox_destroy(sandbox);
    }
}

static void test_null_is_an_argument_error_everywhere(void **state)
{
    (void)state;
    mote_snapshot *snapshot = NULL;
    assert_status(mote_snapshot_take(NULL, &snapshot, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_restore(NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_push(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_pop(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_evolve(NULL, NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(keeper_reset_call(NULL, "Get"), MOTE_E_ARGUMENT);
    assert_status(mote_context_begin(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_context_finish(NULL, &last_error), MOTE_E_ARGUMENT);
    assert_int_equal(mote_sandbox_depth(NULL), 0);
    assert_null(mote_snapshot_ref(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_refuses_what_it_must_and_is_not_changed),
        cmocka_unit_test(test_null_is_an_argument_error_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
