/* SPDX-License-Identifier: Apache-2.0 */
/* A call from the host: find the function, check the arguments, run it, leave its result. */
#include "abi/codes.h"
#include "abi/note.h"
#include "guest/runtime/runtime.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct moteg_function_record record;

_Static_assert(sizeof(record) == sizeof(struct mt_note_function), "record layout");
_Static_assert(offsetof(record, name) == offsetof(struct mt_note_function, name), "record layout");
_Static_assert(offsetof(record, code) == offsetof(struct mt_note_function, code), "record layout");
_Static_assert(offsetof(record, n_params) == offsetof(struct mt_note_function, n_params),
               "record layout");
_Static_assert(offsetof(record, returns) == offsetof(struct mt_note_function, returns),
               "record layout");
_Static_assert(offsetof(record, params) == offsetof(struct mt_note_function, params),
               "record layout");
_Static_assert(MOTEG_MAX_PARAMETERS == MT_NOTE_MAX_PARAMETERS, "parameters of a function");

extern const record __start_mote_functions[];
extern const record __stop_mote_functions[];

/* The function table by name: places in it. */
static uint32_t *by_name;
static size_t n_functions;

const struct mt_registered *(*mt_find_registered)(const struct mt_wire_view *name);

/* Defined by the guest, or not; mote-cc tells the note whether (start.S). */
__attribute__((weak)) moteg_value moteg_fallback(const moteg_call *call);

/* Where moteg_fail() goes, and with what. */
MT_SELDOM_USED char mt_failure_buffer[1024];
static jmp_buf failure_point;
static bool can_fail;
static uint32_t failure_code;
static const char *failure_text;
static size_t failure_text_bytes;

static int compare_names(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return strcmp(__start_mote_functions[*left].name, __start_mote_functions[*right].name);
}

void mt_dispatch_init(void)
{
    n_functions = (size_t)(__stop_mote_functions - __start_mote_functions);
    if (n_functions == 0)
        return;
    by_name = malloc(n_functions * sizeof(by_name[0]));
    if (by_name == NULL)
        moteg_abort(MT_GUEST_CODE_MALLOC_FAILED, "no memory for an index of %zu functions",
                    n_functions);
    for (size_t i = 0; i < n_functions; i++)
        by_name[i] = (uint32_t)i;
    qsort(by_name, n_functions, sizeof(by_name[0]), compare_names);
}

/* name is text of the wire: NUL-terminated, and perhaps with NULs inside. */
static const record *search(const struct mt_wire_view *name)
{
    size_t low = 0, high = n_functions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const record *function = &__start_mote_functions[by_name[middle]];
        int order = strcmp((const char *)name->data, function->name);
        if (order == 0)
            return strlen(function->name) == name->len ? function : NULL;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Most calls are of the function that was called last. */
static const record *find(const struct mt_wire_view *name)
{
    static const record *latest;
    static size_t latest_len;
    if (latest != NULL && name->len == latest_len &&
        memcmp(name->data, latest->name, latest_len) == 0)
        return latest;
    const record *function = search(name);
    if (function != NULL) {
        latest = function;
        latest_len = name->len;
    }
    return function;
}

const char *mt_type_word(enum mt_wire_type type)
{
    static const char *const words[] = {
        [MT_WIRE_I32] = "Int",    [MT_WIRE_U32] = "UInt",  [MT_WIRE_I64] = "Long",
        [MT_WIRE_U64] = "ULong",  [MT_WIRE_F32] = "Float", [MT_WIRE_F64] = "Double",
        [MT_WIRE_STR] = "String", [MT_WIRE_BOOL] = "Bool", [MT_WIRE_BYTES] = "VecBytes",
        [MT_WIRE_VOID] = "Void",
    };
    return (size_t)type < sizeof(words) / sizeof(words[0]) ? words[type] : "?";
}

moteg_value mt_value_from_wire(const struct mt_wire_value *value)
{
    moteg_value made = {.type = (moteg_type)value->type};
    switch (value->type) {
    case MT_WIRE_I32:
        made.as.i32 = value->as.i32;
        break;
    case MT_WIRE_U32:
        made.as.u32 = value->as.u32;
        break;
    case MT_WIRE_I64:
        made.as.i64 = value->as.i64;
        break;
    case MT_WIRE_U64:
        made.as.u64 = value->as.u64;
        break;
    case MT_WIRE_F32:
        made.as.f32 = value->as.f32;
        break;
    case MT_WIRE_F64:
        made.as.f64 = value->as.f64;
        break;
    case MT_WIRE_BOOL:
        made.as.boolean = value->as.boolean;
        break;
    case MT_WIRE_STR:
        made.as.str = (moteg_str){(const char *)value->as.view.data, value->as.view.len};
        break;
    case MT_WIRE_BYTES:
        made.as.bytes = (moteg_bytes){value->as.view.data, value->as.view.len};
        break;
    case MT_WIRE_VOID:
        break;
    }
    return made;
}

static struct mt_wire_view checked_text(const moteg_str *str, const char *what, const char *name)
{
    if (str->data == NULL)
        return (struct mt_wire_view){(const uint8_t *)"", 0};
    struct mt_wire_view view = {(const uint8_t *)str->data, str->len_bytes};
    if (!mt_wire_utf8_is_valid(view.data, view.len))
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "%s %s is not UTF-8", what, name);
    return view;
}

