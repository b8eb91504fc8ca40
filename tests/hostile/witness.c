/* SPDX-License-Identifier: Apache-2.0 */
/* The witness, and what is asked of every attack. */
#include "tests/hostile/witness.h"

#include "host/sandbox/sandbox.h"
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest that an attack may take: the default limit, and what an emulated host needs. */
/* Only what hangs takes longer, on however busy a machine. */
#define BOUND_US 20000000u

#define MAX_OTHER_MAPPINGS (UNDER_SANITIZERS ? 400u : 8u)

static mote_image *image;
static mote_sandbox *witness;
static uint64_t noted_hash;
static uint64_t noted_us;
static size_t n_descriptors;
static size_t n_mappings;

/* QEMU's emulator names itself (CPUID, leaf 0x40000000). */
static bool is_emulated(void)
{
    uint32_t eax;
    uint32_t name[3];
    __cpuid(0x40000000, eax, name[0], name[1], name[2]);
    return memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
}

size_t rounds(size_t n)
{
    static size_t divisor;
    if (divisor == 0)
        divisor = UNDER_SANITIZERS || is_emulated() ? 5 : 1;
    return n / divisor;
}

size_t resident_kib(void)
{
    char line[128];
    char *next;
    FILE *stream = fopen("/proc/self/statm", "r");
    assert_non_null(stream);
    assert_non_null(fgets(line, sizeof(line), stream));
    fclose(stream);
    (void)strtoull(line, &next, 10);
    return strtoull(next, NULL, 10) * 4;
}

bool has_kvm(void)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    for (size_t i = 0; strcmp(report.name, "kvm") != 0; i++)
        assert_ok(mote_driver_examine(i, &report, &last_error));
    if (!report.works)
        print_message("skipped: kvm: %s\n", report.reason);
    return report.works;
}

mote_image *hostile_image(void)
{
    return image;
}

int witness_set_up(void **state)
{
    (void)state;
    if (!has_driver())
        return 0;
    n_descriptors = count_descriptors();
    n_mappings = count_mappings();
    image = open_image(HOSTILE);
    witness = new_offender(NULL);
    assert_echo(witness);
    return 0;
}

int witness_tear_down(void **state)
{
    (void)state;
    if (!has_driver())
        return 0;
    mote_sandbox_destroy(witness);
    mote_image_unref(image);
    assert_int_equal(count_descriptors(), n_descriptors);
    /* The library keeps one page from its first sandbox on, malloc what it likes, and sanitizers
     * many. */
    assert_in_range(count_mappings(), n_mappings - 8, n_mappings + MAX_OTHER_MAPPINGS);
    return 0;
}

mote_sandbox *new_offender_created(const mote_config *config)
{
    mote_sandbox *offender = NULL;
    assert_ok(mote_sandbox_create(image, for_test(config), &offender, &last_error));
    return offender;
}

mote_sandbox *new_offender(const mote_config *config)
{
    mote_sandbox *offender = new_offender_created(config);
    assert_ok(mote_sandbox_init(offender, &last_error));
    return offender;
}

mote_sandbox *new_kvm_offender(const mote_config *config)
{
    mote_config on_kvm = config != NULL ? *config : (mote_config)MOTE_CONFIG_INIT;
    on_kvm.driver = "kvm";
    return new_offender(&on_kvm);
}

void assert_echo(mote_sandbox *sandbox)
{
    const mote_value text = mote_str("witness");
    mote_value result;
    assert_ok(mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_STR, &result, &last_error));
    assert_string_equal(result.as.str.data, "witness");
}

/* FNV-1a over all memory that the witness can write. */
static uint64_t hash_of_witness(void)
{
    const struct mt_window *window = &witness->buffers.window;
    uint64_t hash = 0xCBF29CE484222325;
    for (uint64_t i = 0; i < window->len_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, window->host + i, sizeof(word));
        hash = (hash ^ word) * 0x100000001B3;
    }
    return hash;
}

mote_status provoke(mote_sandbox *offender, const char *function, const mote_value *args,
                    size_t n_args)
{
    noted_hash = hash_of_witness();
    memset(&last_error, 0, sizeof(last_error));
    noted_us = now_us();
    return mote_call(offender, function, args, n_args, MOTE_TYPE_ANY, NULL, &last_error);
}

/* Host addresses differ from guest addresses in their upper digits. */
static bool names_the_host(const char *text, const mote_sandbox *sandbox)
{
    const uint64_t secrets[] = {(uint64_t)(uintptr_t)sandbox->buffers.window.host,
                                (uint64_t)(uintptr_t)sandbox, (uint64_t)(uintptr_t)text,
                                (uint64_t)(uintptr_t)&names_the_host};
    for (size_t i = 0; i < COUNT(secrets); i++) {
        char digits[20];
        snprintf(digits, sizeof(digits), "%llx", (unsigned long long)(secrets[i] >> 20));
        if (strlen(digits) > 4 && strstr(text, digits) != NULL)
            return true;
    }
    return false;
}

static void assert_text_is_fit(const mote_sandbox *sandbox)
{
    const char *text = last_error.text;
    size_t len = strnlen(text, sizeof(last_error.text));
    assert_true(len > 0 && len < sizeof(last_error.text));
    for (size_t i = 0; i < len; i++)
        assert_true((unsigned char)text[i] >= 0x20 && text[i] != 0x7F);
    assert_false(names_the_host(text, sandbox));
}

static mote_sandbox_state state_of(mote_status status)
{
    if (status == MOTE_OK || status == MOTE_E_GUEST_ERROR)
        return MOTE_SANDBOX_READY;
    bool is_lost = status == MOTE_E_GUEST_DIED || status == MOTE_E_SYSTEM;
    return is_lost ? MOTE_SANDBOX_DEAD : MOTE_SANDBOX_POISONED;
}

void assert_others_unharmed(mote_sandbox *offender)
{
    assert_true(hash_of_witness() == noted_hash);
    assert_echo(witness);
    assert_int_equal(mote_sandbox_destroy(offender), MOTE_OK);
}

void assert_contained(mote_sandbox *offender, mote_status status)
{
    mote_sandbox_state wanted = state_of(status);
    assert_true(now_us() - noted_us < BOUND_US);
    if (status != MOTE_OK)
        assert_text_is_fit(offender);
    assert_int_equal(mote_sandbox_state_get(offender), wanted);
    if (wanted == MOTE_SANDBOX_READY)
        assert_echo(offender);
    else
        assert_status(call_void(offender, "Halt"), MOTE_E_POISONED);
    assert_others_unharmed(offender);
}
