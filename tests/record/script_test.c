/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests of Hyperlight 0.1 that need no hypervisor (README.md:
 * sandbox/config.rs, mem/mgr.rs, sandbox/uninitialized.rs), on the script driver.
 */
#include "tests/script/fixture.h"

#include "host/base/limits.h"
#include <stdlib.h>
#include <string.h>

/* ---- sandbox/config.rs ---- */

/* The settings that have a default and a minimum; places are offsets, in what the caller fills and
 * in what comes of it. */
struct setting {
    size_t from;
    size_t to;
    bool is_duration;
    uint64_t fallback;
    uint64_t minimum;
};

#define SIZE(from, to, fallback, minimum) \
    { \
        offsetof(mote_config, from), offsetof(struct mt_settings, sizes.to), false, fallback, \
            minimum \
    }
#define DURATION(name, fallback) \
    { \
        offsetof(mote_config, name), offsetof(struct mt_settings, name), true, fallback, 1 \
    }

static const struct setting settings[] = {
    SIZE(input_bytes, input, 0x4000, 0x2000),
    SIZE(output_bytes, output, 0x4000, 0x2000),
    SIZE(host_definitions_bytes, host_definitions, 0x1000, 0x1000),
    SIZE(host_exception_bytes, host_exception, 0x4000, 0x4000),
    SIZE(guest_error_bytes, guest_error, 0x100, 0x80),
    SIZE(guest_panic_bytes, guest_panic, 0x400, 0x400),
    SIZE(kernel_stack_bytes, kernel_stack, 0x1000, 0x1000),
    SIZE(stack_bytes, stack, 0x10000, 0x1000),
    SIZE(heap_bytes, heap, 0x20000, 0x1000),
    DURATION(time_limit_us, 1000 * 1000),
    DURATION(init_limit_us, 2000 * 1000),
    DURATION(cancel_wait_us, 100 * 1000),
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static void put(mote_config *config, const struct setting *setting, uint64_t value)
{
    if (setting->is_duration)
        memcpy((char *)config + setting->from, &value, sizeof(value));
    else
        *(size_t *)(void *)((char *)config + setting->from) = (size_t)value;
}

static uint64_t get(const struct mt_settings *made, const struct setting *setting)
{
    uint64_t value;
    memcpy(&value, (const char *)made + setting->to, sizeof(value));
    return value;
}

/* What comes of one value, everything else being left alone. */
static uint64_t made_of(const struct setting *setting, uint64_t value)
{
    static const mote_image_facts facts = {.stack_bytes = 0x10000, .heap_bytes = 0x20000};
    mote_config config = MOTE_CONFIG_INIT;
    struct mt_settings made;
    put(&config, setting, value);
    assert_fine(mt_settings_init(&made, &config, &facts, &last_error));
    return get(&made, setting);
}

static void test_defaults_are_the_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SETTINGS; i++)
        assert_int_equal(made_of(&settings[i], 0), settings[i].fallback);
}

static void test_overrides(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SETTINGS; i++)
        assert_int_equal(made_of(&settings[i], 0x8000), 0x8000);
}

static void test_min_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        uint64_t minimum = settings[i].minimum;
        assert_int_equal(made_of(&settings[i], 1), minimum);
        if (minimum > 1)
            assert_int_equal(made_of(&settings[i], minimum - 1), minimum);
        assert_int_equal(made_of(&settings[i], minimum), minimum);
        assert_int_equal(made_of(&settings[i], minimum + 1), minimum + 1);
    }
}

/* The original's property tests, one for each setter. */
static void test_any_value_is_kept_or_raised(void **state)
{
    (void)state;
    srandom(1);
    for (int n = 0; n < 1000; n++)
        for (size_t i = 0; i < N_SETTINGS; i++) {
            uint64_t value = 1 + (uint64_t)random() % MT_MAX_ERROR_BUFFER_BYTES;
            uint64_t wanted = value > settings[i].minimum ? value : settings[i].minimum;
            assert_int_equal(made_of(&settings[i], value), wanted);
        }
}

/* The original counted milliseconds in 16 and in 8 bits. */
static void test_durations_have_no_small_ceiling_and_no_coarse_step(void **state)
{
    (void)state;
    static const uint64_t values[] = {1, 500, 255001, 65535001, 24ull * 3600 * 1000000};
    for (size_t i = 0; i < N_SETTINGS; i++)
        for (size_t k = 0; settings[i].is_duration && k < sizeof(values) / sizeof(values[0]); k++)
            assert_int_equal(made_of(&settings[i], values[k]), values[k]);
}

/* ---- mem/mgr.rs, sandbox/uninitialized.rs ---- */

static uint64_t len_of(const struct guest *guest, enum mt_place place)
{
    return guest->sandbox->template->layout.len_bytes[place];
}

