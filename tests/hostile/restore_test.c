/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots that do not fit, chains of them, and restores that fail half-way. */
#include "tests/hostile/contents.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- System calls that fail once ---- */

static struct {
    bool is_armed;
    size_t n_before;
    bool has_failed;
    unsigned long what;
} failure;

static bool fails(unsigned long what)
{
    if (!failure.is_armed || failure.has_failed || failure.n_before-- > 0)
        return false;
    failure.has_failed = true;
    failure.what = what;
    errno = ENOMEM;
    return true;
}

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    return fails(request) ? -1 : __real_ioctl(fd, request, argument);
}

int __real_madvise(void *at, size_t len_bytes, int advice);
int __wrap_madvise(void *at, size_t len_bytes, int advice);
int __wrap_madvise(void *at, size_t len_bytes, int advice)
{
    return fails((unsigned long)advice) ? -1 : __real_madvise(at, len_bytes, advice);
}

static void arm(size_t n_before)
{
    memset(&failure, 0, sizeof(failure));
    failure.is_armed = true;
    failure.n_before = n_before;
}

static bool disarm(void)
{
    failure.is_armed = false;
    return failure.has_failed;
}

/* ---- Short words ---- */

static mote_sandbox *create(mote_image *image, const mote_config *config)
{
    mote_sandbox *sandbox;
    assert_ok(mote_sandbox_create(image, for_test(config), &sandbox, &last_error));
    return sandbox;
}

static int32_t add(mote_sandbox *sandbox, int32_t n)
{
    const mote_value arg = mote_i32(n);
    mote_value result;
    assert_ok(mote_call(sandbox, "Add", &arg, 1, MOTE_TYPE_I32, &result, &last_error));
    return result.as.i32;
}

static void dirty(mote_sandbox *sandbox, uint32_t n_pages)
{
    const mote_value arg = mote_u32(n_pages);
    assert_ok(mote_call(sandbox, "Dirty", &arg, 1, MOTE_TYPE_ANY, NULL, &last_error));
}

static void keep(mote_sandbox *sandbox, uint64_t len_bytes, uint32_t value)
{
    const mote_value args[] = {mote_u64(len_bytes), mote_u32(value)};
    assert_ok(mote_call(sandbox, "Keep", args, 2, MOTE_TYPE_VOID, NULL, &last_error));
}

static mote_snapshot *take(mote_sandbox *sandbox)
{
    mote_snapshot *snapshot;
    assert_ok(mote_snapshot_take(sandbox, &snapshot, &last_error));
    return snapshot;
}

/* ---- Snapshots of something else ---- */

static void assert_refused(mote_sandbox *sandbox, mote_snapshot *snapshot)
{
    mote_sandbox_state state = mote_sandbox_state_get(sandbox);
    uint8_t *before = contents_copy(sandbox);
    assert_status(mote_sandbox_restore(sandbox, snapshot, &last_error), MOTE_E_SNAPSHOT);
    assert_int_equal(mote_sandbox_state_get(sandbox), state);
    assert_true(contents_are(sandbox, before));
    free(before);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_int_equal(add(sandbox, 1), 1);
    mote_sandbox_destroy(sandbox);
}

static void test_a_snapshot_of_another_size_or_object_is_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const size_t sizes[] = {
        offsetof(mote_config, heap_bytes),
        offsetof(mote_config, stack_bytes),
        offsetof(mote_config, input_bytes),
        offsetof(mote_config, output_bytes),
        offsetof(mote_config, host_definitions_bytes),
        offsetof(mote_config, host_exception_bytes),
        offsetof(mote_config, guest_panic_bytes),
    };
    mote_image *image = open_image(KEEPER);
    mote_sandbox *sandbox = create(image, NULL);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    mote_snapshot *snapshot = take(sandbox);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        mote_config config = MOTE_CONFIG_INIT;
        const size_t larger = 256 << 10;
        memcpy((uint8_t *)&config + sizes[i], &larger, sizeof(larger));
        assert_refused(create(image, &config), snapshot);
    }
    mote_config weaker = MOTE_CONFIG_INIT;
    weaker.executable_heap = true;
    assert_refused(create(image, &weaker), snapshot);
    /* The same file, opened a second time. */
    mote_image *again = open_image(KEEPER);
    assert_refused(create(again, NULL), snapshot);
    mote_image_unref(again);
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(sandbox);
    mote_image_unref(image);
}

static void test_a_snapshot_of_another_driver_is_refused(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config other = MOTE_CONFIG_INIT;
    mote_driver_report report = {.struct_size = sizeof(report)};
    other.driver = strcmp(test_driver(), "kvm") == 0 ? "process" : "kvm";
    for (size_t i = 0; strcmp(report.name, other.driver) != 0; i++)
        assert_int_equal(mote_driver_examine(i, &report, NULL), MOTE_OK);
    if (!report.works) {
        print_message("skipped: driver %s does not work here\n", other.driver);
        skip();
    }
    mote_image *image = open_image(KEEPER);
    mote_sandbox *sandbox = create(image, NULL);
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    mote_snapshot *snapshot = take(sandbox);
    assert_refused(create(image, &other), snapshot);
    mote_snapshot_unref(snapshot);
    mote_sandbox_destroy(sandbox);
    mote_image_unref(image);
}

