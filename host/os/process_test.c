/* SPDX-License-Identifier: Apache-2.0 */
/* Telling a forked child: whatever its process id is. */
#include "host/os/process.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CANNOT 77 /* exit status: this host does not let us try */

static uint64_t mark;

static int outcome_of(pid_t child)
{
    int how = 0;
    if (child < 0)
        return CANNOT;
    if (waitpid(child, &how, 0) != child || !WIFEXITED(how))
        return 1;
    return WEXITSTATUS(how);
}

static int in_child(int (*fn)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(fn());
    return outcome_of(child);
}

static int is_another(void)
{
    return mt_process_is(mark) ? 2 : 0;
}

static int is_its_own_parent(void)
{
    uint64_t own = 0;
    if (mt_process_is(mark) || mt_process_mark(&own, NULL) != MOTE_OK || !mt_process_is(own))
        return 2;
    mark = own;
    return in_child(is_another);
}

static void test_a_child_is_another_process_and_so_is_its_child(void **state)
{
    (void)state;
    assert_int_equal(mt_process_mark(&mark, NULL), MOTE_OK);
    assert_true(mt_process_is(mark));
    assert_int_equal(in_child(is_its_own_parent), 0);
    assert_true(mt_process_is(mark));
}

static int is_another_number_one(void)
{
    return getpid() == 1 ? is_another() : 3;
}

static int has_a_namespace_below(void)
{
    if (getpid() != 1 || mt_process_mark(&mark, NULL) != MOTE_OK || !mt_process_is(mark))
        return 4;
    return unshare(CLONE_NEWPID) == 0 ? in_child(is_another_number_one) : CANNOT;
}

static int has_a_namespace(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 ? in_child(has_a_namespace_below) : CANNOT;
}

/* Parent and child are both the first of their namespace, as in containers in containers. */
static void test_a_child_of_the_same_number_is_another_process(void **state)
{
    (void)state;
    int outcome = in_child(has_a_namespace);
    if (outcome == CANNOT) {
        print_message("skipped: no namespaces for processes here\n");
        skip();
    }
    assert_int_equal(outcome, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_is_another_process_and_so_is_its_child),
        cmocka_unit_test(test_a_child_of_the_same_number_is_another_process),
    };
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
