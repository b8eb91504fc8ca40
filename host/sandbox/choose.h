/* SPDX-License-Identifier: Apache-2.0 */
/* Which driver runs a sandbox: the one that is named, or the one that the policy chooses. */
#ifndef MOTE_HOST_SANDBOX_CHOOSE_H
#define MOTE_HOST_SANDBOX_CHOOSE_H

#include "host/driver/driver.h"
#include <mote/config.h>

/* config may be NULL. MOTE_E_DRIVER for an unknown name. A policy always finds a driver: where none
 * works, the hardware driver, whose own error says why. */
mote_status mt_choose_driver(const mote_config *config, const struct mt_driver **driver,
                             mote_error *err);

#endif
