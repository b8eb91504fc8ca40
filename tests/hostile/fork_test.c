/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes in processes that fork, execute others, give up their rights, unload the library, or
 * die and leave a core. */
#include "tests/hostile/contents.h"

#include "host/sandbox/sandbox.h"
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"
#define MASK 0x1234567812345678ull /* as tests/api/guests/keeper.c has it */
#define CANARY 0x00005AC35A3C1BADull
#define NOBODY 65534

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZERS 1
#else
#define UNDER_SANITIZERS 0
#endif

extern char **environ;

/* ---- Children ---- */

static mote_sandbox *inherited;
static mote_image *image;

static int outcome_of(pid_t child)
{
    int how = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    return how;
}

/* The exit status of fn in a child: 0, or the number of what went wrong. */
static int in_child(int (*fn)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(fn());
    int how = outcome_of(child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 100 + WTERMSIG(how);
}

static mote_status nothing(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context, (void)sandbox, (void)err;
    return MOTE_OK;
}

static int every_function_says_forked(void)
{
    mote_error err;
    mote_snapshot *snapshot = NULL;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    const mote_host_function function = {.name = "F", .fn = answer_7, .returns = MOTE_TYPE_I32};
    const mote_status outcomes[] = {
        mote_call(inherited, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, &err),
        mote_call_reset(inherited, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, &err),
        mote_sandbox_init(inherited, &err),
        mote_sandbox_register(inherited, &function, &err),
        mote_sandbox_evolve(inherited, nothing, NULL, &err),
        mote_snapshot_take(inherited, &snapshot, &err),
        mote_sandbox_restore(inherited, NULL, &err),
        mote_sandbox_push(inherited, &err),
        mote_sandbox_pop(inherited, &err),
        mote_context_begin(inherited, &err),
        mote_context_finish(inherited, &err),
        mote_sandbox_stats_get(inherited, &stats, &err),
        mote_sandbox_cancel(inherited),
    };
    const int n = (int)(sizeof(outcomes) / sizeof(outcomes[0]));
    for (int i = 0; i < n; i++)
        if (outcomes[i] != MOTE_E_FORKED)
            return 1 + i;
    if (mote_sandbox_state_get(inherited) != MOTE_SANDBOX_DEAD)
        return n + 1;
    return mote_sandbox_destroy(inherited) == MOTE_OK ? 0 : n + 2;
}

static mote_sandbox *open_keeper(void)
{
    mote_sandbox *sandbox = create_sandbox(KEEPER, NULL);
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    return sandbox;
}

static void assert_counts(mote_sandbox *sandbox)
{
    const mote_value seven = mote_i32(7);
    mote_value result;
    for (int i = 0; i < 2; i++) {
        assert_ok(mote_call_reset(sandbox, "Add", &seven, 1, MOTE_TYPE_I32, &result, &last_error));
        assert_int_equal(result.as.i32, 7);
    }
}

static void test_every_function_says_forked_in_a_child(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    inherited = open_keeper();
    assert_counts(inherited);
    assert_int_equal(in_child(every_function_says_forked), 0);
    assert_counts(inherited);
    mote_sandbox_destroy(inherited);
}

static int touches_guest_memory(void)
{
    signal(SIGSEGV, SIG_DFL);
    *(volatile uint8_t *)inherited->buffers.window.host = 0xFF;
    return 0;
}

/* The child's address space has a hole there; nothing of the parent's changes. */
static void test_a_child_that_writes_guest_memory_harms_itself(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    inherited = open_keeper();
    uint8_t *before = contents_copy(inherited);
    /* A sanitizer reports the fault, and exits. */
    assert_int_not_equal(in_child(touches_guest_memory), 0);
    assert_true(contents_are(inherited, before));
    assert_counts(inherited);
    free(before);
    mote_sandbox_destroy(inherited);
}

static void *spin(void *sandbox)
{
    return (void *)(intptr_t)mote_call(sandbox, "Spin", NULL, 0, MOTE_TYPE_ANY, NULL, NULL);
}

/* Handlers of exit() and destructors run in the child, while the parent's guest runs. */
static void test_a_child_may_exit_by_exit(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    inherited = open_keeper();
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            /* The output that the parent has not written yet is the parent's. */
            int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
            dup2(quiet, STDOUT_FILENO);
            exit(0);
        }
        int how = outcome_of(child);
        if (!UNDER_SANITIZERS) /* what the child inherited is a leak to them */
            assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
        assert_counts(inherited);
    }
    mote_sandbox_destroy(inherited);
}

