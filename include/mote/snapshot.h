/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: keep the state of a sandbox, and restore it. */
#ifndef MOTE_SNAPSHOT_H
#define MOTE_SNAPSHOT_H

#include <mote/sandbox.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The memory of a sandbox and the state of its virtual CPU - registers, FS and GS base, vector
 * state - at one moment.
 *
 * Immutable and reference-counted. It can be restored into any sandbox of the same image object
 * whose configuration has the same sizes and the same executable_heap, and that runs on the same
 * driver. Host functions, limits, callbacks and counts are not in a snapshot; they stay the
 * sandbox's own. What the guest was told when it initialised is in its memory, and comes with the
 * snapshot: its seeds, and max_log of the sandbox that initialised it.
 */
typedef struct mote_snapshot mote_snapshot;

/**
 * Take a snapshot of a sandbox, between two of its calls.
 *
 * It costs a copy of the memory that the guest has used. From the first snapshot on, the guest's
 * first write to each page costs a fault, by which mote learns of it; a restore then costs only
 * what was written.
 *
 * Units: none.
 * Owner: the caller owns a reference to *out and gives it back with mote_snapshot_unref().
 * Threads: one at a time per sandbox.
 * Errors: MOTE_E_ARGUMENT (NULL), MOTE_E_STATE (not initialised), MOTE_E_SPENT, MOTE_E_BUSY,
 * MOTE_E_REENTRY, MOTE_E_FORKED, MOTE_E_POISONED, MOTE_E_MEMORY, MOTE_E_SYSTEM. The sandbox goes on
 * as it was, and *out is untouched.
 */
MOTE_NODISCARD mote_status mote_snapshot_take(mote_sandbox *sandbox, mote_snapshot **out,
                                              mote_error *err);

/**
 * Take one more reference to a snapshot and return it; NULL gives NULL.
 *
 * Units: none.
 * Owner: the caller owns the new reference.
 * Threads: any.
 * Errors: none.
 */
mote_snapshot *mote_snapshot_ref(mote_snapshot *snapshot);

/**
 * Give a reference to a snapshot back; NULL is a no-op.
 *
 * Units: none.
 * Owner: the last reference releases the snapshot. Sandboxes that were restored from it hold one.
 * Threads: any.
 * Errors: none.
 */
void mote_snapshot_unref(mote_snapshot *snapshot);

/**
 * Return how much memory a snapshot takes: the guest's pages that are not zero.
 *
 * Units: bytes.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none; 0 for NULL.
 */
uint64_t mote_snapshot_bytes(const mote_snapshot *snapshot);

/**
 * Restore a snapshot into a sandbox: for NULL, the one on top of its stack.
 *
 * Nothing that the guest did since is left where the guest could find it. A poisoned sandbox is
 * ready again afterwards, and a call context in which it was poisoned has ended; one that was only
 * created is ready too, without an initialisation of its own. The cost is a copy of the pages that
 * were written since, and, if the sandbox was last restored from another snapshot, of those
 * that are anything but zeros in one of the two.
 *
 * Units: none.
 * Owner: the sandbox keeps a reference of its own.
 * Threads: one at a time per sandbox.
 * Errors: MOTE_E_ARGUMENT (NULL), MOTE_E_STATE (in a call context: finish it), MOTE_E_SPENT (also
 * for a single-use sandbox that is poisoned), MOTE_E_BUSY, MOTE_E_REENTRY, MOTE_E_FORKED,
 * MOTE_E_POISONED (dead), MOTE_E_NO_SNAPSHOT (the stack is empty), MOTE_E_SNAPSHOT (of another
 * image, configuration or driver): the sandbox is as before. MOTE_E_MEMORY and MOTE_E_SYSTEM leave
 * it poisoned.
 */
MOTE_NODISCARD mote_status mote_sandbox_restore(mote_sandbox *sandbox, mote_snapshot *snapshot,
                                                mote_error *err);

/**
 * Take a snapshot and put it on the sandbox's stack.
 *
 * Units: none.
 * Owner: the stack keeps the snapshot until it is popped or the sandbox is destroyed.
 * Threads: one at a time per sandbox.
 * Errors: as mote_snapshot_take(); MOTE_E_STATE also in a call context and for a single-use
 * sandbox. The stack is as before.
 */
MOTE_NODISCARD mote_status mote_sandbox_push(mote_sandbox *sandbox, mote_error *err);

