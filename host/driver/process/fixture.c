/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the process driver share. */
#include "host/driver/process/fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ MOTE_RIGHT_READ
#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)
#define RX (MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE)

struct fixture fixture;

const uint8_t answers[8] = {0xBA, MT_PORT_DONE, 0, 0, 0, 0xEE, 0xEB, 0xFD};

static char reason[256];
static char kind[64];

int find_driver(void **state)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    (void)state;
    mt_driver_process.examine(&report);
    snprintf(kind, sizeof(kind), "%s", report.kind);
    if (!report.works && strstr(report.reason, "cannot reach its host") != NULL)
        return -1;
    if (!report.works)
        snprintf(reason, sizeof(reason), "%s", report.reason);
    return 0;
}

bool has_driver(void)
{
    if (reason[0] != '\0')
        print_message("skipped: %s\n", reason);
    return reason[0] == '\0';
}

const char *driver_kind(void)
{
    return kind;
}

void init_plan(struct fixture *f, const void *code, size_t len_bytes)
{
    memset(f, 0, sizeof(*f));
    f->code = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(f->code, 0xCC, 0x1000);
    memcpy(f->code, code, len_bytes);
    const struct mt_region regions[] = {
        {"code", CODE, 0x1000, RX, MT_BACKING_SHARED, f->code, false, 0, 0},
        {"data", DATA, 0x2000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"constant", CONSTANT, 0x1000, READ, MT_BACKING_PRIVATE, NULL, false, 0, 0},
        {"stack", STACK, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
    };
    memcpy(f->regions, regions, sizeof(regions));
    f->plan = (struct mt_plan){.regions = f->regions, .n_regions = 4};
    mt_allocator_set(&f->allocator, NULL);
}

mote_status make(struct fixture *f, mote_error *err)
{
    return mt_driver_process.create(f->prepared, &f->machine, &f->window, err);
}

void load(struct fixture *f, const void *code, size_t len_bytes)
{
    mote_error err = {0};
    init_plan(f, code, len_bytes);
    if (mt_driver_process.prepare(&f->plan, &f->allocator, &f->prepared, &err) != MOTE_OK ||
        make(f, &err) != MOTE_OK)
        fail_msg("%s", err.text);
}

void unload(struct fixture *f)
{
    mt_driver_process.destroy(f->machine, false);
    mt_driver_process.unprepare(f->prepared);
    munmap(f->code, 0x1000);
}

void start(struct fixture *f, uint64_t rip, uint64_t limit_ns)
{
    mote_error err = {0};
    const struct mt_registers registers = {.rip = rip, .rsp = STACK_END - 0x28};
    f->deadline_ns = mt_clock_ns() + limit_ns;
    mt_driver_process.enter(f->machine, &registers);
    assert_int_equal(mt_driver_process.begin(f->machine, f->deadline_ns, &err), MOTE_OK);
}

struct mt_exit run_once(struct fixture *f)
{
    struct mt_exit exit;
    mote_error err = {0};
    if (mt_driver_process.run(f->machine, &exit, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    return exit;
}

struct mt_exit run_on(struct fixture *f)
{
    struct mt_exit exit;
    do
        exit = run_once(f);
    while (exit.kind == MT_EXIT_INTERRUPTED && mt_clock_ns() < f->deadline_ns);
    return exit;
}

static enum mt_event receive_nothing(struct mt_machine *machine)
{
    (void)machine;
    return MT_EVENT_INTERRUPTED;
}

static enum mt_event receive_nothing_until(struct mt_machine *machine, uint64_t end_ns)
{
    (void)machine;
    (void)end_ns;
    return MT_EVENT_INTERRUPTED;
}

void leave_running(struct fixture *f)
{
    const struct mt_waiting *waiting = f->machine->prepared->waiting;
    struct mt_waiting disturbed = *waiting;
    disturbed.receive = receive_nothing;
    disturbed.receive_until = receive_nothing_until;
    f->machine->prepared->waiting = &disturbed;
    assert_int_equal(run_once(f).kind, MT_EXIT_INTERRUPTED);
    f->machine->prepared->waiting = waiting;
    assert_int_equal(f->machine->next, MT_NEXT_WAIT);
}

uint8_t *guest_bytes(struct fixture *f, uint64_t address)
{
    return f->window.host + (address - f->window.start);
}

void assert_answers(struct fixture *f)
{
    start(f, CODE, 5000 * MS);
    struct mt_exit exit = run_on(f);
    assert_int_equal(exit.kind, MT_EXIT_PORT);
    assert_int_equal(exit.port.number, MT_PORT_DONE);
}

void renew(struct fixture *f)
{
    mote_error err = {0};
    mt_driver_process.destroy(f->machine, false);
    f->machine = NULL;
    if (make(f, &err) != MOTE_OK)
        fail_msg("%s", err.text);
}

int pid_of(int pidfd)
{
    char path[64];
    char line[128];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) != NULL) {
        if (strncmp(line, "Pid:", 4) == 0)
            pid = (int)strtol(line + 4, NULL, 10);
    }
    fclose(stream);
    return pid > 0 ? pid : 0;
}

size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

int call_once(void)
{
    struct fixture f;
    mote_error err = {0};
    struct mt_exit exit;
    init_plan(&f, answers, sizeof(answers));
    if (mt_driver_process.prepare(&f.plan, &f.allocator, &f.prepared, &err) != MOTE_OK ||
        make(&f, &err) != MOTE_OK) {
        print_message("%s\n", err.text);
        return 1;
    }
    const struct mt_registers registers = {.rip = CODE, .rsp = STACK_END};
    mt_driver_process.enter(f.machine, &registers);
    if (mt_driver_process.begin(f.machine, mt_clock_ns() + 5000 * MS, &err) != MOTE_OK ||
        mt_driver_process.run(f.machine, &exit, &err) != MOTE_OK || exit.kind != MT_EXIT_PORT)
        return 1;
    unload(&f);
    return 0;
}

void assert_forked(int (*fn)(void))
{
    int status;
    pid_t host = fork();
    if (host == 0)
        _exit(fn());
    assert_int_equal(waitpid(host, &status, 0), host);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