/* ---- Functions of the host's that fork, and return twice ---- */

static pid_t twin; /* the child of the callback that forked last; 0 in it */

static void fork_here(void)
{
    twin = fork();
}

static mote_status fork_and_answer(void *context, const mote_value *args, size_t n_args,
                                   mote_value *result, mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)err;
    fork_here();
    *result = mote_i32(7);
    return MOTE_OK;
}

static void fork_and_print(void *context, const char *text, size_t len_bytes)
{
    (void)context, (void)text, (void)len_bytes;
    fork_here();
}

static void fork_and_log(void *context, const mote_log_record *record)
{
    (void)context, (void)record;
    fork_here();
}

static mote_status fork_and_evolve(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context, (void)sandbox, (void)err;
    fork_here();
    return MOTE_OK;
}

/* In the child the operation has ended with MOTE_E_FORKED, and there is nothing more to be had of
 * the sandbox; in the parent it has done what it should. */
static void assert_ends_in_the_twin(mote_sandbox *sandbox, mote_status status)
{
    if (twin == 0) {
        bool is_dead = mote_sandbox_state_get(sandbox) == MOTE_SANDBOX_DEAD;
        bool is_refused =
            mote_call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, NULL) == MOTE_E_FORKED;
        bool is_gone = mote_sandbox_destroy(sandbox) == MOTE_OK;
        _exit(status == MOTE_E_FORKED && is_dead && is_refused && is_gone ? 0 : 1);
    }
    int how = outcome_of(twin);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    assert_ok(status);
}

static mote_sandbox *create_forker(void)
{
    static const mote_host_function function = {.name = "EchoI32",
                                                .fn = fork_and_answer,
                                                .returns = MOTE_TYPE_I32,
                                                .n_params = 1,
                                                .params = {MOTE_TYPE_I32}};
    mote_config config = MOTE_CONFIG_INIT;
    config.print = fork_and_print;
    config.log = fork_and_log;
    mote_sandbox *sandbox = create_sandbox(HELLO, &config);
    assert_ok(mote_sandbox_register(sandbox, &function, &last_error));
    return sandbox;
}

static void test_a_callback_that_returns_in_a_child_ends_the_call_there(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    const mote_value seven = mote_i32(7);
    const mote_value text = mote_str("text");
    const mote_value log[] = {mote_i32(4), text};
    mote_value result;
    mote_sandbox *sandbox = create_forker();
    assert_ends_in_the_twin(sandbox,
                            mote_sandbox_evolve(sandbox, fork_and_evolve, NULL, &last_error));
    assert_ends_in_the_twin(
        sandbox, mote_call(sandbox, "HostEchoI32", &seven, 1, MOTE_TYPE_I32, &result, &last_error));
    assert_int_equal(result.as.i32, 7);
    assert_ends_in_the_twin(sandbox, mote_call_reset(sandbox, "HostEchoI32", &seven, 1,
                                                     MOTE_TYPE_I32, &result, &last_error));
    assert_ends_in_the_twin(
        sandbox, mote_call(sandbox, "Print", &text, 1, MOTE_TYPE_VOID, NULL, &last_error));
    assert_ends_in_the_twin(sandbox,
                            mote_call(sandbox, "Log", log, 2, MOTE_TYPE_VOID, NULL, &last_error));
    mote_sandbox_destroy(sandbox);
}

/* ---- Those that are told of an operation, and fork ---- */

struct moment {
    mote_span_kind kind;
    bool is_end;
};

static void fork_at(void *context, const mote_span *span)
{
    const struct moment *moment = context;
    if (twin < 0 && span->kind == moment->kind && span->is_end == moment->is_end)
        fork_here();
}

