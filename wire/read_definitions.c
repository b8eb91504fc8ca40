/* SPDX-License-Identifier: Apache-2.0 */
/* Reading HostFunctionDetails. */
#include "wire/schema.h"
#include "wire/verify.h"

static bool read_types(struct mt_wire_reader *reader, const struct mt_wire_table *table,
                       struct mt_wire_definition *definition)
{
    struct mt_wire_view numbers;
    if (!mt_wire_bytes(reader, table, MT_VT_DEFINITION_PARAMETERS, "parameters", &numbers))
        return false;
    if (numbers.len > MT_WIRE_MAX_PARAMETERS)
        return mt_wire_refuse(reader, "parameters", numbers.len);
    definition->n_params = numbers.len;
    for (size_t i = 0; i < numbers.len; i++) {
        if (!mt_wire_parameter_type(numbers.data[i], &definition->params[i]))
            return mt_wire_refuse(reader, "parameters", numbers.data[i]);
    }
    return true;
}

static bool read_definition(struct mt_wire_reader *reader, const struct mt_wire_vector *functions,
                            size_t index, struct mt_wire_definition *definition)
{
    struct mt_wire_table table;
    uint8_t returns;
    if (!mt_wire_element_table(reader, functions, index, "functions", &table) ||
        !mt_wire_required_text(reader, &table, MT_VT_DEFINITION_NAME, "function_name",
                               &definition->name) ||
        !read_types(reader, &table, definition) ||
        !mt_wire_scalar(reader, &table, MT_VT_DEFINITION_RETURNS, "return_type", &returns,
                        sizeof(returns)))
        return false;
    return mt_wire_return_type(returns, &definition->returns) ||
           mt_wire_refuse(reader, "return_type", returns);
}

static bool open_functions(struct mt_wire_reader *reader, const uint8_t *message, size_t len,
                           struct mt_wire_fault *fault, struct mt_wire_vector *functions)
{
    struct mt_wire_table root;
    return mt_wire_open(reader, message, len, fault, &root) &&
           mt_wire_vector_of(reader, &root, MT_VT_DETAILS_FUNCTIONS, "functions", sizeof(uint32_t),
                             MT_WIRE_MAX_DEFINITIONS, functions);
}

bool mt_wire_read_definitions(const uint8_t *message, size_t len, size_t *n,
                              struct mt_wire_fault *fault)
{
    struct mt_wire_reader reader;
    struct mt_wire_vector functions;
    if (!open_functions(&reader, message, len, fault, &functions))
        return false;
    struct mt_wire_definition definition;
    for (size_t i = 0; i < functions.n; i++) {
        if (!read_definition(&reader, &functions, i, &definition))
            return false;
    }
    *n = functions.n;
    return true;
}

bool mt_wire_read_definition(const uint8_t *message, size_t len, size_t index,
                             struct mt_wire_definition *definition, struct mt_wire_fault *fault)
{
    struct mt_wire_reader reader;
    struct mt_wire_vector functions;
    if (!open_functions(&reader, message, len, fault, &functions))
        return false;
    if (index >= functions.n)
        return mt_wire_refuse(&reader, "index", index);
    struct mt_wire_definition found;
    if (!read_definition(&reader, &functions, index, &found))
        return false;
    *definition = found;
    return true;
}
