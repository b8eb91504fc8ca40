/* SPDX-License-Identifier: Apache-2.0 */
/* Exploring every path: a program asks for choices, and runs again until each sequence of them was
 * taken. A guest that changes its memory at any time is one whose every read is a choice. */
#ifndef MOTE_TESTS_GATES_PROVE_H
#define MOTE_TESTS_GATES_PROVE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define PROVE_MAX_CHOICES 64

static struct {
    unsigned taken[PROVE_MAX_CHOICES];
    unsigned of[PROVE_MAX_CHOICES];
    unsigned depth; /* of the path that is running */
    unsigned known; /* how many of its choices are prescribed */
    unsigned long n_paths;
} prove_paths;

static inline void prove_fail(const char *what, const char *file, int line)
{
    printf("DISPROVEN: %s (%s:%d), choices", what, file, line);
    for (unsigned i = 0; i < prove_paths.depth; i++)
        printf(" %u", prove_paths.taken[i]);
    printf("\n");
    exit(1);
}

#define PROVE(condition) \
    do { \
        if (!(condition)) \
            prove_fail(#condition, __FILE__, __LINE__); \
    } while (0)

/* One of 0 to n - 1; over all paths, each of them. */
static inline unsigned prove_choose(unsigned n)
{
    unsigned i = prove_paths.depth++;
    PROVE(i < PROVE_MAX_CHOICES && n > 0);
    if (i >= prove_paths.known) {
        prove_paths.taken[i] = 0;
        prove_paths.of[i] = n;
    }
    PROVE(prove_paths.of[i] == n);
    return prove_paths.taken[i];
}

/* After a path: whether there is another one. */
static inline bool prove_next(void)
{
    unsigned i = prove_paths.depth;
    prove_paths.depth = 0;
    prove_paths.n_paths++;
    while (i > 0) {
        i--;
        if (++prove_paths.taken[i] < prove_paths.of[i]) {
            prove_paths.known = i + 1;
            return true;
        }
    }
    prove_paths.known = 0;
    return false;
}

#endif
