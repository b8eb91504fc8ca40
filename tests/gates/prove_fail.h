/* SPDX-License-Identifier: Apache-2.0 */
/* What the proofs can ask of prove_fail.c. */
#ifndef MOTE_TESTS_GATES_PROVE_FAIL_H
#define MOTE_TESTS_GATES_PROVE_FAIL_H

#include <stddef.h>

/* What was asked for last. */
extern size_t prove_allocated_bytes;

#endif