struct mt_wire_value mt_value_to_wire(const moteg_value *value, const char *what, const char *name)
{
    struct mt_wire_value made = {.type = (enum mt_wire_type)value->type};
    switch (value->type) {
    case MOTEG_TYPE_I32:
        made.as.i32 = value->as.i32;
        break;
    case MOTEG_TYPE_U32:
        made.as.u32 = value->as.u32;
        break;
    case MOTEG_TYPE_I64:
        made.as.i64 = value->as.i64;
        break;
    case MOTEG_TYPE_U64:
        made.as.u64 = value->as.u64;
        break;
    case MOTEG_TYPE_F32:
        made.as.f32 = value->as.f32;
        break;
    case MOTEG_TYPE_F64:
        made.as.f64 = value->as.f64;
        break;
    case MOTEG_TYPE_BOOL:
        made.as.boolean = value->as.boolean;
        break;
    case MOTEG_TYPE_STR:
        made.as.view = checked_text(&value->as.str, what, name);
        break;
    case MOTEG_TYPE_BYTES:
        made.as.view = (struct mt_wire_view){value->as.bytes.data, value->as.bytes.len_bytes};
        if (made.as.view.data == NULL)
            made.as.view = (struct mt_wire_view){(const uint8_t *)"", 0};
        break;
    case MOTEG_TYPE_VOID:
        break;
    }
    return made;
}

/* The first two texts are Hyperlight 0.1's. */
_Noreturn static void wrong_number(const char *name, size_t called_with, size_t takes)
{
    moteg_fail(MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS,
               "Called function %s with %zu parameters but it takes %zu.", name, called_with,
               takes);
}

_Noreturn static void wrong_type(const char *name, size_t index, enum mt_wire_type got,
                                 enum mt_wire_type expected)
{
    moteg_fail(MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH,
               "Expected parameter type %s for parameter index %zu of function %s but got %s.",
               mt_type_word(expected), index, name, mt_type_word(got));
}

_Noreturn static void wrong_result(const char *name, enum mt_wire_type asked,
                                   enum mt_wire_type returns)
{
    moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "Function %s returns %s but was asked for %s.", name,
               mt_type_word(returns), mt_type_word(asked));
}

/* The table has the schema's numbers (abi/note.h): those of parameters are the same, those of
 * results but for the last two, which change places. */
_Static_assert(MT_WIRE_I32 == 0 && MT_WIRE_STR == 6 && MT_WIRE_BOOL == 7 && MT_WIRE_BYTES == 8 &&
                   MT_WIRE_VOID == 9,
               "numbers of types");

static enum mt_wire_type result_type(const record *function)
{
    uint8_t number = function->returns;
    return (enum mt_wire_type)(number < MT_WIRE_BYTES ? number
                                                      : MT_WIRE_BYTES + MT_WIRE_VOID - number);
}

static void check_call(const record *function, const struct mt_wire_call *call)
{
    if (call->n_params != function->n_params)
        wrong_number(function->name, call->n_params, function->n_params);
    for (size_t i = 0; i < call->n_params; i++) {
        if ((unsigned)call->params[i].type != function->params[i])
            wrong_type(function->name, i, call->params[i].type,
                       (enum mt_wire_type)function->params[i]);
    }
    if (call->returns != result_type(function))
        wrong_result(function->name, call->returns, result_type(function));
}

static void check_registered_call(const struct mt_registered *function,
                                  const struct mt_wire_call *call)
{
    if (call->n_params != function->n_params)
        wrong_number(function->name, call->n_params, function->n_params);
    for (size_t i = 0; i < call->n_params; i++) {
        if (call->params[i].type != function->params[i])
            wrong_type(function->name, i, call->params[i].type, function->params[i]);
    }
}

