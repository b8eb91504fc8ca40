/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests on the script driver share: guests whose every step is written in the test.
 *
 *   guest_write(), guest_push...()   what the guest does before its next exit
 *   guest_out(), guest_fault(), ...  that exit
 *   guest_init(), guest_call()       play what was said up to here
 */
#ifndef MOTE_TESTS_SCRIPT_FIXTURE_H
#define MOTE_TESTS_SCRIPT_FIXTURE_H

#include "abi/memory_map.h"
#include "abi/peb.h"
#include "abi/ports.h"
#include "host/driver/script/script.h"
#include "host/image/elf_maker.h"
#include "host/sandbox/sandbox.h"
#include <mote/mote.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define GUEST_MAX_STEPS 32u
#define GUEST_MAX_WRITES 64u
#define GUEST_OUTPUT_BYTES 0x4000u

/* Where in the image's code page a guest of 0.1 halts, and where it has its dispatch function. */
#define GUEST_HLT 0x20u
#define GUEST_DISPATCH 0x30u

enum guest_kind { GUEST_MOTE, GUEST_01 };

struct guest {
    enum guest_kind kind;
    mote_image *image;
    mote_sandbox *sandbox;
    struct mt_script_step steps[GUEST_MAX_STEPS];
    size_t n_steps;
    struct mt_script_write writes[GUEST_MAX_WRITES]; /* of all steps, in order */
    void *blocks[GUEST_MAX_WRITES];
    size_t n_writes;
    size_t first_write; /* of the step that is being written */
    uint8_t output[GUEST_OUTPUT_BYTES];
    uint64_t sp; /* 0: the next step leaves the output buffer alone */
};

extern mote_error last_error;

/* The file that the next guest is opened from: a good one, for the test to change. */
struct elf_maker *guest_file(void);

/* Create a sandbox of that file on the script driver. config may be NULL; its driver is set. */
void guest_open(struct guest *guest, enum guest_kind kind, const mote_config *config);
mote_status guest_try_open(struct guest *guest, enum guest_kind kind, const mote_config *config);
/* The same, and initialise it. */
void guest_ready(struct guest *guest, enum guest_kind kind, const mote_config *config);
void guest_close(struct guest *guest);

uint64_t guest_place(const struct guest *guest, enum mt_place place);
/* The address of an offset in the page of code. */
uint64_t guest_code(const struct guest *guest, uint64_t offset);
/* Read a word of the guest's memory as it is now. */
uint64_t guest_word(const struct guest *guest, uint64_t address);
void guest_set_word(const struct guest *guest, uint64_t address, uint64_t value);

void guest_write(struct guest *guest, uint64_t address, const void *bytes, uint64_t len_bytes);
void guest_write_word(struct guest *guest, uint64_t address, uint64_t value);

/* Put an element on the output buffer, which was empty before the first of a step. */
void guest_push(struct guest *guest, const void *message, size_t len_bytes);
void guest_push_result(struct guest *guest, const struct mt_wire_value *value);
void guest_push_i32(struct guest *guest, int32_t value);
void guest_push_call(struct guest *guest, const char *name, const struct mt_wire_value *params,
                     size_t n_params);
void guest_push_log(struct guest *guest, uint8_t level, const char *text);
/* Write the guest's error buffer. */
void guest_write_error(struct guest *guest, uint64_t code, const char *text);

/* Each ends a step; what is returned may be changed until the script is played. */
struct mt_script_step *guest_exit(struct guest *guest, const struct mt_exit *exit);
struct mt_script_step *guest_out(struct guest *guest, uint16_t port, uint8_t value);
struct mt_script_step *guest_fault(struct guest *guest, uint8_t vector, uint32_t error_code,
                                   uint64_t address, uint64_t rip);
struct mt_script_step *guest_interrupted(struct guest *guest);
struct mt_script_step *guest_fails(struct guest *guest, mote_status status);
/* Say that it is done, as its ABI has it. */
struct mt_script_step *guest_done(struct guest *guest);

/* Say what an initialisation does. */
void guest_start(struct guest *guest);

mote_status guest_init(struct guest *guest);
mote_status guest_call(struct guest *guest, const char *function, const mote_value *args,
                       size_t n_args, mote_type returns, mote_value *result);
/* Echo("x") of a mote guest. */
mote_status guest_echo(struct guest *guest);

mote_sandbox_stats guest_stats(const struct guest *guest);

/* Fails unless the error is complete: status, a text of one line. */
#define assert_error(status, wanted) \
    assert_error_at((status), (wanted), #status, __FILE__, __LINE__)
#define assert_fine(status) assert_error_at((status), MOTE_OK, #status, __FILE__, __LINE__)
void assert_error_at(mote_status status, mote_status wanted, const char *what, const char *file,
                     int line);
void assert_state(const struct guest *guest, mote_sandbox_state wanted);

#endif
