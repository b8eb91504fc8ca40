/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that prints, logs and fails in one call, which is made by the tests themselves. */
#include <mote_guest/moteg.h>

#include <stdio.h>

/* A line of the program's own form, in pieces that are sent one by one. */
MOTEG_FUNCTION(void, PrintPieces)
{
    static const char *const pieces[] = {"m", "ote", ":", " lie\nmo", "re\nmote", "\n"};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        printf("%s", pieces[i]);
        fflush(stdout);
    }
}

MOTEG_FUNCTION(void, PrintThenLog)
{
    printf("no newline");
    fflush(stdout);
    moteg_log(MOTEG_LOG_ERROR, "a record");
    printf("the end");
}

MOTEG_FUNCTION(void, PrintThenFail)
{
    printf("no newline");
    fflush(stdout);
    moteg_fail(MOTEG_CODE_GUEST_ERROR, "failed");
}

MOTEG_FUNCTION(void, PrintBeginningThenFail)
{
    printf("mote");
    fflush(stdout);
    moteg_fail(MOTEG_CODE_GUEST_ERROR, "failed");
}
