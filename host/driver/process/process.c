/* SPDX-License-Identifier: Apache-2.0 */
/* The process driver's table. */
#include "host/driver/process/process_internal.h"

static uint64_t n_system_calls(const struct mt_machine *machine)
{
    return machine->n_system_calls;
}

const struct mt_driver mt_driver_process = {
    .name = "process",
    .isolation = "child process without system calls",
    .is_hardware = false,
    .examine = mt_process_examine,
    .prepare = mt_process_prepare,
    .unprepare = mt_process_unprepare,
    .create = mt_process_create,
    .destroy = mt_process_destroy,
    .spin = mt_process_spin,
    .enter = mt_process_enter,
    .begin = mt_process_begin,
    .run = mt_process_run,
    .kick = mt_process_kick,
    .quiesce = mt_process_quiesce,
    .list_used = mt_process_list_used,
    .track = mt_process_track,
    .list_written = mt_process_list_written,
    .discard = mt_process_discard,
    .forget = mt_process_forget,
    .save = mt_process_save,
    .load = mt_process_load,
    .inspect = mt_process_inspect,
    .cpu_time_ns = mt_process_cpu_time_ns,
    .n_system_calls = n_system_calls,
};
