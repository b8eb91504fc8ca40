/* SPDX-License-Identifier: Apache-2.0 */
/* Where the C library prints to: given by the runtime. */
#ifndef MOTE_GUEST_LIBC_STANDARD_OUTPUT_H
#define MOTE_GUEST_LIBC_STANDARD_OUTPUT_H

#include <stddef.h>

/* Add to the text that the host prints. */
void mt_standard_output(const char *text, size_t len_bytes);
/* Let the host print it now. */
void mt_standard_output_flush(void);

#endif
