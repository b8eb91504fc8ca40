/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that changes memory while its host reads. The linker puts this program's functions in the
 * place of the accessor's reads (--wrap), so that memory can change between any two of them, and so
 * that it is known which byte was read how often.
 */
#include "tests/hostile/witness.h"

#include "abi/memory_map.h"
#include "host/sandbox/sandbox.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 0x1000u
#define BASE 0x300000u
#define INPUT (BASE)
#define OUTPUT (BASE + 2 * PAGE)
#define GUEST_ERROR (BASE + 4 * PAGE)
#define BUFFER_BYTES (2 * PAGE)
#define GUEST_ERROR_BYTES 0x100u
#define MEMORY_BYTES (5 * PAGE)

/* ---- In the place of the accessor's reads ---- */

struct range {
    uint64_t start;
    uint64_t len_bytes;
};

static struct {
    bool is_on;
    size_t n;
    struct range ranges[64];
} log_of_reads;

/* What the adversary does after each read; NULL for nothing. */
static void (*adversary)(const struct mt_window *window);

static void after_read(const struct mt_window *window, struct mt_gva from, uint64_t len_bytes)
{
    if (log_of_reads.is_on) {
        assert_true(log_of_reads.n < COUNT(log_of_reads.ranges));
        log_of_reads.ranges[log_of_reads.n++] = (struct range){from.value, len_bytes};
    }
    if (adversary != NULL)
        adversary(window);
}

bool __real_mt_guest_read(const struct mt_window *window, struct mt_gva from, void *to,
                          uint64_t len_bytes);
bool __wrap_mt_guest_read(const struct mt_window *window, struct mt_gva from, void *to,
                          uint64_t len_bytes);
bool __wrap_mt_guest_read(const struct mt_window *window, struct mt_gva from, void *to,
                          uint64_t len_bytes)
{
    bool is_read = __real_mt_guest_read(window, from, to, len_bytes);
    after_read(window, from, len_bytes);
    return is_read;
}

bool __real_mt_guest_read_u64(const struct mt_window *window, struct mt_gva from, uint64_t *value);
bool __wrap_mt_guest_read_u64(const struct mt_window *window, struct mt_gva from, uint64_t *value);
bool __wrap_mt_guest_read_u64(const struct mt_window *window, struct mt_gva from, uint64_t *value)
{
    bool is_read = __real_mt_guest_read_u64(window, from, value);
    after_read(window, from, sizeof(*value));
    return is_read;
}

/* ---- Buffers without a sandbox ---- */

static mote_allocator allocator;
static struct mt_buffers buffers;
static uint8_t *memory; /* as the host sees it */
static uint8_t *alias;  /* the same pages, as the guest sees them */

static uint64_t next_random(void)
{
    static uint64_t seed = 0x9E3779B97F4A7C15;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int map_buffers(void **state)
{
    (void)state;
    int fd = memfd_create("guest", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, MEMORY_BYTES), 0);
    memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    alias = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(memory != MAP_FAILED && alias != MAP_FAILED);
    close(fd);
    mt_allocator_set(&allocator, NULL);
    buffers = (struct mt_buffers){
        .window = {.host = memory, .start = BASE, .len_bytes = MEMORY_BYTES},
        .input = INPUT,
        .input_bytes = BUFFER_BYTES,
        .output = OUTPUT,
        .output_bytes = BUFFER_BYTES,
        .guest_error = GUEST_ERROR,
        .guest_error_bytes = GUEST_ERROR_BYTES,
    };
    mt_buffers_reset(&buffers);
    return 0;
}

static int unmap_buffers(void **state)
{
    (void)state;
    adversary = NULL;
    log_of_reads.is_on = false;
    munmap(memory, MEMORY_BYTES);
    munmap(alias, MEMORY_BYTES);
    return 0;
}

static void guest_writes_u64(uint64_t address, uint64_t value)
{
    memcpy(alias + (address - BASE), &value, sizeof(value));
}

/* Leave a result of n bytes as the only element, as a guest does. */
static void guest_leaves_bytes(size_t n)
{
    static const uint8_t bytes[BUFFER_BYTES];
    const struct mt_wire_value value = {.type = MT_WIRE_BYTES, .as.view = {bytes, n}};
    size_t len = mt_wire_build_result(alias + (OUTPUT - BASE) + 8, BUFFER_BYTES - 16, &value);
    assert_true(len > 0);
    guest_writes_u64(OUTPUT + 8 + len, 8);
    guest_writes_u64(OUTPUT, 8 + len + 8);
}

/* What the library does with a result: find it, copy it, judge the copy. Whatever the guest did in
 * the meantime, the copy is one that its own size prefix describes and the buffer could hold. */
