/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What MOTEG_FUNCTION() and MOTEG_HOST_FUNCTION() are made of. Include <mote_guest/moteg.h>: the
 * names in here are not for use, and may change.
 * `__inline__`, since strict C90 has no `inline`.
 */
#ifndef MOTE_GUEST_MACROS_H
#define MOTE_GUEST_MACROS_H

#include <mote_guest/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Joining expands first: in C the word `bool` is a macro for _Bool, and becomes that everywhere. */
#define MOTEG_JOIN(a, b) MOTEG_JOIN_(a, b)
#define MOTEG_JOIN_(a, b) a##b

/* X(word, C type, moteg_type, member of moteg_value's union, ParameterType, ReturnType); the two
 * last are the schema's numbers. */
#define MOTEG_VALUE_TYPES(X) \
    X(i32, int32_t, MOTEG_TYPE_I32, i32, 0, 0) \
    X(u32, uint32_t, MOTEG_TYPE_U32, u32, 1, 1) \
    X(i64, int64_t, MOTEG_TYPE_I64, i64, 2, 2) \
    X(u64, uint64_t, MOTEG_TYPE_U64, u64, 3, 3) \
    X(f32, float, MOTEG_TYPE_F32, f32, 4, 4) \
    X(f64, double, MOTEG_TYPE_F64, f64, 5, 5) \
    X(str, const char *, MOTEG_TYPE_STR, str.data, 6, 6) \
    X(bool, bool, MOTEG_TYPE_BOOL, boolean, 7, 7) \
    X(bytes, moteg_bytes, MOTEG_TYPE_BYTES, bytes, 8, 9)

#define MOTEG_DECLARE_TYPE(WORD, C_TYPE, TYPE, MEMBER, PARAMETER, RETURN) \
    typedef C_TYPE MOTEG_JOIN(moteg_c_, WORD); \
    enum { \
        MOTEG_JOIN(moteg_type_of_, WORD) = TYPE, \
        MOTEG_JOIN(moteg_parameter_, WORD) = PARAMETER, \
        MOTEG_JOIN(moteg_return_, WORD) = RETURN \
    }; \
    static __inline__ C_TYPE MOTEG_JOIN(moteg_get_, WORD)(const moteg_value *value) \
    { \
        return value->as.MEMBER; \
    } \
    static __inline__ moteg_value MOTEG_JOIN(moteg_make_, WORD)(C_TYPE content) \
    { \
        moteg_value value; \
        value.type = TYPE; \
        value.as.MEMBER = content; \
        if (TYPE == MOTEG_TYPE_STR) \
            value.as.str.len_bytes = moteg_str_bytes(value.as.str.data); \
        return value; \
    }
MOTEG_VALUE_TYPES(MOTEG_DECLARE_TYPE)
#undef MOTEG_DECLARE_TYPE

typedef void moteg_c_void;
enum { moteg_type_of_void = MOTEG_TYPE_VOID, moteg_return_void = 8 };
static __inline__ moteg_value moteg_make_void(void)
{
    moteg_value value;
    value.type = MOTEG_TYPE_VOID;
    value.as.u64 = 0;
    return value;
}

/* One entry of the function table, which the host reads from the guest's file. */
struct moteg_function_record {
    const char *name;
    moteg_value (*code)(const moteg_value *args);
    uint8_t n_params;
    uint8_t returns;
    uint8_t params[14];
};

#ifdef __has_attribute
#if __has_attribute(retain)
#define MOTEG_RETAIN retain,
#endif
#endif
#ifndef MOTEG_RETAIN
#define MOTEG_RETAIN
#endif
#define MOTEG_IN_TABLE __attribute__((used, MOTEG_RETAIN section("mote_functions"), aligned(8)))

/* Lists of arguments: a function's name, then (type, name) pairs. */
#define MOTEG_FIRST(...) MOTEG_FIRST_(__VA_ARGS__, ~)
#define MOTEG_FIRST_(first, ...) first
#define MOTEG_N_PARAMS(...) MOTEG_N_PARAMS_(__VA_ARGS__, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, ~)
#define MOTEG_N_PARAMS_(fn, a, b, c, d, e, f, g, h, i, j, k, n, ...) n

