/* SPDX-License-Identifier: Apache-2.0 */
/* The guest runtime with a host made of one function: calls, results, errors, host calls, records,
 * reserved results and aborts, byte by byte on the two buffers. */
#include "abi/memory_map.h"
#include "abi/ports.h"
#include "guest/libc/heap.h"
#include "guest/runtime/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

int guest_printf(const char *format, ...);

#define BUFFER_BYTES 0x4000u
#define MIN_BUFFER_BYTES 0x2000u

static _Alignas(4096) uint8_t input[BUFFER_BYTES], output[BUFFER_BYTES], heap[0x20000];
static _Alignas(8) uint8_t guest_error[2048]; /* of which a test has as much as is usual, or all */
static char panic_text[64];

/* What the host saw. */
static char records[200][64];
static uint8_t levels[200];
static char latest_file[160];
static size_t n_records;
static int n_log_exits, n_host_calls;
static int abort_code;
static jmp_buf aborted;

static uint64_t *word_at(uint8_t *buffer, uint64_t offset)
{
    return (uint64_t *)(void *)(buffer + offset);
}

/* Take the top message of the output buffer, as the host does. */
static const uint8_t *take(size_t *len_bytes)
{
    uint64_t sp = *word_at(output, 0);
    assert_true(sp >= 24 && sp <= mt_peb.output_bytes && sp % 8 == 0);
    uint64_t start = *word_at(output, sp - 8);
    assert_true(start >= 8 && start < sp - 8);
    *word_at(output, 0) = start;
    *len_bytes = sp - 8 - start;
    return output + start;
}

/* The topmost record is the latest. */
static void take_records(size_t n)
{
    assert_true(n_records + n <= sizeof(records) / sizeof(records[0]));
    for (size_t i = n; i > 0; i--) {
        struct mt_wire_log log;
        struct mt_wire_fault fault;
        size_t len_bytes;
        const uint8_t *message = take(&len_bytes);
        assert_true(mt_wire_read_log(message, len_bytes, &log, &fault));
        snprintf(records[n_records + i - 1], sizeof(records[0]), "%s",
                 (const char *)log.message.data);
        levels[n_records + i - 1] = log.level;
        snprintf(latest_file, sizeof(latest_file), "%s", (const char *)log.source_file.data);
    }
    n_records += n;
}

/* Where the next message of the input buffer goes: results lie above the running call. */
static uint64_t input_floor = 8;

static uint8_t *input_room(void)
{
    return input + input_floor;
}

/* Make what was built there the top element; returns where the next one would go. */
static uint64_t push_input(size_t len_bytes)
{
    uint64_t end = input_floor + len_bytes;
    *word_at(input, end) = input_floor;
    *word_at(input, 0) = end + 8;
    return end + 8;
}

/* Every host function returns its first argument. */
static void answer_host_call(void)
{
    static uint8_t kept[BUFFER_BYTES];
    struct mt_wire_call call;
    struct mt_wire_fault fault;
    size_t len_bytes;
    const uint8_t *message = take(&len_bytes);
    memcpy(kept, message, len_bytes);
    assert_true(mt_wire_read_call(message, len_bytes, &call, &fault));
    assert_int_equal(call.call_type, MT_WIRE_CALL_HOST);
    struct mt_wire_value result = {.type = MT_WIRE_VOID};
    if (call.n_params > 0)
        result = call.params[0];
    push_input(mt_wire_build_result(input_room(), BUFFER_BYTES - 8 - input_floor, &result));
    n_host_calls++;
}

static __attribute__((ms_abi)) void outb(void *context, uint16_t port, uint8_t byte)
{
    assert_ptr_equal(context, records);
    switch (port) {
    case MT_PORT_LOG:
        n_log_exits++;
        take_records(byte);
        return;
    case MT_PORT_CALL:
        take_records(byte);
        answer_host_call();
        return;
    case MT_PORT_DONE:
        take_records(byte);
        return;
    case MT_PORT_ABORT:
        abort_code = byte;
        longjmp(aborted, 1);
    default:
        fail_msg("port %u", (unsigned)port);
    }
}

/* There is no stub page here. */
void mt_out_by_stub(uint16_t port, uint8_t byte)
{
    fail_msg("stub: port %u, byte %u", (unsigned)port, (unsigned)byte);
}

