/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of Hyperlight 0.1's simpleguest, by the same names and with the same behaviour
 * (docs/guests.md), on mote's SDK. The tests of the record run on it; guests/rust01 has the
 * same ones on the 0.1 ABI.
 */
#include <mote_guest/moteg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG_ARRAY_NUMBERS (1024 * 1024)
/* More than the stack that a guest has by default. */
#define LARGE_BYTES (64 * 1024 + 1)
#define SMALL_BYTES 1024
#define SHORT_BYTES 17

MOTEG_HOST_FUNCTION(i32, HostPrint, (str, text));
MOTEG_HOST_FUNCTION(i32, HostAdd, (i32, a), (i32, b));
MOTEG_HOST_FUNCTION(u64, MakeGetpidSyscall);

static int32_t big_array[BIG_ARRAY_NUMBERS];
static int32_t counter;

/* What lies at data must be there, all of it. */
static void need_memory(void *data)
{
    __asm__ volatile("" : : "r"(data) : "memory");
}

/* ---- State that stays between calls, or does not ---- */

MOTEG_FUNCTION(i32, SetStatic)
{
    for (int32_t i = 0; i < BIG_ARRAY_NUMBERS; i++)
        big_array[i] = i;
    need_memory(big_array);
    return BIG_ARRAY_NUMBERS;
}

MOTEG_FUNCTION(i32, AddToStatic, (i32, n))
{
    counter = (int32_t)((uint32_t)counter + (uint32_t)n);
    return counter;
}

MOTEG_FUNCTION(i32, GetStatic)
{
    return counter;
}

/* ---- Values there and back ---- */

MOTEG_FUNCTION(str, Echo, (str, text))
{
    return text;
}

MOTEG_FUNCTION(f32, EchoFloat, (f32, value))
{
    return value;
}

MOTEG_FUNCTION(f64, EchoDouble, (f64, value))
{
    return value;
}

MOTEG_FUNCTION(bytes, GetSizePrefixedBuffer, (bytes, data))
{
    return data;
}

MOTEG_FUNCTION(bytes, SetByteArrayToZero, (bytes, data))
{
    uint8_t *zeroes = moteg_call_memory(data.len_bytes);
    memset(zeroes, 0, data.len_bytes);
    return (moteg_bytes){zeroes, data.len_bytes};
}

MOTEG_FUNCTION(i32, Add, (i32, a), (i32, b))
{
    return HostAdd(a, b);
}

MOTEG_FUNCTION(u64, ViolateSeccompFilters)
{
    return MakeGetpidSyscall();
}

/* ---- Printing: what HostPrint returns is the result ---- */

MOTEG_FUNCTION(i32, PrintOutput, (str, text))
{
    return HostPrint(text);
}

MOTEG_FUNCTION(i32, PrintUsingPrintf, (str, text))
{
    return printf("%s", text);
}

static const char *word(bool value)
{
    return value ? "true" : "false";
}

MOTEG_FUNCTION(i32, PrintTwoArgs, (str, a), (i32, b))
{
    return HostPrint(moteg_format("Message: arg1:%s arg2:%d.", a, b));
}

MOTEG_FUNCTION(i32, PrintThreeArgs, (str, a), (i32, b), (i64, c))
{
    return HostPrint(moteg_format("Message: arg1:%s arg2:%d arg3:%ld.", a, b, c));
}

MOTEG_FUNCTION(i32, PrintFourArgs, (str, a), (i32, b), (i64, c), (str, d))
{
    return HostPrint(moteg_format("Message: arg1:%s arg2:%d arg3:%ld arg4:%s.", a, b, c, d));
}

MOTEG_FUNCTION(i32, PrintFiveArgs, (str, a), (i32, b), (i64, c), (str, d), (str, e))
{
    return HostPrint(
        moteg_format("Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s.", a, b, c, d, e));
}

MOTEG_FUNCTION(i32, PrintSixArgs, (str, a), (i32, b), (i64, c), (str, d), (str, e), (bool, f))
{
    return HostPrint(moteg_format("Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s.", a,
                                  b, c, d, e, word(f)));
}

MOTEG_FUNCTION(i32, PrintSevenArgs, (str, a), (i32, b), (i64, c), (str, d), (str, e), (bool, f),
               (bool, g))
{
    return HostPrint(
        moteg_format("Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s.", a, b, c,
                     d, e, word(f), word(g)));
}

MOTEG_FUNCTION(i32, PrintEightArgs, (str, a), (i32, b), (i64, c), (str, d), (str, e), (bool, f),
               (bool, g), (str, h))
{
    return HostPrint(
        moteg_format("Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s.",
                     a, b, c, d, e, word(f), word(g), h));
}

MOTEG_FUNCTION(i32, PrintNineArgs, (str, a), (i32, b), (i64, c), (str, d), (str, e), (bool, f),
               (bool, g), (str, h), (i64, i))
{
    return HostPrint(moteg_format(
        "Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s arg9:%ld.", a, b,
        c, d, e, word(f), word(g), h, i));
}

MOTEG_FUNCTION(i32, PrintTenArgs, (str, a), (i32, b), (i64, c), (str, d), (str, e), (bool, f),
               (bool, g), (str, h), (i64, i), (i32, j))
{
    return HostPrint(
        moteg_format("Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s "
                     "arg9:%ld arg10:%d.",
                     a, b, c, d, e, word(f), word(g), h, i, j));
}

MOTEG_FUNCTION(i32, PrintElevenArgs, (str, a), (i32, b), (i64, c), (str, d), (str, e), (bool, f),
               (bool, g), (str, h), (i64, i), (i32, j), (f32, k))
{
    return HostPrint(
        moteg_format("Message: arg1:%s arg2:%d arg3:%ld arg4:%s arg5:%s arg6:%s arg7:%s arg8:%s "
                     "arg9:%ld arg10:%d arg11:%.3f.",
                     a, b, c, d, e, word(f), word(g), h, i, j, (double)k));
}

