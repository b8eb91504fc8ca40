/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a driver. No choice falls back to a weaker isolation unless the policy says so. */
#include "host/sandbox/choose.h"

#include "host/base/error.h"
#include "host/base/text.h"
#include "host/driver/drivers.h"
#include "host/driver/measure.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* The fastest driver is measured once per process: its index and 1; 0 before that, and while
 * something that passes kept one from being measured. */
static _Atomic size_t fastest_learnt;

/* Hyperlight 0.1's way to debug a PE guest: the system's own loader puts it into the host's
 * process. The name is known, so that whoever asks for it hears why not. */
static const char load_library[] = "loadlibrary";

static size_t first_hardware(void)
{
    const struct mt_driver *driver;
    for (size_t i = 0; (driver = mt_driver_at(i)) != NULL; i++) {
        if (driver->is_hardware)
            return i;
    }
    return 0;
}

/* Which drivers have worked that are not of hardware, a bit each. To examine one of hardware is to
 * open a device, and each sandbox asks anew; to examine another is a whole life of a sandbox.
 * Should it not work any more, whoever creates one is told why. */
static _Atomic unsigned known_to_work;

static bool works(size_t index, const struct mt_driver *driver)
{
    mote_driver_report report = {.struct_size = sizeof(report)};
    const unsigned bit = 1u << index;
    if (atomic_load(&known_to_work) & bit)
        return true;
    driver->examine(&report);
    if (report.works && !driver->is_hardware)
        atomic_fetch_or(&known_to_work, bit);
    return report.works;
}

/* The list is in order of preference, hardware first. */
static size_t first_working(void)
{
    const struct mt_driver *driver;
    for (size_t i = 0; (driver = mt_driver_at(i)) != NULL; i++) {
        if (!driver->is_for_debugging && works(i, driver))
            return i;
    }
    return first_hardware();
}

/* Whether a driver that could not be measured may be measured later: the process was short of
 * something, or the driver works. */
static bool may_pass(size_t index, const struct mt_driver *driver, const mote_error *err)
{
    return err->os_errno == EMFILE || err->os_errno == ENFILE || err->os_errno == EAGAIN ||
           err->os_errno == ENOMEM || works(index, driver);
}

/* *is_sure: all were measured that ever could be. */
static size_t measure_fastest(bool *is_sure)
{
    const struct mt_driver *driver;
    size_t best = first_hardware();
    uint64_t best_ns = UINT64_MAX;
    *is_sure = true;
    for (size_t i = 0; (driver = mt_driver_at(i)) != NULL; i++) {
        struct mt_measurement measured;
        mote_error err;
        if (driver->is_for_debugging)
            continue;
        if (mt_driver_measure(driver, &measured, &err) != MOTE_OK) {
            *is_sure = *is_sure && !may_pass(i, driver, &err);
        } else if (measured.call_ns < best_ns) {
            best = i;
            best_ns = measured.call_ns;
        }
    }
    return best;
}

static size_t fastest(void)
{
    bool is_sure = true;
    size_t learnt = atomic_load(&fastest_learnt);
    if (learnt != 0)
        return learnt - 1;
    size_t best = measure_fastest(&is_sure);
    if (is_sure)
        atomic_store(&fastest_learnt, best + 1);
    return best;
}

static mote_status find_named(const char *name, const struct mt_driver **driver, mote_error *err)
{
    char escaped[64];
    *driver = mt_driver_named(name);
    if (*driver != NULL)
        return MOTE_OK;
    if (strcmp(name, load_library) == 0)
        return mt_fail(err, MOTE_E_DRIVER,
                       "driver loadlibrary needs Windows, whose LoadLibrary() loads the guest");
    mt_escape(escaped, sizeof(escaped), name, strlen(name));
    char names[128] = "";
    for (size_t i = 0; mt_driver_at(i) != NULL; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s",
                 mt_driver_at(i)->name);
    return mt_fail(err, MOTE_E_DRIVER, "no driver \"%s\"; there are:%s", escaped, names);
}

mote_status mt_choose_driver(const mote_config *config, const struct mt_driver **driver,
                             mote_error *err)
{
    if (config->driver != NULL)
        return find_named(config->driver, driver, err);
    switch (config->policy) {
    case MOTE_POLICY_HARDWARE_ONLY:
        *driver = mt_driver_at(first_hardware());
        break;
    case MOTE_POLICY_HARDWARE_PREFERRED:
        *driver = mt_driver_at(first_working());
        break;
    case MOTE_POLICY_FASTEST:
        *driver = mt_driver_at(fastest());
        break;
    }
    return MOTE_OK;
}
