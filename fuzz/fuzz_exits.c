/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's whole behaviour: exits of every kind and what it writes before each, through an
 * initialisation and calls. Whatever it does: states follow from outcomes, errors are complete,
 * host functions get the types they were registered with, nothing leaks, allocations stay under
 * their cap, and another sandbox neither changes nor fails.
 *
 * Input: flags, the type asked of a 0.1 guest, then steps (make_step()).
 */
#include "fuzz/fuzz_sandbox.h"

#include "abi/memory_map.h"
#include "abi/ports.h"
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 24u
#define MAX_WRITES 4u /* of one step; one more is its output buffer */
#define MAX_CALLS 8u
#define WITNESS_EVERY 64u

enum { FLAG_01 = 1, FLAG_CALLS_IN_INIT = 2, FLAG_NO_ERROR = 4, FLAG_LOG = 8 };

/* ---- Steps ---- */

struct story {
    struct fuzz_input *input;
    mote_sandbox *sandbox;
    struct mt_script_step steps[MAX_STEPS];
    struct mt_script_write writes[MAX_STEPS][MAX_WRITES];
    _Alignas(8) uint8_t output[MAX_STEPS][FUZZ_BUFFER_BYTES];
    size_t n_steps;
};

static struct mt_wire_view take_view(struct fuzz_input *input)
{
    size_t n = fuzz_take_u8(input);
    const uint8_t *at = fuzz_take_bytes(input, &n);
    return (struct mt_wire_view){at, n};
}

/* Builders take texts that are UTF-8 alone. */
static struct mt_wire_view take_text(struct fuzz_input *input)
{
    struct mt_wire_view view = take_view(input);
    while (view.len > 0 && !mt_wire_utf8_is_valid(view.data, view.len))
        view.len--;
    return view;
}

static struct mt_wire_value take_value(struct fuzz_input *input, unsigned n_types)
{
    struct mt_wire_value value = {.type = (enum mt_wire_type)(fuzz_take_u8(input) % n_types)};
    if (value.type == MT_WIRE_STR)
        value.as.view = take_text(input);
    else if (value.type == MT_WIRE_BYTES)
        value.as.view = take_view(input);
    else if (value.type == MT_WIRE_BOOL)
        value.as.boolean = fuzz_take_u8(input) & 1;
    else
        value.as.u64 = fuzz_take_u64(input);
    return value;
}

static size_t build_call(struct fuzz_input *input, uint8_t *to, size_t room)
{
    static const char *const names[] = {"F", "G", "V", "Fails", "HostPrint", "Unknown"};
    struct mt_wire_call call = {.call_type = MT_WIRE_CALL_HOST, .returns = MT_WIRE_I32};
    uint8_t name = fuzz_take_u8(input) % 7;
    call.name = name < 6 ? (struct mt_wire_view){(const uint8_t *)names[name], strlen(names[name])}
                         : take_text(input);
    if (fuzz_take_u8(input) > 250)
        call.call_type = MT_WIRE_CALL_GUEST;
    call.n_params = fuzz_take_u8(input) % 5;
    for (size_t i = 0; i < call.n_params; i++)
        call.params[i] = take_value(input, 9);
    return mt_wire_build_call(to, room, &call);
}

static size_t build_log(struct fuzz_input *input, uint8_t *to, size_t room)
{
    struct mt_wire_log log = {.level = fuzz_take_u8(input) % 8, .line = fuzz_take_u8(input)};
    log.message = take_text(input);
    log.source = take_text(input);
    log.caller = take_text(input);
    log.source_file = take_text(input);
    return mt_wire_build_log(to, room, &log);
}

static size_t build_raw(struct fuzz_input *input, uint8_t *to, size_t room)
{
    struct mt_wire_view view = take_view(input);
    uint32_t prefix = (uint32_t)view.len;
    if (view.len + 16 > room)
        return 0;
    memcpy(to, &prefix, sizeof(prefix));
    if (view.len > 0)
        memcpy(to + sizeof(prefix), view.data, view.len);
    return (view.len + sizeof(prefix) + 7) & ~(size_t)7;
}

