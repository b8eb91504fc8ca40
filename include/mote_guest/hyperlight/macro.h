/* SPDX-License-Identifier: Apache-2.0 */
/* Hyperlight 0.1 has the macros that wrap and register functions in a header of their own. */
#ifndef MOTE_GUEST_HYPERLIGHT_MACRO_H
#define MOTE_GUEST_HYPERLIGHT_MACRO_H

#include <mote_guest/hyperlight/hyperlight_guest.h>

#endif
