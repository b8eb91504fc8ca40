/* SPDX-License-Identifier: Apache-2.0 */
/* Pushing to the input buffer, and judging what lies on the output buffer. */
#include "host/memory/buffers.h"

#include "abi/memory_map.h"
#include "host/base/checked.h"
#include "host/base/error.h"
#include <inttypes.h>
#include <string.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#define FIRST_ELEMENT MT_BUFFER_HEADER_BYTES
#define SIZE_PREFIX_BYTES 4u

void mt_buffers_init(struct mt_buffers *buffers, const struct mt_layout *layout,
                     const struct mt_window *window)
{
    *buffers = (struct mt_buffers){
        .window = *window,
        .input = layout->start[MT_PLACE_INPUT],
        .input_bytes = layout->sizes.input,
        .output = layout->start[MT_PLACE_OUTPUT],
        .output_bytes = layout->sizes.output,
        .guest_error = layout->start[MT_PLACE_GUEST_ERROR],
        .guest_error_bytes = layout->sizes.guest_error,
    };
}

void mt_buffers_reset(struct mt_buffers *buffers)
{
    mt_guest_write_u64(&buffers->window, mt_gva(buffers->input), FIRST_ELEMENT);
    mt_guest_write_u64(&buffers->window, mt_gva(buffers->output), FIRST_ELEMENT);
    mt_guest_write_u64(&buffers->window, mt_gva(buffers->guest_error), 0);
    buffers->input_floor = FIRST_ELEMENT;
}

/* Where the next message of the input buffer is built, and how much room it has. */
static uint8_t *input_place(const struct mt_buffers *buffers, uint64_t *room)
{
    uint64_t taken = buffers->input_floor + MT_BUFFER_BACK_POINTER_BYTES;
    if (taken > buffers->input_bytes)
        return NULL;
    *room = mt_round_down(buffers->input_bytes - taken, 8);
    return mt_guest_build_at(&buffers->window, mt_gva(buffers->input + buffers->input_floor),
                             *room);
}

/* Publish the message of len_bytes that was built there. Returns the offset of what follows it. */
static uint64_t seal_input(const struct mt_buffers *buffers, uint64_t len_bytes)
{
    uint64_t back_pointer_at = buffers->input_floor + len_bytes;
    uint64_t end = back_pointer_at + MT_BUFFER_BACK_POINTER_BYTES;
    mt_guest_built(&buffers->window, mt_gva(buffers->input + buffers->input_floor), len_bytes);
    mt_guest_write_u64(&buffers->window, mt_gva(buffers->input + back_pointer_at),
                       buffers->input_floor);
    mt_guest_write_u64(&buffers->window, mt_gva(buffers->input), end);
    return end;
}

/* What was begun before the room was at its end stands there too. len_bytes is 0 for what no
 * message can hold. */
static mote_status input_full(const struct mt_buffers *buffers, const char *what, size_t len_bytes,
                              mote_error *err)
{
    bool is_over_all = len_bytes == 0;
    if (buffers->input_floor < buffers->input_bytes)
        mt_guest_built(&buffers->window, mt_gva(buffers->input + buffers->input_floor),
                       buffers->input_bytes - buffers->input_floor);
    return mt_fail(err, MOTE_E_INPUT_FULL,
                   "%s message of %s%zu bytes does not fit the input buffer of %" PRIu64 " bytes",
                   what, is_over_all ? "more than " : "",
                   is_over_all ? (size_t)MT_WIRE_MAX_BYTES : len_bytes, buffers->input_bytes);
}

mote_status mt_buffers_put_call(struct mt_buffers *buffers, const struct mt_wire_call *call,
                                mote_error *err)
{
    uint64_t room = 0;
    uint8_t *to = input_place(buffers, &room);
    size_t len_bytes = to != NULL ? mt_wire_build_call(to, room, call) : 0;
    if (len_bytes == 0)
        return input_full(buffers, "call", mt_wire_call_bytes(call), err);
    buffers->input_floor = seal_input(buffers, len_bytes);
    return MOTE_OK;
}

mote_status mt_buffers_put_result(const struct mt_buffers *buffers,
                                  const struct mt_wire_value *result, mote_error *err)
{
    uint64_t room = 0;
    uint8_t *to = input_place(buffers, &room);
    size_t len_bytes = to != NULL ? mt_wire_build_result(to, room, result) : 0;
    if (len_bytes == 0)
        return input_full(buffers, "result", mt_wire_result_bytes(result), err);
    seal_input(buffers, len_bytes);
    return MOTE_OK;
}

static mote_status bad_output(mote_error *err, const char *field, uint64_t value, const char *why)
{
    return mt_fail_protocol(err, "output", field, value, "output buffer: %s 0x%" PRIx64 " %s",
                            field, value, why);
}

/* The element that ends at offset sp, which is in (FIRST_ELEMENT, output_bytes]. */
static mote_status element_below(const struct mt_buffers *buffers, uint64_t sp,
                                 struct mt_element *element, mote_error *err)
{
    if (sp < FIRST_ELEMENT + SIZE_PREFIX_BYTES + MT_BUFFER_BACK_POINTER_BYTES)
        return bad_output(err, "stack pointer", sp, "leaves no room for an element");
    uint64_t end = sp - MT_BUFFER_BACK_POINTER_BYTES;
    uint64_t start;
    if (!mt_guest_read_u64(&buffers->window, mt_gva(buffers->output + end), &start))
        return bad_output(err, "stack pointer", sp, "is past the end");
    if (start < FIRST_ELEMENT || start > end - SIZE_PREFIX_BYTES)
        return bad_output(err, "back pointer", start, "is outside its element");
    *element = (struct mt_element){.start = start, .end = end};
    return MOTE_OK;
}