/* level counts as Hyperlight 0.1's hl_Level: 0 nothing, 1 error, ... 5 trace. */
MOTEG_FUNCTION(void, LogMessage, (str, text), (i32, level))
{
    static const moteg_log_level levels[] = {MOTEG_LOG_ERROR, MOTEG_LOG_WARNING,
                                             MOTEG_LOG_INFORMATION, MOTEG_LOG_DEBUG,
                                             MOTEG_LOG_TRACE};
    if (level < 0 || level > 5)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "no log level has number %d", level);
    if (level > 0)
        moteg_log(levels[level - 1], "%s", text);
}

/* ---- The stack ---- */

MOTEG_FUNCTION(i32, SmallVar)
{
    char small[SMALL_BYTES];
    need_memory(small);
    return (int32_t)sizeof(small);
}

MOTEG_FUNCTION(i32, LargeVar)
{
    char large[LARGE_BYTES];
    need_memory(large);
    return (int32_t)sizeof(large);
}

/* 0 stands for more than the default stack. */
MOTEG_FUNCTION(i32, StackAllocate, (i32, n_bytes))
{
    if (n_bytes < 0)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "%d bytes are no size", n_bytes);
    size_t wanted = n_bytes == 0 ? LARGE_BYTES : (size_t)n_bytes;
    volatile char *place = __builtin_alloca(wanted);
    for (size_t i = 0; i < wanted; i++)
        place[i] = 0;
    return n_bytes;
}

static int32_t go_down(int32_t depth);
static int32_t (*volatile deeper)(int32_t) = go_down;

/* Half a KiB and more at each step. */
static int32_t go_down(int32_t depth)
{
    char frame[512];
    frame[0] = 0;
    need_memory(frame);
    return depth == 0 ? frame[0] : deeper(depth - 1) + frame[0];
}

MOTEG_FUNCTION(i32, StackOverflow, (i32, depth))
{
    return depth + go_down(depth);
}

MOTEG_FUNCTION(void, InfiniteRecursion)
{
    for (;;)
        go_down(INT32_MAX);
}

/* Copies no more than fits, and says how much would have. */
MOTEG_FUNCTION(i32, BufferOverrun, (str, text))
{
    char buffer[SHORT_BYTES];
    size_t len_bytes = strlen(text);
    size_t copied = len_bytes < sizeof(buffer) ? len_bytes : sizeof(buffer);
    memcpy(buffer, text, copied);
    need_memory(buffer);
    return SHORT_BYTES - (int32_t)copied;
}

/* offset counts from the guard page under the stack. */
MOTEG_FUNCTION(str, test_write_raw_ptr, (i64, offset))
{
    uint64_t guard = moteg_stack_min() - 4096;
    *(volatile uint8_t *)(uintptr_t)(guard + (uint64_t)offset) = 0;
    return "success";
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

MOTEG_FUNCTION(str, ExecuteOnStack)
{
    uint8_t code[16];
    return execute(code);
}

MOTEG_FUNCTION(str, ExecuteOnHeap)
{
    return execute(moteg_call_memory(16));
}

/* ---- The heap: where there is no memory, the guest aborts ---- */

static void *allocate(int32_t n_bytes)
{
    volatile char *memory = malloc((size_t)n_bytes);
    if (memory == NULL)
        moteg_abort(MOTEG_CODE_MALLOC_FAILED, "no memory for %d bytes", n_bytes);
    memory[0] = 1;
    return (void *)(uintptr_t)memory;
}

/* Keeps what it takes. */
MOTEG_FUNCTION(i32, CallMalloc, (i32, n_bytes))
{
    allocate(n_bytes);
    return n_bytes;
}

MOTEG_FUNCTION(i32, MallocAndFree, (i32, n_bytes))
{
    free(allocate(n_bytes));
    return n_bytes;
}

MOTEG_FUNCTION(i32, TestHlMalloc, (i32, n_bytes))
{
    free(allocate(n_bytes));
    return n_bytes;
}

/* ---- Ends ---- */

MOTEG_FUNCTION(void, Spin)
{
    for (;;)
        __asm__ volatile("");
}

MOTEG_FUNCTION(void, GuestAbortWithCode, (i32, code))
{
    moteg_abort((uint32_t)code, "%s", "");
}

MOTEG_FUNCTION(void, GuestAbortWithMessage, (i32, code), (str, text))
{
    moteg_abort((uint32_t)code, "%s", text);
}

/* What a panic is in the 0.1 guest library: an abort with code 8. */
MOTEG_FUNCTION(void, guest_panic, (str, text))
{
    moteg_abort(MOTEG_CODE_UNKNOWN, "%s", text);
}

/* ---- Names that are in no table ---- */

#define SECRET "ThisIsNotARealFunctionButTheNameIsImportant"

/* Sends a record and calls the host before it looks at its own call: both travel on the same
 * buffers as the call and its result, and must leave these alone. */
moteg_value moteg_fallback(const moteg_call *call)
{
    moteg_log(MOTEG_LOG_INFORMATION, "a record above the call");
    int32_t printed = HostPrint("text above the call");
    bool is_it = strcmp(call->name, SECRET) == 0 && call->n_args == 0 &&
                 call->returns == MOTEG_TYPE_I32 && printed >= 0;
    if (!is_it)
        moteg_fail(MOTEG_CODE_FUNCTION_NOT_FOUND, "%s", call->name);
    return (moteg_value){.type = MOTEG_TYPE_I32, .as.i32 = 99};
}
