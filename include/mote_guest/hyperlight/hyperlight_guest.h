/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of Hyperlight 0.1's C API (docs/guests.md), for guests that were written to it:
 * mote-cc finds this header by its old name, and makes guests of the mote ABI of them. What was
 * wrong there is not repeated: getters and results exist for every type, a host call without
 * parameters needs no pointer, and a failed host call is not swallowed, but ends the call.
 *
 * A guest defines hyperlight_main(), which registers its functions, and may define
 * c_guest_dispatch_function() for calls of all others.
 */
#ifndef MOTE_GUEST_HYPERLIGHT_HYPERLIGHT_GUEST_H
#define MOTE_GUEST_HYPERLIGHT_HYPERLIGHT_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes; as what a function returns, a result that hl_flatbuffer_result_from_*() made. */
typedef struct hl_Vec {
    uint8_t *data;
    uintptr_t len;
} hl_Vec;

/** Types of parameters. */
typedef enum hl_ParameterType {
    hl_ParameterType_Int = 0,
    hl_ParameterType_UInt = 1,
    hl_ParameterType_Long = 2,
    hl_ParameterType_ULong = 3,
    hl_ParameterType_Float = 4,
    hl_ParameterType_Double = 5,
    hl_ParameterType_String = 6,
    hl_ParameterType_Bool = 7,
    hl_ParameterType_VecBytes = 8
} hl_ParameterType;

/** Types of results. */
typedef enum hl_ReturnType {
    hl_ReturnType_Int = 0,
    hl_ReturnType_UInt = 1,
    hl_ReturnType_Long = 2,
    hl_ReturnType_ULong = 3,
    hl_ReturnType_Float = 4,
    hl_ReturnType_Double = 5,
    hl_ReturnType_String = 6,
    hl_ReturnType_Bool = 7,
    hl_ReturnType_Void = 8,
    hl_ReturnType_VecBytes = 9
} hl_ReturnType;

/** Codes of errors and aborts, as Hyperlight 0.1 spells them. */
typedef enum hl_ErrorCode {
    hl_ErrorCode_NoError = 0,
    hl_ErrorCode_UnsupportedParameterType = 2,
    hl_ErrorCode_GuestFunctionNameNotProvided = 3,
    hl_ErrorCode_GuestFunctionNotFound = 4,
    hl_ErrorCode_GuestFunctionIncorrecNoOfParameters = 5,
    hl_ErrorCode_GispatchFunctionPointerNotSet = 6,
    hl_ErrorCode_OutbError = 7,
    hl_ErrorCode_UnknownError = 8,
    hl_ErrorCode_StackOverflow = 9,
    hl_ErrorCode_GsCheckFailed = 10,
    hl_ErrorCode_TooManyGuestFunctions = 11,
    hl_ErrorCode_FailureInDlmalloc = 12,
    hl_ErrorCode_MallocFailed = 13,
    hl_ErrorCode_GuestFunctionParameterTypeMismatch = 14,
    hl_ErrorCode_GuestError = 15,
    hl_ErrorCode_ArrayLengthParamIsMissing = 16
} hl_ErrorCode;

/** Levels of log records. */
typedef enum hl_Level {
    hl_Level_Error = 1,
    hl_Level_Warn = 2,
    hl_Level_Info = 3,
    hl_Level_Debug = 4,
    hl_Level_Trace = 5
} hl_Level;

/** The value of a parameter. */
typedef union hl_ParameterValue {
    int32_t Int;
    uint32_t UInt;
    int64_t Long;
    uint64_t ULong;
    float Float;
    double Double;
    bool Bool;
    char *String;
    hl_Vec VecBytes;
} hl_ParameterValue;

/** A parameter. */
typedef struct hl_Parameter {
    hl_ParameterType tag;
    hl_ParameterValue value;
} hl_Parameter;

/** A call, from the host or to it. */
typedef struct hl_FunctionCall {
    const char *function_name;
    hl_Parameter *parameters;
    uintptr_t parameters_len;
    hl_ReturnType return_type;
} hl_FunctionCall;

/** A guest function. */
typedef hl_Vec *(*CGuestFunc)(const hl_FunctionCall *call);

/** Defined by the guest: runs once, before the first call. */
void hyperlight_main(void);

/** Defined by the guest, or not: gets calls of names that are not registered; NULL refuses one. */
hl_Vec *c_guest_dispatch_function(const hl_FunctionCall *call);

/** Register a function; at most 11 parameters. As moteg_function_register(). */
void hl_register_function_definition(const char *function_name, CGuestFunc function,
                                     uintptr_t param_no, const hl_ParameterType *params_type,
                                     hl_ReturnType return_type);

