/* SPDX-License-Identifier: Apache-2.0 */
/* The builders: one function per message. */
#include "wire/schema.h"
#include "wire/write.h"

#define NO_LIMIT SIZE_MAX

/* How many bytes of a value stand in its table; 0 for those that are elsewhere. */
static const uint8_t scalar_bytes[] = {
    [MT_WIRE_I32] = 4,  [MT_WIRE_U32] = 4,   [MT_WIRE_I64] = 8, [MT_WIRE_U64] = 8,
    [MT_WIRE_F32] = 4,  [MT_WIRE_F64] = 8,   [MT_WIRE_STR] = 0, [MT_WIRE_BOOL] = 1,
    [MT_WIRE_VOID] = 0, [MT_WIRE_BYTES] = 0,
};

/* Place a table that the slot leads to. */
static size_t put_child(struct mt_wire_writer *writer, size_t slot, enum mt_wire_layout layout)
{
    size_t table = mt_wire_put_table(writer, layout);
    mt_wire_store_offset(writer, slot, table);
    return table;
}

static void put_scalar(struct mt_wire_writer *writer, size_t slot,
                       const struct mt_wire_value *value)
{
    size_t len = scalar_bytes[value->type];
    enum mt_wire_layout layout = len == 8 ? MT_LAYOUT_VALUE_8 : MT_LAYOUT_VALUE_4;
    size_t table = put_child(writer, slot, layout);
    mt_wire_store(writer, mt_wire_field_of(layout, table, MT_VT_VALUE), &value->as, len);
}

/* The value table of a parameter or a result; bytes of a result have a table of their own. */
static void put_value(struct mt_wire_writer *writer, size_t slot, const struct mt_wire_value *value)
{
    if (value->type == MT_WIRE_VOID) {
        (void)put_child(writer, slot, MT_LAYOUT_VOID);
        return;
    }
    if (value->type != MT_WIRE_STR && value->type != MT_WIRE_BYTES) {
        put_scalar(writer, slot, value);
        return;
    }
    size_t table = put_child(writer, slot, MT_LAYOUT_VALUE_4);
    size_t field = mt_wire_field_of(MT_LAYOUT_VALUE_4, table, MT_VT_VALUE);
    if (value->type == MT_WIRE_STR)
        mt_wire_put_text(writer, field, value->as.view);
    else
        mt_wire_put_bytes(writer, field, value->as.view);
}

/* The fields of a union: the number of its member, and the slot of its value, which is returned. */
static size_t put_union(struct mt_wire_writer *writer, size_t table, uint8_t number)
{
    mt_wire_store_u8(writer, mt_wire_field_of(MT_LAYOUT_UNION, table, MT_VT_UNION_TYPE),
                     (uint8_t)(number + MT_WIRE_UNION_BASE));
    return mt_wire_field_of(MT_LAYOUT_UNION, table, MT_VT_UNION_VALUE);
}

static bool put_parameters(struct mt_wire_writer *writer, size_t slot,
                           const struct mt_wire_call *call)
{
    size_t element = mt_wire_put_offsets(writer, slot, call->n_params);
    for (size_t i = 0; i < call->n_params; i++) {
        uint8_t number;
        if (!mt_wire_parameter_number(call->params[i].type, &number))
            return false;
        size_t table = put_child(writer, element + i * sizeof(uint32_t), MT_LAYOUT_UNION);
        put_value(writer, put_union(writer, table, number), &call->params[i]);
    }
    return true;
}

