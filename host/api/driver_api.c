/* SPDX-License-Identifier: Apache-2.0 */
/* <mote/driver.h>: arguments checked, then one call inward. */
#include "host/base/error.h"
#include "host/driver/drivers.h"

#include <stdio.h>

mote_status mote_driver_examine(size_t index, mote_driver_report *report, mote_error *err)
{
    const struct mt_driver *driver = mt_driver_at(index);
    if (report == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "report is NULL");
    if (report->struct_size != sizeof(*report))
        return mt_fail(err, MOTE_E_STRUCT_SIZE, "mote_driver_report has struct_size %zu, not %zu",
                       report->struct_size, sizeof(*report));
    if (driver == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "no driver of index %zu", index);
    mote_driver_report made = {.struct_size = sizeof(made), .is_hardware = driver->is_hardware};
    snprintf(made.name, sizeof(made.name), "%s", driver->name);
    snprintf(made.isolation, sizeof(made.isolation), "%s", driver->isolation);
    driver->examine(&made);
    *report = made;
    return mt_outcome(MOTE_OK, err);
}