/**
 * Take the top snapshot off the stack and restore the one under it. This undoes the last
 * mote_sandbox_evolve(). The last snapshot on the stack stays.
 *
 * Units: none.
 * Owner: the stack's reference to the top snapshot is given back.
 * Threads: one at a time per sandbox.
 * Errors: as mote_sandbox_restore(); MOTE_E_NO_SNAPSHOT when there are fewer than two: nothing is
 * changed.
 */
MOTE_NODISCARD mote_status mote_sandbox_pop(mote_sandbox *sandbox, mote_error *err);

/**
 * Return how many snapshots are on a sandbox's stack.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: one at a time per sandbox.
 * Errors: none; 0 for NULL.
 */
size_t mote_sandbox_depth(const mote_sandbox *sandbox);

/**
 * What mote_sandbox_evolve() lets the caller do: calls into the sandbox, whose effects are kept.
 *
 * Anything but MOTE_OK ends the evolution with that status; err, which holds nothing at first, may
 * be filled for it, and if it was not, says what the status means.
 */
typedef mote_status (*mote_evolve_fn)(void *context, mote_sandbox *sandbox, mote_error *err);

/**
 * Initialise a sandbox, unless that was done; then let fn make calls, if fn is not NULL; then push
 * a snapshot, which mote_call_reset(), contexts and restores go back to.
 *
 * While fn runs, the sandbox is in a call context, which fn does not finish. A single-use sandbox
 * keeps no snapshot.
 *
 * Units: none.
 * Owner: context stays the caller's.
 * Threads: one at a time per sandbox; blocks for init_limit_us at most, fn and host functions
 * aside.
 * Errors: those of mote_sandbox_init(), after which the sandbox is as that says, those of
 * mote_sandbox_push(), and what fn returned; MOTE_E_STATE also if fn returned MOTE_OK although a
 * call in it poisoned the sandbox, or it left the context. If fn or the push fails, a sandbox that
 * was ready before is restored from the top of its stack; if the stack is empty, or the sandbox was
 * only created before, it is poisoned.
 */
MOTE_NODISCARD mote_status mote_sandbox_evolve(mote_sandbox *sandbox, mote_evolve_fn fn,
                                               void *context, mote_error *err);

/**
 * Call a function as mote_call() does, and afterwards restore the snapshot on top of the sandbox's
 * stack, even if the call failed: the sandbox is ready again.
 *
 * Units: none.
 * Owner: as mote_call().
 * Threads: one at a time per sandbox; blocks for time_limit_us at most, host functions aside.
 * Errors: those of mote_call(); where that leaves the sandbox poisoned, it is ready here (those
 * that leave it dead still do); MOTE_E_STATE also in a call context; MOTE_E_NO_SNAPSHOT (the stack
 * is empty; the guest is not entered). If the restore fails, the sandbox is poisoned: the error is
 * the call's, or, if the call succeeded, the restore's: MOTE_E_MEMORY or MOTE_E_SYSTEM.
 */
MOTE_NODISCARD mote_status mote_call_reset(mote_sandbox *sandbox, const char *function,
                                           const mote_value *args, size_t n_args, mote_type returns,
                                           mote_value *result, mote_error *err);

/**
 * Begin a call context. Until it is finished, calls keep the guest's state, and whatever would
 * restore another state is refused.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: one at a time per sandbox; the context is the sandbox's, not the thread's.
 * Errors: MOTE_E_ARGUMENT (NULL), MOTE_E_STATE (not initialised, or in a context already),
 * MOTE_E_SPENT, MOTE_E_NO_SNAPSHOT (the stack is empty and the sandbox is not single-use),
 * MOTE_E_BUSY, MOTE_E_REENTRY, MOTE_E_FORKED, MOTE_E_POISONED. The sandbox is as before.
 */
MOTE_NODISCARD mote_status mote_context_begin(mote_sandbox *sandbox, mote_error *err);

/**
 * Finish a call context: restore the snapshot on top of the sandbox's stack, even if a call in the
 * context has poisoned the sandbox. A single-use sandbox is spent instead.
 *
 * A poisoned sandbox does not know any more whether a context was begun: it is restored in any
 * case.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: one at a time per sandbox.
 * Errors: as mote_sandbox_restore(); MOTE_E_STATE (no context was begun, or a poisoned sandbox was
 * restored or popped since, which ended it).
 */
MOTE_NODISCARD mote_status mote_context_finish(mote_sandbox *sandbox, mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