/* ---- Chains ---- */

#define N_LINKS 100

/* Two sandboxes take turns: each snapshot is of a sandbox that was restored from the one before. */
static void test_a_chain_of_a_hundred_snapshots(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    mote_sandbox *sandboxes[2] = {create(image, NULL), create(image, NULL)};
    mote_snapshot *links[N_LINKS];
    mote_image_unref(image);
    assert_ok(mote_sandbox_init(sandboxes[1], &last_error));
    links[0] = take(sandboxes[1]);
    for (int i = 1; i < N_LINKS; i++) {
        assert_ok(mote_sandbox_restore(sandboxes[i % 2], links[i - 1], &last_error));
        assert_int_equal(add(sandboxes[i % 2], 1), i);
        links[i] = take(sandboxes[i % 2]);
    }
    for (int i = 0; i < N_LINKS; i++) {
        int which = i * 37 % N_LINKS;
        assert_ok(mote_sandbox_restore(sandboxes[which % 3 == 0], links[which], &last_error));
        assert_int_equal(add(sandboxes[which % 3 == 0], 0), which);
    }
    for (int i = 0; i < N_LINKS; i++)
        mote_snapshot_unref(links[i]);
    mote_sandbox_destroy(sandboxes[0]);
    mote_sandbox_destroy(sandboxes[1]);
}

static void test_sandboxes_of_one_snapshot_part_and_it_stays(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    mote_sandbox *sandboxes[3] = {create(image, NULL), create(image, NULL), create(image, NULL)};
    mote_image_unref(image);
    assert_ok(mote_sandbox_init(sandboxes[0], &last_error));
    dirty(sandboxes[0], 20);
    mote_snapshot *snapshot = take(sandboxes[0]);
    uint8_t *wanted = contents_copy(sandboxes[0]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            assert_ok(mote_sandbox_restore(sandboxes[i], snapshot, &last_error));
            assert_true(contents_are(sandboxes[i], wanted) || i > 0);
            assert_int_equal(add(sandboxes[i], 10 + i), 10 + i);
            dirty(sandboxes[i], 50 + (uint32_t)i);
        }
        assert_int_equal(add(sandboxes[0], 0), 10);
        assert_int_equal(add(sandboxes[1], 0), 11);
        assert_ok(mote_sandbox_restore(sandboxes[2], snapshot, &last_error));
        assert_int_equal(add(sandboxes[2], 0), 0);
    }
    free(wanted);
    mote_snapshot_unref(snapshot);
    for (int i = 0; i < 3; i++)
        mote_sandbox_destroy(sandboxes[i]);
}

/* ---- Half-way ---- */

#define HEAP_BYTES (16u << 20)

/* A sandbox, two snapshots of it, and the memory that each of them is of. It has gone on since. */
struct pair {
    mote_sandbox *sandbox;
    mote_snapshot *snapshots[2];
    uint8_t *memories[2];
};

static void make_pair(struct pair *pair, mote_image *image)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = HEAP_BYTES;
    config.time_limit_us = 10000000;
    pair->sandbox = create(image, &config);
    assert_ok(mote_sandbox_init(pair->sandbox, &last_error));
    add(pair->sandbox, 1);
    dirty(pair->sandbox, 40);
    pair->snapshots[0] = take(pair->sandbox);
    pair->memories[0] = contents_copy(pair->sandbox);
    add(pair->sandbox, 1);
    keep(pair->sandbox, 5 << 20, 5);
    dirty(pair->sandbox, 80);
    pair->snapshots[1] = take(pair->sandbox);
    pair->memories[1] = contents_copy(pair->sandbox);
    add(pair->sandbox, 1);
    dirty(pair->sandbox, 120);
    keep(pair->sandbox, 4 << 20, 9);
}

static void drop_pair(struct pair *pair)
{
    for (size_t i = 0; i < 2; i++) {
        mote_snapshot_unref(pair->snapshots[i]);
        free(pair->memories[i]);
    }
    mote_sandbox_destroy(pair->sandbox);
}

/* Both snapshots can be restored, and each is whole. A machine that is lost stays poisoned. */
static void assert_no_mixture(struct pair *pair, size_t first)
{
    for (size_t i = 0; i < 3; i++) {
        size_t which = (first + i) % 2;
        mote_status status =
            mote_sandbox_restore(pair->sandbox, pair->snapshots[which], &last_error);
        if (status != MOTE_OK) {
            assert_status(status, MOTE_E_SYSTEM);
            assert_int_equal(mote_sandbox_state_get(pair->sandbox), MOTE_SANDBOX_POISONED);
            continue;
        }
        assert_true(contents_are(pair->sandbox, pair->memories[which]));
        assert_int_equal(add(pair->sandbox, 0), 1 + (int)which);
        dirty(pair->sandbox, 100);
    }
}

