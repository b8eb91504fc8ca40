/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that change memory behind the host's back: between exits, and while the host reads. */
#include "tests/script/fixture.h"

#include <pthread.h>
#include <string.h>

static mote_status call_i32(struct guest *guest, mote_value *result)
{
    return guest_call(guest, "F", NULL, 0, MOTE_TYPE_I32, result);
}

/* ---- Between exits ---- */

struct tamperer {
    struct guest *guest;
    char text[16]; /* the argument, as the function saw it after it had changed guest memory */
};

/* The guest's memory changes while the host function has its arguments. */
static mote_status tamper(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    struct tamperer *tamperer = context;
    struct mt_window window = mt_script_memory(tamperer->guest->sandbox->machine);
    (void)n_args;
    (void)err;
    memset(window.host, 0xEE, window.len_bytes);
    memcpy(tamperer->text, args[0].as.str.data, args[0].as.str.len_bytes + 1);
    *result = args[0];
    return MOTE_OK;
}

static void open_tampered(struct guest *guest, struct tamperer *tamperer)
{
    const mote_host_function function = {.name = "F",
                                         .fn = tamper,
                                         .context = tamperer,
                                         .returns = MOTE_TYPE_STR,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_STR}};
    *tamperer = (struct tamperer){.guest = guest};
    guest_open(guest, GUEST_01, NULL);
    assert_fine(mote_sandbox_register(guest->sandbox, &function, &last_error));
    guest_start(guest);
    assert_fine(guest_init(guest));
}

static void test_arguments_are_the_hosts_own_copy(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR,
                                       .as.view = {(const uint8_t *)"mine", 4}};
    struct guest guest;
    struct tamperer tamperer;
    open_tampered(&guest, &tamperer);
    guest_push_call(&guest, "F", &text, 1);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_push_i32(&guest, 6);
    guest_write_error(&guest, 0, "");
    guest_done(&guest);
    mote_value result;
    assert_fine(call_i32(&guest, &result));
    assert_int_equal(result.as.i32, 6);
    assert_string_equal(tamperer.text, "mine");
    guest_close(&guest);
}

static void test_the_answer_goes_where_the_host_wants_it(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"m", 1}};
    struct guest guest;
    struct tamperer tamperer;
    open_tampered(&guest, &tamperer);
    guest_push_call(&guest, "F", &text, 1);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_fault(&guest, 0, 0, 0, 0);
    assert_error(call_i32(&guest, NULL), MOTE_E_GUEST_FAULT);
    uint64_t input = guest_place(&guest, MT_PLACE_INPUT);
    assert_in_range(guest_word(&guest, input), 64, 512);
    /* All around it is as the guest left it. */
    assert_int_equal(guest_word(&guest, input - 8), 0xEEEEEEEEEEEEEEEE);
    assert_int_equal(guest_word(&guest, input + 1024), 0xEEEEEEEEEEEEEEEE);
    assert_int_equal(guest_word(&guest, guest_place(&guest, MT_PLACE_OUTPUT)), 0xEEEEEEEEEEEEEEEE);
    guest_close(&guest);
}

static void test_the_result_is_the_hosts_own_copy(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR,
                                       .as.view = {(const uint8_t *)"keep", 4}};
    struct guest guest;
    mote_value result;
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_result(&guest, &text);
    guest_done(&guest);
    assert_fine(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_STR, &result));
    struct mt_window window = mt_script_memory(guest.sandbox->machine);
    memset(window.host, 0xEE, window.len_bytes);
    assert_string_equal(result.as.str.data, "keep");
    guest_close(&guest);
}

/* ---- While the host reads ----
 *
 * The other writer is a data race by intent: ThreadSanitizer has nothing to say on it. */

#ifndef __SANITIZE_THREAD__

struct flipper {
    volatile uint32_t *word;
    uint32_t values[2];
    _Atomic bool is_over;
};

static void *flip(void *context)
{
    struct flipper *flipper = context;
    while (!flipper->is_over) {
        *flipper->word = flipper->values[0];
        *flipper->word = flipper->values[1];
    }
    return NULL;
}

struct race {
    uint64_t offset;    /* of the word, from the start of the output buffer */
    uint32_t values[2]; /* between which it changes */
};

/* Look at the top element once; false where it was refused. */
static bool judge(const struct guest *guest, struct mt_copy *copy)
{
    const struct mt_buffers *buffers = &guest->sandbox->buffers;
    struct mt_element element;
    size_t n = 0;
    size_t len_bytes = 0;
    mote_status status = mt_buffers_list_output(buffers, &element, 1, &n, &last_error);
    if (status == MOTE_OK && n == 1)
        status = mt_buffers_copy(buffers, &element, &guest->sandbox->allocator, copy, &len_bytes,
                                 &last_error);
    assert_error(status, status == MOTE_OK ? MOTE_OK : MOTE_E_PROTOCOL);
    assert_true(copy->room_bytes <= buffers->output_bytes);
    if (status != MOTE_OK || n != 1)
        return false;
    uint32_t prefix;
    memcpy(&prefix, copy->data, sizeof(prefix));
    assert_int_equal(len_bytes, prefix + 4);
    return true;
}

/* C01: whatever is read, it is judged as it was read. */
static void run_race(const struct race *race)
{
    struct guest guest;
    pthread_t thread;
    guest_ready(&guest, GUEST_01, NULL);
    struct mt_buffers *buffers = &guest.sandbox->buffers;
    struct mt_wire_value result = {.type = MT_WIRE_I32, .as.i32 = 3};
    uint8_t message[64] __attribute__((aligned(8)));
    size_t message_bytes = mt_wire_build_result(message, sizeof(message), &result);
    const uint64_t bottom = 8;
    uint64_t sp = 8 + message_bytes + 8;
    struct mt_copy copy = {0};
    uint8_t *output = buffers->window.host + (buffers->output - buffers->window.start);
    memcpy(output, &sp, sizeof(sp));
    memcpy(output + 8, message, message_bytes);
    memcpy(output + 8 + message_bytes, &bottom, sizeof(bottom));
    struct flipper flipper = {.word = (volatile uint32_t *)(void *)(output + race->offset),
                              .values = {race->values[0], race->values[1]}};
    assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
    for (unsigned i = 0; i < 100000; i++)
        judge(&guest, &copy);
    flipper.is_over = true;
    pthread_join(thread, NULL);
    *flipper.word = race->values[0];
    assert_true(judge(&guest, &copy));
    mt_copy_fini(&copy, &guest.sandbox->allocator);
    guest_close(&guest);
}

static void test_words_that_change_while_they_are_judged(void **state)
{
    (void)state;
    static const struct race races[] = {
        {8, {4, 0x7FFFFFFF}}, /* size prefix */
        {8, {8, 0xFFFFFFFF}},
        {0, {64, 0xFFFFFFFF}}, /* stack pointer */
        {0, {64, 0}},
    };
    for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
        run_race(&races[i]);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_the_hosts_own_copy),
        cmocka_unit_test(test_the_answer_goes_where_the_host_wants_it),
        cmocka_unit_test(test_the_result_is_the_hosts_own_copy),
#ifndef __SANITIZE_THREAD__
        cmocka_unit_test(test_words_that_change_while_they_are_judged),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
