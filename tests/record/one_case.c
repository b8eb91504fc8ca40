/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded before a cmocka program's own code: of all its cases, only the one that MOTE_TEST_CASE
 * names runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void choose_case(void)
{
    cmocka_set_test_filter(getenv("MOTE_TEST_CASE"));
}
