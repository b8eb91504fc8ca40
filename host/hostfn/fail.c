/* SPDX-License-Identifier: Apache-2.0 */
/* How a host function fails. */
#include "host/base/text.h"

#include <mote/host_function.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What follows the last byte that is kept tells whether a character ends there. */
#define REST_OF_CHARACTER_BYTES 4

mote_status mote_host_fail(mote_error *err, uint64_t code, const char *format, ...)
{
    if (err == NULL)
        return MOTE_E_HOST_FUNCTION;
    char message[MOTE_ERROR_MESSAGE_BYTES + REST_OF_CHARACTER_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    size_t len = n < 0 ? 0 : strnlen(message, sizeof(message));
    err->code = MOTE_E_HOST_FUNCTION;
    err->guest_code = code;
    mt_utf8_copy_lossy(err->message, sizeof(err->message), message, len);
    return MOTE_E_HOST_FUNCTION;
}