/* The outcome of what the callback was told of. A sandbox that was not made is none. */
static mote_status operate(const mote_config *config, mote_span_kind kind, mote_sandbox **sandbox)
{
    const mote_value seven = mote_i32(7);
    int n_answers = 0;
    const mote_host_function function = {.name = "EchoI32",
                                         .fn = answer_7,
                                         .context = &n_answers,
                                         .returns = MOTE_TYPE_I32,
                                         .n_params = 1,
                                         .params = {MOTE_TYPE_I32}};
    mote_value result = mote_i32(-1);
    mote_status status = mote_sandbox_create(image, config, sandbox, &last_error);
    if (kind == MOTE_SPAN_CREATE)
        return status;
    assert_ok(status);
    assert_ok(mote_sandbox_register(*sandbox, &function, &last_error));
    status = mote_sandbox_evolve(*sandbox, NULL, NULL, &last_error);
    if (kind == MOTE_SPAN_INIT || kind == MOTE_SPAN_SNAPSHOT)
        return status;
    assert_ok(status);
    status =
        mote_call_reset(*sandbox, "HostEchoI32", &seven, 1, MOTE_TYPE_I32, &result, &last_error);
    assert_int_equal(result.as.i32, status == MOTE_OK ? 7 : -1);
    return status;
}

static void assert_span_ends_in_the_twin(mote_span_kind kind, bool is_end, bool is_filtered)
{
    struct moment moment = {kind, is_end};
    mote_sandbox *sandbox = NULL;
    mote_config config = MOTE_CONFIG_INIT;
    config.span = fork_at;
    config.span_context = &moment;
    config.filter_host_functions = is_filtered;
    twin = -1;
    mote_status status = operate(for_test(&config), kind, &sandbox);
    if (twin == 0 && kind == MOTE_SPAN_CREATE)
        _exit(status == MOTE_E_FORKED && sandbox == NULL ? 0 : 1);
    assert_ends_in_the_twin(sandbox, status);
    mote_sandbox_destroy(sandbox);
}

static bool has_filters(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    mote_sandbox *sandbox = NULL;
    config.filter_host_functions = true;
    mote_status status = mote_sandbox_create(image, for_test(&config), &sandbox, NULL);
    mote_sandbox_destroy(sandbox);
    return status == MOTE_OK;
}

/* A child that is told of the beginning of a creation makes a sandbox of its own. */
static void test_a_span_that_returns_in_a_child_ends_the_operation_there(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    image = open_image(HELLO);
    for (int is_filtered = 0; is_filtered <= has_filters(); is_filtered++) {
        assert_span_ends_in_the_twin(MOTE_SPAN_CREATE, true, is_filtered);
        for (int kind = MOTE_SPAN_INIT; kind <= MOTE_SPAN_RESTORE; kind++) {
            assert_span_ends_in_the_twin((mote_span_kind)kind, false, is_filtered);
            assert_span_ends_in_the_twin((mote_span_kind)kind, true, is_filtered);
        }
    }
    mote_image_unref(image);
}

/* ---- Children that go on with what they inherited ---- */

static mote_snapshot *as_made;

/* Make sandboxes of the image, bring them to the snapshot, call. 0, or the number of what went
 * wrong. */
static int make_many(int n)
{
    for (int i = 0; i < n; i++) {
        const mote_value seven = mote_i32(7);
        mote_sandbox *own = NULL;
        mote_value result;
        mote_error err;
        if (mote_sandbox_create(image, for_test(NULL), &own, &err) != MOTE_OK)
            return 1;
        if (mote_sandbox_restore(own, as_made, &err) != MOTE_OK)
            return 2;
        if (mote_call(own, "Add", &seven, 1, MOTE_TYPE_I32, &result, &err) != MOTE_OK ||
            result.as.i32 != 7)
            return 3;
        if (mote_sandbox_destroy(own) != MOTE_OK)
            return 4;
    }
    return 0;
}

static int make_few(void)
{
    return make_many(UNDER_SANITIZERS ? 5 : 20);
}

static int end_what_was_inherited(void)
{
    int outcome = make_few();
    mote_sandbox_destroy(inherited);
    mote_snapshot_unref(as_made);
    mote_image_unref(image);
    return outcome;
}

static void begin_inheritance(void)
{
    image = open_image(KEEPER);
    assert_ok(mote_sandbox_create(image, for_test(NULL), &inherited, &last_error));
    assert_ok(mote_sandbox_init(inherited, &last_error));
    assert_ok(mote_snapshot_take(inherited, &as_made, &last_error));
}

