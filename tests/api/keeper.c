/* SPDX-License-Identifier: Apache-2.0 */
/* Short words for what tests do with guests/keeper.c. */
#include "tests/api/keeper.h"

#include <string.h>

mote_sandbox *open_keeper(const mote_config *config)
{
    mote_sandbox *sandbox = create_sandbox(KEEPER, config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

mote_sandbox *open_asking(const mote_config *config, mote_host_fn fn, void *context)
{
    const mote_host_function ask = {.name = "Ask",
                                    .fn = fn,
                                    .context = context,
                                    .returns = MOTE_TYPE_I32,
                                    .n_params = 1,
                                    .params = {MOTE_TYPE_I32}};
    mote_sandbox *sandbox = create_sandbox(KEEPER, config);
    assert_ok(mote_sandbox_register(sandbox, &ask, &last_error));
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

int32_t keeper_add(mote_sandbox *sandbox, int32_t n)
{
    const mote_value arg = mote_i32(n);
    mote_value result;
    assert_ok(mote_call(sandbox, "Add", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

int32_t keeper_counter(mote_sandbox *sandbox)
{
    mote_value result;
    assert_ok(mote_call(sandbox, "Get", NULL, 0, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

mote_status keeper_reset_call(mote_sandbox *sandbox, const char *function)
{
    return mote_call_reset(sandbox, function, NULL, 0, MOTE_TYPE_ANY, NULL, &last_error);
}

void keeper_call_u32(mote_sandbox *sandbox, const char *function, uint32_t n)
{
    const mote_value arg = mote_u32(n);
    assert_ok(mote_call(sandbox, function, &arg, 1, MOTE_TYPE_ANY, NULL, &last_error));
}

bool is_kvm(void)
{
    return strcmp(test_driver(), "kvm") == 0;
}

uint32_t keeper_look(mote_sandbox *sandbox)
{
    const mote_value args[] = {mote_u64(KEEPER_CANARY ^ KEEPER_MASK), mote_bool(is_kvm())};
    mote_value found;
    assert_ok(mote_call(sandbox, "Look", args, 2, MOTE_TYPE_U32, &found, &last_error));
    return found.as.u32;
}
