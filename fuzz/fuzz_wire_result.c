/* SPDX-License-Identifier: Apache-2.0 */
/* FunctionCallResult: what is read can be built again, and reads the same; bytes also in place. */
#include "fuzz/fuzz_wire.h"
#include "wire/usual.h"

#include <stdlib.h>
#include <string.h>

/* The way that builds around bytes which are there already makes the same message. */
static void check_in_place(const struct mt_wire_value *value, const uint8_t *built, size_t needed)
{
    size_t room = 0;
    uint8_t *block = fuzz_message_block(needed);
    uint8_t *bytes = mt_wire_begin_bytes_result(block, needed, &room);
    FUZZ_REQUIRE(bytes != NULL && room >= value->as.view.len);
    if (value->as.view.len > 0)
        memcpy(bytes, value->as.view.data, value->as.view.len);
    FUZZ_REQUIRE(mt_wire_end_bytes_result(block, needed, value->as.view.len) == needed);
    FUZZ_REQUIRE(memcmp(block, built, needed) == 0);
    free(block);
}

/* A message that is laid out as ours are is read as one of any layout would be. */
static void check_usual(const uint8_t *message, size_t len_bytes)
{
    struct mt_wire_fault fault;
    struct mt_wire_value usual;
    struct mt_wire_value any;
    if (!mt_wire_read_usual_result(message, len_bytes, &usual))
        return;
    FUZZ_REQUIRE(mt_wire_read_any_result(message, len_bytes, &any, &fault));
    FUZZ_REQUIRE(fuzz_is_same_value(&usual, &any));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    struct mt_wire_fault fault = {.field = NULL};
    struct mt_wire_value value;
    struct mt_wire_value again;
    uint8_t *message;
    uint8_t *block = fuzz_message_copy(data, len_bytes, &message);
    check_usual(message, len_bytes);
    if (mt_wire_read_result(message, len_bytes, &value, &fault)) {
        fuzz_check_value(&value, message, len_bytes);
        size_t needed = mt_wire_result_bytes(&value);
        FUZZ_REQUIRE(needed > 8);
        uint8_t *built = fuzz_message_block(needed);
        FUZZ_REQUIRE(mt_wire_build_result(built, needed - 8, &value) == 0);
        FUZZ_REQUIRE(mt_wire_build_result(built, needed, &value) == needed);
        FUZZ_REQUIRE(mt_wire_read_result(built, needed, &again, &fault));
        FUZZ_REQUIRE(fuzz_is_same_value(&value, &again));
        if (value.type == MT_WIRE_BYTES)
            check_in_place(&value, built, needed);
        free(built);
    } else {
        FUZZ_REQUIRE(fault.field != NULL);
    }
    free(block);
    return 0;
}
