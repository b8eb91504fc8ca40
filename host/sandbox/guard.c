/* SPDX-License-Identifier: Apache-2.0 */
/* Who is inside a sandbox. */
#include "host/sandbox/guard.h"

#include <sched.h>

enum { IDLE, CLAIMED, RUNNING, KICKING, KICKED };

static bool exchange(struct mt_guard *guard, unsigned from, unsigned to)
{
    return atomic_compare_exchange_strong(&guard->word, &from, to);
}

bool mt_guard_claim(struct mt_guard *guard)
{
    return exchange(guard, IDLE, CLAIMED);
}

void mt_guard_release(struct mt_guard *guard)
{
    atomic_store(&guard->word, IDLE);
}

void mt_guard_start(struct mt_guard *guard)
{
    atomic_store(&guard->word, RUNNING);
}

void mt_guard_end(struct mt_guard *guard)
{
    while (!exchange(guard, RUNNING, IDLE) && !exchange(guard, KICKED, IDLE))
        sched_yield();
}

bool mt_guard_is_cancelled(const struct mt_guard *guard)
{
    unsigned word = atomic_load_explicit(&guard->word, memory_order_acquire);
    return word == KICKING || word == KICKED;
}

bool mt_guard_is_idle(const struct mt_guard *guard)
{
    return atomic_load(&guard->word) == IDLE;
}

void mt_guard_cancel(struct mt_guard *guard, const struct mt_driver *driver,
                     struct mt_machine *machine)
{
    if (!exchange(guard, RUNNING, KICKING))
        return;
    driver->kick(machine);
    atomic_store(&guard->word, KICKED);
}
