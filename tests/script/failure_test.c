/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that fail, and virtual CPUs that die: what is left, and that nothing leaks. */
#include "tests/script/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static mote_status call_i32(struct guest *guest)
{
    return guest_call(guest, "F", NULL, 0, MOTE_TYPE_I32, NULL);
}

static void test_a_virtual_cpu_that_died_leaves_the_sandbox_dead(void **state)
{
    (void)state;
    const struct mt_exit died = {.kind = MT_EXIT_DIED, .died = "triple fault, rip 0x1"};
    struct guest guest;
    for (unsigned is_call = 0; is_call < 2; is_call++) {
        guest_open(&guest, GUEST_MOTE, NULL);
        if (is_call) {
            guest_start(&guest);
            assert_fine(guest_init(&guest));
        }
        guest_exit(&guest, &died);
        assert_error(is_call ? guest_echo(&guest) : guest_init(&guest), MOTE_E_GUEST_DIED);
        assert_string_equal(last_error.text, died.died);
        assert_state(&guest, MOTE_SANDBOX_DEAD);
        assert_error(guest_echo(&guest), MOTE_E_POISONED);
        assert_error(guest_init(&guest), MOTE_E_POISONED);
        guest_close(&guest);
    }
}

/* ---- What a dead sandbox is asked for ---- */

static mote_status try_register(mote_sandbox *sandbox)
{
    const mote_host_function function = {.name = "F", .fn = NULL};
    return mote_sandbox_register(sandbox, &function, &last_error);
}

static mote_status try_init(mote_sandbox *sandbox)
{
    return mote_sandbox_init(sandbox, &last_error);
}

static mote_status try_evolve(mote_sandbox *sandbox)
{
    return mote_sandbox_evolve(sandbox, NULL, NULL, &last_error);
}

static mote_status try_call(mote_sandbox *sandbox)
{
    return mote_call(sandbox, "F", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error);
}

static mote_status try_call_reset(mote_sandbox *sandbox)
{
    return mote_call_reset(sandbox, "F", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error);
}

static mote_status try_begin(mote_sandbox *sandbox)
{
    return mote_context_begin(sandbox, &last_error);
}

static mote_status try_finish(mote_sandbox *sandbox)
{
    return mote_context_finish(sandbox, &last_error);
}

static mote_status try_take(mote_sandbox *sandbox)
{
    mote_snapshot *snapshot = NULL;
    mote_status status = mote_snapshot_take(sandbox, &snapshot, &last_error);
    assert_null(snapshot);
    return status;
}

static mote_status try_push(mote_sandbox *sandbox)
{
    return mote_sandbox_push(sandbox, &last_error);
}

static mote_status try_pop(mote_sandbox *sandbox)
{
    return mote_sandbox_pop(sandbox, &last_error);
}

static mote_status try_restore(mote_sandbox *sandbox)
{
    return mote_sandbox_restore(sandbox, NULL, &last_error);
}

static const struct dead_operation {
    const char *function;
    mote_status (*call)(mote_sandbox *sandbox);
} dead_operations[] = {
    {"mote_sandbox_register", try_register}, {"mote_sandbox_init", try_init},
    {"mote_sandbox_evolve", try_evolve},     {"mote_call", try_call},
    {"mote_call_reset", try_call_reset},     {"mote_context_begin", try_begin},
    {"mote_context_finish", try_finish},     {"mote_snapshot_take", try_take},
    {"mote_sandbox_push", try_push},         {"mote_sandbox_pop", try_pop},
    {"mote_sandbox_restore", try_restore},
};

/* Whichever end its virtual CPU came to, in a context or not; snapshots do not help it. */
static void test_a_dead_sandbox_can_only_be_destroyed(void **state)
{
    (void)state;
    const struct mt_exit died = {.kind = MT_EXIT_DIED, .died = "triple fault, rip 0x1"};
    for (unsigned in_context = 0; in_context < 2; in_context++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        assert_fine(mote_sandbox_push(guest.sandbox, &last_error));
        assert_fine(mote_sandbox_push(guest.sandbox, &last_error));
        if (in_context)
            assert_fine(mote_context_begin(guest.sandbox, &last_error));
        guest_exit(&guest, &died);
        assert_error(guest_echo(&guest), MOTE_E_GUEST_DIED);
        for (size_t i = 0; i < sizeof(dead_operations) / sizeof(dead_operations[0]); i++) {
            char wanted[80];
            snprintf(wanted, sizeof(wanted), "%s: the sandbox is dead since an earlier error",
                     dead_operations[i].function);
            assert_error(dead_operations[i].call(guest.sandbox), MOTE_E_POISONED);
            assert_string_equal(last_error.text, wanted);
            assert_state(&guest, MOTE_SANDBOX_DEAD);
            assert_int_equal(mote_sandbox_depth(guest.sandbox), 2);
        }
        guest_close(&guest);
    }
}

