/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes: create, initialise, call, cancel, destroy. */
#ifndef MOTE_SANDBOX_H
#define MOTE_SANDBOX_H

#include <mote/config.h>
#include <mote/host_function.h>
#include <mote/image.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One guest's memory and its virtual CPU.
 *
 * Any thread may use a sandbox, one at a time. In a thread that calls into a sandbox of driver kvm,
 * the real-time signal SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN belongs to mote: it is blocked there
 * and carries time limits and cancels. The program must not ignore it (SIG_IGN), nor wait for it
 * there (sigwait() with a set of all signals; signalfd()): who takes it takes the next call's limit
 * away. No handler is installed. When the thread destroys the last sandbox that it ran, the signal
 * is unblocked. Where another thread destroys that one, or runs it afterwards, the signal stays
 * blocked in the first, and one may be pending there, until that thread ends or destroys a sandbox
 * that it ran: to unblock it before may end the program. Other drivers do not use it.
 *
 * A signal that was blocked when a thread began to run a sandbox of driver kvm, and that the thread
 * unblocks later, does not interrupt its guest: the handler waits for the call's end, even one that
 * would cancel the call. Unblock such signals first, or let another thread cancel.
 *
 * A thread that is cancelled (pthread_cancel()) in a call leaves the sandbox in use for good:
 * mote_sandbox_destroy() returns MOTE_E_BUSY, and with driver process the guest may run on, without
 * a limit, until the program ends. While a filtered host function runs, the thread waits for it
 * first.
 *
 * A call that is being cancelled, and an evolution in which another thread calls, wait for that
 * thread with sched_yield(): for good if the waiting thread has a real-time policy, and the other
 * one a lower priority and no other processor to run on.
 *
 * After fork() a sandbox stays with the parent. In the child it can only be destroyed; everything
 * else fails with MOTE_E_FORKED, even a call that was running when a callback forked. Images and
 * snapshots can be used in both: the child makes sandboxes of its own.
 */
typedef struct mote_sandbox mote_sandbox;

/** The signal that carries time limits and cancels: this number above SIGRTMIN. */
#define MOTE_SIGNAL_ABOVE_SIGRTMIN 11

/** The state of a sandbox. */
typedef enum mote_sandbox_state {
    MOTE_SANDBOX_CREATED = 0,    /**< host functions may be registered; init comes next */
    MOTE_SANDBOX_READY = 1,      /**< calls are accepted */
    MOTE_SANDBOX_POISONED = 2,   /**< the guest misbehaved or was stopped; restore or destroy it */
    MOTE_SANDBOX_DEAD = 3,       /**< the virtual CPU is lost; destroy it */
    MOTE_SANDBOX_IN_CONTEXT = 4, /**< between mote_context_begin() and mote_context_finish() */
    MOTE_SANDBOX_SPENT = 5       /**< single-use, and has been used; destroy it */
} mote_sandbox_state;

/** Counts of a sandbox's life, initialisation included. */
typedef struct mote_sandbox_stats {
    size_t struct_size;       /**< set by the caller to sizeof(mote_sandbox_stats) */
    uint64_t calls;           /**< calls that entered the guest */
    uint64_t exits;           /**< times the guest needed the host */
    uint64_t host_calls;      /**< host functions called, prints that were buffered not counted */
    uint64_t log_records;     /**< log records received */
    uint64_t system_calls;    /**< system calls that the library made to run the guest */
    uint64_t last_wall_us;    /**< duration of the last call or of the initialisation */
    uint64_t last_exits;      /**< exits of the last call or of the initialisation */
    uint64_t last_host_calls; /**< host calls of the last call or of the initialisation */
    uint64_t snapshots;       /**< snapshots taken of it */
    uint64_t restores;        /**< times it was brought back to a snapshot */
    uint64_t last_restored_pages; /**< pages that the last restore looked at */
} mote_sandbox_stats;