/** Call the host. The result is kept for one of the functions below; a failure ends the call. */
void hl_call_host_function(const hl_FunctionCall *function_call);

/*
 * Take the result of the running call's last host call. Another type than it has, or none, aborts
 * the guest with code 8. Texts and bytes live until the running call ends.
 */
int32_t hl_get_host_return_value_as_Int(void);
uint32_t hl_get_host_return_value_as_UInt(void);
int64_t hl_get_host_return_value_as_Long(void);
uint64_t hl_get_host_return_value_as_ULong(void);
float hl_get_host_return_value_as_Float(void);
double hl_get_host_return_value_as_Double(void);
bool hl_get_host_return_value_as_Bool(void);
const char *hl_get_host_return_value_as_String(void);
hl_Vec hl_get_host_return_value_as_VecBytes(void);
void hl_get_host_return_value_as_Void(void);

/* Make what a guest function returns. Texts and bytes are copied. */
hl_Vec *hl_flatbuffer_result_from_Int(int32_t value);
hl_Vec *hl_flatbuffer_result_from_UInt(uint32_t value);
hl_Vec *hl_flatbuffer_result_from_Long(int64_t value);
hl_Vec *hl_flatbuffer_result_from_ULong(uint64_t value);
hl_Vec *hl_flatbuffer_result_from_Float(float value);
hl_Vec *hl_flatbuffer_result_from_Double(double value);
hl_Vec *hl_flatbuffer_result_from_Bool(bool value);
hl_Vec *hl_flatbuffer_result_from_Void(void);
hl_Vec *hl_flatbuffer_result_from_String(const char *value);
hl_Vec *hl_flatbuffer_result_from_Bytes(const uint8_t *data, uintptr_t len);

/** End the running call with an error. message may be NULL. As moteg_fail(). */
__attribute__((noreturn)) void hl_set_error(hl_ErrorCode code, const char *message);
/** The same. */
__attribute__((noreturn)) void setError(uint64_t code, const char *message);

/** End the guest. As moteg_abort(). */
__attribute__((noreturn)) void hl_abort_with_code(int32_t code);
/** End the guest with a text, which may be NULL. */
__attribute__((noreturn)) void hl_abort_with_code_and_message(int32_t code, const char *message);

/** Write a log record with the text "LEVEL: message". */
void hl_log(hl_Level level, const char *message, int32_t line, const char *file);
#define LOG(level, message) hl_log((level), (message), __LINE__, __FILE__)

/* malloc() and its family, but that a guest without memory aborts with code 13, and that no memory
 * is asked for 0 bytes. */
void *hlmalloc(size_t size);
void *hlcalloc(size_t n, size_t size);
void *hlrealloc(void *memory, size_t size);
void hlfree(void *memory);

/** Print one character; a NUL sends what was printed to the host. */
void _putchar(char c);

#define _alloca(n_bytes) __builtin_alloca(n_bytes)

/**
 * HYPERLIGHT_WRAP_FUNCTION(fn, Int, 2, String, Long): make of a C function one that can be
 * registered, by the words for its result (not VecBytes), number and types of its parameters.
 * No semicolon is needed behind it, as in Hyperlight; with one, only -Wpedantic warns.
 */
#define HYPERLIGHT_WRAP_FUNCTION(fn, result, ...) HL_WRAP_(fn, result, __VA_ARGS__, ~)

