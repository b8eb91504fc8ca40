/* SPDX-License-Identifier: Apache-2.0 */
/* GuestLogData: what is read can be built again, and reads the same. */
#include "fuzz/fuzz_wire.h"

#include <stdlib.h>

static bool is_same(const struct mt_wire_log *a, const struct mt_wire_log *b)
{
    return fuzz_is_same_view(&a->message, &b->message) &&
           fuzz_is_same_view(&a->source, &b->source) && fuzz_is_same_view(&a->caller, &b->caller) &&
           fuzz_is_same_view(&a->source_file, &b->source_file) && a->level == b->level &&
           a->line == b->line;
}

static void check(const struct mt_wire_log *log, const uint8_t *message, size_t len_bytes)
{
    fuzz_check_view(&log->message, true, message, len_bytes);
    fuzz_check_view(&log->source, true, message, len_bytes);
    fuzz_check_view(&log->caller, true, message, len_bytes);
    fuzz_check_view(&log->source_file, true, message, len_bytes);
    FUZZ_REQUIRE(log->level <= 6);
    /* Texts may be shared, but not so that a small message unfolds into a large one. */
    FUZZ_REQUIRE(log->message.len + log->source.len + log->caller.len + log->source_file.len <=
                 len_bytes + 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    struct mt_wire_fault fault = {.field = NULL};
    struct mt_wire_log log;
    struct mt_wire_log again;
    uint8_t *message;
    uint8_t *block = fuzz_message_copy(data, len_bytes, &message);
    if (mt_wire_read_log(message, len_bytes, &log, &fault)) {
        check(&log, message, len_bytes);
        size_t room = log.message.len + log.source.len + log.caller.len + log.source_file.len + 256;
        uint8_t *built = fuzz_message_block(room);
        size_t n = mt_wire_build_log(built, room, &log);
        FUZZ_REQUIRE(n > 0 && n <= room && n % 8 == 0);
        FUZZ_REQUIRE(mt_wire_build_log(built, n - 1, &log) == 0);
        FUZZ_REQUIRE(mt_wire_build_log(built, n, &log) == n);
        FUZZ_REQUIRE(mt_wire_read_log(built, n, &again, &fault));
        FUZZ_REQUIRE(is_same(&log, &again));
        free(built);
    } else {
        FUZZ_REQUIRE(fault.field != NULL);
    }
    free(block);
    return 0;
}
