/* SPDX-License-Identifier: Apache-2.0 */
/* Filling an error record. */
#include "bench/fail.h"

#include <stdarg.h>
#include <stdio.h>

mote_status fail(mote_error *err, mote_status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *err = (mote_error){.code = code};
    vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    return code;
}
