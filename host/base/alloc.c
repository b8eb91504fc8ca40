/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's allocator, or malloc behind the same face. */
#include "host/base/alloc.h"

#include "host/base/checked.h"
#include <stdlib.h>
#include <string.h>

static void *default_allocate(void *context, size_t len_bytes)
{
    (void)context;
    return malloc(len_bytes);
}

static void *default_reallocate(void *context, void *block, size_t len_bytes)
{
    (void)context;
    return realloc(block, len_bytes);
}

static void default_release(void *context, void *block)
{
    (void)context;
    free(block);
}

bool mt_allocator_set(mote_allocator *to, const mote_allocator *from)
{
    if (from == NULL) {
        *to = (mote_allocator){default_allocate, default_reallocate, default_release, NULL};
        return true;
    }
    *to = *from;
    return to->allocate != NULL && to->reallocate != NULL && to->release != NULL;
}

void *mt_alloc(const mote_allocator *allocator, size_t len_bytes)
{
    return allocator->allocate(allocator->context, len_bytes > 0 ? len_bytes : 1);
}

void *mt_alloc_zero(const mote_allocator *allocator, size_t len_bytes)
{
    void *block = mt_alloc(allocator, len_bytes);
    if (block != NULL)
        memset(block, 0, len_bytes);
    return block;
}

void *mt_alloc_array_zero(const mote_allocator *allocator, size_t n, size_t element_bytes)
{
    uint64_t len_bytes;
    if (!mt_multiply(n, element_bytes, &len_bytes))
        return NULL;
    return mt_alloc_zero(allocator, len_bytes);
}

void *mt_realloc(const mote_allocator *allocator, void *block, size_t len_bytes)
{
    return allocator->reallocate(allocator->context, block, len_bytes > 0 ? len_bytes : 1);
}

void mt_release(const mote_allocator *allocator, void *block)
{
    if (block != NULL)
        allocator->release(allocator->context, block);
}
