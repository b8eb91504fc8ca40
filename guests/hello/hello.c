/* SPDX-License-Identifier: Apache-2.0 */
/* A guest with a function for each thing that a guest can do, well or badly. */
#include <mote_guest/moteg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MOTEG_FUNCTION(str, SayHello, (str, name))
{
    return moteg_format("Hello, %s!", name);
}

MOTEG_FUNCTION(i32, Add, (i32, a), (i32, b))
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

MOTEG_FUNCTION(void, Nothing)
{
}

/* ---- Every type there and back ---- */

MOTEG_FUNCTION(i32, EchoI32, (i32, value))
{
    return value;
}

MOTEG_FUNCTION(u32, EchoU32, (u32, value))
{
    return value;
}

MOTEG_FUNCTION(i64, EchoI64, (i64, value))
{
    return value;
}

MOTEG_FUNCTION(u64, EchoU64, (u64, value))
{
    return value;
}

MOTEG_FUNCTION(f32, EchoF32, (f32, value))
{
    return value;
}

MOTEG_FUNCTION(f64, EchoF64, (f64, value))
{
    return value;
}

MOTEG_FUNCTION(bool, EchoBool, (bool, value))
{
    return value;
}

MOTEG_FUNCTION(str, EchoStr, (str, value))
{
    return value;
}

MOTEG_FUNCTION(bytes, EchoBytes, (bytes, value))
{
    return value;
}

MOTEG_FUNCTION(str, Eleven, (i32, a), (i32, b), (i32, c), (i32, d), (i32, e), (i32, f), (i32, g),
               (i32, h), (i32, i), (i32, j), (i32, k))
{
    return moteg_format("%d %d %d %d %d %d %d %d %d %d %d", a, b, c, d, e, f, g, h, i, j, k);
}

/* ---- The same by way of the host ---- */

MOTEG_HOST_FUNCTION_NAMED(i32, "EchoI32", host_echo_i32, (i32, value));
MOTEG_HOST_FUNCTION_NAMED(u32, "EchoU32", host_echo_u32, (u32, value));
MOTEG_HOST_FUNCTION_NAMED(i64, "EchoI64", host_echo_i64, (i64, value));
MOTEG_HOST_FUNCTION_NAMED(u64, "EchoU64", host_echo_u64, (u64, value));
MOTEG_HOST_FUNCTION_NAMED(f32, "EchoF32", host_echo_f32, (f32, value));
MOTEG_HOST_FUNCTION_NAMED(f64, "EchoF64", host_echo_f64, (f64, value));
MOTEG_HOST_FUNCTION_NAMED(bool, "EchoBool", host_echo_bool, (bool, value));
MOTEG_HOST_FUNCTION_NAMED(str, "EchoStr", host_echo_str, (str, value));
MOTEG_HOST_FUNCTION_NAMED(bytes, "EchoBytes", host_echo_bytes, (bytes, value));
MOTEG_HOST_FUNCTION_NAMED(void, "Nothing", host_nothing);

MOTEG_FUNCTION(i32, HostEchoI32, (i32, value))
{
    return host_echo_i32(value);
}

MOTEG_FUNCTION(u32, HostEchoU32, (u32, value))
{
    return host_echo_u32(value);
}

MOTEG_FUNCTION(i64, HostEchoI64, (i64, value))
{
    return host_echo_i64(value);
}

MOTEG_FUNCTION(u64, HostEchoU64, (u64, value))
{
    return host_echo_u64(value);
}

MOTEG_FUNCTION(f32, HostEchoF32, (f32, value))
{
    return host_echo_f32(value);
}

MOTEG_FUNCTION(f64, HostEchoF64, (f64, value))
{
    return host_echo_f64(value);
}

MOTEG_FUNCTION(bool, HostEchoBool, (bool, value))
{
    return host_echo_bool(value);
}

MOTEG_FUNCTION(str, HostEchoStr, (str, value))
{
    return host_echo_str(value);
}

MOTEG_FUNCTION(bytes, HostEchoBytes, (bytes, value))
{
    return host_echo_bytes(value);
}

MOTEG_FUNCTION(void, HostNothing)
{
    host_nothing();
}

/* ---- Printing, logging, state, memory ---- */

MOTEG_FUNCTION(void, Print, (str, text))
{
    printf("%s", text);
}

MOTEG_FUNCTION(void, Log, (i32, level), (str, text))
{
    if (level < MOTEG_LOG_TRACE || level > MOTEG_LOG_CRITICAL)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "%d is no log level", level);
    moteg_log((moteg_log_level)level, "%s", text);
}

MOTEG_FUNCTION(i64, Count)
{
    static int64_t count;
    return ++count;
}

MOTEG_FUNCTION(u64, Allocate, (u64, n))
{
    unsigned char *memory = malloc(n);
    if (memory == NULL)
        moteg_fail(MOTEG_CODE_MALLOC_FAILED, "no memory for %lu bytes in a heap of %zu bytes", n,
                   moteg_heap_bytes());
    volatile unsigned char *touched = memory;
    for (uint64_t i = 0; i < n; i += 4096)
        touched[i] = 1;
    free(memory);
    return n;
}

MOTEG_FUNCTION(u64, Sum, (bytes, data))
{
    uint64_t sum = 0;
    for (size_t i = 0; i < data.len_bytes; i++)
        sum += data.data[i];
    return sum;
}

MOTEG_FUNCTION(bytes, Fill, (u64, n))
{
    size_t room;
    uint8_t *to = moteg_result_reserve(&room);
    if (n > room)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "%lu bytes do not fit the output, which takes %zu", n,
                   room);
    for (uint64_t i = 0; i < n; i++)
        to[i] = (uint8_t)i;
    return (moteg_bytes){to, n};
}

/* ---- Ways to fail ---- */

MOTEG_FUNCTION(void, Fail, (i32, code), (str, text))
{
    moteg_fail((uint32_t)code, "%s", text);
}

MOTEG_FUNCTION(void, Abort, (u32, code), (str, text))
{
    moteg_abort(code, "%s", text);
}

MOTEG_FUNCTION(void, Spin)
{
    for (;;)
        __asm__ volatile("");
}

/* Read at run time, so that the compiler does not know where this leads. */
static int *volatile nowhere;
static volatile bool goes_on = true;

/* With a name that a report can show. */
__attribute__((noinline)) static void crash_here(volatile int *where)
{
    *where = 1;
}

MOTEG_FUNCTION(void, Crash)
{
    crash_here(nowhere);
}

/* What is done after the inner call keeps it from becoming a loop. */
__attribute__((noinline)) static int32_t recurse(volatile int32_t *depth)
{
    volatile int32_t inner = *depth + 1;
    return goes_on ? recurse(&inner) + inner : 0;
}

MOTEG_FUNCTION(i32, Recurse)
{
    volatile int32_t depth = 0;
    return recurse(&depth);
}

/* The instruction itself, since in C a division by zero may become anything. */
MOTEG_FUNCTION(i32, Divide, (i32, a), (i32, b))
{
    int32_t quotient, rest;
    __asm__ volatile("cltd\n\tidivl %3" : "=a"(quotient), "=&d"(rest) : "0"(a), "r"(b) : "cc");
    return quotient;
}
