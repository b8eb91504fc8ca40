/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: error numbers, with Linux's values. */
#ifndef MOTE_GUEST_LIBC_ERRNO_H
#define MOTE_GUEST_LIBC_ERRNO_H

#ifdef __cplusplus
extern "C" {
#endif

int *__errno_location(void);
#define errno (*__errno_location())

#define EPERM 1
#define ENOENT 2
#define EINTR 4
#define EIO 5
#define EBADF 9
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EEXIST 17
#define EINVAL 22
#define EDOM 33
#define ERANGE 34
#define ENOSYS 38
#define EILSEQ 84
#define EOVERFLOW 75

#ifdef __cplusplus
}
#endif

#endif
