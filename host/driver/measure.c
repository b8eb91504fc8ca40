/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring a driver. */
#include "host/driver/measure.h"

#include "abi/memory_map.h"
#include "abi/ports.h"
#include "host/base/error.h"
#include "host/os/clock.h"
#include <errno.h>
#include <mote/image.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TABLES_BYTES (8 * MT_PAGE_BYTES)
#define CODE (MT_BASE_ADDRESS + TABLES_BYTES)
#define STACK (CODE + MT_PAGE_BYTES)
#define EXCEPTION_STACK (STACK + MT_PAGE_BYTES)
#define LOOP (CODE + 0x40) /* where the endless loop is */

#define N_CREATES 5u
#define N_BLOCKS 101u
#define BLOCK_CALLS 5u
#define SPIN_BLOCK_CALLS 100u /* these are short */
#define SPIN_NS 100000u
#define N_STOPS 5u
#define STOP_AFTER_NS 2000000u
#define A_LONG_TIME_NS 10000000000ull

/* mov $PORT, %edx; 1: call *%rcx; jmp 1b. RCX is the stub page's way out. */
static const uint8_t caller[] = {0xBA, MT_PORT_DONE, 0, 0, 0, 0xFF, 0xD1, 0xEB, 0xFC};
/* 1: jmp 1b */
static const uint8_t endless[] = {0xEB, 0xFE};

struct subject {
    const struct mt_driver *driver;
    uint8_t *code;
    struct mt_region regions[4];
    struct mt_plan plan;
    void *prepared;
    struct mt_machine *machine;
    uint64_t deadline_ns;
};

