/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is laid out as our own builders do it; see usual.h. */
#include "wire/usual.h"
#include "wire/schema.h"

#define PREFIX_BYTES 4u

/* Two numbers of 16 bits as they stand in a word. */
#define PAIR(first, second) ((uint32_t)(first) | (uint32_t)(second) << 16)

/* Prefix; root offset; vtable and table of FunctionCallResult up to the union's member. */
#define RESULT_HEAD(prefix, to_value, member) \
    (prefix), 12, PAIR(8, 12), PAIR(8, 4), 8, (to_value), (member) + MT_WIRE_UNION_BASE
/* Vtable and table of each kind of value, and what pads the message. */
#define SCALAR_4_FORM(number, type) \
    { \
        {RESULT_HEAD(44, 16, number), PAIR(6, 8), PAIR(4, 0), 8, 0, 0}, 48, type \
    }
#define SCALAR_8_FORM(number, type) \
    { \
        {RESULT_HEAD(52, 20, number), PAIR(6, 16), PAIR(8, 0), 0, 12, 0, 0, 0}, 56, type \
    }

const struct mt_wire_result_form mt_wire_result_forms[MT_WIRE_RESULT_FORMS] = {
    SCALAR_4_FORM(0, MT_WIRE_I32),
    SCALAR_4_FORM(1, MT_WIRE_U32),
    SCALAR_8_FORM(2, MT_WIRE_I64),
    SCALAR_8_FORM(3, MT_WIRE_U64),
    SCALAR_4_FORM(4, MT_WIRE_F32),
    SCALAR_8_FORM(5, MT_WIRE_F64),
    {{RESULT_HEAD(0, 16, 6), PAIR(6, 8), PAIR(4, 0), 8, 4, 0}, 48, MT_WIRE_STR},
    SCALAR_4_FORM(7, MT_WIRE_BOOL),
    {{RESULT_HEAD(36, 12, 8), PAIR(4, 4), 4, 0}, 40, MT_WIRE_VOID},
    {{RESULT_HEAD(0, 16, 9), PAIR(8, 12), PAIR(4, 8), 8, 0, 8, 0, 0}, 56, MT_WIRE_BYTES},
};

/* Prefix; root offset; vtable and table of FunctionCall; the length of its name. */
const uint32_t mt_wire_call_form[MT_CALL_WORDS] = {
    0, 16, PAIR(12, 16), PAIR(4, 8), PAIR(12, 13), 12, 12, 0, 0, 0,
};
const uint32_t mt_wire_bare_call_form[MT_BARE_CALL_WORDS] = {
    0, 16, PAIR(12, 12), PAIR(4, 0), PAIR(8, 9), 12, 8, 0, 0,
};

static uint32_t load_word(const uint8_t *message, size_t index)
{
    uint32_t value;
    __builtin_memcpy(&value, message + index * sizeof(value), sizeof(value));
    return value;
}

/* Whether the prefix tells of a message that has so many bytes before its padding, and is there. */
static bool is_padded(const uint8_t *message, size_t len, size_t n_bytes)
{
    size_t padded = (n_bytes + 7) & ~(size_t)7;
    return padded <= len && padded <= MT_WIRE_MAX_BYTES &&
           load_word(message, 0) == padded - PREFIX_BYTES;
}

/* The text of n bytes that begins at a place is UTF-8, and a NUL follows. */
static bool is_text(const uint8_t *message, size_t at, size_t n)
{
    return message[at + n] == 0 && mt_wire_utf8_is_valid(message + at, n);
}

static struct mt_wire_view view_at(const uint8_t *message, size_t at, size_t n)
{
    return (struct mt_wire_view){n > 0 ? message + at : (const uint8_t *)"", n};
}

/* No result and no call is shorter. So far the words of a result, but for the prefix, are the same
 * whatever its value. */
#define LEAST_BYTES 40u

static bool read_text(const uint8_t *message, size_t len, struct mt_wire_value *value)
{
    size_t at = sizeof(uint32_t) * (MT_RESULT_TEXT_LEN + 1);
    if (len < at)
        return false;
    size_t n = load_word(message, MT_RESULT_TEXT_LEN);
    if (!is_padded(message, len, at + n + 1) || load_word(message, MT_RESULT_TEXT_AT) != 4 ||
        !is_text(message, at, n))
        return false;
    value->as.view = view_at(message, at, n);
    value->type = MT_WIRE_STR;
    return true;
}