static mote_status pop(struct mt_copy *copy)
{
    struct mt_element found[2];
    size_t n = 0;
    size_t len_bytes = 0;
    struct mt_wire_value value;
    struct mt_wire_fault fault;
    mote_status status = mt_buffers_list_output(&buffers, found, 2, &n, NULL);
    if (status != MOTE_OK || n == 0)
        return status;
    assert_true(found[0].start >= 8 && found[0].start < found[0].end);
    assert_true(found[0].end <= BUFFER_BYTES - 8);
    status = mt_buffers_copy(&buffers, &found[0], &allocator, copy, &len_bytes, NULL);
    if (status != MOTE_OK)
        return status;
    uint32_t prefix;
    memcpy(&prefix, copy->data, sizeof(prefix));
    assert_int_equal(len_bytes, (uint64_t)prefix + 4);
    assert_true(len_bytes <= found[0].end - found[0].start);
    assert_true(copy->room_bytes <= BUFFER_BYTES);
    if (!mt_wire_read_result(copy->data, len_bytes, &value, &fault))
        return MOTE_E_PROTOCOL;
    if (value.type == MT_WIRE_BYTES && value.as.view.len > 0) {
        const uint8_t *end = copy->data + len_bytes;
        assert_true(value.as.view.data >= copy->data && value.as.view.data < end);
        assert_true(value.as.view.len <= (size_t)(end - value.as.view.data));
    }
    return MOTE_OK;
}

/* C03 */
static void test_no_byte_is_read_twice(void **state)
{
    (void)state;
    struct mt_copy copy = {0};
    static const size_t lengths[] = {0, 1, 7, 8, 100, 5000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        guest_leaves_bytes(lengths[i]);
        log_of_reads.n = 0;
        log_of_reads.is_on = true;
        assert_int_equal(pop(&copy), MOTE_OK);
        log_of_reads.is_on = false;
        assert_true(log_of_reads.n >= 4); /* stack pointer, back pointer, prefix, the rest */
        for (size_t a = 0; a < log_of_reads.n; a++) {
            for (size_t b = a + 1; b < log_of_reads.n; b++) {
                const struct range *first = &log_of_reads.ranges[a];
                const struct range *second = &log_of_reads.ranges[b];
                assert_true(first->start + first->len_bytes <= second->start ||
                            second->start + second->len_bytes <= first->start);
            }
        }
    }
    mt_copy_fini(&copy, &allocator);
}

static void change_something(const struct mt_window *window)
{
    static const uint64_t numbers[] = {
        0,      1,    7,          8,          16,         24,       0x1000,     0x1FF8,    0x2000,
        0x2008, 0x28, 0x7FFFFFFF, 0xFFFFFFFC, 0xFFFFFFFF, 1u << 31, UINT64_MAX, 1ull << 63};
    uint64_t number = numbers[next_random() % COUNT(numbers)];
    uint64_t at = next_random() % 8 < 4 ? next_random() % 64 : next_random() % BUFFER_BYTES;
    (void)window;
    guest_writes_u64(OUTPUT + (at & ~3ull), number);
    if (next_random() % 4 == 0)
        guest_writes_u64(OUTPUT, 16 + next_random() % BUFFER_BYTES);
}

/* C01, C02: something else stands there at every read. */
static void test_memory_that_changes_between_any_two_reads(void **state)
{
    (void)state;
    struct mt_copy copy = {0};
    size_t n_accepted = 0;
    size_t n_refused = 0;
    for (size_t i = 0; i < rounds(200000); i++) {
        adversary = NULL;
        guest_leaves_bytes(next_random() % 200);
        adversary = change_something;
        mote_status status = pop(&copy);
        assert_true(status == MOTE_OK || status == MOTE_E_PROTOCOL);
        n_accepted += status == MOTE_OK;
        n_refused += status != MOTE_OK;
    }
    adversary = NULL;
    assert_true(n_accepted > 1000 && n_refused > 1000);
    mt_copy_fini(&copy, &allocator);
}

/* C01: another thread flips the size prefix through another mapping of the same page. */
static _Atomic bool is_over;

static void *flip_prefix(void *unused)
{
    volatile uint32_t *prefix = (volatile uint32_t *)(void *)(alias + (OUTPUT - BASE) + 8);
    uint32_t good = *prefix;
    (void)unused;
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        *prefix = 0x7FFFFFFF;
        *prefix = good;
    }
    return NULL;
}

static void test_a_prefix_that_another_thread_flips(void **state)
{
    (void)state;
    struct mt_copy copy = {0};
    pthread_t thread;
    guest_leaves_bytes(40);
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, flip_prefix, NULL), 0);
    for (size_t i = 0; i < rounds(500000); i++) {
        mote_status status = pop(&copy);
        assert_true(status == MOTE_OK || status == MOTE_E_PROTOCOL);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    mt_copy_fini(&copy, &allocator);
}

/* C02: the copy stops in the middle, at a page that is not there yet. Before it goes on, what it
 * has read is rewritten. */
static volatile sig_atomic_t n_stops;

static void rewrite_and_go_on(int number)
{
    (void)number;
    n_stops++;
    memset(alias + (OUTPUT - BASE) + 8, 0xFF, 0x100);
    mprotect(memory + (OUTPUT - BASE) + PAGE, PAGE, PROT_READ | PROT_WRITE);
}