static mote_status make_code(struct subject *subject, mote_error *err)
{
    void *page =
        mmap(NULL, MT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of a page of code");
    subject->code = page;
    memcpy(subject->code, caller, sizeof(caller));
    memcpy(subject->code + (LOOP - CODE), endless, sizeof(endless));
    return MOTE_OK;
}

static void make_plan(struct subject *subject)
{
    const struct mt_region regions[] = {
        {.name = "page tables",
         .start = MT_BASE_ADDRESS,
         .len_bytes = TABLES_BYTES,
         .backing = MT_BACKING_TABLES},
        {.name = "code",
         .start = CODE,
         .len_bytes = MT_PAGE_BYTES,
         .rights = MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE,
         .backing = MT_BACKING_SHARED,
         .shared = subject->code},
        {.name = "stack",
         .start = STACK,
         .len_bytes = MT_PAGE_BYTES,
         .rights = MOTE_RIGHT_READ | MOTE_RIGHT_WRITE,
         .backing = MT_BACKING_PRIVATE,
         .populate_end = MT_PAGE_BYTES},
        {.name = "kernel stack",
         .start = EXCEPTION_STACK,
         .len_bytes = MT_PAGE_BYTES,
         .backing = MT_BACKING_MONITOR,
         .populate_end = MT_PAGE_BYTES},
    };
    memcpy(subject->regions, regions, sizeof(regions));
    subject->plan = (struct mt_plan){
        .regions = subject->regions,
        .n_regions = sizeof(regions) / sizeof(regions[0]),
        .tables_start = MT_BASE_ADDRESS,
        .tables_len_bytes = TABLES_BYTES,
        .exception_stack = EXCEPTION_STACK + MT_PAGE_BYTES,
        .double_fault_stack = EXCEPTION_STACK + MT_PAGE_BYTES,
    };
}

static void destroy(struct subject *subject)
{
    if (subject->machine != NULL)
        subject->driver->destroy(subject->machine, false);
    subject->machine = NULL;
}

static void fini(struct subject *subject)
{
    destroy(subject);
    if (subject->prepared != NULL)
        subject->driver->unprepare(subject->prepared);
    if (subject->code != NULL)
        munmap(subject->code, MT_PAGE_BYTES);
}

static mote_status begin(struct subject *subject, uint64_t deadline_ns, mote_error *err)
{
    subject->deadline_ns = deadline_ns;
    return subject->driver->begin(subject->machine, deadline_ns, err);
}

static mote_status start_at(struct subject *subject, uint64_t rip, uint64_t deadline_ns,
                            mote_error *err)
{
    const struct mt_registers start = {
        .rip = rip, .rsp = STACK + MT_PAGE_BYTES - 64, .rcx = MT_STUB_PAGE + MT_STUB_OUT};
    subject->driver->enter(subject->machine, &start);
    return begin(subject, deadline_ns, err);
}

/* Run until the guest has called out, or a signal comes past the deadline: then no guest is entered
 * any more. */
static mote_status run_until_late(const struct subject *subject, struct mt_exit *exit,
                                  mote_error *err)
{
    mote_status status;
    do
        status = subject->driver->run(subject->machine, exit, err);
    while (status == MOTE_OK && exit->kind == MT_EXIT_INTERRUPTED &&
           mt_clock_ns() < subject->deadline_ns);
    return status;
}

/* Run until the guest has called out. The deadline is that of many runs, and this process may have
 * been stopped for longer: so a guest has another one to itself. */
static mote_status run_to_port(struct subject *subject, mote_error *err)
{
    struct mt_exit exit;
    mote_status status = run_until_late(subject, &exit, err);
    if (status == MOTE_OK && exit.kind == MT_EXIT_INTERRUPTED) {
        status = begin(subject, mt_clock_ns() + A_LONG_TIME_NS, err);
        if (status == MOTE_OK)
            status = run_until_late(subject, &exit, err);
    }
    if (status != MOTE_OK)
        return status;
    if (exit.kind == MT_EXIT_INTERRUPTED)
        return mt_fail(err, MOTE_E_NO_HYPERVISOR, "a test guest did not reach its host in time");
    if (exit.kind != MT_EXIT_PORT)
        return mt_fail(err, MOTE_E_NO_HYPERVISOR, "a test guest did not reach its host: %s",
                       exit.kind == MT_EXIT_DIED ? exit.died : "it faulted");
    return MOTE_OK;
}

/* Put a new machine in the place of the one that there is, and run it to its first exit. */
static mote_status create(struct subject *subject, uint64_t spin_ns, mote_error *err)
{
    struct mt_window window;
    mote_status status =
        subject->driver->create(subject->prepared, &subject->machine, &window, err);
    if (status == MOTE_OK && spin_ns > 0)
        subject->driver->spin(subject->machine, spin_ns);
    if (status == MOTE_OK)
        status = start_at(subject, CODE, mt_clock_ns() + A_LONG_TIME_NS, err);
    return status == MOTE_OK ? run_to_port(subject, err) : status;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t median(uint64_t *times_ns, size_t n)
{
    qsort(times_ns, n, sizeof(times_ns[0]), compare);
    return times_ns[n / 2];
}

static mote_status measure_create(struct subject *subject, uint64_t *create_ns, mote_error *err)
{
    uint64_t times_ns[N_CREATES];
    for (size_t i = 0; i < N_CREATES; i++) {
        destroy(subject);
        uint64_t started_ns = mt_clock_ns();
        mote_status status = create(subject, 0, err);
        if (status != MOTE_OK)
            return status;
        times_ns[i] = mt_clock_ns() - started_ns;
    }
    *create_ns = median(times_ns, N_CREATES);
    return MOTE_OK;
}

static mote_status measure_call(struct subject *subject, unsigned block_calls, uint64_t *call_ns,
                                mote_error *err)
{
    uint64_t times_ns[N_BLOCKS];
    for (size_t i = 0; i < N_BLOCKS; i++) {
        uint64_t started_ns = mt_clock_ns();
        for (size_t n = 0; n < block_calls; n++) {
            mote_status status = run_to_port(subject, err);
            if (status != MOTE_OK)
                return status;
        }
        times_ns[i] = (mt_clock_ns() - started_ns) / block_calls;
    }
    *call_ns = median(times_ns, N_BLOCKS);
    return MOTE_OK;
}

static mote_status measure_spin_call(struct subject *subject, uint64_t *call_ns, mote_error *err)
{
    if (subject->driver->spin == NULL)
        return MOTE_OK;
    destroy(subject);
    mote_status status = create(subject, SPIN_NS, err);
    return status == MOTE_OK ? measure_call(subject, SPIN_BLOCK_CALLS, call_ns, err) : status;
}

static mote_status stop_once(struct subject *subject, uint64_t *stop_ns, mote_error *err)
{
    uint64_t deadline_ns = mt_clock_ns() + STOP_AFTER_NS;
    struct mt_exit exit;
    mote_status status = start_at(subject, LOOP, deadline_ns, err);
    while (status == MOTE_OK && mt_clock_ns() < deadline_ns)
        status = subject->driver->run(subject->machine, &exit, err);
    *stop_ns = mt_clock_ns() - deadline_ns;
    return status;
}

/* Each stops the guest that the one before stopped. */
static mote_status measure_stop(struct subject *subject, uint64_t *stop_ns, mote_error *err)
{
    uint64_t times_ns[N_STOPS];
    for (size_t i = 0; i < N_STOPS; i++) {
        mote_status status = stop_once(subject, &times_ns[i], err);
        if (status != MOTE_OK)
            return status;
    }
    *stop_ns = median(times_ns, N_STOPS);
    return MOTE_OK;
}

mote_status mt_driver_measure(const struct mt_driver *driver, struct mt_measurement *out,
                              mote_error *err)
{
    struct subject subject = {.driver = driver};
    struct mt_measurement made = {0};
    mote_allocator allocator;
    mt_allocator_set(&allocator, NULL);
    mote_status status = make_code(&subject, err);
    if (status == MOTE_OK) {
        make_plan(&subject);
        status = driver->prepare(&subject.plan, &allocator, &subject.prepared, err);
    }
    if (status == MOTE_OK)
        status = measure_create(&subject, &made.create_ns, err);
    if (status == MOTE_OK)
        status = measure_call(&subject, BLOCK_CALLS, &made.call_ns, err);
    if (status == MOTE_OK)
        status = measure_stop(&subject, &made.stop_ns, err);
    if (status == MOTE_OK)
        status = measure_spin_call(&subject, &made.spin_call_ns, err);
    fini(&subject);
    if (status == MOTE_OK)
        *out = made;
    return status;
}
