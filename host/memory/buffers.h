/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input and output buffers: stacks of messages (docs/abi.md, Buffers).
 *
 *   offset 0   u64 SP: offset of the first free byte; 8 when empty
 *   offset 8   element 0: size-prefixed message, padded to 8 bytes, then u64: offset of its start
 *   ...
 *
 * The host keeps its own count of what it pushed to the input buffer, and empties both buffers
 * before each call. What the guest left on the output buffer is hostile: each number is read once,
 * checked, and only then used.
 */
#ifndef MOTE_HOST_MEMORY_BUFFERS_H
#define MOTE_HOST_MEMORY_BUFFERS_H

#include "abi/ports.h"
#include "host/base/alloc.h"
#include "host/memory/guest_memory.h"
#include "host/memory/layout.h"
#include "wire/wire.h"

/* Where one element lies: offsets from the start of the output buffer. */
struct mt_element {
    uint64_t start;
    uint64_t end; /* of its message, where its back pointer stands */
};

/* Host memory that a message is copied to before it is judged. Grows, never shrinks. */
struct mt_copy {
    uint8_t *data; /* aligned to 16 */
    size_t room_bytes;
};

struct mt_buffers {
    struct mt_window window;
    uint64_t input;
    uint64_t input_bytes;
    uint64_t input_floor; /* offset where the next result goes: behind the call, whose arguments the
                           * guest may still be reading in place */
    uint64_t output;
    uint64_t output_bytes;
    uint64_t guest_error;
    uint64_t guest_error_bytes;
};

void mt_buffers_init(struct mt_buffers *buffers, const struct mt_layout *layout,
                     const struct mt_window *window);

/* Empty both buffers, and the guest's error buffer. */
void mt_buffers_reset(struct mt_buffers *buffers);

/* Put a call at the bottom of the input buffer, or a result of a host call above it, in the place
 * of an earlier result. MOTE_E_INPUT_FULL when it does not fit. */
mote_status mt_buffers_put_call(struct mt_buffers *buffers, const struct mt_wire_call *call,
                                mote_error *err);
mote_status mt_buffers_put_result(const struct mt_buffers *buffers,
                                  const struct mt_wire_value *result, mote_error *err);

/* List the top n elements of the output buffer, topmost first. What lies below them is not looked
 * at. *n_found may be less than n when the buffer holds fewer and only then. MOTE_E_PROTOCOL. */
mote_status mt_buffers_list_output(const struct mt_buffers *buffers, struct mt_element *elements,
                                   size_t n, size_t *n_found, mote_error *err);

/* Copy an element's message, as long as its size prefix says, into *copy. MOTE_E_PROTOCOL,
 * MOTE_E_MEMORY. */
mote_status mt_buffers_copy(const struct mt_buffers *buffers, const struct mt_element *element,
                            const mote_allocator *allocator, struct mt_copy *copy,
                            size_t *len_bytes, mote_error *err);

/* Copy the message in the guest's error buffer; *len_bytes is 0 when there is none.
 * MOTE_E_PROTOCOL, MOTE_E_MEMORY. */
mote_status mt_buffers_copy_error(const struct mt_buffers *buffers, const mote_allocator *allocator,
                                  struct mt_copy *copy, size_t *len_bytes, mote_error *err);

/* Take from the output buffer everything from an element on. */
void mt_buffers_drop_from(const struct mt_buffers *buffers, const struct mt_element *element);

/* The message is not looked at any more. In a build with AddressSanitizer whoever does is reported,
 * until the next one is copied. */
void mt_copy_close(const struct mt_copy *copy);
void mt_copy_fini(struct mt_copy *copy, const mote_allocator *allocator);

#endif
