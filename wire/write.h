/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a message is laid out front to back. What is placed behind the table that names it is entered
 * there by writing, so that nothing written is ever read again.
 */
#ifndef MOTE_WIRE_WRITE_H
#define MOTE_WIRE_WRITE_H

#include "wire/wire.h"

/* The kinds of tables that builders write; tables of one kind share one vtable. */
enum mt_wire_layout {
    MT_LAYOUT_VALUE_4, /* one field of up to 4 bytes: also offsets, and HostFunctionDetails */
    MT_LAYOUT_VALUE_8,
    MT_LAYOUT_UNION,
    MT_LAYOUT_CALL,
    MT_LAYOUT_ERROR,
    MT_LAYOUT_LOG,
    MT_LAYOUT_DEFINITION,
    MT_LAYOUT_DEFINITION_BARE, /* no parameters */
    MT_LAYOUT_COUNT
};

struct mt_wire_writer {
    uint8_t *to;                       /* NULL: measure only */
    size_t limit;                      /* the message ends here at the latest */
    size_t end;                        /* one past what has been placed */
    bool fits;                         /* once false, nothing more is placed or written */
    uint32_t vtables[MT_LAYOUT_COUNT]; /* where the kind's vtable stands; 0: nowhere yet */
};

/* Start a message of at most room bytes; its prefix and root offset are placed. */
void mt_wire_start(struct mt_wire_writer *writer, uint8_t *to, size_t room);
/* Write padding and prefix. The message's size, or 0 when it did not fit. */
size_t mt_wire_finish(struct mt_wire_writer *writer);

/* Place a table, all its fields zero, and its vtable if that is the first of its kind. */
size_t mt_wire_put_table(struct mt_wire_writer *writer, enum mt_wire_layout layout);
/* The same for the message's own table. */
size_t mt_wire_put_root(struct mt_wire_writer *writer, enum mt_wire_layout layout);

/* Where the layout's table has the field with this offset in its vtable, counted from table. */
size_t mt_wire_field_of(enum mt_wire_layout layout, size_t table, unsigned vtable_offset);

/* Place a vector of offsets, all zero, and enter it in the slot. Returns its first element. */
size_t mt_wire_put_offsets(struct mt_wire_writer *writer, size_t slot, size_t n);
/* Place a vector of bytes and enter it in the slot. Returns its first byte, which is at a multiple
 * of 8; the caller writes the bytes. */
size_t mt_wire_put_room(struct mt_wire_writer *writer, size_t slot, size_t len);
void mt_wire_put_bytes(struct mt_wire_writer *writer, size_t slot, struct mt_wire_view bytes);
void mt_wire_put_text(struct mt_wire_writer *writer, size_t slot, struct mt_wire_view text);

/* Write at a place that has been reserved. */
void mt_wire_store(struct mt_wire_writer *writer, size_t at, const void *from, size_t len);
void mt_wire_store_u8(struct mt_wire_writer *writer, size_t at, uint8_t value);
void mt_wire_store_u32(struct mt_wire_writer *writer, size_t at, uint32_t value);
/* Write the offset in the slot that leads to the target, which lies behind it. */
void mt_wire_store_offset(struct mt_wire_writer *writer, size_t slot, size_t target);

#endif
