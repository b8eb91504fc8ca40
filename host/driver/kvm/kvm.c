/* SPDX-License-Identifier: Apache-2.0 */
/* The KVM driver's table. */
#include "host/driver/kvm/kvm_internal.h"

static uint64_t n_system_calls(const struct mt_machine *machine)
{
    return machine->n_system_calls;
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
    .n_system_calls = n_system_calls,
};
