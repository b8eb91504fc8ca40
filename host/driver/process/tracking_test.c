/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages the guest wrote, with and without the kernel's help. */
#include "host/base/page_set_test.h"
#include "host/driver/process/container_profile.h"
#include "host/driver/process/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* mov $104, %edx; 1: movb $1, DATA + 0x1000; out %al, %dx; jmp 1b */
static const uint8_t writes[] = {0xBA, MT_PORT_DONE, 0,    0,    0,    0xC6, 0x04, 0x25,
                                 0,    0x20,         0x20, 0x00, 0x01, 0xEE, 0xEB, 0xF5};

/* Pages of the private memory: two of data, one of constants, one of stack. */
static int list_what_is_written_if(bool can_track, bool is_exact)
{
    struct fixture f;
    struct mt_page_set set;
    mote_error err = {0};
    struct mt_exit exit;
    init_plan(&f, writes, sizeof(writes));
    if (mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK || !mt_page_set_init(&set, &f.allocator, 4))
        return 1;
    f.machine->prepared->can_track &= can_track;
    memset(f.window.host, 0, 4 * MT_PAGE_BYTES); /* all pages exist */
    const struct mt_registers registers = {.rip = CODE, .rsp = STACK_END};
    mt_driver_process.enter(f.machine, &registers);
    if (mt_driver_process.quiesce(f.machine, &err) != MOTE_OK ||
        mt_driver_process.track(f.machine, UINT64_MAX, &err) != MOTE_OK ||
        mt_driver_process.list_written(f.machine, &set, &err) != MOTE_OK)
        return 2;
    if (mt_page_set_count(&set) != (is_exact ? 0 : 4))
        return 3;
    for (int i = 0; i < 2; i++) {
        mt_page_set_clear(&set);
        if (mt_driver_process.begin(f.machine, mt_clock_ns() + 5000 * MS, &err) != MOTE_OK ||
            mt_driver_process.run(f.machine, &exit, &err) != MOTE_OK || exit.kind != MT_EXIT_PORT ||
            mt_driver_process.quiesce(f.machine, &err) != MOTE_OK ||
            mt_driver_process.list_written(f.machine, &set, &err) != MOTE_OK)
            return 4;
        if (!page_set_has(&set, 1) || mt_page_set_count(&set) != (is_exact ? 1 : 4))
            return 5;
    }
    mt_page_set_fini(&set, &f.allocator);
    unload(&f);
    return 0;
}

static int list_what_is_written(bool is_exact)
{
    return list_what_is_written_if(true, is_exact);
}

static int list_in_a_container(void)
{
    return mt_container_confine(EPERM) != 0 ? 6 : list_what_is_written(false);
}

static bool can_track(void)
{
    struct fixture f;
    load(&f, answers, sizeof(answers));
    bool is_relied_on = f.machine->prepared->can_track;
    unload(&f);
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    struct uffdio_api api = {.api = UFFD_API, .features = 1u << 15};
    bool is_asynchronous = fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0;
    if (fd >= 0)
        close(fd);
    return is_relied_on && is_asynchronous && access("/proc/self/pagemap", R_OK) == 0;
}

static void test_written_pages_are_told_again_and_again(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    assert_int_equal(list_what_is_written(can_track()), 0);
}

/* ---- Pages that did not exist when tracking began ---- */

#define HOLE_PAGE 4u /* behind the page of stack that is there */
#define STACK_BYTES 0x180000u
#define N_PAGES (3 + STACK_BYTES / MT_PAGE_BYTES)

static void list(struct fixture *f, struct mt_page_set *set, uint64_t *n_system_calls)
{
    mote_error err = {0};
    uint64_t before = f->machine->n_system_calls;
    mt_page_set_clear(set);
    assert_int_equal(mt_driver_process.list_written(f->machine, set, &err), MOTE_OK);
    *n_system_calls = f->machine->n_system_calls - before;
}

