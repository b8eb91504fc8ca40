/* SPDX-License-Identifier: Apache-2.0 */
/* <mote/driver.h>: arguments checked, then one call inward. */
#include "host/base/error.h"
#include "host/base/struct_size.h"
#include "host/driver/drivers.h"
#include "host/driver/measure.h"

#include <stdio.h>
#include <string.h>

const char *mote_driver_name(size_t index)
{
    const struct mt_driver *driver = mt_driver_at(index);
    return driver != NULL ? driver->name : NULL;
}

/* A driver whose test guest does not run does not work, whatever it said before. */
static void measure(const struct mt_driver *driver, mote_driver_report *report)
{
    struct mt_measurement measured;
    mote_error err = {.code = MOTE_OK};
    if (mt_driver_measure(driver, &measured, &err) == MOTE_OK) {
        report->create_ns = measured.create_ns;
        report->call_ns = measured.call_ns;
        report->spin_call_ns = measured.spin_call_ns;
        report->stop_ns = measured.stop_ns;
        return;
    }
    report->works = false;
    report->os_errno = err.os_errno;
    mt_error_copy(report->operation, sizeof(report->operation), err.subject, strlen(err.subject));
    mt_error_copy(report->reason, sizeof(report->reason), err.text, strlen(err.text));
}

mote_status mote_driver_examine(size_t index, mote_driver_report *report, mote_error *err)
{
    static const struct mt_struct kind = {"mote_driver_report", 776, sizeof(*report)};
    const struct mt_driver *driver = mt_driver_at(index);
    if (report == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "report is NULL");
    mote_status status = mt_struct_check(&kind, report->struct_size, err);
    if (status != MOTE_OK)
        return status;
    if (driver == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "no driver of index %zu", index);
    mote_driver_report made = {.struct_size = sizeof(made),
                               .is_hardware = driver->is_hardware,
                               .is_for_debugging = driver->is_for_debugging};
    snprintf(made.name, sizeof(made.name), "%s", driver->name);
    snprintf(made.isolation, sizeof(made.isolation), "%s", driver->isolation);
    driver->examine(&made);
    if (made.works && !made.is_for_debugging)
        measure(driver, &made);
    mt_struct_write(&kind, report, report->struct_size, &made);
    return mt_outcome(MOTE_OK, err);
}
