/* SPDX-License-Identifier: Apache-2.0 */
/* The KVM driver. */
#ifndef MOTE_HOST_DRIVER_KVM_KVM_H
#define MOTE_HOST_DRIVER_KVM_KVM_H

#include "host/driver/driver.h"

extern const struct mt_driver mt_driver_kvm;

#endif