static void leave_result(const char *name, const moteg_value *result)
{
    bool is_bytes = result->type == MOTEG_TYPE_BYTES;
    if (is_bytes && mt_output_finish_reserved(result->as.bytes.data, result->as.bytes.len_bytes))
        return;
    struct mt_wire_value value = mt_value_to_wire(result, "result of function", name);
    bool is_view = is_bytes || result->type == MOTEG_TYPE_STR;
    if (is_view && mt_output_holds(value.as.view.data)) {
        /* Written into the reserved memory, but not as its bytes: out of the message's way. */
        void *copy = moteg_call_memory(value.as.view.len);
        memcpy(copy, value.as.view.data, value.as.view.len);
        value.as.view.data = copy;
    }
    mt_output_clear();
    if (mt_records_wait())
        mt_records_flush_unless_fit(mt_wire_result_bytes(&value));
    size_t room, len_bytes = 0;
    uint8_t *to = mt_output_room(&room);
    if (to != NULL)
        len_bytes = mt_wire_build_result(to, room, &value);
    if (len_bytes == 0)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR,
                   "result message of %zu bytes does not fit the output buffer of %llu bytes",
                   mt_wire_result_bytes(&value), (unsigned long long)mt_peb.output_bytes);
    mt_output_push(len_bytes);
}

static void take_arguments(const struct mt_wire_call *call, moteg_value *args)
{
    if (call->n_params > MOTEG_MAX_PARAMETERS)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR,
                   "Function %s has too many parameters: %zu (max allowed is %d).",
                   (const char *)call->name.data, call->n_params, MOTEG_MAX_PARAMETERS);
    for (size_t i = 0; i < call->n_params; i++)
        args[i] = mt_value_from_wire(&call->params[i]);
}

/* A function that is in no table gets the call as a list, and may return what it likes: the host
 * has asked at run time, and refuses a result of another type itself. */
static moteg_value run_listed(moteg_function function, const struct mt_wire_call *call)
{
    const char *name = (const char *)call->name.data;
    moteg_value args[MOTEG_MAX_PARAMETERS];
    take_arguments(call, args);
    const moteg_call given = {name, (moteg_type)call->returns, args, call->n_params};
    moteg_value result = function(&given);
    if ((unsigned)result.type > MOTEG_TYPE_VOID)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "Function %s returned a value of no type: %u.", name,
                   (unsigned)result.type);
    return result;
}

static moteg_value run_function(const record *function, const struct mt_wire_call *call)
{
    moteg_value args[MOTEG_MAX_PARAMETERS];
    check_call(function, call);
    take_arguments(call, args);
    return function->code(args);
}

static moteg_value run_registered(const struct mt_registered *function,
                                  const struct mt_wire_call *call)
{
    check_registered_call(function, call);
    return run_listed(function->function, call);
}

static moteg_value run_any(const struct mt_wire_call *call)
{
    const record *function = find(&call->name);
    if (function != NULL)
        return run_function(function, call);
    const struct mt_registered *registered =
        mt_find_registered != NULL ? mt_find_registered(&call->name) : NULL;
    if (registered != NULL)
        return run_registered(registered, call);
    if (moteg_fallback == NULL)
        moteg_fail(MT_GUEST_CODE_FUNCTION_NOT_FOUND, "%s", (const char *)call->name.data);
    return run_listed(moteg_fallback, call);
}

static void run_call(void *context)
{
    const struct mt_wire_call *call = context;
    moteg_value result = run_any(call);
    leave_result((const char *)call->name.data, &result);
}

void mt_dispatch(void)
{
    static struct mt_wire_call call;
    struct mt_wire_fault fault;
    size_t len_bytes;
    const uint8_t *message = mt_input_pop(&len_bytes);
    if (!mt_wire_read_call(message, len_bytes, &call, &fault) ||
        call.call_type != MT_WIRE_CALL_GUEST)
        moteg_abort(MT_GUEST_CODE_UNKNOWN, "input buffer: not a call of a guest function");
    mt_output_clear();
    mt_call_memory_begin(&call);
    mt_run_catching(run_call, &call);
}

void mt_run_catching(void (*fn)(void *), void *context)
{
    can_fail = true;
    if (setjmp(failure_point) == 0) {
        fn(context);
    } else {
        mt_output_clear();
        mt_report_error(failure_code, failure_text, failure_text_bytes);
    }
    can_fail = false;
}

void moteg_fail(uint32_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(mt_failure_buffer, sizeof(mt_failure_buffer), format, args);
    va_end(args);
    if (!can_fail)
        moteg_abort(code, "%s", mt_failure_buffer);
    size_t len_bytes = len < 0 ? 0 : (size_t)len;
    if (len_bytes >= sizeof(mt_failure_buffer))
        len_bytes = mt_whole_characters(mt_failure_buffer, sizeof(mt_failure_buffer) - 1);
    mt_make_utf8(mt_failure_buffer, len_bytes);
    failure_code = code;
    failure_text = mt_failure_buffer;
    failure_text_bytes = len_bytes;
    longjmp(failure_point, 1);
}
