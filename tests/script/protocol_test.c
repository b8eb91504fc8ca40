/* SPDX-License-Identifier: Apache-2.0 */
/* What the ABI does not have: ports, stack pointers, back pointers, size prefixes. */
#include "tests/script/fixture.h"

#include <string.h>

static mote_status call_i32(struct guest *guest)
{
    return guest_call(guest, "F", NULL, 0, MOTE_TYPE_I32, NULL);
}

static void test_accesses_that_the_abi_does_not_have(void **state)
{
    (void)state;
    static const struct mt_exit wrong[] = {
        {.port = {.number = MT_PORT_DONE, .size_bytes = 1, .count = 1, .is_in = true}},
        {.port = {.number = MT_PORT_DONE, .size_bytes = 2, .count = 1}},
        {.port = {.number = MT_PORT_DONE, .size_bytes = 4, .count = 1}},
        {.port = {.number = MT_PORT_DONE, .size_bytes = 0, .count = 1}},
        {.port = {.number = MT_PORT_DONE, .size_bytes = 1, .count = 0}},
        {.port = {.number = MT_PORT_DONE, .size_bytes = 1, .count = 2}},
        {.port = {.number = MT_PORT_DONE, .size_bytes = 1, .count = UINT32_MAX}},
        {.port = {.number = 0, .size_bytes = 1, .count = 1}},
        {.port = {.number = 98, .size_bytes = 1, .count = 1}},
        {.port = {.number = 100, .size_bytes = 1, .count = 1}},
        {.port = {.number = 103, .size_bytes = 1, .count = 1}},
        {.port = {.number = 106, .size_bytes = 1, .count = 1}},
        {.port = {.number = UINT16_MAX, .size_bytes = 1, .count = 1}},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_MOTE, NULL);
        guest_exit(&guest, &wrong[i]);
        assert_error(guest_echo(&guest), MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_buffer, "port");
        assert_int_equal(last_error.protocol_value, wrong[i].port.number);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_an_exit_of_no_kind_is_the_drivers_bug(void **state)
{
    (void)state;
    const struct mt_exit unknown = {.kind = (enum mt_exit_kind)77};
    struct guest guest;
    guest_ready(&guest, GUEST_MOTE, NULL);
    guest_exit(&guest, &unknown);
    assert_error(guest_echo(&guest), MOTE_E_BUG);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

/* The message of each is read by another function, and each refuses the same pointers. */
static const uint16_t ports[] = {MT_PORT_LOG, MT_PORT_CALL, MT_PORT_DONE};

/* B01: stack pointers. */
static void test_stack_pointers_outside_the_buffer(void **state)
{
    (void)state;
    static const uint64_t bad[] = {0,      7,      9,        16,         19,        0x4001,
                                   0x4008, 0x5000, 1u << 31, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t port = 0; port < 3; port++) {
            struct guest guest;
            guest_ready(&guest, GUEST_01, NULL);
            guest_write_word(&guest, guest_place(&guest, MT_PLACE_OUTPUT), bad[i]);
            guest_out(&guest, ports[port], port == 2);
            assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
            assert_string_equal(last_error.protocol_buffer, "output");
            assert_string_equal(last_error.protocol_field, "stack pointer");
            assert_int_equal(last_error.protocol_value, bad[i]);
            assert_state(&guest, MOTE_SANDBOX_POISONED);
            guest_close(&guest);
        }
    }
}

/* B02: back pointers. */
static void test_back_pointers_outside_their_element(void **state)
{
    (void)state;
    static const uint64_t bad[] = {0,         7, 53, 55, 56, 64, 65, 1ull << 63, UINT64_MAX - 3,
                                   UINT64_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_01, NULL);
        uint64_t output = guest_place(&guest, MT_PLACE_OUTPUT);
        guest_write_word(&guest, output, 64);
        guest_write_word(&guest, output + 56, bad[i]);
        guest_done(&guest);
        assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_field, "back pointer");
        assert_int_equal(last_error.protocol_value, bad[i]);
        guest_close(&guest);
    }
}

