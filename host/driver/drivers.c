/* SPDX-License-Identifier: Apache-2.0 */
/* The list of drivers. */
#include "host/driver/drivers.h"

#include "host/driver/inprocess/inprocess.h"
#include "host/driver/kvm/kvm.h"
#include "host/driver/process/process.h"
#include <string.h>

/* In order of preference: hardware first; last what no policy chooses. */
static const struct mt_driver *const drivers[] = {&mt_driver_kvm, &mt_driver_process,
                                                  &mt_driver_inprocess};

#define N_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

const struct mt_driver *mt_driver_at(size_t index)
{
    return index < N_DRIVERS ? drivers[index] : NULL;
}

const struct mt_driver *mt_driver_named(const char *name)
{
    for (size_t i = 0; i < N_DRIVERS; i++) {
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    }
    return NULL;
}
