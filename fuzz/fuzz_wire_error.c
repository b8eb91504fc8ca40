/* SPDX-License-Identifier: Apache-2.0 */
/* GuestError: what is read can be built again, and reads the same. */
#include "fuzz/fuzz_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    struct mt_wire_fault fault = {.field = NULL};
    struct mt_wire_error error;
    struct mt_wire_error again;
    uint8_t *message;
    uint8_t *block = fuzz_message_copy(data, len_bytes, &message);
    if (mt_wire_read_error(message, len_bytes, &error, &fault)) {
        fuzz_check_view(&error.message, true, message, len_bytes);
        size_t room = error.message.len + 256;
        uint8_t *built = fuzz_message_block(room);
        size_t n = mt_wire_build_error(built, room, &error);
        FUZZ_REQUIRE(n > 0 && n <= room && n % 8 == 0);
        FUZZ_REQUIRE(mt_wire_build_error(built, n - 1, &error) == 0);
        FUZZ_REQUIRE(mt_wire_build_error(built, n, &error) == n);
        FUZZ_REQUIRE(mt_wire_read_error(built, n, &again, &fault));
        FUZZ_REQUIRE(again.code == error.code);
        FUZZ_REQUIRE(fuzz_is_same_view(&again.message, &error.message));
        free(built);
    } else {
        FUZZ_REQUIRE(fault.field != NULL);
    }
    free(block);
    return 0;
}
