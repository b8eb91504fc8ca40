/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host exception region (docs/abi.md, Errors and aborts): an i32 length, 0 for none, and JSON
 * of that many bytes. It tells a guest how the host call failed that it tried (MT_PORT_TRY_CALL).
 * The guest cannot write it.
 */
#ifndef MOTE_HOST_MEMORY_EXCEPTION_H
#define MOTE_HOST_MEMORY_EXCEPTION_H

#include "host/memory/guest_memory.h"
#include "host/memory/layout.h"
#include <mote/error.h>

/* Texts are UTF-8, and not longer than the error that they come from can hold. */
struct mt_exception {
    const char *message;
    const char *source; /* the host function */
    uint64_t code;      /* its own */
    mote_status status;
};

void mt_exception_write(const struct mt_layout *layout, const struct mt_window *window,
                        const struct mt_exception *exception);
void mt_exception_clear(const struct mt_layout *layout, const struct mt_window *window);

#endif
