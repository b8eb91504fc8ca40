/* SPDX-License-Identifier: Apache-2.0 */
/* Core files on request; tests/dump looks at them with gdb. */
#include "tests/api/fixture.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"

static char folder[] = "/tmp/mote-dump-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/core", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return 0;
}

static off_t size_of(const char *where)
{
    struct stat facts;
    assert_int_equal(stat(where, &facts), 0);
    return facts.st_size;
}

/* How often 8 bytes stand in the file, at multiples of 8. */
static size_t count_words(uint64_t wanted)
{
    size_t n = 0;
    uint64_t word;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    while (fread(&word, sizeof(word), 1, file) == 1)
        n += word == wanted;
    fclose(file);
    return n;
}

static void test_a_sandbox_that_is_ready_is_dumped_and_goes_on(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const uint64_t canary = 0x00005AC35A3C1BADull;
    const mote_value masked = mote_u64(canary ^ 0x1234567812345678ull);
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_int_equal(count_words(canary), 0);
    assert_ok(mote_call(sandbox, "Fill", &masked, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    /* The guest's static array alone has so many. */
    assert_true(count_words(canary) >= 0x40000 / 8);
    assert_ok(call_void(sandbox, "Get"));
    mote_sandbox_destroy(sandbox);
}

static void test_every_state_is_dumped(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = create_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_ok(mote_sandbox_init(sandbox, &last_error));
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_int_equal(mote_sandbox_state_get(sandbox), MOTE_SANDBOX_POISONED);
    mote_sandbox_destroy(sandbox);
}

/* What the file says of the thread: NT_PRSTATUS is the first note. */
static struct elf_prstatus read_status(void)
{
    Elf64_Ehdr head;
    Elf64_Phdr notes = {.p_type = PT_NULL};
    Elf64_Nhdr note;
    struct elf_prstatus status;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(&head, sizeof(head), 1, file), 1);
    assert_int_equal(fseek(file, (long)head.e_phoff, SEEK_SET), 0);
    while (notes.p_type != PT_NOTE)
        assert_int_equal(fread(&notes, sizeof(notes), 1, file), 1);
    assert_int_equal(fseek(file, (long)notes.p_offset, SEEK_SET), 0);
    assert_int_equal(fread(&note, sizeof(note), 1, file), 1);
    assert_int_equal(note.n_type, NT_PRSTATUS);
    assert_int_equal(fseek(file, (note.n_namesz + 3) & ~3u, SEEK_CUR), 0);
    assert_int_equal(fread(&status, sizeof(status), 1, file), 1);
    fclose(file);
    return status;
}

#define RIP 16     /* in pr_reg (struct user_regs_struct) */
#define FS_BASE 21 /* before the GS base */

/* Whether the file has an executable segment with that address. */
static bool is_in_code(uint64_t address)
{
    Elf64_Ehdr head;
    Elf64_Phdr segment;
    bool is_in = false;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(&head, sizeof(head), 1, file), 1);
    assert_int_equal(fseek(file, (long)head.e_phoff, SEEK_SET), 0);
    for (size_t i = 0; i < head.e_phnum; i++) {
        assert_int_equal(fread(&segment, sizeof(segment), 1, file), 1);
        is_in |= segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 &&
                 address - segment.p_vaddr < segment.p_memsz;
    }
    fclose(file);
    return is_in;
}

/* Registers and memory in a file are of one moment. */
static void test_a_fault_that_is_undone_is_not_dumped(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = create_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    const struct elf_prstatus before = read_status();
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_int_equal(read_status().pr_cursig, SIGSEGV);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    struct elf_prstatus after = read_status();
    assert_int_equal(after.pr_cursig, before.pr_cursig);
    /* The process driver tells the bases of a guest that was loaded, and not of one that waits. */
    if (strcmp(mote_sandbox_driver(sandbox), "process") == 0)
        memcpy(&after.pr_reg[FS_BASE], &before.pr_reg[FS_BASE], 2 * sizeof(after.pr_reg[0]));
    assert_memory_equal(&after.pr_reg, &before.pr_reg, sizeof(after.pr_reg));
    mote_sandbox_destroy(sandbox);
}