/* load_guest_binary_common: what is set lands in the layout, whose sum is the memory's size. */
static void test_sizes_land_in_the_layout(void **state)
{
    (void)state;
    struct guest guest;
    mote_config config = MOTE_CONFIG_INIT;
    uint64_t sum = 0;
    config.stack_bytes = 0x5000;
    config.heap_bytes = 0x6000;
    config.input_bytes = 0x7000;
    guest_open(&guest, GUEST_01, &config);
    assert_int_equal(len_of(&guest, MT_PLACE_STACK), 0x5000);
    assert_int_equal(len_of(&guest, MT_PLACE_HEAP), 0x6000);
    assert_int_equal(len_of(&guest, MT_PLACE_INPUT), 0x7000);
    for (size_t i = 0; i < MT_N_PLACES; i++)
        sum += len_of(&guest, (enum mt_place)i);
    assert_int_equal(guest.sandbox->template->layout.end, MT_BASE_ADDRESS + sum);
    guest_close(&guest);
}

/* Layout, relocated image and page tables are made once for all sandboxes of a configuration. */
static void test_sandboxes_of_one_configuration_share_one_template(void **state)
{
    (void)state;
    struct guest guest;
    mote_sandbox *same = NULL, *other = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "script";
    guest_open(&guest, GUEST_01, NULL);
    assert_fine(mote_sandbox_create(guest.image, &config, &same, &last_error));
    config.heap_bytes = 0x6000;
    assert_fine(mote_sandbox_create(guest.image, &config, &other, &last_error));
    assert_ptr_equal(same->template, guest.sandbox->template);
    assert_ptr_not_equal(other->template, guest.sandbox->template);
    mote_sandbox_destroy(other);
    mote_sandbox_destroy(same);
    guest_close(&guest);
}

static void test_new_sandbox_of_a_good_and_of_a_bad_guest(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    assert_state(&guest, MOTE_SANDBOX_READY);
    guest_close(&guest);
    mote_image *image = NULL;
    mote_status status =
        mote_image_from_bytes(guest_file(), sizeof(*guest_file()) / 2, NULL, &image, &last_error);
    assert_int_equal(mote_status_class(status), MOTE_CLASS_LOAD);
    assert_null(image);
}

/* max_memory_sandbox: 1 GiB of input leaves no room for the rest. */
static void test_max_memory_sandbox(void **state)
{
    (void)state;
    struct guest guest;
    mote_config config = MOTE_CONFIG_INIT;
    config.input_bytes = 0x40000000;
    assert_error(guest_try_open(&guest, GUEST_01, &config), MOTE_E_IMAGE_TOO_LARGE);
    assert_null(guest.sandbox);
    mote_image_unref(guest.image);
}

/* ---- func/guest_err.rs ---- */

/* The original took this one for a success where its other buffer was empty. */
static void test_no_code_but_zero_is_a_success(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    for (uint64_t code = 0; code <= 17; code++) {
        guest_write_error(&guest, code, "told");
        guest_push_i32(&guest, 5);
        guest_done(&guest);
        mote_status status = guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL);
        assert_int_equal(status, code == 0 ? MOTE_OK : MOTE_E_GUEST_ERROR);
        if (code != 0)
            assert_int_equal(last_error.guest_code, code);
    }
    guest_close(&guest);
}

/* The original swapped the numbers of two of its texts. */
static void test_a_text_has_its_numbers_in_order(void **state)
{
    (void)state;
    struct guest guest;
    mote_config config = MOTE_CONFIG_INIT;
    config.guest_panic_bytes = 0x100001;
    assert_error(guest_try_open(&guest, GUEST_01, &config), MOTE_E_TOO_LARGE);
    assert_string_equal(last_error.text, "guest_panic_bytes 1048577 is over the cap of 1048576");
    mote_image_unref(guest.image);
}

/* Code 9 comes from guests that check their own stack: the name is the host's, the word the
 * guest's. */
static void test_abort_9_is_named_stack_overflow(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    guest_out(&guest, MT_PORT_ABORT, 9);
    assert_error(guest_call(&guest, "F", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_GUEST_ABORT);
    assert_int_equal(last_error.guest_code, 9);
    assert_string_equal(mote_guest_code_name(last_error.guest_code), "StackOverflow");
    assert_non_null(strstr(last_error.text, "StackOverflow"));
    assert_int_equal(mote_status_class(MOTE_E_GUEST_ABORT), mote_status_class(MOTE_E_GUEST_FAULT));
    guest_close(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_the_records),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_min_sizes),
        cmocka_unit_test(test_any_value_is_kept_or_raised),
        cmocka_unit_test(test_durations_have_no_small_ceiling_and_no_coarse_step),
        cmocka_unit_test(test_sizes_land_in_the_layout),
        cmocka_unit_test(test_sandboxes_of_one_configuration_share_one_template),
        cmocka_unit_test(test_new_sandbox_of_a_good_and_of_a_bad_guest),
        cmocka_unit_test(test_max_memory_sandbox),
        cmocka_unit_test(test_no_code_but_zero_is_a_success),
        cmocka_unit_test(test_a_text_has_its_numbers_in_order),
        cmocka_unit_test(test_abort_9_is_named_stack_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
