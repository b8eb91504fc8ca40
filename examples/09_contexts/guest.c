/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that remembers from call to call: one customer's bill. */
#include <mote_guest/moteg.h>

static uint32_t n_items;
static uint32_t total;

MOTEG_FUNCTION(u32, Add, (u32, price))
{
    n_items++;
    total += price;
    return total;
}

MOTEG_FUNCTION(str, Bill)
{
    return moteg_format("items: %u, in all: %u", n_items, total);
}

MOTEG_FUNCTION(void, Break)
{
    __builtin_trap();
}
