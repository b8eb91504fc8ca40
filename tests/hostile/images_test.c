/* SPDX-License-Identifier: Apache-2.0 */
/* Guest files that change while they are read, paths that are no files, and files that were changed
 * at random and run. The parser by itself is tried in host/image/. */
#include "tests/hostile/witness.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *good;
static size_t good_bytes;
static char folder[32];
static char path[64];

static void write_file(const void *data, size_t len_bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len_bytes), (ssize_t)len_bytes);
    close(fd);
}

static int set_up(void **state)
{
    int status = witness_set_up(state);
    FILE *stream = fopen(HOSTILE, "rb");
    assert_non_null(stream);
    good = malloc(1 << 22);
    assert_non_null(good);
    good_bytes = fread(good, 1, 1 << 22, stream);
    fclose(stream);
    strcpy(folder, "/tmp/mote-images-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/guest.elf", folder);
    return status;
}

static int tear_down(void **state)
{
    free(good);
    unlink(path);
    rmdir(folder);
    return witness_tear_down(state);
}

static mote_status open_and_close(const char *name)
{
    mote_image *image = NULL;
    memset(&last_error, 0, sizeof(last_error));
    mote_status status = mote_image_open(name, NULL, &image, &last_error);
    mote_image_unref(image);
    return status;
}

/* A01 */
static void test_short_files_are_no_guests(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 64; n++) {
        write_file(good, n);
        mote_status status = open_and_close(path);
        assert_int_equal(mote_status_class(status), MOTE_CLASS_LOAD);
        assert_true(last_error.load.field[0] != '\0');
    }
}

/* A02: a real guest, cut in steps, in a block of exactly that length. */
static void test_a_real_guest_cut_anywhere(void **state)
{
    (void)state;
    size_t n_loaded = 0;
    for (size_t n = 0; n < good_bytes; n += n < 4096 ? 61 : 997) {
        mote_image *image = NULL;
        uint8_t *block = malloc(n > 0 ? n : 1);
        assert_non_null(block);
        memcpy(block, good, n);
        mote_status status = mote_image_from_bytes(block, n, NULL, &image, &last_error);
        free(block);
        assert_true(status == MOTE_OK || mote_status_class(status) == MOTE_CLASS_LOAD);
        n_loaded += status == MOTE_OK;
        mote_image_unref(image);
    }
    assert_true(n_loaded > 0); /* symbols lie behind what is loaded */
}

/* A16: another thread cuts the file, lets it grow, and puts other bytes in. */
static _Atomic bool is_over;

static void *change_file(void *unused)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    unsigned seed = 1;
    (void)unused;
    while (fd >= 0 && !atomic_load(&is_over)) {
        size_t where = (size_t)rand_r(&seed) % good_bytes;
        if (ftruncate(fd, (off_t)where) != 0 ||
            ftruncate(fd, (off_t)(good_bytes + (size_t)rand_r(&seed) % good_bytes)) != 0 ||
            pwrite(fd, good, good_bytes, 0) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void test_a_file_that_changes_while_it_is_read(void **state)
{
    (void)state;
    pthread_t thread;
    size_t n_loaded = 0;
    write_file(good, good_bytes);
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, change_file, NULL), 0);
    for (size_t i = 0; i < rounds(1000); i++) {
        mote_status status = open_and_close(path);
        assert_true(status == MOTE_OK || mote_status_class(status) == MOTE_CLASS_LOAD);
        n_loaded += status == MOTE_OK;
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    print_message("%zu of %zu loaded\n", n_loaded, rounds(1000));
}

/* ---- A17: what is no file, and what is too large for one ---- */

/* What waits, or reads to an end that does not come, takes longer. */
#define ENDLESS_US 20000000u

static void assert_refused_at(const char *name, mote_status wanted)
{
    uint64_t started_us = now_us();
    size_t before_kib = resident_kib();
    assert_status(open_and_close(name), wanted);
    assert_true(now_us() - started_us < ENDLESS_US);
    assert_true(resident_kib() < before_kib + 16 * 1024);
}

static void test_paths_that_are_no_guest_files(void **state)
{
    (void)state;
    char other[64];
    snprintf(other, sizeof(other), "%s/other", folder);
    assert_refused_at(folder, MOTE_E_IMAGE_OPEN);
    assert_refused_at("/dev/zero", MOTE_E_IMAGE_OPEN);
    assert_refused_at("/dev/tty", MOTE_E_IMAGE_OPEN);
    assert_refused_at("", MOTE_E_IMAGE_OPEN);
    assert_int_equal(mkfifo(other, 0600), 0);
    assert_refused_at(other, MOTE_E_IMAGE_OPEN);
    unlink(other);
    assert_int_equal(symlink("other", other), 0);
    assert_refused_at(other, MOTE_E_IMAGE_OPEN);
    unlink(other);
    /* A link is the caller's way of naming a file: it is followed. */
    write_file(good, good_bytes);
    assert_int_equal(symlink("guest.elf", other), 0);
    assert_ok(open_and_close(other));
    unlink(other);
    char long_name[5000];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_refused_at(long_name, MOTE_E_IMAGE_OPEN);
}

/* A08, A17: sparse files and headers that promise much: refused before memory is taken. */
static void test_huge_files_are_refused_before_they_are_read(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {(4ull << 30) + 1, 5ull << 30, 1ull << 40};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        write_file(good, good_bytes);
        if (truncate(path, (off_t)sizes[i]) != 0)
            continue; /* not every file system has files of this size */
        assert_refused_at(path, MOTE_E_IMAGE_TOO_LARGE);
    }
    /* A guest with a tail of zeroes is one. */
    write_file(good, good_bytes);
    assert_int_equal(truncate(path, 8 << 20), 0);
    assert_ok(open_and_close(path));
}

