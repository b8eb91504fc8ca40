/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is inside a sandbox, in one word: nobody, or one operation; and whether a cancel has reached
 * the call that is running. No lock: a warm call pays two atomic exchanges.
 *
 *            claim              start              end
 *   idle ------------> claimed ------> running ----------> claimed
 *                         |              | cancel            ^
 *                         | release      v        (waits)    |
 *                         +--> idle   kicking ---> kicked ---+
 *                                      |   ^                 |
 *                              refused v   | cancel          |
 *                                     marked ----------------+
 *
 * While a cancel is kicking, the call cannot end: so the thread that is kicked is still there, and
 * no later call can be hit. A kick that was refused to its thread leaves the call marked: it ends
 * at its next exit, or another thread's cancel kicks.
 */
#ifndef MOTE_HOST_SANDBOX_GUARD_H
#define MOTE_HOST_SANDBOX_GUARD_H

#include "host/driver/driver.h"
#include <stdatomic.h>

enum {
    MT_GUARD_IDLE,
    MT_GUARD_CLAIMED,
    MT_GUARD_RUNNING,
    MT_GUARD_KICKING,
    MT_GUARD_MARKED,
    MT_GUARD_KICKED
};

struct mt_guard {
    _Atomic unsigned word;
    _Atomic(const void *) owner; /* stands for the thread inside; NULL for none */
};

/* Come in; false when somebody is inside. */
bool mt_guard_claim(struct mt_guard *guard);
/* Go out again. */
void mt_guard_release(struct mt_guard *guard);
/* Whether it is the calling thread that is inside: a host function or callback came back. */
bool mt_guard_is_mine(const struct mt_guard *guard);
/* What the calling thread is known by as an owner. */
const void *mt_guard_identity(void);
/* The calling thread acts for the one of that identity, which waits for it; NULL: for itself. */
void mt_guard_act_for(const void *identity);
/* From here on cancels count. */
static inline void mt_guard_start(struct mt_guard *guard)
{
    atomic_store(&guard->word, MT_GUARD_RUNNING);
}
/* The run is over, and cancels count no more: waits for one that is being delivered. */
void mt_guard_end(struct mt_guard *guard);
static inline bool mt_guard_is_cancelled(const struct mt_guard *guard)
{
    unsigned word = atomic_load_explicit(&guard->word, memory_order_acquire);
    return word == MT_GUARD_KICKING || word == MT_GUARD_MARKED || word == MT_GUARD_KICKED;
}
/* Cancel what is running, if anything is. Any thread; async-signal-safe. A thread that acts for the
 * owner kicks nobody: the owner is in no guest, and looks before it enters one. */
void mt_guard_cancel(struct mt_guard *guard, const struct mt_driver *driver,
                     struct mt_machine *machine);

#endif
