/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HostFunctionDetails: each definition reads alone as it does with all the others; sorted, they can
 * be built again, and read the same.
 */
#include "fuzz/fuzz_wire.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *left, const void *right)
{
    const struct mt_wire_definition *a = left;
    const struct mt_wire_definition *b = right;
    size_t shared = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = shared > 0 ? memcmp(a->name.data, b->name.data, shared) : 0;
    return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static bool is_same(const struct mt_wire_definition *a, const struct mt_wire_definition *b)
{
    return fuzz_is_same_view(&a->name, &b->name) && a->returns == b->returns &&
           a->n_params == b->n_params &&
           memcmp(a->params, b->params, a->n_params * sizeof(a->params[0])) == 0;
}

static void check(const struct mt_wire_definition *definition, const uint8_t *message,
                  size_t len_bytes)
{
    fuzz_check_view(&definition->name, true, message, len_bytes);
    FUZZ_REQUIRE(definition->n_params <= MT_WIRE_MAX_PARAMETERS);
    FUZZ_REQUIRE((unsigned)definition->returns <= MT_WIRE_VOID);
    for (size_t i = 0; i < definition->n_params; i++)
        FUZZ_REQUIRE((unsigned)definition->params[i] < MT_WIRE_VOID);
}

static void build_again(const struct mt_wire_definition *definitions, size_t n, size_t text_bytes)
{
    struct mt_wire_fault fault;
    size_t room = text_bytes + n * 256 + 256;
    size_t n_again = n + 1;
    uint8_t *built = fuzz_message_block(room);
    size_t needed = mt_wire_build_definitions(built, room, definitions, n);
    FUZZ_REQUIRE(needed > 0 && needed <= room && needed % 8 == 0);
    FUZZ_REQUIRE(mt_wire_build_definitions(built, needed - 1, definitions, n) == 0);
    FUZZ_REQUIRE(mt_wire_build_definitions(built, needed, definitions, n) == needed);
    FUZZ_REQUIRE(mt_wire_read_definitions(built, needed, &n_again, &fault));
    FUZZ_REQUIRE(n_again == n);
    for (size_t i = 0; i < n; i++) {
        struct mt_wire_definition again;
        FUZZ_REQUIRE(mt_wire_read_definition(built, needed, i, &again, &fault));
        FUZZ_REQUIRE(is_same(&definitions[i], &again));
    }
    free(built);
}

static void read_each(const uint8_t *message, size_t len_bytes, size_t n)
{
    struct mt_wire_fault fault;
    struct mt_wire_definition *definitions = calloc(n + 1, sizeof(*definitions));
    FUZZ_REQUIRE(definitions != NULL);
    size_t text_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        FUZZ_REQUIRE(mt_wire_read_definition(message, len_bytes, i, &definitions[i], &fault));
        check(&definitions[i], message, len_bytes);
        text_bytes += definitions[i].name.len;
    }
    FUZZ_REQUIRE(!mt_wire_read_definition(message, len_bytes, n, &definitions[n], &fault));
    qsort(definitions, n, sizeof(definitions[0]), by_name);
    build_again(definitions, n, text_bytes);
    free(definitions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    struct mt_wire_fault fault = {.field = NULL};
    uint8_t *message;
    size_t n = 0;
    uint8_t *block = fuzz_message_copy(data, len_bytes, &message);
    if (mt_wire_read_definitions(message, len_bytes, &n, &fault)) {
        FUZZ_REQUIRE(n <= MT_WIRE_MAX_DEFINITIONS);
        read_each(message, len_bytes, n);
    } else {
        FUZZ_REQUIRE(fault.field != NULL);
    }
    free(block);
    return 0;
}
