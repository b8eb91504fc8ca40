/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Hyperlight 0.1's c_simpleguest (docs/guests.md), written to that system's
 * C API as a stranger's guest would be; mote-cc makes a guest of the mote ABI of it.
 */
#include <hyperlight_guest.h>
#include <macro.h>
#include <printf.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BYTES (64 * 1024 + 1)
#define SMALL_BYTES 1024
#define SHORT_BYTES 17

static int ask_host_to_print(const char *text)
{
    hl_Parameter parameter = {.tag = hl_ParameterType_String,
                              .value.String = (char *)(uintptr_t)text};
    const hl_FunctionCall call = {.function_name = "HostPrint",
                                  .parameters = &parameter,
                                  .parameters_len = 1,
                                  .return_type = hl_ReturnType_Int};
    hl_call_host_function(&call);
    return hl_get_host_return_value_as_Int();
}

static int print_output(const char *text)
{
    return ask_host_to_print(text);
}

static int print_using_printf(const char *text)
{
    return printf("%s", text);
}

static const char *echo(const char *text)
{
    return text;
}

static float echo_float(float value)
{
    return value;
}

static double echo_double(double value)
{
    return value;
}

/* ---- Two to eleven parameters ---- */

static char line[512];

static const char *word(bool value)
{
    return value ? "true" : "false";
}

static int print_two(const char *a, int b)
{
    snprintf(line, sizeof(line), "Message: arg1:%s arg2:%d.", a, b);
    return ask_host_to_print(line);
}

static int print_three(const char *a, int b, int64_t c)
{
    snprintf(line, sizeof(line), "Message: arg1:%s arg2:%d arg3:%ld.", a, b, c);
    return ask_host_to_print(line);
}

static int print_four(const char *a, int b, int64_t c, const char *d)
{
    snprintf(line, sizeof(line), "Message: arg1:%s arg2:%d arg3:%ld arg4:%s.", a, b, c, d);
    return ask_host_to_print(line);
}

static int print_five(const char *a, int b, int64_t c, const char *d, const char *e)
{
    snprintf(line, sizeof(line), "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s.", a, b, c, d,
             e);
    return ask_host_to_print(line);
}

static int print_six(const char *a, int b, int64_t c, const char *d, const char *e, bool f)
{
    snprintf(line, sizeof(line), "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s.", a, b,
             c, d, e, word(f));
    return ask_host_to_print(line);
}

static int print_seven(const char *a, int b, int64_t c, const char *d, const char *e, bool f,
                       bool g)
{
    snprintf(line, sizeof(line),
             "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s.", a, b, c, d, e,
             word(f), word(g));
    return ask_host_to_print(line);
}

static int print_eight(const char *a, int b, int64_t c, const char *d, const char *e, bool f,
                       bool g, const char *h)
{
    snprintf(line, sizeof(line),
             "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s.", a, b, c,
             d, e, word(f), word(g), h);
    return ask_host_to_print(line);
}

static int print_nine(const char *a, int b, int64_t c, const char *d, const char *e, bool f, bool g,
                      const char *h, int64_t i)
{
    snprintf(line, sizeof(line),
             "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s arg9:%ld.",
             a, b, c, d, e, word(f), word(g), h, i);
    return ask_host_to_print(line);
}

static int print_ten(const char *a, int b, int64_t c, const char *d, const char *e, bool f, bool g,
                     const char *h, int64_t i, int j)
{
    snprintf(line, sizeof(line),
             "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s arg9:%ld "
             "arg10:%d.",
             a, b, c, d, e, word(f), word(g), h, i, j);
    return ask_host_to_print(line);
}

static int print_eleven(const char *a, int b, int64_t c, const char *d, const char *e, bool f,
                        bool g, const char *h, int64_t i, int j, float k)
{
    snprintf(line, sizeof(line),
             "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s arg9:%ld "
             "arg10:%d arg11:%.3f.",
             a, b, c, d, e, word(f), word(g), h, i, j, (double)k);
    return ask_host_to_print(line);
}

/* ---- Bytes, which take and give the objects of the C API ---- */

static hl_Vec *set_byte_array_to_zero(const hl_FunctionCall *call)
{
    hl_Vec data = call->parameters[0].value.VecBytes;
    memset(data.data, 0, data.len);
    return hl_flatbuffer_result_from_Bytes(data.data, data.len);
}

static hl_Vec *get_size_prefixed_buffer(const hl_FunctionCall *call)
{
    hl_Vec data = call->parameters[0].value.VecBytes;
    return hl_flatbuffer_result_from_Bytes(data.data, data.len);
}

/* ---- The stack ---- */

