/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes of few pages, and the same cases on each driver. */
#include "host/driver/contract_fixture.h"

#include "host/driver/drivers.h"
#include <mote/image.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)

const struct differences *current;
const struct mt_driver *driver;
bool works;

/* ---- Drivers ---- */

static const struct differences all_differences[] = {
    {"kvm", "kvm", 0, true, false, false, 1, "rw-p"},
    {"process", "process", 0, false, true, true, 0x78, "rw-s"},
    {"process, spinning", "process", 200000, false, true, true, 0x78, "rw-s"},
    {"process, spinning for a moment", "process", 1000, false, true, true, 0x78, "rw-s"},
};

static int run_all(const struct differences *differences, const struct CMUnitTest *tests,
                   size_t n_tests)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    current = differences;
    driver = mt_driver_named(differences->driver);
    driver->examine(&report);
    works = report.works;
    if (!works)
        print_message("driver %s: %s\n", driver->name, report.reason);
    return _cmocka_run_group_tests(current->name, tests, n_tests, NULL, NULL);
}

/* MOTE_TEST_DRIVER names one driver; without it all are tested. ThreadSanitizer cannot follow the
 * process driver's children, which share the host's memory for a moment. */
static bool is_wanted(const char *name)
{
    const char *wanted = getenv("MOTE_TEST_DRIVER");
#ifdef __SANITIZE_THREAD__
    if (wanted == NULL)
        wanted = "kvm";
#endif
    return wanted == NULL || strcmp(wanted, name) == 0;
}

int run_on_every_driver(const struct CMUnitTest *tests, size_t n_tests)
{
    int n_failed = 0;
    for (size_t i = 0; i < sizeof(all_differences) / sizeof(all_differences[0]); i++) {
        if (is_wanted(all_differences[i].driver))
            n_failed += run_all(&all_differences[i], tests, n_tests);
    }
    return n_failed;
}

/* ---- A sandbox of few pages ---- */

int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    memset(f, 0, sizeof(*f));
    *state = f;
    f->code = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const struct mt_region regions[] = {
        {"page tables", MT_BASE_ADDRESS, TABLES_BYTES, 0, MT_BACKING_TABLES, NULL, false, 0, 0},
        {"code", CODE, 0x1000, MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE, MT_BACKING_SHARED, f->code,
         false, 0, 0},
        {"data", DATA, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"guard", GUARD, 0x1000, 0, MT_BACKING_NONE, NULL, false, 0, 0},
        {"constant", CONSTANT, 0x1000, MOTE_RIGHT_READ, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"stack", STACK, 0x1000, RW, MT_BACKING_PRIVATE, NULL, false, 0, 0x1000},
        {"kernel stack", KERNEL_STACK, 0x1000, 0, MT_BACKING_MONITOR, NULL, false, 0, 0x1000},
        {"boot stack", BOOT_STACK, 0x1000, 0, MT_BACKING_MONITOR, NULL, false, 0, 0x1000},
    };
    memcpy(f->regions, regions, sizeof(regions));
    f->plan = (struct mt_plan){
        f->regions, 8, MT_BASE_ADDRESS, TABLES_BYTES, KERNEL_STACK + 4096, BOOT_STACK + 4096, 0, 0};
    return 0;
}

static void unload(struct fixture *f)
{
    if (f->machine != NULL)
        driver->destroy(f->machine, false);
    if (f->prepared != NULL)
        driver->unprepare(f->prepared);
    f->machine = NULL;
    f->prepared = NULL;
}

int tear_down(void **state)
{
    struct fixture *f = *state;
    unload(f);
    munmap(f->code, 0x1000);
    return 0;
}

void load(struct fixture *f, const void *code, size_t len_bytes)
{
    mote_allocator allocator;
    mote_error err = {0};
    unload(f);
    memset(f->code, 0xCC, 0x1000);
    memcpy(f->code, code, len_bytes);
    mt_allocator_set(&allocator, NULL);
    if (driver->prepare(&f->plan, &allocator, &f->prepared, &err) != MOTE_OK ||
        driver->create(f->prepared, &f->machine, &f->window, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    if (driver->spin != NULL)
        driver->spin(f->machine, current->spin_ns);
}

void begin(struct fixture *f, uint64_t limit_ns)
{
    mote_error err = {0};
    f->deadline_ns = mt_clock_ns() + limit_ns;
    assert_int_equal(driver->begin(f->machine, f->deadline_ns, &err), MOTE_OK);
}

struct mt_exit run_once(struct fixture *f)
{
    struct mt_exit exit;
    mote_error err = {0};
    if (driver->run(f->machine, &exit, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    if (exit.kind == MT_EXIT_DIED)
        print_message("died: %s\n", exit.died);
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

void enter(struct fixture *f, uint64_t offset)
{
    const struct mt_registers start = {.rip = CODE + offset,
                                       .rsp = INITIAL_RSP,
                                       .rcx = 0x1111,
                                       .rdx = 0x2222,
                                       .r8 = 0x3333,
                                       .r9 = 0x4444};
    driver->enter(f->machine, &start);
}

struct mt_exit run_from(struct fixture *f, uint64_t offset, uint64_t limit_ns)
{
    enter(f, offset);
    begin(f, limit_ns);
    return run_on(f);
}

struct mt_exit run_code(struct fixture *f, const void *code, size_t len_bytes)
{
    load(f, code, len_bytes);
    return run_from(f, 0, LIMIT_NS);
}

uint8_t *guest_bytes(struct fixture *f, uint64_t address)
{
    return f->window.host + (address - f->window.start);
}

void assert_fault(const struct mt_exit *exit, unsigned vector, uint64_t rip)
{
    assert_int_equal(exit->kind, MT_EXIT_FAULT);
    assert_int_equal(exit->fault.vector, vector);
    assert_int_equal(exit->fault.rip, rip);
}

void assert_port(const struct mt_exit *exit, unsigned number, unsigned value)
{
    assert_int_equal(exit->kind, MT_EXIT_PORT);
    assert_int_equal(exit->port.number, number);
    assert_int_equal(exit->port.value, value);
    assert_int_equal(exit->port.size_bytes, 1);
    assert_int_equal(exit->port.count, 1);
    assert_false(exit->port.is_in);
}

void load_two(struct fixture *f, const void *first, size_t first_bytes, const void *second,
              size_t second_bytes)
{
    uint8_t both[0x1000];
    memset(both, 0xCC, sizeof(both));
    memcpy(both, first, first_bytes);
    memcpy(both + SECOND, second, second_bytes);
    load(f, both, sizeof(both));
}