static bool read_bytes(const uint8_t *message, size_t len, struct mt_wire_value *value)
{
    size_t at = sizeof(uint32_t) * (MT_RESULT_BYTES_LEN + 1);
    if (len < at)
        return false;
    size_t n = load_word(message, MT_RESULT_BYTES_LEN);
    if (!is_padded(message, len, at + n) || load_word(message, MT_RESULT_BYTES_SIZE) != n ||
        load_word(message, MT_RESULT_BYTES_AT) != 8)
        return false;
    value->as.view = view_at(message, at, n);
    value->type = MT_WIRE_BYTES;
    return true;
}

static bool read_scalar(const uint8_t *message, size_t len, const struct mt_wire_result_form *form,
                        struct mt_wire_value *value)
{
    size_t n_bytes = form->n_bytes;
    if (!is_padded(message, len, n_bytes) ||
        (n_bytes == 56 && load_word(message, MT_RESULT_SCALAR_8_TABLE) != 12))
        return false;
    value->type = form->type;
    if (form->type == MT_WIRE_BOOL)
        value->as.boolean = message[sizeof(uint32_t) * MT_RESULT_SCALAR_4] != 0;
    else if (n_bytes == 48)
        __builtin_memcpy(&value->as, message + sizeof(uint32_t) * MT_RESULT_SCALAR_4, 4);
    else if (n_bytes == 56)
        __builtin_memcpy(&value->as, message + sizeof(uint32_t) * MT_RESULT_SCALAR_8, 8);
    return true;
}

static inline bool read_usual_result(const uint8_t *message, size_t len,
                                     struct mt_wire_value *value)
{
    if (len < LEAST_BYTES)
        return false;
    unsigned number = (unsigned)message[sizeof(uint32_t) * MT_RESULT_MEMBER] - MT_WIRE_UNION_BASE;
    if (number >= MT_WIRE_RESULT_FORMS)
        return false;
    const struct mt_wire_result_form *form = &mt_wire_result_forms[number];
    if (__builtin_memcmp(message + PREFIX_BYTES, &form->words[1], LEAST_BYTES - PREFIX_BYTES) != 0)
        return false;
    if (form->type == MT_WIRE_STR)
        return read_text(message, len, value);
    if (form->type == MT_WIRE_BYTES)
        return read_bytes(message, len, value);
    return read_scalar(message, len, form, value);
}

bool mt_wire_read_usual_result(const uint8_t *message, size_t len, struct mt_wire_value *value)
{
    return read_usual_result(message, len, value);
}

bool mt_wire_read_result(const uint8_t *message, size_t len, struct mt_wire_value *value,
                         struct mt_wire_fault *fault)
{
    return read_usual_result(message, len, value) ||
           mt_wire_read_any_result(message, len, value, fault);
}

static inline bool read_usual_call(const uint8_t *message, size_t len, struct mt_wire_call *call)
{
    size_t at = sizeof(uint32_t) * MT_BARE_CALL_WORDS;
    size_t fixed_bytes = sizeof(uint32_t) * MT_BARE_CALL_TYPES;
    if (len < LEAST_BYTES || __builtin_memcmp(message + PREFIX_BYTES, &mt_wire_bare_call_form[1],
                                              fixed_bytes - PREFIX_BYTES) != 0)
        return false;
    unsigned call_type = message[fixed_bytes];
    unsigned returns = message[fixed_bytes + 1];
    size_t n = load_word(message, MT_BARE_CALL_NAME_LEN);
    if ((call_type != MT_WIRE_CALL_GUEST && call_type != MT_WIRE_CALL_HOST) ||
        returns >= MT_WIRE_RESULT_FORMS || !is_padded(message, len, at + n + 1) ||
        !is_text(message, at, n))
        return false;
    call->name = view_at(message, at, n);
    call->call_type = (enum mt_wire_call_type)call_type;
    call->returns = mt_wire_result_forms[returns].type;
    call->n_params = 0;
    return true;
}

bool mt_wire_read_usual_call(const uint8_t *message, size_t len, struct mt_wire_call *call)
{
    return read_usual_call(message, len, call);
}

bool mt_wire_read_call(const uint8_t *message, size_t len, struct mt_wire_call *call,
                       struct mt_wire_fault *fault)
{
    return read_usual_call(message, len, call) || mt_wire_read_any_call(message, len, call, fault);
}