static void set_up(uint64_t output_bytes)
{
    mt_peb = (struct mt_peb){
        .run_mode = MT_RUN_MODE_IN_PROCESS_LINUX,
        .outb_function = (uint64_t)(uintptr_t)outb,
        .outb_context = (uint64_t)(uintptr_t)records,
        .input = (uint64_t)(uintptr_t)input,
        .input_bytes = BUFFER_BYTES,
        .output = (uint64_t)(uintptr_t)output,
        .output_bytes = output_bytes,
        .guest_error = (uint64_t)(uintptr_t)guest_error,
        .guest_error_bytes = 256,
        .panic = (uint64_t)(uintptr_t)panic_text,
        .panic_bytes = sizeof(panic_text),
    };
    mt_output_clear();
    mt_records_flush_unless_fit(0);
    mt_call_memory_begin(NULL);
    memset(heap, 0, sizeof(heap));
    mt_heap_init(heap, sizeof(heap), 99);
    mt_records_init(5);
    mt_dispatch_init();
    n_records = 0;
    n_log_exits = n_host_calls = 0;
}

static int reset(void **state)
{
    (void)state;
    set_up(BUFFER_BYTES);
    return 0;
}

extern const struct moteg_function_record __start_mote_functions[];
extern const struct moteg_function_record __stop_mote_functions[];

/* As the guest's table says; void for a name that it does not have. */
static enum mt_wire_type declared_result(const char *name)
{
    enum mt_wire_type type = MT_WIRE_VOID;
    for (const struct moteg_function_record *function = __start_mote_functions;
         function < __stop_mote_functions; function++) {
        if (strcmp(function->name, name) == 0)
            assert_true(mt_wire_return_type(function->returns, &type));
    }
    return type;
}

/* Run one call as the host would; the result is taken off, and must be the last thing there. */
static struct mt_wire_value run_as(const char *name, enum mt_wire_type returns, size_t n_params,
                                   const struct mt_wire_value *params)
{
    struct mt_wire_call call = {
        .name = {(const uint8_t *)name, strlen(name)},
        .call_type = MT_WIRE_CALL_GUEST,
        .returns = returns,
        .n_params = n_params,
    };
    for (size_t i = 0; i < n_params; i++)
        call.params[i] = params[i];
    memset(guest_error, 0, sizeof(guest_error));
    *word_at(output, 0) = 8;
    input_floor = 8;
    input_floor = push_input(mt_wire_build_call(input_room(), BUFFER_BYTES - 16, &call));
    mt_dispatch();
    mt_leave();
    struct mt_wire_value result = {.type = MT_WIRE_VOID};
    struct mt_wire_fault fault;
    size_t len_bytes;
    if (guest_error[0] != 0)
        return result;
    const uint8_t *message = take(&len_bytes);
    assert_true(mt_wire_read_result(message, len_bytes, &result, &fault));
    assert_int_equal(*word_at(output, 0), 8);
    return result;
}

static struct mt_wire_value run(const char *name, size_t n_params,
                                const struct mt_wire_value *params)
{
    return run_as(name, declared_result(name), n_params, params);
}

static struct mt_wire_value i32(int32_t value)
{
    return (struct mt_wire_value){.type = MT_WIRE_I32, .as.i32 = value};
}

static struct mt_wire_value str(const char *text)
{
    return (struct mt_wire_value){.type = MT_WIRE_STR,
                                  .as.view = {(const uint8_t *)text, strlen(text)}};
}

static struct mt_wire_value bytes(const char *text)
{
    return (struct mt_wire_value){.type = MT_WIRE_BYTES,
                                  .as.view = {(const uint8_t *)text, strlen(text)}};
}

static void assert_error(uint64_t code, const char *text)
{
    struct mt_wire_error error;
    struct mt_wire_fault fault;
    assert_true(mt_wire_read_error(guest_error, sizeof(guest_error), &error, &fault));
    assert_int_equal(error.code, code);
    assert_string_equal(error.message.data, text);
    assert_int_equal(*word_at(output, 0), 8);
}

static void assert_str(const struct mt_wire_value *value, const char *text)
{
    assert_int_equal(guest_error[0], 0);
    assert_int_equal(value->type, MT_WIRE_STR);
    assert_int_equal(value->as.view.len, strlen(text));
    assert_string_equal(value->as.view.data, text);
}

/* ---- The guest's functions ---- */

MOTEG_FUNCTION(str, Greet, (str, name))
{
    return moteg_format("Hello, %s!", name);
}

MOTEG_FUNCTION(str, Echo, (str, text))
{
    return text;
}

MOTEG_FUNCTION(str, MadeText)
{
    return moteg_text("x\0y", 3);
}

MOTEG_FUNCTION(str, NoText)
{
    return NULL;
}

MOTEG_FUNCTION(str, NotUtf8)
{
    return "a\xFF";
}

MOTEG_FUNCTION(void, Fail, (i32, code), (str, text))
{
    moteg_fail((uint32_t)code, "%s", text);
}

