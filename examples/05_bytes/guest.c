/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that takes bytes and builds its result where the host will read it. */
#include <mote_guest/moteg.h>

MOTEG_FUNCTION(bytes, Upper, (bytes, text))
{
    size_t room_bytes = 0;
    uint8_t *upper = moteg_result_reserve(&room_bytes);
    if (text.len_bytes > room_bytes) {
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "%zu bytes do not fit in %zu", text.len_bytes,
                   room_bytes);
    }
    for (size_t i = 0; i < text.len_bytes; i++) {
        uint8_t byte = text.data[i];
        upper[i] = byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
    }
    return (moteg_bytes){upper, text.len_bytes};
}
