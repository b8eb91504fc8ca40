/* SPDX-License-Identifier: Apache-2.0 */
/* The in-process driver's table, and what all machines of a plan share. */
#include "host/driver/inprocess/inprocess_internal.h"

#include "abi/peb.h"
#include "host/base/error.h"

/* Nothing is needed that a Linux process has not. */
static void examine(mote_driver_report *report)
{
    report->works = true;
    report->max_sandboxes = 1;
}

static void find_memory(struct mt_inprocess_prepared *prepared)
{
    const struct mt_plan *plan = prepared->plan;
    for (size_t i = 0; i < plan->n_regions; i++) {
        const struct mt_region *region = &plan->regions[i];
        bool is_private =
            region->backing == MT_BACKING_PRIVATE || region->backing == MT_BACKING_MONITOR;
        prepared->end = region->start + region->len_bytes;
        if (prepared->private_start == 0 && is_private)
            prepared->private_start = region->start;
        if (prepared->private_start != 0)
            prepared->private_len_bytes = prepared->end - prepared->private_start;
    }
}

static mote_status prepare(const struct mt_plan *plan, const mote_allocator *allocator, void **out,
                           mote_error *err)
{
    struct mt_inprocess_prepared *prepared = mt_alloc_zero(allocator, sizeof(*prepared));
    if (prepared == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory to prepare sandboxes");
    prepared->plan = plan;
    prepared->allocator = *allocator;
    find_memory(prepared);
    *out = prepared;
    return MOTE_OK;
}

static void unprepare(void *opaque)
{
    struct mt_inprocess_prepared *prepared = opaque;
    mote_allocator allocator = prepared->allocator;
    mt_release(&allocator, prepared);
}

static void find_way_out(struct mt_machine *machine, struct mt_way_out *out)
{
    (void)machine;
    out->run_mode = MT_RUN_MODE_IN_PROCESS_LINUX;
    out->function = (uint64_t)(uintptr_t)mt_inprocess_out;
    out->context = (uint64_t)(uintptr_t)&mt_inprocess_the_switch;
}

static mote_status begin(struct mt_machine *machine, uint64_t deadline_ns, mote_error *err)
{
    (void)deadline_ns;
    (void)err;
    atomic_store(&machine->is_kicked, false);
    return MOTE_OK;
}

static bool kick(struct mt_machine *machine)
{
    atomic_store(&machine->is_kicked, true);
    return true;
}

static uint64_t cpu_time_ns(const struct mt_machine *machine)
{
    return machine->cpu_time_ns;
}

static uint64_t n_system_calls(const struct mt_machine *machine)
{
    return machine->n_system_calls;
}

const struct mt_driver mt_driver_inprocess = {
    .name = "inprocess",
    .isolation = "none: the guest runs in the host's process, for debugging",
    .is_hardware = false,
    .is_for_debugging = true,
    .examine = examine,
    .prepare = prepare,
    .unprepare = unprepare,
    .create = mt_inprocess_create,
    .destroy = mt_inprocess_destroy,
    .find_way_out = find_way_out,
    .enter = mt_inprocess_enter,
    .begin = begin,
    .run = mt_inprocess_run,
    .kick = kick,
    .quiesce = mt_inprocess_quiesce,
    .list_used = mt_inprocess_list_used,
    .track = mt_inprocess_track,
    .list_written = mt_inprocess_list_used,
    .discard = mt_inprocess_discard,
    .save = mt_inprocess_save,
    .load = mt_inprocess_load,
    .inspect = mt_inprocess_inspect,
    .cpu_time_ns = cpu_time_ns,
    .n_system_calls = n_system_calls,
};