MOTEG_FUNCTION(void, Abort, (i32, code), (str, text))
{
    moteg_log(MOTEG_LOG_INFORMATION, "last words");
    moteg_abort((uint32_t)code, "%s", text);
}

MOTEG_FUNCTION(i32, Log, (i32, n), (i32, level))
{
    for (int32_t i = 0; i < n; i++)
        moteg_log((moteg_log_level)level, "record %d", i);
    return n;
}

MOTEG_FUNCTION(void, LogOf, (str, file))
{
    moteg_log_from(MOTEG_LOG_INFORMATION, "guest", file, 1, __func__, "record");
}

MOTEG_FUNCTION(i32, SendsNoType, (i32, type), (i32, returns))
{
    const moteg_value arg = {.type = (moteg_type)type, .as.u64 = 0};
    moteg_value result;
    moteg_host_call("HostEcho", (moteg_type)returns, &arg, 1, &result);
    return result.as.i32;
}

MOTEG_FUNCTION(bytes, Bytes, (i32, n), (i32, n_logs))
{
    static uint8_t data[2 * BUFFER_BYTES];
    if (n == 0)
        return (moteg_bytes){NULL, 0};
    for (int32_t i = 0; i < n_logs; i++)
        moteg_log(MOTEG_LOG_INFORMATION, "record %d", i);
    return (moteg_bytes){data, (size_t)n};
}

MOTEG_HOST_FUNCTION(str, HostEcho, (str, text));
MOTEG_HOST_FUNCTION_NAMED(i32, "HostEcho", host_echo_as_i32, (str, text));
MOTEG_HOST_FUNCTION(void, HostNothing);

MOTEG_FUNCTION(str, KeepsParameters, (str, text))
{
    const char *first = HostEcho("a result that is much longer than the call's own message, which "
                                 "the host has put where the call lies");
    const char *second = HostEcho(text);
    HostNothing();
    return moteg_format("%s|%s|%zu", text, second, moteg_str_bytes(first));
}

/* How long the host's text and a made one are, each asked for after both were made. */
MOTEG_FUNCTION(str, MeasuresBoth, (str, text))
{
    const char *answer = HostEcho(text);
    const char *made = moteg_format("a%cbcd", '\0');
    size_t answer_bytes = moteg_str_bytes(answer), made_bytes = moteg_str_bytes(made);
    HostEcho("other");
    made_bytes += 10 * moteg_str_bytes(made);
    return moteg_format("%zu %zu %zu", answer_bytes, made_bytes, moteg_str_bytes(text));
}

/* Calls a host function of any name, as an interpreter does. */
MOTEG_FUNCTION(void, CallByName, (bytes, name))
{
    char text[32] = "";
    moteg_value result;
    memcpy(text, name.data, name.len_bytes);
    moteg_host_call(text, MOTEG_TYPE_VOID, NULL, 0, &result);
}

MOTEG_FUNCTION(void, FailWithBytes, (bytes, text), (i32, width))
{
    moteg_fail(100, "%*.*s end", width, (int)text.len_bytes, (const char *)text.data);
}

/* Flushes after each byte, as is done for stderr. */
MOTEG_FUNCTION(void, PrintBytes, (bytes, text))
{
    for (size_t i = 0; i < text.len_bytes; i++) {
        guest_printf("%c", text.data[i]);
        moteg_flush();
    }
}

MOTEG_FUNCTION(i32, WrongHostType)
{
    return host_echo_as_i32("no number");
}

MOTEG_FUNCTION(bytes, InPlace, (i32, offset), (i32, len), (i32, n_logs))
{
    size_t room, again;
    uint8_t *to = moteg_result_reserve(&room);
    assert_ptr_equal(moteg_result_reserve(&again), to);
    for (size_t i = 0; i < room; i++)
        to[i] = (uint8_t)i;
    for (int32_t i = 0; i < n_logs; i++)
        moteg_log(MOTEG_LOG_INFORMATION, "record %d", i);
    assert_string_equal(HostEcho("host"), "host");
    return (moteg_bytes){to + offset, len < 0 ? room : (size_t)len};
}

MOTEG_FUNCTION(str, TextInReserve)
{
    size_t room;
    char *to = (char *)moteg_result_reserve(&room);
    for (size_t i = 0; i < 200; i++)
        to[i] = (char)('A' + i % 26);
    to[200] = '\0';
    return to + 8;
}

MOTEG_FUNCTION(u64, UsedHeap, (i32, n))
{
    for (int32_t i = 0; i < n; i++)
        moteg_format("%d", i);
    return moteg_heap_used_bytes();
}

MOTEG_FUNCTION(void, Print, (i32, n), (str, text))
{
    for (int32_t i = 0; i < n; i++)
        guest_printf("%s", text);
}

