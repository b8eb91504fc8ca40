/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the API to values on the wire, and back. */
#include "host/hostfn/marshal.h"

#include "host/base/error.h"
#include "host/base/text.h"

_Static_assert(
    (int)MOTE_TYPE_I32 == (int)MT_WIRE_I32 && (int)MOTE_TYPE_U32 == (int)MT_WIRE_U32 &&
        (int)MOTE_TYPE_I64 == (int)MT_WIRE_I64 && (int)MOTE_TYPE_U64 == (int)MT_WIRE_U64 &&
        (int)MOTE_TYPE_F32 == (int)MT_WIRE_F32 && (int)MOTE_TYPE_F64 == (int)MT_WIRE_F64 &&
        (int)MOTE_TYPE_STR == (int)MT_WIRE_STR && (int)MOTE_TYPE_BOOL == (int)MT_WIRE_BOOL &&
        (int)MOTE_TYPE_BYTES == (int)MT_WIRE_BYTES && (int)MOTE_TYPE_VOID == (int)MT_WIRE_VOID,
    "types have the same numbers in the API and on the wire");

static mote_status take_view(const void *data, size_t len_bytes, const char *what,
                             struct mt_wire_view *out, mote_error *err)
{
    static const uint8_t nothing[1] = {0};
    if (data == NULL && len_bytes > 0)
        return mt_fail(err, MOTE_E_ARGUMENT, "%s is NULL with a length of %zu bytes", what,
                       len_bytes);
    *out = (struct mt_wire_view){data != NULL ? data : nothing, len_bytes};
    return MOTE_OK;
}

static mote_status take_text(const mote_str_view *text, const char *what, struct mt_wire_view *out,
                             mote_error *err)
{
    mote_status status = take_view(text->data, text->len_bytes, what, out, err);
    if (status == MOTE_OK && !mt_utf8_is_valid((const char *)out->data, out->len))
        return mt_fail(err, MOTE_E_ARGUMENT, "%s is not UTF-8", what);
    return status;
}

mote_status mt_value_to_wire(const mote_value *value, bool is_result, const char *what,
                             struct mt_wire_value *out, mote_error *err)
{
    struct mt_wire_value wire = {.type = (enum mt_wire_type)value->type};
    mote_status status = MOTE_OK;
    switch (value->type) {
    case MOTE_TYPE_I32:
        wire.as.i32 = value->as.i32;
        break;
    case MOTE_TYPE_U32:
        wire.as.u32 = value->as.u32;
        break;
    case MOTE_TYPE_I64:
        wire.as.i64 = value->as.i64;
        break;
    case MOTE_TYPE_U64:
        wire.as.u64 = value->as.u64;
        break;
    case MOTE_TYPE_F32:
        wire.as.f32 = value->as.f32;
        break;
    case MOTE_TYPE_F64:
        wire.as.f64 = value->as.f64;
        break;
    case MOTE_TYPE_BOOL:
        wire.as.boolean = value->as.boolean;
        break;
    case MOTE_TYPE_STR:
        status = take_text(&value->as.str, what, &wire.as.view, err);
        break;
    case MOTE_TYPE_BYTES:
        status =
            take_view(value->as.bytes.data, value->as.bytes.len_bytes, what, &wire.as.view, err);
        break;
    case MOTE_TYPE_VOID:
        if (!is_result)
            status = mt_fail(err, MOTE_E_ARGUMENT, "%s is void", what);
        break;
    case MOTE_TYPE_ANY:
    default:
        status = mt_fail(err, MOTE_E_ARGUMENT, "%s has no value type: %d", what, (int)value->type);
        break;
    }
    if (status == MOTE_OK)
        *out = wire;
    return status;
}

mote_value mt_value_from_wire(const struct mt_wire_value *value)
{
    switch (value->type) {
    case MT_WIRE_I32:
        return mote_i32(value->as.i32);
    case MT_WIRE_U32:
        return mote_u32(value->as.u32);
    case MT_WIRE_I64:
        return mote_i64(value->as.i64);
    case MT_WIRE_U64:
        return mote_u64(value->as.u64);
    case MT_WIRE_F32:
        return mote_f32(value->as.f32);
    case MT_WIRE_F64:
        return mote_f64(value->as.f64);
    case MT_WIRE_BOOL:
        return mote_bool(value->as.boolean);
    case MT_WIRE_STR:
        return mote_str_n((const char *)value->as.view.data, value->as.view.len);
    case MT_WIRE_BYTES:
        return mote_bytes(value->as.view.data, value->as.view.len);
    case MT_WIRE_VOID:
        break;
    }
    return mote_void();
}

const char *mt_record_type_name(mote_type type)
{
    static const char *const names[] = {
        [MOTE_TYPE_I32] = "Int",    [MOTE_TYPE_U32] = "UInt",  [MOTE_TYPE_I64] = "Long",
        [MOTE_TYPE_U64] = "ULong",  [MOTE_TYPE_F32] = "Float", [MOTE_TYPE_F64] = "Double",
        [MOTE_TYPE_STR] = "String", [MOTE_TYPE_BOOL] = "Bool", [MOTE_TYPE_BYTES] = "VecBytes",
        [MOTE_TYPE_VOID] = "Void",
    };
    return (unsigned)type <= MOTE_TYPE_VOID ? names[type] : "?";
}
