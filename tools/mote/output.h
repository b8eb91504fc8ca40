/* SPDX-License-Identifier: Apache-2.0 */
/* The standard descriptors: writing to them, with every failure seen. */
#ifndef MOTE_TOOLS_MOTE_OUTPUT_H
#define MOTE_TOOLS_MOTE_OUTPUT_H

#include <mote/error.h>
#include <stdbool.h>
#include <stddef.h>

/* Make sure that descriptors 0 to 2 are taken, so that no file that is opened later becomes one of
 * them, and that writing to a closed pipe or past a file-size limit is an error and not a signal.
 */
void output_prepare(void);

/* Whether to repeat a read or a write that failed. Another program may have made the descriptor
 * non-blocking, also after this one began: waits until it is ready for event, POLLIN or POLLOUT. */
bool output_can_go_on(int fd, short event, int os_errno);

/* Write all bytes to a descriptor. Returns 0 or an errno. */
int output_write(int fd, const void *data, size_t len_bytes);

/* Write all bytes to standard output. */
mote_status output_result(const void *data, size_t len_bytes, mote_error *err);

/* The error for standard output that cannot be written. */
mote_status output_fail(int os_errno, mote_error *err);

#endif
