/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox is made with: sizes, limits, driver, callbacks, allocator. */
#ifndef MOTE_CONFIG_H
#define MOTE_CONFIG_H

#include <mote/error.h>
#include <mote/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Levels of a guest's log records; a lower number is more urgent. */
typedef enum mote_log_level {
    MOTE_LOG_OFF = 0,
    MOTE_LOG_ERROR = 1,
    MOTE_LOG_WARN = 2,
    MOTE_LOG_INFO = 3,
    MOTE_LOG_DEBUG = 4,
    MOTE_LOG_TRACE = 5
} mote_log_level;

/**
 * Which driver a sandbox gets if its configuration names none. The default never weakens isolation.
 */
typedef enum mote_policy {
    MOTE_POLICY_HARDWARE_ONLY = 0,      /**< a hardware driver, or MOTE_E_NO_HYPERVISOR */
    MOTE_POLICY_HARDWARE_PREFERRED = 1, /**< a hardware driver if one works, else another */
    MOTE_POLICY_FASTEST = 2             /**< the one with the quickest round trip, measured once */
} mote_policy;

/**
 * One log record of a guest. All text comes from the guest and is not escaped. If n_dropped is not
 * 0, the record is the library's own, and says how many records the rate limit dropped before it.
 */
typedef struct mote_log_record {
    mote_log_level level;
    mote_str_view message;
    mote_str_view source;
    mote_str_view caller;
    mote_str_view source_file;
    uint32_t line;
    uint64_t n_dropped; /**< always 0 in a guest's record */
} mote_log_record;

/**
 * Receive a log record of a guest.
 *
 * Runs on the thread that called into the sandbox, inside that call; it must not
 * use the same sandbox. The record's text is borrowed until it returns.
 */
typedef void (*mote_log_fn)(void *context, const mote_log_record *record);

/**
 * Receive text that a guest prints through HostPrint, len_bytes of it.
 *
 * Runs on the thread that called into the sandbox, inside that call; it must not
 * use the same sandbox. The text is borrowed until it returns, and is not escaped.
 */
typedef void (*mote_print_fn)(void *context, const char *text, size_t len_bytes);

/** What a span is about. */
typedef enum mote_span_kind {
    MOTE_SPAN_CREATE = 0,    /**< a sandbox is created */
    MOTE_SPAN_INIT = 1,      /**< its guest initialises */
    MOTE_SPAN_CALL = 2,      /**< a call into the guest, once name and arguments are checked */
    MOTE_SPAN_HOST_CALL = 3, /**< a host function runs */
    MOTE_SPAN_SNAPSHOT = 4,  /**< a snapshot is taken */
    MOTE_SPAN_RESTORE = 5    /**< a sandbox is brought back to a snapshot */
} mote_span_kind;

/**
 * The beginning or the end of an operation. No text in it comes from a guest: the name of a guest's
 * function is the caller's, and was found in the guest's function table if there is one; the name
 * of a host function is the one that it was registered with.
 */
typedef struct mote_span {
    size_t struct_size; /**< sizeof(mote_span) of the library, which may be newer */
    mote_span_kind kind;
    bool is_end;
    const char *operation; /**< "create", "init", "call", "host call", "snapshot" or "restore" */
    const char *function;  /**< guest or host function, or "" */
    uint64_t sandbox_id;   /**< no two sandboxes of a process have the same */
    uint64_t time_ns;      /**< CLOCK_MONOTONIC */
    uint64_t duration_ns;  /**< at the end: how long it took; else 0 */
    mote_status status;    /**< at the end: its outcome; else MOTE_OK */
} mote_span;

/**
 * Learn that an operation of a sandbox began or ended. Spans of a thread nest.
 *
 * Runs on the thread that called into the sandbox, inside that operation; it must not use the same
 * sandbox. In the spans of a host call the limits of the guest's call go on counting. The span and
 * its text are borrowed until it returns.
 */
typedef void (*mote_span_fn)(void *context, const mote_span *span);

struct mote_metrics;

/**
 * Replace malloc, realloc and free for one image and its sandboxes.
 *
 * allocate and reallocate return NULL when there is no memory, which becomes MOTE_E_MEMORY; blocks
 * are aligned to 16. Several threads may call them at once; a warm call does not call them. Guest
 * memory does not come from here: the driver maps it. What belongs to no image comes from malloc():
 * some bytes for each thread that runs guests of driver kvm, and what a driver is tried out and
 * measured with, once in a process.
 */
typedef struct mote_allocator {
    void *(*allocate)(void *context, size_t len_bytes);
    void *(*reallocate)(void *context, void *block, size_t len_bytes);
    void (*release)(void *context, void *block);
    void *context;
} mote_allocator;

