/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a call for the next one, and of the host for the guest: nothing, wherever a guest
 * can look. */
#include "tests/hostile/contents.h"

#include "host/hostfn/filter.h"
#include "host/sandbox/sandbox.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRETS MOTE_BUILD_DIR "/tests/guests/secrets.elf"
#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A guest that shows its registers ---- */

enum { RAX, RDX = 3, RSP = 7, N_GENERAL = 16 };

/* As guests/secrets.c has it. */
struct state {
    uint64_t general[N_GENERAL];
    uint64_t flags;
    uint64_t fs;
    uint64_t gs;
    uint64_t unused[45];
    uint8_t vectors[4096];
};

#define OLD_MARK 0x3A
#define NEW_MARK 0xC5
#define FLAGS 0xCD7u /* what the guest sets; the rest is the CPU's */
#define XMM_OFFSET 160u
#define XSAVE_SOFTWARE_OFFSET 464u
#define XSAVE_HEADER_END 576u

static mote_status leave(mote_sandbox *sandbox, uint8_t mark)
{
    const mote_value arg = mote_u32(mark);
    return mote_call(sandbox, "Leave", &arg, 1, MOTE_TYPE_VOID, NULL, &last_error);
}

static mote_status leave_old_marks(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    (void)err;
    return leave(sandbox, OLD_MARK);
}

/* A sandbox whose snapshot has old marks in all registers. */
static mote_sandbox *open_marked(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    limit_spinning(&config);
    mote_sandbox *sandbox = create_sandbox(SECRETS, &config);
    assert_ok(mote_sandbox_evolve(sandbox, leave_old_marks, NULL, &last_error));
    return sandbox;
}

typedef mote_status (*call_fn)(mote_sandbox *sandbox, const char *function, const mote_value *args,
                               size_t n_args, mote_type returns, mote_value *result,
                               mote_error *err);

static struct state found_by(call_fn call, mote_sandbox *sandbox)
{
    struct state state;
    mote_value result;
    assert_ok(call(sandbox, "Found", NULL, 0, MOTE_TYPE_BYTES, &result, &last_error));
    assert_int_equal(result.as.bytes.len_bytes, sizeof(state));
    memcpy(&state, result.as.bytes.data, sizeof(state));
    /* Which components are in use, and what software keeps in the area, is not the guest's. */
    memset(state.vectors + XSAVE_SOFTWARE_OFFSET, 0, XSAVE_HEADER_END - XSAVE_SOFTWARE_OFFSET);
    return state;
}

static uint64_t mark_of(unsigned i, uint8_t mark)
{
    return mark * 0x0101010101010101ull + i * 0x1010101010101010ull;
}

/* Whether all registers have what a guest marked them with; RAX and RDX have the exit, too. */
static bool is_marked(const struct state *state, uint8_t mark)
{
    for (unsigned i = 0; i < N_GENERAL; i++) {
        uint64_t exit_bits = i == RAX ? 0xFF : i == RDX ? 0xFFFF : 0;
        if (i != RSP && (state->general[i] | exit_bits) != (mark_of(i, mark) | exit_bits)) {
            print_message("register %u is 0x%" PRIx64 "\n", i, state->general[i]);
            return false;
        }
    }
    return state->vectors[XMM_OFFSET] == mark && (state->flags & FLAGS) == FLAGS &&
           (state->fs & 0xFF) == mark && state->gs == state->fs + 1;
}

static void assert_same(const struct state *wanted, const struct state *state, const char *after)
{
    for (unsigned i = 0; i < N_GENERAL; i++)
        assert_int_equal(state->general[i], wanted->general[i]);
    assert_int_equal(state->flags, wanted->flags);
    assert_int_equal(state->fs, wanted->fs);
    assert_int_equal(state->gs, wanted->gs);
    for (size_t i = 0; i < sizeof(state->vectors); i++)
        if (state->vectors[i] != wanted->vectors[i])
            fail_msg("after %s: byte %zu of the vector state is 0x%02x, not 0x%02x", after, i,
                     state->vectors[i], wanted->vectors[i]);
}

