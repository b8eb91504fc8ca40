/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the error record that every fallible function fills. */
#ifndef MOTE_ERROR_H
#define MOTE_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MOTE_NODISCARD __attribute__((warn_unused_result))
#define MOTE_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))
#else
#define MOTE_NODISCARD
#define MOTE_PRINTF(format_index, first_index)
#endif

/** What an error is about; the exit status of the command line is this number. */
typedef enum mote_class {
    MOTE_CLASS_NONE = 0,        /**< no error */
    MOTE_CLASS_GUEST_ERROR = 1, /**< the guest reported an error, or the call does not match it */
    MOTE_CLASS_USAGE = 2,       /**< the caller used the API wrongly */
    MOTE_CLASS_LOAD = 3,        /**< the guest file is missing, malformed or does not fit */
    MOTE_CLASS_GUEST_FAULT = 4, /**< the guest misbehaved; its sandbox is poisoned */
    MOTE_CLASS_TIME_LIMIT = 5,  /**< a limit passed, or the call was cancelled */
    MOTE_CLASS_HOST = 6         /**< the host cannot do it, or one of its functions failed */
} mote_class;

/*
 * Every status: X(name, value, class, what it means).
 * Values are part of the ABI: never reused, new ones are appended.
 */
#define MOTE_STATUS_LIST(X) \
    X(MOTE_OK, 0, NONE, "success") \
    X(MOTE_E_ARGUMENT, 1, USAGE, "an argument is NULL, out of range or contradicts another") \
    X(MOTE_E_STRUCT_SIZE, 2, USAGE, "struct_size or a field that this library does not know") \
    X(MOTE_E_STATE, 3, USAGE, "the sandbox is not in the state that the operation needs") \
    X(MOTE_E_BUSY, 4, USAGE, "the sandbox is in use by a call on another thread") \
    X(MOTE_E_FORKED, 5, USAGE, "the sandbox belongs to the parent process") \
    X(MOTE_E_POISONED, 6, USAGE, "an earlier call failed; restore or destroy the sandbox") \
    X(MOTE_E_TOO_LARGE, 7, USAGE, "a size is over its cap") \
    X(MOTE_E_TYPE, 8, USAGE, "the type asked for is not the type the function declares") \
    X(MOTE_E_INPUT_FULL, 9, USAGE, "the arguments do not fit in the input buffer") \
    X(MOTE_E_DRIVER, 10, USAGE, "no driver of that name") \
    X(MOTE_E_USAGE, 11, USAGE, "the command line is wrong (the mote program only)") \
    X(MOTE_E_DEFINITIONS_FULL, 12, USAGE, "the host function definitions do not fit") \
    X(MOTE_E_REENTRY, 13, USAGE, "a host function used the sandbox whose call it answers") \
    X(MOTE_E_NO_SNAPSHOT, 14, USAGE, "the sandbox has no snapshot to come back to") \
    X(MOTE_E_SNAPSHOT, 15, USAGE, "the snapshot is of another image, configuration or driver") \
    X(MOTE_E_SPENT, 16, USAGE, "the sandbox is single-use and has been used") \
    X(MOTE_E_IMAGE_OPEN, 20, LOAD, "the guest file cannot be opened or read") \
    X(MOTE_E_IMAGE_FORMAT, 21, LOAD, "no static-PIE ELF and no relocatable PE file for x86-64") \
    X(MOTE_E_IMAGE_BOUNDS, 22, LOAD, "a range lies outside the file or the image, or wraps") \
    X(MOTE_E_IMAGE_SEGMENT, 23, LOAD, "segments overlap, are out of order or badly aligned") \
    X(MOTE_E_IMAGE_RIGHTS, 24, LOAD, "a page would be writable and executable") \
    X(MOTE_E_IMAGE_RELOCATION, 25, LOAD, "a relocation of an unsupported type or place") \
    X(MOTE_E_IMAGE_ENTRY, 26, LOAD, "the entry point is not in an executable segment") \
    X(MOTE_E_IMAGE_NOTE, 27, LOAD, "the mote note or the function table is malformed") \
    X(MOTE_E_IMAGE_TOO_LARGE, 28, LOAD, "the image or the sandbox is over its cap") \
    X(MOTE_E_GUEST_ERROR, 40, GUEST_ERROR, "the guest, or the check before it, reports an error") \
    X(MOTE_E_GUEST_FAULT, 50, GUEST_FAULT, "the guest raised a CPU exception") \
    X(MOTE_E_GUEST_ABORT, 51, GUEST_FAULT, "the guest aborted") \
    X(MOTE_E_PROTOCOL, 52, GUEST_FAULT, "the guest sent something that the ABI does not allow") \
    X(MOTE_E_NO_RESULT, 53, GUEST_FAULT, "the guest finished a call without a result") \
    X(MOTE_E_GUEST_DIED, 54, GUEST_FAULT, "the virtual CPU stopped in a state it cannot leave") \
    X(MOTE_E_TIME_LIMIT, 60, TIME_LIMIT, "the time limit passed") \
    X(MOTE_E_CANCELLED, 61, TIME_LIMIT, "the call was cancelled") \
    X(MOTE_E_NO_HYPERVISOR, 70, HOST, "no hypervisor that may be used") \
    X(MOTE_E_MEMORY, 71, HOST, "out of memory") \
    X(MOTE_E_SYSTEM, 72, HOST, "a system call failed") \
    X(MOTE_E_HOST_FUNCTION, 73, HOST, "a host function failed") \
    X(MOTE_E_HOST_FUNCTION_UNKNOWN, 74, HOST, "the guest called a host function nobody exposed") \
    X(MOTE_E_HOST_FUNCTION_ARGUMENTS, 75, HOST, "the guest called a host function wrongly") \
    X(MOTE_E_OUTPUT, 76, HOST, "output cannot be written (the mote program only)") \
    X(MOTE_E_BUG, 77, HOST, "an invariant of the library does not hold") \
    X(MOTE_E_SYSTEM_CALL, 78, HOST, "a host function made a system call that its filter refuses")

