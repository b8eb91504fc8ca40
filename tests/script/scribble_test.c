/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that writes random bytes into every field that it can reach - PEB, stack pointers, back
 * pointers, size prefixes, messages, error and panic buffers - before each of its exits, which are
 * random too. Whatever comes of it, the host lives, takes no more memory than a message may have,
 * and leaves another sandbox as it was. MOTE_SCRIBBLES says how many calls; ./dev soak makes a
 * million.
 */
#include "tests/script/fixture.h"

#include "abi/note.h"
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CALLS 20000u
#define BUFFER_BYTES 4096u
#define ERROR_BYTES 1024u
#define MAX_STEPS 6u
#define WITNESS_EVERY 512u
#define OTHER_NOTE_TYPE 77u
/* Result and message have a copy each. */
#define MAX_TAKEN_BYTES (2u * BUFFER_BYTES)

static uint64_t random_state;

/* splitmix64: the same sequence in every run. */
static uint64_t next_random(void)
{
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
    return next_random() % n;
}

/* ---- What the host takes ---- */

static struct {
    size_t n_live;
    size_t largest_bytes; /* since it was cleared */
} taken;

static void *take(void *context, size_t len_bytes)
{
    (void)context;
    if (len_bytes > taken.largest_bytes)
        taken.largest_bytes = len_bytes;
    void *block = malloc(len_bytes);
    taken.n_live += block != NULL;
    return block;
}

static void *take_again(void *context, void *block, size_t len_bytes)
{
    (void)context;
    if (len_bytes > taken.largest_bytes)
        taken.largest_bytes = len_bytes;
    void *moved = realloc(block, len_bytes);
    taken.n_live += block == NULL && moved != NULL;
    return moved;
}

static void give_back(void *context, void *block)
{
    (void)context;
    taken.n_live--;
    free(block);
}

/* ---- Two guests ---- */

struct seen {
    uint64_t n_calls;
    uint64_t n_logs;
    uint64_t n_prints;
    uint64_t sum; /* of every byte that a callback was given */
};

static struct seen seen;

static void look_at(const char *text, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++)
        seen.sum += (unsigned char)text[i];
}

static mote_status answer(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context, (void)n_args, (void)err;
    seen.n_calls++;
    look_at(args[0].as.str.data, args[0].as.str.len_bytes);
    *result = mote_i32((int32_t)args[0].as.str.len_bytes);
    return MOTE_OK;
}

static void log_it(void *context, const mote_log_record *record)
{
    (void)context;
    seen.n_logs++;
    look_at(record->message.data, record->message.len_bytes);
    look_at(record->source_file.data, record->source_file.len_bytes);
}

static void print_it(void *context, const char *text, size_t len_bytes)
{
    (void)context;
    seen.n_prints++;
    look_at(text, len_bytes);
}

static void open_guest(struct guest *guest, enum guest_kind kind)
{
    static const mote_host_function function = {.name = "F",
                                                .fn = answer,
                                                .returns = MOTE_TYPE_I32,
                                                .n_params = 1,
                                                .params = {MOTE_TYPE_STR}};
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "script";
    config.input_bytes = config.output_bytes = BUFFER_BYTES;
    config.guest_error_bytes = ERROR_BYTES;
    config.heap_bytes = config.stack_bytes = MT_PAGE_BYTES;
    config.log = log_it;
    config.print = print_it;
    *guest = (struct guest){.kind = kind, .image = guest->image};
    assert_fine(mote_sandbox_create(guest->image, &config, &guest->sandbox, &last_error));
    assert_fine(mote_sandbox_register(guest->sandbox, &function, &last_error));
    guest_start(guest);
    assert_fine(guest_init(guest));
}

static mote_image *open_image(enum guest_kind kind)
{
    static const mote_allocator allocator = {
        .allocate = take, .reallocate = take_again, .release = give_back};
    mote_image *image = NULL;
    struct elf_maker *file = guest_file();
    file->note.header.n_type = kind == GUEST_MOTE ? MT_NOTE_TYPE : OTHER_NOTE_TYPE;
    assert_fine(mote_image_from_bytes(file, sizeof(*file), &allocator, &image, &last_error));
    file->note.header.n_type = MT_NOTE_TYPE;
    return image;
}

/* ---- Scribbling ---- */

static uint64_t odd_number(void)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     4,
                                     7,
                                     8,
                                     9,
                                     12,
                                     20,
                                     ERROR_BYTES,
                                     BUFFER_BYTES - 12,
                                     BUFFER_BYTES - 8,
                                     BUFFER_BYTES - 4,
                                     BUFFER_BYTES,
                                     BUFFER_BYTES + 1,
                                     0x7FFFFFFF,
                                     0x80000000,
                                     0xFFFFFFFB,
                                     0xFFFFFFFC,
                                     0xFFFFFFFF,
                                     0x100000000,
                                     0x7FFFFFFFFFFFFFFF,
                                     UINT64_MAX - 7,
                                     UINT64_MAX};
    switch (below(4)) {
    case 0:
        return edges[below(sizeof(edges) / sizeof(edges[0]))];
    case 1:
        return below(BUFFER_BYTES + 64);
    case 2:
        return below(BUFFER_BYTES) & ~(uint64_t)7;
    default:
        return next_random();
    }
}

