/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver costs on this host, measured on the spot with a guest of a few instructions. */
#ifndef MOTE_HOST_DRIVER_MEASURE_H
#define MOTE_HOST_DRIVER_MEASURE_H

#include "host/driver/driver.h"

struct mt_measurement {
    uint64_t create_ns;    /* from nothing to the guest's first exit: median */
    uint64_t call_ns;      /* one round trip: median */
    uint64_t spin_call_ns; /* the same while both sides spin; 0: this driver's do not */
    uint64_t stop_ns;      /* how late an endless loop is stopped */
};

/* Takes a few milliseconds. Errors are those of the driver. */
mote_status mt_driver_measure(const struct mt_driver *driver, struct mt_measurement *out,
                              mote_error *err);

#endif
