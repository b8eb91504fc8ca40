/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that uses what the SDK has beside MOTEG_FUNCTION() and MOTEG_HOST_FUNCTION(). */
#include <mote_guest/moteg.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Host calls that may fail ---- */

static const char *outcome(bool answered, const moteg_value *result,
                           const moteg_host_failure *failure)
{
    if (answered)
        return moteg_format("answered %d", result->as.i32);
    return moteg_format("%d %llu %s: %s", (int)failure->kind, (unsigned long long)failure->code,
                        failure->function, failure->message);
}

/* Calls a host function that takes a text and returns a number. */
MOTEG_FUNCTION(str, Try, (str, function), (str, text))
{
    const moteg_value argument = {.type = MOTEG_TYPE_STR, .as.str = {text, strlen(text)}};
    moteg_value result;
    moteg_host_failure failure;
    bool answered = moteg_host_try(function, MOTEG_TYPE_I32, &argument, 1, &result, &failure);
    return outcome(answered, &result, &failure);
}

/* Failures, answers and an ordinary call in turn: none leaves anything to the next. */
MOTEG_FUNCTION(str, TryMany, (i32, n))
{
    const moteg_value argument = {.type = MOTEG_TYPE_STR, .as.str = {"x", 1}};
    moteg_value result;
    moteg_host_failure failure;
    int n_failed = 0, n_answered = 0;
    for (int32_t i = 0; i < n; i++) {
        n_failed += !moteg_host_try("Fail", MOTEG_TYPE_I32, &argument, 1, &result, &failure);
        n_answered += moteg_host_try("Length", MOTEG_TYPE_I32, &argument, 1, &result, &failure);
        moteg_host_call("Length", MOTEG_TYPE_I32, &argument, 1, &result);
        n_answered += result.as.i32;
    }
    return moteg_format("%d failed, %d answered", n_failed, n_answered);
}

MOTEG_FUNCTION(str, TryWithLogs, (i32, n))
{
    const moteg_value argument = {.type = MOTEG_TYPE_STR, .as.str = {"x", 1}};
    moteg_value result;
    moteg_host_failure failure;
    for (int32_t i = 0; i < n; i++)
        moteg_log(MOTEG_LOG_INFORMATION, "record %d", i);
    bool answered = moteg_host_try("Fail", MOTEG_TYPE_I32, &argument, 1, &result, &failure);
    return outcome(answered, &result, &failure);
}

/* ---- Calls of any shape ---- */

/* ForwardN calls the host's HostN with what it got, and gives back what that returns;
 * NumberOfArguments returns an i32, whatever is asked for. */
moteg_value moteg_fallback(const moteg_call *call)
{
    if (strcmp(call->name, "NumberOfArguments") == 0)
        return (moteg_value){.type = MOTEG_TYPE_I32, .as.i32 = (int32_t)call->n_args};
    if (strncmp(call->name, "Forward", 7) != 0)
        moteg_fail(MOTEG_CODE_FUNCTION_NOT_FOUND, "%s", call->name);
    moteg_value result;
    moteg_host_call(moteg_format("Host%s", call->name + 7), call->returns, call->args, call->n_args,
                    &result);
    return result;
}

/* One argument more than a function may have. */
MOTEG_FUNCTION(void, TooManyArguments)
{
    moteg_value args[MOTEG_MAX_PARAMETERS + 1] = {{.type = MOTEG_TYPE_I32}};
    moteg_value result;
    moteg_host_call("Host11", MOTEG_TYPE_VOID, args, MOTEG_MAX_PARAMETERS + 1, &result);
}

static moteg_value triple(const moteg_call *call)
{
    return (moteg_value){.type = MOTEG_TYPE_I32, .as.i32 = 3 * call->args[0].as.i32};
}

MOTEG_FUNCTION(void, RegisterTriple)
{
    const moteg_type number = MOTEG_TYPE_I32;
    moteg_function_register("Triple", triple, MOTEG_TYPE_I32, &number, 1);
}

/* ---- Logs ---- */

MOTEG_FUNCTION(void, LogAll, (str, source))
{
    for (int level = MOTEG_LOG_TRACE; level <= MOTEG_LOG_CRITICAL; level++)
        moteg_log_from((moteg_log_level)level, source, "some/file.c", 100 + level, "somewhere",
                       "level %d", level);
}

MOTEG_FUNCTION(u32, LogHere)
{
    moteg_log(MOTEG_LOG_WARNING, "here");
    return __LINE__ - 1;
}

/* ---- Errors, aborts, memory, the rest ---- */

MOTEG_FUNCTION(void, Fail, (u32, code), (str, text))
{
    moteg_fail(code, "%s", text);
}

MOTEG_FUNCTION(void, Abort, (u32, code), (str, text))
{
    moteg_abort(code, "%s", text);
}

MOTEG_FUNCTION(bool, Refuses, (u64, count), (u64, n_bytes))
{
    /* A compiler may take an allocation that nobody uses for one that succeeds. */
    void *volatile memory = calloc(count, n_bytes);
    void *volatile array = reallocarray(NULL, count, n_bytes);
    return memory == NULL && array == NULL;
}

MOTEG_FUNCTION(bool, ReallocKeepsAndGrows, (i32, rounds))
{
    unsigned char *memory = malloc(1);
    size_t len_bytes = 1;
    bool is_right = memory != NULL;
    for (int32_t i = 0; i < rounds && is_right; i++) {
        memset(memory, i, len_bytes);
        unsigned char *grown = realloc(memory, len_bytes * 2);
        is_right = grown != NULL && grown[0] == (unsigned char)i &&
                   grown[len_bytes - 1] == (unsigned char)i;
        memory = grown != NULL ? grown : memory;
        len_bytes *= 2;
    }
    free(memory);
    return is_right;
}

static jmp_buf place;

static void jump(int32_t depth, int value);
static void (*volatile deeper)(int32_t, int) = jump;

static void jump(int32_t depth, int value)
{
    volatile char frame[64];
    frame[0] = 1;
    if (depth == 0)
        longjmp(place, value);
    deeper(depth - frame[0], value);
}

/* 0 that is thrown arrives as 1. */
MOTEG_FUNCTION(i32, Jump, (i32, depth), (i32, value))
{
    volatile int32_t kept = depth;
    int thrown = setjmp(place);
    if (thrown == 0)
        jump(depth, value);
    return kept == depth ? thrown : -1;
}

MOTEG_FUNCTION(i32, Alloca, (i32, n_bytes))
{
    volatile char *memory = __builtin_alloca((size_t)n_bytes);
    for (int32_t i = 0; i < n_bytes; i++)
        memory[i] = (char)i;
    return n_bytes > 0 ? memory[n_bytes - 1] : 0;
}

MOTEG_FUNCTION(bool, RandIsRepeatable, (u32, seed))
{
    int first[8];
    bool is_same = true;
    srand(seed);
    for (size_t i = 0; i < 8; i++)
        first[i] = rand();
    srand(seed);
    for (size_t i = 0; i < 8; i++)
        is_same = is_same && rand() == first[i];
    return is_same;
}

MOTEG_FUNCTION(i32, Random)
{
    return rand();
}

MOTEG_FUNCTION(bool, StackMinIsBelow)
{
    uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    return moteg_stack_min() % 4096 == 0 && moteg_stack_min() < here;
}