static void test_what_was_copied_is_rewritten_while_the_copy_waits(void **state)
{
    (void)state;
    struct mt_copy copy = {0};
    struct mt_element element;
    size_t n = 0;
    size_t len_bytes = 0;
    struct mt_wire_value value;
    struct mt_wire_fault fault;
    struct sigaction stop = {.sa_handler = rewrite_and_go_on};
    struct sigaction before;
    guest_leaves_bytes(6000);
    assert_int_equal(mt_buffers_list_output(&buffers, &element, 1, &n, NULL), MOTE_OK);
    assert_int_equal(n, 1);
    mprotect(memory + (OUTPUT - BASE) + PAGE, PAGE, PROT_NONE);
    n_stops = 0;
    sigaction(SIGSEGV, &stop, &before);
    mote_status status = mt_buffers_copy(&buffers, &element, &allocator, &copy, &len_bytes, NULL);
    sigaction(SIGSEGV, &before, NULL);
    assert_int_equal(status, MOTE_OK);
    assert_int_equal(n_stops, 1);
    /* The prefix was fetched before, and is not believed anew: the length is that of one fetch. */
    uint32_t prefix;
    memcpy(&prefix, copy.data, sizeof(prefix));
    assert_int_equal(len_bytes, (uint64_t)prefix + 4);
    assert_true(len_bytes <= element.end - element.start);
    if (mt_wire_read_result(copy.data, len_bytes, &value, &fault) && value.type == MT_WIRE_BYTES)
        assert_true(value.as.view.len <= len_bytes);
    mt_copy_fini(&copy, &allocator);
}

/* ---- A live guest ---- */

static mote_sandbox *target;

/* Not the result's content alone: everything that the guest could write there. */
static void scribble_on_the_guest(const struct mt_window *window)
{
    const struct mt_layout *layout = &target->template->layout;
    static const enum mt_place places[] = {MT_PLACE_OUTPUT,      MT_PLACE_OUTPUT, MT_PLACE_INPUT,
                                           MT_PLACE_GUEST_ERROR, MT_PLACE_PEB,    MT_PLACE_PANIC};
    enum mt_place place = places[next_random() % COUNT(places)];
    uint64_t value = next_random() >> (next_random() % 64);
    uint64_t at = next_random() % 16 * 4;
    if (next_random() % 3 == 0)
        mt_guest_write_u64(window, mt_gva(layout->start[place] + at), value);
}

static mote_status say_7(void *context, const mote_value *args, size_t n_args, mote_value *result,
                         mote_error *err)
{
    return answer_7(context, args, n_args, result, err);
}

/* B18, B19, C01: results, host calls and errors of a guest whose memory changes at every read. */
static void test_a_live_guest_that_changes_at_every_read(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    int n_calls = 0;
    size_t n_bad = 0;
    const mote_host_function function = {
        .name = "Answer", .fn = say_7, .context = &n_calls, .returns = MOTE_TYPE_I32};
    for (size_t i = 0; i < rounds(400); i++) {
        const mote_value ask[] = {mote_u32((uint32_t)(i % 3))};
        const mote_value fail[] = {mote_u32(77), mote_str("mine")};
        const mote_value text[] = {mote_str("some text that comes back")};
        target = new_offender_created(NULL);
        assert_ok(mote_sandbox_register(target, &function, &last_error));
        assert_ok(mote_sandbox_init(target, &last_error));
        mote_status status = MOTE_OK;
        for (size_t k = 0; k < 10 && status == MOTE_OK; k++) {
            adversary = scribble_on_the_guest;
            status = provoke(target, "AskOverRuins", ask, 1);
            if (status == MOTE_OK)
                status = provoke(target, "Echo", text, 1);
            if (status == MOTE_OK)
                status = provoke(target, "ReturnError", fail, 2);
            adversary = NULL;
            status = status == MOTE_E_GUEST_ERROR ? MOTE_OK : status;
        }
        n_bad += status != MOTE_OK;
        /* A call for more than the documented errors would be one of the host. */
        mote_class class = mote_status_class(status);
        assert_true(status == MOTE_OK || class == MOTE_CLASS_GUEST_FAULT ||
                    status == MOTE_E_TIME_LIMIT || status == MOTE_E_HOST_FUNCTION_UNKNOWN ||
                    status == MOTE_E_HOST_FUNCTION_ARGUMENTS);
        assert_others_unharmed(target);
    }
    assert_true(n_bad > 5);
    assert_true(n_calls > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_byte_is_read_twice, map_buffers, unmap_buffers),
        cmocka_unit_test_setup_teardown(test_memory_that_changes_between_any_two_reads, map_buffers,
                                        unmap_buffers),
        cmocka_unit_test_setup_teardown(test_a_prefix_that_another_thread_flips, map_buffers,
                                        unmap_buffers),
        cmocka_unit_test_setup_teardown(test_what_was_copied_is_rewritten_while_the_copy_waits,
                                        map_buffers, unmap_buffers),
        cmocka_unit_test(test_a_live_guest_that_changes_at_every_read),
    };
    return cmocka_run_group_tests_name("hostile races", tests, witness_set_up, witness_tear_down);
}
