/* SPDX-License-Identifier: Apache-2.0 */
/* Checking the bounds, alignments and references of a message; see verify.h. */
#include "wire/verify.h"

#define PREFIX_BYTES 4u
#define ROOT_AT 4u
#define CONTENT_AT 8u
#define VTABLE_HEAD_BYTES 4u
#define TABLE_HEAD_BYTES 4u

/* FlatBuffers count with 31 bits, and the C++ Verifier takes nothing as long as their maximum. */
#define LARGEST_MESSAGE 0x7FFFFFFEu

/* What a message may hold of texts and vectors beyond its own size. Parts may be shared, and small
 * ones are by some builders; but whoever copies all of a message's parts must not need many times
 * its size. */
#define SHARED_BYTES 4096u

_Static_assert(sizeof(size_t) >= 8, "positions plus 32-bit offsets must not wrap");

static uint16_t load_u16(const struct mt_wire_reader *reader, size_t at)
{
    uint16_t value;
    __builtin_memcpy(&value, reader->message + at, sizeof(value));
    return value;
}

static uint32_t load_u32(const struct mt_wire_reader *reader, size_t at)
{
    uint32_t value;
    __builtin_memcpy(&value, reader->message + at, sizeof(value));
    return value;
}

bool mt_wire_refuse(const struct mt_wire_reader *reader, const char *field, uint64_t value)
{
    reader->fault->field = field;
    reader->fault->value = value;
    return false;
}

static bool is_inside(const struct mt_wire_reader *reader, size_t at, size_t len)
{
    return at >= CONTENT_AT && at <= reader->len && len <= reader->len - at;
}

/* Follow the offset that stands at a checked place. One that leads to somewhere inside the message
 * is below 2^31, as FlatBuffers want it. */
static bool follow(const struct mt_wire_reader *reader, size_t at, const char *name, size_t *target)
{
    uint32_t offset = load_u32(reader, at);
    if (offset == 0 || offset >= reader->len - at)
        return mt_wire_refuse(reader, name, offset);
    *target = at + offset;
    return true;
}

bool mt_wire_open(struct mt_wire_reader *reader, const uint8_t *message, size_t len,
                  struct mt_wire_fault *fault, struct mt_wire_table *root)
{
    *reader = (struct mt_wire_reader){.message = message, .fault = fault};
    if (len < CONTENT_AT)
        return mt_wire_refuse(reader, "length", len);
    size_t prefix = load_u32(reader, 0);
    reader->len = prefix + PREFIX_BYTES;
    if (reader->len < CONTENT_AT || reader->len > len || reader->len > LARGEST_MESSAGE)
        return mt_wire_refuse(reader, "prefix", prefix);
    reader->budget = reader->len + SHARED_BYTES;
    size_t at;
    return follow(reader, ROOT_AT, "root", &at) && mt_wire_table_at(reader, at, root);
}

bool mt_wire_table_at(const struct mt_wire_reader *reader, size_t at, struct mt_wire_table *table)
{
    if (at % sizeof(uint32_t) != 0 || !is_inside(reader, at, TABLE_HEAD_BYTES))
        return mt_wire_refuse(reader, "table", at);
    int64_t vtable_at = (int64_t)at - (int32_t)load_u32(reader, at);
    if (vtable_at < 0 || vtable_at % 2 != 0 ||
        !is_inside(reader, (size_t)vtable_at, VTABLE_HEAD_BYTES))
        return mt_wire_refuse(reader, "vtable", (uint64_t)vtable_at);
    size_t vtable = (size_t)vtable_at;
    size_t vtable_bytes = load_u16(reader, vtable);
    if (vtable_bytes < VTABLE_HEAD_BYTES || vtable_bytes % sizeof(uint16_t) != 0 ||
        !is_inside(reader, vtable, vtable_bytes))
        return mt_wire_refuse(reader, "vtable size", vtable_bytes);
    size_t table_bytes = load_u16(reader, vtable + sizeof(uint16_t));
    if (table_bytes < TABLE_HEAD_BYTES || !is_inside(reader, at, table_bytes))
        return mt_wire_refuse(reader, "table size", table_bytes);
    *table = (struct mt_wire_table){at, vtable, vtable_bytes};
    return true;
}

/*
 * Where a field of field_bytes stands; 0 for one that is not there. It must be inside the message
 * but not inside what the vtable says is the table: FlatBuffers' builders for Python and Go let
 * tables share a vtable that differ only in their size. No verifier of FlatBuffers holds them to
 * it.
 */
static bool find_field(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                       unsigned vtable_offset, const char *name, size_t field_bytes, size_t *at)
{
    *at = 0;
    if (vtable_offset >= table->vtable_bytes)
        return true;
    size_t offset = load_u16(reader, table->vtable + vtable_offset);
    if (offset == 0)
        return true;
    size_t field = table->at + offset;
    if (offset < TABLE_HEAD_BYTES || field % field_bytes != 0 ||
        !is_inside(reader, field, field_bytes))
        return mt_wire_refuse(reader, name, offset);
    *at = field;
    return true;
}

