/* SPDX-License-Identifier: Apache-2.0 */
/* Time limits, cancels, and signals that are neither. */
#include "tests/script/fixture.h"

#include "host/os/clock.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>

static mote_status call_i32(struct guest *guest)
{
    return guest_call(guest, "F", NULL, 0, MOTE_TYPE_I32, NULL);
}

static void test_a_guest_that_does_not_end_is_stopped_at_its_limit(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    config.time_limit_us = 5000;
    guest_ready(&guest, GUEST_MOTE, &config);
    guest_interrupted(&guest)->waits = true;
    uint64_t before = mt_clock_ns();
    assert_error(guest_echo(&guest), MOTE_E_TIME_LIMIT);
    struct mt_script_record record = mt_script_record_of(guest.sandbox->machine);
    assert_true(mt_clock_ns() >= record.deadline_ns);
    assert_true(record.deadline_ns >= before + 5000000);
    assert_string_equal(last_error.limit.kind, "wall");
    assert_string_equal(last_error.limit.phase, "call");
    assert_int_equal(last_error.limit.limit_us, 5000);
    assert_true(last_error.limit.elapsed_us >= 5000);
    assert_string_equal(last_error.function, "");
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

/* A guest that only tries what nobody answers hardly runs, and a driver that looks at its time
 * would not notice. */
static void test_a_guest_that_tries_in_vain_is_stopped_at_its_limit(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    config.time_limit_us = 5000;
    guest_ready(&guest, GUEST_MOTE, &config);
    guest_push_call(&guest, "Nobody", NULL, 0);
    guest_out(&guest, MT_PORT_TRY_CALL, 0)->waits = true;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_error(guest_echo(&guest), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.limit.kind, "wall");
    assert_string_equal(last_error.function, "");
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

/* ---- Prints and records before a host call ---- */

static mote_status print_slowly(void *context, const mote_value *args, size_t n_args,
                                mote_value *result, mote_error *err)
{
    (void)args, (void)n_args, (void)err;
    uint64_t end_ns = mt_clock_ns() + 20000000;
    if (context != NULL)
        (void)mote_sandbox_cancel(((struct guest *)context)->sandbox);
    while (context == NULL && mt_clock_ns() < end_ns)
        sched_yield();
    *result = mote_i32(4);
    return MOTE_OK;
}

static mote_status count_calls(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    (void)args, (void)n_args, (void)err;
    ++*(int *)context;
    *result = mote_i32(1);
    return MOTE_OK;
}

/* A guest that has printed, and calls F. canceller: whom the print cancels; NULL: it takes long. */
static void open_printing_caller(struct guest *guest, struct guest *canceller, int *n_calls)
{
    mote_config config = MOTE_CONFIG_INIT;
    const mote_host_function print = {.name = "HostPrint",
                                      .fn = print_slowly,
                                      .context = canceller,
                                      .returns = MOTE_TYPE_I32,
                                      .n_params = 1,
                                      .params = {MOTE_TYPE_STR}};
    const mote_host_function function = {
        .name = "F", .fn = count_calls, .context = n_calls, .returns = MOTE_TYPE_I32};
    config.time_limit_us = canceller == NULL ? 1000 : 60000000;
    config.cancel_wait_us = 1000;
    guest_open(guest, GUEST_MOTE, &config);
    assert_fine(mote_sandbox_register(guest->sandbox, &print, &last_error));
    assert_fine(mote_sandbox_register(guest->sandbox, &function, &last_error));
    guest_start(guest);
    assert_fine(guest_init(guest));
    guest_push_call(guest, "F", NULL, 0);
    guest_push_log(guest, MT_LOG_LEVEL_NONE, "text");
    guest_out(guest, MT_PORT_CALL, 1);
}

static void test_no_host_function_starts_past_the_limit(void **state)
{
    (void)state;
    struct guest guest;
    int n_calls = 0;
    open_printing_caller(&guest, NULL, &n_calls);
    assert_error(guest_echo(&guest), MOTE_E_TIME_LIMIT);
    assert_int_equal(n_calls, 0);
    assert_string_equal(last_error.limit.kind, "wall");
    assert_string_equal(last_error.function, "");
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

static void test_no_host_function_starts_in_a_call_that_was_cancelled(void **state)
{
    (void)state;
    struct guest guest;
    int n_calls = 0;
    open_printing_caller(&guest, &guest, &n_calls);
    assert_error(guest_echo(&guest), MOTE_E_CANCELLED);
    assert_int_equal(n_calls, 0);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

/* ---- Processor time ---- */

#define CPU_LIMIT_US 3000u
#define CPU_LIMIT_NS (CPU_LIMIT_US * 1000ull)
#define LEAST_LOOK_NS 200000ull
#define PATIENCE_NS 60000000000ull /* far below the wall clock's limit */

struct worker {
    uint64_t cpu_time_ns; /* what it has used when it is asked next */
};

static void work(struct mt_machine *machine, void *context)
{
    const struct worker *worker = context;
    mt_script_set_cpu_time(machine, worker->cpu_time_ns);
}

/* A step of a guest that has used so much, and is at the time when the host wants to look. */
static void guest_works(struct guest *guest, struct worker *worker, uint64_t cpu_time_ns)
{
    worker->cpu_time_ns = cpu_time_ns;
    struct mt_script_step *step = guest_interrupted(guest);
    step->act = work;
    step->context = worker;
    step->waits = true;
}

static void open_worker(struct guest *guest)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.cpu_limit_us = CPU_LIMIT_US;
    config.time_limit_us = 60 * PATIENCE_NS / 1000;
    guest_ready(guest, GUEST_MOTE, &config);
    /* What was used before a call does not count in it. */
    mt_script_set_cpu_time(guest->sandbox->machine, 7 * CPU_LIMIT_NS);
}

static void test_processor_time_is_looked_at_when_it_can_be_up(void **state)
{
    (void)state;
    struct guest guest;
    struct worker worker;
    open_worker(&guest);
    uint64_t before_ns = mt_clock_ns();
    guest_works(&guest, &worker, 8 * CPU_LIMIT_NS);
    assert_error(guest_echo(&guest), MOTE_E_TIME_LIMIT);
    struct mt_script_record record = mt_script_record_of(guest.sandbox->machine);
    assert_in_range(record.deadline_ns, before_ns + CPU_LIMIT_NS, before_ns + PATIENCE_NS);
    assert_string_equal(last_error.limit.kind, "cpu");
    assert_string_equal(last_error.limit.phase, "call");
    assert_int_equal(last_error.limit.limit_us, CPU_LIMIT_US);
    assert_int_equal(last_error.limit.elapsed_us, CPU_LIMIT_US);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

/* It was not up, for want of a nanosecond: the host looks again when it can be, but not before the
 * guest may have gone on. */
static void test_a_guest_that_waited_has_the_rest_of_its_processor_time(void **state)
{
    (void)state;
    struct guest guest;
    struct worker first;
    struct worker second;
    open_worker(&guest);
    uint64_t before_ns = mt_clock_ns();
    struct mt_script_record before = mt_script_record_of(guest.sandbox->machine);
    guest_works(&guest, &first, 8 * CPU_LIMIT_NS - 1);
    guest_works(&guest, &second, 8 * CPU_LIMIT_NS - 1);
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_echo(&guest));
    struct mt_script_record after = mt_script_record_of(guest.sandbox->machine);
    assert_int_equal(after.n_begins - before.n_begins, 3);
    assert_in_range(after.deadline_ns, before_ns + CPU_LIMIT_NS + 2 * LEAST_LOOK_NS,
                    mt_clock_ns() + CPU_LIMIT_NS);
    guest_close(&guest);
}

/* The clock of a guest that is gone may say less than before. */
static void test_a_clock_that_goes_back_is_no_time_used(void **state)
{
    (void)state;
    struct guest guest;
    struct worker worker;
    open_worker(&guest);
    guest_works(&guest, &worker, 0);
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_echo(&guest));
    guest_close(&guest);
}

static mote_status use_processor(void *context, const mote_value *args, size_t n_args,
                                 mote_value *result, mote_error *err)
{
    struct guest *guest = context;
    (void)args, (void)n_args, (void)err;
    mt_script_set_cpu_time(guest->sandbox->machine, 20 * CPU_LIMIT_NS);
    *result = mote_i32(1);
    return MOTE_OK;
}

/* The limit is the guest's own: what its host functions use does not count. */
static void test_processor_time_of_a_host_function_is_not_the_guests(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    struct worker worker;
    const mote_host_function function = {
        .name = "F", .fn = use_processor, .context = &guest, .returns = MOTE_TYPE_I32};
    config.cpu_limit_us = CPU_LIMIT_US;
    guest_open(&guest, GUEST_MOTE, &config);
    assert_fine(mote_sandbox_register(guest.sandbox, &function, &last_error));
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    mt_script_set_cpu_time(guest.sandbox->machine, 7 * CPU_LIMIT_NS);
    guest_push_call(&guest, "F", NULL, 0);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_works(&guest, &worker, 21 * CPU_LIMIT_NS - 1);
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_echo(&guest));
    guest_close(&guest);
}

/* Nor what the function uses that prints, which a guest calls by a record. */
static void test_processor_time_of_a_print_is_not_the_guests(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    struct worker worker;
    const mote_host_function function = {.name = "HostPrint",
                                         .fn = use_processor,
                                         .context = &guest,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_STR}};
    config.cpu_limit_us = CPU_LIMIT_US;
    guest_open(&guest, GUEST_MOTE, &config);
    assert_fine(mote_sandbox_register(guest.sandbox, &function, &last_error));
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    mt_script_set_cpu_time(guest.sandbox->machine, 7 * CPU_LIMIT_NS);
    guest_push_log(&guest, MT_LOG_LEVEL_NONE, "text");
    guest_out(&guest, MT_PORT_LOG, 1);
    guest_works(&guest, &worker, 21 * CPU_LIMIT_NS - 1);
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"x", 1}};
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_echo(&guest));
    guest_close(&guest);
}