/**
 * The settings of a sandbox. Start from MOTE_CONFIG_INIT; zero means the default.
 *
 * Sizes are in bytes. One below its minimum is raised to it. Each takes whole pages of 4096, but
 * the guest is told the size itself, and buffers hold no more than that: sizes that differ make
 * another configuration, even where they take the same pages. Durations are in microseconds.
 *
 * | setting                   | default             | minimum | maximum |
 * |---------------------------|---------------------|---------|---------|
 * | input_bytes, output_bytes | 16 KiB              | 8 KiB   | 1 GiB   |
 * | host_definitions_bytes    | 4 KiB               | 4 KiB   | 16 MiB  |
 * | host_exception_bytes      | 16 KiB              | 16 KiB  | 16 MiB  |
 * | guest_error_bytes         | 256                 | 128     | 1 MiB   |
 * | guest_panic_bytes         | 1 KiB               | 1 KiB   | 1 MiB   |
 * | kernel_stack_bytes        | 4 KiB               | 4 KiB   | 16 MiB  |
 * | stack_bytes               | the image's, 64 KiB | 4 KiB   | 1 GiB   |
 * | heap_bytes                | the image's, 128 KiB| 4 KiB   | 1 GiB   |
 * | time_limit_us             | 1 s                 | 1 us    | 1 year  |
 * | init_limit_us             | 2 s                 | 1 us    | 1 year  |
 * | cancel_wait_us            | 100 ms              | 1 us    | 1 year  |
 * | cpu_limit_us              | none                | 1 us    | 1 year  |
 * | max_memory_bytes          | 1 GiB less 2 MiB    | 4 KiB   | 3 GiB less 2 MiB |
 * | spin_us                   | 0: not at all       | 1 us    | 1 s     |
 *
 * A size over its maximum is refused with MOTE_E_TOO_LARGE; a sandbox that needs more than
 * max_memory_bytes in all, with MOTE_E_IMAGE_TOO_LARGE.
 */
typedef struct mote_config {
    size_t struct_size; /**< sizeof(mote_config) of the header that the caller compiled with */
    size_t input_bytes;
    size_t output_bytes;
    size_t host_definitions_bytes;
    size_t host_exception_bytes;
    size_t guest_error_bytes;
    size_t guest_panic_bytes;
    size_t kernel_stack_bytes;
    size_t stack_bytes;
    size_t heap_bytes;
    uint64_t time_limit_us; /**< wall clock, per call */
    uint64_t init_limit_us; /**< wall clock, for the guest's own initialisation */
    /** How far a host function may run past the limit before the error names it as the cause. */
    uint64_t cancel_wait_us;
    const char *driver;     /**< driver by name; NULL lets policy choose */
    mote_policy policy;     /**< which driver may be chosen if none is named */
    mote_log_level max_log; /**< most verbose level the guest is told to send; see log_is_set */
    bool log_is_set;        /**< use max_log; if false, the level is MOTE_LOG_ERROR */
    bool executable_heap; /**< map the heap executable as well: weakens the guest's own defences */
    bool host_calls_in_init; /**< answer host functions while the guest initialises */
    mote_log_fn log;         /**< NULL: records are dropped */
    void *log_context;
    mote_print_fn print; /**< NULL: HostPrint writes to standard output */
    void *print_context;
    /** Processor time of the guest, per call and for its initialisation; host functions are not
     * counted. */
    uint64_t cpu_limit_us;
    size_t max_memory_bytes; /**< of image, buffers, heap and stacks together */
    /** One call, or one call context, and the sandbox is spent. It has no stack of snapshots. */
    bool single_use;
    /** Where a core file of the guest goes when a call or its initialisation ends with an error of
     * class MOTE_CLASS_GUEST_FAULT; it lives as long as the sandbox. NULL: nowhere. */
    const char *dump_path;
    /** How long host and guest each poll for the other's answer before they sleep. A call then
     * makes no system call, but host and guest need a processor each, and the guest may go on
     * running while the host looks at its exit. Only driver process uses it. */
    uint64_t spin_us;
    struct mote_metrics *metrics; /**< of <mote/metrics.h>: what the sandbox counts into; or NULL */
    /** How many log records reach the callback each second, up to 1,000,000; 0: all. More are
     * dropped, and a record of the library's own says how many. */
    uint64_t log_rate_per_s;
    uint64_t log_burst; /**< how many may come at once; 0: as many as in a second */
    mote_span_fn span;  /**< NULL: none */
    void *span_context;
    /** Run host functions on a thread of the sandbox's own, under a filter of system calls: see
     * mote_sandbox_register_allowing(). The thread lives as long as the sandbox. */
    bool filter_host_functions;
} mote_config;

/** The initial value of every mote_config. */
#define MOTE_CONFIG_INIT \
    { \
        sizeof(mote_config), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, MOTE_POLICY_HARDWARE_ONLY, \
            MOTE_LOG_OFF, false, false, false, NULL, NULL, NULL, NULL, 0, 0, false, NULL, 0, NULL, \
            0, 0, NULL, NULL, false \
    }

#ifdef __cplusplus
}
#endif

#endif
