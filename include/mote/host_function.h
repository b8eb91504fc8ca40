/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the host that a guest may call. */
#ifndef MOTE_HOST_FUNCTION_H
#define MOTE_HOST_FUNCTION_H

#include <mote/value.h>
#include <mote/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Answer a host call.
 *
 * args holds one value for each parameter, of the type that was registered; text and bytes in it
 * are the host's own copy, borrowed until the function returns. Store the answer in *result, of the
 * registered type; text and bytes in it stay the function's own and must live until it is called
 * again or the guest's call ends. To fail, return what mote_host_fail() returns: that ends the
 * guest's call with MOTE_E_HOST_FUNCTION. Runs on the thread that called into the sandbox, or on
 * the sandbox's worker (mote_config.filter_host_functions) while that thread waits; it may use
 * other sandboxes, but not the same one (MOTE_E_REENTRY). It must return: if it leaves by
 * longjmp(), a C++ exception or the end of the calling thread, the sandbox stays in use for good.
 */
typedef mote_status (*mote_host_fn)(void *context, const mote_value *args, size_t n_args,
                                    mote_value *result, mote_error *err);

/** A host function to register. */
typedef struct mote_host_function {
    const char *name; /**< UTF-8, 1 to 95 bytes */
    mote_host_fn fn;
    void *context; /**< handed to fn; stays the caller's */
    mote_type returns;
    size_t n_params;
    mote_type params[MOTE_MAX_PARAMETERS];
} mote_host_function;

/**
 * Fail a host function with a code and a text of its own.
 *
 * Units: none.
 * Owner: the text is copied into err.
 * Threads: any.
 * Errors: always returns MOTE_E_HOST_FUNCTION, for the host function to return.
 */
mote_status mote_host_fail(mote_error *err, uint64_t code, const char *format, ...)
    MOTE_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
