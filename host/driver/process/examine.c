/* SPDX-License-Identifier: Apache-2.0 */
/* What the process driver can do on this host: it tries, with a sandbox that ends at once. */
#include "host/driver/process/process_internal.h"

#include "abi/ports.h"
#include "host/base/error.h"
#include "host/os/clock.h"
#include <errno.h>
#include <mote/image.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define PATIENCE_NS 2000000000ull

#define CODE MT_BASE_ADDRESS
#define STACK (CODE + MT_PAGE_BYTES)

/* mov $104, %edx; mov $0x180000, %ecx; jmp *%rcx */
static const uint8_t program[MT_PAGE_BYTES] = {0xBA, MT_PORT_DONE, 0, 0,    0,   0xB9, 0,
                                               0,    0x18,         0, 0xFF, 0xE1};

static const struct mt_region regions[] = {
    {.name = "code",
     .start = CODE,
     .len_bytes = MT_PAGE_BYTES,
     .rights = MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE,
     .backing = MT_BACKING_SHARED,
     .shared = program},
    {.name = "stack",
     .start = STACK,
     .len_bytes = MT_PAGE_BYTES,
     .rights = MOTE_RIGHT_READ | MOTE_RIGHT_WRITE,
     .backing = MT_BACKING_PRIVATE},
};

static const struct mt_plan plan = {.regions = regions,
                                    .n_regions = sizeof(regions) / sizeof(regions[0])};

static const struct {
    const char *operation; /* how it begins */
    int os_errno;          /* 0: any */
    const char *advice;
} advices[] = {
    {"", EMFILE, "raise the limit on open descriptors (ulimit -n)"},
    {"ftruncate", EFBIG, "raise the limit on the sizes of files (ulimit -f)"},
    {"execveat", EAGAIN, "raise the limit on processes (ulimit -u, or pids.max of the cgroup)"},
    {"memfd_create", EACCES, "allow memfds to be executed (sysctl vm.memfd_noexec=1)"},
    {"seccomp", 0, "allow seccomp(2) in the profile of this container or service"},
    {"memfd_create", 0, "allow memfd_create(2) in the profile of this container or service"},
    {"execveat", 0, "allow execveat(2) of a memfd (see sysctl vm.memfd_noexec)"},
    {"clone", EAGAIN, "raise the limit on processes (ulimit -u, or pids.max of the cgroup)"},
    {"pidfd_send_signal", 0,
     "allow pidfd_send_signal(2) in the profile of this container or service"},
    {"pidfd_open", ENOSYS, "a kernel of 5.9 or later is needed"},
};

static const char *advice_for(const mote_error *err)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        bool is_operation =
            strncmp(err->subject, advices[i].operation, strlen(advices[i].operation)) == 0;
        if (is_operation && (advices[i].os_errno == 0 || advices[i].os_errno == err->os_errno))
            return advices[i].advice;
    }
    return "";
}

static mote_status try_call(struct mt_machine *machine, mote_error *err)
{
    const struct mt_registers start = {.rip = CODE, .rsp = STACK + MT_PAGE_BYTES};
    struct mt_exit exit;
    uint64_t deadline_ns = mt_clock_ns() + PATIENCE_NS;
    mt_process_enter(machine, &start);
    mote_status status = mt_process_begin(machine, deadline_ns, err);
    do {
        if (status == MOTE_OK)
            status = mt_process_run(machine, &exit, err);
        if (status != MOTE_OK)
            return status;
    } while (exit.kind == MT_EXIT_INTERRUPTED && mt_clock_ns() < deadline_ns);
    if (exit.kind != MT_EXIT_PORT || exit.port.number != MT_PORT_DONE)
        return mt_fail(err, MOTE_E_SYSTEM, "a child cannot reach its host here: %s",
                       exit.kind == MT_EXIT_DIED ? exit.died : "another exit came");
    return MOTE_OK;
}

static mote_status try_all(const struct mt_waiting **waiting, mote_error *err)
{
    mote_allocator allocator;
    void *prepared;
    struct mt_machine *machine;
    struct mt_window window;
    mt_allocator_set(&allocator, NULL);
    mote_status status = mt_process_prepare(&plan, &allocator, &prepared, err);
    if (status != MOTE_OK)
        return status;
    status = mt_process_create(prepared, &machine, &window, err);
    if (status == MOTE_OK) {
        *waiting = machine->prepared->waiting;
        status = try_call(machine, err);
        mt_process_destroy(machine, false);
    }
    mt_process_unprepare(prepared);
    return status;
}

void mt_process_examine(mote_driver_report *report)
{
    mote_error err = {0};
    struct rlimit limit;
    const struct mt_waiting *waiting = &mt_waiting_by_notification;
    report->works = try_all(&waiting, &err) == MOTE_OK;
    /* Two descriptors more a sandbox when its writes are tracked. */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        report->max_sandboxes = limit.rlim_cur / waiting->n_descriptors;
    snprintf(report->kind, sizeof(report->kind), "%s", waiting->name);
    if (report->works)
        return;
    report->os_errno = err.os_errno;
    mt_error_copy(report->operation, sizeof(report->operation), err.subject, strlen(err.subject));
    mt_error_copy(report->reason, sizeof(report->reason), err.text, strlen(err.text));
    snprintf(report->advice, sizeof(report->advice), "%s", advice_for(&err));
}
