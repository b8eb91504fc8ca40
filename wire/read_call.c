/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a FunctionCall. */
#include "wire/read_value.h"
#include "wire/schema.h"
#include "wire/usual.h"

static bool read_parameter(struct mt_wire_reader *reader, const struct mt_wire_vector *parameters,
                           size_t index, struct mt_wire_value *value)
{
    struct mt_wire_table table;
    uint8_t member;
    size_t target;
    if (!mt_wire_element_table(reader, parameters, index, "parameters", &table) ||
        !mt_wire_scalar(reader, &table, MT_VT_UNION_TYPE, "value_type", &member, sizeof(member)) ||
        !mt_wire_required_target(reader, &table, MT_VT_UNION_VALUE, "value", &target))
        return false;
    enum mt_wire_type type;
    if (member < MT_WIRE_UNION_BASE ||
        !mt_wire_parameter_type((uint8_t)(member - MT_WIRE_UNION_BASE), &type))
        return mt_wire_refuse(reader, "value_type", member);
    return mt_wire_read_value(reader, target, type, value);
}

static bool read_parameters(struct mt_wire_reader *reader, const struct mt_wire_table *root,
                            struct mt_wire_call *call)
{
    struct mt_wire_vector parameters;
    if (!mt_wire_vector_of(reader, root, MT_VT_CALL_PARAMETERS, "parameters", sizeof(uint32_t),
                           MT_WIRE_MAX_PARAMETERS, &parameters))
        return false;
    call->n_params = parameters.n;
    for (size_t i = 0; i < parameters.n; i++) {
        if (!read_parameter(reader, &parameters, i, &call->params[i]))
            return false;
    }
    return true;
}

static bool read_head(struct mt_wire_reader *reader, const struct mt_wire_table *root,
                      struct mt_wire_call *call)
{
    uint8_t call_type;
    uint8_t returns;
    if (!mt_wire_required_text(reader, root, MT_VT_CALL_NAME, "function_name", &call->name) ||
        !mt_wire_scalar(reader, root, MT_VT_CALL_TYPE, "function_call_type", &call_type,
                        sizeof(call_type)) ||
        !mt_wire_scalar(reader, root, MT_VT_CALL_RETURNS, "expected_return_type", &returns,
                        sizeof(returns)))
        return false;
    if (call_type != MT_WIRE_CALL_GUEST && call_type != MT_WIRE_CALL_HOST)
        return mt_wire_refuse(reader, "function_call_type", call_type);
    call->call_type = (enum mt_wire_call_type)call_type;
    return mt_wire_return_type(returns, &call->returns) ||
           mt_wire_refuse(reader, "expected_return_type", returns);
}

bool mt_wire_read_any_call(const uint8_t *message, size_t len, struct mt_wire_call *call,
                           struct mt_wire_fault *fault)
{
    struct mt_wire_reader reader;
    struct mt_wire_table root;
    struct mt_wire_call found;
    if (!mt_wire_open(&reader, message, len, fault, &root) || !read_head(&reader, &root, &found) ||
        !read_parameters(&reader, &root, &found))
        return false;
    /* Only what was read is copied: few calls have many parameters. */
    __builtin_memcpy(call, &found,
                     offsetof(struct mt_wire_call, params) +
                         found.n_params * sizeof(found.params[0]));
    return true;
}
