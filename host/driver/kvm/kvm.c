/* SPDX-License-Identifier: Apache-2.0 */
/* The KVM driver's table. */
#include "host/driver/kvm/kvm_internal.h"

#include "host/os/clock.h"

static uint64_t n_system_calls(const struct mt_machine *machine)
{
    return machine->n_system_calls;
}

/* The guest runs on the thread that called it; so do its host functions. */
static uint64_t cpu_time_ns(const struct mt_machine *machine)
{
    (void)machine;
    return mt_clock_thread_cpu_ns();
}

const struct mt_driver mt_driver_kvm = {
    .name = "kvm",
    .isolation = "hardware virtualisation",
    .is_hardware = true,
    .examine = mt_kvm_examine,
    .prepare = mt_kvm_prepare,
    .unprepare = mt_kvm_unprepare,
    .create = mt_kvm_create,
    .destroy = mt_kvm_destroy,
    .enter = mt_kvm_enter,
    .begin = mt_kvm_begin,
    .run = mt_kvm_run,
    .kick = mt_kvm_kick,
    .quiesce = mt_kvm_quiesce,
    .list_used = mt_kvm_list_used,
    .track = mt_kvm_track,
    .list_written = mt_kvm_list_written,
    .discard = mt_kvm_discard,
    .save = mt_kvm_save,
    .load = mt_kvm_load,
    .inspect = mt_kvm_inspect,
    .cpu_time_ns = cpu_time_ns,
    .n_system_calls = n_system_calls,
};
