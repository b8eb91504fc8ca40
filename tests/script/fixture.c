/* SPDX-License-Identifier: Apache-2.0 */
/* Guests whose every step is written in the test. */
#include "tests/script/fixture.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGE_BYTES 0x8000u
/* A note of another type is none: the file is then one of 0.1. */
#define OTHER_NOTE_TYPE 77u

mote_error last_error;

static struct elf_maker file;
static bool is_file_made;
static _Alignas(16) uint8_t message[MAX_MESSAGE_BYTES];

/* ---- Opening ---- */

struct elf_maker *guest_file(void)
{
    if (!is_file_made) {
        elf_maker_fill(&file);
        file.code[GUEST_HLT] = 0xF4;
        is_file_made = true;
    }
    return &file;
}

mote_status guest_try_open(struct guest *guest, enum guest_kind kind, const mote_config *config)
{
    static const mote_config defaults = MOTE_CONFIG_INIT;
    mote_config ours = config != NULL ? *config : defaults;
    ours.driver = "script";
    *guest = (struct guest){.kind = kind};
    if (kind == GUEST_01)
        guest_file()->note.header.n_type = OTHER_NOTE_TYPE;
    mote_status status =
        mote_image_from_bytes(guest_file(), sizeof(file), NULL, &guest->image, &last_error);
    is_file_made = false;
    if (status != MOTE_OK)
        return status;
    return mote_sandbox_create(guest->image, &ours, &guest->sandbox, &last_error);
}

void guest_open(struct guest *guest, enum guest_kind kind, const mote_config *config)
{
    assert_fine(guest_try_open(guest, kind, config));
}

void guest_ready(struct guest *guest, enum guest_kind kind, const mote_config *config)
{
    guest_open(guest, kind, config);
    guest_start(guest);
    assert_fine(guest_init(guest));
}

static void forget_steps(struct guest *guest)
{
    for (size_t i = 0; i < guest->n_writes; i++)
        free(guest->blocks[i]);
    guest->n_writes = 0;
    guest->first_write = 0;
    guest->n_steps = 0;
}

void guest_close(struct guest *guest)
{
    assert_int_equal(mote_sandbox_destroy(guest->sandbox), MOTE_OK);
    mote_image_unref(guest->image);
    forget_steps(guest);
}

/* ---- Places ---- */

uint64_t guest_place(const struct guest *guest, enum mt_place place)
{
    return guest->sandbox->template->layout.start[place];
}

uint64_t guest_code(const struct guest *guest, uint64_t offset)
{
    return guest_place(guest, MT_PLACE_CODE) + MAKER_CODE + offset;
}

static uint8_t *host_of(const struct guest *guest, uint64_t address)
{
    struct mt_window window = mt_script_memory(guest->sandbox->machine);
    assert_in_range(address, window.start, window.start + window.len_bytes - 8);
    return window.host + (address - window.start);
}

uint64_t guest_word(const struct guest *guest, uint64_t address)
{
    uint64_t word;
    memcpy(&word, host_of(guest, address), sizeof(word));
    return word;
}

void guest_set_word(const struct guest *guest, uint64_t address, uint64_t value)
{
    memcpy(host_of(guest, address), &value, sizeof(value));
}

/* ---- What the guest does ---- */

void guest_write(struct guest *guest, uint64_t address, const void *bytes, uint64_t len_bytes)
{
    assert_true(guest->n_writes < GUEST_MAX_WRITES);
    void *block = malloc(len_bytes + 1);
    assert_non_null(block);
    memcpy(block, bytes, len_bytes);
    guest->blocks[guest->n_writes] = block;
    guest->writes[guest->n_writes++] = (struct mt_script_write){address, block, len_bytes};
}

void guest_write_word(struct guest *guest, uint64_t address, uint64_t value)
{
    guest_write(guest, address, &value, sizeof(value));
}

void guest_push(struct guest *guest, const void *bytes, size_t len_bytes)
{
    if (guest->sp == 0)
        guest->sp = MT_BUFFER_HEADER_BYTES;
    uint64_t end = guest->sp + ((len_bytes + 7) & ~(size_t)7);
    assert_true(end + MT_BUFFER_BACK_POINTER_BYTES <= GUEST_OUTPUT_BYTES);
    memcpy(guest->output + guest->sp, bytes, len_bytes);
    memcpy(guest->output + end, &guest->sp, sizeof(guest->sp));
    guest->sp = end + MT_BUFFER_BACK_POINTER_BYTES;
    memcpy(guest->output, &guest->sp, sizeof(guest->sp));
}

void guest_push_result(struct guest *guest, const struct mt_wire_value *value)
{
    size_t len_bytes = mt_wire_build_result(message, sizeof(message), value);
    assert_true(len_bytes > 0);
    guest_push(guest, message, len_bytes);
}

void guest_push_i32(struct guest *guest, int32_t value)
{
    const struct mt_wire_value made = {.type = MT_WIRE_I32, .as.i32 = value};
    guest_push_result(guest, &made);
}

static struct mt_wire_view view_of(const char *text)
{
    return (struct mt_wire_view){(const uint8_t *)text, strlen(text)};
}

void guest_push_call(struct guest *guest, const char *name, const struct mt_wire_value *params,
                     size_t n_params)
{
    struct mt_wire_call call = {.name = view_of(name),
                                .call_type = MT_WIRE_CALL_HOST,
                                .returns = MT_WIRE_I32,
                                .n_params = n_params};
    for (size_t i = 0; i < n_params; i++)
        call.params[i] = params[i];
    size_t len_bytes = mt_wire_build_call(message, sizeof(message), &call);
    assert_true(len_bytes > 0);
    guest_push(guest, message, len_bytes);
}