/* General registers, flags, FS and GS base, x87, MXCSR, and all of the vector registers. */
static void test_registers_are_the_snapshots_after_every_kind_of_end(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const struct {
        const char *way;
        mote_status status;
    } ends[] = {
        {"fault", MOTE_E_GUEST_FAULT}, {"spin", MOTE_E_TIME_LIMIT}, {"abort", MOTE_E_GUEST_ABORT}};
    mote_sandbox *sandbox = open_marked();
    const struct state wanted = found_by(mote_call_reset, sandbox);
    assert_true(is_marked(&wanted, OLD_MARK));
    const mote_value mark = mote_u32(NEW_MARK);
    assert_ok(mote_call_reset(sandbox, "Leave", &mark, 1, MOTE_TYPE_VOID, NULL, &last_error));
    struct state found = found_by(mote_call_reset, sandbox);
    assert_same(&wanted, &found, "a call that returned");
    for (size_t i = 0; i < COUNT(ends); i++) {
        const mote_value args[] = {mark, mote_str(ends[i].way)};
        assert_status(
            mote_call_reset(sandbox, "LeaveBy", args, 2, MOTE_TYPE_VOID, NULL, &last_error),
            ends[i].status);
        found = found_by(mote_call_reset, sandbox);
        assert_same(&wanted, &found, ends[i].way);
    }
    /* The guest does see them where nothing is restored. */
    assert_ok(leave(sandbox, NEW_MARK));
    found = found_by(mote_call, sandbox);
    assert_true(is_marked(&found, NEW_MARK));
    mote_sandbox_destroy(sandbox);
}

/* The registers of one sandbox's snapshot reach another one whole. */
static void test_registers_reach_another_sandbox_whole(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(SECRETS);
    mote_sandbox *first;
    mote_sandbox *second;
    mote_snapshot *snapshot;
    assert_ok(mote_sandbox_create(image, for_test(NULL), &first, &last_error));
    assert_ok(mote_sandbox_create(image, for_test(NULL), &second, &last_error));
    mote_image_unref(image);
    assert_ok(mote_sandbox_init(first, &last_error));
    assert_ok(mote_sandbox_init(second, &last_error));
    assert_ok(leave(first, OLD_MARK));
    assert_ok(leave(second, NEW_MARK));
    assert_ok(mote_snapshot_take(first, &snapshot, &last_error));
    assert_ok(mote_sandbox_restore(second, snapshot, &last_error));
    const struct state here = found_by(mote_call, first);
    const struct state there = found_by(mote_call, second);
    assert_true(is_marked(&here, OLD_MARK));
    assert_same(&here, &there, "a restore into another sandbox");
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(first);
    mote_sandbox_destroy(second);
}

/* ---- Memory, as the host sees it ---- */

#define MASK 0x1234567812345678ull /* as guests/keeper.c has it */
#define CANARY 0x00005AC35A3C1BADull

