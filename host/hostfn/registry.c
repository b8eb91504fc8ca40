/* SPDX-License-Identifier: Apache-2.0 */
/* The host functions of one sandbox. */
#include "host/hostfn/registry.h"

#include "host/base/error.h"
#include "host/base/limits.h"
#include "host/base/text.h"
#include <string.h>

static mote_status check_types(const mote_host_function *function, mote_error *err)
{
    if (function->n_params > MOTE_MAX_PARAMETERS)
        return mt_fail(err, MOTE_E_ARGUMENT, "host function %s has %zu parameters, more than %d",
                       function->name, function->n_params, MOTE_MAX_PARAMETERS);
    for (size_t i = 0; i < function->n_params; i++) {
        if ((unsigned)function->params[i] > MOTE_TYPE_BYTES)
            return mt_fail(err, MOTE_E_ARGUMENT,
                           "parameter %zu of host function %s has no parameter type: %d", i,
                           function->name, (int)function->params[i]);
    }
    if ((unsigned)function->returns > MOTE_TYPE_VOID)
        return mt_fail(err, MOTE_E_ARGUMENT, "host function %s has no result type: %d",
                       function->name, (int)function->returns);
    return MOTE_OK;
}

static mote_status check_function(const mote_host_function *function, mote_error *err)
{
    if (function->name == NULL || function->fn == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "a host function's name or its fn is NULL");
    size_t name_bytes = strnlen(function->name, MT_MAX_FUNCTION_NAME_BYTES + 1);
    if (name_bytes == 0 || name_bytes > MT_MAX_FUNCTION_NAME_BYTES)
        return mt_fail(err, MOTE_E_ARGUMENT, "host function's name is empty or over %u bytes",
                       MT_MAX_FUNCTION_NAME_BYTES);
    if (!mt_utf8_is_valid(function->name, name_bytes))
        return mt_fail(err, MOTE_E_ARGUMENT, "host function's name is not UTF-8");
    return check_types(function, err);
}

/* The first function that is not before name. */
static size_t place_of(const struct mt_registry *registry, const char *name)
{
    size_t low = 0;
    size_t high = registry->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(registry->functions[middle].as_registered.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static mote_status grow(struct mt_registry *registry, const mote_allocator *allocator,
                        mote_error *err)
{
    if (registry->n < registry->room)
        return MOTE_OK;
    if (registry->n >= MT_MAX_HOST_FUNCTIONS)
        return mt_fail(err, MOTE_E_TOO_LARGE, "more than %u host functions", MT_MAX_HOST_FUNCTIONS);
    size_t room = registry->room == 0 ? 8 : registry->room * 2;
    void *functions =
        mt_realloc(allocator, registry->functions, room * sizeof(registry->functions[0]));
    if (functions == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for %zu host functions", room);
    registry->functions = functions;
    registry->room = room;
    return MOTE_OK;
}

static const char *name_at(const struct mt_registry *registry, size_t at)
{
    return registry->functions[at].as_registered.name;
}

static bool is_at(const struct mt_registry *registry, size_t at, const char *name)
{
    return at < registry->n && strcmp(name_at(registry, at), name) == 0;
}

/* The name that is kept is ours. */
static void put_at(struct mt_registry *registry, size_t at, const struct mt_host_function *function,
                   const char *name)
{
    registry->functions[at] = *function;
    registry->functions[at].as_registered.name = name;
}

mote_status mt_registry_add(struct mt_registry *registry, const mote_allocator *allocator,
                            const struct mt_host_function *function, mote_error *err)
{
    const char *wanted = function->as_registered.name;
    mote_status status = check_function(&function->as_registered, err);
    if (status != MOTE_OK)
        return status;
    size_t at = place_of(registry, wanted);
    if (is_at(registry, at, wanted)) {
        put_at(registry, at, function, name_at(registry, at));
        return MOTE_OK;
    }
    status = grow(registry, allocator, err);
    if (status != MOTE_OK)
        return status;
    size_t name_bytes = strlen(wanted) + 1;
    char *name = mt_alloc(allocator, name_bytes);
    if (name == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for the name of a host function");
    memcpy(name, wanted, name_bytes);
    memmove(&registry->functions[at + 1], &registry->functions[at],
            (registry->n - at) * sizeof(registry->functions[0]));
    put_at(registry, at, function, name);
    registry->n++;
    return MOTE_OK;
}

void mt_registry_remove(struct mt_registry *registry, const mote_allocator *allocator,
                        const char *name)
{
    size_t at = place_of(registry, name);
    if (!is_at(registry, at, name))
        return;
    mt_release(allocator, (void *)(uintptr_t)name_at(registry, at));
    registry->n--;
    memmove(&registry->functions[at], &registry->functions[at + 1],
            (registry->n - at) * sizeof(registry->functions[0]));
}

const struct mt_host_function *mt_registry_find(const struct mt_registry *registry,
                                                const char *name, size_t name_bytes)
{
    if (memchr(name, '\0', name_bytes) != NULL)
        return NULL;
    size_t at = place_of(registry, name);
    return is_at(registry, at, name) ? &registry->functions[at] : NULL;
}

static struct mt_wire_definition definition_of(const mote_host_function *function)
{
    struct mt_wire_definition definition = {
        .name = {(const uint8_t *)function->name, strlen(function->name)},
        .returns = (enum mt_wire_type)function->returns,
        .n_params = function->n_params,
    };
    for (size_t i = 0; i < function->n_params; i++)
        definition.params[i] = (enum mt_wire_type)function->params[i];
    return definition;
}

mote_status mt_registry_describe(const struct mt_registry *registry,
                                 const mote_allocator *allocator, uint8_t *to, size_t room,
                                 size_t *len_bytes, mote_error *err)
{
    struct mt_wire_definition *definitions =
        mt_alloc_array_zero(allocator, registry->n, sizeof(*definitions));
    if (definitions == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory to describe %zu host functions", registry->n);
    for (size_t i = 0; i < registry->n; i++)
        definitions[i] = definition_of(&registry->functions[i].as_registered);
    *len_bytes = mt_wire_build_definitions(to, room, definitions, registry->n);
    mt_release(allocator, definitions);
    return MOTE_OK;
}

void mt_registry_fini(struct mt_registry *registry, const mote_allocator *allocator)
{
    for (size_t i = 0; i < registry->n; i++)
        mt_release(allocator, (void *)(uintptr_t)name_at(registry, i));
    mt_release(allocator, registry->functions);
    *registry = (struct mt_registry){0};
}
