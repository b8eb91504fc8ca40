/* SPDX-License-Identifier: Apache-2.0 */
/* The version of the library. */
#include <mote/mote.h>

const char *mote_version(void)
{
    return MOTE_VERSION_TEXT;
}

int mote_version_number(void)
{
    return MOTE_VERSION_NUMBER;
}
