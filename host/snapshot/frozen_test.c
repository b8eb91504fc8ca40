/* SPDX-License-Identifier: Apache-2.0 */
/* Freezing a memory, and bringing back what was changed. */
#include "host/snapshot/frozen.h"

#include "abi/memory_map.h"
#include "host/base/page_set_test.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_PAGES 1600u
#define START (MT_BASE_ADDRESS + 5 * MT_PAGE_BYTES)

struct fixture {
    mote_allocator allocator;
    struct mt_window window;
    struct mt_page_set set;
    struct mt_frozen frozen;
    uint64_t n_discarded;
};

static mote_status discard(void *context, uint64_t first_page, uint64_t n_pages, mote_error *err)
{
    struct fixture *f = context;
    (void)err;
    uint64_t address = START + first_page * MT_PAGE_BYTES;
    assert_int_equal(address % MT_LARGE_PAGE_BYTES, 0);
    assert_int_equal(n_pages * MT_PAGE_BYTES % MT_LARGE_PAGE_BYTES, 0);
    assert_true(first_page + n_pages <= N_PAGES);
    memset(f->window.host + first_page * MT_PAGE_BYTES, 0, n_pages * MT_PAGE_BYTES);
    f->n_discarded += n_pages;
    return MOTE_OK;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    *f = (struct fixture){0};
    mt_allocator_set(&f->allocator, NULL);
    f->window = (struct mt_window){.host = calloc(N_PAGES, MT_PAGE_BYTES),
                                   .start = START,
                                   .len_bytes = N_PAGES * (uint64_t)MT_PAGE_BYTES};
    assert_true(mt_page_set_init(&f->set, &f->allocator, N_PAGES));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mt_frozen_fini(&f->frozen);
    mt_page_set_fini(&f->set, &f->allocator);
    free(f->window.host);
    return 0;
}

static uint8_t *page_of(struct fixture *f, uint64_t page)
{
    return f->window.host + page * MT_PAGE_BYTES;
}

static void take_all(struct fixture *f)
{
    mt_page_set_add_run(&f->set, 0, N_PAGES);
    assert_int_equal(mt_frozen_take(&f->frozen, &f->window, &f->set, NULL), MOTE_OK);
    mt_page_set_clear(&f->set);
}

static void restore(struct fixture *f)
{
    const struct mt_discard give_back = {discard, f};
    assert_int_equal(mt_frozen_restore(&f->frozen, &f->window, &f->set, &give_back, NULL), MOTE_OK);
}

static void test_only_pages_that_are_not_zero_take_room(void **state)
{
    struct fixture *f = *state;
    page_of(f, 0)[0] = 1;
    page_of(f, 7)[MT_PAGE_BYTES - 1] = 2;
    page_of(f, N_PAGES - 1)[100] = 3;
    take_all(f);
    assert_int_equal(f->frozen.n_content, 3);
    mt_frozen_add_content(&f->frozen, &f->set);
    assert_int_equal(mt_page_set_count(&f->set), 3);
    assert_true(page_set_has(&f->set, 7));
    assert_int_equal(mt_frozen_end_of_content(&f->frozen, 1, N_PAGES - 1), 8);
    assert_int_equal(mt_frozen_end_of_content(&f->frozen, 8, N_PAGES - 1), 8);
}

/* A page that is not listed as used is zero, whatever stands there: it is not read. */
static void test_only_listed_pages_are_read(void **state)
{
    struct fixture *f = *state;
    page_of(f, 3)[0] = 1;
    page_of(f, 4)[0] = 1;
    mt_page_set_add(&f->set, 3);
    assert_int_equal(mt_frozen_take(&f->frozen, &f->window, &f->set, NULL), MOTE_OK);
    assert_int_equal(f->frozen.n_content, 1);
}

static void test_restore_brings_back_listed_pages_and_no_others(void **state)
{
    struct fixture *f = *state;
    for (uint64_t page = 0; page < N_PAGES; page += 3)
        memset(page_of(f, page), (int)(page % 250) + 1, MT_PAGE_BYTES);
    uint8_t *before = malloc(f->window.len_bytes);
    memcpy(before, f->window.host, f->window.len_bytes);
    take_all(f);
    srandom(2);
    for (unsigned round = 0; round < 50; round++) {
        uint64_t first = (uint64_t)random() % N_PAGES;
        uint64_t n = 1 + (uint64_t)random() % 700;
        n = first + n > N_PAGES ? N_PAGES - first : n;
        memset(page_of(f, first), 0xEE, n * MT_PAGE_BYTES);
        mt_page_set_add_run(&f->set, first, n);
    }
    restore(f);
    assert_memory_equal(before, f->window.host, f->window.len_bytes);
    mt_page_set_clear(&f->set);
    page_of(f, 10)[5] = 0x77;
    page_of(f, 11)[5] = 0x77;
    mt_page_set_add(&f->set, 10);
    restore(f);
    assert_memory_equal(before + 10 * MT_PAGE_BYTES, page_of(f, 10), MT_PAGE_BYTES);
    assert_int_equal(page_of(f, 11)[5], 0x77);
    free(before);
}