/* Push one element as a well-behaved guest would. *sp is where the next goes. */
static void push_element(struct fuzz_input *input, uint8_t *output, uint64_t *sp)
{
    struct mt_wire_value value;
    size_t room = (FUZZ_BUFFER_BYTES - *sp - 8) & ~(size_t)7;
    size_t len_bytes = 0;
    switch (fuzz_take_u8(input) % 4) {
    case 0:
        value = take_value(input, 10);
        len_bytes = mt_wire_build_result(output + *sp, room, &value);
        break;
    case 1:
        len_bytes = build_call(input, output + *sp, room);
        break;
    case 2:
        len_bytes = build_log(input, output + *sp, room);
        break;
    default:
        len_bytes = build_raw(input, output + *sp, room);
        break;
    }
    if (len_bytes == 0)
        return;
    memcpy(output + *sp + len_bytes, sp, sizeof(*sp));
    *sp += len_bytes + 8;
    memcpy(output, sp, sizeof(*sp));
}

static struct mt_script_write take_write(struct story *story)
{
    static const enum mt_place places[] = {
        MT_PLACE_OUTPUT, MT_PLACE_OUTPUT, MT_PLACE_GUEST_ERROR, MT_PLACE_PANIC,
        MT_PLACE_PEB,    MT_PLACE_INPUT,  MT_PLACE_HEAP,        MT_PLACE_HOST_DEFINITIONS,
    };
    const struct mt_layout *layout = &story->sandbox->template->layout;
    uint8_t choice = fuzz_take_u8(story->input);
    enum mt_place place = places[choice % 8];
    uint64_t offset = choice & 8 ? 0 : fuzz_take_u16(story->input);
    struct mt_wire_view view = take_view(story->input);
    offset %= layout->len_bytes[place];
    uint64_t room = layout->len_bytes[place] - offset;
    return (struct mt_script_write){layout->start[place] + offset, view.data,
                                    view.len < room ? view.len : room};
}

static struct mt_exit take_port(struct fuzz_input *input)
{
    static const uint16_t ports[] = {MT_PORT_LOG,  MT_PORT_CALL,     MT_PORT_ABORT,
                                     MT_PORT_DONE, MT_PORT_TRY_CALL, MT_PORT_CALL};
    struct mt_exit exit = {.kind = MT_EXIT_PORT, .port = {.size_bytes = 1, .count = 1}};
    uint8_t choice = fuzz_take_u8(input) & 7;
    exit.port.number = choice < 6 ? ports[choice] : fuzz_take_u16(input);
    exit.port.value = fuzz_take_u8(input);
    if (choice == 7) {
        exit.port.number = MT_PORT_DONE;
        exit.port.size_bytes = fuzz_take_u8(input);
        exit.port.count = fuzz_take_u32(input);
        exit.port.is_in = fuzz_take_u8(input) & 1;
    }
    return exit;
}

static uint64_t take_address(struct story *story)
{
    uint8_t choice = fuzz_take_u8(story->input) % 32;
    if (choice == 31)
        return fuzz_place(story->sandbox, MT_PLACE_CODE) + FUZZ_CODE + FUZZ_HLT;
    if (choice < MT_N_PLACES)
        return fuzz_place(story->sandbox, (enum mt_place)choice) + fuzz_take_u16(story->input);
    return choice & 1 ? fuzz_take_u64(story->input) : fuzz_take_u32(story->input);
}

static struct mt_exit take_fault(struct story *story)
{
    struct mt_exit exit = {.kind = MT_EXIT_FAULT};
    uint8_t choice = fuzz_take_u8(story->input);
    exit.fault.vector = choice & 0x40 ? 13 : choice & 0x20 ? 14 : fuzz_take_u8(story->input);
    exit.fault.error_code = choice & 0x80 ? fuzz_take_u32(story->input) : 0;
    exit.fault.is_syscall = (choice & 0x1F) == 0x1F;
    if ((choice & 0x1F) == 0x1E)
        exit.kind = MT_EXIT_REFUSED;
    exit.fault.rip = take_address(story);
    exit.fault.rsp = fuzz_place(story->sandbox, MT_PLACE_STACK);
    exit.fault.address = exit.fault.vector == 14 ? take_address(story) : 0;
    return exit;
}

static void take_rare(struct fuzz_input *input, struct mt_script_step *step)
{
    static const mote_status statuses[] = {MOTE_E_SYSTEM, MOTE_E_MEMORY, MOTE_E_GUEST_DIED,
                                           MOTE_E_BUG};
    uint8_t choice = fuzz_take_u8(input);
    step->exit.kind = MT_EXIT_INTERRUPTED;
    if (choice >= 0xF0)
        step->status = statuses[choice % 4];
    else if (choice >= 0xE0)
        step->exit = (struct mt_exit){.kind = MT_EXIT_DIED, .died = "it is over"};
    else if (choice >= 0xD0)
        step->exit.kind = (enum mt_exit_kind)choice;
}

