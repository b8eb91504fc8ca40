/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the value of a parameter or a result; see read_value.h. */
#include "wire/read_value.h"
#include "wire/schema.h"

static bool read_bool(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                      bool *value)
{
    uint8_t byte;
    if (!mt_wire_scalar(reader, table, MT_VT_VALUE, "value", &byte, sizeof(byte)))
        return false;
    /* Any byte but 0 is true, as FlatBuffers reads it; a bool in C holds 0 or 1. */
    *value = byte != 0;
    return true;
}

bool mt_wire_read_value(struct mt_wire_reader *reader, size_t at, enum mt_wire_type type,
                        struct mt_wire_value *value)
{
    struct mt_wire_table table;
    if (!mt_wire_table_at(reader, at, &table))
        return false;
    value->type = type;
    switch (type) {
    case MT_WIRE_I32:
    case MT_WIRE_U32:
    case MT_WIRE_F32:
        return mt_wire_scalar(reader, &table, MT_VT_VALUE, "value", &value->as, 4);
    case MT_WIRE_I64:
    case MT_WIRE_U64:
    case MT_WIRE_F64:
        return mt_wire_scalar(reader, &table, MT_VT_VALUE, "value", &value->as, 8);
    case MT_WIRE_BOOL:
        return read_bool(reader, &table, &value->as.boolean);
    case MT_WIRE_STR:
        return mt_wire_text(reader, &table, MT_VT_VALUE, "value", &value->as.view);
    case MT_WIRE_BYTES:
        return mt_wire_bytes(reader, &table, MT_VT_VALUE, "value", &value->as.view);
    case MT_WIRE_VOID:
        return true;
    }
    return mt_wire_refuse(reader, "value_type", type);
}