/* ---- Files that were changed at random, and run ---- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* What comes of running an image, however bad: an outcome in bounded time. */
static mote_status run_image(mote_image *image)
{
    mote_config config = MOTE_CONFIG_INIT;
    mote_sandbox *sandbox = NULL;
    const mote_value text = mote_str("x");
    config.init_limit_us = 10000;
    config.time_limit_us = 10000;
    mote_status status = mote_sandbox_create(image, for_test(&config), &sandbox, &last_error);
    if (status == MOTE_OK)
        status = mote_sandbox_init(sandbox, &last_error);
    if (status == MOTE_OK)
        status = mote_call(sandbox, "Echo", &text, 1, MOTE_TYPE_ANY, NULL, &last_error);
    assert_int_equal(mote_sandbox_destroy(sandbox), MOTE_OK);
    return status;
}

#define N_CHANGED rounds(400)

static Elf64_Phdr find_code(void)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment = {0};
    memcpy(&header, good, sizeof(header));
    for (size_t i = 0; i < header.e_phnum && !(segment.p_flags & PF_X); i++)
        memcpy(&segment, good + header.e_phoff + i * sizeof(segment), sizeof(segment));
    assert_true((segment.p_flags & PF_X) && segment.p_filesz > 0);
    return segment;
}

static void test_guests_changed_at_random_are_refused_or_contained(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    uint64_t seed = 0x9E3779B97F4A7C15;
    size_t n_run = 0;
    size_t n_failed = 0;
    uint8_t *file = malloc(good_bytes);
    const Elf64_Phdr code = find_code();
    assert_non_null(file);
    mote_sandbox *witness = open_sandbox(HOSTILE, NULL);
    for (size_t i = 0; i < N_CHANGED; i++) {
        mote_image *image = NULL;
        /* A few bytes of the headers, or more of the code. */
        bool is_header = i % 4 == 0;
        uint64_t start = is_header ? 0 : code.p_offset;
        uint64_t len_bytes = is_header ? 1024 : code.p_filesz;
        memcpy(file, good, good_bytes);
        for (uint64_t n = 1 + next_random(&seed) % (is_header ? 4 : 512); n > 0; n--)
            file[start + next_random(&seed) % len_bytes] = (uint8_t)next_random(&seed);
        mote_status status = mote_image_from_bytes(file, good_bytes, NULL, &image, &last_error);
        assert_true(status == MOTE_OK || mote_status_class(status) == MOTE_CLASS_LOAD);
        if (status == MOTE_OK) {
            n_run++;
            status = run_image(image);
            n_failed += status != MOTE_OK;
            assert_int_not_equal(status, MOTE_E_BUG);
            assert_int_not_equal(status, MOTE_E_SYSTEM);
        }
        mote_image_unref(image);
        assert_echo(witness);
    }
    free(file);
    mote_sandbox_destroy(witness);
    print_message("%zu ran, %zu of them badly\n", n_run, n_failed);
    assert_true(n_run > N_CHANGED / 20 && n_failed > N_CHANGED / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_files_are_no_guests),
        cmocka_unit_test(test_a_real_guest_cut_anywhere),
        cmocka_unit_test(test_a_file_that_changes_while_it_is_read),
        cmocka_unit_test(test_paths_that_are_no_guest_files),
        cmocka_unit_test(test_huge_files_are_refused_before_they_are_read),
        cmocka_unit_test(test_guests_changed_at_random_are_refused_or_contained),
    };
    return cmocka_run_group_tests_name("hostile images", tests, set_up, tear_down);
}
