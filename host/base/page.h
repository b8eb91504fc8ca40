/* SPDX-License-Identifier: Apache-2.0 */
/* A page of memory, as bytes. */
#ifndef MOTE_HOST_BASE_PAGE_H
#define MOTE_HOST_BASE_PAGE_H

#include "abi/memory_map.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool mt_page_is_zero(const uint8_t *page)
{
    /* Both halves of each comparison lie in the page: it equals itself shifted by one byte. */
    return page[0] == 0 && memcmp(page, page + 1, MT_PAGE_BYTES - 1) == 0;
}

#endif