static moteg_value sum(const moteg_call *call)
{
    int32_t total = 0;
    for (size_t i = 0; i < call->n_args; i++)
        total += call->args[i].as.i32;
    return (moteg_value){.type = MOTEG_TYPE_I32, .as.i32 = total};
}

static moteg_value liar(const moteg_call *call)
{
    (void)call;
    return (moteg_value){.type = MOTEG_TYPE_I64};
}

static moteg_value of_no_type(const moteg_call *call)
{
    (void)call;
    return (moteg_value){.type = (moteg_type)(MOTEG_TYPE_VOID + 1)};
}

/* Registers with what its caller wants, so that errors come back as those of a call. */
static struct {
    const char *name;
    moteg_function function;
    moteg_type returns;
    size_t n_params;
    moteg_type params[MOTEG_MAX_PARAMETERS + 1];
} wanted;

MOTEG_FUNCTION(void, Register)
{
    moteg_function_register(wanted.name, wanted.function, wanted.returns, wanted.params,
                            wanted.n_params);
}

static bool has_fallback;

moteg_value moteg_fallback(const moteg_call *call)
{
    if (!has_fallback)
        moteg_fail(MOTEG_CODE_FUNCTION_NOT_FOUND, "%s", call->name);
    return sum(call);
}

/* ---- The tests ---- */

static void test_a_call_for_another_result_is_refused(void **state)
{
    (void)state;
    struct mt_wire_value name = str("World");
    run_as("Greet", MT_WIRE_I32, 1, &name);
    assert_error(15, "Function Greet returns String but was asked for Int.");
}

static void a_function_is_registered(void)
{
    struct mt_wire_value params[2] = {i32(3), i32(4)};
    run_as("Sum", MT_WIRE_I32, 2, params);
    assert_error(4, "Sum");
    wanted.name = "Sum";
    wanted.function = sum;
    wanted.returns = MOTEG_TYPE_I32;
    wanted.n_params = 2;
    run("Register", 0, NULL);
    assert_int_equal(guest_error[0], 0);
    assert_int_equal(run_as("Sum", MT_WIRE_I32, 2, params).as.i32, 7);
    run_as("Sum", MT_WIRE_I32, 1, params);
    assert_error(5, "Called function Sum with 1 parameters but it takes 2.");
    params[1] = str("4");
    run_as("Sum", MT_WIRE_I32, 2, params);
    assert_error(14, "Expected parameter type Int for parameter index 1 of function Sum but got "
                     "String.");
    params[1] = i32(4);
    assert_int_equal(run_as("Sum", MT_WIRE_STR, 2, params).type, MT_WIRE_I32);
    assert_int_equal(guest_error[0], 0);
    wanted.function = liar;
    run("Register", 0, NULL);
    assert_int_equal(run_as("Sum", MT_WIRE_I32, 2, params).type, MT_WIRE_I64);
    assert_int_equal(guest_error[0], 0);
    wanted.function = of_no_type;
    run("Register", 0, NULL);
    run_as("Sum", MT_WIRE_I32, 2, params);
    assert_error(15, "Function Sum returned a value of no type: 10.");
}

static void what_cannot_be_a_function_is_not_registered(void)
{
    char name[97];
    memset(name, 'n', sizeof(name));
    name[95] = '\0';
    wanted.name = name;
    wanted.function = sum;
    wanted.returns = MOTEG_TYPE_I32;
    wanted.n_params = MOTEG_MAX_PARAMETERS;
    run("Register", 0, NULL);
    assert_int_equal(guest_error[0], 0);
    wanted.n_params++;
    run("Register", 0, NULL);
    char text[200];
    snprintf(text, sizeof(text), "Function %s has too many parameters: 12 (max allowed is 11).",
             name);
    assert_error(15, text);
    wanted.n_params = 1;
    wanted.params[0] = MOTEG_TYPE_VOID;
    wanted.name = "Takes";
    run("Register", 0, NULL);
    assert_error(15, "function Takes has a type that cannot stand there");
    wanted.params[0] = MOTEG_TYPE_I32;
    wanted.name = "";
    run("Register", 0, NULL);
    assert_error(15, "a function's name is empty or over 95 bytes");
    name[95] = 'n';
    name[96] = '\0';
    wanted.name = name;
    run("Register", 0, NULL);
    assert_error(15, "a function's name is empty or over 95 bytes");
}

/* In one test: what is registered lies on a heap that the next test has anew. */
static void test_functions_are_registered_at_run_time(void **state)
{
    (void)state;
    a_function_is_registered();
    what_cannot_be_a_function_is_not_registered();
    mt_find_registered = NULL;
}

