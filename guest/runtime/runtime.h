/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the guest runtime know of each other. One thread: nothing is locked. */
#ifndef MOTE_GUEST_RUNTIME_RUNTIME_H
#define MOTE_GUEST_RUNTIME_RUNTIME_H

#include "abi/note.h"
#include "abi/peb.h"
#include "wire/wire.h"
#include <mote_guest/moteg.h>
#include <stdarg.h>

/* Of a large array that few calls use. Linkers put common symbols behind all other zeros, so that
 * what every call writes lies together: each page of it is a fault, and one more to restore. */
#define MT_SELDOM_USED __attribute__((common, visibility("hidden")))

/* ---- exit.c: leaving to the host ---- */

/* The PEB as it was at the start: the copy in shared memory is not read again. */
extern struct mt_peb mt_peb;

/* Write one byte to a port. Returns when the host lets the guest go on. */
void mt_out(uint16_t port, uint8_t byte);
/* The same through the stub page (start.S). */
void mt_out_by_stub(uint16_t port, uint8_t byte);

/* ---- buffers.c: messages on the input and output buffers ---- */

/* Take the top message of the input buffer. What it points to stays until the next exit. */
const uint8_t *mt_input_pop(size_t *len_bytes);

/* Where a message may be built, above all that lies on the output buffer; NULL without room. */
uint8_t *mt_output_room(size_t *room_bytes);
/* Make what was built there, of len_bytes (a multiple of 8), an element. */
void mt_output_push(size_t len_bytes);
/* How much lies there, to be given to mt_output_drop_to() after the host took what came later. */
uint64_t mt_output_mark(void);
void mt_output_drop_to(uint64_t mark);
/* Forget everything, a reservation too. */
void mt_output_clear(void);
/* Whether text or bytes lie in the reserved memory, so that a message would overwrite them. */
bool mt_output_holds(const void *data);
/* Turn the reservation into a result of len_bytes bytes that begin at data inside it. false when
 * there is no reservation that they are in. */
bool mt_output_finish_reserved(const uint8_t *data, size_t len_bytes);

/* ---- records.c: log records and printed text ---- */

/* Set what the host wants to see: 0 (nothing) to 5 (all). */
void mt_records_init(uint64_t max_log_level);
/* Whether there are any: a message's size is asked for only then. */
bool mt_records_wait(void);
/* Move all records to the output buffer, on top. Returns how many there are now. */
uint8_t mt_records_push(void);
/* Send all records by an exit of their own. */
void mt_records_flush(void);
/* Send all records if they might not fit above a message of len_bytes. */
void mt_records_flush_unless_fit(size_t len_bytes);
/* Tell the host that initialisation or a call is done, with all records. Returns with a new call on
 * the input buffer. */
void mt_leave(void);

/* ---- call_memory.c ---- */

/* Free everything, and remember which texts the new call brought. */
void mt_call_memory_begin(const struct mt_wire_call *call);
/* How many calls have begun: what points to call memory is good for one. */
extern uint64_t mt_n_calls;
/* As moteg_text(), of a host call's result. */
const char *mt_call_memory_host_text(const char *text, size_t len_bytes);

/* ---- dispatch.c ---- */

/* Make the index of the function table. */
void mt_dispatch_init(void);
/* A function that was registered while the guest runs. */
struct mt_registered {
    char name[MT_NOTE_MAX_NAME_BYTES + 1];
    moteg_function function;
    size_t n_params;
    enum mt_wire_type params[MOTEG_MAX_PARAMETERS];
};
/* How to find one by name; NULL until one is registered, so that a guest that registers none is
 * linked without register.c, and its note says so (abi/note.h). */
extern const struct mt_registered *(*mt_find_registered)(const struct mt_wire_view *name);
/* Run the call on the input buffer and leave its result, or an error. */
void mt_dispatch(void);
/* Run fn so that moteg_fail() in it returns here. */
void mt_run_catching(void (*fn)(void *), void *context);

/* The schema's word for a type, as Hyperlight 0.1's texts have it: "Int", "String", ... */
const char *mt_type_word(enum mt_wire_type type);
moteg_value mt_value_from_wire(const struct mt_wire_value *value);
/* Texts are checked to be UTF-8: moteg_fail()s, naming what. */
struct mt_wire_value mt_value_to_wire(const moteg_value *value, const char *what, const char *name);

/* ---- failure.c ---- */

/* Fill the guest error buffer. */
void mt_report_error(uint64_t code, const char *text, size_t len_bytes);
/* Make a text UTF-8 in place: bytes that are not become '?'. */
void mt_make_utf8(char *text, size_t len_bytes);
/* How much of a text does not end in the middle of a character. */
size_t mt_whole_characters(const char *text, size_t len_bytes);

/* ---- thread.c, start.S ---- */

/* What FS points to: its own address first, the stack protector's canary at offset 0x28. */
#define MT_THREAD_BLOCK_BYTES 64u

/* Make room for thread-local variables, if the guest has any. */
void mt_thread_init(void);
/* Copy what FS points to, and point it there. */
void mt_thread_move(void *block);

/* ---- host_failure.c ---- */

/* What the host says about the call that was tried; false when it has answered it. */
bool mt_host_failure_read(moteg_host_failure *failure);

/* ---- init.c ---- */

/* Where start.S goes; `seed` has been used for the canary. */
_Noreturn void mt_run(const struct mt_peb *peb, uint64_t seed, uint64_t page_bytes,
                      uint64_t max_log_level);

#endif
