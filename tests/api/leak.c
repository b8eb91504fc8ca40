/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/api/test_leaked_sandboxes.py runs: a case that leaves a sandbox behind, and one that
 * comes after it. With an argument the first does not fail, but opens the signal itself. */
#include "tests/api/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define LIMIT_US 200000u

static bool does_fail;

static mote_sandbox *open_with_limit(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = LIMIT_US;
    return open_sandbox(HELLO, &config);
}

static void test_leaves_a_sandbox(void **state)
{
    (void)state;
    sigset_t ours;
    /* Whether it is in time is of no matter: the timer is armed. */
    (void)call_void(open_with_limit(), "Nothing");
    if (does_fail)
        fail();
    sigemptyset(&ours);
    sigaddset(&ours, SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

static void test_comes_after_it(void **state)
{
    (void)state;
    usleep(2 * LIMIT_US);
    mote_sandbox *sandbox = open_with_limit();
    assert_status(call_void(sandbox, "Spin"), MOTE_E_TIME_LIMIT);
    mote_sandbox_destroy(sandbox);
}

int main(int argc, char **argv)
{
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_a_sandbox),
        cmocka_unit_test(test_comes_after_it),
    };
    does_fail = argc == 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