/* The value of a scalar that is not there. */
static const uint8_t zeroes[8];

bool mt_wire_scalar(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                    unsigned vtable_offset, const char *name, void *value, size_t value_bytes)
{
    size_t at;
    if (!find_field(reader, table, vtable_offset, name, value_bytes, &at))
        return false;
    const uint8_t *from = at != 0 ? reader->message + at : zeroes;
    /* Of known lengths, so that each is one instruction. */
    if (value_bytes == 1)
        __builtin_memcpy(value, from, 1);
    else if (value_bytes == 4)
        __builtin_memcpy(value, from, 4);
    else
        __builtin_memcpy(value, from, 8);
    return true;
}

/* Where the field leads to; 0 for a field that is not there. */
static bool target_of(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                      unsigned vtable_offset, const char *name, size_t *target)
{
    size_t at;
    if (!find_field(reader, table, vtable_offset, name, sizeof(uint32_t), &at))
        return false;
    if (at != 0)
        return follow(reader, at, name, target);
    *target = 0;
    return true;
}

bool mt_wire_required_target(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                             unsigned vtable_offset, const char *name, size_t *target)
{
    if (!target_of(reader, table, vtable_offset, name, target))
        return false;
    return *target != 0 || mt_wire_refuse(reader, name, 0);
}

/* The vector at a place, which is 0 for one that is not there. */
static bool vector_at(const struct mt_wire_reader *reader, size_t at, const char *name,
                      size_t element_bytes, size_t max, struct mt_wire_vector *vector)
{
    *vector = (struct mt_wire_vector){0, 0};
    if (at == 0)
        return true;
    if (at % sizeof(uint32_t) != 0 || !is_inside(reader, at, sizeof(uint32_t)))
        return mt_wire_refuse(reader, name, at);
    size_t n = load_u32(reader, at);
    size_t first = at + sizeof(uint32_t);
    if (n > max || !is_inside(reader, first, n * element_bytes))
        return mt_wire_refuse(reader, name, n);
    *vector = (struct mt_wire_vector){first, n};
    return true;
}

bool mt_wire_vector_of(const struct mt_wire_reader *reader, const struct mt_wire_table *table,
                       unsigned vtable_offset, const char *name, size_t element_bytes, size_t max,
                       struct mt_wire_vector *vector)
{
    size_t at;
    return target_of(reader, table, vtable_offset, name, &at) &&
           vector_at(reader, at, name, element_bytes, max, vector);
}

bool mt_wire_element_table(const struct mt_wire_reader *reader, const struct mt_wire_vector *vector,
                           size_t index, const char *name, struct mt_wire_table *table)
{
    size_t at;
    return follow(reader, vector->first + index * sizeof(uint32_t), name, &at) &&
           mt_wire_table_at(reader, at, table);
}

static bool bytes_at(struct mt_wire_reader *reader, size_t at, const char *name,
                     struct mt_wire_view *bytes)
{
    struct mt_wire_vector vector;
    if (!vector_at(reader, at, name, 1, reader->len, &vector))
        return false;
    if (vector.n > reader->budget)
        return mt_wire_refuse(reader, "shared bytes", vector.n);
    reader->budget -= vector.n;
    /* An empty view points at a byte that is always there, and never NULL. */
    const uint8_t *data = reader->message + vector.first;
    *bytes = (struct mt_wire_view){vector.n > 0 ? data : (const uint8_t *)"", vector.n};
    return true;
}

/* A vector of bytes is text when a NUL follows it and it is UTF-8. */
static bool text_at(struct mt_wire_reader *reader, size_t at, const char *name,
                    struct mt_wire_view *text)
{
    if (!bytes_at(reader, at, name, text))
        return false;
    if (at == 0)
        return true;
    size_t end = at + sizeof(uint32_t) + text->len;
    if (!is_inside(reader, end, 1) || reader->message[end] != 0)
        return mt_wire_refuse(reader, name, text->len);
    if (!mt_wire_utf8_is_valid(text->data, text->len))
        return mt_wire_refuse(reader, name, text->len);
    return true;
}

bool mt_wire_bytes(struct mt_wire_reader *reader, const struct mt_wire_table *table,
                   unsigned vtable_offset, const char *name, struct mt_wire_view *bytes)
{
    size_t at;
    return target_of(reader, table, vtable_offset, name, &at) && bytes_at(reader, at, name, bytes);
}

bool mt_wire_text(struct mt_wire_reader *reader, const struct mt_wire_table *table,
                  unsigned vtable_offset, const char *name, struct mt_wire_view *text)
{
    size_t at;
    return target_of(reader, table, vtable_offset, name, &at) && text_at(reader, at, name, text);
}

bool mt_wire_required_text(struct mt_wire_reader *reader, const struct mt_wire_table *table,
                           unsigned vtable_offset, const char *name, struct mt_wire_view *text)
{
    size_t at;
    return mt_wire_required_target(reader, table, vtable_offset, name, &at) &&
           text_at(reader, at, name, text);
}
