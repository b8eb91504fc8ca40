/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of sandboxes.
 *
 * A sandbox remembers which snapshot its memory was last equal to: its base. What may differ from
 * the base is what the driver says the guest wrote, and what the host wrote itself. So a restore to
 * the base copies these pages, one to another snapshot those in which the two differ as well, and
 * one of a sandbox without a base all that is used.
 */
#ifndef MOTE_HOST_SANDBOX_SNAPSHOT_H
#define MOTE_HOST_SANDBOX_SNAPSHOT_H

#include "host/base/page_set.h"
#include <mote/snapshot.h>

struct mt_history {
    mote_snapshot *base;        /* NULL: nothing is known; a reference is held */
    struct mt_page_set written; /* by the host since it was at its base */
    struct mt_page_set pages;   /* scratch: what a restore has to look at */
    mote_snapshot **stack;      /* a reference each */
    size_t depth;
    size_t room;
};

/* The sandbox is between calls, and claimed. */
mote_status mt_snapshot_take(mote_sandbox *sandbox, mote_snapshot **out, mote_error *err);
/* MOTE_E_SNAPSHOT leaves the sandbox alone; after another error its memory is undefined. Its state
 * is for the caller to set. */
mote_status mt_snapshot_restore(mote_sandbox *sandbox, mote_snapshot *snapshot, mote_error *err);

mote_status mt_history_push(mote_sandbox *sandbox, mote_error *err);
/* The snapshot on top of the stack, or under it. MOTE_E_NO_SNAPSHOT. */
mote_status mt_history_top(const mote_sandbox *sandbox, size_t n_below, mote_snapshot **top,
                           mote_error *err);
void mt_history_drop(mote_sandbox *sandbox);
void mt_history_fini(mote_sandbox *sandbox);

#endif
