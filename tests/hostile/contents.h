/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a sandbox's memory, as its host sees it. */
#ifndef MOTE_TESTS_HOSTILE_CONTENTS_H
#define MOTE_TESTS_HOSTILE_CONTENTS_H

#include "tests/api/fixture.h"

/* A copy of the private memory, to be freed. */
uint8_t *contents_copy(const mote_sandbox *sandbox);

/* Whether all that a guest can reach of it is as in the copy; prints where it is not. The monitor's
 * stacks, where the last exception's frame is, ring 3 can neither read nor write. */
bool contents_are(const mote_sandbox *sandbox, const uint8_t *wanted);

/* How often these bytes are in it, at any offset. */
size_t contents_count(const mote_sandbox *sandbox, const void *bytes, size_t n);

#endif
