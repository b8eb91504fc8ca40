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
 * Which driver a sandbox gets where none is named. Isolation is never weakened without being asked.
 */
typedef enum mote_policy {
    MOTE_POLICY_HARDWARE_ONLY = 0,      /**< a hardware driver, or MOTE_E_NO_HYPERVISOR */
    MOTE_POLICY_HARDWARE_PREFERRED = 1, /**< a hardware driver where one works, else another */
    MOTE_POLICY_FASTEST = 2             /**< the one with the quickest round trip, measured once */
} mote_policy;

/** One log record of a guest. All text comes from the guest and is not escaped. */
typedef struct mote_log_record {
    mote_log_level level;
    mote_str_view message;
    mote_str_view source;
    mote_str_view caller;
    mote_str_view source_file;
    uint32_t line;
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

/**
 * Replace malloc, realloc and free for one image and its sandboxes.
 *
 * allocate and reallocate return NULL when there is no memory, which becomes
 * MOTE_E_MEMORY; blocks are aligned to 16. They may be called by several threads at once, and not
 * by a warm call. Guest memory does not come from here: the driver maps it.
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
 * Sizes are in bytes and are rounded up to 4096 by the memory layout; those below
 * their minimum are raised to it. Durations are in microseconds.
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
 * A size over its maximum is refused with MOTE_E_TOO_LARGE; a sandbox that takes more than
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
    mote_policy policy;     /**< which driver may be chosen where none is named */
    mote_log_level max_log; /**< most verbose level the guest is told to send; see log_is_set */
    bool log_is_set;        /**< max_log counts; without it the level is MOTE_LOG_ERROR */
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
    bool single_use; /**< one call, or one call context, and the sandbox is spent; no snapshots */
    /** Where a core file of the guest goes when a call or its initialisation ends with an error of
     * class MOTE_CLASS_GUEST_FAULT; it lives as long as the sandbox. NULL: nowhere. */
    const char *dump_path;
    /** How long host and guest each look for the other's answer before they sleep. It takes a
     * processor for each, and makes a call a matter of shared memory, without a system call. The
     * guest may then run on while its exit is looked at. Drivers whose guests run on the caller's
     * own processor have no use for it: today it counts on driver process alone. */
    uint64_t spin_us;
} mote_config;

/** The initial value of every mote_config. */
#define MOTE_CONFIG_INIT \
    { \
        sizeof(mote_config), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, MOTE_POLICY_HARDWARE_ONLY, \
            MOTE_LOG_OFF, false, false, false, NULL, NULL, NULL, NULL, 0, 0, false, NULL, 0 \
    }

#ifdef __cplusplus
}
#endif

#endif
