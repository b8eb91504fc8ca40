/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All interleavings of cancels and calls. A call takes four steps, each one atomic: claim, start,
 * end, release. A cancel takes two, with the kick between them: whatever other threads can do in
 * that moment is done by the kick of this test. So cancels that are begun before each step, and
 * everything in the middle of each of them, are all that there is.
 */
#include "host/sandbox/guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

static bool is_idle(const struct mt_guard *guard)
{
    return atomic_load(&guard->word) == MT_GUARD_IDLE;
}

#define N_CALLS 3u
enum { CLAIM, START, END, RELEASE, STEPS_OF_A_CALL };
#define N_STEPS (N_CALLS * STEPS_OF_A_CALL)

/* What happens in the middle of a cancel. */
enum { NOTHING, LOOKS, CANCELS_AGAIN, CLAIMS, IS_REFUSED, N_MIDDLES };

static struct {
    struct mt_guard guard;
    unsigned step; /* that comes next */
    unsigned n_kicks[N_CALLS];
    unsigned n_kicks_outside;
    unsigned middle;
    bool was_wrong;
} world;

static bool is_running(void)
{
    unsigned step = world.step % STEPS_OF_A_CALL;
    return step == END;
}

static bool kick(struct mt_machine *machine);
static const struct mt_driver driver = {.kick = kick};

static bool kick(struct mt_machine *machine)
{
    (void)machine;
    if (!is_running())
        world.n_kicks_outside++;
    else
        world.n_kicks[world.step / STEPS_OF_A_CALL]++;
    unsigned middle = world.middle;
    world.middle = NOTHING;
    if (middle == LOOKS)
        world.was_wrong |= !mt_guard_is_cancelled(&world.guard);
    if (middle == CLAIMS)
        world.was_wrong |= mt_guard_claim(&world.guard) || is_idle(&world.guard);
    if (middle == CANCELS_AGAIN)
        mt_guard_cancel(&world.guard, &driver, NULL);
    return middle != IS_REFUSED;
}

static void take_step(void)
{
    switch (world.step % STEPS_OF_A_CALL) {
    case CLAIM:
        assert_true(mt_guard_claim(&world.guard));
        assert_true(mt_guard_is_mine(&world.guard));
        break;
    case START:
        mt_guard_start(&world.guard);
        break;
    case END:
        mt_guard_end(&world.guard);
        break;
    default:
        mt_guard_release(&world.guard);
        assert_true(is_idle(&world.guard));
        break;
    }
    world.step++;
}

/* The world with cancels before these steps, each with something in its middle. */
static void live(const unsigned *cancel_at, unsigned n_cancels, unsigned middle)
{
    unsigned n_hits[N_CALLS] = {0};
    world = (__typeof__(world)){.middle = middle};
    for (unsigned step = 0; step <= N_STEPS; step++) {
        for (unsigned i = 0; i < n_cancels; i++) {
            if (cancel_at[i] != step)
                continue;
            world.middle = middle;
            mt_guard_cancel(&world.guard, &driver, NULL);
            if (is_running())
                n_hits[step / STEPS_OF_A_CALL]++;
        }
        /* A call sees its own cancels, and none that came before or after it. */
        bool is_mine = is_running() && n_hits[step / STEPS_OF_A_CALL] > 0;
        assert_int_equal(mt_guard_is_cancelled(&world.guard), is_mine);
        if (step < N_STEPS)
            take_step();
    }
    assert_false(world.was_wrong);
    assert_int_equal(world.n_kicks_outside, 0);
    /* One kick is enough, unless it was refused. */
    for (unsigned i = 0; i < N_CALLS; i++)
        assert_int_equal(world.n_kicks[i], middle == IS_REFUSED ? n_hits[i] : n_hits[i] > 0);
}

static void test_a_cancel_hits_the_call_that_runs_and_no_other(void **state)
{
    (void)state;
    for (unsigned middle = 0; middle < N_MIDDLES; middle++) {
        for (unsigned i = 0; i < (N_STEPS + 1) * (N_STEPS + 1) * (N_STEPS + 1); i++) {
            const unsigned at[] = {i % (N_STEPS + 1), i / (N_STEPS + 1) % (N_STEPS + 1),
                                   i / (N_STEPS + 1) / (N_STEPS + 1)};
            live(at, 3, middle);
        }
    }
}

/* ---- The end of a call, in the middle of a cancel ---- */

static atomic_bool is_kicking;
static atomic_bool may_go_on;
static atomic_bool has_ended;

static bool kick_slowly(struct mt_machine *machine)
{
    (void)machine;
    atomic_store(&is_kicking, true);
    while (!atomic_load(&may_go_on))
        usleep(100);
    return true;
}

static void *cancel_slowly(void *guard)
{
    static const struct mt_driver slow = {.kick = kick_slowly};
    mt_guard_cancel(guard, &slow, NULL);
    return NULL;
}

static void *end_call(void *guard)
{
    mt_guard_end(guard);
    atomic_store(&has_ended, true);
    return NULL;
}

/* The one step that has to wait. */
static void test_a_call_ends_after_the_cancel_that_kicks_it(void **state)
{
    (void)state;
    struct mt_guard guard = {0};
    pthread_t canceller;
    pthread_t caller;
    assert_true(mt_guard_claim(&guard));
    mt_guard_start(&guard);
    assert_int_equal(pthread_create(&canceller, NULL, cancel_slowly, &guard), 0);
    while (!atomic_load(&is_kicking))
        usleep(100);
    assert_int_equal(pthread_create(&caller, NULL, end_call, &guard), 0);
    usleep(20000);
    assert_false(atomic_load(&has_ended));
    atomic_store(&may_go_on, true);
    pthread_join(canceller, NULL);
    pthread_join(caller, NULL);
    assert_true(atomic_load(&has_ended));
    assert_false(mt_guard_is_cancelled(&guard));
    mt_guard_release(&guard);
    assert_true(is_idle(&guard));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cancel_hits_the_call_that_runs_and_no_other),
        cmocka_unit_test(test_a_call_ends_after_the_cancel_that_kicks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
