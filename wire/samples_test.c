/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of every kind for the tests; see samples_test.h. */
#include "wire/samples_test.h"

struct mt_wire_view view_of(const char *text)
{
    return (struct mt_wire_view){(const uint8_t *)text, strlen(text)};
}

bool view_is(struct mt_wire_view view, const char *text)
{
    return view.len == strlen(text) && memcmp(view.data, text, view.len) == 0;
}

struct mt_wire_value value_of(enum mt_wire_type type)
{
    static const uint8_t bytes[] = {0, 1, 0xFF, 0x80, 0};
    struct mt_wire_value value = {.type = type};
    switch (type) {
    case MT_WIRE_I32:
        value.as.i32 = INT32_MIN;
        break;
    case MT_WIRE_U32:
        value.as.u32 = UINT32_MAX;
        break;
    case MT_WIRE_I64:
        value.as.i64 = INT64_MIN;
        break;
    case MT_WIRE_U64:
        value.as.u64 = UINT64_MAX;
        break;
    case MT_WIRE_F32:
        value.as.f32 = -1.5f;
        break;
    case MT_WIRE_F64:
        value.as.f64 = 0.1;
        break;
    case MT_WIRE_STR:
        value.as.view = view_of("caf\xC3\xA9");
        break;
    case MT_WIRE_BOOL:
        value.as.boolean = true;
        break;
    case MT_WIRE_BYTES:
        value.as.view = (struct mt_wire_view){bytes, sizeof(bytes)};
        break;
    case MT_WIRE_VOID:
        break;
    }
    return value;
}

struct mt_wire_call call_of_every_type(void)
{
    struct mt_wire_call call = {
        .name = view_of("EveryType"),
        .call_type = MT_WIRE_CALL_HOST,
        .returns = MT_WIRE_BYTES,
        .n_params = 9,
    };
    for (unsigned i = 0; i < 9; i++)
        call.params[i] = value_of((enum mt_wire_type)i);
    return call;
}

struct mt_wire_log log_record(void)
{
    return (struct mt_wire_log){
        .message = view_of("all is well"),
        .source = view_of("guest"),
        .caller = view_of("main"),
        .source_file = view_of("main.c"),
        .level = 6,
        .line = 4000000000u,
    };
}

static size_t build_bare_call(uint8_t *to, size_t room)
{
    struct mt_wire_call call = {
        .name = view_of("f"), .call_type = MT_WIRE_CALL_GUEST, .returns = MT_WIRE_VOID};
    return mt_wire_build_call(to, room, &call);
}

static size_t build_full_call(uint8_t *to, size_t room)
{
    struct mt_wire_call call = call_of_every_type();
    return mt_wire_build_call(to, room, &call);
}

static size_t build_long_call(uint8_t *to, size_t room)
{
    struct mt_wire_call call = {.name = view_of(""),
                                .call_type = MT_WIRE_CALL_GUEST,
                                .returns = MT_WIRE_STR,
                                .n_params = MT_WIRE_MAX_PARAMETERS};
    for (unsigned i = 0; i < MT_WIRE_MAX_PARAMETERS; i++)
        call.params[i] = value_of(i % 2 == 0 ? MT_WIRE_STR : MT_WIRE_BYTES);
    return mt_wire_build_call(to, room, &call);
}

static size_t build_result_of(uint8_t *to, size_t room, enum mt_wire_type type)
{
    struct mt_wire_value value = value_of(type);
    return mt_wire_build_result(to, room, &value);
}

static size_t build_i32(uint8_t *to, size_t room)
{
    return build_result_of(to, room, MT_WIRE_I32);
}

static size_t build_f64(uint8_t *to, size_t room)
{
    return build_result_of(to, room, MT_WIRE_F64);
}

static size_t build_bool(uint8_t *to, size_t room)
{
    return build_result_of(to, room, MT_WIRE_BOOL);
}

static size_t build_str(uint8_t *to, size_t room)
{
    return build_result_of(to, room, MT_WIRE_STR);
}

static size_t build_bytes(uint8_t *to, size_t room)
{
    return build_result_of(to, room, MT_WIRE_BYTES);
}

static size_t build_void(uint8_t *to, size_t room)
{
    return build_result_of(to, room, MT_WIRE_VOID);
}

static size_t build_error(uint8_t *to, size_t room)
{
    struct mt_wire_error error = {UINT64_MAX, view_of("no such thing")};
    return mt_wire_build_error(to, room, &error);
}

static size_t build_log(uint8_t *to, size_t room)
{
    struct mt_wire_log log = log_record();
    return mt_wire_build_log(to, room, &log);
}

static size_t build_no_definitions(uint8_t *to, size_t room)
{
    return mt_wire_build_definitions(to, room, NULL, 0);
}