void guest_push_log(struct guest *guest, uint8_t level, const char *text)
{
    const struct mt_wire_log log = {.message = view_of(text),
                                    .source = view_of("source"),
                                    .caller = view_of("caller"),
                                    .source_file = view_of("file.c"),
                                    .level = level,
                                    .line = 7};
    size_t len_bytes = mt_wire_build_log(message, sizeof(message), &log);
    assert_true(len_bytes > 0);
    guest_push(guest, message, len_bytes);
}

void guest_write_error(struct guest *guest, uint64_t code, const char *text)
{
    const struct mt_wire_error error = {.code = code, .message = view_of(text)};
    size_t len_bytes = mt_wire_build_error(message, sizeof(message), &error);
    assert_true(len_bytes > 0);
    guest_write(guest, guest_place(guest, MT_PLACE_GUEST_ERROR), message, len_bytes);
}

/* ---- How its steps end ---- */

static struct mt_script_step *end_step(struct guest *guest, const struct mt_script_step *step)
{
    assert_true(guest->n_steps < GUEST_MAX_STEPS);
    if (guest->sp != 0) {
        guest_write(guest, guest_place(guest, MT_PLACE_OUTPUT), guest->output, guest->sp);
        guest->sp = 0;
    }
    struct mt_script_step *to = &guest->steps[guest->n_steps++];
    *to = *step;
    to->writes = &guest->writes[guest->first_write];
    to->n_writes = guest->n_writes - guest->first_write;
    guest->first_write = guest->n_writes;
    return to;
}

struct mt_script_step *guest_exit(struct guest *guest, const struct mt_exit *exit)
{
    const struct mt_script_step step = {.exit = *exit};
    return end_step(guest, &step);
}

struct mt_script_step *guest_out(struct guest *guest, uint16_t port, uint8_t value)
{
    const struct mt_exit exit = {
        .kind = MT_EXIT_PORT,
        .port = {.number = port, .value = value, .size_bytes = 1, .count = 1}};
    return guest_exit(guest, &exit);
}

struct mt_script_step *guest_fault(struct guest *guest, uint8_t vector, uint32_t error_code,
                                   uint64_t address, uint64_t rip)
{
    const struct mt_exit exit = {.kind = MT_EXIT_FAULT,
                                 .fault = {.vector = vector,
                                           .error_code = error_code,
                                           .address = address,
                                           .rip = rip,
                                           .rsp = guest->sandbox->template->layout.initial_rsp}};
    return guest_exit(guest, &exit);
}

struct mt_script_step *guest_interrupted(struct guest *guest)
{
    const struct mt_exit exit = {.kind = MT_EXIT_INTERRUPTED};
    return guest_exit(guest, &exit);
}

struct mt_script_step *guest_fails(struct guest *guest, mote_status status)
{
    const struct mt_script_step step = {.status = status};
    return end_step(guest, &step);
}

struct mt_script_step *guest_done(struct guest *guest)
{
    if (guest->kind == GUEST_MOTE)
        return guest_out(guest, MT_PORT_DONE, 0);
    return guest_fault(guest, 13, 0, 0, guest_code(guest, GUEST_HLT));
}

void guest_start(struct guest *guest)
{
    uint64_t dispatch_at =
        guest_place(guest, MT_PLACE_PEB) + offsetof(struct mt_peb, dispatch_function);
    if (guest->kind == GUEST_01)
        guest_write_word(guest, dispatch_at, guest_code(guest, GUEST_DISPATCH));
    guest_done(guest);
}

/* ---- Playing ---- */

static void play(struct guest *guest)
{
    mt_script_play(guest->sandbox->machine, guest->steps, guest->n_steps);
}

mote_status guest_init(struct guest *guest)
{
    play(guest);
    mote_status status = mote_sandbox_init(guest->sandbox, &last_error);
    forget_steps(guest);
    return status;
}

mote_status guest_call(struct guest *guest, const char *function, const mote_value *args,
                       size_t n_args, mote_type returns, mote_value *result)
{
    play(guest);
    mote_status status =
        mote_call(guest->sandbox, function, args, n_args, returns, result, &last_error);
    forget_steps(guest);
    return status;
}

mote_status guest_echo(struct guest *guest)
{
    const mote_value text = mote_str("x");
    return guest_call(guest, "Echo", &text, 1, MOTE_TYPE_STR, NULL);
}

mote_sandbox_stats guest_stats(const struct guest *guest)
{
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    assert_int_equal(mote_sandbox_stats_get(guest->sandbox, &stats, NULL), MOTE_OK);
    return stats;
}

/* ---- Errors ---- */

static bool is_one_line(const char *text)
{
    size_t len = strnlen(text, MOTE_ERROR_TEXT_BYTES);
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7F)
            return false;
    }
    return len > 0 && len < MOTE_ERROR_TEXT_BYTES;
}

void assert_error_at(mote_status status, mote_status wanted, const char *what, const char *test,
                     int line)
{
    bool is_told = status == MOTE_OK || (last_error.code == status && is_one_line(last_error.text));
    if (status == wanted && is_told)
        return;
    print_error("%s: got %s, wanted %s; %s\n", what, mote_status_name(status),
                mote_status_name(wanted), status != MOTE_OK ? last_error.text : "");
    _fail(test, line);
}

void assert_state(const struct guest *guest, mote_sandbox_state wanted)
{
    assert_int_equal(mote_sandbox_state_get(guest->sandbox), wanted);
}