/**
 * Create a sandbox of an image. No guest code runs yet.
 *
 * config may be NULL for the defaults; it is copied, except what its pointers point to.
 *
 * Units: see mote_config.
 * Owner: the caller owns *out and releases it with mote_sandbox_destroy(); the sandbox holds a
 * reference to the image. Callback contexts stay the caller's.
 * Threads: any; may block.
 * Errors: MOTE_E_ARGUMENT (image or out is NULL, max_log or policy is none), MOTE_E_STRUCT_SIZE,
 * MOTE_E_TOO_LARGE (a size is over its cap), MOTE_E_IMAGE_TOO_LARGE (image and sizes together are
 * over the cap), MOTE_E_DRIVER (unknown driver), MOTE_E_NO_HYPERVISOR (err->text says why),
 * MOTE_E_MEMORY, MOTE_E_SYSTEM (also if filter_host_functions is set and seccomp's user
 * notification is not available: it needs Linux 5.9, and no other filter of the calling thread may
 * have it), MOTE_E_FORKED (in a child that a span callback forked). *out is untouched.
 */
MOTE_NODISCARD mote_status mote_sandbox_create(mote_image *image, const mote_config *config,
                                               mote_sandbox **out, mote_error *err);

/**
 * Let the guest call a host function. A function of the same name is replaced.
 *
 * HostPrint (str) -> i32 is always there, and can be replaced by one with the same types.
 *
 * Units: none.
 * Owner: the definition is copied; its context stays the caller's until the sandbox is destroyed.
 * Threads: one at a time per sandbox.
 * Errors: MOTE_E_ARGUMENT (NULL, a name that is empty, too long or not UTF-8, more than 11
 * parameters, a type that cannot stand there), MOTE_E_STATE (the guest is initialised already),
 * MOTE_E_DEFINITIONS_FULL (raise host_definitions_bytes), MOTE_E_TOO_LARGE (more than 4096
 * functions), MOTE_E_BUSY, MOTE_E_REENTRY, MOTE_E_FORKED, MOTE_E_POISONED, MOTE_E_MEMORY. The
 * sandbox is as before.
 */
MOTE_NODISCARD mote_status mote_sandbox_register(mote_sandbox *sandbox,
                                                 const mote_host_function *function,
                                                 mote_error *err);

/**
 * Let the guest call a host function, and allow that function certain system calls. This matters in
 * a sandbox with mote_config.filter_host_functions; in any other it is mote_sandbox_register().
 *
 * Such a sandbox has a thread, its worker. Host functions run on it, and HostPrint if it was
 * replaced; callbacks stay on the calling thread. A filter on the worker (seccomp) allows every
 * function futex, sched_yield, munmap, madvise, rt_sigprocmask, rt_sigaction, rt_sigreturn,
 * sigaltstack and exit; write to descriptors 1 and 2; ioctl with the request TCGETS;
 * restart_syscall, getpid, and what gives rights up - setuid, setgid, setreuid, setregid,
 * setresuid, setresgid, setgroups - which the C library makes each thread do. Of any other call the
 * kernel tells mote, and the number alone decides: those in system_calls go on, with whatever
 * arguments (they could be changed while they are checked); the rest fail with EPERM, and so do
 * calls of the 32-bit and x32 ABIs. No signal handler is installed.
 *
 * A function that was refused a call runs on until it returns. Then the guest's call ends with
 * MOTE_E_SYSTEM_CALL, whatever the function returned; the text has the function, and name and
 * number of the call. A guest that called by moteg_host_try() is told that the function failed, and
 * goes on. malloc() may need mmap, mprotect and brk. No function can be allowed clone, clone3, fork
 * or vfork: nobody would answer for the system calls of the new thread or process.
 *
 * The filter limits the harm of mistakes in the program's own functions. Guests can make no system
 * call of the host's with or without it, and it does not stop code on the worker that writes to the
 * memory of other threads. On the worker, all signals are blocked except those that instructions
 * raise, thread-local variables are its own, longjmp() out of a function is undefined, and a C++
 * exception that leaves a function ends the process. A function that ends the worker's thread ends
 * the guest's call with MOTE_E_HOST_FUNCTION; the next one gets a new thread.
 *
 * Units: system_calls has n_system_calls numbers of the x86-64 ABI, such as SYS_openat.
 * Owner: the numbers are copied; the rest is as with mote_sandbox_register().
 * Threads: one at a time per sandbox.
 * Errors: those of mote_sandbox_register(); MOTE_E_ARGUMENT also if system_calls is NULL and
 * n_system_calls is not 0, and for a number that is not between 0 and 1023 or that starts threads
 * or processes.
 */