/* The virtual CPU is in the monitor, or in the stub, when a guest has halted. */
static void test_a_guest_that_halted_is_dumped_where_it_did(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    unsigned long long rip = 0;
    mote_sandbox *sandbox = open_sandbox(MISBEHAVE, NULL);
    assert_status(call_void(sandbox, "Halt"), MOTE_E_NO_RESULT);
    const char *address = strstr(last_error.text, "0x");
    assert_non_null(address);
    rip = strtoull(address, NULL, 16);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    const struct elf_prstatus halted = read_status();
    assert_int_equal(halted.pr_reg[RIP], rip);
    assert_int_equal(halted.pr_cursig, SIGABRT);
    mote_sandbox_destroy(sandbox);
}

/* A guest of 0.1 says by a halt that it is done. */
static void test_a_guest_of_0_1_is_dumped_where_it_finished(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value numbers[] = {mote_i32(40), mote_i32(2)};
    mote_sandbox *sandbox = open_sandbox(ABI01, NULL);
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
        const struct elf_prstatus ready = read_status();
        assert_true(is_in_code(ready.pr_reg[RIP]));
        assert_int_equal(ready.pr_cursig, SIGABRT);
        assert_ok(mote_call(sandbox, "Add", numbers, 2, MOTE_TYPE_I32, NULL, &last_error));
    }
    mote_sandbox_destroy(sandbox);
}

static void test_a_fault_is_dumped_when_asked_for(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct stat facts;
    mote_config config = MOTE_CONFIG_INIT;
    config.dump_path = path;
    mote_sandbox *sandbox = open_sandbox(KEEPER, &config);
    assert_status(call_void(sandbox, "Fail"), MOTE_E_GUEST_ERROR);
    assert_int_equal(stat(path, &facts), -1);
    assert_status(call_void(sandbox, "Abort"), MOTE_E_GUEST_ABORT);
    assert_int_equal(stat(path, &facts), 0);
    assert_null(strstr(last_error.text, "core file"));
    mote_sandbox_destroy(sandbox);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* In a line the host's words come first: a fault's symbol and an abort's message are the guest's.
 */
static void test_that_there_is_no_file_is_said_before_what_the_guest_says(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char reason[] =
        " (no core file: open of the core file: No such file or directory)";
    char end[sizeof(reason) + sizeof(last_error.message) + 8];
    mote_config config = MOTE_CONFIG_INIT;
    config.dump_path = "/nonexistent/core";
    mote_sandbox *sandbox = open_sandbox(KEEPER, &config);
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_true(last_error.fault.symbol[0] != '\0');
    snprintf(end, sizeof(end), "%s in %s", reason, last_error.fault.symbol);
    assert_true(ends_with(last_error.text, end));
    mote_sandbox_destroy(sandbox);
    sandbox = open_sandbox(KEEPER, &config);
    assert_status(call_void(sandbox, "Abort"), MOTE_E_GUEST_ABORT);
    snprintf(end, sizeof(end), "%s: %s", reason, last_error.message);
    assert_true(last_error.message[0] != '\0' && ends_with(last_error.text, end));
    mote_sandbox_destroy(sandbox);
}

/* What this process's files of guest memory take up. */
static uint64_t guest_file_bytes(void)
{
    uint64_t len_bytes = 0;
    char target[64];
    struct stat facts;
    DIR *descriptors = opendir("/proc/self/fd");
    assert_non_null(descriptors);
    for (struct dirent *entry = readdir(descriptors); entry != NULL; entry = readdir(descriptors)) {
        ssize_t n = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strstr(target, "mote-memory") != NULL &&
            fstatat(dirfd(descriptors), entry->d_name, &facts, 0) == 0)
            len_bytes += (uint64_t)facts.st_blocks * 512;
    }
    closedir(descriptors);
    return len_bytes;
}

/* To read a hole of the guest's memory would fill it. */
static void test_a_dump_takes_no_memory_for_what_the_guest_never_used(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const uint64_t unused_bytes = 64u << 20;
    mote_config config = MOTE_CONFIG_INIT;
    config.heap_bytes = unused_bytes;
    config.dump_path = path;
    mote_sandbox *sandbox = open_sandbox(KEEPER, &config);
    uint64_t before = guest_file_bytes();
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_true(guest_file_bytes() - before < unused_bytes / 16);
    assert_status(call_void(sandbox, "Crash"), MOTE_E_GUEST_FAULT);
    assert_true(guest_file_bytes() - before < unused_bytes / 16);
    assert_true(size_of(path) > (off_t)unused_bytes);
    mote_sandbox_destroy(sandbox);
}