static size_t build_definitions(uint8_t *to, size_t room)
{
    struct mt_wire_definition definitions[] = {
        {.name = view_of("Add"),
         .returns = MT_WIRE_I32,
         .n_params = 2,
         .params = {MT_WIRE_I32, MT_WIRE_U64}},
        {.name = view_of("Now"), .returns = MT_WIRE_VOID},
        {.name = view_of("Read"),
         .returns = MT_WIRE_BYTES,
         .n_params = 2,
         .params = {MT_WIRE_STR, MT_WIRE_BYTES}},
    };
    return mt_wire_build_definitions(to, room, definitions, 3);
}

/* Touch every byte of a view, so that AddressSanitizer sees one that is out of bounds. */
static bool touch(struct mt_wire_view view, bool is_text)
{
    unsigned sum = 0;
    for (size_t i = 0; i < view.len; i++)
        sum += view.data[i];
    return sum != UINT32_MAX && (!is_text || view.data[view.len] == 0);
}

static bool touch_value(const struct mt_wire_value *value)
{
    if (value->type == MT_WIRE_STR || value->type == MT_WIRE_BYTES)
        return touch(value->as.view, value->type == MT_WIRE_STR);
    return value->type <= MT_WIRE_VOID;
}

static bool read_call(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_call call;
    if (!mt_wire_read_call(message, len, &call, fault))
        return false;
    bool is_right = touch(call.name, true) && call.n_params <= MT_WIRE_MAX_PARAMETERS;
    for (size_t i = 0; i < call.n_params && is_right; i++)
        is_right = touch_value(&call.params[i]) && call.params[i].type != MT_WIRE_VOID;
    if (!is_right)
        __builtin_trap();
    return true;
}

static bool read_result(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_value value;
    if (!mt_wire_read_result(message, len, &value, fault))
        return false;
    if (!touch_value(&value))
        __builtin_trap();
    return true;
}

static bool read_error(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_error error;
    if (!mt_wire_read_error(message, len, &error, fault))
        return false;
    if (!touch(error.message, true))
        __builtin_trap();
    return true;
}

static bool read_log(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    struct mt_wire_log log;
    if (!mt_wire_read_log(message, len, &log, fault))
        return false;
    if (!touch(log.message, true) || !touch(log.source, true) || !touch(log.caller, true) ||
        !touch(log.source_file, true) || log.level > 6)
        __builtin_trap();
    return true;
}

static bool read_definitions(const uint8_t *message, size_t len, struct mt_wire_fault *fault)
{
    size_t n;
    if (!mt_wire_read_definitions(message, len, &n, fault))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct mt_wire_definition definition;
        if (!mt_wire_read_definition(message, len, i, &definition, fault) ||
            !touch(definition.name, true) || definition.n_params > MT_WIRE_MAX_PARAMETERS)
            __builtin_trap();
    }
    return true;
}

const struct sample samples[] = {
    {"call without parameters", build_bare_call, read_call},
    {"call with every type", build_full_call, read_call},
    {"call with the most parameters", build_long_call, read_call},
    {"i32", build_i32, read_result},
    {"f64", build_f64, read_result},
    {"bool", build_bool, read_result},
    {"str", build_str, read_result},
    {"bytes", build_bytes, read_result},
    {"void", build_void, read_result},
    {"error", build_error, read_error},
    {"log", build_log, read_log},
    {"no definitions", build_no_definitions, read_definitions},
    {"definitions", build_definitions, read_definitions},
};
const size_t n_samples = sizeof(samples) / sizeof(samples[0]);

uint32_t word_at(const uint8_t *message, size_t at)
{
    uint32_t value;
    memcpy(&value, message + at, sizeof(value));
    return value;
}

void set_word(uint8_t *message, size_t at, uint32_t value)
{
    memcpy(message + at, &value, sizeof(value));
}

void set_half(uint8_t *message, size_t at, uint16_t value)
{
    memcpy(message + at, &value, sizeof(value));
}

size_t root_at(const uint8_t *message)
{
    return 4 + word_at(message, 4);
}

size_t vtable_at(const uint8_t *message, size_t table)
{
    return table - word_at(message, table);
}

size_t entry_at(const uint8_t *message, size_t table, size_t vtable_offset)
{
    return vtable_at(message, table) + vtable_offset;
}

size_t field_at(const uint8_t *message, size_t table, size_t vtable_offset)
{
    uint16_t offset;
    memcpy(&offset, message + entry_at(message, table, vtable_offset), sizeof(offset));
    return table + offset;
}

size_t target_at(const uint8_t *message, size_t table, size_t vtable_offset)
{
    size_t field = field_at(message, table, vtable_offset);
    return field + word_at(message, field);
}

size_t parameter_at(const uint8_t *message, size_t index)
{
    size_t element = target_at(message, root_at(message), 6) + 4 + 4 * index;
    return element + word_at(message, element);
}
