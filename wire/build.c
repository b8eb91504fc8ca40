/* SPDX-License-Identifier: Apache-2.0 */
/* The builders: one function per message. */
#include "wire/schema.h"
#include "wire/usual.h"
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

/* The value table of a parameter. */
static void put_value(struct mt_wire_writer *writer, size_t slot, const struct mt_wire_value *value)
{
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

/* mt_wire_return_number() of a type that is one. */
static uint8_t return_number(enum mt_wire_type type)
{
    return (uint8_t)(type < MT_WIRE_BYTES ? type : MT_WIRE_BYTES + MT_WIRE_VOID - type);
}

/* How much of the room a message may use. */
static size_t limit_of(size_t room)
{
    return room < MT_WIRE_MAX_BYTES ? room : MT_WIRE_MAX_BYTES;
}

/* How long a message is that has so many bytes before its padding; 0 when it does not fit. */
static size_t padded(size_t n_bytes, size_t room)
{
    size_t len = (n_bytes + 7) & ~(size_t)7;
    return len <= limit_of(room) ? len : 0;
}

static void store_word(uint8_t *to, size_t index, uint32_t value)
{
    __builtin_memcpy(to + index * sizeof(value), &value, sizeof(value));
}

static void store_prefix(uint8_t *to, size_t len)
{
    store_word(to, 0, (uint32_t)(len - sizeof(uint32_t)));
}

/* The last 8 bytes, in which the padding is; all else is stored after them. */
static void store_padding(uint8_t *to, size_t len)
{
    __builtin_memset(to + len - 8, 0, 8);
}

static uint32_t call_types(const struct mt_wire_call *call, uint8_t returns)
{
    return (uint32_t)call->call_type | (uint32_t)returns << 8;
}

static size_t build_bare_call(uint8_t *to, size_t room, const struct mt_wire_call *call,
                              uint8_t returns)
{
    const size_t name_at = sizeof(mt_wire_bare_call_form);
    if (call->name.len >= MT_WIRE_MAX_BYTES)
        return 0;
    size_t len = padded(name_at + call->name.len + 1, room);
    if (len == 0 || to == NULL)
        return len;
    store_padding(to, len);
    __builtin_memcpy(to, mt_wire_bare_call_form, sizeof(mt_wire_bare_call_form));
    store_prefix(to, len);
    store_word(to, MT_BARE_CALL_TYPES, call_types(call, returns));
    store_word(to, MT_BARE_CALL_NAME_LEN, (uint32_t)call->name.len);
    if (call->name.len > 0)
        __builtin_memcpy(to + name_at, call->name.data, call->name.len);
    return len;
}

/* Not inlined: what it keeps would be saved for calls without parameters, too. */
__attribute__((noinline)) static size_t
build_full_call(uint8_t *to, size_t room, const struct mt_wire_call *call, uint8_t returns)
{
    struct mt_wire_writer writer;
    mt_wire_start(&writer, to, room);
    size_t table = mt_wire_put_root(&writer, MT_LAYOUT_CALL);
    mt_wire_store_u8(&writer, mt_wire_field_of(MT_LAYOUT_CALL, table, MT_VT_CALL_TYPE),
                     (uint8_t)call->call_type);
    mt_wire_store_u8(&writer, mt_wire_field_of(MT_LAYOUT_CALL, table, MT_VT_CALL_RETURNS), returns);
    mt_wire_put_text(&writer, mt_wire_field_of(MT_LAYOUT_CALL, table, MT_VT_CALL_NAME), call->name);
    size_t slot = mt_wire_field_of(MT_LAYOUT_CALL, table, MT_VT_CALL_PARAMETERS);
    if (!put_parameters(&writer, slot, call))
        return 0;
    return mt_wire_finish(&writer);
}

size_t mt_wire_build_call(uint8_t *to, size_t room, const struct mt_wire_call *call)
{
    bool has_type = call->call_type == MT_WIRE_CALL_GUEST || call->call_type == MT_WIRE_CALL_HOST;
    if (!has_type || call->n_params > MT_WIRE_MAX_PARAMETERS ||
        (unsigned)call->returns > MT_WIRE_VOID)
        return 0;
    uint8_t returns = return_number(call->returns);
    return call->n_params > 0 ? build_full_call(to, room, call, returns)
                              : build_bare_call(to, room, call, returns);
}

static const struct mt_wire_result_form *form_of(enum mt_wire_type type)
{
    return &mt_wire_result_forms[return_number(type)];
}

/* The words that stand before the elements of text or bytes, or before nothing. */
static void store_form(uint8_t *to, const struct mt_wire_result_form *form)
{
    __builtin_memcpy(to, form->words, 40);
    if (form->n_bytes >= 48)
        __builtin_memcpy(to + 40, &form->words[10], 8);
    if (form->n_bytes == 56)
        __builtin_memcpy(to + 48, &form->words[12], 8);
}

static size_t build_scalar_result(uint8_t *to, size_t room, const struct mt_wire_value *value)
{
    const struct mt_wire_result_form *form = form_of(value->type);
    size_t len = padded(form->n_bytes, room);
    if (len == 0 || to == NULL)
        return len;
    store_form(to, form);
    if (value->type == MT_WIRE_BOOL)
        to[sizeof(uint32_t) * MT_RESULT_SCALAR_4] = value->as.boolean;
    else if (len == 48)
        __builtin_memcpy(to + sizeof(uint32_t) * MT_RESULT_SCALAR_4, &value->as, 4);
    else if (len == 56)
        __builtin_memcpy(to + sizeof(uint32_t) * MT_RESULT_SCALAR_8, &value->as, 8);
    return len;
}

static size_t build_text_result(uint8_t *to, size_t room, struct mt_wire_view text)
{
    const struct mt_wire_result_form *form = form_of(MT_WIRE_STR);
    size_t len = text.len < MT_WIRE_MAX_BYTES ? padded(form->n_bytes + text.len + 1, room) : 0;
    if (len == 0 || to == NULL)
        return len;
    store_padding(to, len);
    store_form(to, form);
    store_prefix(to, len);
    store_word(to, MT_RESULT_TEXT_LEN, (uint32_t)text.len);
    if (text.len > 0)
        __builtin_memcpy(to + form->n_bytes, text.data, text.len);
    return len;
}

/* All of a bytes result but the bytes and the padding. */
static void store_bytes_head(uint8_t *to, size_t len, size_t bytes_len)
{
    store_form(to, form_of(MT_WIRE_BYTES));
    store_prefix(to, len);
    store_word(to, MT_RESULT_BYTES_SIZE, (uint32_t)bytes_len);
    store_word(to, MT_RESULT_BYTES_LEN, (uint32_t)bytes_len);
}

static size_t bytes_result_len(size_t room, size_t bytes_len)
{
    bool is_possible = bytes_len <= MT_WIRE_MAX_BYTES;
    return is_possible ? padded(form_of(MT_WIRE_BYTES)->n_bytes + bytes_len, room) : 0;
}

static size_t build_bytes_result(uint8_t *to, size_t room, struct mt_wire_view bytes)
{
    size_t len = bytes_result_len(room, bytes.len);
    if (len == 0 || to == NULL)
        return len;
    store_padding(to, len);
    store_bytes_head(to, len, bytes.len);
    if (bytes.len > 0)
        __builtin_memcpy(to + form_of(MT_WIRE_BYTES)->n_bytes, bytes.data, bytes.len);
    return len;
}

size_t mt_wire_build_result(uint8_t *to, size_t room, const struct mt_wire_value *value)
{
    if ((unsigned)value->type > MT_WIRE_VOID)
        return 0;
    if (value->type == MT_WIRE_STR)
        return build_text_result(to, room, value->as.view);
    if (value->type == MT_WIRE_BYTES)
        return build_bytes_result(to, room, value->as.view);
    return build_scalar_result(to, room, value);
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
    size_t at = form_of(MT_WIRE_BYTES)->n_bytes;
    if (bytes_result_len(room, 0) == 0)
        return NULL;
    /* The message is padded to 8 bytes, so that a part of the room may be of no use. */
    *bytes_room = (limit_of(room) & ~(size_t)7) - at;
    return to + at;
}

size_t mt_wire_end_bytes_result(uint8_t *to, size_t room, size_t len)
{
    size_t at = form_of(MT_WIRE_BYTES)->n_bytes;
    size_t message_len = bytes_result_len(room, len);
    if (message_len == 0)
        return 0;
    store_bytes_head(to, message_len, len);
    for (size_t padding = at + len; padding < message_len; padding++)
        to[padding] = 0;
    return message_len;
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