/** Register a wrapped function under a name. */
#define HYPERLIGHT_REGISTER_FUNCTION(name, fn) \
    hl_register_function_definition((name), fn##_wrapped, fn##_n_params, fn##_params, fn##_returns)

/* What the two are made of; `~` stands at the end so that a list is never empty. A guest may wrap
 * a function and never register it. */
#define HL_WRAP_(fn, result, n, ...) \
    HL_UNUSED_ static hl_Vec *fn##_wrapped(const hl_FunctionCall *hl_call) \
    { \
        (void)hl_call; \
        return HL_RESULT_##result(fn(HL_ARGUMENTS_##n(__VA_ARGS__))); \
    } \
    enum { fn##_n_params = (n) }; \
    HL_UNUSED_ static const hl_ReturnType fn##_returns = hl_ReturnType_##result; \
    HL_UNUSED_ static const hl_ParameterType fn##_params[] = {HL_TYPES_##n(__VA_ARGS__) \
                                                                  hl_ParameterType_Int};
#define HL_UNUSED_ __attribute__((unused))

#define HL_RESULT_Int(call) hl_flatbuffer_result_from_Int(call)
#define HL_RESULT_UInt(call) hl_flatbuffer_result_from_UInt(call)
#define HL_RESULT_Long(call) hl_flatbuffer_result_from_Long(call)
#define HL_RESULT_ULong(call) hl_flatbuffer_result_from_ULong(call)
#define HL_RESULT_Float(call) hl_flatbuffer_result_from_Float(call)
#define HL_RESULT_Double(call) hl_flatbuffer_result_from_Double(call)
#define HL_RESULT_Bool(call) hl_flatbuffer_result_from_Bool(call)
#define HL_RESULT_String(call) hl_flatbuffer_result_from_String(call)
#define HL_RESULT_Void(call) ((call), hl_flatbuffer_result_from_Void())

#define HL_A_(index, type) hl_call->parameters[index].value.type
#define HL_ARGUMENTS_0(...)
#define HL_ARGUMENTS_1(a, ...) HL_A_(0, a)
#define HL_ARGUMENTS_2(a, b, ...) HL_A_(0, a), HL_A_(1, b)
#define HL_ARGUMENTS_3(a, b, c, ...) HL_A_(0, a), HL_A_(1, b), HL_A_(2, c)
#define HL_ARGUMENTS_4(a, b, c, d, ...) HL_ARGUMENTS_3(a, b, c, ~), HL_A_(3, d)
#define HL_ARGUMENTS_5(a, b, c, d, e, ...) HL_ARGUMENTS_4(a, b, c, d, ~), HL_A_(4, e)
#define HL_ARGUMENTS_6(a, b, c, d, e, f, ...) HL_ARGUMENTS_5(a, b, c, d, e, ~), HL_A_(5, f)
#define HL_ARGUMENTS_7(a, b, c, d, e, f, g, ...) HL_ARGUMENTS_6(a, b, c, d, e, f, ~), HL_A_(6, g)
#define HL_ARGUMENTS_8(a, b, c, d, e, f, g, h, ...) \
    HL_ARGUMENTS_7(a, b, c, d, e, f, g, ~), HL_A_(7, h)
#define HL_ARGUMENTS_9(a, b, c, d, e, f, g, h, i, ...) \
    HL_ARGUMENTS_8(a, b, c, d, e, f, g, h, ~), HL_A_(8, i)
#define HL_ARGUMENTS_10(a, b, c, d, e, f, g, h, i, j, ...) \
    HL_ARGUMENTS_9(a, b, c, d, e, f, g, h, i, ~), HL_A_(9, j)
#define HL_ARGUMENTS_11(a, b, c, d, e, f, g, h, i, j, k, ...) \
    HL_ARGUMENTS_10(a, b, c, d, e, f, g, h, i, j, ~), HL_A_(10, k)

#define HL_T_(type) hl_ParameterType_##type,
#define HL_TYPES_0(...)
#define HL_TYPES_1(a, ...) HL_T_(a)
#define HL_TYPES_2(a, b, ...) HL_T_(a) HL_T_(b)
#define HL_TYPES_3(a, b, c, ...) HL_T_(a) HL_T_(b) HL_T_(c)
#define HL_TYPES_4(a, b, c, d, ...) HL_TYPES_3(a, b, c, ~) HL_T_(d)
#define HL_TYPES_5(a, b, c, d, e, ...) HL_TYPES_4(a, b, c, d, ~) HL_T_(e)
#define HL_TYPES_6(a, b, c, d, e, f, ...) HL_TYPES_5(a, b, c, d, e, ~) HL_T_(f)
#define HL_TYPES_7(a, b, c, d, e, f, g, ...) HL_TYPES_6(a, b, c, d, e, f, ~) HL_T_(g)
#define HL_TYPES_8(a, b, c, d, e, f, g, h, ...) HL_TYPES_7(a, b, c, d, e, f, g, ~) HL_T_(h)
#define HL_TYPES_9(a, b, c, d, e, f, g, h, i, ...) HL_TYPES_8(a, b, c, d, e, f, g, h, ~) HL_T_(i)
#define HL_TYPES_10(a, b, c, d, e, f, g, h, i, j, ...) \
    HL_TYPES_9(a, b, c, d, e, f, g, h, i, ~) HL_T_(j)
#define HL_TYPES_11(a, b, c, d, e, f, g, h, i, j, k, ...) \
    HL_TYPES_10(a, b, c, d, e, f, g, h, i, j, ~) HL_T_(k)

#ifdef __cplusplus
}
#endif

#endif
