/* SPDX-License-Identifier: Apache-2.0 */
/* Values that cross between host and guest, and their types. */
#ifndef MOTE_VALUE_H
#define MOTE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The type of a parameter or a result. */
typedef enum mote_type {
    MOTE_TYPE_I32 = 0,
    MOTE_TYPE_U32 = 1,
    MOTE_TYPE_I64 = 2,
    MOTE_TYPE_U64 = 3,
    MOTE_TYPE_F32 = 4,
    MOTE_TYPE_F64 = 5,
    MOTE_TYPE_STR = 6,
    MOTE_TYPE_BOOL = 7,
    MOTE_TYPE_BYTES = 8,
    MOTE_TYPE_VOID = 9, /**< results only */
    MOTE_TYPE_ANY = 10  /**< asking only: whatever the guest's function table declares */
} mote_type;

/** The most parameters that a function can have. */
#define MOTE_MAX_PARAMETERS 11

/** Text in UTF-8. data[len_bytes] is NUL; the text itself may hold NULs too. */
typedef struct mote_str_view {
    const char *data;
    size_t len_bytes;
} mote_str_view;

/** Bytes. */
typedef struct mote_bytes_view {
    const uint8_t *data;
    size_t len_bytes;
} mote_bytes_view;

/** One value. Text and bytes are views: the function that takes or gives one says who owns them. */
typedef struct mote_value {
    mote_type type;
    union {
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        bool boolean;
        mote_str_view str;
        mote_bytes_view bytes;
    } as;
} mote_value;

/**
 * Make an i32 value.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_i32(int32_t value);

/**
 * Make a u32 value.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_u32(uint32_t value);

/**
 * Make an i64 value.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_i64(int64_t value);

/**
 * Make a u64 value.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_u64(uint64_t value);

/**
 * Make an f32 value.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_f32(float value);

/**
 * Make an f64 value.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_f64(double value);

/**
 * Make a bool value.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_bool(bool value);

/**
 * Make a text value from a NUL-terminated string; NULL makes an empty text.
 *
 * Units: none.
 * Owner: the caller keeps the text and must keep it alive while the value is used.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_str(const char *text);

/**
 * Make a text value from a pointer and a length.
 *
 * Units: len_bytes in bytes, without a terminating NUL.
 * Owner: the caller keeps the text and must keep it alive while the value is used.
 * Threads: any.
 * Errors: none; the function that is given the value checks that it is UTF-8.
 */
mote_value mote_str_n(const char *text, size_t len_bytes);

/**
 * Make a bytes value.
 *
 * Units: len_bytes in bytes.
 * Owner: the caller keeps the bytes and must keep them alive while the value is used.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_bytes(const void *data, size_t len_bytes);

/**
 * Make the value of a function that returns nothing.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
mote_value mote_void(void);

/**
 * Return the name of a type: "i32", "u32", "i64", "u64", "f32", "f64", "str",
 * "bool", "bytes", "void", "any".
 *
 * Units: none.
 * Owner: the library; the text lives as long as the library is loaded.
 * Threads: any.
 * Errors: none; "?" for a number that is no type.
 */
const char *mote_type_name(mote_type type);

#ifdef __cplusplus
}
#endif

#endif