size_t mt_wire_build_call(uint8_t *to, size_t room, const struct mt_wire_call *call)
{
    uint8_t returns;
    bool has_type = call->call_type == MT_WIRE_CALL_GUEST || call->call_type == MT_WIRE_CALL_HOST;
    if (!has_type || call->n_params > MT_WIRE_MAX_PARAMETERS ||
        !mt_wire_return_number(call->returns, &returns))
        return 0;
    enum mt_wire_layout layout = call->n_params > 0 ? MT_LAYOUT_CALL : MT_LAYOUT_CALL_BARE;
    struct mt_wire_writer writer;
    mt_wire_start(&writer, to, room);
    size_t table = mt_wire_put_root(&writer, layout);
    mt_wire_store_u8(&writer, mt_wire_field_of(layout, table, MT_VT_CALL_TYPE),
                     (uint8_t)call->call_type);
    mt_wire_store_u8(&writer, mt_wire_field_of(layout, table, MT_VT_CALL_RETURNS), returns);
    mt_wire_put_text(&writer, mt_wire_field_of(layout, table, MT_VT_CALL_NAME), call->name);
    size_t slot = mt_wire_field_of(layout, table, MT_VT_CALL_PARAMETERS);
    if (call->n_params > 0 && !put_parameters(&writer, slot, call))
        return 0;
    return mt_wire_finish(&writer);
}

/* Start a result; returns the slot of its value. */
static size_t start_result(struct mt_wire_writer *writer, uint8_t *to, size_t room, uint8_t number)
{
    mt_wire_start(writer, to, room);
    return put_union(writer, mt_wire_put_root(writer, MT_LAYOUT_UNION), number);
}

/* Everything of a bytes result but the bytes, whose place is returned. */
static size_t put_bytes_result(struct mt_wire_writer *writer, uint8_t *to, size_t room, size_t len)
{
    uint8_t number;
    (void)mt_wire_return_number(MT_WIRE_BYTES, &number);
    size_t table = put_child(writer, start_result(writer, to, room, number), MT_LAYOUT_SIZED);
    mt_wire_store_u32(writer, mt_wire_field_of(MT_LAYOUT_SIZED, table, MT_VT_SIZED_SIZE),
                      (uint32_t)len);
    return mt_wire_put_room(writer, mt_wire_field_of(MT_LAYOUT_SIZED, table, MT_VT_SIZED_VALUE),
                            len);
}

size_t mt_wire_build_result(uint8_t *to, size_t room, const struct mt_wire_value *value)
{
    uint8_t number;
    if (!mt_wire_return_number(value->type, &number))
        return 0;
    struct mt_wire_writer writer;
    if (value->type == MT_WIRE_BYTES) {
        size_t at = put_bytes_result(&writer, to, room, value->as.view.len);
        mt_wire_store(&writer, at, value->as.view.data, value->as.view.len);
    } else {
        put_value(&writer, start_result(&writer, to, room, number), value);
    }
    return mt_wire_finish(&writer);
}

size_t mt_wire_call_bytes(const struct mt_wire_call *call)
{
    return mt_wire_build_call(NULL, NO_LIMIT, call);
}

size_t mt_wire_result_bytes(const struct mt_wire_value *value)
{
    return mt_wire_build_result(NULL, NO_LIMIT, value);
}

uint8_t *mt_wire_begin_bytes_result(uint8_t *to, size_t room, size_t *bytes_room)
{
    struct mt_wire_writer writer;
    size_t at = put_bytes_result(&writer, NULL, room, 0);
    if (mt_wire_finish(&writer) == 0)
        return NULL;
    /* The message is padded to 8 bytes, so that a part of the room may be of no use. */
    *bytes_room = (writer.limit & ~(size_t)7) - at;
    return to + at;
}

size_t mt_wire_end_bytes_result(uint8_t *to, size_t room, size_t len)
{
    struct mt_wire_writer writer;
    (void)put_bytes_result(&writer, to, room, len);
    return mt_wire_finish(&writer);
}

size_t mt_wire_build_error(uint8_t *to, size_t room, const struct mt_wire_error *error)
{
    struct mt_wire_writer writer;
    mt_wire_start(&writer, to, room);
    size_t table = mt_wire_put_root(&writer, MT_LAYOUT_ERROR);
    mt_wire_store(&writer, mt_wire_field_of(MT_LAYOUT_ERROR, table, MT_VT_ERROR_CODE), &error->code,
                  sizeof(error->code));
    mt_wire_put_text(&writer, mt_wire_field_of(MT_LAYOUT_ERROR, table, MT_VT_ERROR_MESSAGE),
                     error->message);
    return mt_wire_finish(&writer);
}

