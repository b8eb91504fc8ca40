/* SPDX-License-Identifier: Apache-2.0 */
/* Values that cross between a guest and its host, and their types, as the guest sees them. */
#ifndef MOTE_GUEST_VALUE_H
#define MOTE_GUEST_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The type of a parameter or a result. */
typedef enum moteg_type {
    MOTEG_TYPE_I32 = 0,
    MOTEG_TYPE_U32 = 1,
    MOTEG_TYPE_I64 = 2,
    MOTEG_TYPE_U64 = 3,
    MOTEG_TYPE_F32 = 4,
    MOTEG_TYPE_F64 = 5,
    MOTEG_TYPE_STR = 6,
    MOTEG_TYPE_BOOL = 7,
    MOTEG_TYPE_BYTES = 8,
    MOTEG_TYPE_VOID = 9 /**< results only */
} moteg_type;

/** The most parameters that a function can have. */
#define MOTEG_MAX_PARAMETERS 11

/** Text in UTF-8. data[len_bytes] is NUL; the text itself may hold NULs too. */
typedef struct moteg_str {
    const char *data;
    size_t len_bytes;
} moteg_str;

/** Bytes. */
typedef struct moteg_bytes {
    const uint8_t *data;
    size_t len_bytes;
} moteg_bytes;

/** One value. Text and bytes are views: the function that takes or gives one says who owns them. */
typedef struct moteg_value {
    moteg_type type;
    union {
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        bool boolean;
        moteg_str str;
        moteg_bytes bytes;
    } as;
} moteg_value;

/**
 * Return how long a text is. A text parameter of the running call, the latest text result of a
 * host call and the latest text that moteg_format() or moteg_text() made are measured exactly, even
 * if they hold NULs; any other text ends at its first NUL. NULL counts as empty.
 *
 * Units: bytes, without the terminating NUL.
 * Owner: nothing changes hands.
 * Errors: none.
 */
size_t moteg_str_bytes(const char *text);

#ifdef __cplusplus
}
#endif

#endif
