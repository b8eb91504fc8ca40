/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two buffers from the guest's side (docs/abi.md, Buffers). The host empties both before a call
 * and takes from the output buffer what it was given at an exit, so the guest keeps its own account
 * of what lies there.
 *
 *   output:  header | reserved result, if any | main message | records
 */
#include "abi/codes.h"
#include "abi/memory_map.h"
#include "guest/runtime/runtime.h"

#include <string.h>

#define FIRST_ELEMENT MT_BUFFER_HEADER_BYTES
#define SIZE_PREFIX_BYTES 4u
/* What a reservation leaves free above it: room for host calls and records; a quarter of the buffer
 * when that is less. */
#define MAX_MARGIN_BYTES 16384u

static uint64_t output_top = FIRST_ELEMENT;
/* The room of the reserved message, a multiple of 8; 0 for none. */
static uint64_t reserved_bytes;
static uint8_t *reserved_data;
static size_t reserved_data_bytes;

static uint64_t read_u64(uint64_t address)
{
    return *(const volatile uint64_t *)(uintptr_t)address;
}

static void write_u64(uint64_t address, uint64_t value)
{
    *(volatile uint64_t *)(uintptr_t)address = value;
}

static void check_input(bool ok, const char *what, uint64_t value)
{
    if (!ok)
        moteg_abort(MT_GUEST_CODE_UNKNOWN, "input buffer: %s 0x%llx is out of bounds", what,
                    (unsigned long long)value);
}

const uint8_t *mt_input_pop(size_t *len_bytes)
{
    uint64_t sp = read_u64(mt_peb.input);
    uint64_t least = FIRST_ELEMENT + SIZE_PREFIX_BYTES + MT_BUFFER_BACK_POINTER_BYTES;
    check_input(sp >= least && sp <= mt_peb.input_bytes && sp % 8 == 0, "stack pointer", sp);
    uint64_t end = sp - MT_BUFFER_BACK_POINTER_BYTES;
    uint64_t start = read_u64(mt_peb.input + end);
    check_input(start >= FIRST_ELEMENT && start <= end - SIZE_PREFIX_BYTES && start % 8 == 0,
                "back pointer", start);
    write_u64(mt_peb.input, start);
    *len_bytes = end - start;
    return (const uint8_t *)(uintptr_t)(mt_peb.input + start);
}

/* The first message goes above the reservation, which becomes an element when it must be one. */
static uint64_t base(void)
{
    if (reserved_bytes == 0)
        return FIRST_ELEMENT;
    return FIRST_ELEMENT + reserved_bytes + MT_BUFFER_BACK_POINTER_BYTES;
}

uint8_t *mt_output_room(size_t *room_bytes)
{
    uint64_t needed = output_top + MT_BUFFER_BACK_POINTER_BYTES;
    if (needed >= mt_peb.output_bytes)
        return NULL;
    *room_bytes = (mt_peb.output_bytes - needed) & ~(uint64_t)7;
    return (uint8_t *)(uintptr_t)(mt_peb.output + output_top);
}

void mt_output_push(size_t len_bytes)
{
    if (reserved_bytes != 0 && output_top == base())
        write_u64(mt_peb.output + FIRST_ELEMENT + reserved_bytes, FIRST_ELEMENT);
    uint64_t end = output_top + len_bytes;
    write_u64(mt_peb.output + end, output_top);
    output_top = end + MT_BUFFER_BACK_POINTER_BYTES;
    write_u64(mt_peb.output, output_top);
}

uint64_t mt_output_mark(void)
{
    return output_top;
}

void mt_output_drop_to(uint64_t mark)
{
    output_top = mark;
}

void mt_output_clear(void)
{
    reserved_bytes = 0;
    reserved_data = NULL;
    output_top = FIRST_ELEMENT;
}

static uint64_t margin(void)
{
    uint64_t quarter = mt_peb.output_bytes / 4;
    return quarter < MAX_MARGIN_BYTES ? quarter : MAX_MARGIN_BYTES;
}

uint8_t *moteg_result_reserve(size_t *room_bytes)
{
    if (reserved_bytes == 0) {
        size_t room;
        uint8_t *message = mt_output_room(&room);
        uint64_t kept = (margin() + 7) & ~(uint64_t)7;
        *room_bytes = 0;
        if (message == NULL || room <= kept)
            return NULL;
        room -= kept;
        reserved_data = mt_wire_begin_bytes_result(message, room, &reserved_data_bytes);
        if (reserved_data == NULL)
            return NULL;
        reserved_bytes = room;
        output_top = base();
    }
    *room_bytes = reserved_data_bytes;
    return reserved_data;
}

bool mt_output_holds(const void *data)
{
    uint64_t address = (uintptr_t)data;
    return reserved_bytes != 0 && address >= mt_peb.output &&
           address < mt_peb.output + mt_peb.output_bytes;
}

bool mt_output_finish_reserved(const uint8_t *data, size_t len_bytes)
{
    if (!mt_output_holds(data) || data < reserved_data)
        return false;
    size_t offset = (size_t)(data - reserved_data);
    if (offset > reserved_data_bytes || len_bytes > reserved_data_bytes - offset)
        return false;
    if (offset != 0)
        memmove(reserved_data, data, len_bytes);
    uint8_t *message = (uint8_t *)(uintptr_t)(mt_peb.output + FIRST_ELEMENT);
    size_t message_bytes = mt_wire_end_bytes_result(message, reserved_bytes, len_bytes);
    mt_output_clear();
    mt_output_push(message_bytes);
    return true;
}
