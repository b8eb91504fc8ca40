/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of libc that fail once: the linker puts those of failures.c in their place (--wrap). */
#ifndef MOTE_TESTS_INJECT_FAILURES_H
#define MOTE_TESTS_INJECT_FAILURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum failures_of { FAILURES_OF_SYSTEM_CALLS, FAILURES_OF_ALLOCATIONS };

/* Let the call of this kind that follows n_before others in the calling thread, and in those that
 * it starts, fail: system calls with the errno, allocations with NULL. */
void failures_arm(enum failures_of kind, size_t n_before, int with_errno);
void failures_disarm(void);

/* What was made to fail; NULL when fewer calls were made. */
const char *failures_failed(void);

/* How much the library has mapped and not unmapped. */
int64_t failures_mapped_bytes(void);

/* What munmap() was kept from unmapping is unmapped now. */
void failures_clean_up(void);

#endif