static uint8_t *host_of(const struct guest *guest, uint64_t address)
{
    struct mt_window window = mt_script_memory(guest->sandbox->machine);
    return window.host + (address - window.start);
}

static void put(const struct guest *guest, uint64_t address, uint64_t value, size_t len_bytes)
{
    memcpy(host_of(guest, address), &value, len_bytes);
}

/* Some of what the host will look at: words of the PEB, the ends of both stacks of messages, the
 * back pointer of the last element and its size prefix, bytes of any buffer. */
static void scribble_once(const struct guest *guest)
{
    static const enum mt_place buffers[] = {MT_PLACE_OUTPUT, MT_PLACE_OUTPUT, MT_PLACE_INPUT,
                                            MT_PLACE_GUEST_ERROR, MT_PLACE_PANIC};
    uint64_t output = guest_place(guest, MT_PLACE_OUTPUT);
    uint64_t end = guest_word(guest, output) % (BUFFER_BYTES - 15) + 8;
    uint64_t buffer = guest_place(guest, buffers[below(sizeof(buffers) / sizeof(buffers[0]))]);
    switch (below(8)) {
    case 0:
        put(guest, guest_place(guest, MT_PLACE_PEB) + below(sizeof(struct mt_peb) / 8) * 8,
            odd_number(), 8);
        break;
    case 1:
        put(guest, output, odd_number(), 8);
        break;
    case 2:
        put(guest, guest_place(guest, MT_PLACE_INPUT), odd_number(), 8);
        break;
    case 3:
        put(guest, output + end - 8, odd_number(), 8);
        break;
    case 4:
        put(guest, output + 8 + below(4) * 8, odd_number(), 4);
        break;
    case 5:
        put(guest, buffer + below(ERROR_BYTES - 8), next_random(), 1);
        break;
    case 6:
        put(guest, buffer + below(ERROR_BYTES / 8) * 8, odd_number(), 4);
        break;
    default:
        for (uint64_t at = 0; at < ERROR_BYTES; at += 8)
            put(guest, buffer + at, next_random(), 8);
        break;
    }
}

static void scribble(struct mt_machine *machine, void *context)
{
    (void)machine;
    for (uint64_t n = below(4); n > 0; n--)
        scribble_once(context);
}

/* ---- Steps, half of which would be right without the scribbling ---- */

static void push_something(struct guest *guest)
{
    const struct mt_wire_value text = {.type = MT_WIRE_STR,
                                       .as.view = {(const uint8_t *)"scribble", 8}};
    switch (below(5)) {
    case 0:
        guest_push_result(guest, &text);
        break;
    case 1:
        guest_push_i32(guest, 7);
        break;
    case 2:
        guest_push_call(guest, "F", &text, 1);
        break;
    case 3:
        guest_push_call(guest, "HostPrint", &text, 1);
        break;
    default:
        guest_push_log(guest, (uint8_t)below(7), "a line");
        break;
    }
}

static struct mt_script_step *any_exit(struct guest *guest)
{
    const struct mt_wire_value text = {.type = MT_WIRE_STR,
                                       .as.view = {(const uint8_t *)"asked", 5}};
    switch (below(10)) {
    case 0:
        return guest_out(guest, MT_PORT_ABORT, (uint8_t)next_random());
    case 1:
        return guest_fault(guest, (uint8_t)below(32), (uint32_t)next_random(), odd_number(),
                           guest_code(guest, below(0x100)));
    case 2:
        return guest_out(guest, (uint16_t)next_random(), 0);
    case 3:
        push_something(guest);
        return guest_out(guest, MT_PORT_LOG, (uint8_t)below(4));
    case 4:
    case 5:
        guest_push_log(guest, (uint8_t)below(7), "a line");
        return guest_out(guest, MT_PORT_LOG, 1);
    case 6:
        push_something(guest);
        return guest_out(guest, MT_PORT_CALL, (uint8_t)below(3));
    case 7:
        guest_push_call(guest, "HostPrint", &text, 1);
        return guest_out(guest, MT_PORT_CALL, 0);
    default:
        guest_push_call(guest, "F", &text, 1);
        return guest_out(guest, MT_PORT_CALL, 0);
    }
}