static void test_bad_arguments_and_places(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_status(mote_sandbox_dump(NULL, path, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_dump(sandbox, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_sandbox_dump(sandbox, "/nonexistent/core", &last_error), MOTE_E_SYSTEM);
    assert_int_equal(symlink("/nonexistent/target", path), 0);
    assert_status(mote_sandbox_dump(sandbox, path, &last_error), MOTE_E_SYSTEM);
    assert_ok(call_void(sandbox, "Get"));
    mote_sandbox_destroy(sandbox);
}

/* ---- Files that are there already ---- */

static void write_text(const char *where, mode_t rights)
{
    static const char text[] = "somebody's";
    int fd = open(where, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, rights), 0);
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    close(fd);
}

static mode_t rights_of(const char *where)
{
    struct stat facts;
    assert_int_equal(stat(where, &facts), 0);
    return facts.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
}

/* Whoever could read what was there shall not read the guest's memory, nor by a descriptor that is
 * open already. */
static void test_a_file_that_all_may_read_is_replaced(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct stat facts;
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    write_text(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_int_equal(rights_of(path), S_IRUSR | S_IWUSR);
    assert_int_equal(fstat(fd, &facts), 0);
    assert_int_equal(facts.st_size, sizeof("somebody's"));
    close(fd);
    mote_sandbox_destroy(sandbox);
}

static void test_other_names_of_a_file_keep_what_they_name(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    char other[sizeof(path) + 8];
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    snprintf(other, sizeof(other), "%s.other", path);
    write_text(other, S_IRUSR | S_IWUSR);
    assert_int_equal(link(other, path), 0);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    assert_int_equal(size_of(other), sizeof("somebody's"));
    assert_true(size_of(path) > (off_t)sizeof("somebody's"));
    unlink(other);
    mote_sandbox_destroy(sandbox);
}

/* Opening a FIFO waits for a reader; what is no regular file is left alone, and there. */
static void test_what_is_no_regular_file_is_left_alone(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct stat facts;
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_int_equal(mkfifo(path, S_IRUSR | S_IWUSR), 0);
    assert_status(mote_sandbox_dump(sandbox, path, &last_error), MOTE_E_SYSTEM);
    assert_int_equal(stat(path, &facts), 0);
    assert_true(S_ISFIFO(facts.st_mode));
    unlink(path);
    /* As /dev/null is, but nobody misses this one; only root may make it. */
    if (mknod(path, S_IFCHR | S_IRUSR | S_IWUSR, makedev(1, 3)) == 0) {
        assert_status(mote_sandbox_dump(sandbox, path, &last_error), MOTE_E_SYSTEM);
        assert_int_equal(stat(path, &facts), 0);
        assert_true(S_ISCHR(facts.st_mode));
    }
    assert_status(mote_sandbox_dump(sandbox, folder, &last_error), MOTE_E_SYSTEM);
    mote_sandbox_destroy(sandbox);
}

static size_t count_entries(void)
{
    size_t n = 0;
    DIR *open_folder = opendir(folder);
    assert_non_null(open_folder);
    while (readdir(open_folder) != NULL)
        n++;
    closedir(open_folder);
    return n;
}

/* The file before it is there until the new one is whole. The limit is an error, not a signal. */
static void test_a_dump_that_fails_leaves_the_one_before(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const struct rlimit small = {4096, RLIM_INFINITY};
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    mote_sandbox *sandbox = open_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_dump(sandbox, path, &last_error));
    off_t before = size_of(path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    mote_status status = mote_sandbox_dump(sandbox, path, &last_error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_status(status, MOTE_E_SYSTEM);
    assert_int_equal(size_of(path), before);
    assert_int_equal(count_entries(), 3); /* with . and .. */
    mote_sandbox_destroy(sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_sandbox_that_is_ready_is_dumped_and_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_every_state_is_dumped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_fault_that_is_undone_is_not_dumped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_guest_that_halted_is_dumped_where_it_did, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_guest_of_0_1_is_dumped_where_it_finished, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_fault_is_dumped_when_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_that_there_is_no_file_is_said_before_what_the_guest_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_dump_takes_no_memory_for_what_the_guest_never_used,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_arguments_and_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_all_may_read_is_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_other_names_of_a_file_keep_what_they_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_regular_file_is_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_dump_that_fails_leaves_the_one_before, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
