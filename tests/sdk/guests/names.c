/* SPDX-License-Identifier: Apache-2.0 */
/* What guests of Hyperlight 0.1's C API do that guests/c01 does not. */
#include <hyperlight_guest.h>
#include <macro.h>

#include <stddef.h>

/* Calls the host, and leaves the result where it is. */
static int leave_result(void)
{
    const hl_FunctionCall call = {.function_name = "Text", .return_type = hl_ReturnType_String};
    hl_call_host_function(&call);
    return 1;
}

static const char *take_result(void)
{
    return hl_get_host_return_value_as_String();
}

static int never_registered(int value)
{
    return value;
}

/* With a semicolon and without, registered and not. */
HYPERLIGHT_WRAP_FUNCTION(leave_result, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(take_result, String, 0);
HYPERLIGHT_WRAP_FUNCTION(never_registered, Int, 1, Int)

void hyperlight_main(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("LeaveResult", leave_result);
    HYPERLIGHT_REGISTER_FUNCTION("TakeResult", take_result);
}
