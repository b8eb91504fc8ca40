/* SPDX-License-Identifier: Apache-2.0 */
/* Where errno lies: there is one thread. */
#include <errno.h>

static int error_number;

int *__errno_location(void)
{
    return &error_number;
}
