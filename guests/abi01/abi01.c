/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of the Hyperlight 0.1 ABI, without the SDK: no note, so that its functions are known only
 * when it runs; Win64 entry; a dispatch pointer in the PEB; `out` of its own; `hlt` when done.
 * docs/abi.md says what it has to do.
 */
#include "abi/codes.h"
#include "abi/memory_map.h"
#include "abi/peb.h"
#include "abi/ports.h"
#include "guests/abi01/memory.h"
#include "wire/wire.h"

struct mt_peb *peb; /* guests/pe/chkstk.S reads it */
static uint64_t max_log_level;

/* One call at a time, and more than a small stack should hold. */
static struct mt_wire_call call;

typedef void (*function)(void);

#define FRAME_BYTES 16384

/* ---- Reaching the host ---- */

static void out(uint16_t port, uint8_t byte)
{
    /* All of RAX is set: some hosts look at more than AL. */
    __asm__ volatile("outb %%al, %%dx" : : "a"((uint64_t)byte), "d"(port) : "memory");
}

_Noreturn static void finish(void)
{
    for (;;)
        __asm__ volatile("hlt" : : : "memory");
}

static void copy_text(const char *text, char *to, uint64_t room)
{
    uint64_t i = 0;
    for (; i + 1 < room && text[i] != '\0'; i++)
        to[i] = text[i];
    if (room != 0)
        to[i] = '\0';
}

_Noreturn static void abort_with(uint8_t code, const char *text)
{
    copy_text(text, (char *)(uintptr_t)peb->panic, peb->panic_bytes);
    out(MT_PORT_ABORT, code);
    finish();
}

/* ---- The two stacks of messages (3.4) ---- */

static uint64_t *word_at(uint64_t address)
{
    return (uint64_t *)(uintptr_t)address;
}

/* What was popped stays readable until the next exit, as it is parsed in place. */
static const uint8_t *pop(size_t *len_bytes)
{
    uint64_t sp = *word_at(peb->input);
    if (sp > peb->input_bytes || sp < MT_BUFFER_HEADER_BYTES + MT_BUFFER_BACK_POINTER_BYTES)
        abort_with(MT_GUEST_CODE_UNKNOWN, "input buffer: bad stack pointer");
    uint64_t end = sp - MT_BUFFER_BACK_POINTER_BYTES;
    uint64_t start = *word_at(peb->input + end);
    if (start < MT_BUFFER_HEADER_BYTES || start >= end)
        abort_with(MT_GUEST_CODE_UNKNOWN, "input buffer: bad back pointer");
    *word_at(peb->input) = start;
    *len_bytes = end - start;
    return (const uint8_t *)(uintptr_t)(peb->input + start);
}

static uint8_t *top(size_t *room)
{
    uint64_t sp = *word_at(peb->output);
    uint64_t used = sp + MT_BUFFER_BACK_POINTER_BYTES;
    if (used > peb->output_bytes)
        abort_with(MT_GUEST_CODE_UNKNOWN, "output buffer: bad stack pointer");
    *room = (peb->output_bytes - used) & ~(uint64_t)7;
    return (uint8_t *)(uintptr_t)(peb->output + sp);
}

static void push(size_t len_bytes)
{
    if (len_bytes == 0)
        abort_with(MT_GUEST_CODE_UNKNOWN, "output buffer: full");
    uint64_t sp = *word_at(peb->output);
    *word_at(peb->output + sp + len_bytes) = sp;
    *word_at(peb->output) = sp + len_bytes + MT_BUFFER_BACK_POINTER_BYTES;
}

static void push_result(const struct mt_wire_value *value)
{
    size_t room;
    uint8_t *to = top(&room);
    push(mt_wire_build_result(to, room, value));
}

/* ---- Errors ---- */

static size_t length_of(const char *text)
{
    size_t n = 0;
    while (text[n] != '\0')
        n++;
    return n;
}

_Noreturn static void fail(uint64_t code, const char *text)
{
    struct mt_wire_error error = {
        .code = code,
        .message = {.data = (const uint8_t *)text, .len = length_of(text)},
    };
    uint8_t *to = (uint8_t *)(uintptr_t)peb->guest_error;
    if (mt_wire_build_error(to, peb->guest_error_bytes, &error) == 0) {
        error.message.len = 0;
        mt_wire_build_error(to, peb->guest_error_bytes, &error);
    }
    finish();
}

static void need(size_t n_params, enum mt_wire_type first, enum mt_wire_type second)
{
    if (call.n_params != n_params)
        fail(MT_GUEST_CODE_WRONG_NUMBER_OF_PARAMETERS, "wrong number of parameters");
    const enum mt_wire_type types[] = {first, second};
    for (size_t i = 0; i < n_params; i++) {
        if (call.params[i].type != types[i])
            fail(MT_GUEST_CODE_PARAMETER_TYPE_MISMATCH, "wrong type of parameter");
    }
}

/* ---- The functions ---- */

static void echo(void)
{
    need(1, MT_WIRE_STR, MT_WIRE_VOID);
    push_result(&call.params[0]);
}

static int32_t sum_of_parameters(void)
{
    return (int32_t)((uint32_t)call.params[0].as.i32 + (uint32_t)call.params[1].as.i32);
}

