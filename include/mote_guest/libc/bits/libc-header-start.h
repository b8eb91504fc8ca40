/* SPDX-License-Identifier: Apache-2.0 */
/* What some headers of the host's C library include before <features.h>: see there. */
#error "this header is the host's: the guest C library does not have it (see mote_guest/libc)"