static void assert_failed_as(mote_status status)
{
    if (status != MOTE_E_SYSTEM && status != MOTE_E_MEMORY)
        fail_msg("0x%lx failed: got %s", failure.what, mote_status_name(status));
}

/* Every ioctl and every advice of a restore fails once: the sandbox is poisoned, or what failed was
 * not needed and the restore is whole. */
static void test_a_restore_after_one_that_failed_is_no_mixture(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    for (size_t case_number = 0; case_number < 2; case_number++) {
        bool has_failed = true;
        for (size_t n = 0; has_failed; n++) {
            struct pair pair;
            make_pair(&pair, image);
            arm(n);
            mote_status status =
                mote_sandbox_restore(pair.sandbox, pair.snapshots[case_number], &last_error);
            has_failed = disarm();
            if (status == MOTE_OK) {
                assert_true(contents_are(pair.sandbox, pair.memories[case_number]));
            } else {
                assert_true(has_failed);
                assert_failed_as(status);
                assert_int_equal(mote_sandbox_state_get(pair.sandbox), MOTE_SANDBOX_POISONED);
                assert_status(call_void(pair.sandbox, "Get"), MOTE_E_POISONED);
            }
            assert_no_mixture(&pair, case_number + n);
            drop_pair(&pair);
        }
    }
    mote_image_unref(image);
}

/* Whether the sandbox still counts. Under the process driver a guest whose wait cannot be asked for
 * any more is lost, and says so. */
static bool goes_on(mote_sandbox *sandbox, int32_t wanted)
{
    const mote_value zero = mote_i32(0);
    mote_value result;
    mote_status status = mote_call(sandbox, "Add", &zero, 1, MOTE_TYPE_I32, &result, &last_error);
    bool is_lost = status == MOTE_E_GUEST_DIED && _IOC_TYPE(failure.what) == SECCOMP_IOC_MAGIC;
    if (!is_lost) {
        assert_ok(status);
        assert_int_equal(result.as.i32, wanted);
    }
    return !is_lost;
}

/* A snapshot that cannot be taken leaves sandbox and other snapshots as they were. */
static void test_a_restore_after_a_take_that_failed_is_no_mixture(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    bool has_failed = true;
    for (size_t n = 0; has_failed; n++) {
        struct pair pair;
        mote_snapshot *snapshot = NULL;
        make_pair(&pair, image);
        arm(n);
        mote_status status = mote_snapshot_take(pair.sandbox, &snapshot, &last_error);
        has_failed = disarm();
        if (status != MOTE_OK) {
            assert_true(has_failed);
            assert_failed_as(status);
            assert_null(snapshot);
            assert_int_equal(mote_sandbox_state_get(pair.sandbox), MOTE_SANDBOX_READY);
        }
        mote_snapshot_unref(snapshot);
        if (goes_on(pair.sandbox, 3))
            assert_no_mixture(&pair, n);
        drop_pair(&pair);
    }
    mote_image_unref(image);
}

/* The first snapshot of a sandbox begins the tracking of its writes. */
static void test_a_first_take_that_failed_can_be_repeated(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_image *image = open_image(KEEPER);
    bool has_failed = true;
    for (size_t n = 0; has_failed; n++) {
        mote_config config = MOTE_CONFIG_INIT;
        config.heap_bytes = HEAP_BYTES;
        config.time_limit_us = 10000000;
        mote_sandbox *sandbox = create(image, &config);
        mote_snapshot *snapshot = NULL;
        assert_ok(mote_sandbox_init(sandbox, &last_error));
        add(sandbox, 1);
        keep(sandbox, 3 << 20, 3);
        arm(n);
        mote_status status = mote_snapshot_take(sandbox, &snapshot, &last_error);
        has_failed = disarm();
        if (status == MOTE_OK || goes_on(sandbox, 1)) {
            if (status != MOTE_OK)
                snapshot = take(sandbox);
            uint8_t *wanted = contents_copy(sandbox);
            dirty(sandbox, 30);
            keep(sandbox, 4 << 20, 4);
            assert_ok(mote_sandbox_restore(sandbox, snapshot, &last_error));
            assert_true(contents_are(sandbox, wanted));
            assert_int_equal(add(sandbox, 0), 1);
            free(wanted);
        }
        mote_snapshot_unref(snapshot);
        mote_sandbox_destroy(sandbox);
    }
    mote_image_unref(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_of_another_size_or_object_is_refused),
        cmocka_unit_test(test_a_snapshot_of_another_driver_is_refused),
        cmocka_unit_test(test_a_chain_of_a_hundred_snapshots),
        cmocka_unit_test(test_sandboxes_of_one_snapshot_part_and_it_stays),
        cmocka_unit_test(test_a_restore_after_one_that_failed_is_no_mixture),
        cmocka_unit_test(test_a_restore_after_a_take_that_failed_is_no_mixture),
        cmocka_unit_test(test_a_first_take_that_failed_can_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
