/* SPDX-License-Identifier: Apache-2.0 */
/* Replaying a script of exits. */
#include "host/driver/script/script.h"

#include "abi/memory_map.h"
#include "host/base/checked.h"
#include "host/base/error.h"
#include "host/driver/drivers.h"
#include "host/os/clock.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

struct prepared {
    mote_allocator allocator;
    uint64_t private_start; /* guest address of the private memory */
    uint64_t private_len_bytes;
};

struct mt_machine {
    const struct prepared *prepared;
    uint8_t *reserved; /* the private memory, with an inaccessible page on either side */
    size_t reserved_bytes;
    struct mt_window window;
    const struct mt_script_step *steps;
    size_t n_steps;
    struct mt_script_record record;
    _Atomic uint64_t cpu_time_ns;
    struct mt_page_set written; /* without words: not told */
    _Atomic bool is_kicked;
    _Atomic uint64_t n_kicks;
};

static atomic_uint_least64_t last_cpu_id;

static _Thread_local mote_status next_failure[MT_SCRIPT_N_OPERATIONS];

void mt_script_fail_next(enum mt_script_operation operation, mote_status status)
{
    next_failure[operation] = status;
}

static mote_status take_failure(enum mt_script_operation operation, mote_error *err)
{
    mote_status status = next_failure[operation];
    next_failure[operation] = MOTE_OK;
    return status == MOTE_OK ? MOTE_OK : mt_fail(err, status, "the script fails this operation");
}

/* ---- Life and death ---- */

static void examine(mote_driver_report *report)
{
    report->works = true;
}

static void find_memory(struct prepared *prepared, const struct mt_plan *plan)
{
    for (size_t i = 0; i < plan->n_regions; i++) {
        const struct mt_region *region = &plan->regions[i];
        bool is_private =
            region->backing == MT_BACKING_PRIVATE || region->backing == MT_BACKING_MONITOR;
        if (prepared->private_start == 0 && is_private)
            prepared->private_start = region->start;
        if (prepared->private_start != 0)
            prepared->private_len_bytes =
                region->start + region->len_bytes - prepared->private_start;
    }
}

