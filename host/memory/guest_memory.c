/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing memory that a guest can write. */
#include "host/memory/guest_memory.h"

#include "abi/memory_map.h"
#include <string.h>

/* The compiler must not read guest memory a second time in place of the copy. */
static void keep_copy(void)
{
    __asm__ volatile("" : : : "memory");
}

bool mt_guest_read(const struct mt_window *window, struct mt_gva from, void *to, uint64_t len_bytes)
{
    const uint8_t *host = mt_guest_host_of(window, from, len_bytes);
    if (host == NULL)
        return false;
    memcpy(to, host, len_bytes);
    keep_copy();
    return true;
}

bool mt_guest_read_u64(const struct mt_window *window, struct mt_gva from, uint64_t *value)
{
    const uint8_t *host = mt_guest_host_of(window, from, sizeof(*value));
    if (host == NULL)
        return false;
    memcpy(value, host, sizeof(*value));
    keep_copy();
    return true;
}

bool mt_guest_write(const struct mt_window *window, struct mt_gva to, const void *from,
                    uint64_t len_bytes)
{
    uint8_t *host = mt_guest_host_of(window, to, len_bytes);
    if (host == NULL)
        return false;
    if (len_bytes > 0)
        memcpy(host, from, len_bytes);
    if (window->written != NULL)
        mt_guest_built(window, to, len_bytes);
    return true;
}

uint8_t *mt_guest_build_at(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes)
{
    return mt_guest_host_of(window, to, len_bytes);
}

void mt_guest_built(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes)
{
    if (window->written == NULL || len_bytes == 0)
        return;
    uint64_t first = (to.value - window->start) / MT_PAGE_BYTES;
    uint64_t last = (to.value - window->start + len_bytes - 1) / MT_PAGE_BYTES;
    mt_page_set_add_run(window->written, first, last - first + 1);
}
