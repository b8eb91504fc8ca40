/* SPDX-License-Identifier: Apache-2.0 */
/* What a process holds of the machine. */
#ifndef MOTE_TESTS_GATES_USAGE_H
#define MOTE_TESTS_GATES_USAGE_H

#include <stdbool.h>

struct usage {
    long resident_bytes;
    long descriptors;
    long mappings;
    long threads;
};

struct usage usage_now(void);
void usage_print(const char *name, long n, double seconds, const struct usage *usage);
/* Says what has grown. */
bool usage_has_grown(const char *name, const struct usage *before, const struct usage *after);

#endif
