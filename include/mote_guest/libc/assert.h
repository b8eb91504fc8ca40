/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: a failed assertion ends the guest with its text. */
#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
    ((condition) ? (void)0 : __assert_fail(#condition, __FILE__, __LINE__, __func__))
#endif

#ifndef MOTE_GUEST_LIBC_ASSERT_H
#define MOTE_GUEST_LIBC_ASSERT_H

#ifdef __cplusplus
extern "C" {
#else
#define static_assert _Static_assert
#endif

void __assert_fail(const char *condition, const char *file, unsigned line, const char *function)
    __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
