/* SPDX-License-Identifier: Apache-2.0 */
/* The list of drivers. */
#ifndef MOTE_HOST_DRIVER_DRIVERS_H
#define MOTE_HOST_DRIVER_DRIVERS_H

#include "host/driver/driver.h"

/* The driver at index, in order of preference; NULL past the last. */
const struct mt_driver *mt_driver_at(size_t index);

/* The driver of that name; NULL where there is none. */
const struct mt_driver *mt_driver_named(const char *name);

#endif
