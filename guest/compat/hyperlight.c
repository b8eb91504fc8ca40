/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hyperlight 0.1's C API on mote's SDK (docs/guests.md): functions, results and host calls. A guest
 * that uses these is linked with this file; others are not, and may have a moteg_fallback() of
 * their own. hyperlight_main() is run by init.c.
 */
#include "guest/runtime/runtime.h"
#include <mote_guest/hyperlight/hyperlight_guest.h>
#include <mote_guest/moteg.h>

#include <string.h>

/* ---- Types ---- */

_Static_assert((int)hl_ParameterType_Int == (int)MOTEG_TYPE_I32 &&
                   (int)hl_ParameterType_String == (int)MOTEG_TYPE_STR &&
                   (int)hl_ParameterType_Bool == (int)MOTEG_TYPE_BOOL &&
                   (int)hl_ParameterType_VecBytes == (int)MOTEG_TYPE_BYTES,
               "types of parameters have the same numbers");
_Static_assert((int)hl_ReturnType_Int == (int)MOTEG_TYPE_I32 &&
                   (int)hl_ReturnType_Bool == (int)MOTEG_TYPE_BOOL,
               "types of results have the same numbers, but for the last two");

static moteg_type type_of(hl_ReturnType type)
{
    if (type == hl_ReturnType_Void)
        return MOTEG_TYPE_VOID;
    return type == hl_ReturnType_VecBytes ? MOTEG_TYPE_BYTES : (moteg_type)type;
}

static hl_ReturnType return_type_of(moteg_type type)
{
    if (type == MOTEG_TYPE_VOID)
        return hl_ReturnType_Void;
    return type == MOTEG_TYPE_BYTES ? hl_ReturnType_VecBytes : (hl_ReturnType)type;
}

static hl_Parameter parameter_of(const moteg_value *value)
{
    hl_Parameter made = {.tag = (hl_ParameterType)value->type, .value.ULong = value->as.u64};
    if (value->type == MOTEG_TYPE_STR)
        made.value.String = (char *)(uintptr_t)value->as.str.data;
    if (value->type == MOTEG_TYPE_BYTES)
        made.value.VecBytes =
            (hl_Vec){(uint8_t *)(uintptr_t)value->as.bytes.data, value->as.bytes.len_bytes};
    return made;
}

static moteg_value value_of(const hl_Parameter *parameter)
{
    moteg_value made = {.type = (moteg_type)parameter->tag, .as.u64 = parameter->value.ULong};
    const char *text = parameter->value.String;
    if (made.type == MOTEG_TYPE_STR)
        made.as.str = (moteg_str){text, moteg_str_bytes(text)};
    if (made.type == MOTEG_TYPE_BYTES)
        made.as.bytes =
            (moteg_bytes){parameter->value.VecBytes.data, parameter->value.VecBytes.len};
    return made;
}

/* ---- Guest functions ---- */

struct registered {
    struct registered *next;
    const char *name;
    CGuestFunc function;
};

static struct registered *functions;

/* What stands behind the hl_Vec that a guest function returns. */
struct result {
    hl_Vec vec;
    moteg_value value;
};

static moteg_value run(CGuestFunc function, const moteg_call *call)
{
    hl_Parameter parameters[MOTEG_MAX_PARAMETERS];
    for (size_t i = 0; i < call->n_args; i++)
        parameters[i] = parameter_of(&call->args[i]);
    const hl_FunctionCall given = {call->name, parameters, call->n_args,
                                   return_type_of(call->returns)};
    hl_Vec *made = function(&given);
    if (made == NULL)
        moteg_fail(MOTEG_CODE_FUNCTION_NOT_FOUND, "%s", call->name);
    return ((struct result *)(void *)made)->value;
}

static moteg_value run_registered(const moteg_call *call)
{
    struct registered *next = functions;
    while (strcmp(next->name, call->name) != 0)
        next = next->next;
    return run(next->function, call);
}

static struct registered *find_or_add(const char *name)
{
    for (struct registered *next = functions; next != NULL; next = next->next) {
        if (strcmp(next->name, name) == 0)
            return next;
    }
    struct registered *made = hlmalloc(sizeof(*made));
    const char *copy = strdup(name);
    if (copy == NULL)
        hl_abort_with_code(hl_ErrorCode_MallocFailed);
    *made = (struct registered){functions, copy, NULL};
    functions = made;
    return made;
}

void hl_register_function_definition(const char *function_name, CGuestFunc function,
                                     uintptr_t param_no, const hl_ParameterType *params_type,
                                     hl_ReturnType return_type)
{
    moteg_type params[MOTEG_MAX_PARAMETERS];
    for (size_t i = 0; i < param_no && i < MOTEG_MAX_PARAMETERS; i++)
        params[i] = (moteg_type)params_type[i];
    moteg_function_register(function_name, run_registered, type_of(return_type), params, param_no);
    find_or_add(function_name)->function = function;
}

