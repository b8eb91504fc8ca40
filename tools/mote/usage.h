/* SPDX-License-Identifier: Apache-2.0 */
/* Filling an error record for what the program itself finds wrong. */
#ifndef MOTE_TOOLS_MOTE_USAGE_H
#define MOTE_TOOLS_MOTE_USAGE_H

#include <mote/error.h>
#include <stdbool.h>

/* MOTE_E_USAGE about one word of the command line, or about none where argument is NULL. */
mote_status usage_fail(mote_error *err, const char *argument, const char *format, ...)
    MOTE_PRINTF(3, 4);

/* Whether the last usage_fail() was about a word: the error's subject is "" for an empty word and
 * for none. */
bool usage_is_about_word(void);

/* A failed system call: the text is "OPERATION: what the errno means". */
mote_status host_fail(mote_error *err, mote_status code, int os_errno, const char *operation);

/* MOTE_E_MEMORY. */
mote_status memory_fail(mote_error *err);

#endif
