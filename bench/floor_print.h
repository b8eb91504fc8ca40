/* SPDX-License-Identifier: Apache-2.0 */
/* What the floors have in common: they give up at the first failure, and print medians as JSON. */
#ifndef MOTE_BENCH_FLOOR_PRINT_H
#define MOTE_BENCH_FLOOR_PRINT_H

#include <stddef.h>

/* Returns value. End the program where it is negative, saying what failed. */
long floor_require(long value, const char *what);

/* Stay on the CPU that this runs on; children inherit it. Returns its number. */
size_t floor_stay_here(void);

/* Print one member of an object and the comma behind it; start is what stands before the colon.
 * Sorts us. */
void floor_print(const char *start, double *us, size_t n);

#endif
