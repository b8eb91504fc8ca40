/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to memory that a guest can write. Bytes are copied out, each once, and judged in
 * host memory; nothing in here trusts a number that stands in guest memory.
 */
#ifndef MOTE_HOST_MEMORY_GUEST_MEMORY_H
#define MOTE_HOST_MEMORY_GUEST_MEMORY_H

#include "host/base/checked.h"
#include "host/base/region.h"
#include <stddef.h>
#include <string.h>

/* An address in the guest's address space; cannot be followed by mistake. */
struct mt_gva {
    uint64_t value;
};

static inline struct mt_gva mt_gva(uint64_t value)
{
    return (struct mt_gva){value};
}

/* All return false, and do nothing, when the range is not inside the window. */
bool mt_guest_read(const struct mt_window *window, struct mt_gva from, void *to,
                   uint64_t len_bytes);
bool mt_guest_read_u64(const struct mt_window *window, struct mt_gva from, uint64_t *value);
bool mt_guest_write(const struct mt_window *window, struct mt_gva to, const void *from,
                    uint64_t len_bytes);

/* A place to build a message in. The pointer is for writing only, and for the next statement only:
 * it is not kept. NULL when the range is not inside the window. What was built there is then told
 * to mt_guest_built(). */
uint8_t *mt_guest_build_at(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes);
void mt_guest_built(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes);

/* Where guest memory is in the host's; NULL when the range is not inside the window. For this file
 * and guest_memory.c only. */
static inline uint8_t *mt_guest_host_of(const struct mt_window *window, struct mt_gva at,
                                        uint64_t len_bytes)
{
    if (at.value < window->start)
        return NULL;
    uint64_t offset = at.value - window->start;
    return mt_range_ok(offset, len_bytes, window->len_bytes) ? window->host + offset : NULL;
}

/* As mt_guest_write(). In the header, since each call writes a handful of them. */
static inline bool mt_guest_write_u64(const struct mt_window *window, struct mt_gva to,
                                      uint64_t value)
{
    uint8_t *host = mt_guest_host_of(window, to, sizeof(value));
    if (host == NULL)
        return false;
    memcpy(host, &value, sizeof(value));
    if (window->written != NULL)
        mt_guest_built(window, to, sizeof(value));
    return true;
}

#endif