__attribute__((weak)) hl_Vec *c_guest_dispatch_function(const hl_FunctionCall *call)
{
    (void)call;
    return NULL;
}

moteg_value moteg_fallback(const moteg_call *call)
{
    return run(c_guest_dispatch_function, call);
}

/* ---- Results ---- */

static hl_Vec *result_of(const moteg_value *value)
{
    struct result *made = moteg_call_memory(sizeof(*made));
    *made = (struct result){.vec = {NULL, 0}, .value = *value};
    return &made->vec;
}

#define RESULT(name, c_type, moteg_type_of_it, member) \
    hl_Vec *hl_flatbuffer_result_from_##name(c_type value) \
    { \
        const moteg_value made = {.type = moteg_type_of_it, .as.member = value}; \
        return result_of(&made); \
    }
RESULT(Int, int32_t, MOTEG_TYPE_I32, i32)
RESULT(UInt, uint32_t, MOTEG_TYPE_U32, u32)
RESULT(Long, int64_t, MOTEG_TYPE_I64, i64)
RESULT(ULong, uint64_t, MOTEG_TYPE_U64, u64)
RESULT(Float, float, MOTEG_TYPE_F32, f32)
RESULT(Double, double, MOTEG_TYPE_F64, f64)
RESULT(Bool, bool, MOTEG_TYPE_BOOL, boolean)

hl_Vec *hl_flatbuffer_result_from_Void(void)
{
    return result_of(&(moteg_value){.type = MOTEG_TYPE_VOID});
}

hl_Vec *hl_flatbuffer_result_from_String(const char *value)
{
    size_t len_bytes = moteg_str_bytes(value);
    return result_of(&(moteg_value){.type = MOTEG_TYPE_STR,
                                    .as.str = {moteg_text(value, len_bytes), len_bytes}});
}

hl_Vec *hl_flatbuffer_result_from_Bytes(const uint8_t *data, uintptr_t len)
{
    uint8_t *copy = moteg_call_memory(len);
    if (len != 0)
        memcpy(copy, data, len);
    return result_of(&(moteg_value){.type = MOTEG_TYPE_BYTES, .as.bytes = {copy, len}});
}

/* ---- Host calls ---- */

/* Texts and bytes of a result are gone when its call has ended, and it with them. */
static moteg_value host_result;
static bool has_host_result;
static uint64_t host_result_call;

void hl_call_host_function(const hl_FunctionCall *function_call)
{
    moteg_value args[MOTEG_MAX_PARAMETERS];
    for (size_t i = 0; i < function_call->parameters_len && i < MOTEG_MAX_PARAMETERS; i++)
        args[i] = value_of(&function_call->parameters[i]);
    has_host_result = false;
    moteg_host_call(function_call->function_name, type_of(function_call->return_type), args,
                    function_call->parameters_len, &host_result);
    has_host_result = true;
    host_result_call = mt_n_calls;
}

static const moteg_value *take_host_result(moteg_type type)
{
    if (!has_host_result || host_result_call != mt_n_calls)
        moteg_abort(MOTEG_CODE_UNKNOWN, "no host call has left a result");
    if (host_result.type != type)
        moteg_abort(MOTEG_CODE_UNKNOWN, "the host's result has type %d, not %d",
                    (int)host_result.type, (int)type);
    has_host_result = false;
    return &host_result;
}

#define GETTER(name, c_type, moteg_type_of_it, member) \
    c_type hl_get_host_return_value_as_##name(void) \
    { \
        return take_host_result(moteg_type_of_it)->as.member; \
    }
GETTER(Int, int32_t, MOTEG_TYPE_I32, i32)
GETTER(UInt, uint32_t, MOTEG_TYPE_U32, u32)
GETTER(Long, int64_t, MOTEG_TYPE_I64, i64)
GETTER(ULong, uint64_t, MOTEG_TYPE_U64, u64)
GETTER(Float, float, MOTEG_TYPE_F32, f32)
GETTER(Double, double, MOTEG_TYPE_F64, f64)
GETTER(Bool, bool, MOTEG_TYPE_BOOL, boolean)
GETTER(String, const char *, MOTEG_TYPE_STR, str.data)

hl_Vec hl_get_host_return_value_as_VecBytes(void)
{
    const moteg_bytes *bytes = &take_host_result(MOTEG_TYPE_BYTES)->as.bytes;
    return (hl_Vec){(uint8_t *)(uintptr_t)bytes->data, bytes->len_bytes};
}

void hl_get_host_return_value_as_Void(void)
{
    take_host_result(MOTEG_TYPE_VOID);
}
