/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest SDK: what a program that runs inside a mote sandbox is written with. A whole guest:
 *
 *     #include <mote_guest/moteg.h>
 *     MOTEG_FUNCTION(str, SayHello, (str, name)) { return moteg_format("Hello, %s!", name); }
 *
 * `mote-cc hello.c -o hello.elf` makes it. A guest has one thread, no system calls and a small C
 * library (mote_guest/libc/). Its global variables keep their values from call to call, until the
 * host restores a snapshot.
 *
 * Call memory: what moteg_format(), moteg_text(), moteg_call_memory() and host calls return lives
 * until the running call ends, and is then freed by the runtime.
 */
#ifndef MOTE_GUEST_MOTEG_H
#define MOTE_GUEST_MOTEG_H

#include <mote_guest/macros.h>
#include <mote_guest/value.h>
#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOTEG_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#define MOTEG_NORETURN __attribute__((noreturn))

/**
 * Codes of guest errors and aborts that the runtime uses. Guests may use any number; up to 16 they
 * have names in the texts of errors (docs/errors.md), so codes of your own best start at 100.
 */
typedef enum moteg_code {
    MOTEG_CODE_FUNCTION_NOT_FOUND = 4,
    MOTEG_CODE_WRONG_NUMBER_OF_PARAMETERS = 5,
    MOTEG_CODE_UNKNOWN = 8,
    MOTEG_CODE_STACK_SMASHED = 10,
    MOTEG_CODE_MALLOC_FAILED = 13,
    MOTEG_CODE_PARAMETER_TYPE_MISMATCH = 14,
    MOTEG_CODE_GUEST_ERROR = 15
} moteg_code;

/** Levels of log records, ascending. */
typedef enum moteg_log_level {
    MOTEG_LOG_TRACE = 0,
    MOTEG_LOG_DEBUG = 1,
    MOTEG_LOG_INFORMATION = 2,
    MOTEG_LOG_WARNING = 3,
    MOTEG_LOG_ERROR = 4,
    MOTEG_LOG_CRITICAL = 5
} moteg_log_level;

/**
 * Define a function that the host can call.
 *
 * The first argument is the type of the result, the second the name, then come 0 to 11 parameters
 * as (type, name). Types are i32 u32 i64 u64 f32 f64 bool str bytes, for results also void. In C
 * they are int32_t uint32_t int64_t uint64_t float double bool, const char * and moteg_bytes. The
 * function's body follows the macro; in C it is a static function of that name. Number and types
 * of the arguments are checked before it runs.
 *
 * Units: none.
 * Owner: text and bytes parameters are borrowed from the runtime until the call ends. Returned text
 * and bytes are copied; NULL counts as empty.
 * Errors: moteg_fail() reports one. A returned text that is not UTF-8, or a result that does not
 * fit the output buffer, becomes error MOTEG_CODE_GUEST_ERROR.
 */
#define MOTEG_FUNCTION(returned, ...) \
    static MOTEG_JOIN(moteg_c_, returned) \
        MOTEG_FIRST(__VA_ARGS__)(MOTEG_LIST(MOTEG_DECLARE, void, __VA_ARGS__)); \
    static moteg_value MOTEG_JOIN(moteg_call_, \
                                  MOTEG_FIRST(__VA_ARGS__))(const moteg_value *moteg_args) \
    { \
        (void)moteg_args; \
        MOTEG_IF_VOID(returned, MOTEG_RETURN_VOID, MOTEG_RETURN_MADE) \
        (returned, MOTEG_FIRST(__VA_ARGS__)(MOTEG_LIST(MOTEG_GET, , __VA_ARGS__))); \
    } \
    MOTEG_IN_TABLE static const struct moteg_function_record MOTEG_JOIN( \
        moteg_record_, \
        MOTEG_FIRST(__VA_ARGS__)) = {MOTEG_TEXT(MOTEG_FIRST(__VA_ARGS__)), \
                                     MOTEG_JOIN(moteg_call_, MOTEG_FIRST(__VA_ARGS__)), \
                                     MOTEG_N_PARAMS(__VA_ARGS__), \
                                     MOTEG_JOIN(moteg_return_, returned), \
                                     {MOTEG_LIST(MOTEG_NUMBER, 0, __VA_ARGS__)}}; \
    static MOTEG_JOIN(moteg_c_, returned) \
        MOTEG_FIRST(__VA_ARGS__)(MOTEG_LIST(MOTEG_DECLARE, void, __VA_ARGS__))