/* ---- Drivers that fail ---- */

struct outcome {
    mote_status status;
    mote_sandbox_state state;
};

static void test_a_run_that_fails(void **state)
{
    (void)state;
    static const struct outcome outcomes[] = {
        {MOTE_E_SYSTEM, MOTE_SANDBOX_DEAD},
        {MOTE_E_GUEST_DIED, MOTE_SANDBOX_DEAD},
        {MOTE_E_MEMORY, MOTE_SANDBOX_POISONED},
        {MOTE_E_BUG, MOTE_SANDBOX_POISONED},
    };
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        guest_push_log(&guest, 2, "x");
        guest_out(&guest, MT_PORT_LOG, 1);
        guest_fails(&guest, outcomes[i].status);
        assert_error(guest_echo(&guest), outcomes[i].status);
        assert_state(&guest, outcomes[i].state);
        assert_error(guest_echo(&guest), MOTE_E_POISONED);
        guest_close(&guest);
    }
}

static void test_a_begin_that_fails_leaves_the_sandbox_as_it_was(void **state)
{
    (void)state;
    static const mote_status statuses[] = {MOTE_E_SYSTEM, MOTE_E_MEMORY};
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        guest_open(&guest, GUEST_01, NULL);
        mt_script_fail_next(MT_SCRIPT_BEGIN, statuses[i]);
        assert_error(guest_init(&guest), statuses[i]);
        assert_state(&guest, MOTE_SANDBOX_CREATED);
        guest_start(&guest);
        assert_fine(guest_init(&guest));
        mt_script_fail_next(MT_SCRIPT_BEGIN, statuses[i]);
        assert_error(call_i32(&guest), statuses[i]);
        assert_state(&guest, MOTE_SANDBOX_READY);
        assert_int_equal(guest_stats(&guest).calls, 0);
        guest_push_i32(&guest, 1);
        guest_done(&guest);
        assert_fine(call_i32(&guest));
        guest_close(&guest);
    }
}

static void test_a_driver_that_cannot_prepare_or_create(void **state)
{
    (void)state;
    static const enum mt_script_operation operations[] = {MT_SCRIPT_PREPARE, MT_SCRIPT_CREATE};
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        mt_script_fail_next(operations[i], MOTE_E_NO_HYPERVISOR);
        assert_error(guest_try_open(&guest, GUEST_MOTE, NULL), MOTE_E_NO_HYPERVISOR);
        assert_null(guest.sandbox);
        /* The image is as good as before. */
        mote_config config = MOTE_CONFIG_INIT;
        config.driver = "script";
        assert_fine(mote_sandbox_create(guest.image, &config, &guest.sandbox, &last_error));
        guest_start(&guest);
        assert_fine(guest_init(&guest));
        guest_close(&guest);
    }
}

/* ---- No random numbers ---- */

static bool is_random_refused;

/* The linker puts it in libc's place. */
ssize_t __real_getrandom(void *to, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t n, unsigned flags)
{
    if (!is_random_refused)
        return __real_getrandom(to, n, flags);
    errno = ENOSYS;
    return -1;
}

/* It would have a seed and a canary of which every copy has the same. */
static void test_a_guest_without_random_numbers_is_not_started(void **state)
{
    (void)state;
    struct guest guest;
    guest_open(&guest, GUEST_MOTE, NULL);
    is_random_refused = true;
    mote_status status = guest_init(&guest);
    is_random_refused = false;
    assert_error(status, MOTE_E_SYSTEM);
    assert_int_equal(last_error.os_errno, ENOSYS);
    assert_int_equal(mt_script_record_of(guest.sandbox->machine).n_enters, 0);
    assert_state(&guest, MOTE_SANDBOX_CREATED);
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_close(&guest);
}

/* ---- Every allocation fails once ---- */

struct counter {
    size_t n_live;
    size_t n_asked;
    size_t fail_at; /* counts from 1 */
};