static void test_the_fallback_takes_what_nobody_else_does(void **state)
{
    (void)state;
    struct mt_wire_value params[12];
    for (size_t i = 0; i < 12; i++)
        params[i] = i32(1);
    has_fallback = true;
    assert_int_equal(run_as("Whatever", MT_WIRE_I32, 11, params).as.i32, 11);
    assert_int_equal(run_as("Whatever", MT_WIRE_I64, 0, params).type, MT_WIRE_I32);
    assert_int_equal(guest_error[0], 0);
    run_as("Whatever", MT_WIRE_I32, 12, params);
    assert_error(15, "Function Whatever has too many parameters: 12 (max allowed is 11).");
    has_fallback = false;
}

static void test_a_call_leaves_its_result(void **state)
{
    (void)state;
    struct mt_wire_value name = str("World");
    struct mt_wire_value result = run("Greet", 1, &name);
    assert_str(&result, "Hello, World!");
    assert_int_equal(*word_at(input, 0), 8);
}

static void test_text_keeps_its_nuls(void **state)
{
    (void)state;
    struct mt_wire_value text = str("a");
    text.as.view = (struct mt_wire_view){(const uint8_t *)"a\0b", 3};
    struct mt_wire_value result = run("Echo", 1, &text);
    assert_int_equal(result.as.view.len, 3);
    assert_memory_equal(result.as.view.data, "a\0b", 3);
    result = run("MadeText", 0, &text);
    assert_int_equal(result.as.view.len, 3);
    assert_memory_equal(result.as.view.data, "x\0y", 3);
    result = run("NoText", 0, &text);
    assert_str(&result, "");
}

static void test_a_host_functions_name_is_utf8(void **state)
{
    (void)state;
    struct mt_wire_value name = bytes("a\xFFz");
    run("CallByName", 1, &name);
    assert_error(15, "name of host function a?z is not UTF-8");
    assert_int_equal(n_host_calls, 0);
    name = bytes("\xC3\xA9");
    run("CallByName", 1, &name);
    assert_int_equal(guest_error[0], 0);
    assert_int_equal(n_host_calls, 1);
}

/* No room of the output buffer would help. */
static void test_a_host_call_of_no_type_is_told_from_one_without_room(void **state)
{
    (void)state;
    const int32_t types[][2] = {{MOTEG_TYPE_VOID, MOTEG_TYPE_I32},
                                {MOTEG_TYPE_VOID + 1, MOTEG_TYPE_I32},
                                {MOTEG_TYPE_I32, MOTEG_TYPE_VOID + 1}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct mt_wire_value params[2] = {i32(types[i][0]), i32(types[i][1])};
        run("SendsNoType", 2, params);
        assert_error(15,
                     "call of host function HostEcho has a value of no type, or too long a one");
    }
    assert_int_equal(n_host_calls, 0);
}

/* As records do: what is not UTF-8 becomes '?', and nothing is lost behind it. */
static void test_an_errors_text_becomes_utf8(void **state)
{
    (void)state;
    struct mt_wire_value params[2] = {bytes("bad \xFF byte \xC3\xA9 \xE2\x82"), i32(0)};
    run("FailWithBytes", 2, params);
    assert_error(100, "bad ? byte \xC3\xA9 ?? end");
}

/* A character that is cut where the room ends is no bad byte. */
static void test_an_error_text_too_long_ends_with_a_whole_character(void **state)
{
    (void)state;
    struct mt_wire_error error;
    struct mt_wire_fault fault;
    mt_peb.guest_error_bytes = sizeof(guest_error);
    for (int32_t width = 1020; width <= 1026; width++) {
        struct mt_wire_value params[2] = {bytes("\xE2\x82\xAC"), i32(width)};
        run("FailWithBytes", 2, params);
        assert_true(mt_wire_read_error(guest_error, sizeof(guest_error), &error, &fault));
        assert_null(strchr((const char *)error.message.data, '?'));
        assert_in_range(error.message.len, 1021, 1023);
    }
}

static void test_a_character_may_come_in_two_writes(void **state)
{
    (void)state;
    struct mt_wire_value text = bytes("x\xC3\xA9\xF0\x9F\x98\x80\xE2\x82");
    run("PrintBytes", 1, &text);
    assert_int_equal(n_records, 4);
    assert_string_equal(records[0], "x");
    assert_string_equal(records[1], "\xC3\xA9");
    assert_string_equal(records[2], "\xF0\x9F\x98\x80");
    assert_string_equal(records[3], "??");
}

