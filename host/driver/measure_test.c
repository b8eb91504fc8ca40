/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring drivers that take their time: it comes to an end, whatever the clock does. */
#include "host/driver/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define MS_NS 1000000u
#define S_NS (1000u * MS_NS)
#define LIKELY_RUNS 100000u

/* ---- A clock that goes on when it should ---- */

static uint64_t clock_ns;

uint64_t __wrap_mt_clock_ns(void);
uint64_t __wrap_mt_clock_ns(void)
{
    return ++clock_ns;
}

/* ---- A driver whose runs take as long as the test says ---- */

struct mt_machine {
    uint64_t rip;
    uint64_t deadline_ns;
    size_t n_runs;
};

static struct mt_machine machine;
static uint64_t run_takes_ns;
static size_t stopped_at; /* the run in which the process is stopped for a minute */
static bool is_deaf;      /* nothing but signals ever ends a run */

static mote_status prepare(const struct mt_plan *plan, const mote_allocator *allocator, void **out,
                           mote_error *err)
{
    (void)plan, (void)allocator, (void)err;
    *out = &machine;
    return MOTE_OK;
}

static void unprepare(void *prepared)
{
    (void)prepared;
}

static mote_status create(void *prepared, struct mt_machine **out, struct mt_window *window,
                          mote_error *err)
{
    (void)err;
    memset(window, 0, sizeof(*window));
    *out = prepared;
    return MOTE_OK;
}

static void destroy(struct mt_machine *destroyed, bool is_copy)
{
    (void)destroyed, (void)is_copy;
}

static void enter(struct mt_machine *entered, const struct mt_registers *registers)
{
    entered->rip = registers->rip;
}

static mote_status begin(struct mt_machine *begun, uint64_t deadline_ns, mote_error *err)
{
    (void)err;
    begun->deadline_ns = deadline_ns;
    return MOTE_OK;
}

/* As KVM: past the deadline the guest is not entered. The endless loop is not at the page's start.
 */
static mote_status run(struct mt_machine *ran, struct mt_exit *out, mote_error *err)
{
    (void)err;
    assert_true(++ran->n_runs < LIKELY_RUNS);
    bool is_endless = is_deaf || ran->rip % 4096 != 0;
    clock_ns += ran->n_runs == stopped_at ? 60ull * S_NS : run_takes_ns;
    if (is_endless && clock_ns < ran->deadline_ns)
        clock_ns = ran->deadline_ns;
    out->kind = is_endless || clock_ns >= ran->deadline_ns ? MT_EXIT_INTERRUPTED : MT_EXIT_PORT;
    return MOTE_OK;
}

static const struct mt_driver slow = {
    .name = "slow",
    .prepare = prepare,
    .unprepare = unprepare,
    .create = create,
    .destroy = destroy,
    .enter = enter,
    .begin = begin,
    .run = run,
};

static mote_status measure(struct mt_measurement *measured, mote_error *err)
{
    machine = (struct mt_machine){0};
    return mt_driver_measure(&slow, measured, err);
}

static void test_a_busy_host_has_a_slow_driver(void **state)
{
    (void)state;
    struct mt_measurement measured;
    run_takes_ns = 30 * MS_NS;
    assert_int_equal(measure(&measured, NULL), MOTE_OK);
    assert_in_range(measured.call_ns, 30 * MS_NS, 31 * MS_NS);
}

static void test_a_host_that_was_stopped_has_a_driver(void **state)
{
    (void)state;
    struct mt_measurement measured;
    run_takes_ns = 1000;
    for (stopped_at = 1; stopped_at < 500; stopped_at += 7) {
        assert_int_equal(measure(&measured, NULL), MOTE_OK);
        assert_in_range(measured.call_ns, 1000, 2000);
    }
    stopped_at = 0;
}

static void test_a_guest_that_never_answers_is_not_waited_for(void **state)
{
    (void)state;
    struct mt_measurement measured;
    mote_error err;
    is_deaf = true;
    assert_int_equal(measure(&measured, &err), MOTE_E_NO_HYPERVISOR);
    assert_non_null(strstr(err.text, "in time"));
    is_deaf = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_busy_host_has_a_slow_driver),
        cmocka_unit_test(test_a_host_that_was_stopped_has_a_driver),
        cmocka_unit_test(test_a_guest_that_never_answers_is_not_waited_for),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
