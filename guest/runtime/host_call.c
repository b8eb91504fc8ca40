/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of host functions. */
#include "abi/codes.h"
#include "abi/ports.h"
#include "guest/runtime/runtime.h"

#include <string.h>

static void push_call(const struct mt_wire_call *call, const char *name)
{
    size_t room, len_bytes = 0;
    uint8_t *to = mt_output_room(&room);
    if (to != NULL)
        len_bytes = mt_wire_build_call(to, room, call);
    if (len_bytes == 0 && mt_wire_call_bytes(call) == 0)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR,
                   "call of host function %s has a value of no type, or too long a one", name);
    if (len_bytes == 0)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR,
                   "call of host function %s, %zu bytes, does not fit the output buffer", name,
                   mt_wire_call_bytes(call));
    mt_output_push(len_bytes);
}

/* Text and bytes lie on the input buffer, above the running call: the next result takes their
 * place. */
static void copy_view(moteg_value *value)
{
    if (value->type == MOTEG_TYPE_STR) {
        value->as.str.data = mt_call_memory_host_text(value->as.str.data, value->as.str.len_bytes);
    } else if (value->type == MOTEG_TYPE_BYTES) {
        uint8_t *copy = moteg_call_memory(value->as.bytes.len_bytes);
        memcpy(copy, value->as.bytes.data, value->as.bytes.len_bytes);
        value->as.bytes.data = copy;
    }
}

static moteg_value take_result(const char *name, moteg_type returns)
{
    struct mt_wire_value result;
    struct mt_wire_fault fault;
    size_t len_bytes;
    const uint8_t *message = mt_input_pop(&len_bytes);
    if (!mt_wire_read_result(message, len_bytes, &result, &fault))
        moteg_abort(MT_GUEST_CODE_UNKNOWN, "input buffer: not a result of a host function");
    if (result.type != (enum mt_wire_type)returns)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "host function %s returned %s, not %s", name,
                   mt_type_word(result.type), mt_type_word((enum mt_wire_type)returns));
    moteg_value value = mt_value_from_wire(&result);
    copy_view(&value);
    return value;
}

/* Returns when the host lets the guest go on. */
static void send_call(uint16_t port, const char *name, moteg_type returns, const moteg_value *args,
                      size_t n_args)
{
    if (n_args > MOTEG_MAX_PARAMETERS)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "call of host function %s has %zu arguments", name,
                   n_args);
    struct mt_wire_call call;
    call.name = (struct mt_wire_view){(const uint8_t *)name, strlen(name)};
    if (!mt_wire_utf8_is_valid(call.name.data, call.name.len))
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "name of host function %s is not UTF-8", name);
    call.call_type = MT_WIRE_CALL_HOST;
    call.returns = (enum mt_wire_type)returns;
    call.n_params = n_args;
    for (size_t i = 0; i < n_args; i++)
        call.params[i] = mt_value_to_wire(&args[i], "argument of host function", name);
    if (mt_records_wait())
        mt_records_flush_unless_fit(mt_wire_call_bytes(&call));
    uint64_t mark = mt_output_mark();
    push_call(&call, name);
    mt_out(port, mt_records_push());
    mt_output_drop_to(mark);
}

void moteg_host_call(const char *name, moteg_type returns, const moteg_value *args, size_t n_args,
                     moteg_value *result)
{
    send_call(MT_PORT_CALL, name, returns, args, n_args);
    *result = take_result(name, returns);
}

bool moteg_host_try(const char *name, moteg_type returns, const moteg_value *args, size_t n_args,
                    moteg_value *result, moteg_host_failure *failure)
{
    send_call(MT_PORT_TRY_CALL, name, returns, args, n_args);
    if (mt_host_failure_read(failure))
        return false;
    *result = take_result(name, returns);
    return true;
}