mote_status mt_buffers_list_output(const struct mt_buffers *buffers, struct mt_element *elements,
                                   size_t n, size_t *n_found, mote_error *err)
{
    uint64_t sp = 0;
    if (!mt_guest_read_u64(&buffers->window, mt_gva(buffers->output), &sp) || sp < FIRST_ELEMENT ||
        sp > buffers->output_bytes)
        return bad_output(err, "stack pointer", sp, "is outside the buffer");
    size_t found = 0;
    while (found < n && sp > FIRST_ELEMENT) {
        mote_status status = element_below(buffers, sp, &elements[found], err);
        if (status != MOTE_OK)
            return status;
        sp = elements[found].start;
        found++;
    }
    *n_found = found;
    return MOTE_OK;
}

#if defined(__SANITIZE_ADDRESS__)
static void open_copy(const struct mt_copy *copy, size_t len_bytes)
{
    __asan_unpoison_memory_region(copy->data, len_bytes);
}

void mt_copy_close(const struct mt_copy *copy)
{
    __asan_poison_memory_region(copy->data, copy->room_bytes);
}
#else
static void open_copy(const struct mt_copy *copy, size_t len_bytes)
{
    (void)copy;
    (void)len_bytes;
}

void mt_copy_close(const struct mt_copy *copy)
{
    (void)copy;
}
#endif

static mote_status make_room(struct mt_copy *copy, const mote_allocator *allocator,
                             size_t len_bytes, mote_error *err)
{
    if (len_bytes <= copy->room_bytes) {
        open_copy(copy, len_bytes);
        return MOTE_OK;
    }
    /* The old content is not needed: release first, so that both are never held at once. */
    mt_copy_fini(copy, allocator);
    copy->data = mt_alloc(allocator, len_bytes);
    if (copy->data == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory to copy a message of %zu bytes", len_bytes);
    copy->room_bytes = len_bytes;
    return MOTE_OK;
}

/* A size-prefixed message in guest memory, and how much room it may take. */
struct source {
    const char *buffer; /* for the error */
    uint64_t at;
    uint64_t room_bytes;
};

/* Fetch the size prefix of a message, once. */
static mote_status fetch_prefix(const struct mt_buffers *buffers, const struct source *source,
                                uint32_t *prefix, mote_error *err)
{
    *prefix = 0;
    bool is_there = mt_guest_read(&buffers->window, mt_gva(source->at), prefix, sizeof(*prefix));
    if (is_there && (uint64_t)*prefix + SIZE_PREFIX_BYTES <= source->room_bytes)
        return MOTE_OK;
    return mt_fail_protocol(err, source->buffer, "size prefix", *prefix,
                            "%s buffer: size prefix 0x%" PRIx32 " passes the end of its element",
                            source->buffer, *prefix);
}

/* Copy a message as long as its size prefix says, which is not fetched again. */
static mote_status copy_message(const struct mt_buffers *buffers, const struct source *source,
                                uint32_t prefix, const mote_allocator *allocator,
                                struct mt_copy *copy, mote_error *err)
{
    mote_status status = make_room(copy, allocator, (uint64_t)prefix + SIZE_PREFIX_BYTES, err);
    if (status != MOTE_OK)
        return status;
    memcpy(copy->data, &prefix, sizeof(prefix));
    mt_guest_read(&buffers->window, mt_gva(source->at + SIZE_PREFIX_BYTES),
                  copy->data + SIZE_PREFIX_BYTES, prefix);
    return MOTE_OK;
}

mote_status mt_buffers_copy(const struct mt_buffers *buffers, const struct mt_element *element,
                            const mote_allocator *allocator, struct mt_copy *copy,
                            size_t *len_bytes, mote_error *err)
{
    const struct source source = {"output", buffers->output + element->start,
                                  element->end - element->start};
    uint32_t prefix;
    mote_status status = fetch_prefix(buffers, &source, &prefix, err);
    if (status == MOTE_OK)
        status = copy_message(buffers, &source, prefix, allocator, copy, err);
    if (status == MOTE_OK)
        *len_bytes = (size_t)prefix + SIZE_PREFIX_BYTES;
    return status;
}

mote_status mt_buffers_copy_error(const struct mt_buffers *buffers, const mote_allocator *allocator,
                                  struct mt_copy *copy, size_t *len_bytes, mote_error *err)
{
    const struct source source = {"error", buffers->guest_error, buffers->guest_error_bytes};
    uint32_t prefix;
    mote_status status = fetch_prefix(buffers, &source, &prefix, err);
    if (status == MOTE_OK && prefix != 0)
        status = copy_message(buffers, &source, prefix, allocator, copy, err);
    if (status == MOTE_OK)
        *len_bytes = prefix != 0 ? (size_t)prefix + SIZE_PREFIX_BYTES : 0;
    return status;
}

void mt_buffers_drop_from(const struct mt_buffers *buffers, const struct mt_element *element)
{
    mt_guest_write_u64(&buffers->window, mt_gva(buffers->output), element->start);
}

void mt_copy_fini(struct mt_copy *copy, const mote_allocator *allocator)
{
    open_copy(copy, copy->room_bytes);
    mt_release(allocator, copy->data);
    *copy = (struct mt_copy){0};
}