static void test_the_wall_clock_counts_where_it_is_nearer(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    struct worker worker;
    config.cpu_limit_us = 2 * PATIENCE_NS / 1000;
    config.time_limit_us = 1000;
    guest_ready(&guest, GUEST_MOTE, &config);
    uint64_t before_ns = mt_clock_ns();
    guest_works(&guest, &worker, 0);
    assert_error(guest_echo(&guest), MOTE_E_TIME_LIMIT);
    struct mt_script_record record = mt_script_record_of(guest.sandbox->machine);
    assert_in_range(record.deadline_ns, before_ns + 1000000, before_ns + PATIENCE_NS);
    assert_string_equal(last_error.limit.kind, "wall");
    assert_int_equal(last_error.limit.limit_us, 1000);
    guest_close(&guest);
}

static void test_init_has_its_own_limit(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    config.init_limit_us = 2000;
    guest_open(&guest, GUEST_MOTE, &config);
    guest_interrupted(&guest)->waits = true;
    assert_error(guest_init(&guest), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.limit.phase, "init");
    assert_int_equal(last_error.limit.limit_us, 2000);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

static void test_signals_that_are_neither_do_not_end_a_call(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    for (unsigned i = 0; i < 20; i++)
        guest_interrupted(&guest);
    guest_push_i32(&guest, 1);
    guest_done(&guest);
    assert_fine(call_i32(&guest));
    assert_int_equal(guest_stats(&guest).last_exits, 1);
    guest_close(&guest);
}

/* ---- Cancels ---- */

static void cancel(struct mt_machine *machine, void *context)
{
    (void)machine;
    assert_int_equal(mote_sandbox_cancel(((struct guest *)context)->sandbox), MOTE_OK);
}

static void assert_cancelled(struct guest *guest, mote_status status, const char *phase)
{
    assert_error(status, MOTE_E_CANCELLED);
    assert_string_equal(last_error.limit.kind, "cancel");
    assert_string_equal(last_error.limit.phase, phase);
    assert_state(guest, MOTE_SANDBOX_POISONED);
}

static void test_a_cancel_ends_the_call_at_the_guests_next_step(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    struct mt_script_step *step = guest_out(&guest, MT_PORT_LOG, 1);
    guest_done(&guest);
    step->act = cancel;
    step->context = &guest;
    /* The exit during which the cancel came is still judged: there is no record. */
    assert_error(guest_echo(&guest), MOTE_E_PROTOCOL);
    guest_close(&guest);

    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_push_log(&guest, 2, "x");
    step = guest_out(&guest, MT_PORT_LOG, 1);
    guest_done(&guest);
    step->act = cancel;
    step->context = &guest;
    assert_cancelled(&guest, guest_echo(&guest), "call");
    struct mt_script_record record = mt_script_record_of(guest.sandbox->machine);
    assert_int_equal(record.n_kicks, 1);
    assert_int_equal(record.n_runs, 2); /* of them one for init: the driver is not asked again */
    assert_int_equal(mt_script_n_left(guest.sandbox->machine), 1);
    guest_close(&guest);
}

static void cancel_twice(struct mt_machine *machine, void *context)
{
    cancel(machine, context);
    cancel(machine, context);
}

static void test_a_second_cancel_kicks_no_more(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    struct mt_script_step *step = guest_interrupted(&guest);
    step->act = cancel_twice;
    step->context = &guest;
    assert_cancelled(&guest, guest_echo(&guest), "call");
    assert_int_equal(mote_sandbox_cancel(guest.sandbox), MOTE_OK);
    assert_int_equal(mt_script_record_of(guest.sandbox->machine).n_kicks, 1);
    guest_close(&guest);
}

static void cancel_in_vain(struct mt_machine *machine, void *context)
{
    mt_script_fail_next(MT_SCRIPT_KICK, MOTE_E_SYSTEM);
    cancel(machine, context);
}

static void cancel_in_vain_and_thrice(struct mt_machine *machine, void *context)
{
    cancel_in_vain(machine, context);
    cancel_in_vain(machine, context);
    cancel_twice(machine, context);
}

/* A kick may be refused to who cancels: the next one kicks, and the call is cancelled anyway. */
static void test_a_cancel_after_one_that_could_not_kick_kicks(void **state)
{
    (void)state;
    static void (*const ways[])(struct mt_machine *, void *) = {cancel_in_vain,
                                                                cancel_in_vain_and_thrice};
    for (size_t i = 0; i < 2; i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        struct mt_script_step *step = guest_interrupted(&guest);
        step->act = ways[i];
        step->context = &guest;
        assert_cancelled(&guest, guest_echo(&guest), "call");
        assert_int_equal(mt_script_record_of(guest.sandbox->machine).n_kicks, i == 0 ? 1 : 3);
        guest_close(&guest);
    }
}

static void test_a_cancel_in_the_last_step_hits_neither_this_call_nor_the_next(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_i32(&guest, 1);
    struct mt_script_step *step = guest_done(&guest);
    step->act = cancel;
    step->context = &guest;
    assert_fine(call_i32(&guest));
    guest_push_i32(&guest, 2);
    guest_done(&guest);
    assert_fine(call_i32(&guest));
    guest_close(&guest);
}

static void test_a_cancel_of_an_idle_sandbox_is_nothing(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    assert_int_equal(mote_sandbox_cancel(guest.sandbox), MOTE_OK);
    guest_push_i32(&guest, 2);
    guest_done(&guest);
    assert_fine(call_i32(&guest));
    assert_int_equal(mt_script_record_of(guest.sandbox->machine).n_kicks, 0);
    guest_close(&guest);
}

static void test_a_cancel_ends_init(void **state)
{
    (void)state;
    struct guest guest;
    guest_open(&guest, GUEST_MOTE, NULL);
    struct mt_script_step *step = guest_interrupted(&guest);
    step->act = cancel;
    step->context = &guest;
    assert_cancelled(&guest, guest_init(&guest), "init");
    guest_close(&guest);
}

static mote_status cancel_within(void *context, const mote_value *args, size_t n_args,
                                 mote_value *result, mote_error *err)
{
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    cancel(NULL, context);
    return MOTE_OK;
}

static void test_a_cancel_in_a_host_function_takes_effect_when_it_returns(void **state)
{
    (void)state;
    struct guest guest;
    const mote_host_function function = {
        .name = "F", .fn = cancel_within, .context = &guest, .returns = MOTE_TYPE_VOID};
    guest_open(&guest, GUEST_01, NULL);
    assert_fine(mote_sandbox_register(guest.sandbox, &function, &last_error));
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_push_call(&guest, "F", NULL, 0);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_push_i32(&guest, 1);
    guest_done(&guest);
    assert_cancelled(&guest, call_i32(&guest), "call");
    assert_int_equal(mt_script_n_left(guest.sandbox->machine), 1);
    guest_close(&guest);
}

/* ---- Cancels from another thread ---- */

struct canceller {
    mote_sandbox *sandbox;
    _Atomic bool is_running;
    _Atomic bool is_over;
};

static void *cancel_until_over(void *context)
{
    struct canceller *canceller = context;
    canceller->is_running = true;
    while (!canceller->is_over) {
        (void)mote_sandbox_cancel(canceller->sandbox);
        sched_yield();
    }
    return NULL;
}

static void test_a_cancel_from_another_thread_ends_a_guest_that_waits(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    pthread_t thread;
    config.time_limit_us = 30000000;
    guest_ready(&guest, GUEST_MOTE, &config);
    struct canceller canceller = {.sandbox = guest.sandbox};
    guest_interrupted(&guest)->waits = true;
    assert_int_equal(pthread_create(&thread, NULL, cancel_until_over, &canceller), 0);
    mote_status status = guest_echo(&guest);
    canceller.is_over = true;
    pthread_join(thread, NULL);
    assert_cancelled(&guest, status, "call");
    assert_int_equal(mt_script_record_of(guest.sandbox->machine).n_kicks, 1);
    guest_close(&guest);
}

/* Where threads take long turns, the one that cancels would not get one within a call. */
static void give_way(struct mt_machine *machine, void *context)
{
    (void)machine;
    (void)context;
    sched_yield();
}

/* C06: at any moment. Each call is answered, cancelled or refused, and its state says which. */
static void test_cancels_at_any_moment(void **state)
{
    (void)state;
    unsigned n_cancelled = 0;
    for (unsigned round = 0; round < 300; round++) {
        struct guest guest;
        pthread_t thread;
        guest_ready(&guest, GUEST_01, NULL);
        struct canceller canceller = {.sandbox = guest.sandbox};
        assert_int_equal(pthread_create(&thread, NULL, cancel_until_over, &canceller), 0);
        while (!canceller.is_running)
            sched_yield();
        mote_status status = MOTE_OK;
        for (unsigned i = 0; i < 50 && status == MOTE_OK; i++) {
            guest_push_log(&guest, 2, "x");
            struct mt_script_step *step = guest_out(&guest, MT_PORT_LOG, 0);
            step->act = i % 8 == 7 ? give_way : NULL;
            guest_push_i32(&guest, 1);
            guest_done(&guest);
            status = call_i32(&guest);
        }
        canceller.is_over = true;
        pthread_join(thread, NULL);
        n_cancelled += status != MOTE_OK;
        if (status != MOTE_OK)
            assert_cancelled(&guest, status, "call");
        else
            assert_state(&guest, MOTE_SANDBOX_READY);
        guest_close(&guest);
    }
    print_message("%u of 300 were cancelled\n", n_cancelled);
    assert_true(n_cancelled > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guest_that_does_not_end_is_stopped_at_its_limit),
        cmocka_unit_test(test_a_guest_that_tries_in_vain_is_stopped_at_its_limit),
        cmocka_unit_test(test_no_host_function_starts_past_the_limit),
        cmocka_unit_test(test_no_host_function_starts_in_a_call_that_was_cancelled),
        cmocka_unit_test(test_processor_time_is_looked_at_when_it_can_be_up),
        cmocka_unit_test(test_a_guest_that_waited_has_the_rest_of_its_processor_time),
        cmocka_unit_test(test_a_clock_that_goes_back_is_no_time_used),
        cmocka_unit_test(test_processor_time_of_a_host_function_is_not_the_guests),
        cmocka_unit_test(test_processor_time_of_a_print_is_not_the_guests),
        cmocka_unit_test(test_the_wall_clock_counts_where_it_is_nearer),
        cmocka_unit_test(test_init_has_its_own_limit),
        cmocka_unit_test(test_signals_that_are_neither_do_not_end_a_call),
        cmocka_unit_test(test_a_cancel_ends_the_call_at_the_guests_next_step),
        cmocka_unit_test(test_a_second_cancel_kicks_no_more),
        cmocka_unit_test(test_a_cancel_after_one_that_could_not_kick_kicks),
        cmocka_unit_test(test_a_cancel_in_the_last_step_hits_neither_this_call_nor_the_next),
        cmocka_unit_test(test_a_cancel_of_an_idle_sandbox_is_nothing),
        cmocka_unit_test(test_a_cancel_ends_init),
        cmocka_unit_test(test_a_cancel_in_a_host_function_takes_effect_when_it_returns),
        cmocka_unit_test(test_a_cancel_from_another_thread_ends_a_guest_that_waits),
        cmocka_unit_test(test_cancels_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
