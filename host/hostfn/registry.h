/* SPDX-License-Identifier: Apache-2.0 */
/* The host functions of one sandbox: kept sorted by name, published to the guest as a message. */
#ifndef MOTE_HOST_HOSTFN_REGISTRY_H
#define MOTE_HOST_HOSTFN_REGISTRY_H

#include "host/base/alloc.h"
#include "host/hostfn/system_calls.h"
#include "wire/wire.h"
#include <mote/host_function.h>

struct mt_host_function {
    mote_host_function as_registered;
    struct mt_system_calls allowed; /* besides what the filter allows all of them */
};

struct mt_registry {
    struct mt_host_function *functions; /* ascending by name; the names are ours */
    size_t n;
    size_t room;
};

/* Add a function, or replace the one of that name. */
mote_status mt_registry_add(struct mt_registry *registry, const mote_allocator *allocator,
                            const struct mt_host_function *function, mote_error *err);

/* Take a function out; one that is not there is a no-op. */
void mt_registry_remove(struct mt_registry *registry, const mote_allocator *allocator,
                        const char *name);

/* The function of that name; NULL where there is none. */
const struct mt_host_function *mt_registry_find(const struct mt_registry *registry,
                                                const char *name, size_t name_bytes);

/* Build the HostFunctionDetails message that lists all functions. *len_bytes is 0 when it does not
 * fit in room bytes. */
mote_status mt_registry_describe(const struct mt_registry *registry,
                                 const mote_allocator *allocator, uint8_t *to, size_t room,
                                 size_t *len_bytes, mote_error *err);

void mt_registry_fini(struct mt_registry *registry, const mote_allocator *allocator);

#endif