/** The outcome of a fallible function: MOTE_OK, which is 0, or one of MOTE_E_*. */
typedef enum mote_status {
#define MOTE_STATUS_ENUM(name, value, class_name, meaning) name = value,
    MOTE_STATUS_LIST(MOTE_STATUS_ENUM)
#undef MOTE_STATUS_ENUM
} mote_status;

/** Room for one line of text, its terminating NUL included. */
#define MOTE_ERROR_TEXT_BYTES 512
/** Room for a name or a short text inside an error, its terminating NUL included. */
#define MOTE_ERROR_NAME_BYTES 96
/** Room for a message that came from a guest or a host function, NUL included. */
#define MOTE_ERROR_MESSAGE_BYTES 1024

/** What a guest tried to do when it faulted. */
typedef enum mote_access {
    MOTE_ACCESS_NONE = 0,
    MOTE_ACCESS_READ = 1,
    MOTE_ACCESS_WRITE = 2,
    MOTE_ACCESS_EXECUTE = 3
} mote_access;

/** The facts of MOTE_E_GUEST_FAULT. Addresses are guest-virtual. */
typedef struct mote_fault {
    int32_t vector; /**< CPU exception vector, or -1 where the fault has none */
    uint32_t error_code;
    uint32_t access;      /**< one of mote_access */
    uint32_t has_address; /**< 1 when address holds something */
    uint64_t rip;
    uint64_t rsp;
    uint64_t address;
    char name[8];                       /**< "#PF", or "" */
    char cause[40];                     /**< "stack overflow", "null pointer", ... */
    char region[32];                    /**< "guard", "heap", ..., or "" where address is in none */
    char symbol[MOTE_ERROR_NAME_BYTES]; /**< "recurse+0x10", or "" */
} mote_fault;

/** Which limit passed, in MOTE_E_TIME_LIMIT and MOTE_E_CANCELLED. */
typedef struct mote_limit {
    char kind[8];  /**< "wall", "cpu" or "cancel" */
    char phase[8]; /**< "init" or "call" */
    uint64_t limit_us;
    uint64_t elapsed_us;
} mote_limit;

/** What was wrong with a guest file, in MOTE_E_IMAGE_*. */
typedef struct mote_load {
    char field[48]; /**< "p_filesz", or "" */
    uint64_t value;
    uint64_t offset; /**< of the field in the file, in bytes */
} mote_load;

/**
 * Everything known about one failure.
 *
 * The caller owns it; nothing in it needs to be released. Only the members that
 * belong to the code are meaningful, all others are zero. Any function accepts
 * NULL in its place. A function that succeeds sets code to MOTE_OK and leaves the
 * rest alone. text is always one line: in guest text, control characters but tab
 * and bytes that are not UTF-8 are written as \xNN. message is the guest's or host
 * function's own text, valid UTF-8, cut where it is too long.
 */
typedef struct mote_error {
    mote_status code;
    int32_t os_errno; /**< errno of the failed system call, or 0 */
    char text[MOTE_ERROR_TEXT_BYTES];
    char subject[256];                    /**< file, argument or operation concerned, or "" */
    char function[MOTE_ERROR_NAME_BYTES]; /**< guest or host function concerned, or "" */
    uint64_t guest_code; /**< code of a guest error or abort, or of a host function's failure */
    char message[MOTE_ERROR_MESSAGE_BYTES]; /**< message that belongs to guest_code */
    mote_fault fault;
    mote_limit limit;
    mote_load load;
    char protocol_buffer[16]; /**< MOTE_E_PROTOCOL: "output", "error", "port" or "PEB" */
    char protocol_field[32];
    uint64_t protocol_value;
} mote_error;

/**
 * Return the name of a status, such as "MOTE_E_BUSY".
 *
 * Units: none.
 * Owner: the library; the text lives as long as the library is loaded.
 * Threads: any.
 * Errors: none; "MOTE_E_?" for a number that is no status.
 */
const char *mote_status_name(mote_status status);

/**
 * Return one sentence on what a status means.
 *
 * Units: none.
 * Owner: the library; the text lives as long as the library is loaded.
 * Threads: any.
 * Errors: none; "unknown status" for a number that is no status.
 */
const char *mote_status_meaning(mote_status status);

/**
 * Return the class of a status, which is also the command line's exit status.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none; MOTE_CLASS_HOST for a number that is no status.
 */
mote_class mote_status_class(mote_status status);

/**
 * Return the name of a code that a guest error carries, such as
 * "GuestFunctionNotFound".
 *
 * Units: none.
 * Owner: the library; the text lives as long as the library is loaded.
 * Threads: any.
 * Errors: none; "UnknownError" for a code that has no name.
 */
const char *mote_guest_code_name(uint64_t guest_code);

#ifdef __cplusplus
}
#endif

#endif