/* One of each kind is measured, whichever was made last (value.h). */
static void test_a_hosts_text_and_a_made_one_are_both_measured(void **state)
{
    (void)state;
    struct mt_wire_value text = str("");
    text.as.view = (struct mt_wire_view){(const uint8_t *)"a\0bc", 4};
    struct mt_wire_value result = run("MeasuresBoth", 1, &text);
    assert_str(&result, "4 55 4");
}

static void test_wrong_calls_are_refused_with_the_records_texts(void **state)
{
    (void)state;
    struct mt_wire_value params[2] = {i32(1), i32(2)};
    run("Greet", 1, params);
    assert_error(14, "Expected parameter type String for parameter index 0 of function Greet but "
                     "got Int.");
    run("Greet", 2, params);
    assert_error(5, "Called function Greet with 2 parameters but it takes 1.");
    run("Gree", 0, params);
    assert_error(4, "Gree");
}

/* The host exception region lies at the page behind the definitions. */
static _Alignas(4096) struct {
    uint8_t definitions[4096];
    uint32_t len_bytes;
    char json[4092];
} described;

MOTEG_FUNCTION(str, ReadFailure)
{
    moteg_host_failure failure;
    if (!mt_host_failure_read(&failure))
        return "none";
    return moteg_format("%d|%llu|%s|%s", (int)failure.kind, (unsigned long long)failure.code,
                        failure.function, failure.message);
}

static void assert_failure(const char *json, size_t len_bytes, const char *text)
{
    described.len_bytes = (uint32_t)len_bytes;
    memset(described.json, 'x', sizeof(described.json));
    memcpy(described.json, json, len_bytes);
    struct mt_wire_value result = run("ReadFailure", 0, NULL);
    assert_str(&result, text);
}

static void test_the_hosts_exception_is_read(void **state)
{
    (void)state;
    static const char whole[] = "{\"message\":\"a \\\"code\\\":9 \\\\ \\u000ab\",\"source\":\"F\","
                                "\"code\":18446744073709551615,\"status\":73}";
    static const char bare[] = "{\"message\":\"\",\"source\":\"\",\"code\":0,\"status\":9}";
    mt_peb.host_definitions = (uint64_t)(uintptr_t)&described;
    mt_peb.host_definitions_bytes = 4000;
    assert_failure(whole, sizeof(whole) - 1, "73|18446744073709551615|F|a \"code\":9 \\ \nb");
    assert_failure("", 0, "none");
    assert_failure("{}", 2, "0|0||");
    assert_failure(bare, sizeof(bare) - 1, "9|0||");
    /* Wherever it is cut, nothing behind it is read. */
    for (size_t n = 1; n < sizeof(whole) - 1; n++) {
        described.len_bytes = (uint32_t)n;
        memset(described.json, '"', sizeof(described.json));
        memcpy(described.json, whole, n);
        run("ReadFailure", 0, NULL);
        assert_int_equal(guest_error[0], 0);
    }
}

static void test_an_error_fits_its_buffer(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'e', sizeof(text));
    text[299] = '\0';
    struct mt_wire_value params[2] = {i32(0), str("zero is no error")};
    run("Fail", 2, params);
    assert_error(15, "zero is no error");
    params[1] = str(text);
    run("Fail", 2, params);
    struct mt_wire_error error;
    struct mt_wire_fault fault;
    assert_true(mt_wire_read_error(guest_error, sizeof(guest_error), &error, &fault));
    assert_in_range(error.message.len, 180, 240);
    run("NotUtf8", 0, params);
    assert_error(15, "result of function NotUtf8 is not UTF-8");
}

static void test_a_result_fits_or_is_an_error(void **state)
{
    (void)state;
    int32_t most = 0;
    assert_int_equal(run("Bytes", 2, (struct mt_wire_value[]){i32(0), i32(0)}).as.view.len, 0);
    for (int32_t n = (int32_t)BUFFER_BYTES - 100; n < (int32_t)BUFFER_BYTES; n++) {
        struct mt_wire_value params[2] = {i32(n), i32(0)};
        struct mt_wire_value result = run("Bytes", 2, params);
        if (guest_error[0] == 0) {
            assert_int_equal(result.as.view.len, n);
            most = n;
        }
    }
    assert_in_range(most, BUFFER_BYTES - 80, BUFFER_BYTES - 32);
    struct mt_wire_value params[2] = {i32(most), i32(70)};
    struct mt_wire_value result = run("Bytes", 2, params);
    assert_int_equal(result.as.view.len, most);
    assert_int_equal(n_records, 70);
    assert_string_equal(records[69], "record 69");
}