/* What lies at data must be there, all of it. */
static void need_memory(void *data)
{
    __asm__ volatile("" : : "r"(data) : "memory");
}

static int small_var(void)
{
    char small[SMALL_BYTES];
    need_memory(small);
    return SMALL_BYTES;
}

static int large_var(void)
{
    char large[LARGE_BYTES];
    need_memory(large);
    return LARGE_BYTES;
}

static int stack_allocate(int n_bytes)
{
    size_t wanted = n_bytes == 0 ? LARGE_BYTES : (size_t)n_bytes;
    volatile char *place = _alloca(wanted);
    for (size_t i = 0; i < wanted; i++)
        place[i] = 0;
    return n_bytes;
}

static int go_down(int depth);
static int (*volatile deeper)(int) = go_down;

static int go_down(int depth)
{
    char frame[512];
    frame[0] = 0;
    need_memory(frame);
    return depth == 0 ? frame[0] : deeper(depth - 1) + frame[0];
}

static int stack_overflow(int depth)
{
    return depth + go_down(depth);
}

static int buffer_overrun(const char *text)
{
    char buffer[SHORT_BYTES];
    size_t len_bytes = strlen(text);
    size_t copied = len_bytes < sizeof(buffer) ? len_bytes : sizeof(buffer);
    memcpy(buffer, text, copied);
    need_memory(buffer);
    return SHORT_BYTES - (int)copied;
}

static void infinite_recursion(void)
{
    for (;;)
        go_down(INT32_MAX);
}

/* ---- The heap ---- */

static int call_malloc(int n_bytes)
{
    volatile char *memory = hlmalloc((size_t)n_bytes);
    memory[0] = 1;
    return n_bytes;
}

static int malloc_and_free(int n_bytes)
{
    hlfree(hlmalloc((size_t)n_bytes));
    return n_bytes;
}

static int test_hl_malloc(int n_bytes)
{
    char *memory = hlcalloc((size_t)n_bytes, 1);
    memory = hlrealloc(memory, 2 * (size_t)n_bytes);
    hlfree(memory);
    return n_bytes;
}

/* ---- Code where none should be ---- */

static const uint8_t nop_and_return[] = {0x90, 0x90, 0xC3};

static const char *execute(void *code)
{
    memcpy(code, nop_and_return, sizeof(nop_and_return));
    void (*fn)(void) = (void (*)(void))(uintptr_t)code;
    fn();
    return "executed";
}

static const char *execute_on_stack(void)
{
    uint8_t code[16];
    return execute(code);
}

static const char *execute_on_heap(void)
{
    return execute(hlmalloc(16));
}

/* ---- Ends and logs ---- */

static void guest_abort_with_code(int code)
{
    hl_abort_with_code(code);
}

static void guest_abort_with_message(int code, const char *text)
{
    hl_abort_with_code_and_message(code, text);
}

static void fail(int code, const char *text)
{
    hl_set_error((hl_ErrorCode)code, text);
}

static void log_message(const char *text, int64_t level)
{
    LOG((hl_Level)level, text);
}

/* ---- Wrapping and registering ---- */