static void test_whole_large_pages_of_zeros_are_given_back(void **state)
{
    struct fixture *f = *state;
    take_all(f);
    memset(f->window.host, 0xEE, f->window.len_bytes);
    mt_page_set_add_run(&f->set, 0, N_PAGES);
    restore(f);
    for (uint64_t i = 0; i < f->window.len_bytes; i++) {
        if (f->window.host[i] != 0)
            fail_msg("byte %llu is 0x%x", (unsigned long long)i, f->window.host[i]);
    }
    /* 507 pages come before the first large page that is whole, and 1600 - 507 hold two. */
    assert_int_equal(f->n_discarded, 1024);
}

static void test_less_than_a_large_page_is_cleared(void **state)
{
    struct fixture *f = *state;
    take_all(f);
    memset(f->window.host, 0xEE, f->window.len_bytes);
    mt_page_set_add_run(&f->set, 507, 511);
    restore(f);
    assert_int_equal(f->n_discarded, 0);
    assert_int_equal(page_of(f, 507)[0], 0);
    assert_int_equal(page_of(f, 507 + 510)[MT_PAGE_BYTES - 1], 0);
    assert_int_equal(page_of(f, 507 + 511)[0], 0xEE);
    assert_int_equal(page_of(f, 506)[MT_PAGE_BYTES - 1], 0xEE);
}

/* Nor by the kernel, which tells of it where a program would end. */
static void test_content_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    page_of(f, 0)[0] = 1;
    take_all(f);
    f->window.host[0] = 9;
    assert_int_equal(f->frozen.content[0], 1);
    int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_true(zeros >= 0);
    assert_int_equal(read(zeros, f->frozen.content, 1), -1);
    assert_int_equal(errno, EFAULT);
    close(zeros);
    assert_int_equal(f->frozen.content[0], 1);
}

/* ---- What the kernel refuses: the linker puts these in libc's place ---- */

enum kernel_call { NO_CALL, MMAP, MADVISE, MPROTECT };

static enum kernel_call refused;
static unsigned n_before_refused; /* calls of it that still go through */

static bool is_refused(enum kernel_call call)
{
    if (refused != call || n_before_refused-- > 0)
        return false;
    refused = NO_CALL;
    errno = ENOMEM;
    return true;
}

void *__real_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset)
{
    return is_refused(MMAP) ? MAP_FAILED : __real_mmap(at, n, rights, flags, fd, offset);
}

int __real_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice);
int __wrap_madvise(void *at, size_t n, int advice)
{
    return is_refused(MADVISE) ? -1 : __real_madvise(at, n, advice);
}

int __real_mprotect(void *at, size_t n, int rights);
int __wrap_mprotect(void *at, size_t n, int rights);
int __wrap_mprotect(void *at, size_t n, int rights)
{
    return is_refused(MPROTECT) ? -1 : __real_mprotect(at, n, rights);
}

static void test_what_the_kernel_refuses_makes_no_snapshot(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum kernel_call call;
        unsigned n_before;
        mote_status wanted;
    } cases[] = {
        {MMAP, 0, MOTE_E_MEMORY},
        {MMAP, 1, MOTE_E_MEMORY},
        {MADVISE, 0, MOTE_E_SYSTEM},
        {MPROTECT, 0, MOTE_E_MEMORY},
    };
    page_of(f, 0)[0] = 1;
    mt_page_set_add_run(&f->set, 0, N_PAGES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mote_error err = {.code = MOTE_OK};
        refused = cases[i].call;
        n_before_refused = cases[i].n_before;
        mote_status status = mt_frozen_take(&f->frozen, &f->window, &f->set, &err);
        assert_int_equal(refused, NO_CALL);
        assert_int_equal(status, cases[i].wanted);
        assert_int_equal(err.code, cases[i].wanted);
        assert_null(f->frozen.content);
        assert_null(f->frozen.place);
    }
    take_all(f);
    assert_int_equal(f->frozen.n_content, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_pages_that_are_not_zero_take_room, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_listed_pages_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restore_brings_back_listed_pages_and_no_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_whole_large_pages_of_zeros_are_given_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_less_than_a_large_page_is_cleared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_content_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_kernel_refuses_makes_no_snapshot, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
