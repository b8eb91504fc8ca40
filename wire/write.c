/* SPDX-License-Identifier: Apache-2.0 */
/* Placing and writing the parts of a message; see write.h. */
#include "wire/write.h"

#define PREFIX_BYTES 4u
#define ROOT_AT 4u
#define CONTENT_AT 8u
#define MESSAGE_ALIGNMENT 8u

/* A vtable as it is written: its own size, the table's size, then where each field stands in the
 * table. Fields are aligned when the table is. */
struct layout {
    uint8_t table_alignment;
    uint16_t vtable[8];
};

static const struct layout layouts[MT_LAYOUT_COUNT] = {
    [MT_LAYOUT_VALUE_4] = {4, {6, 8, 4}},
    [MT_LAYOUT_VALUE_8] = {8, {6, 16, 8}},
    [MT_LAYOUT_UNION] = {4, {8, 12, 8, 4}},
    [MT_LAYOUT_CALL] = {4, {12, 16, 4, 8, 12, 13}},
    [MT_LAYOUT_ERROR] = {8, {8, 16, 8, 4}},
    [MT_LAYOUT_LOG] = {4, {16, 28, 4, 8, 24, 12, 16, 20}},
    [MT_LAYOUT_DEFINITION] = {4, {10, 16, 4, 8, 12}},
    [MT_LAYOUT_DEFINITION_BARE] = {4, {10, 12, 4, 0, 8}},
};

/* Nothing is written while a message is measured, or when it does not fit. */
static bool is_writing(const struct mt_wire_writer *writer)
{
    return writer->to != NULL && writer->fits;
}

static void store_zeroes(const struct mt_wire_writer *writer, size_t at, size_t len)
{
    if (is_writing(writer) && len > 0)
        __builtin_memset(writer->to + at, 0, len);
}

/* Most tables have 8 to 16 bytes: two stores, which may overlap, where a call would take longer. */
static void store_zero_table(const struct mt_wire_writer *writer, size_t at, size_t len)
{
    static const uint64_t zero;
    if (len < sizeof(zero) || len > 2 * sizeof(zero)) {
        store_zeroes(writer, at, len);
    } else if (is_writing(writer)) {
        __builtin_memcpy(writer->to + at, &zero, sizeof(zero));
        __builtin_memcpy(writer->to + at + len - sizeof(zero), &zero, sizeof(zero));
    }
}

/* Reserve len bytes so that the one after the first lead bytes is aligned; what is skipped becomes
 * zero. No sum here can wrap: end and limit are at most MT_WIRE_MAX_BYTES. */
static size_t place(struct mt_wire_writer *writer, size_t alignment, size_t lead, size_t len)
{
    size_t aligned = (writer->end + lead + alignment - 1) & ~(alignment - 1);
    size_t start = aligned - lead;
    if (start > writer->limit || len > writer->limit - start)
        writer->fits = false;
    if (!writer->fits)
        return 0;
    if (start > writer->end)
        store_zeroes(writer, writer->end, start - writer->end);
    writer->end = start + len;
    return start;
}

void mt_wire_store(struct mt_wire_writer *writer, size_t at, const void *from, size_t len)
{
    if (is_writing(writer) && len > 0)
        __builtin_memcpy(writer->to + at, from, len);
}

/* Of known length, so that these are one instruction each. */
void mt_wire_store_u8(struct mt_wire_writer *writer, size_t at, uint8_t value)
{
    if (is_writing(writer))
        writer->to[at] = value;
}

void mt_wire_store_u32(struct mt_wire_writer *writer, size_t at, uint32_t value)
{
    if (is_writing(writer))
        __builtin_memcpy(writer->to + at, &value, sizeof(value));
}

void mt_wire_store_offset(struct mt_wire_writer *writer, size_t slot, size_t target)
{
    mt_wire_store_u32(writer, slot, (uint32_t)(target - slot));
}

