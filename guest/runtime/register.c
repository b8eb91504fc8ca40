/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that are registered while the guest runs. That this file is linked in is what tells the
 * host, by the note, that the guest has functions that its table does not list.
 */
#include "abi/codes.h"
#include "guest/runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

static struct mt_registered *functions;
static size_t n_functions;

static struct mt_registered *find(const char *name, size_t len_bytes)
{
    for (size_t i = 0; i < n_functions; i++) {
        if (strlen(functions[i].name) == len_bytes &&
            memcmp(functions[i].name, name, len_bytes) == 0)
            return &functions[i];
    }
    return NULL;
}

static const struct mt_registered *find_view(const struct mt_wire_view *name)
{
    return find((const char *)name->data, name->len);
}

static struct mt_registered *find_or_add(const char *name, size_t len_bytes)
{
    struct mt_registered *found = find(name, len_bytes);
    if (found != NULL)
        return found;
    found = reallocarray(functions, n_functions + 1, sizeof(functions[0]));
    if (found == NULL)
        moteg_fail(MT_GUEST_CODE_MALLOC_FAILED, "no memory for function %s", name);
    functions = found;
    return &functions[n_functions++];
}

static bool types_are_valid(moteg_type returns, const moteg_type *params, size_t n_params)
{
    for (size_t i = 0; i < n_params; i++) {
        if ((unsigned)params[i] > MOTEG_TYPE_BYTES)
            return false;
    }
    return (unsigned)returns <= MOTEG_TYPE_VOID;
}

void moteg_function_register(const char *name, moteg_function function, moteg_type returns,
                             const moteg_type *params, size_t n_params)
{
    size_t len_bytes = strlen(name);
    if (len_bytes == 0 || len_bytes > MT_NOTE_MAX_NAME_BYTES)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "a function's name is empty or over %u bytes",
                   MT_NOTE_MAX_NAME_BYTES);
    if (n_params > MOTEG_MAX_PARAMETERS)
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR,
                   "Function %s has too many parameters: %zu (max allowed is %d).", name, n_params,
                   MOTEG_MAX_PARAMETERS);
    if (!types_are_valid(returns, params, n_params))
        moteg_fail(MT_GUEST_CODE_GUEST_ERROR, "function %s has a type that cannot stand there",
                   name);
    struct mt_registered made = {.function = function, .n_params = n_params};
    memcpy(made.name, name, len_bytes);
    for (size_t i = 0; i < n_params; i++)
        made.params[i] = (enum mt_wire_type)params[i];
    *find_or_add(name, len_bytes) = made;
    mt_find_registered = find_view;
}
