/* SPDX-License-Identifier: Apache-2.0 */
/* Core files of guests, for debuggers. */
#ifndef MOTE_DUMP_H
#define MOTE_DUMP_H

#include <mote/sandbox.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Write an ELF core file of a guest: its registers as they were at its last exit, vector state, and
 * all its memory. `gdb GUEST FILE` opens it, with the guest's symbols.
 *
 * A new file with rights for its owner alone is written beside the path, and takes the place of a
 * regular file there once it is whole; what else is there, a link or a device, is left alone. Pages
 * that are zero are holes in it. It holds all that the guest knows. See dump_path in mote_config
 * for one at every fault.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: one at a time per sandbox; blocks for as long as writing takes.
 * Errors: MOTE_E_ARGUMENT (NULL), MOTE_E_BUSY, MOTE_E_REENTRY, MOTE_E_FORKED, MOTE_E_MEMORY,
 * MOTE_E_TOO_LARGE (an image of very many segments), MOTE_E_SYSTEM (the file cannot be written:
 * what was there before stays). The sandbox is as before.
 */
MOTE_NODISCARD mote_status mote_sandbox_dump(mote_sandbox *sandbox, const char *path,
                                             mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