/**
 * Define a C function that calls the host's function of the same name. Arguments are those of
 * MOTEG_FUNCTION(), without a body.
 *
 * Units: none.
 * Owner: arguments stay the caller's. A text or bytes result is call memory.
 * Errors: see moteg_host_call().
 */
#define MOTEG_HOST_FUNCTION(returned, ...) \
    MOTEG_HOST_FUNCTION_NAMED(returned, MOTEG_TEXT(MOTEG_FIRST(__VA_ARGS__)), __VA_ARGS__)

/**
 * Define a C function that calls the host's function name (a string), which has another name in C.
 *
 * Units: none.
 * Owner: as with MOTEG_HOST_FUNCTION().
 * Errors: see moteg_host_call().
 */
#define MOTEG_HOST_FUNCTION_NAMED(returned, name, ...) \
    __attribute__((unused)) static MOTEG_JOIN(moteg_c_, returned) \
        MOTEG_FIRST(__VA_ARGS__)(MOTEG_LIST(MOTEG_DECLARE, void, __VA_ARGS__)) \
    { \
        moteg_value moteg_args[] = {MOTEG_LIST(MOTEG_MAKE, moteg_make_void(), __VA_ARGS__)}; \
        moteg_value moteg_result; \
        moteg_host_call(name, (moteg_type)MOTEG_JOIN(moteg_type_of_, returned), moteg_args, \
                        MOTEG_N_PARAMS(__VA_ARGS__), &moteg_result); \
        MOTEG_IF_VOID(returned, MOTEG_RETURN_NOTHING, MOTEG_RETURN_GOT) \
        (returned, &moteg_result); \
    } \
    struct moteg_function_record /* so that a semicolon may follow */

#define MOTEG_TEXT(name) MOTEG_TEXT_(name)
#define MOTEG_TEXT_(name) #name

/**
 * Prepare the guest before its first call. The guest defines it, or leaves it out. It runs once,
 * after constructors, and may call the host.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Errors: moteg_fail() in it fails the sandbox's initialisation.
 */
void moteg_main(void);

/** A call from the host whose function is found at run time. Borrowed until the call ends. */
typedef struct moteg_call {
    const char *name;   /**< UTF-8 */
    moteg_type returns; /**< what the host wants back */
    const moteg_value *args;
    size_t n_args;
} moteg_call;

/** A function of the guest that takes its arguments as a list. */
typedef moteg_value (*moteg_function)(const moteg_call *call);

/**
 * Register a function while the guest runs, in moteg_main() or in a call. Number and types of
 * arguments are checked as those of MOTEG_FUNCTION(). A name that was registered before gets the
 * new function; a name in the guest's function table keeps its own. The host must say which type of
 * result it expects, and refuses another with MOTE_E_PROTOCOL, which poisons the sandbox.
 *
 * Units: n_params in types, 0 to 11.
 * Owner: name and params are copied, and stay until the sandbox ends or is restored.
 * Errors: moteg_fail()s with MOTEG_CODE_GUEST_ERROR (name is empty or over 95 bytes, too many
 * parameters, a type that cannot stand there) or MOTEG_CODE_MALLOC_FAILED.
 */
void moteg_function_register(const char *name, moteg_function function, moteg_type returns,
                             const moteg_type *params, size_t n_params);