static void add(void)
{
    need(2, MT_WIRE_I32, MT_WIRE_I32);
    push_result(&(struct mt_wire_value){.type = MT_WIRE_I32, .as.i32 = sum_of_parameters()});
}

/* Adds by calling the host's function of that name. */
static void host_add(void)
{
    need(2, MT_WIRE_I32, MT_WIRE_I32);
    struct mt_wire_value result;
    struct mt_wire_fault fault;
    size_t room, len_bytes;
    uint8_t *to = top(&room);
    call.name = (struct mt_wire_view){(const uint8_t *)"HostAdd", 7};
    call.call_type = MT_WIRE_CALL_HOST;
    call.returns = MT_WIRE_I32;
    push(mt_wire_build_call(to, room, &call));
    out(MT_PORT_CALL, 0);
    const uint8_t *message = pop(&len_bytes);
    if (!mt_wire_read_result(message, len_bytes, &result, &fault) || result.type != MT_WIRE_I32)
        fail(MT_GUEST_CODE_GUEST_ERROR, "the host returned no i32");
    push_result(&result);
}

/* LogMessage(text, level): levels are 0 for trace to 5 for critical, the host's limit counts down
 * from 5 for all to 0 for none. */
static void log_message(void)
{
    need(2, MT_WIRE_STR, MT_WIRE_I32);
    uint64_t level = (uint64_t)(uint32_t)call.params[1].as.i32;
    if (level > MT_LOG_LEVEL_CRITICAL)
        fail(MT_GUEST_CODE_GUEST_ERROR, "no such log level");
    uint64_t rank = level >= MT_LOG_LEVEL_ERROR ? 1 : 5 - level;
    struct mt_wire_log record = {
        .message = call.params[0].as.view,
        .source = {(const uint8_t *)"abi01", 5},
        .caller = {(const uint8_t *)"log_message", 11},
        .source_file = {(const uint8_t *)"abi01.c", 7},
        .level = (uint8_t)level,
        .line = __LINE__,
    };
    if (rank <= max_log_level) {
        size_t room;
        uint8_t *to = top(&room);
        push(mt_wire_build_log(to, room, &record));
        out(MT_PORT_LOG, 0);
    }
    push_result(&(struct mt_wire_value){.type = MT_WIRE_VOID});
}

/* Recursion with frames of four pages, each written from its top down. */
__attribute__((noinline)) static int32_t use_frames(int32_t n)
{
    uint8_t array[FRAME_BYTES];
    volatile uint8_t *frame = array;
    __asm__("" : "+r"(frame)); /* or else a compiler takes the array apart */
    for (size_t at = FRAME_BYTES; at > 0; at -= FRAME_BYTES / 8)
        frame[at - FRAME_BYTES / 8] = 1;
    int32_t below = n > 1 ? use_frames(n - 1) : 0;
    return below + frame[0];
}

static void use_stack(void)
{
    need(1, MT_WIRE_I32, MT_WIRE_VOID);
    int32_t n = use_frames(call.params[0].as.i32);
    push_result(&(struct mt_wire_value){.type = MT_WIRE_I32, .as.i32 = n});
}

/* A page that is executable is not writable. */
static void write_code(void)
{
    need(0, MT_WIRE_VOID, MT_WIRE_VOID);
    *(volatile uint8_t *)(uintptr_t)write_code = 0;
    push_result(&(struct mt_wire_value){.type = MT_WIRE_VOID});
}

static void abort_guest(void)
{
    need(2, MT_WIRE_I32, MT_WIRE_STR);
    abort_with((uint8_t)call.params[0].as.i32, (const char *)call.params[1].as.view.data);
}

static const struct {
    const char *name;
    function code;
} functions[] = {
    {"Echo", echo},          {"Add", add},
    {"HostAdd", host_add},   {"LogMessage", log_message},
    {"UseStack", use_stack}, {"WriteCode", write_code},
    {"Abort", abort_guest},
};

/* ---- Dispatch and entry ---- */

static bool is_named(const char *name)
{
    return length_of(name) == call.name.len && memcmp(name, call.name.data, call.name.len) == 0;
}

/* Entered by the host with a fresh stack for each call; never returns. */
_Noreturn static void dispatch(void)
{
    struct mt_wire_fault fault;
    size_t len_bytes;
    memset((void *)(uintptr_t)peb->guest_error, 0, peb->guest_error_bytes);
    const uint8_t *message = pop(&len_bytes);
    if (!mt_wire_read_call(message, len_bytes, &call, &fault))
        abort_with(MT_GUEST_CODE_UNKNOWN, "not a function call");
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (is_named(functions[i].name)) {
            functions[i].code();
            finish();
        }
    }
    fail(MT_GUEST_CODE_FUNCTION_NOT_FOUND, (const char *)call.name.data);
}

__attribute__((ms_abi, noreturn)) void entrypoint(struct mt_peb *its_peb, uint64_t seed,
                                                  uint64_t page_bytes, uint64_t log_level);

__attribute__((ms_abi, noreturn)) void entrypoint(struct mt_peb *its_peb, uint64_t seed,
                                                  uint64_t page_bytes, uint64_t log_level)
{
    (void)seed;
    (void)page_bytes;
    peb = its_peb;
    max_log_level = log_level;
    peb->dispatch_function = (uint64_t)(uintptr_t)dispatch;
    memset((void *)(uintptr_t)peb->guest_error, 0, peb->guest_error_bytes);
    finish();
}
