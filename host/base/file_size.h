/* SPDX-License-Identifier: Apache-2.0 */
/* The size of a file that is made. */
#ifndef MOTE_HOST_BASE_FILE_SIZE_H
#define MOTE_HOST_BASE_FILE_SIZE_H

#include <stdint.h>

/* Give a file its size. Returns an errno: EFBIG where the process may make no file of that size,
 * which ftruncate() would tell it by SIGXFSZ. */
int mt_file_set_size(int fd, uint64_t len_bytes);

#endif