static void test_records_travel_with_the_result(void **state)
{
    (void)state;
    struct mt_wire_value params[2] = {i32(10), i32(MOTEG_LOG_INFORMATION)};
    run("Log", 2, params);
    assert_int_equal(n_log_exits, 0);
    assert_int_equal(n_records, 10);
    for (size_t i = 0; i < 10; i++) {
        char text[32];
        snprintf(text, sizeof(text), "record %zu", i);
        assert_string_equal(records[i], text);
    }
}

static void test_many_records_come_in_order_and_none_is_lost(void **state)
{
    (void)state;
    struct mt_wire_value params[2] = {i32(150), i32(MOTEG_LOG_WARNING)};
    run("Log", 2, params);
    assert_true(n_log_exits > 0);
    assert_int_equal(n_records, 150);
    for (size_t i = 0; i < 150; i++) {
        char text[32];
        snprintf(text, sizeof(text), "record %zu", i);
        assert_string_equal(records[i], text);
    }
}

static void test_errors_are_logged_at_once(void **state)
{
    (void)state;
    struct mt_wire_value params[2] = {i32(2), i32(MOTEG_LOG_ERROR)};
    run("Log", 2, params);
    assert_int_equal(n_log_exits, 2);
    assert_int_equal(n_records, 2);
}

static void test_what_the_host_does_not_want_is_dropped(void **state)
{
    (void)state;
    for (int32_t level = MOTEG_LOG_TRACE; level <= MOTEG_LOG_CRITICAL; level++) {
        for (uint64_t max = 0; max <= 5; max++) {
            n_records = 0;
            mt_records_init(max);
            struct mt_wire_value params[2] = {i32(1), i32(level)};
            run("Log", 2, params);
            bool is_wanted = max >= (level >= MOTEG_LOG_ERROR ? 1u : 5u - (unsigned)level);
            assert_int_equal(n_records, is_wanted ? 1 : 0);
        }
    }
}

/* A long path keeps its end, from a whole character on. */
static void test_a_long_path_is_not_cut_inside_a_character(void **state)
{
    (void)state;
    char path[160];
    for (int digits = 116; digits < 126; digits++) {
        snprintf(path, sizeof(path), "\xE2\x82\xAC\xF0\x9F\x98\x80%0*d/x.c", digits, 0);
        struct mt_wire_value file = str(path);
        run("LogOf", 1, &file);
        size_t len_bytes = strlen(latest_file);
        assert_in_range(len_bytes, 125, 128);
        assert_string_equal(latest_file, path + strlen(path) - len_bytes);
    }
}

static void test_printed_text_is_gathered(void **state)
{
    (void)state;
    struct mt_wire_value params[2] = {i32(3), str("ab\n")};
    run("Print", 2, params);
    assert_int_equal(n_records, 1);
    assert_int_equal(levels[0], MT_LOG_LEVEL_NONE);
    assert_string_equal(records[0], "ab\nab\nab\n");
}

static void test_characters_are_not_cut_between_records(void **state)
{
    (void)state;
    struct mt_wire_value params[2] = {i32(1), str("x")};
    run("Print", 2, params);
    params[0] = i32(1500);
    params[1] = str("\xE2\x82\xAC");
    run("Print", 2, params);
    assert_true(n_records > 4);
    for (size_t i = 1; i < n_records; i++)
        assert_null(strchr(records[i], '?'));
}

static void test_a_host_call_keeps_the_parameters(void **state)
{
    (void)state;
    struct mt_wire_value text = str("parameter");
    struct mt_wire_value result = run("KeepsParameters", 1, &text);
    assert_int_equal(n_host_calls, 3);
    assert_str(&result, "parameter|parameter|100");
}

static void test_a_host_result_of_another_type_is_an_error(void **state)
{
    (void)state;
    run("WrongHostType", 0, NULL);
    assert_error(15, "host function HostEcho returned String, not Int");
}

static void test_a_result_in_place(void **state)
{
    (void)state;
    for (int32_t n_logs = 0; n_logs <= 100; n_logs += 50) {
        n_records = 0;
        struct mt_wire_value params[3] = {i32(0), i32(-1), i32(n_logs)};
        struct mt_wire_value result = run("InPlace", 3, params);
        assert_int_equal(result.type, MT_WIRE_BYTES);
        assert_in_range(result.as.view.len, BUFFER_BYTES / 2, BUFFER_BYTES * 3 / 4);
        for (size_t i = 0; i < result.as.view.len; i++)
            assert_int_equal(result.as.view.data[i], i % 256);
        assert_int_equal(n_records, n_logs);
    }
}