/* A sandbox with a hole in its memory, whose writes are tracked; so many pages exist behind it. */
static void load_with_hole(struct fixture *f, struct mt_page_set *set, unsigned n_behind)
{
    mote_error err = {0};
    init_plan(f, answers, sizeof(answers));
    f->regions[3].len_bytes = STACK_BYTES;
    assert_int_equal(mt_driver_process.prepare(&f->plan, &f->allocator, &f->prepared, &err),
                     MOTE_OK);
    assert_int_equal(make(f, &err), MOTE_OK);
    assert_true(mt_page_set_init(set, &f->allocator, N_PAGES));
    memset(f->window.host, 1, HOLE_PAGE * MT_PAGE_BYTES);
    memset(f->window.host + (N_PAGES - n_behind) * MT_PAGE_BYTES, 1, n_behind * MT_PAGE_BYTES);
    start(f, CODE, 5000 * MS);
    assert_answers(f);
    assert_int_equal(mt_driver_process.quiesce(f->machine, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.track(f->machine, UINT64_MAX, &err), MOTE_OK);
}

static void unload_with_set(struct fixture *f, struct mt_page_set *set)
{
    mt_page_set_fini(set, &f->allocator);
    unload(f);
}

static void skip_without_tracking(void)
{
    if (!can_track()) {
        print_message("skipped: writes cannot be tracked here\n");
        skip();
    }
}

static void test_pages_that_did_not_exist_are_told_and_asked_for_once(void **state)
{
    struct fixture f;
    struct mt_page_set set;
    mote_error err = {0};
    uint64_t n_first, n_second;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    skip_without_tracking();
    load_with_hole(&f, &set, 0);
    list(&f, &set, &n_first);
    assert_int_equal(mt_page_set_count(&set), 0);

    memset(f.window.host + HOLE_PAGE * MT_PAGE_BYTES, 1, 2 * MT_PAGE_BYTES);
    list(&f, &set, &n_first);
    assert_true(page_set_has(&set, HOLE_PAGE) && page_set_has(&set, HOLE_PAGE + 1));
    assert_int_equal(mt_page_set_count(&set), 2);
    list(&f, &set, &n_second);
    assert_int_equal(mt_page_set_count(&set), 2);
    assert_int_equal(n_second, n_first - 3); /* there are no others */

    memset(f.window.host + (HOLE_PAGE + 3) * MT_PAGE_BYTES, 1, 1);
    assert_int_equal(mt_driver_process.discard(f.machine, HOLE_PAGE - 1, 2, &err), MOTE_OK);
    list(&f, &set, &n_first);
    assert_false(page_set_has(&set, HOLE_PAGE));
    assert_true(page_set_has(&set, HOLE_PAGE + 1) && page_set_has(&set, HOLE_PAGE + 3));
    assert_int_equal(mt_page_set_count(&set), 2);
    list(&f, &set, &n_second);
    assert_true(page_set_has(&set, HOLE_PAGE + 1) && page_set_has(&set, HOLE_PAGE + 3));
    unload_with_set(&f, &set);
}

static void test_a_few_pages_behind_the_hole_count_as_written(void **state)
{
    static const struct {
        unsigned n_behind;
        unsigned n_told;
        unsigned n_system_calls;
    } cases[] = {{0, 0, 2}, {1, 1, 2}, {4, 4, 2}, {5, 0, 3}};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    skip_without_tracking();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct mt_page_set set;
        uint64_t n_system_calls;
        load_with_hole(&f, &set, cases[i].n_behind);
        list(&f, &set, &n_system_calls);
        list(&f, &set, &n_system_calls);
        assert_int_equal(mt_page_set_count(&set), cases[i].n_told);
        assert_int_equal(n_system_calls, cases[i].n_system_calls);
        unload_with_set(&f, &set);
    }
}

/* As when the kernel has reclaimed it: the guest's page table has no entry for it any more. */
static void test_a_written_page_that_is_gone_still_counts_as_written(void **state)
{
    struct fixture f;
    struct mt_page_set set;
    mote_error err = {0};
    uint64_t n_system_calls;
    SKIP_WITHOUT_DRIVER();
    (void)state;
    skip_without_tracking();
    load(&f, writes, sizeof(writes));
    assert_true(mt_page_set_init(&set, &f.allocator, 4));
    memset(f.window.host, 0, 4 * MT_PAGE_BYTES);
    start(&f, CODE, 5000 * MS);
    assert_int_equal(run_on(&f).kind, MT_EXIT_PORT);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.track(f.machine, UINT64_MAX, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.begin(f.machine, mt_clock_ns() + 5000 * MS, &err), MOTE_OK);
    assert_int_equal(run_on(&f).kind, MT_EXIT_PORT);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.discard(f.machine, 0, 4, &err), MOTE_OK);
    list(&f, &set, &n_system_calls);
    assert_true(page_set_has(&set, 1));
    assert_int_equal(mt_page_set_count(&set), 1);
    unload_with_set(&f, &set);
}

/* mov $104, %edx; 1: out %al, %dx; 2: cmpb $0, DATA; je 2b; jmp 1b */
static const uint8_t waits_for_data[] = {0xBA, MT_PORT_DONE, 0,    0, 0, 0xEE, 0x80, 0x3C, 0x25,
                                         0,    0x10,         0x20, 0, 0, 0x74, 0xF6, 0xEB, 0xF3};
_Static_assert(DATA == 0x201000, "the code above");

static void test_writes_are_tracked_after_a_call_that_was_given_up(void **state)
{
    static struct mt_cpu cpu;
    struct fixture f;
    mote_error err = {0};
    SKIP_WITHOUT_DRIVER();
    (void)state;
    skip_without_tracking();
    load(&f, waits_for_data, sizeof(waits_for_data));
    start(&f, CODE, 20000 * MS);
    assert_int_equal(run_on(&f).kind, MT_EXIT_PORT);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.save(f.machine, &cpu, &err), MOTE_OK);
    leave_running(&f);
    assert_int_equal(mt_driver_process.quiesce(f.machine, &err), MOTE_OK);
    assert_int_equal(mt_driver_process.track(f.machine, UINT64_MAX, &err), MOTE_OK);
    assert_true(f.machine->is_tracked);
    mt_driver_process.forget(f.machine);
    assert_int_equal(mt_driver_process.load(f.machine, &cpu, &err), MOTE_OK);
    *guest_bytes(&f, DATA) = 1;
    assert_int_equal(run_on(&f).kind, MT_EXIT_PORT);
    unload(&f);
}

static void test_what_an_old_kernel_says_of_written_pages_is_not_believed(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    assert_int_equal(list_what_is_written_if(false, false), 0);
}

static void test_without_tracking_every_page_that_exists_counts_as_written(void **state)
{
    SKIP_WITHOUT_DRIVER();
    (void)state;
    assert_forked(list_in_a_container);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_pages_are_told_again_and_again),
        cmocka_unit_test(test_pages_that_did_not_exist_are_told_and_asked_for_once),
        cmocka_unit_test(test_a_few_pages_behind_the_hole_count_as_written),
        cmocka_unit_test(test_a_written_page_that_is_gone_still_counts_as_written),
        cmocka_unit_test(test_writes_are_tracked_after_a_call_that_was_given_up),
        cmocka_unit_test(test_what_an_old_kernel_says_of_written_pages_is_not_believed),
        cmocka_unit_test(test_without_tracking_every_page_that_exists_counts_as_written),
    };
    return cmocka_run_group_tests_name("process tracking", tests, find_driver, NULL);
}
