/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every header of the host's C library includes <features.h>. mote-cc lets guests reach the host's
 * headers, for libraries like zlib, but those of its C library describe functions that no guest
 * has.
 */
#error "this header is the host's: the guest C library does not have it (see mote_guest/libc)"
