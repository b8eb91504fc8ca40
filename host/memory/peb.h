/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the process environment block, and taking back the one number a 0.1 guest puts in it. */
#ifndef MOTE_HOST_MEMORY_PEB_H
#define MOTE_HOST_MEMORY_PEB_H

#include "host/memory/guest_memory.h"
#include "host/memory/layout.h"

/* Write the PEB for a sandbox that runs in a virtual machine or a process of its own. */
void mt_peb_write(const struct mt_layout *layout, const struct mt_window *window,
                  uint64_t cookie_seed);

/* Change it for one that reaches its host in another way. */
void mt_peb_set_way_out(const struct mt_layout *layout, const struct mt_window *window,
                        const struct mt_way_out *way_out);

/* Read where a 0.1 guest wants its calls dispatched; 0 when it said nothing. */
uint64_t mt_peb_dispatch_function(const struct mt_layout *layout, const struct mt_window *window);

#endif
