/* SPDX-License-Identifier: Apache-2.0 */
/* Making values. */
#include <mote/value.h>

#include <string.h>

mote_value mote_i32(int32_t value)
{
    return (mote_value){.type = MOTE_TYPE_I32, .as.i32 = value};
}

mote_value mote_u32(uint32_t value)
{
    return (mote_value){.type = MOTE_TYPE_U32, .as.u32 = value};
}

mote_value mote_i64(int64_t value)
{
    return (mote_value){.type = MOTE_TYPE_I64, .as.i64 = value};
}

mote_value mote_u64(uint64_t value)
{
    return (mote_value){.type = MOTE_TYPE_U64, .as.u64 = value};
}

mote_value mote_f32(float value)
{
    return (mote_value){.type = MOTE_TYPE_F32, .as.f32 = value};
}

mote_value mote_f64(double value)
{
    return (mote_value){.type = MOTE_TYPE_F64, .as.f64 = value};
}

mote_value mote_bool(bool value)
{
    return (mote_value){.type = MOTE_TYPE_BOOL, .as.boolean = value};
}

mote_value mote_str(const char *text)
{
    return mote_str_n(text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

mote_value mote_str_n(const char *text, size_t len_bytes)
{
    return (mote_value){.type = MOTE_TYPE_STR, .as.str = {text, len_bytes}};
}

mote_value mote_bytes(const void *data, size_t len_bytes)
{
    return (mote_value){.type = MOTE_TYPE_BYTES, .as.bytes = {data, len_bytes}};
}

mote_value mote_void(void)
{
    return (mote_value){.type = MOTE_TYPE_VOID};
}

const char *mote_type_name(mote_type type)
{
    static const char *const names[] = {
        [MOTE_TYPE_I32] = "i32",   [MOTE_TYPE_U32] = "u32",   [MOTE_TYPE_I64] = "i64",
        [MOTE_TYPE_U64] = "u64",   [MOTE_TYPE_F32] = "f32",   [MOTE_TYPE_F64] = "f64",
        [MOTE_TYPE_STR] = "str",   [MOTE_TYPE_BOOL] = "bool", [MOTE_TYPE_BYTES] = "bytes",
        [MOTE_TYPE_VOID] = "void", [MOTE_TYPE_ANY] = "any",
    };
    return (unsigned)type <= MOTE_TYPE_ANY ? names[type] : "?";
}