static void *count_allocate(void *context, size_t len_bytes)
{
    struct counter *counter = context;
    if (++counter->n_asked == counter->fail_at)
        return NULL;
    void *block = malloc(len_bytes);
    counter->n_live += block != NULL;
    return block;
}

static void *count_reallocate(void *context, void *block, size_t len_bytes)
{
    struct counter *counter = context;
    if (++counter->n_asked == counter->fail_at)
        return NULL;
    void *moved = realloc(block, len_bytes);
    counter->n_live += block == NULL && moved != NULL;
    return moved;
}

static void count_release(void *context, void *block)
{
    struct counter *counter = context;
    assert_true(counter->n_live > 0);
    counter->n_live--;
    free(block);
}

static mote_status nothing(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    return MOTE_OK;
}

/* More than the stack of snapshots has room for at first. */
#define N_PUSHES 5u

/* The whole life of a sandbox, up to what fails first. */
static mote_status live(struct guest *guest, const mote_allocator *allocator)
{
    static const mote_host_function function = {
        .name = "F", .fn = nothing, .returns = MOTE_TYPE_VOID};
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "script";
    *guest = (struct guest){.kind = GUEST_MOTE};
    mote_status status = mote_image_from_bytes(guest_file(), sizeof(struct elf_maker), allocator,
                                               &guest->image, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_create(guest->image, &config, &guest->sandbox, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_register(guest->sandbox, &function, &last_error);
    if (status != MOTE_OK)
        return status;
    guest_start(guest);
    status = guest_init(guest);
    if (status != MOTE_OK)
        return status;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"y", 1}};
    guest_push_call(guest, "F", NULL, 0);
    guest_out(guest, MT_PORT_CALL, 0);
    guest_push_result(guest, &text);
    guest_done(guest);
    status = guest_echo(guest);
    for (unsigned i = 0; i < N_PUSHES && status == MOTE_OK; i++)
        status = mote_sandbox_push(guest->sandbox, &last_error);
    return status == MOTE_OK ? mote_sandbox_pop(guest->sandbox, &last_error) : status;
}

static void test_every_allocation_fails_once_and_nothing_leaks(void **state)
{
    (void)state;
    struct counter counter = {0};
    const mote_allocator allocator = {.context = &counter,
                                      .allocate = count_allocate,
                                      .reallocate = count_reallocate,
                                      .release = count_release};
    mote_status status;
    do {
        struct guest guest;
        counter.n_asked = 0;
        counter.fail_at++;
        status = live(&guest, &allocator);
        assert_error(status, status == MOTE_OK ? MOTE_OK : MOTE_E_MEMORY);
        guest_close(&guest);
        assert_int_equal(counter.n_live, 0);
    } while (counter.n_asked >= counter.fail_at);
    assert_int_equal(status, MOTE_OK);
    print_message("%zu allocations failed\n", counter.fail_at - 1);
    assert_true(counter.fail_at > 10);
}

/* The result is of a guest that could not be brought back: the caller gets neither. */
static void test_a_call_whose_restore_fails_has_no_result(void **state)
{
    (void)state;
    const mote_value text = mote_str("x");
    const struct mt_wire_value answer = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    assert_fine(mote_sandbox_push(guest.sandbox, &last_error));
    guest_push_result(&guest, &answer);
    guest_done(&guest);
    mt_script_play(guest.sandbox->machine, guest.steps, guest.n_steps);
    mt_script_fail_next(MT_SCRIPT_LIST_WRITTEN, MOTE_E_SYSTEM);
    mote_value result = mote_i32(-1);
    assert_error(
        mote_call_reset(guest.sandbox, "Echo", &text, 1, MOTE_TYPE_STR, &result, &last_error),
        MOTE_E_SYSTEM);
    assert_int_equal(result.type, MOTE_TYPE_I32);
    assert_int_equal(result.as.i32, -1);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_virtual_cpu_that_died_leaves_the_sandbox_dead),
        cmocka_unit_test(test_a_dead_sandbox_can_only_be_destroyed),
        cmocka_unit_test(test_a_run_that_fails),
        cmocka_unit_test(test_a_begin_that_fails_leaves_the_sandbox_as_it_was),
        cmocka_unit_test(test_a_driver_that_cannot_prepare_or_create),
        cmocka_unit_test(test_a_guest_without_random_numbers_is_not_started),
        cmocka_unit_test(test_every_allocation_fails_once_and_nothing_leaks),
        cmocka_unit_test(test_a_call_whose_restore_fails_has_no_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
