/* SPDX-License-Identifier: Apache-2.0 */
/* FunctionCall: what is read can be built again, and reads the same; the size is foretold. */
#include "fuzz/fuzz_wire.h"
#include "wire/usual.h"

#include <stdlib.h>

static bool is_same(const struct mt_wire_call *a, const struct mt_wire_call *b)
{
    if (!fuzz_is_same_view(&a->name, &b->name) || a->call_type != b->call_type ||
        a->returns != b->returns || a->n_params != b->n_params)
        return false;
    for (size_t i = 0; i < a->n_params; i++) {
        if (!fuzz_is_same_value(&a->params[i], &b->params[i]))
            return false;
    }
    return true;
}

static void check(const struct mt_wire_call *call, const uint8_t *message, size_t len_bytes)
{
    FUZZ_REQUIRE(call->n_params <= MT_WIRE_MAX_PARAMETERS);
    fuzz_check_view(&call->name, true, message, len_bytes);
    for (size_t i = 0; i < call->n_params; i++) {
        fuzz_check_value(&call->params[i], message, len_bytes);
        FUZZ_REQUIRE(call->params[i].type != MT_WIRE_VOID);
    }
}

/* A message that is laid out as ours are is read as one of any layout would be. */
static void check_usual(const uint8_t *message, size_t len_bytes)
{
    struct mt_wire_fault fault;
    struct mt_wire_call usual;
    struct mt_wire_call any;
    if (!mt_wire_read_usual_call(message, len_bytes, &usual))
        return;
    FUZZ_REQUIRE(mt_wire_read_any_call(message, len_bytes, &any, &fault));
    FUZZ_REQUIRE(is_same(&usual, &any));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    struct mt_wire_fault fault = {.field = NULL};
    struct mt_wire_call call;
    struct mt_wire_call again;
    uint8_t *message;
    uint8_t *block = fuzz_message_copy(data, len_bytes, &message);
    check_usual(message, len_bytes);
    if (mt_wire_read_call(message, len_bytes, &call, &fault)) {
        check(&call, message, len_bytes);
        size_t needed = mt_wire_call_bytes(&call);
        FUZZ_REQUIRE((needed == 0) == (call.call_type == MT_WIRE_CALL_NONE));
        uint8_t *built = fuzz_message_block(needed);
        FUZZ_REQUIRE(needed < 8 || mt_wire_build_call(built, needed - 8, &call) == 0);
        FUZZ_REQUIRE(mt_wire_build_call(built, needed, &call) == needed);
        if (needed > 0) {
            FUZZ_REQUIRE(mt_wire_read_call(built, needed, &again, &fault));
            FUZZ_REQUIRE(is_same(&call, &again));
        }
        free(built);
    } else {
        FUZZ_REQUIRE(fault.field != NULL);
    }
    free(block);
    return 0;
}
