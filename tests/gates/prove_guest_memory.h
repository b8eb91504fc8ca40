/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of host/memory/guest_memory.h for a proof that is the guest's memory: all of it is
 * declared and nothing defined. */
#ifndef MOTE_HOST_MEMORY_GUEST_MEMORY_H
#define MOTE_HOST_MEMORY_GUEST_MEMORY_H

#include "host/base/region.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mt_gva {
    uint64_t value;
};

static inline struct mt_gva mt_gva(uint64_t value)
{
    return (struct mt_gva){value};
}

bool mt_guest_read(const struct mt_window *window, struct mt_gva from, void *to,
                   uint64_t len_bytes);
bool mt_guest_read_u64(const struct mt_window *window, struct mt_gva from, uint64_t *value);
bool mt_guest_write_u64(const struct mt_window *window, struct mt_gva to, uint64_t value);
uint8_t *mt_guest_build_at(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes);
void mt_guest_built(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes);

#endif