/* B03, B04: a size prefix against its element of 48 bytes. */
static void test_size_prefixes_past_their_element(void **state)
{
    (void)state;
    static const uint32_t bad[] = {45,         46,         52,         0x3FF0,
                                   0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_01, NULL);
        uint64_t output = guest_place(&guest, MT_PLACE_OUTPUT);
        guest_write_word(&guest, output, 64);
        guest_write(&guest, output + 8, &bad[i], sizeof(bad[i]));
        guest_write_word(&guest, output + 56, 8);
        guest_done(&guest);
        assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_field, "size prefix");
        assert_int_equal(last_error.protocol_value, bad[i]);
        /* Nothing was allocated for it. */
        assert_true(guest.sandbox->result_copy.room_bytes <= 0x4000);
        guest_close(&guest);
    }
}

/* B05: a prefix shorter than what was built. */
static void test_short_size_prefixes(void **state)
{
    (void)state;
    for (uint32_t prefix = 0; prefix < 24; prefix++) {
        struct guest guest;
        guest_ready(&guest, GUEST_01, NULL);
        guest_push_i32(&guest, 1);
        memcpy(guest.output + 8, &prefix, sizeof(prefix));
        guest_done(&guest);
        assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
        guest_close(&guest);
    }
}

static void test_a_malformed_result_is_not_looked_at(void **state)
{
    (void)state;
    const uint32_t message[] = {12, 0, 0, 0}; /* no root */
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    guest_push(&guest, message, sizeof(message));
    guest_done(&guest);
    assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
    assert_string_equal(last_error.protocol_field, "root");
    guest_close(&guest);
}

/* Elements that end in each other: each back pointer is judged by itself. */
static void test_elements_that_overlap(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_i32(&guest, 1);
    guest_push_i32(&guest, 2);
    const uint64_t bottom = 8;
    memcpy(guest.output + guest.sp - 8, &bottom, sizeof(bottom));
    guest_done(&guest);
    /* One element, which starts where the first message lies. */
    mote_value result;
    assert_fine(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, &result));
    assert_int_equal(result.as.i32, 1);
    guest_close(&guest);
}

/* Elements on each other without an end: as many as were asked for are looked at. */
static void test_a_ladder_of_tiny_elements_is_not_climbed(void **state)
{
    (void)state;
    static uint64_t output[0x4000 / 8];
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    output[0] = 0x4000;
    for (size_t i = 1; i < 0x4000 / 8; i++)
        output[i] = i % 2 == 0 ? (i - 1) * 8 : 0;
    guest_write(&guest, guest_place(&guest, MT_PLACE_OUTPUT), output, sizeof(output));
    guest_done(&guest);
    assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
    guest_close(&guest);
}

/* B19: the guest tampers with its own input buffer before the host answers it. */
static void test_the_input_buffers_stack_pointer_is_not_the_hosts(void **state)
{
    (void)state;
    static const uint64_t lies[] = {0, 7, 0x3FF8, 0x4000, 1ull << 63, UINT64_MAX};
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"", 0}};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct guest guest;
        guest_ready(&guest, GUEST_01, NULL);
        uint64_t input = guest_place(&guest, MT_PLACE_INPUT);
        for (uint64_t at = 0; at < 128; at += 8)
            guest_write_word(&guest, input + at, lies[i]);
        guest_push_call(&guest, "HostPrint", &text, 1);
        guest_out(&guest, MT_PORT_CALL, 0);
        guest_push_i32(&guest, 1);
        guest_done(&guest);
        assert_fine(call_i32(&guest));
        assert_in_range(guest_word(&guest, input), 16, 512);
        guest_close(&guest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accesses_that_the_abi_does_not_have),
        cmocka_unit_test(test_an_exit_of_no_kind_is_the_drivers_bug),
        cmocka_unit_test(test_stack_pointers_outside_the_buffer),
        cmocka_unit_test(test_back_pointers_outside_their_element),
        cmocka_unit_test(test_size_prefixes_past_their_element),
        cmocka_unit_test(test_short_size_prefixes),
        cmocka_unit_test(test_a_malformed_result_is_not_looked_at),
        cmocka_unit_test(test_elements_that_overlap),
        cmocka_unit_test(test_a_ladder_of_tiny_elements_is_not_climbed),
        cmocka_unit_test(test_the_input_buffers_stack_pointer_is_not_the_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
