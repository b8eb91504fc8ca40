/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a FunctionCallResult. */
#include "wire/read_value.h"
#include "wire/schema.h"
#include "wire/usual.h"

/* hlsizeprefixedbuffer tells its length twice; two answers are a lie. */
static bool read_sized_bytes(struct mt_wire_reader *reader, size_t at, struct mt_wire_value *value)
{
    struct mt_wire_table table;
    uint32_t size;
    if (!mt_wire_table_at(reader, at, &table) ||
        !mt_wire_scalar(reader, &table, MT_VT_SIZED_SIZE, "size", &size, sizeof(size)) ||
        !mt_wire_bytes(reader, &table, MT_VT_SIZED_VALUE, "value", &value->as.view))
        return false;
    value->type = MT_WIRE_BYTES;
    return size == value->as.view.len || mt_wire_refuse(reader, "size", size);
}

bool mt_wire_read_any_result(const uint8_t *message, size_t len, struct mt_wire_value *value,
                             struct mt_wire_fault *fault)
{
    struct mt_wire_reader reader;
    struct mt_wire_table root;
    uint8_t member;
    size_t target;
    if (!mt_wire_open(&reader, message, len, fault, &root) ||
        !mt_wire_scalar(&reader, &root, MT_VT_UNION_TYPE, "return_value_type", &member,
                        sizeof(member)) ||
        !mt_wire_required_target(&reader, &root, MT_VT_UNION_VALUE, "return_value", &target))
        return false;
    enum mt_wire_type type;
    if (member < MT_WIRE_UNION_BASE ||
        !mt_wire_return_type((uint8_t)(member - MT_WIRE_UNION_BASE), &type))
        return mt_wire_refuse(&reader, "return_value_type", member);
    struct mt_wire_value found;
    bool is_read = type == MT_WIRE_BYTES ? read_sized_bytes(&reader, target, &found)
                                         : mt_wire_read_value(&reader, target, type, &found);
    if (is_read)
        *value = found;
    return is_read;
}