void mt_wire_start(struct mt_wire_writer *writer, uint8_t *to, size_t room)
{
    *writer = (struct mt_wire_writer){
        .to = to,
        .limit = room < MT_WIRE_MAX_BYTES ? room : MT_WIRE_MAX_BYTES,
        .fits = true,
    };
    (void)place(writer, MESSAGE_ALIGNMENT, 0, CONTENT_AT);
}

size_t mt_wire_finish(struct mt_wire_writer *writer)
{
    (void)place(writer, MESSAGE_ALIGNMENT, 0, 0);
    if (!writer->fits)
        return 0;
    mt_wire_store_u32(writer, 0, (uint32_t)(writer->end - PREFIX_BYTES));
    return writer->end;
}

static size_t put_vtable(struct mt_wire_writer *writer, enum mt_wire_layout layout)
{
    if (writer->vtables[layout] != 0)
        return writer->vtables[layout];
    const uint16_t *vtable = layouts[layout].vtable;
    size_t at = place(writer, sizeof(uint16_t), 0, vtable[0]);
    mt_wire_store(writer, at, vtable, vtable[0]);
    writer->vtables[layout] = (uint32_t)at;
    return at;
}

size_t mt_wire_put_table(struct mt_wire_writer *writer, enum mt_wire_layout layout)
{
    size_t vtable = put_vtable(writer, layout);
    size_t len = layouts[layout].vtable[1];
    size_t at = place(writer, layouts[layout].table_alignment, 0, len);
    store_zero_table(writer, at, len);
    /* A table begins with how far before it its vtable stands. */
    mt_wire_store_u32(writer, at, (uint32_t)(at - vtable));
    return at;
}

size_t mt_wire_put_root(struct mt_wire_writer *writer, enum mt_wire_layout layout)
{
    size_t at = mt_wire_put_table(writer, layout);
    mt_wire_store_offset(writer, ROOT_AT, at);
    return at;
}

size_t mt_wire_field_of(enum mt_wire_layout layout, size_t table, unsigned vtable_offset)
{
    return table + layouts[layout].vtable[vtable_offset / sizeof(uint16_t)];
}

/* Place a vector's length and room for its elements, and enter it in the slot. */
static size_t put_vector(struct mt_wire_writer *writer, size_t slot, size_t alignment, size_t n,
                         size_t len)
{
    if (len > MT_WIRE_MAX_BYTES) {
        writer->fits = false;
        return 0;
    }
    size_t at = place(writer, alignment, sizeof(uint32_t), sizeof(uint32_t) + len);
    mt_wire_store_u32(writer, at, (uint32_t)n);
    mt_wire_store_offset(writer, slot, at);
    return at + sizeof(uint32_t);
}

size_t mt_wire_put_offsets(struct mt_wire_writer *writer, size_t slot, size_t n)
{
    if (n > MT_WIRE_MAX_BYTES / sizeof(uint32_t)) {
        writer->fits = false;
        return 0;
    }
    size_t first = put_vector(writer, slot, sizeof(uint32_t), n, n * sizeof(uint32_t));
    store_zeroes(writer, first, n * sizeof(uint32_t));
    return first;
}

size_t mt_wire_put_room(struct mt_wire_writer *writer, size_t slot, size_t len)
{
    return put_vector(writer, slot, MESSAGE_ALIGNMENT, len, len);
}

void mt_wire_put_bytes(struct mt_wire_writer *writer, size_t slot, struct mt_wire_view bytes)
{
    size_t first = mt_wire_put_room(writer, slot, bytes.len);
    mt_wire_store(writer, first, bytes.data, bytes.len);
}

void mt_wire_put_text(struct mt_wire_writer *writer, size_t slot, struct mt_wire_view text)
{
    /* The terminating NUL is not counted in the vector's length. */
    size_t len = text.len < MT_WIRE_MAX_BYTES ? text.len + 1 : SIZE_MAX;
    size_t first = put_vector(writer, slot, sizeof(uint32_t), text.len, len);
    mt_wire_store(writer, first, text.data, text.len);
    store_zeroes(writer, first + text.len, 1);
}