size_t mt_wire_build_log(uint8_t *to, size_t room, const struct mt_wire_log *log)
{
    if (log->level > MT_WIRE_MAX_LOG_LEVEL)
        return 0;
    struct mt_wire_writer writer;
    mt_wire_start(&writer, to, room);
    size_t table = mt_wire_put_root(&writer, MT_LAYOUT_LOG);
    mt_wire_store_u8(&writer, mt_wire_field_of(MT_LAYOUT_LOG, table, MT_VT_LOG_LEVEL), log->level);
    mt_wire_store_u32(&writer, mt_wire_field_of(MT_LAYOUT_LOG, table, MT_VT_LOG_LINE), log->line);
    mt_wire_put_text(&writer, mt_wire_field_of(MT_LAYOUT_LOG, table, MT_VT_LOG_MESSAGE),
                     log->message);
    mt_wire_put_text(&writer, mt_wire_field_of(MT_LAYOUT_LOG, table, MT_VT_LOG_SOURCE),
                     log->source);
    mt_wire_put_text(&writer, mt_wire_field_of(MT_LAYOUT_LOG, table, MT_VT_LOG_CALLER),
                     log->caller);
    mt_wire_put_text(&writer, mt_wire_field_of(MT_LAYOUT_LOG, table, MT_VT_LOG_SOURCE_FILE),
                     log->source_file);
    return mt_wire_finish(&writer);
}

/* The numbers of a definition's parameter types; false when one is none or there are too many. */
static bool parameter_numbers(const struct mt_wire_definition *definition, uint8_t *numbers)
{
    if (definition->n_params > MT_WIRE_MAX_PARAMETERS)
        return false;
    for (size_t i = 0; i < definition->n_params; i++) {
        if (!mt_wire_parameter_number(definition->params[i], &numbers[i]))
            return false;
    }
    return true;
}

static bool put_definition(struct mt_wire_writer *writer, size_t slot,
                           const struct mt_wire_definition *definition)
{
    uint8_t returns;
    uint8_t numbers[MT_WIRE_MAX_PARAMETERS];
    if (!mt_wire_return_number(definition->returns, &returns) ||
        !parameter_numbers(definition, numbers))
        return false;
    bool is_bare = definition->n_params == 0;
    enum mt_wire_layout layout = is_bare ? MT_LAYOUT_DEFINITION_BARE : MT_LAYOUT_DEFINITION;
    size_t table = put_child(writer, slot, layout);
    mt_wire_store_u8(writer, mt_wire_field_of(layout, table, MT_VT_DEFINITION_RETURNS), returns);
    mt_wire_put_text(writer, mt_wire_field_of(layout, table, MT_VT_DEFINITION_NAME),
                     definition->name);
    if (!is_bare)
        mt_wire_put_bytes(writer, mt_wire_field_of(layout, table, MT_VT_DEFINITION_PARAMETERS),
                          (struct mt_wire_view){numbers, definition->n_params});
    return true;
}

size_t mt_wire_build_definitions(uint8_t *to, size_t room,
                                 const struct mt_wire_definition *definitions, size_t n)
{
    if (n > MT_WIRE_MAX_DEFINITIONS)
        return 0;
    struct mt_wire_writer writer;
    mt_wire_start(&writer, to, room);
    size_t table = mt_wire_put_root(&writer, MT_LAYOUT_VALUE_4);
    size_t slot = mt_wire_field_of(MT_LAYOUT_VALUE_4, table, MT_VT_DETAILS_FUNCTIONS);
    size_t element = mt_wire_put_offsets(&writer, slot, n);
    for (size_t i = 0; i < n; i++) {
        if (!put_definition(&writer, element + i * sizeof(uint32_t), &definitions[i]))
            return 0;
    }
    return mt_wire_finish(&writer);
}
