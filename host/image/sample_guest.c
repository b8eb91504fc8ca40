/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: a tiny guest with a note, a function table and relocated pointers, for every linker.
 */
#include "abi/note.h"

const char *_start(unsigned index);
__attribute__((used, noinline)) unsigned sample_count(unsigned by);

/* Four pointers that are written to, and so keep their relocations; zeroed memory behind them. */
static const char *volatile words[4] = {"zero", "one", "two", "three"};
static volatile unsigned n_calls;
static volatile char zeroes[0x3000];

__attribute__((used, noinline)) unsigned sample_count(unsigned by)
{
    n_calls += by;
    zeroes[n_calls % sizeof(zeroes)] = 1;
    return n_calls;
}

/* The word behind the index-th one for each call before this one. */
const char *_start(unsigned index)
{
    return words[(index + sample_count(1) - 1) % 4];
}

__attribute__((used, visibility("hidden"))) const struct mt_note_function sample_functions[2] = {
    {(uint64_t) "Pick", (uint64_t)_start, 1, 6, {1}},
    {(uint64_t) "Count", (uint64_t)sample_count, 1, 1, {1}},
};

__asm__(".pushsection .note.mote, \"a\", @note\n"
        ".balign 4\n"
        ".long 5, 32, 1\n"
        ".asciz \"mote\"\n"
        ".balign 4\n"
        ".long 1, 0\n"
        ".quad 0x123000, 0x45000\n"
        ".long sample_functions - .\n"
        ".long sample_functions + 64 - .\n"
        ".popsection\n");