HYPERLIGHT_WRAP_FUNCTION(print_output, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(print_using_printf, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(echo, String, 1, String)
HYPERLIGHT_WRAP_FUNCTION(echo_float, Float, 1, Float)
HYPERLIGHT_WRAP_FUNCTION(echo_double, Double, 1, Double)
HYPERLIGHT_WRAP_FUNCTION(print_two, Int, 2, String, Int)
HYPERLIGHT_WRAP_FUNCTION(print_three, Int, 3, String, Int, Long)
HYPERLIGHT_WRAP_FUNCTION(print_four, Int, 4, String, Int, Long, String)
HYPERLIGHT_WRAP_FUNCTION(print_five, Int, 5, String, Int, Long, String, String)
HYPERLIGHT_WRAP_FUNCTION(print_six, Int, 6, String, Int, Long, String, String, Bool)
HYPERLIGHT_WRAP_FUNCTION(print_seven, Int, 7, String, Int, Long, String, String, Bool, Bool)
HYPERLIGHT_WRAP_FUNCTION(print_eight, Int, 8, String, Int, Long, String, String, Bool, Bool, String)
HYPERLIGHT_WRAP_FUNCTION(print_nine, Int, 9, String, Int, Long, String, String, Bool, Bool, String,
                         Long)
HYPERLIGHT_WRAP_FUNCTION(print_ten, Int, 10, String, Int, Long, String, String, Bool, Bool, String,
                         Long, Int)
HYPERLIGHT_WRAP_FUNCTION(print_eleven, Int, 11, String, Int, Long, String, String, Bool, Bool,
                         String, Long, Int, Float)
HYPERLIGHT_WRAP_FUNCTION(small_var, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(large_var, Int, 0)
HYPERLIGHT_WRAP_FUNCTION(stack_allocate, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(stack_overflow, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(buffer_overrun, Int, 1, String)
HYPERLIGHT_WRAP_FUNCTION(infinite_recursion, Void, 0)
HYPERLIGHT_WRAP_FUNCTION(call_malloc, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(malloc_and_free, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(test_hl_malloc, Int, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(execute_on_stack, String, 0)
HYPERLIGHT_WRAP_FUNCTION(execute_on_heap, String, 0)
HYPERLIGHT_WRAP_FUNCTION(guest_abort_with_code, Void, 1, Int)
HYPERLIGHT_WRAP_FUNCTION(guest_abort_with_message, Void, 2, Int, String)
HYPERLIGHT_WRAP_FUNCTION(fail, Void, 2, Int, String)
HYPERLIGHT_WRAP_FUNCTION(log_message, Void, 2, String, Long)

static void register_printers(void)
{
    HYPERLIGHT_REGISTER_FUNCTION("PrintOutput", print_output);
    HYPERLIGHT_REGISTER_FUNCTION("PrintUsingPrintf", print_using_printf);
    HYPERLIGHT_REGISTER_FUNCTION("PrintTwoArgs", print_two);
    HYPERLIGHT_REGISTER_FUNCTION("PrintThreeArgs", print_three);
    HYPERLIGHT_REGISTER_FUNCTION("PrintFourArgs", print_four);
    HYPERLIGHT_REGISTER_FUNCTION("PrintFiveArgs", print_five);
    HYPERLIGHT_REGISTER_FUNCTION("PrintSixArgs", print_six);
    HYPERLIGHT_REGISTER_FUNCTION("PrintSevenArgs", print_seven);
    HYPERLIGHT_REGISTER_FUNCTION("PrintEightArgs", print_eight);
    HYPERLIGHT_REGISTER_FUNCTION("PrintNineArgs", print_nine);
    HYPERLIGHT_REGISTER_FUNCTION("PrintTenArgs", print_ten);
    HYPERLIGHT_REGISTER_FUNCTION("PrintElevenArgs", print_eleven);
}

void hyperlight_main(void)
{
    static const hl_ParameterType bytes[] = {hl_ParameterType_VecBytes};
    hl_register_function_definition("SetByteArrayToZero", set_byte_array_to_zero, 1, bytes,
                                    hl_ReturnType_VecBytes);
    hl_register_function_definition("GetSizePrefixedBuffer", get_size_prefixed_buffer, 1, bytes,
                                    hl_ReturnType_VecBytes);
    register_printers();
    HYPERLIGHT_REGISTER_FUNCTION("Echo", echo);
    HYPERLIGHT_REGISTER_FUNCTION("EchoFloat", echo_float);
    HYPERLIGHT_REGISTER_FUNCTION("EchoDouble", echo_double);
    HYPERLIGHT_REGISTER_FUNCTION("SmallVar", small_var);
    HYPERLIGHT_REGISTER_FUNCTION("LargeVar", large_var);
    HYPERLIGHT_REGISTER_FUNCTION("StackAllocate", stack_allocate);
    HYPERLIGHT_REGISTER_FUNCTION("StackOverflow", stack_overflow);
    HYPERLIGHT_REGISTER_FUNCTION("BufferOverrun", buffer_overrun);
    HYPERLIGHT_REGISTER_FUNCTION("InfiniteRecursion", infinite_recursion);
    HYPERLIGHT_REGISTER_FUNCTION("CallMalloc", call_malloc);
    HYPERLIGHT_REGISTER_FUNCTION("MallocAndFree", malloc_and_free);
    HYPERLIGHT_REGISTER_FUNCTION("TestHlMalloc", test_hl_malloc);
    HYPERLIGHT_REGISTER_FUNCTION("ExecuteOnStack", execute_on_stack);
    HYPERLIGHT_REGISTER_FUNCTION("ExecuteOnHeap", execute_on_heap);
    HYPERLIGHT_REGISTER_FUNCTION("GuestAbortWithCode", guest_abort_with_code);
    HYPERLIGHT_REGISTER_FUNCTION("GuestAbortWithMessage", guest_abort_with_message);
    HYPERLIGHT_REGISTER_FUNCTION("Fail", fail);
    HYPERLIGHT_REGISTER_FUNCTION("LogMessage", log_message);
}

/* Nothing but what is registered. */
hl_Vec *c_guest_dispatch_function(const hl_FunctionCall *call)
{
    (void)call;
    return NULL;
}