static void test_a_part_of_the_reserve_is_a_result_too(void **state)
{
    (void)state;
    struct mt_wire_value params[3] = {i32(7), i32(5), i32(0)};
    struct mt_wire_value result = run("InPlace", 3, params);
    assert_int_equal(result.as.view.len, 5);
    assert_memory_equal(result.as.view.data, "\7\10\11\12\13", 5);
    result = run("TextInReserve", 0, NULL);
    assert_int_equal(result.as.view.len, 192);
    for (size_t i = 0; i < 192; i++)
        assert_int_equal(result.as.view.data[i], 'A' + (i + 8) % 26);
    result = run("Greet", 1, (struct mt_wire_value[]){str("again")});
    assert_str(&result, "Hello, again!");
}

static void test_the_smallest_output_buffer_takes_records_above_a_reserve(void **state)
{
    (void)state;
    set_up(MIN_BUFFER_BYTES);
    struct mt_wire_value params[3] = {i32(0), i32(-1), i32(120)};
    struct mt_wire_value result = run("InPlace", 3, params);
    assert_int_equal(result.type, MT_WIRE_BYTES);
    assert_int_equal(n_records, 120);
}

static void test_call_memory_does_not_grow(void **state)
{
    (void)state;
    struct mt_wire_value n = i32(50);
    uint64_t used = run("UsedHeap", 1, &n).as.u64;
    for (int i = 0; i < 5; i++)
        assert_int_equal(run("UsedHeap", 1, &n).as.u64, used);
    run("Fail", 2, (struct mt_wire_value[]){i32(3), str("x")});
    assert_int_equal(run("UsedHeap", 1, &n).as.u64, used);
}

static void test_an_abort_says_why_and_sends_the_records(void **state)
{
    (void)state;
    char text[100];
    memset(text, 'y', sizeof(text));
    text[99] = '\0';
    /* Aborting is for good: one per process. */
    struct mt_wire_value params[2] = {i32(0x107), str(text)};
    if (setjmp(aborted) == 0) {
        run("Abort", 2, params);
        fail_msg("came back");
    }
    assert_int_equal(abort_code, 7);
    assert_int_equal(strlen(panic_text), sizeof(panic_text) - 1);
    assert_int_equal(n_records, 1);
    assert_string_equal(records[0], "last words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_call_leaves_its_result, reset),
        cmocka_unit_test_setup(test_text_keeps_its_nuls, reset),
        cmocka_unit_test_setup(test_a_hosts_text_and_a_made_one_are_both_measured, reset),
        cmocka_unit_test_setup(test_a_host_functions_name_is_utf8, reset),
        cmocka_unit_test_setup(test_a_host_call_of_no_type_is_told_from_one_without_room, reset),
        cmocka_unit_test_setup(test_an_errors_text_becomes_utf8, reset),
        cmocka_unit_test_setup(test_an_error_text_too_long_ends_with_a_whole_character, reset),
        cmocka_unit_test_setup(test_a_character_may_come_in_two_writes, reset),
        cmocka_unit_test_setup(test_wrong_calls_are_refused_with_the_records_texts, reset),
        cmocka_unit_test_setup(test_a_call_for_another_result_is_refused, reset),
        cmocka_unit_test_setup(test_functions_are_registered_at_run_time, reset),
        cmocka_unit_test_setup(test_the_fallback_takes_what_nobody_else_does, reset),
        cmocka_unit_test_setup(test_the_hosts_exception_is_read, reset),
        cmocka_unit_test_setup(test_an_error_fits_its_buffer, reset),
        cmocka_unit_test_setup(test_a_result_fits_or_is_an_error, reset),
        cmocka_unit_test_setup(test_records_travel_with_the_result, reset),
        cmocka_unit_test_setup(test_many_records_come_in_order_and_none_is_lost, reset),
        cmocka_unit_test_setup(test_errors_are_logged_at_once, reset),
        cmocka_unit_test_setup(test_what_the_host_does_not_want_is_dropped, reset),
        cmocka_unit_test_setup(test_a_long_path_is_not_cut_inside_a_character, reset),
        cmocka_unit_test_setup(test_printed_text_is_gathered, reset),
        cmocka_unit_test_setup(test_characters_are_not_cut_between_records, reset),
        cmocka_unit_test_setup(test_a_host_call_keeps_the_parameters, reset),
        cmocka_unit_test_setup(test_a_host_result_of_another_type_is_an_error, reset),
        cmocka_unit_test_setup(test_a_result_in_place, reset),
        cmocka_unit_test_setup(test_a_part_of_the_reserve_is_a_result_too, reset),
        cmocka_unit_test_setup(test_the_smallest_output_buffer_takes_records_above_a_reserve,
                               reset),
        cmocka_unit_test_setup(test_call_memory_does_not_grow, reset),
        cmocka_unit_test_setup(test_an_abort_says_why_and_sends_the_records, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
