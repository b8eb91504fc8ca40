/* SPDX-License-Identifier: Apache-2.0 */
/* Each step of a snapshot and of a restore fails, on the script driver: which state is left, and
 * what the next restore makes of it. */
#include "tests/script/fixture.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define N_WORDS 6u

static const mote_status statuses[] = {MOTE_E_SYSTEM, MOTE_E_MEMORY};

/* Words on pages of their own, from the heap's first to the stack's. */
static uint64_t word_address(const struct guest *guest, unsigned i)
{
    uint64_t start = guest_place(guest, MT_PLACE_HEAP);
    uint64_t end = guest_place(guest, MT_PLACE_STACK) + 64;
    return start + (end - start) / (N_WORDS - 1) / 8 * 8 * i;
}

static void set_words(struct guest *guest, uint64_t value)
{
    for (unsigned i = 0; i < N_WORDS; i++)
        guest_set_word(guest, word_address(guest, i), value + i);
}

static bool has_words(const struct guest *guest, uint64_t value)
{
    for (unsigned i = 0; i < N_WORDS; i++)
        if (guest_word(guest, word_address(guest, i)) != value + i)
            return false;
    return true;
}

/* A guest with snapshots of 100, 101, ... and 200, 201, ...; it has gone on to 300, 301, ... */
static void open_pair(struct guest *guest, mote_snapshot *snapshots[2])
{
    guest_ready(guest, GUEST_MOTE, NULL);
    for (unsigned i = 0; i < 2; i++) {
        set_words(guest, 100 + 100 * i);
        assert_fine(mote_snapshot_take(guest->sandbox, &snapshots[i], &last_error));
    }
    set_words(guest, 300);
}

static void close_pair(struct guest *guest, mote_snapshot *snapshots[2])
{
    mote_snapshot_unref(snapshots[0]);
    mote_snapshot_unref(snapshots[1]);
    guest_close(guest);
}

static void assert_restores(struct guest *guest, mote_snapshot *snapshots[2], unsigned first)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned which = (first + i) % 2;
        assert_fine(mote_sandbox_restore(guest->sandbox, snapshots[which], &last_error));
        assert_state(guest, MOTE_SANDBOX_READY);
        assert_true(has_words(guest, 100 + 100 * which));
        set_words(guest, 400);
    }
}

static void test_a_restore_that_failed_poisons_and_the_next_is_whole(void **state)
{
    (void)state;
    static const enum mt_script_operation steps[] = {MT_SCRIPT_QUIESCE, MT_SCRIPT_LIST_WRITTEN,
                                                     MT_SCRIPT_TRACK, MT_SCRIPT_LOAD};
    for (unsigned i = 0; i < COUNT(steps) * COUNT(statuses) * 2; i++) {
        const enum mt_script_operation step = steps[i / 4];
        const mote_status status = statuses[i / 2 % 2];
        struct guest guest;
        mote_snapshot *snapshots[2];
        open_pair(&guest, snapshots);
        mt_script_fail_next(step, status);
        assert_error(mote_sandbox_restore(guest.sandbox, snapshots[0], &last_error), status);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        assert_error(guest_echo(&guest), MOTE_E_POISONED);
        assert_error(mote_sandbox_push(guest.sandbox, &last_error), MOTE_E_POISONED);
        /* Nothing is known of it any more: what is used is asked for, and may fail as well. */
        mt_script_fail_next(MT_SCRIPT_LIST_USED, status);
        assert_error(mote_sandbox_restore(guest.sandbox, snapshots[1], &last_error), status);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        assert_restores(&guest, snapshots, i % 2);
        close_pair(&guest, snapshots);
    }
}

static void test_a_snapshot_that_failed_leaves_all_as_it_was(void **state)
{
    (void)state;
    static const enum mt_script_operation steps[] = {MT_SCRIPT_QUIESCE, MT_SCRIPT_LIST_USED,
                                                     MT_SCRIPT_SAVE, MT_SCRIPT_TRACK};
    for (unsigned i = 0; i < COUNT(steps) * COUNT(statuses); i++) {
        struct guest guest;
        mote_snapshot *snapshots[2];
        mote_snapshot *none = NULL;
        open_pair(&guest, snapshots);
        mt_script_fail_next(steps[i / 2], statuses[i % 2]);
        assert_error(mote_snapshot_take(guest.sandbox, &none, &last_error), statuses[i % 2]);
        assert_null(none);
        assert_state(&guest, MOTE_SANDBOX_READY);
        assert_true(has_words(&guest, 300));
        assert_restores(&guest, snapshots, i % 2);
        close_pair(&guest, snapshots);
    }
}

/* A call that resets says how the call ended, and poisons when the restore did not succeed. */
static void test_a_reset_that_failed_poisons_whatever_the_call_was(void **state)
{
    (void)state;
    static const enum mt_script_operation steps[] = {MT_SCRIPT_QUIESCE, MT_SCRIPT_LIST_WRITTEN,
                                                     MT_SCRIPT_LOAD};
    for (unsigned i = 0; i < COUNT(steps) * 2; i++) {
        const mote_value text = mote_str("x");
        const struct mt_wire_value result = {.type = MT_WIRE_STR,
                                             .as.view = {(const uint8_t *)"x", 1}};
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        assert_fine(mote_sandbox_push(guest.sandbox, &last_error));
        bool is_good = i % 2 == 0;
        if (is_good)
            guest_push_result(&guest, &result);
        guest_done(&guest);
        mt_script_play(guest.sandbox->machine, guest.steps, guest.n_steps);
        mt_script_fail_next(steps[i / 2], MOTE_E_SYSTEM);
        assert_error(
            mote_call_reset(guest.sandbox, "Echo", &text, 1, MOTE_TYPE_STR, NULL, &last_error),
            is_good ? MOTE_E_SYSTEM : MOTE_E_NO_RESULT);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        assert_fine(mote_sandbox_restore(guest.sandbox, NULL, &last_error));
        assert_state(&guest, MOTE_SANDBOX_READY);
        guest_close(&guest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_restore_that_failed_poisons_and_the_next_is_whole),
        cmocka_unit_test(test_a_snapshot_that_failed_leaves_all_as_it_was),
        cmocka_unit_test(test_a_reset_that_failed_poisons_whatever_the_call_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