static mote_status scribbled_call(struct guest *guest)
{
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"y", 1}};
    for (uint64_t n = below(MAX_STEPS); n > 0; n--) {
        struct mt_script_step *step = any_exit(guest);
        step->act = scribble;
        step->context = guest;
    }
    if (below(4) == 0)
        push_something(guest);
    else
        guest_push_result(guest, &text);
    struct mt_script_step *last = guest_done(guest);
    last->act = scribble;
    last->context = guest;
    mote_value result;
    const mote_value argument = mote_str("x");
    mote_status status = guest_call(guest, "Echo", &argument, 1, MOTE_TYPE_STR, &result);
    if (status == MOTE_OK)
        look_at(result.as.str.data, result.as.str.len_bytes);
    return status;
}

static void assert_is_well(const struct guest *guest, mote_status status)
{
    static const mote_status possible[] = {
        MOTE_OK,           MOTE_E_GUEST_ERROR, MOTE_E_GUEST_FAULT,           MOTE_E_GUEST_ABORT,
        MOTE_E_PROTOCOL,   MOTE_E_NO_RESULT,   MOTE_E_HOST_FUNCTION_UNKNOWN, MOTE_E_TYPE,
        MOTE_E_INPUT_FULL, MOTE_E_POISONED};
    bool is_possible = false;
    for (size_t i = 0; i < sizeof(possible) / sizeof(possible[0]); i++)
        is_possible |= status == possible[i];
    if (!is_possible)
        fail_msg("%s: %s", mote_status_name(status), last_error.text);
    assert_error(status, status);
    bool is_ready = status == MOTE_OK || status == MOTE_E_GUEST_ERROR;
    assert_state(guest, is_ready ? MOTE_SANDBOX_READY : MOTE_SANDBOX_POISONED);
    assert_true(taken.largest_bytes <= MAX_TAKEN_BYTES);
    assert_true(guest->sandbox->result_copy.room_bytes <= BUFFER_BYTES);
    assert_true(guest->sandbox->message_copy.room_bytes <= BUFFER_BYTES);
}

/* ---- Another sandbox ---- */

static uint8_t *copy_of(const struct guest *guest)
{
    struct mt_window window = mt_script_memory(guest->sandbox->machine);
    uint8_t *copy = malloc(window.len_bytes);
    assert_non_null(copy);
    memcpy(copy, window.host, window.len_bytes);
    return copy;
}

static void assert_unchanged(const struct guest *guest, const uint8_t *copy)
{
    struct mt_window window = mt_script_memory(guest->sandbox->machine);
    assert_memory_equal(window.host, copy, window.len_bytes);
}

static unsigned long n_calls(void)
{
    const char *text = getenv("MOTE_SCRIBBLES");
    return text != NULL ? strtoul(text, NULL, 10) : DEFAULT_CALLS;
}

static void scribble_for(enum guest_kind kind, unsigned long n)
{
    static struct guest guest;
    static struct guest witness;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"y", 1}};
    guest = (struct guest){.image = open_image(kind)};
    witness = (struct guest){.image = open_image(kind)};
    open_guest(&witness, kind);
    uint8_t *before = copy_of(&witness);
    open_guest(&guest, kind);
    size_t n_live = taken.n_live;
    unsigned long n_fine = 0;
    seen = (struct seen){0};
    for (unsigned long i = 0; i < n; i++) {
        taken.largest_bytes = 0;
        mote_status status = scribbled_call(&guest);
        assert_is_well(&guest, status);
        n_fine += status == MOTE_OK;
        if (mote_sandbox_state_get(guest.sandbox) != MOTE_SANDBOX_READY) {
            assert_int_equal(mote_sandbox_destroy(guest.sandbox), MOTE_OK);
            open_guest(&guest, kind);
            assert_true(taken.n_live <= n_live);
        }
        if (i % WITNESS_EVERY == 0)
            assert_unchanged(&witness, before);
    }
    assert_unchanged(&witness, before);
    guest_push_result(&witness, &text);
    guest_done(&witness);
    assert_fine(guest_echo(&witness));
    print_message("%lu calls, %lu of them right; %lu host calls, %lu records, %lu prints\n", n,
                  n_fine, (unsigned long)seen.n_calls, (unsigned long)seen.n_logs,
                  (unsigned long)seen.n_prints);
    /* Of all sorts, or little was tried. */
    assert_true(n_fine > n / 50 && n_fine < n);
    assert_true(seen.n_calls > n / 50 && seen.n_logs > n / 50 && seen.n_prints > n / 50);
    guest_close(&guest);
    guest_close(&witness);
    free(before);
    assert_int_equal(taken.n_live, 0);
}

static void test_a_mote_guest_that_scribbles_everywhere(void **state)
{
    (void)state;
    random_state = 1;
    scribble_for(GUEST_MOTE, n_calls() / 2);
}

static void test_a_guest_of_0_1_that_scribbles_everywhere(void **state)
{
    (void)state;
    random_state = 2;
    scribble_for(GUEST_01, n_calls() / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mote_guest_that_scribbles_everywhere),
        cmocka_unit_test(test_a_guest_of_0_1_that_scribbles_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