static mote_status prepare(const struct mt_plan *plan, const mote_allocator *allocator, void **out,
                           mote_error *err)
{
    mote_status status = take_failure(MT_SCRIPT_PREPARE, err);
    if (status != MOTE_OK)
        return status;
    struct prepared *made = mt_alloc_zero(allocator, sizeof(*made));
    if (made == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory to prepare sandboxes");
    made->allocator = *allocator;
    find_memory(made, plan);
    *out = made;
    return MOTE_OK;
}

static void unprepare(void *opaque)
{
    struct prepared *prepared = opaque;
    mote_allocator allocator = prepared->allocator;
    mt_release(&allocator, prepared);
}

static mote_status map_memory(struct mt_machine *machine, mote_error *err)
{
    uint64_t len_bytes = machine->prepared->private_len_bytes;
    size_t reserved_bytes = len_bytes + 2u * MT_PAGE_BYTES;
    void *reserved =
        mmap(NULL, reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of guest memory");
    machine->reserved = reserved;
    machine->reserved_bytes = reserved_bytes;
    machine->window = (struct mt_window){.host = machine->reserved + MT_PAGE_BYTES,
                                         .start = machine->prepared->private_start,
                                         .len_bytes = len_bytes};
    if (mprotect(machine->window.host, len_bytes, PROT_READ | PROT_WRITE) != 0)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mprotect of guest memory");
    return MOTE_OK;
}

/* Nothing here is withheld from a forked child, so a copy is released in the same way. */
static void destroy(struct mt_machine *machine, bool is_copy)
{
    (void)is_copy;
    if (machine->reserved != NULL)
        munmap(machine->reserved, machine->reserved_bytes);
    mt_page_set_fini(&machine->written, &machine->prepared->allocator);
    mt_release(&machine->prepared->allocator, machine);
}

static mote_status create(void *prepared, struct mt_machine **out, struct mt_window *window,
                          mote_error *err)
{
    const struct prepared *known = prepared;
    mote_status status = take_failure(MT_SCRIPT_CREATE, err);
    if (status != MOTE_OK)
        return status;
    struct mt_machine *machine = mt_alloc_zero(&known->allocator, sizeof(*machine));
    if (machine == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a machine");
    machine->prepared = known;
    status = map_memory(machine, err);
    if (status != MOTE_OK) {
        destroy(machine, false);
        return status;
    }
    *out = machine;
    *window = machine->window;
    return MOTE_OK;
}

/* ---- Running ---- */

static void enter(struct mt_machine *machine, const struct mt_registers *registers)
{
    machine->record.n_enters++;
    machine->record.entered = *registers;
}

static mote_status begin(struct mt_machine *machine, uint64_t deadline_ns, mote_error *err)
{
    mote_status status = take_failure(MT_SCRIPT_BEGIN, err);
    if (status != MOTE_OK)
        return status;
    machine->record.n_begins++;
    machine->record.deadline_ns = deadline_ns;
    atomic_store(&machine->is_kicked, false);
    return MOTE_OK;
}

static void note_write(struct mt_machine *machine, uint64_t offset, uint64_t len_bytes)
{
    if (machine->written.words == NULL || len_bytes == 0)
        return;
    uint64_t first = offset / MT_PAGE_BYTES;
    uint64_t last = (offset + len_bytes - 1) / MT_PAGE_BYTES;
    mt_page_set_add_run(&machine->written, first, last - first + 1);
}

static bool write_bytes(struct mt_machine *machine, const struct mt_script_write *write)
{
    const struct mt_window *window = &machine->window;
    if (write->address < window->start ||
        !mt_range_ok(write->address - window->start, write->len_bytes, window->len_bytes))
        return false;
    if (write->len_bytes > 0)
        memcpy(window->host + (write->address - window->start), write->bytes, write->len_bytes);
    note_write(machine, write->address - window->start, write->len_bytes);
    return true;
}

static void wait_for_host(const struct mt_machine *machine)
{
    while (!atomic_load(&machine->is_kicked) && mt_clock_ns() < machine->record.deadline_ns)
        sched_yield();
}

static mote_status play_step(struct mt_machine *machine, const struct mt_script_step *step,
                             struct mt_exit *out, mote_error *err)
{
    for (size_t i = 0; i < step->n_writes; i++) {
        if (!write_bytes(machine, &step->writes[i]))
            return mt_fail(err, MOTE_E_BUG, "the script writes outside the guest's memory");
    }
    if (step->act != NULL)
        step->act(machine, step->context);
    if (step->waits)
        wait_for_host(machine);
    if (step->status != MOTE_OK)
        return mt_fail(err, step->status, "the script fails here");
    *out = step->exit;
    return MOTE_OK;
}

static mote_status run(struct mt_machine *machine, struct mt_exit *out, mote_error *err)
{
    machine->record.n_runs++;
    /* A kick before the run counts, and the guest does nothing in between. */
    if (atomic_exchange(&machine->is_kicked, false)) {
        *out = (struct mt_exit){.kind = MT_EXIT_INTERRUPTED};
        return MOTE_OK;
    }
    if (machine->n_steps == 0)
        return mt_fail(err, MOTE_E_BUG, "the script is at its end");
    const struct mt_script_step *step = machine->steps;
    machine->steps++;
    machine->n_steps--;
    return play_step(machine, step, out, err);
}

static bool kick(struct mt_machine *machine)
{
    atomic_fetch_add(&machine->n_kicks, 1);
    if (take_failure(MT_SCRIPT_KICK, NULL) != MOTE_OK)
        return false;
    atomic_store(&machine->is_kicked, true);
    return true;
}

/* ---- Snapshots: every page counts as used, and as written ---- */

static mote_status quiesce(struct mt_machine *machine, mote_error *err)
{
    machine->record.n_quiesces++;
    return take_failure(MT_SCRIPT_QUIESCE, err);
}

static mote_status list_used(struct mt_machine *machine, struct mt_page_set *set, mote_error *err)
{
    mt_page_set_add_run(set, 0, machine->window.len_bytes / MT_PAGE_BYTES);
    return take_failure(MT_SCRIPT_LIST_USED, err);
}

static mote_status track(struct mt_machine *machine, uint64_t zero_from, mote_error *err)
{
    machine->record.n_tracks++;
    machine->record.zero_from = zero_from;
    return take_failure(MT_SCRIPT_TRACK, err);
}

static mote_status list_written(struct mt_machine *machine, struct mt_page_set *set,
                                mote_error *err)
{
    if (machine->written.words != NULL)
        mt_page_set_add_all(set, &machine->written);
    else
        mt_page_set_add_run(set, 0, machine->window.len_bytes / MT_PAGE_BYTES);
    return take_failure(MT_SCRIPT_LIST_WRITTEN, err);
}

static mote_status discard(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages,
                           mote_error *err)
{
    (void)err;
    memset(machine->window.host + first_page * MT_PAGE_BYTES, 0, n_pages * MT_PAGE_BYTES);
    return MOTE_OK;
}

static mote_status save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    mote_status status = take_failure(MT_SCRIPT_SAVE, err);
    if (status != MOTE_OK)
        return status;
    machine->record.n_saves++;
    memset(out, 0, sizeof(*out));
    out->id = atomic_fetch_add(&last_cpu_id, 1) + 1;
    return MOTE_OK;
}

static mote_status load(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err)
{
    mote_status status = take_failure(MT_SCRIPT_LOAD, err);
    if (status != MOTE_OK)
        return status;
    machine->record.n_loads++;
    machine->record.loaded_id = cpu->id;
    return MOTE_OK;
}

static void inspect(struct mt_machine *machine, struct mt_cpu *out)
{
    *out = (struct mt_cpu){.rip = machine->record.entered.rip, .rsp = machine->record.entered.rsp};
}

static uint64_t cpu_time_ns(const struct mt_machine *machine)
{
    return atomic_load(&machine->cpu_time_ns);
}

static uint64_t n_system_calls(const struct mt_machine *machine)
{
    return machine->record.n_runs;
}

const struct mt_driver mt_driver_script = {
    .name = "script",
    .isolation = "none: no guest code runs",
    .examine = examine,
    .prepare = prepare,
    .unprepare = unprepare,
    .create = create,
    .destroy = destroy,
    .enter = enter,
    .begin = begin,
    .run = run,
    .kick = kick,
    .quiesce = quiesce,
    .list_used = list_used,
    .track = track,
    .list_written = list_written,
    .discard = discard,
    .save = save,
    .load = load,
    .inspect = inspect,
    .cpu_time_ns = cpu_time_ns,
    .n_system_calls = n_system_calls,
};

/* ---- For tests ---- */

void mt_script_play(struct mt_machine *machine, const struct mt_script_step *steps, size_t n_steps)
{
    machine->steps = steps;
    machine->n_steps = n_steps;
}

void mt_script_tells_writes(struct mt_machine *machine)
{
    uint64_t n_pages = machine->window.len_bytes / MT_PAGE_BYTES;
    if (!mt_page_set_init(&machine->written, &machine->prepared->allocator, n_pages))
        mt_page_set_fini(&machine->written, &machine->prepared->allocator);
}

void mt_script_wrote(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages)
{
    if (machine->written.words != NULL)
        mt_page_set_add_run(&machine->written, first_page, n_pages);
}

void mt_script_set_cpu_time(struct mt_machine *machine, uint64_t cpu_time_ns_now)
{
    atomic_store(&machine->cpu_time_ns, cpu_time_ns_now);
}

size_t mt_script_n_left(const struct mt_machine *machine)
{
    return machine->n_steps;
}

struct mt_script_record mt_script_record_of(const struct mt_machine *machine)
{
    struct mt_script_record record = machine->record;
    record.n_kicks = atomic_load(&machine->n_kicks);
    return record;
}

struct mt_window mt_script_memory(const struct mt_machine *machine)
{
    return machine->window;
}

/* The linker puts named() in the place of mt_driver_named(), and lets it reach that one. */
const struct mt_driver *mt_script_real_named(const char *name) __asm__("__real_mt_driver_named");
const struct mt_driver *mt_script_named(const char *name) __asm__("__wrap_mt_driver_named");

const struct mt_driver *mt_script_named(const char *name)
{
    return strcmp(name, mt_driver_script.name) == 0 ? &mt_driver_script
                                                    : mt_script_real_named(name);
}