/* Every page that the guest has of its own: data, buffers, heap, stack. */
static void test_all_memory_is_the_snapshots_after_a_restore(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char *const failing[] = {"Crash", "Abort", "ReadPort", "StringOut", "Fail"};
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = 8 << 20;
    config.time_limit_us = 10000000;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    const mote_value canary = mote_u64(CANARY ^ MASK);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    uint8_t *wanted = contents_copy(sandbox);
    assert_ok(mote_call(sandbox, "Fill", &canary, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_true(contents_are(sandbox, wanted));
    for (size_t i = 0; i < COUNT(failing); i++) {
        assert_ok(mote_call(sandbox, "Fill", &canary, 1, MOTE_TYPE_VOID, NULL, &last_error));
        assert_true(mote_call_reset(sandbox, failing[i], NULL, 0, MOTE_TYPE_ANY, NULL,
                                    &last_error) != MOTE_OK);
        assert_true(contents_are(sandbox, wanted));
    }
    free(wanted);
    mote_sandbox_destroy(sandbox);
}

/* ---- Memory that is a driver's, in a guest's reach ---- */

/* Where the process driver's stub and its host leave things for each other (abi/memory_map.h); with
 * hardware nothing is there. */
#define RESUMED_FROM 0x181000ull
#define RESUMED_FROM_END 0x18a000ull
#define LEFT_AT 0x18f000ull
#define LEFT_END 0x1b0000ull
#define TURNS 200000000ull /* some ticks of the driver's clock */

static uint64_t count_words(call_fn call, mote_sandbox *sandbox, uint64_t start, uint64_t end)
{
    const mote_value args[] = {mote_u64(start), mote_u64(end), mote_u64(~CANARY)};
    mote_value n;
    assert_ok(call(sandbox, "CountWords", args, 3, MOTE_TYPE_U64, &n, &last_error));
    return n.as.u64;
}

static void compute(call_fn call, mote_sandbox *sandbox)
{
    const mote_value args[] = {mote_u64(~CANARY), mote_u64(TURNS)};
    assert_ok(call(sandbox, "Compute", args, 2, MOTE_TYPE_VOID, NULL, &last_error));
}

static mote_status write_word(mote_sandbox *sandbox, uint64_t at)
{
    const mote_value args[] = {mote_u64(at), mote_u64(~CANARY)};
    return mote_call_reset(sandbox, "WriteWord", args, 2, MOTE_TYPE_VOID, NULL, &last_error);
}

static void test_a_drivers_own_memory_has_nothing_of_an_earlier_call(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 20000000;
    mote_sandbox *sandbox = create_sandbox(SECRETS, &config);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    if (strcmp(mote_sandbox_driver(sandbox), "process") != 0) {
        assert_status(write_word(sandbox, LEFT_AT), MOTE_E_GUEST_FAULT);
        mote_sandbox_destroy(sandbox);
        return;
    }
    for (uint64_t at = LEFT_AT + 0xf8; at < LEFT_END; at += 0x7f8) {
        assert_ok(write_word(sandbox, at));
        assert_int_equal(count_words(mote_call_reset, sandbox, LEFT_AT, LEFT_END), 0);
    }
    compute(mote_call_reset, sandbox);
    assert_int_equal(count_words(mote_call_reset, sandbox, LEFT_AT, LEFT_END), 0);
    assert_int_equal(count_words(mote_call_reset, sandbox, RESUMED_FROM, RESUMED_FROM_END), 0);
    /* The guest does see them where nothing is restored. */
    compute(mote_call, sandbox);
    assert_true(count_words(mote_call, sandbox, LEFT_AT, LEFT_END) > 0);
    mote_sandbox_destroy(sandbox);
}

/* What is too large is noticed after the arguments before it have been written. */
static void test_a_call_that_did_not_fit_leaves_no_argument_behind(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint8_t large[64 << 10];
    const char secret[] = "the first tenant's password";
    const mote_value args[] = {mote_bytes(secret, sizeof(secret)), mote_bytes(large, 10)};
    const mote_value too_large[] = {args[0], mote_bytes(large, sizeof(large))};
    mote_sandbox *sandbox = open_marked();
    assert_status(mote_call(sandbox, "Take", too_large, 2, MOTE_TYPE_VOID, NULL, &last_error),
                  MOTE_E_INPUT_FULL);
    assert_true(contents_count(sandbox, secret, sizeof(secret)) > 0);
    assert_status(mote_call_reset(sandbox, "Take", too_large, 2, MOTE_TYPE_VOID, NULL, &last_error),
                  MOTE_E_INPUT_FULL);
    assert_int_equal(contents_count(sandbox, secret, sizeof(secret)), 0);
    assert_ok(mote_call_reset(sandbox, "Take", args, 2, MOTE_TYPE_VOID, NULL, &last_error));
    assert_int_equal(contents_count(sandbox, secret, sizeof(secret)), 0);
    mote_sandbox_destroy(sandbox);
}

/* ---- Host addresses ---- */

struct range {
    uint64_t start;
    uint64_t end;
};

/* A sanitizer's shadow and its heaps are so large that any number may be an address in them: there
 * only what has a name counts, which programs and the stack have. */
#define LARGEST_RANGE (1ull << 30)
#ifdef MT_HAS_SANITIZER
#define MARKS_OF_NAMES "/["
#else
#define MARKS_OF_NAMES " "
#endif
#define MAX_RANGES 4096u

static size_t list_host_ranges(struct range *ranges)
{
    char line[512];
    size_t n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL && n < MAX_RANGES) {
        char *next;
        struct range *range = &ranges[n];
        range->start = strtoull(line, &next, 16);
        range->end = *next == '-' ? strtoull(next + 1, NULL, 16) : range->start;
        if (range->end - range->start < LARGEST_RANGE && strpbrk(line, MARKS_OF_NAMES) != NULL)
            n++;
    }
    fclose(maps);
    assert_in_range(n, 1, MAX_RANGES - 1);
    return n;
}

static bool is_host_address(const struct range *ranges, size_t n, uint64_t word)
{
    for (size_t i = 0; i < n; i++)
        if (word >= ranges[i].start && word < ranges[i].end)
            return true;
    return false;
}

static size_t count_host_addresses(const mote_sandbox *sandbox)
{
    static struct range ranges[MAX_RANGES];
    const struct mt_window *window = &sandbox->buffers.window;
    size_t n = list_host_ranges(ranges);
    size_t n_found = 0;
    /* Words at any offset: a structure may be packed. Two bytes by themselves are no address, even
     * where some mapping begins at so round a number. */
    for (uint64_t i = 0; i + 8 <= window->len_bytes; i++) {
        uint64_t word;
        memcpy(&word, window->host + i, sizeof(word));
        if (word >= 0x10000000000ull && word < 1ull << 47 && (uint32_t)word != 0)
            n_found += is_host_address(ranges, n, word);
    }
    return n_found;
}

static void test_no_host_address_is_in_guest_memory(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_hello_with_host(NULL);
    const mote_value text = mote_str("some text\n");
    assert_ok(mote_call(sandbox, "HostEchoStr", &text, 1, MOTE_TYPE_STR, NULL, &last_error));
    assert_ok(mote_call(sandbox, "Print", &text, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    assert_int_equal(count_host_addresses(sandbox), 0);
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_int_equal(count_host_addresses(sandbox), 0);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_int_equal(count_host_addresses(sandbox), 0);
    /* One that is put there is found. */
    const uint64_t ours = (uint64_t)(uintptr_t)count_host_addresses;
    memcpy(sandbox->buffers.window.host + sandbox->buffers.window.len_bytes - 4091, &ours, 8);
    assert_int_equal(count_host_addresses(sandbox), 1);
    mote_sandbox_destroy(sandbox);
}

/* ---- Texts and numbers ---- */

/* The panic buffer and the error record have room for the tail of a longer text. */
static void test_the_text_of_an_abort_is_of_that_abort(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value long_text = mote_str("the first tenant's password, in an abort");
    const mote_value text = mote_str("x");
    mote_sandbox *sandbox = open_marked();
    assert_status(
        mote_call_reset(sandbox, "Abort", &long_text, 1, MOTE_TYPE_VOID, NULL, &last_error),
        MOTE_E_GUEST_ABORT);
    assert_string_equal(last_error.message, long_text.as.str.data);
    assert_status(mote_call_reset(sandbox, "Abort", &text, 1, MOTE_TYPE_VOID, NULL, &last_error),
                  MOTE_E_GUEST_ABORT);
    assert_string_equal(last_error.message, "x");
    assert_null(memmem(&last_error, sizeof(last_error), "password", 8));
    mote_sandbox_destroy(sandbox);
}

/* Errors of one sandbox, in a record that another one's error was in. */
static void test_an_error_has_nothing_of_another_sandbox(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value text = mote_str("the first tenant's password");
    mote_sandbox *first = open_sandbox(SECRETS, NULL);
    mote_sandbox *second = open_sandbox(HELLO, NULL);
    assert_status(mote_call(first, "Abort", &text, 1, MOTE_TYPE_VOID, NULL, &last_error),
                  MOTE_E_GUEST_ABORT);
    assert_non_null(memmem(&last_error, sizeof(last_error), "password", 8));
    assert_status(call_void(second, "Crash"), MOTE_E_GUEST_FAULT);
    assert_null(memmem(&last_error, sizeof(last_error), "password", 8));
    memset(&last_error, 0xA5, sizeof(last_error));
    assert_status(call_void(second, "Crash"), MOTE_E_POISONED);
    for (size_t i = 0; i < sizeof(last_error); i++)
        assert_int_not_equal(((const uint8_t *)&last_error)[i], 0xA5);
    mote_sandbox_destroy(first);
    mote_sandbox_destroy(second);
}

static int32_t random_of(mote_sandbox *sandbox)
{
    mote_value result;
    assert_ok(mote_call(sandbox, "Random", NULL, 0, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

/* Each sandbox is given seeds of its own; what a snapshot holds of them comes back with it. */
static void test_seeds_differ_and_come_back_with_a_snapshot(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(SECRETS);
    mote_sandbox *sandboxes[4];
    int32_t numbers[4];
    for (size_t i = 0; i < 4; i++) {
        assert_ok(mote_sandbox_create(image, for_test(NULL), &sandboxes[i], &last_error));
        assert_ok(mote_sandbox_evolve(sandboxes[i], NULL, NULL, &last_error));
        numbers[i] = random_of(sandboxes[i]);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(numbers[i], numbers[k]);
    }
    mote_image_unref(image);
    for (size_t i = 0; i < 4; i++) {
        assert_int_not_equal(random_of(sandboxes[i]), numbers[i]);
        assert_ok(mote_sandbox_restore(sandboxes[i], NULL, &last_error));
        assert_int_equal(random_of(sandboxes[i]), numbers[i]);
        mote_sandbox_destroy(sandboxes[i]);
    }
}

/* Memory that one sandbox gave back is none of the next one's. */
static void test_memory_that_was_given_back_comes_zeroed(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value canary = mote_u64(CANARY ^ MASK);
    const uint64_t value = CANARY;
    mote_image *image = open_image(KEEPER);
    for (int i = 0; i < 5; i++) {
        mote_sandbox *sandbox;
        assert_ok(mote_sandbox_create(image, for_test(NULL), &sandbox, &last_error));
        assert_int_equal(contents_count(sandbox, &value, sizeof(value)), 0);
        assert_ok(mote_sandbox_init(sandbox, &last_error));
        assert_ok(mote_call(sandbox, "Fill", &canary, 1, MOTE_TYPE_VOID, NULL, &last_error));
        assert_true(contents_count(sandbox, &value, sizeof(value)) > 0);
        mote_sandbox_destroy(sandbox);
    }
    mote_image_unref(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers_are_the_snapshots_after_every_kind_of_end),
        cmocka_unit_test(test_registers_reach_another_sandbox_whole),
        cmocka_unit_test(test_all_memory_is_the_snapshots_after_a_restore),
        cmocka_unit_test(test_a_drivers_own_memory_has_nothing_of_an_earlier_call),
        cmocka_unit_test(test_a_call_that_did_not_fit_leaves_no_argument_behind),
        cmocka_unit_test(test_no_host_address_is_in_guest_memory),
        cmocka_unit_test(test_the_text_of_an_abort_is_of_that_abort),
        cmocka_unit_test(test_an_error_has_nothing_of_another_sandbox),
        cmocka_unit_test(test_seeds_differ_and_come_back_with_a_snapshot),
        cmocka_unit_test(test_memory_that_was_given_back_comes_zeroed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
