/* SPDX-License-Identifier: Apache-2.0 */
/* Who is inside a sandbox. */
#include "host/sandbox/guard.h"

#include <errno.h>
#include <sched.h>

static bool exchange(struct mt_guard *guard, unsigned from, unsigned to)
{
    return atomic_compare_exchange_strong(&guard->word, &from, to);
}

/* No two threads have it at the same address. In the static TLS, so that no call finds it. */
static _Thread_local char this_thread __attribute__((tls_model("initial-exec")));

static _Thread_local const void *acts_for __attribute__((tls_model("initial-exec")));

const void *mt_guard_identity(void)
{
    return acts_for != NULL ? acts_for : &this_thread;
}

void mt_guard_act_for(const void *identity)
{
    acts_for = identity;
}

bool mt_guard_claim(struct mt_guard *guard)
{
    if (!exchange(guard, MT_GUARD_IDLE, MT_GUARD_CLAIMED))
        return false;
    atomic_store_explicit(&guard->owner, mt_guard_identity(), memory_order_relaxed);
    return true;
}

bool mt_guard_is_mine(const struct mt_guard *guard)
{
    return atomic_load_explicit(&guard->owner, memory_order_relaxed) == mt_guard_identity();
}

/* The owner goes before the word says idle, so that nobody finds the name of a thread that is gone.
 */
void mt_guard_release(struct mt_guard *guard)
{
    atomic_store_explicit(&guard->owner, NULL, memory_order_relaxed);
    atomic_store(&guard->word, MT_GUARD_IDLE);
}

void mt_guard_end(struct mt_guard *guard)
{
    while (!exchange(guard, MT_GUARD_RUNNING, MT_GUARD_CLAIMED) &&
           !exchange(guard, MT_GUARD_MARKED, MT_GUARD_CLAIMED) &&
           !exchange(guard, MT_GUARD_KICKED, MT_GUARD_CLAIMED))
        sched_yield();
}

void mt_guard_cancel(struct mt_guard *guard, const struct mt_driver *driver,
                     struct mt_machine *machine)
{
    if (!exchange(guard, MT_GUARD_RUNNING, MT_GUARD_KICKING) &&
        !exchange(guard, MT_GUARD_MARKED, MT_GUARD_KICKING))
        return;
    int before = errno;
    bool needs_none = acts_for != NULL && mt_guard_is_mine(guard);
    bool is_over = needs_none || driver->kick(machine);
    errno = before; /* the interrupted code's, where a signal handler cancels */
    atomic_store(&guard->word, is_over ? MT_GUARD_KICKED : MT_GUARD_MARKED);
}