MOTE_NODISCARD mote_status mote_sandbox_register_allowing(mote_sandbox *sandbox,
                                                          const mote_host_function *function,
                                                          const int *system_calls,
                                                          size_t n_system_calls, mote_error *err);

/**
 * Run the guest's initialisation. Once it has succeeded, calls are accepted.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: one at a time per sandbox; blocks for init_limit_us at most, host functions aside.
 * Errors: MOTE_E_ARGUMENT (NULL), MOTE_E_STATE (initialised already), MOTE_E_BUSY, MOTE_E_REENTRY,
 * MOTE_E_FORKED, MOTE_E_POISONED, MOTE_E_MEMORY and MOTE_E_SYSTEM before the guest is entered: the
 * sandbox is as before, and the initialisation may be tried again. After these it is poisoned:
 * MOTE_E_GUEST_FAULT, MOTE_E_GUEST_ABORT, MOTE_E_GUEST_ERROR, MOTE_E_PROTOCOL, MOTE_E_NO_RESULT,
 * MOTE_E_TIME_LIMIT, MOTE_E_CANCELLED, MOTE_E_HOST_FUNCTION, MOTE_E_HOST_FUNCTION_UNKNOWN,
 * MOTE_E_HOST_FUNCTION_ARGUMENTS, MOTE_E_SYSTEM_CALL, MOTE_E_INPUT_FULL, MOTE_E_MEMORY once it was
 * entered; MOTE_E_GUEST_DIED, and MOTE_E_SYSTEM once it was entered, leave it dead.
 */
MOTE_NODISCARD mote_status mote_sandbox_init(mote_sandbox *sandbox, mote_error *err);

/**
 * Open an image, create a sandbox of it and initialise it: the three steps in one.
 *
 * Units: see mote_config.
 * Owner: the caller owns *out and releases it with mote_sandbox_destroy().
 * Threads: any; may block.
 * Errors: those of mote_image_open(), mote_sandbox_create() and mote_sandbox_init(). *out is
 * untouched and nothing is left behind.
 */
MOTE_NODISCARD mote_status mote_open(const char *path, const mote_config *config,
                                     mote_sandbox **out, mote_error *err);

