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
#define SCALAR_4_FORM(number) \
    { \
        {RESULT_HEAD(44, 16, number), PAIR(6, 8), PAIR(4, 0), 8, 0, 0}, 48 \
    }
#define SCALAR_8_FORM(number) \
    { \
        {RESULT_HEAD(52, 20, number), PAIR(6, 16), PAIR(8, 0), 0, 12, 0, 0, 0}, 56 \
    }

const struct mt_wire_result_form mt_wire_result_forms[MT_WIRE_VOID + 1] = {
    [MT_WIRE_I32] = SCALAR_4_FORM(0),
    [MT_WIRE_U32] = SCALAR_4_FORM(1),
    [MT_WIRE_I64] = SCALAR_8_FORM(2),
    [MT_WIRE_U64] = SCALAR_8_FORM(3),
    [MT_WIRE_F32] = SCALAR_4_FORM(4),
    [MT_WIRE_F64] = SCALAR_8_FORM(5),
    [MT_WIRE_STR] = {{RESULT_HEAD(0, 16, 6), PAIR(6, 8), PAIR(4, 0), 8, 4, 0}, 48},
    [MT_WIRE_BOOL] = SCALAR_4_FORM(7),
    [MT_WIRE_VOID] = {{RESULT_HEAD(36, 12, 8), PAIR(4, 4), 4, 0}, 40},
    [MT_WIRE_BYTES] = {{RESULT_HEAD(0, 16, 9), PAIR(8, 12), PAIR(4, 8), 8, 0, 8, 0, 0}, 56},
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

static bool read_text(const uint8_t *message, size_t len, struct mt_wire_view *view)
{
    size_t at = sizeof(uint32_t) * (MT_RESULT_TEXT_LEN + 1);
    size_t n = load_word(message, MT_RESULT_TEXT_LEN);
    if (!is_padded(message, len, at + n + 1) || load_word(message, MT_RESULT_TEXT_AT) != 4 ||
        !is_text(message, at, n))
        return false;
    *view = view_at(message, at, n);
    return true;
}

static bool read_bytes(const uint8_t *message, size_t len, struct mt_wire_view *view)
{
    size_t at = sizeof(uint32_t) * (MT_RESULT_BYTES_LEN + 1);
    if (len < at)
        return false;
    size_t n = load_word(message, MT_RESULT_BYTES_LEN);
    if (!is_padded(message, len, at + n) || load_word(message, MT_RESULT_BYTES_SIZE) != n ||
        load_word(message, MT_RESULT_BYTES_AT) != 8)
        return false;
    *view = view_at(message, at, n);
    return true;
}

static bool read_scalar(const uint8_t *message, size_t len, struct mt_wire_value *value)
{
    size_t n_bytes = mt_wire_result_forms[value->type].n_bytes;
    if (!is_padded(message, len, n_bytes))
        return false;
    if (value->type == MT_WIRE_BOOL) {
        value->as.boolean = message[sizeof(uint32_t) * MT_RESULT_SCALAR_4] != 0;
    } else if (n_bytes == 48) {
        __builtin_memcpy(&value->as, message + sizeof(uint32_t) * MT_RESULT_SCALAR_4, 4);
    } else if (n_bytes == 56) {
        if (load_word(message, MT_RESULT_SCALAR_8_TABLE) != 12)
            return false;
        __builtin_memcpy(&value->as, message + sizeof(uint32_t) * MT_RESULT_SCALAR_8, 8);
    }
    return true;
}

bool mt_wire_read_usual_result(const uint8_t *message, size_t len, struct mt_wire_value *value)
{
    struct mt_wire_value found;
    if (len < LEAST_BYTES)
        return false;
    uint8_t member = message[sizeof(uint32_t) * MT_RESULT_MEMBER];
    if (!mt_wire_return_type((uint8_t)(member - MT_WIRE_UNION_BASE), &found.type))
        return false;
    const struct mt_wire_result_form *form = &mt_wire_result_forms[found.type];
    if (__builtin_memcmp(message + PREFIX_BYTES, &form->words[1], LEAST_BYTES - PREFIX_BYTES) != 0)
        return false;
    bool is_read;
    if (found.type == MT_WIRE_STR)
        is_read = read_text(message, len, &found.as.view);
    else if (found.type == MT_WIRE_BYTES)
        is_read = read_bytes(message, len, &found.as.view);
    else
        is_read = read_scalar(message, len, &found);
    if (is_read)
        *value = found;
    return is_read;
}

bool mt_wire_read_usual_call(const uint8_t *message, size_t len, struct mt_wire_call *call)
{
    size_t at = sizeof(uint32_t) * MT_BARE_CALL_WORDS;
    size_t fixed_bytes = sizeof(uint32_t) * MT_BARE_CALL_TYPES;
    enum mt_wire_type returns;
    if (len < LEAST_BYTES || __builtin_memcmp(message + PREFIX_BYTES, &mt_wire_bare_call_form[1],
                                              fixed_bytes - PREFIX_BYTES) != 0)
        return false;
    uint8_t call_type = message[fixed_bytes];
    size_t n = load_word(message, MT_BARE_CALL_NAME_LEN);
    if ((call_type != MT_WIRE_CALL_GUEST && call_type != MT_WIRE_CALL_HOST) ||
        !mt_wire_return_type(message[fixed_bytes + 1], &returns) ||
        !is_padded(message, len, at + n + 1) || !is_text(message, at, n))
        return false;
    call->name = view_at(message, at, n);
    call->call_type = (enum mt_wire_call_type)call_type;
    call->returns = returns;
    call->n_params = 0;
    return true;
}