static void end_inheritance(void)
{
    mote_sandbox_destroy(inherited);
    mote_snapshot_unref(as_made);
    mote_image_unref(image);
}

/* Image and snapshot are whole in each: neither hears of what the others ask for. */
static void test_parent_and_children_make_sandboxes_at_once(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    enum { N_CHILDREN = 3 };
    pid_t children[N_CHILDREN];
    begin_inheritance();
    for (int i = 0; i < N_CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(end_what_was_inherited());
    }
    int outcome = make_few();
    for (int i = 0; i < N_CHILDREN; i++) {
        int how = outcome_of(children[i]);
        assert_true(WIFEXITED(how));
        assert_int_equal(WEXITSTATUS(how), 0);
    }
    assert_int_equal(outcome, 0);
    assert_int_equal(make_few(), 0);
    end_inheritance();
}

/* A daemon: who made the image is gone, and who inherited it goes on. */
static int outlives_its_parent(int report_fd)
{
    pid_t parent = getppid();
    mote_sandbox *own = NULL;
    char outcome = 1;
    if (mote_sandbox_create(image, for_test(NULL), &own, NULL) == MOTE_OK)
        outcome = 2;
    if (write(report_fd, "!", 1) != 1) /* the parent may go */
        return 1;
    while (getppid() == parent)
        usleep(1000);
    if (outcome == 2 && mote_sandbox_restore(own, as_made, NULL) == MOTE_OK &&
        mote_call(own, "Get", NULL, 0, MOTE_TYPE_ANY, NULL, NULL) == MOTE_OK)
        outcome = (char)(make_few() == 0 ? 0 : 3);
    mote_sandbox_destroy(own);
    return write(report_fd, &outcome, 1) == 1 ? 0 : 1;
}

static void test_a_child_goes_on_when_its_parent_has_ended(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    int ends[2];
    char heard = '?';
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        begin_inheritance();
        if (fork() == 0)
            _exit(outlives_its_parent(ends[1]));
        _exit(read(ends[0], &heard, 1) == 1 ? 0 : 1);
    }
    close(ends[1]);
    int how = outcome_of(parent);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(read(ends[0], &heard, 1), 1);
    assert_int_equal(heard, 0);
    close(ends[0]);
}

/* ---- Other programs ---- */