/**
 * Answer calls of functions that are neither in the guest's function table nor registered. The
 * guest defines it, or leaves it out; then such calls fail with MOTEG_CODE_FUNCTION_NOT_FOUND and
 * the name. Its result must be of type call->returns: the host refuses another with
 * MOTE_E_PROTOCOL, which poisons the sandbox. moteg_fail() refuses a call.
 *
 * Units: none.
 * Owner: call is borrowed until the call ends; text and bytes of the result are copied.
 * Errors: moteg_fail() reports one.
 */
moteg_value moteg_fallback(const moteg_call *call);

/**
 * Call a function of the host.
 *
 * Units: n_args in values, 0 to 11.
 * Owner: name and args stay the caller's. Text and bytes in *result are call memory.
 * Errors: if the host's function fails, the running call ends on the host's side and this does not
 * return. A call that cannot be sent (no room, a name or text that is not UTF-8, a type that cannot
 * stand there), or a result that is not of type returns, is moteg_fail()ed with
 * MOTEG_CODE_GUEST_ERROR.
 */
void moteg_host_call(const char *name, moteg_type returns, const moteg_value *args, size_t n_args,
                     moteg_value *result);

/** Why a host call that was tried has failed. */
typedef enum moteg_host_failure_kind {
    MOTEG_HOST_NO_ROOM = 9,         /**< the result does not fit the input buffer */
    MOTEG_HOST_FAILED = 73,         /**< the host's function failed, with code and message */
    MOTEG_HOST_UNKNOWN = 74,        /**< there is no such function, or it may not be called now */
    MOTEG_HOST_WRONG_ARGUMENTS = 75 /**< it takes others */
} moteg_host_failure_kind;

/** The failure of a host call that was tried. */
typedef struct moteg_host_failure {
    moteg_host_failure_kind kind;
    uint64_t code;        /**< the function's own, 0 if it was not called */
    const char *message;  /**< the function's own, or what was wrong */
    const char *function; /**< its name; empty where the host does not say */
} moteg_host_failure;

/**
 * Call a function of the host, and be told if that fails, where moteg_host_call() would not return.
 * This includes a host function that was refused a system call by its filter.
 *
 * Units: n_args in values, 0 to 11.
 * Owner: name and args stay the caller's. Text and bytes in *result and *failure are call memory.
 * Errors: false, with *failure filled and *result untouched, if the host's function fails, if there
 * is none, if it takes other arguments, or if its result does not fit. A call that cannot be sent,
 * or a result that is not of type returns, is moteg_fail()ed as by moteg_host_call().
 */
bool moteg_host_try(const char *name, moteg_type returns, const moteg_value *args, size_t n_args,
                    moteg_value *result, moteg_host_failure *failure);

/**
 * Format a text, as printf() does.
 *
 * Units: none.
 * Owner: the result is call memory.
 * Errors: without memory, moteg_fail()s with MOTEG_CODE_MALLOC_FAILED.
 */
const char *moteg_format(const char *format, ...) MOTEG_PRINTF(1, 2);

/**
 * Make a text of a given length, which may hold NULs, to be returned or passed to the host.
 *
 * Units: len_bytes in bytes, without a terminating NUL.
 * Owner: the text is copied; the result is call memory.
 * Errors: without memory, moteg_fail()s with MOTEG_CODE_MALLOC_FAILED.
 */
const char *moteg_text(const char *text, size_t len_bytes);

/**
 * Allocate memory that is freed when the running call ends. Aligned to 16, not zeroed.
 *
 * Units: len_bytes in bytes.
 * Owner: call memory; do not free() it.
 * Errors: without memory, moteg_fail()s with MOTEG_CODE_MALLOC_FAILED.
 */
void *moteg_call_memory(size_t len_bytes);

/**
 * Reserve the output buffer for a bytes result that is built in place, without a copy. Return
 * (moteg_bytes){that pointer, n} to finish it; returning anything else, or failing, drops it. Asked
 * again in the same call, it returns the same memory.
 *
 * Units: *room_bytes is how many bytes fit.
 * Owner: the runtime; borrowed until the call ends.
 * Errors: none; *room_bytes is 0 when the output buffer is too small.
 */
