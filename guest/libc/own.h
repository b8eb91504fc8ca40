/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that a guest may define itself. */
#ifndef MOTE_GUEST_LIBC_OWN_H
#define MOTE_GUEST_LIBC_OWN_H

/* Of a function that the C library of Hyperlight 0.1 lacks: guests written to that have one of
 * their own, which goes before this. Nothing that such a function is likely to be made of may call
 * it. */
#define MT_MAY_BE_THE_GUESTS __attribute__((weak))

#endif