/* What an executed program finds in /proc/self/fd, as text. */
static void list_of_a_program(char *text, size_t room)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    char words[][16] = {"ls", "-l", "/proc/self/fd"};
    char *const arguments[] = {words[0], words[1], words[2], NULL};
    pid_t child;
    size_t n = 0;
    ssize_t got;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    assert_int_equal(posix_spawnp(&child, "ls", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while (n + 1 < room && (got = read(ends[0], text + n, room - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(ends[0]);
    int how = outcome_of(child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void test_an_executed_program_has_none_of_our_descriptors(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char *const ours[] = {"kvm", "memfd", "seccomp", "pidfd", "userfault", "pagemap"};
    static char text[8192];
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 60000000;
    mote_sandbox *sandbox = create_sandbox(KEEPER, &config);
    pthread_t thread;
    void *status;
    assert_ok(mote_sandbox_evolve(sandbox, NULL, NULL, &last_error));
    assert_int_equal(pthread_create(&thread, NULL, spin, sandbox), 0);
    usleep(20000);
    for (int i = 0; i < 5; i++) {
        list_of_a_program(text, sizeof(text));
        assert_non_null(strstr(text, "->"));
        for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
            assert_null(strstr(text, ours[k]));
    }
    /* Our end of a call that runs: destroyed by nobody, and cancelled. */
    while (mote_sandbox_cancel(sandbox) == MOTE_OK &&
           mote_sandbox_state_get(sandbox) != MOTE_SANDBOX_POISONED)
        usleep(1000);
    pthread_join(thread, &status);
    assert_int_equal((mote_status)(intptr_t)status, MOTE_E_CANCELLED);
    assert_ok(mote_sandbox_restore(sandbox, NULL, &last_error));
    assert_counts(sandbox);
    mote_sandbox_destroy(sandbox);
}

struct caller {
    mote_sandbox *sandbox;
    _Atomic bool is_over;
    size_t n_calls;
    size_t n_wrong;
};

static void *call_often(void *context)
{
    struct caller *caller = context;
    const mote_value one = mote_i32(1);
    while (!caller->is_over) {
        mote_value result;
        mote_status status =
            mote_call_reset(caller->sandbox, "Add", &one, 1, MOTE_TYPE_I32, &result, NULL);
        caller->n_wrong += status != MOTE_OK || result.as.i32 != 1;
        caller->n_calls++;
    }
    return NULL;
}

/* posix_spawn() is vfork() and execve(). */
static void test_programs_are_executed_while_calls_run(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    struct caller caller = {.sandbox = open_keeper()};
    char word[] = "true";
    char *const arguments[] = {word, NULL};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_often, &caller), 0);
    size_t n_descriptors = count_descriptors();
    for (int i = 0; i < (UNDER_SANITIZERS ? 20 : 100); i++) {
        pid_t child;
        assert_int_equal(posix_spawnp(&child, "true", NULL, NULL, arguments, environ), 0);
        int how = outcome_of(child);
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    }
    assert_int_equal(count_descriptors(), n_descriptors);
    caller.is_over = true;
    pthread_join(thread, NULL);
    assert_true(caller.n_calls > 0);
    assert_int_equal(caller.n_wrong, 0);
    mote_sandbox_destroy(caller.sandbox);
}

/* ---- Rights ---- */

static char empty_folder[] = "/tmp/mote-test-XXXXXX";

static bool give_up_rights(void)
{
    const struct rlimit none = {0, 0};
    if (geteuid() == 0) {
        if (chroot(empty_folder) != 0 || chdir("/") != 0)
            return false;
        if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) != 0)
            return false;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && setrlimit(RLIMIT_NPROC, &none) == 0 &&
           setrlimit(RLIMIT_FSIZE, &none) == 0;
}

/* The limit is for the guest that spins: on a busy machine another call may be late, too. */
static mote_status reset_in_time(mote_sandbox *sandbox, const char *function, mote_error *err)
{
    mote_status status = MOTE_E_TIME_LIMIT;
    for (int i = 0; i < 100 && status == MOTE_E_TIME_LIMIT; i++)
        status = mote_call_reset(sandbox, function, NULL, 0, MOTE_TYPE_ANY, NULL, err);
    return status;
}

/* A sandbox that was made before goes on: calls, limits, resets, snapshots, its end. */
static int works_without_rights(void)
{
    mote_config config = MOTE_CONFIG_INIT;
    mote_sandbox *sandbox = NULL;
    mote_snapshot *snapshot = NULL;
    mote_error err;
    config.time_limit_us = 30000;
    if (mote_sandbox_create(image, for_test(&config), &sandbox, &err) != MOTE_OK ||
        mote_sandbox_evolve(sandbox, NULL, NULL, &err) != MOTE_OK)
        return 1;
    if (!give_up_rights())
        return 2;
    for (int i = 0; i < 20; i++)
        if (reset_in_time(sandbox, "Get", &err) != MOTE_OK)
            return 3;
    if (reset_in_time(sandbox, "Crash", &err) != MOTE_E_GUEST_FAULT)
        return 4;
    if (mote_call_reset(sandbox, "Spin", NULL, 0, MOTE_TYPE_ANY, NULL, &err) != MOTE_E_TIME_LIMIT)
        return 5;
    if (mote_snapshot_take(sandbox, &snapshot, &err) != MOTE_OK ||
        mote_sandbox_restore(sandbox, snapshot, &err) != MOTE_OK)
        return 6;
    mote_snapshot_unref(snapshot);
    return mote_sandbox_destroy(sandbox) == MOTE_OK ? 0 : 7;
}

static void test_a_sandbox_goes_on_after_rights_are_given_up(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    image = open_image(KEEPER);
    assert_non_null(mkdtemp(empty_folder));
    int outcome = in_child(works_without_rights);
    rmdir(empty_folder);
    assert_int_equal(outcome, 0);
    mote_image_unref(image);
}

/* ---- Unloading ---- */

struct library {
    void *handle;
    __typeof__(&mote_open) open;
    __typeof__(&mote_call) call;
    __typeof__(&mote_sandbox_destroy) destroy;
};

static struct library load_library(void)
{
    struct library library = {.handle =
                                  dlopen(MOTE_BUILD_DIR "/lib/libmote.so", RTLD_NOW | RTLD_LOCAL)};
    if (library.handle == NULL)
        fail_msg("%s", dlerror());
    *(void **)&library.open = dlsym(library.handle, "mote_open");
    *(void **)&library.call = dlsym(library.handle, "mote_call");
    *(void **)&library.destroy = dlsym(library.handle, "mote_sandbox_destroy");
    assert_true(library.open != NULL && library.call != NULL && library.destroy != NULL);
    return library;
}

/* The library stays, once it is there: what it is used for outlives the handle. */
static void test_an_unloaded_library_goes_on(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    for (int i = 0; i < 3; i++) {
        struct library library = load_library();
        mote_sandbox *sandbox = NULL;
        assert_ok(library.open(HELLO, for_test(NULL), &sandbox, &last_error));
        assert_int_equal(dlclose(library.handle), 0);
        assert_ok(library.call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &last_error));
        assert_int_equal(library.destroy(sandbox), MOTE_OK);
    }
}

/* ---- Cores ---- */

/* The guest writes its number everywhere; the host knows it masked only. */
static void fill_with_canary(mote_sandbox *sandbox)
{
    const mote_value masked = mote_u64(CANARY ^ MASK);
    assert_ok(mote_call(sandbox, "Fill", &masked, 1, MOTE_TYPE_VOID, NULL, &last_error));
}

#define RUN_WORDS 4u

/* How often four canaries in a row are in a part of memory, whose copy this is. */
static size_t count_canaries(const uint64_t *words, size_t n)
{
    uint64_t mask = MASK;
    size_t n_found = 0;
    size_t run = 0;
    __asm__ volatile("" : "+r"(mask));
    for (size_t i = 0; i < n; i++) {
        run = (words[i] ^ mask) == (CANARY ^ MASK) ? run + 1 : 0;
        n_found += run == RUN_WORDS;
    }
    return n_found;
}

#define LARGEST_MAPPING (1ull << 32) /* a sanitizer's shadow is larger */
#define CHUNK_BYTES 4096u

static size_t count_in_mapping(int memory, uint64_t start, uint64_t end)
{
    static uint64_t chunk[CHUNK_BYTES / sizeof(uint64_t)];
    size_t n_found = 0;
    for (uint64_t at = start; at < end; at += CHUNK_BYTES)
        if (pread(memory, chunk, CHUNK_BYTES, (off_t)at) == CHUNK_BYTES)
            n_found += count_canaries(chunk, CHUNK_BYTES / sizeof(uint64_t));
    memset(chunk, 0, sizeof(chunk));
    return n_found;
}

/* Canaries in mappings that a core has ([0]), and in those that are left out of it ([1]). */
static void count_everywhere(size_t n_found[2])
{
    char line[512];
    uint64_t start = 0;
    uint64_t end = 0;
    long resident_kib = 0;
    FILE *maps = fopen("/proc/self/smaps", "r");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(maps != NULL && memory >= 0);
    n_found[0] = n_found[1] = 0;
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *next;
        uint64_t first = strtoull(line, &next, 16);
        if (strncmp(line, "Rss:", 4) == 0)
            resident_kib = strtol(line + 4, NULL, 10);
        if (next != line && *next == '-') {
            start = first;
            end = strtoull(next + 1, NULL, 16);
        } else if (strncmp(line, "VmFlags:", 8) == 0 && resident_kib > 0 &&
                   end - start < LARGEST_MAPPING) {
            n_found[strstr(line, " dd") != NULL] += count_in_mapping(memory, start, end);
        }
    }
    close(memory);
    fclose(maps);
}

/* A file of the guest's is not there either; copies of messages on the heap are. */
static void test_no_guest_memory_and_no_snapshot_would_be_in_a_core(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    size_t n_found[2];
    mote_sandbox *sandbox = open_keeper();
    fill_with_canary(sandbox);
    assert_ok(mote_sandbox_push(sandbox, &last_error));
    count_everywhere(n_found);
    assert_int_equal(n_found[0], 0);
    assert_true(n_found[1] > 0);
    mote_sandbox_destroy(sandbox);
}

static char core_folder[] = "/tmp/mote-core-XXXXXX";
static const char marker[] = "this is the host's own, and belongs in a core";

static mote_status crash(void *context, const mote_value *args, size_t n_args, mote_value *result,
                         mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)result, (void)err;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int dies_with_a_core(void)
{
    static const mote_host_function function = {.name = "Ask",
                                                .fn = crash,
                                                .returns = MOTE_TYPE_I32,
                                                .n_params = 1,
                                                .params = {MOTE_TYPE_I32}};
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    const mote_value masked = mote_u64(CANARY ^ MASK);
    const mote_value one = mote_i32(1);
    mote_sandbox *sandbox = NULL;
    mote_error err;
    char *kept = strdup(marker);
    if (kept == NULL || chdir(core_folder) != 0 || setrlimit(RLIMIT_CORE, &all) != 0)
        return 1;
    if (mote_sandbox_create(image, for_test(NULL), &sandbox, &err) != MOTE_OK ||
        mote_sandbox_register(sandbox, &function, &err) != MOTE_OK ||
        mote_sandbox_evolve(sandbox, NULL, NULL, &err) != MOTE_OK ||
        mote_call(sandbox, "Fill", &masked, 1, MOTE_TYPE_VOID, NULL, &err) != MOTE_OK ||
        mote_sandbox_push(sandbox, &err) != MOTE_OK)
        return 2;
    return 3 + (int)mote_call(sandbox, "AskHost", &one, 1, MOTE_TYPE_I32, NULL, &err);
}

/* The core in the folder, mapped; NULL where none was written. */
static void *map_core(size_t *len_bytes)
{
    struct dirent *entry;
    void *core = NULL;
    DIR *folder = opendir(core_folder);
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        struct stat about;
        if (strncmp(entry->d_name, "core", 4) != 0)
            continue;
        int fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
        assert_int_equal(fstat(fd, &about), 0);
        *len_bytes = (size_t)about.st_size;
        core = mmap(NULL, *len_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        assert_ptr_not_equal(core, MAP_FAILED);
        close(fd);
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    rmdir(core_folder);
    return core;
}

/* A host function that crashes ends the host, with a core that can be shown to others. */
static void test_a_core_has_the_host_and_not_the_guest(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    size_t len_bytes = 0;
    if (UNDER_SANITIZERS)
        return; /* they switch cores off, and the test before this one looks at the same */
    image = open_image(KEEPER);
    assert_non_null(mkdtemp(core_folder));
    assert_int_equal(in_child(dies_with_a_core), 100 + SIGABRT);
    mote_image_unref(image);
    void *core = map_core(&len_bytes);
    if (core == NULL) {
        print_message("no core was written here: /proc/sys/kernel/core_pattern\n");
        return;
    }
    assert_non_null(memmem(core, len_bytes, marker, sizeof(marker)));
    assert_int_equal(count_canaries(core, len_bytes / sizeof(uint64_t)), 0);
    munmap(core, len_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_function_says_forked_in_a_child),
        cmocka_unit_test(test_a_child_that_writes_guest_memory_harms_itself),
        cmocka_unit_test(test_a_child_may_exit_by_exit),
        cmocka_unit_test(test_a_callback_that_returns_in_a_child_ends_the_call_there),
        cmocka_unit_test(test_a_span_that_returns_in_a_child_ends_the_operation_there),
        cmocka_unit_test(test_parent_and_children_make_sandboxes_at_once),
        cmocka_unit_test(test_a_child_goes_on_when_its_parent_has_ended),
        cmocka_unit_test(test_an_executed_program_has_none_of_our_descriptors),
        cmocka_unit_test(test_programs_are_executed_while_calls_run),
        cmocka_unit_test(test_a_sandbox_goes_on_after_rights_are_given_up),
        cmocka_unit_test(test_an_unloaded_library_goes_on),
        cmocka_unit_test(test_no_guest_memory_and_no_snapshot_would_be_in_a_core),
        cmocka_unit_test(test_a_core_has_the_host_and_not_the_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