/**
 * Call a function of the guest. The guest keeps its state between calls; mote_call_reset() restores
 * a snapshot after the call.
 *
 * returns is the type of the result that the caller expects; MOTE_TYPE_ANY takes the one that the
 * guest's function table declares. Name, arguments and type are checked against that table before
 * the guest is entered. result may be NULL if it is not wanted.
 *
 * Units: none.
 * Owner: arguments stay the caller's. Text and bytes in *result belong to the sandbox, until its
 * next call or its destruction.
 * Threads: one at a time per sandbox; blocks for time_limit_us at most, host functions aside.
 * Errors: MOTE_E_ARGUMENT (NULL, more than 11 arguments, an argument that has no value type, text
 * that is not UTF-8, a function name that is empty or not UTF-8), MOTE_E_STATE (not initialised),
 * MOTE_E_SPENT (a single-use sandbox that was called before), MOTE_E_BUSY, MOTE_E_REENTRY,
 * MOTE_E_FORKED, MOTE_E_POISONED, MOTE_E_TYPE (returns is not what the function declares, or
 * MOTE_TYPE_ANY for a guest without a table), MOTE_E_INPUT_FULL (raise input_bytes), MOTE_E_MEMORY
 * and MOTE_E_SYSTEM before the guest is entered, MOTE_E_GUEST_ERROR (reported by the guest or, with
 * codes 4, 5 and 14, by the check before it): the sandbox stays ready. After these it is poisoned:
 * MOTE_E_GUEST_FAULT, MOTE_E_GUEST_ABORT, MOTE_E_PROTOCOL, MOTE_E_NO_RESULT, MOTE_E_TIME_LIMIT,
 * MOTE_E_CANCELLED, MOTE_E_HOST_FUNCTION, MOTE_E_HOST_FUNCTION_UNKNOWN,
 * MOTE_E_HOST_FUNCTION_ARGUMENTS, MOTE_E_SYSTEM_CALL, MOTE_E_INPUT_FULL for a host function's
 * result, MOTE_E_MEMORY once it was entered; MOTE_E_GUEST_DIED, and MOTE_E_SYSTEM once it was
 * entered, leave it dead.
 */
MOTE_NODISCARD mote_status mote_call(mote_sandbox *sandbox, const char *function,
                                     const mote_value *args, size_t n_args, mote_type returns,
                                     mote_value *result, mote_error *err);

/**
 * End the call or initialisation that is running, with MOTE_E_CANCELLED.
 *
 * If none is running nothing happens, and no later call is affected. A host function that is
 * running is not interrupted: the call ends when it returns.
 *
 * A filtered host function that cancels the call of another sandbox sends a signal, and must be
 * allowed that: tgkill with driver kvm, pidfd_send_signal with driver process. If it is not, the
 * call ends when its guest next needs the host or its limit passes, or when it is cancelled again
 * by a thread that may.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any, at any time until the sandbox is destroyed; never blocks; async-signal-safe.
 * Errors: MOTE_E_ARGUMENT (NULL), MOTE_E_FORKED.
 */
mote_status mote_sandbox_cancel(mote_sandbox *sandbox);

/**
 * Return the state of a sandbox.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any, at any time until the sandbox is destroyed.
 * Errors: none; MOTE_SANDBOX_DEAD for NULL and in a forked child.
 */
mote_sandbox_state mote_sandbox_state_get(const mote_sandbox *sandbox);

/**
 * Return what a sandbox has counted.
 *
 * Units: microseconds where the name says so, else counts.
 * Owner: the caller owns *stats.
 * Threads: one at a time per sandbox.
 * Errors: MOTE_E_ARGUMENT (NULL), MOTE_E_STRUCT_SIZE, MOTE_E_BUSY, MOTE_E_REENTRY, MOTE_E_FORKED.
 */
MOTE_NODISCARD mote_status mote_sandbox_stats_get(const mote_sandbox *sandbox,
                                                  mote_sandbox_stats *stats, mote_error *err);

/**
 * Return the name of the driver that runs a sandbox, such as "kvm".
 *
 * Units: none.
 * Owner: the library; the text lives as long as the library is loaded.
 * Threads: any.
 * Errors: none; "" for NULL.
 */
const char *mote_sandbox_driver(const mote_sandbox *sandbox);

/**
 * Destroy a sandbox and release its memory; NULL is a no-op.
 *
 * In a child after fork() it releases the child's copies.
 *
 * Units: none.
 * Owner: the sandbox and every result it gave are gone.
 * Threads: one at a time per sandbox.
 * Errors: MOTE_E_BUSY (a call is running, or an evolution), MOTE_E_REENTRY (called by a host
 * function of that call): nothing is released.
 */
mote_status mote_sandbox_destroy(mote_sandbox *sandbox);

#ifdef __cplusplus
}
#endif

#endif