uint8_t *moteg_result_reserve(size_t *room_bytes);

/**
 * End the running call with an error, which the host's caller sees as code and text. The sandbox
 * stays usable, but nothing between the function's start and here is unwound: memory from malloc()
 * is kept.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Errors: does not return. A text too long for the host's buffer is cut, bytes that are not UTF-8
 * become '?'; code 0, which would mean no error, counts as MOTEG_CODE_GUEST_ERROR.
 */
MOTEG_NORETURN void moteg_fail(uint32_t code, const char *format, ...) MOTEG_PRINTF(2, 3);

/**
 * End the guest because its memory can no longer be trusted. The sandbox must be restored or
 * destroyed.
 *
 * Units: only the low 8 bits of code reach the host.
 * Owner: nothing changes hands.
 * Errors: does not return. A text too long for the host's buffer is cut.
 */
MOTEG_NORETURN void moteg_abort(uint32_t code, const char *format, ...) MOTEG_PRINTF(2, 3);

/**
 * Write a log record. Records travel with the next exit to the host; those of level MOTEG_LOG_ERROR
 * and above at once. Levels that the host did not ask for are dropped in the guest.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Errors: none; a text over 1,000 bytes is cut, bytes that are not UTF-8 become '?'.
 */
#define moteg_log(level, ...) moteg_log_at(level, __FILE__, __LINE__, __func__, __VA_ARGS__)

/**
 * Write a log record of another place in the source.
 *
 * Units: line counts from 1.
 * Owner: nothing changes hands.
 * Errors: as with moteg_log().
 */
void moteg_log_at(moteg_log_level level, const char *file, int line, const char *function,
                  const char *format, ...) MOTEG_PRINTF(5, 6);

/**
 * Write a log record of another place in the source, with a word of the guest's own for what it
 * comes from; moteg_log() says "guest".
 *
 * Units: line counts from 1.
 * Owner: nothing changes hands.
 * Errors: as with moteg_log(); a source over 128 bytes keeps its end.
 */
void moteg_log_from(moteg_log_level level, const char *source, const char *file, int line,
                    const char *function, const char *format, ...) MOTEG_PRINTF(6, 7);

/**
 * Send printed text and log records to the host now, at the cost of an exit. The first bytes of a
 * character that is printed in parts wait for the rest.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Errors: none.
 */
void moteg_flush(void);

/** Takes printed text, piece by piece. The text is borrowed until it returns. */
typedef void (*moteg_put)(void *context, const char *text, size_t len_bytes);

/**
 * Print to a function, as printf() does.
 *
 * Units: returns how many bytes were printed.
 * Owner: nothing changes hands.
 * Errors: -1 if the number does not fit in an int, or the format is bad.
 */
int moteg_print_to(moteg_put put, void *context, const char *format, ...) MOTEG_PRINTF(3, 4);

/**
 * The same with a list of arguments.
 *
 * Units: as moteg_print_to().
 * Owner: as moteg_print_to().
 * Errors: as moteg_print_to().
 */
int moteg_vprint_to(moteg_put put, void *context, const char *format, va_list args)
    MOTEG_PRINTF(3, 0);

/**
 * Return the size of the heap, its own bookkeeping included.
 *
 * Units: bytes.
 * Owner: nothing changes hands.
 * Errors: none.
 */
size_t moteg_heap_bytes(void);

/**
 * Return the lowest address of the stack; below it lies the guard page.
 *
 * Units: a guest address.
 * Owner: nothing changes hands.
 * Errors: none.
 */
uint64_t moteg_stack_min(void);

/**
 * Return how much of the heap is allocated, bookkeeping included.
 *
 * Units: bytes.
 * Owner: nothing changes hands.
 * Errors: none.
 */
size_t moteg_heap_used_bytes(void);

#ifdef __cplusplus
}
#endif

#endif
