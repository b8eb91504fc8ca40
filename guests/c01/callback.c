/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Hyperlight 0.1's c_callbackguest (docs/guests.md), written to that
 * system's C API; and one that fetches a host's result of each type.
 */
#include <hyperlight_guest.h>
#include <macro.h>
#include <printf.h>

#include <string.h>

static void ask(const char *function, hl_Parameter *parameters, uintptr_t n, hl_ReturnType type)
{
    const hl_FunctionCall call = {.function_name = function,
                                  .parameters = parameters,
                                  .parameters_len = n,
                                  .return_type = type};
    hl_call_host_function(&call);
}

static hl_Parameter text_of(const char *text)
{
    return (hl_Parameter){.tag = hl_ParameterType_String, .value.String = (char *)(uintptr_t)text};
}

static int print_output(const char *text)
{
    hl_Parameter parameter = text_of(text);
    ask("HostPrint", &parameter, 1, hl_ReturnType_Int);
    return hl_get_host_return_value_as_Int();
}

static int guest_function(const char *text)
{
    char message[256];
    snprintf(message, sizeof(message), "Hello from GuestFunction1, %s", text);
    hl_Parameter parameter = text_of(message);
    ask("HostMethod1", &parameter, 1, hl_ReturnType_Int);
    return hl_get_host_return_value_as_Int();
}

static void put(char c, void *arg)
{
    char *to = arg;
    size_t n = strlen(to);
    to[n] = c;
    to[n + 1] = '\0';
}

/* Asks the host's EchoI32 ... EchoBytes for what the C API's getters give. */
static hl_Vec *echo_all(const hl_FunctionCall *call)
{
    static char text[256];
    hl_Parameter *p = call->parameters;
    text[0] = '\0';
    ask("EchoI32", &p[0], 1, hl_ReturnType_Int);
    fctprintf(put, text, "%d ", hl_get_host_return_value_as_Int());
    ask("EchoU32", &p[1], 1, hl_ReturnType_UInt);
    fctprintf(put, text, "%u ", hl_get_host_return_value_as_UInt());
    ask("EchoI64", &p[2], 1, hl_ReturnType_Long);
    fctprintf(put, text, "%ld ", hl_get_host_return_value_as_Long());
    ask("EchoU64", &p[3], 1, hl_ReturnType_ULong);
    fctprintf(put, text, "%lu ", hl_get_host_return_value_as_ULong());
    ask("EchoF32", &p[4], 1, hl_ReturnType_Float);
    fctprintf(put, text, "%g ", (double)hl_get_host_return_value_as_Float());
    ask("EchoF64", &p[5], 1, hl_ReturnType_Double);
    fctprintf(put, text, "%g ", hl_get_host_return_value_as_Double());
    ask("EchoStr", &p[6], 1, hl_ReturnType_String);
    fctprintf(put, text, "%s ", hl_get_host_return_value_as_String());
    ask("EchoBool", &p[7], 1, hl_ReturnType_Bool);
    fctprintf(put, text, "%s ", hl_get_host_return_value_as_Bool() ? "true" : "false");
    ask("EchoBytes", &p[8], 1, hl_ReturnType_VecBytes);
    hl_Vec bytes = hl_get_host_return_value_as_VecBytes();
    ask("Nothing", NULL, 0, hl_ReturnType_Void);
    hl_get_host_return_value_as_Void();
    fctprintf(put, text, "%zu", (size_t)bytes.len);
    return hl_flatbuffer_result_from_String(text);
}

/* A getter of another type than the result has. */
static int wrong_getter(int value)
{
    hl_Parameter parameter = {.tag = hl_ParameterType_Int, .value.Int = value};
    ask("EchoI32", &parameter, 1, hl_ReturnType_Int);
    return (int)hl_get_host_return_value_as_UInt();
}

static bool negate(bool value)
{
    return !value;
}

static uint32_t add_one(uint32_t value)
{
    return value + 1;
}

static int64_t minus(int64_t value)
{
    return -value;
}

static uint64_t twice(uint64_t value)
{
    return 2 * value;
}

HYPERLIGHT_WRAP_FUNCTION(print_output, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(guest_function, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(wrong_getter, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(negate, Bool, 1, Bool)
HYPERLIGHT_WRAP_FUNCTION(add_one, UInt, 1, UInt)
HYPERLIGHT_WRAP_FUNCTION(minus, Long, 1, Long)
HYPERLIGHT_WRAP_FUNCTION(twice, ULong, 1, ULong)

void hyperlight_main(void)
{
    static const hl_ParameterType all[] = {
        hl_ParameterType_Int,    hl_ParameterType_UInt,  hl_ParameterType_Long,
        hl_ParameterType_ULong,  hl_ParameterType_Float, hl_ParameterType_Double,
        hl_ParameterType_String, hl_ParameterType_Bool,  hl_ParameterType_VecBytes};
    HYPERLIGHT_REGISTER_FUNCTION("PrintOutput", print_output);
    HYPERLIGHT_REGISTER_FUNCTION("GuestMethod1", guest_function);
    HYPERLIGHT_REGISTER_FUNCTION("WrongGetter", wrong_getter);
    HYPERLIGHT_REGISTER_FUNCTION("Negate", negate);
    HYPERLIGHT_REGISTER_FUNCTION("AddOne", add_one);
    HYPERLIGHT_REGISTER_FUNCTION("Minus", minus);
    HYPERLIGHT_REGISTER_FUNCTION("Twice", twice);
    hl_register_function_definition("EchoAll", echo_all, 9, all, hl_ReturnType_String);
}

/* Answers one name that is not registered. */
hl_Vec *c_guest_dispatch_function(const hl_FunctionCall *call)
{
    if (strcmp(call->function_name, "Unregistered") != 0)
        return NULL;
    return hl_flatbuffer_result_from_Int((int32_t)call->parameters_len);
}
