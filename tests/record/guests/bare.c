/* SPDX-License-Identifier: Apache-2.0 */
/* A guest on Hyperlight 0.1's C API that says nothing about functions it does not know. */
#include <hyperlight_guest.h>

static int next(int n)
{
    return n + 1;
}

HYPERLIGHT_WRAP_FUNCTION(next, Int, 1, Int);

void hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("Next", next);
}
