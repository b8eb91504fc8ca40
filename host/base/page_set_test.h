/* SPDX-License-Identifier: Apache-2.0 */
/* What tests ask of sets of pages, and the library does not. */
#ifndef MOTE_HOST_BASE_PAGE_SET_TEST_H
#define MOTE_HOST_BASE_PAGE_SET_TEST_H

#include "host/base/page_set.h"

static inline bool page_set_has(const struct mt_page_set *set, uint64_t page)
{
    uint64_t first = page;
    uint64_t n;
    return mt_page_set_next_run(set, &first, &n) && first == page;
}

#endif