static void cancel(struct mt_machine *machine, void *context)
{
    (void)machine;
    FUZZ_REQUIRE(mote_sandbox_cancel(context) == MOTE_OK);
}

/* One byte says what a step has: bits 0-1 its exit, 2-3 how many writes, 4-5 how many elements on
 * the output buffer, 6 a cancel. */
static void make_step(struct story *story)
{
    struct mt_script_step *step = &story->steps[story->n_steps];
    struct mt_script_write *writes = story->writes[story->n_steps];
    uint8_t *output = story->output[story->n_steps++];
    uint64_t sp = MT_BUFFER_HEADER_BYTES;
    uint8_t op = fuzz_take_u8(story->input);
    *step = (struct mt_script_step){.writes = writes};
    for (unsigned i = 0; i < (op >> 4 & 3); i++)
        push_element(story->input, output, &sp);
    if (op >> 4 & 3)
        writes[step->n_writes++] = (struct mt_script_write){
            fuzz_place(story->sandbox, MT_PLACE_OUTPUT), output, sp > 8 ? sp : 0};
    for (unsigned i = 0; i < (op >> 2 & 3); i++)
        writes[step->n_writes++] = take_write(story);
    if ((op & 3) < 2)
        step->exit = take_port(story->input);
    else if ((op & 3) == 2)
        step->exit = take_fault(story);
    else
        take_rare(story->input, step);
    if (op & 0x40) {
        step->act = cancel;
        step->context = story->sandbox;
    }
}

/* ---- The host ---- */

static unsigned n_records;

static void check_text(const mote_str_view *text)
{
    FUZZ_REQUIRE(text->len_bytes < FUZZ_BUFFER_BYTES);
    FUZZ_REQUIRE(mt_wire_utf8_is_valid((const uint8_t *)text->data, text->len_bytes));
    FUZZ_REQUIRE(text->data[text->len_bytes] == '\0');
}

static void hear_log(void *context, const mote_log_record *record)
{
    (void)context;
    n_records++;
    FUZZ_REQUIRE((unsigned)record->level <= MOTE_LOG_TRACE);
    check_text(&record->message);
    check_text(&record->source);
    check_text(&record->caller);
    check_text(&record->source_file);
}

static void hear_print(void *context, const char *text, size_t len_bytes)
{
    (void)context;
    const mote_str_view view = {text, len_bytes};
    check_text(&view);
}

static mote_status host_f(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)err;
    FUZZ_REQUIRE(n_args == 1 && args[0].type == MOTE_TYPE_I32);
    *result = args[0];
    return MOTE_OK;
}

static mote_status host_g(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)err;
    FUZZ_REQUIRE(n_args == 2 && args[0].type == MOTE_TYPE_STR && args[1].type == MOTE_TYPE_BYTES);
    check_text(&args[0].as.str);
    FUZZ_REQUIRE(args[1].as.bytes.len_bytes < FUZZ_BUFFER_BYTES);
    /* Whoever is inside keeps everybody else out, itself too. */
    FUZZ_REQUIRE(mote_sandbox_destroy(context) == MOTE_E_REENTRY);
    *result = args[0];
    return MOTE_OK;
}

static mote_status host_v(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)args;
    (void)err;
    FUZZ_REQUIRE(n_args == 0);
    *result = mote_void();
    return MOTE_OK;
}

static mote_status host_fails(void *context, const mote_value *args, size_t n_args,
                              mote_value *result, mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 7, "as it must");
}

static void register_functions(mote_sandbox *sandbox)
{
    const mote_host_function functions[] = {
        {"F", host_f, sandbox, MOTE_TYPE_I32, 1, {MOTE_TYPE_I32}},
        {"G", host_g, sandbox, MOTE_TYPE_STR, 2, {MOTE_TYPE_STR, MOTE_TYPE_BYTES}},
        {"V", host_v, sandbox, MOTE_TYPE_VOID, 0, {MOTE_TYPE_I32}},
        {"Fails", host_fails, sandbox, MOTE_TYPE_VOID, 0, {MOTE_TYPE_I32}},
    };
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        FUZZ_REQUIRE(mote_sandbox_register(sandbox, &functions[i], NULL) == MOTE_OK);
}

/* ---- The witness ---- */

