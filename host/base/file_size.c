/* SPDX-License-Identifier: Apache-2.0 */
/* The size of a file that is made. */
#include "host/base/file_size.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

int mt_file_set_size(int fd, uint64_t len_bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && len_bytes > limit.rlim_cur)
        return EFBIG;
    return ftruncate(fd, (off_t)len_bytes) != 0 ? errno : 0;
}