/* M(index, pair) of each pair, with commas between; NONE when there is no pair. */
#define MOTEG_LIST(M, NONE, ...) \
    MOTEG_JOIN(MOTEG_LIST_, MOTEG_N_PARAMS(__VA_ARGS__))(M, NONE, __VA_ARGS__)
#define MOTEG_LIST_0(M, NONE, fn) NONE
#define MOTEG_LIST_1(M, NONE, fn, a) M(0, a)
#define MOTEG_LIST_2(M, NONE, fn, a, b) M(0, a), M(1, b)
#define MOTEG_LIST_3(M, NONE, fn, a, b, c) MOTEG_LIST_2(M, NONE, fn, a, b), M(2, c)
#define MOTEG_LIST_4(M, NONE, fn, a, b, c, d) MOTEG_LIST_3(M, NONE, fn, a, b, c), M(3, d)
#define MOTEG_LIST_5(M, NONE, fn, a, b, c, d, e) MOTEG_LIST_4(M, NONE, fn, a, b, c, d), M(4, e)
#define MOTEG_LIST_6(M, NONE, fn, a, b, c, d, e, f) \
    MOTEG_LIST_5(M, NONE, fn, a, b, c, d, e), M(5, f)
#define MOTEG_LIST_7(M, NONE, fn, a, b, c, d, e, f, g) \
    MOTEG_LIST_6(M, NONE, fn, a, b, c, d, e, f), M(6, g)
#define MOTEG_LIST_8(M, NONE, fn, a, b, c, d, e, f, g, h) \
    MOTEG_LIST_7(M, NONE, fn, a, b, c, d, e, f, g), M(7, h)
#define MOTEG_LIST_9(M, NONE, fn, a, b, c, d, e, f, g, h, i) \
    MOTEG_LIST_8(M, NONE, fn, a, b, c, d, e, f, g, h), M(8, i)
#define MOTEG_LIST_10(M, NONE, fn, a, b, c, d, e, f, g, h, i, j) \
    MOTEG_LIST_9(M, NONE, fn, a, b, c, d, e, f, g, h, i), M(9, j)
#define MOTEG_LIST_11(M, NONE, fn, a, b, c, d, e, f, g, h, i, j, k) \
    MOTEG_LIST_10(M, NONE, fn, a, b, c, d, e, f, g, h, i, j), M(10, k)

#define MOTEG_DECLARE(index, pair) MOTEG_DECLARE_ pair
#define MOTEG_DECLARE_(type, name) MOTEG_JOIN(moteg_c_, type) name
#define MOTEG_NUMBER(index, pair) MOTEG_NUMBER_ pair
#define MOTEG_NUMBER_(type, name) MOTEG_JOIN(moteg_parameter_, type)
#define MOTEG_MAKE(index, pair) MOTEG_MAKE_ pair
#define MOTEG_MAKE_(type, name) MOTEG_JOIN(moteg_make_, type)(name)
#define MOTEG_GET(index, pair) MOTEG_GET_ pair(moteg_args + (index))
#define MOTEG_GET_(type, name) MOTEG_JOIN(moteg_get_, type)

/* What to do with a call to a function that returns something, or nothing. */
#define MOTEG_RETURN_MADE(type, call) return MOTEG_JOIN(moteg_make_, type)(call)
#define MOTEG_RETURN_VOID(type, call) \
    call; \
    return moteg_make_void()
#define MOTEG_RETURN_GOT(type, value) return MOTEG_JOIN(moteg_get_, type)(value)
#define MOTEG_RETURN_NOTHING(type, value) (void)(value)

/* WHEN_VOID if the type is void, else OTHERWISE. */
#define MOTEG_IF_VOID(type, WHEN_VOID, OTHERWISE) \
    MOTEG_THIRD(MOTEG_JOIN(MOTEG_IS_VOID_, type), WHEN_VOID, OTHERWISE)
#define MOTEG_IS_VOID_void ~, ~
#define MOTEG_THIRD(...) MOTEG_THIRD_(__VA_ARGS__, ~, ~)
#define MOTEG_THIRD_(a, b, c, ...) c

#ifdef __cplusplus
}
#endif

#endif
