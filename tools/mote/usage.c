/* SPDX-License-Identifier: Apache-2.0 */
/* Errors that the program itself finds. */
#include "tools/mote/usage.h"

#include "tools/mote/text.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_about_word;

mote_status usage_fail(mote_error *err, const char *argument, const char *format, ...)
{
    *err = (mote_error){.code = MOTE_E_USAGE};
    is_about_word = argument != NULL;
    if (argument != NULL)
        text_line(err->subject, sizeof(err->subject), argument, strlen(argument));
    va_list values;
    va_start(values, format);
    int n = vsnprintf(err->text, sizeof(err->text), format, values);
    va_end(values);
    if (n >= (int)sizeof(err->text))
        memcpy(err->text + sizeof(err->text) - 4, "...", 4);
    return err->code;
}

bool usage_is_about_word(void)
{
    return is_about_word;
}

mote_status host_fail(mote_error *err, mote_status code, int os_errno, const char *operation)
{
    *err = (mote_error){.code = code, .os_errno = os_errno};
    const char *meaning = strerrordesc_np(os_errno);
    snprintf(err->subject, sizeof(err->subject), "%s", operation);
    snprintf(err->text, sizeof(err->text), "%s: %s", operation,
             meaning != NULL ? meaning : "unknown errno");
    return code;
}

mote_status memory_fail(mote_error *err)
{
    return host_fail(err, MOTE_E_MEMORY, ENOMEM, "allocate memory");
}
