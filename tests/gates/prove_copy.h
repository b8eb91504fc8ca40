/* SPDX-License-Identifier: Apache-2.0 */
/* Included before everything when wire/ is compiled for prove_wire.c. */
#ifndef MOTE_TESTS_GATES_PROVE_COPY_H
#define MOTE_TESTS_GATES_PROVE_COPY_H

#include <stddef.h>

void prove_copy(void *to, const void *from, size_t bytes);
#define __builtin_memcpy prove_copy

#endif
