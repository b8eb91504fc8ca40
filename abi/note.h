/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest of the mote ABI says about itself in its file: an ELF note in a PT_NOTE segment,
 * with name "mote" and type MT_NOTE_TYPE, whose description is struct mt_note. It leads to a table
 * of struct mt_note_function, which holds ordinary (relocated) pointers. Section headers are not
 * needed.
 */
#ifndef MOTE_ABI_NOTE_H
#define MOTE_ABI_NOTE_H

#include <stddef.h>
#include <stdint.h>

#define MT_NOTE_NAME "mote" /* namesz is 5: the NUL counts */
#define MT_NOTE_TYPE 1u
#define MT_NOTE_ABI_VERSION 1u

/* The guest has functions that its table does not list: it registers them when it runs, or takes
 * calls of any name. Calls of names that the table does not have are not refused by the host. */
#define MT_NOTE_FLAG_OPEN 1u
#define MT_NOTE_FLAGS_ALL MT_NOTE_FLAG_OPEN

struct mt_note {
    uint32_t abi_version;
    uint32_t flags; /* MT_NOTE_FLAG_* */
    uint64_t heap_bytes;
    uint64_t stack_bytes;
    int32_t table_start; /* where the table starts, relative to the address of this very field */
    int32_t table_end;   /* where it ends, relative to the address of this very field */
};

_Static_assert(offsetof(struct mt_note, abi_version) == 0, "note layout");
_Static_assert(offsetof(struct mt_note, flags) == 4, "note layout");
_Static_assert(offsetof(struct mt_note, heap_bytes) == 8, "note layout");
_Static_assert(offsetof(struct mt_note, stack_bytes) == 16, "note layout");
_Static_assert(offsetof(struct mt_note, table_start) == 24, "note layout");
_Static_assert(offsetof(struct mt_note, table_end) == 28, "note layout");
_Static_assert(sizeof(struct mt_note) == 32, "note layout");

#define MT_NOTE_MAX_PARAMETERS 11u
#define MT_NOTE_MAX_NAME_BYTES 95u
#define MT_NOTE_MAX_FUNCTIONS 4096u

/* Types are the numbers of ParameterType for parameters and of ReturnType for results, as in wire/
 * (docs/abi.md, Messages): parameters i32 0, u32 1, i64 2, u64 3, f32 4, f64 5, str 6, bool 7,
 * bytes 8; results the same to 7, void 8, bytes 9. */
struct mt_note_function {
    uint64_t name; /* address of NUL-terminated UTF-8 in the image */
    uint64_t code; /* address of the guest's own wrapper; the host does not use it */
    uint8_t n_params;
    uint8_t returns;
    uint8_t params[14]; /* the first n_params count, the rest is 0 */
};

_Static_assert(offsetof(struct mt_note_function, name) == 0, "function layout");
_Static_assert(offsetof(struct mt_note_function, code) == 8, "function layout");
_Static_assert(offsetof(struct mt_note_function, n_params) == 16, "function layout");
_Static_assert(offsetof(struct mt_note_function, returns) == 17, "function layout");
_Static_assert(offsetof(struct mt_note_function, params) == 18, "function layout");
_Static_assert(sizeof(struct mt_note_function) == 32, "function layout");

#endif
