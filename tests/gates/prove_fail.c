/* SPDX-License-Identifier: Apache-2.0 */
/* Errors and memory for the proofs: an error is its code, since formatting a text for each of many
 * million refusals would take most of the time. */
#include "host/base/alloc.h"
#include "host/base/error.h"
#include "tests/gates/prove_fail.h"

#include <stdlib.h>

mote_status mt_fail(mote_error *err, mote_status code, const char *format, ...)
{
    (void)err, (void)format;
    return code;
}

mote_status mt_fail_load(mote_error *err, mote_status code, const char *field, uint64_t value,
                         uint64_t offset, const char *format, ...)
{
    (void)err, (void)field, (void)value, (void)offset, (void)format;
    return code;
}

mote_status mt_fail_protocol(mote_error *err, const char *buffer, const char *field, uint64_t value,
                             const char *format, ...)
{
    (void)err, (void)buffer, (void)field, (void)value, (void)format;
    return MOTE_E_PROTOCOL;
}

size_t prove_allocated_bytes;

void *mt_alloc(const mote_allocator *allocator, size_t len_bytes)
{
    (void)allocator;
    prove_allocated_bytes = len_bytes;
    return malloc(len_bytes > 0 ? len_bytes : 1);
}

void *mt_alloc_array_zero(const mote_allocator *allocator, size_t n, size_t element_bytes)
{
    (void)allocator;
    return calloc(n > 0 ? n : 1, element_bytes);
}

void mt_release(const mote_allocator *allocator, void *block)
{
    (void)allocator;
    free(block);
}
