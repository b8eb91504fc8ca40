/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between host and guest: size-prefixed FlatBuffers of Hyperlight 0.1's schema
 * (docs/abi.md, Messages; wire/schema/). One source for both sides: freestanding, no allocation, no
 * recursion.
 *
 * Builders write front to back into the caller's buffer and never read it back, so that the buffer
 * may be memory that a guest can change. Every scalar is aligned relative to the message's first
 * byte. The size returned is a multiple of 8 and counts the size prefix; the prefix itself holds
 * the size less 4, as FlatBuffers wants it. 0 means: does not fit, or is no message that a reader
 * would take (no call type, a type that cannot stand there, too many parameters). What was written
 * up to then stays in the buffer; nothing behind room is touched, and nothing of what a returned
 * size counts is left as it was. Bytes values start at a multiple of 8.
 *
 * Readers verify everything before they return a view into the message; what a reader refuses
 * leaves its outputs untouched and sets the fault, which an accepted message leaves alone. A reader
 * of bytes that a guest can change must be given a private copy. Texts and vectors may be shared
 * inside a message, but what a message names may exceed its own size by no more than 4 KiB in all,
 * so that a small message never unfolds into a large one. Views live as long as the message.
 */
#ifndef MOTE_WIRE_WIRE_H
#define MOTE_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest message, prefix included: FlatBuffers count with 31 bits. */
#define MT_WIRE_MAX_BYTES 0x7FFFFFF8u
/* The most parameters that a call or a definition may carry on the wire. */
#define MT_WIRE_MAX_PARAMETERS 16u
/* The most definitions in one HostFunctionDetails. */
#define MT_WIRE_MAX_DEFINITIONS 4096u

/* Types of values. The numbers are mote's own, equal to mote_type's; see the functions below for
 * those of the schema. */
enum mt_wire_type {
    MT_WIRE_I32 = 0,
    MT_WIRE_U32 = 1,
    MT_WIRE_I64 = 2,
    MT_WIRE_U64 = 3,
    MT_WIRE_F32 = 4,
    MT_WIRE_F64 = 5,
    MT_WIRE_STR = 6,
    MT_WIRE_BOOL = 7,
    MT_WIRE_BYTES = 8,
    MT_WIRE_VOID = 9 /* results only */
};

enum mt_wire_call_type { MT_WIRE_CALL_NONE = 0, MT_WIRE_CALL_GUEST = 1, MT_WIRE_CALL_HOST = 2 };

/* Text or bytes somewhere else. Text that a reader returns is valid UTF-8 and data[len] is NUL. */
struct mt_wire_view {
    const uint8_t *data;
    size_t len;
};

struct mt_wire_value {
    enum mt_wire_type type;
    union {
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        bool boolean;
        struct mt_wire_view view; /* STR and BYTES */
    } as;
};

struct mt_wire_call {
    struct mt_wire_view name;
    enum mt_wire_call_type call_type;
    enum mt_wire_type returns;
    size_t n_params;
    struct mt_wire_value params[MT_WIRE_MAX_PARAMETERS];
};

struct mt_wire_error {
    uint64_t code;
    struct mt_wire_view message;
};

struct mt_wire_log {
    struct mt_wire_view message;
    struct mt_wire_view source;
    struct mt_wire_view caller;
    struct mt_wire_view source_file;
    uint8_t level; /* MT_LOG_LEVEL_* of abi/ports.h; a reader returns 0 to 6 */
    uint32_t line;
};

struct mt_wire_definition {
    struct mt_wire_view name;
    enum mt_wire_type returns;
    size_t n_params;
    enum mt_wire_type params[MT_WIRE_MAX_PARAMETERS];
};

/* Why a reader refused a message. */
struct mt_wire_fault {
    const char *field; /* static text: "prefix", "vtable", "function_name", ... */
    uint64_t value;    /* what stood there */
};

/* The numbers of a type in the schema's enums ParameterType and ReturnType, and back; in the unions
 * ParameterValue and ReturnValue each number is one more. false for a type that cannot stand there
 * and for a number that is none. */
bool mt_wire_parameter_number(enum mt_wire_type type, uint8_t *number);
bool mt_wire_return_number(enum mt_wire_type type, uint8_t *number);
bool mt_wire_parameter_type(uint8_t number, enum mt_wire_type *type);
bool mt_wire_return_type(uint8_t number, enum mt_wire_type *type);

/* Whether the bytes are well-formed UTF-8 (RFC 3629). */
bool mt_wire_utf8_is_valid(const uint8_t *text, size_t len);

/* How many bytes at text form one well-formed character; 0 when they form none. */
size_t mt_wire_utf8_char_bytes(const uint8_t *text, size_t len);

/* Builders. to must be aligned to 8. Texts given must be UTF-8. A view of length 0 may have no
 * data. Definitions must be given sorted by name, byte by byte. */
size_t mt_wire_build_call(uint8_t *to, size_t room, const struct mt_wire_call *call);
size_t mt_wire_build_result(uint8_t *to, size_t room, const struct mt_wire_value *value);
size_t mt_wire_build_error(uint8_t *to, size_t room, const struct mt_wire_error *error);
size_t mt_wire_build_log(uint8_t *to, size_t room, const struct mt_wire_log *log);
size_t mt_wire_build_definitions(uint8_t *to, size_t room,
                                 const struct mt_wire_definition *definitions, size_t n);

/* The sizes that the builders would return given room enough; 0 for what no room is enough. */
size_t mt_wire_call_bytes(const struct mt_wire_call *call);
size_t mt_wire_result_bytes(const struct mt_wire_value *value);

/* A bytes result built in place: begin says where the bytes go and how many fit, end finishes the
 * message around the len bytes that were stored there; begin writes nothing. begin returns NULL
 * when not even an empty result fits, end 0 when len does not fit. Both must be given the same to
 * and room. The message is the one that mt_wire_build_result() makes of these bytes. */
uint8_t *mt_wire_begin_bytes_result(uint8_t *to, size_t room, size_t *bytes_room);
size_t mt_wire_end_bytes_result(uint8_t *to, size_t room, size_t len);

/* Readers: message points at the size prefix, which must be consistent with len (prefix + 4 <=
 * len); what lies behind that is ignored. The message may lie at any address. Scalars, texts and
 * bytes that are absent read as 0 and empty, and an absent vector as one without elements; absent
 * names, values of unions and texts of a log record are refused. Only as many params are written as
 * n_params says. */
bool mt_wire_read_call(const uint8_t *message, size_t len, struct mt_wire_call *call,
                       struct mt_wire_fault *fault);
bool mt_wire_read_result(const uint8_t *message, size_t len, struct mt_wire_value *value,
                         struct mt_wire_fault *fault);
/* A cleared buffer, 8 bytes of zero at least, reads as code 0 with an empty text, as in Hyperlight
 * 0.1. Codes are not judged. */
bool mt_wire_read_error(const uint8_t *message, size_t len, struct mt_wire_error *error,
                        struct mt_wire_fault *fault);
bool mt_wire_read_log(const uint8_t *message, size_t len, struct mt_wire_log *log,
                      struct mt_wire_fault *fault);
/* Verifies all definitions; *n is how many there are. */
bool mt_wire_read_definitions(const uint8_t *message, size_t len, size_t *n,
                              struct mt_wire_fault *fault);
/* Reads one definition, and verifies no more than what leads to it. index from *n on is refused. */
bool mt_wire_read_definition(const uint8_t *message, size_t len, size_t index,
                             struct mt_wire_definition *definition, struct mt_wire_fault *fault);

#endif
