/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Hyperlight 0.1's callbackguest, by the same names and with the same behaviour
 * (docs/guests.md), on mote's SDK: guests that call back into the host.
 */
#include <mote_guest/moteg.h>

MOTEG_HOST_FUNCTION(i32, HostPrint, (str, text));
MOTEG_HOST_FUNCTION(i32, HostMethod, (str, text));
MOTEG_HOST_FUNCTION(i32, HostMethod1, (str, text));
MOTEG_HOST_FUNCTION(void, HostMethod4, (str, text));
MOTEG_HOST_FUNCTION(i32, ErrorMethod, (str, text));
MOTEG_HOST_FUNCTION_NAMED(void, "Spin", HostSpin);

MOTEG_FUNCTION(i32, PrintOutput, (str, text))
{
    return HostPrint(text);
}

MOTEG_FUNCTION(i32, GuestMethod, (str, text))
{
    return HostMethod(moteg_format("Hello from GuestFunction, %s", text));
}

MOTEG_FUNCTION(i32, GuestMethod1, (str, text))
{
    return HostMethod1(moteg_format("Hello from GuestFunction1, %s", text));
}

MOTEG_FUNCTION(i32, GuestMethod2, (str, text))
{
    return HostMethod1(moteg_format("Hello from GuestFunction2, %s", text));
}

MOTEG_FUNCTION(i32, GuestMethod3, (str, text))
{
    return HostMethod1(moteg_format("Hello from GuestFunction3, %s", text));
}

MOTEG_FUNCTION(void, GuestMethod4)
{
    HostMethod4("Hello from GuestFunction4");
}

/* level counts as Hyperlight 0.1's hl_Level: 0 nothing, 1 error, ... 5 trace. */
MOTEG_FUNCTION(void, LogMessage, (str, text), (str, source), (i32, level))
{
    static const moteg_log_level levels[] = {MOTEG_LOG_ERROR, MOTEG_LOG_WARNING,
                                             MOTEG_LOG_INFORMATION, MOTEG_LOG_DEBUG,
                                             MOTEG_LOG_TRACE};
    if (level < 0 || level > 5)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "no log level has number %d", level);
    if (level > 0)
        moteg_log_from(levels[level - 1], source, __FILE__, __LINE__, __func__, "%s", text);
}

MOTEG_FUNCTION(i32, CallErrorMethod, (str, text))
{
    return ErrorMethod(moteg_format("Error From Host: %s", text));
}

MOTEG_FUNCTION(void, CallHostSpin)
{
    HostSpin();
}
