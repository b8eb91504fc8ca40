/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what a guest reports: GuestError and GuestLogData. */
#include "wire/schema.h"
#include "wire/verify.h"

/* Whether prefix and root offset are zero, as in a buffer that was cleared. For the FlatBuffers
 * library of 0.1 that is a GuestError whose fields are all absent (docs/abi.md, Messages). */
static bool is_cleared(const uint8_t *message, size_t len)
{
    uint64_t head;
    if (len < sizeof(head))
        return false;
    __builtin_memcpy(&head, message, sizeof(head));
    return head == 0;
}

bool mt_wire_read_error(const uint8_t *message, size_t len, struct mt_wire_error *error,
                        struct mt_wire_fault *fault)
{
    if (is_cleared(message, len)) {
        *error = (struct mt_wire_error){0, {(const uint8_t *)"", 0}};
        return true;
    }
    struct mt_wire_reader reader;
    struct mt_wire_table root;
    struct mt_wire_error found;
    if (!mt_wire_open(&reader, message, len, fault, &root) ||
        !mt_wire_scalar(&reader, &root, MT_VT_ERROR_CODE, "code", &found.code,
                        sizeof(found.code)) ||
        !mt_wire_text(&reader, &root, MT_VT_ERROR_MESSAGE, "message", &found.message))
        return false;
    *error = found;
    return true;
}

bool mt_wire_read_log(const uint8_t *message, size_t len, struct mt_wire_log *log,
                      struct mt_wire_fault *fault)
{
    struct mt_wire_reader reader;
    struct mt_wire_table root;
    struct mt_wire_log found;
    if (!mt_wire_open(&reader, message, len, fault, &root) ||
        !mt_wire_required_text(&reader, &root, MT_VT_LOG_MESSAGE, "message", &found.message) ||
        !mt_wire_required_text(&reader, &root, MT_VT_LOG_SOURCE, "source", &found.source) ||
        !mt_wire_scalar(&reader, &root, MT_VT_LOG_LEVEL, "level", &found.level,
                        sizeof(found.level)) ||
        !mt_wire_required_text(&reader, &root, MT_VT_LOG_CALLER, "caller", &found.caller) ||
        !mt_wire_required_text(&reader, &root, MT_VT_LOG_SOURCE_FILE, "source_file",
                               &found.source_file) ||
        !mt_wire_scalar(&reader, &root, MT_VT_LOG_LINE, "line", &found.line, sizeof(found.line)))
        return false;
    if (found.level > MT_WIRE_MAX_LOG_LEVEL)
        return mt_wire_refuse(&reader, "level", found.level);
    *log = found;
    return true;
}