/* A sandbox that nobody touches: its memory stays, and it answers. */
static void ask_witness(void)
{
    static mote_sandbox *witness;
    static uint8_t *before;
    static unsigned n_asked;
    if (witness == NULL) {
        const mote_config config = MOTE_CONFIG_INIT;
        witness = fuzz_create(true, &config);
        fuzz_make_ready(witness);
        struct mt_window window = mt_script_memory(witness->machine);
        before = malloc(window.len_bytes);
        FUZZ_REQUIRE(before != NULL);
        memcpy(before, window.host, window.len_bytes);
    }
    if (n_asked++ % WITNESS_EVERY != 0)
        return;
    struct mt_window window = mt_script_memory(witness->machine);
    FUZZ_REQUIRE(memcmp(before, window.host, window.len_bytes) == 0);
    FUZZ_REQUIRE(mote_sandbox_state_get(witness) == MOTE_SANDBOX_READY);
}

/* ---- Playing ---- */

static bool may_end_so(mote_status status)
{
    switch ((int)status) {
    case MOTE_OK:
    case MOTE_E_GUEST_FAULT:
    case MOTE_E_GUEST_ABORT:
    case MOTE_E_GUEST_ERROR:
    case MOTE_E_PROTOCOL:
    case MOTE_E_GUEST_DIED:
    case MOTE_E_CANCELLED:
    case MOTE_E_TIME_LIMIT:
    case MOTE_E_HOST_FUNCTION:
    case MOTE_E_HOST_FUNCTION_UNKNOWN:
    case MOTE_E_HOST_FUNCTION_ARGUMENTS:
    case MOTE_E_INPUT_FULL:
    case MOTE_E_MEMORY:
    case MOTE_E_SYSTEM:
    case MOTE_E_BUG: /* the script is at its end, or has an exit of no kind */
    case MOTE_E_NO_RESULT:
        return true;
    default:
        return false;
    }
}

static mote_status call(mote_sandbox *sandbox, mote_type returns, mote_error *err)
{
    const mote_value text = mote_str("x");
    mote_value result;
    mote_status status = mote_call(sandbox, "Echo", &text, 1, returns, &result, err);
    if (status == MOTE_OK)
        FUZZ_REQUIRE(result.type == returns);
    if (status == MOTE_OK && returns == MOTE_TYPE_STR)
        check_text(&result.as.str);
    return status;
}

static void play(struct story *story, mote_type returns, bool has_error)
{
    mote_sandbox *sandbox = story->sandbox;
    mote_error storage;
    mote_error *err = has_error ? &storage : NULL;
    mt_script_play(sandbox->machine, story->steps, story->n_steps);
    mote_status status = mote_sandbox_init(sandbox, err);
    for (unsigned i = 0;; i++) {
        if (has_error)
            fuzz_require_error(status, err);
        FUZZ_REQUIRE(may_end_so(status));
        fuzz_require_state(sandbox, status, i == 0);
        bool is_ready = mote_sandbox_state_get(sandbox) == MOTE_SANDBOX_READY;
        if (!is_ready)
            break;
        if (i == MAX_CALLS || mt_script_n_left(sandbox->machine) == 0)
            return;
        status = call(sandbox, returns, err);
    }
    FUZZ_REQUIRE(call(sandbox, returns, NULL) == MOTE_E_POISONED);
    FUZZ_REQUIRE(mote_sandbox_init(sandbox, NULL) == MOTE_E_POISONED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static struct story story;
    struct fuzz_input input = {data, len_bytes};
    uint8_t flags = fuzz_take_u8(&input);
    uint8_t type = fuzz_take_u8(&input);
    mote_config config = MOTE_CONFIG_INIT;
    config.host_calls_in_init = flags & FLAG_CALLS_IN_INIT;
    config.log = flags & FLAG_LOG ? hear_log : NULL;
    config.print = hear_print;
    ask_witness();
    n_records = 0;
    story.input = &input;
    story.n_steps = 0;
    story.sandbox = fuzz_create(flags & FLAG_01, &config);
    register_functions(story.sandbox);
    fuzz_set_cap(story.sandbox);
    while (input.left > 0 && story.n_steps < MAX_STEPS)
        make_step(&story);
    mote_type returns = flags & FLAG_01 ? (mote_type)(type % 10) : MOTE_TYPE_STR;
    play(&story, returns, !(flags & FLAG_NO_ERROR));
    FUZZ_REQUIRE(n_records <= MAX_STEPS * MT_MAX_PENDING_RECORDS);
    fuzz_destroy(story.sandbox);
    return 0;
}
