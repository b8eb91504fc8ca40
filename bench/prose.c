/* SPDX-License-Identifier: Apache-2.0 */
/* Invented prose from a small generator of pseudo-random numbers. */
#include "bench/prose.h"

#include <string.h>

#define N_WORDS 4096u
#define WORD_ROOM 20u
#define N_FOLLOWERS 16u

struct word {
    size_t len;
    char text[WORD_ROOM];
};

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003); the state is never 0. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* From 0 to n - 1. */
static size_t random_below(uint64_t *state, size_t n)
{
    return (size_t)((next_random(state) >> 32) * n >> 32);
}

/* From 0 to n - 1, small numbers more often: the density falls with the square. */
static size_t random_rank(uint64_t *state, size_t n)
{
    size_t one = random_below(state, n);
    size_t two = random_below(state, n);
    return one * two / n * random_below(state, n) / n;
}

/* Rare words are the long ones. */
static void invent_words(struct word *words, uint64_t *state)
{
    static const char consonants[] = "tnshrdlcmwfgypbvk";
    static const char vowels[] = "eaoiu";
    for (size_t i = 0; i < N_WORDS; i++) {
        size_t n_syllables = (i > 300 ? 3u : i > 30 ? 2u : 1u) + random_below(state, 2);
        for (size_t k = 0; k < n_syllables; k++) {
            words[i].text[words[i].len++] = consonants[random_below(state, sizeof consonants - 1)];
            words[i].text[words[i].len++] = vowels[random_below(state, sizeof vowels - 1)];
            if (random_below(state, 3) == 0) {
                words[i].text[words[i].len++] = consonants[random_rank(state, 8)];
            }
        }
    }
}

/* Half of the words come from the few that their predecessor likes. */
static size_t next_word(size_t before, uint64_t *state)
{
    if (random_below(state, 2) == 0) {
        return random_rank(state, N_WORDS);
    }
    uint64_t liking = (before + 1) * 0x9E3779B97F4A7C15u + random_rank(state, N_FOLLOWERS);
    return random_rank(&liking, N_WORDS);
}

void prose_write(uint8_t *to, size_t len_bytes)
{
    static struct word words[N_WORDS];
    uint64_t state = 0x6D6F7465u;
    memset(words, 0, sizeof words);
    invent_words(words, &state);
    size_t used = 0;
    size_t word = 0;
    while (used < len_bytes) {
        word = next_word(word, &state);
        static const char *const ends[] = {", ", ". ", ".\n"};
        size_t mark = random_below(&state, 24);
        const char *end = mark < sizeof ends / sizeof ends[0] ? ends[mark] : " ";
        for (size_t i = 0; i < words[word].len && used < len_bytes; i++) {
            to[used++] = (uint8_t)words[word].text[i];
        }
        for (size_t i = 0; end[i] != '\0' && used < len_bytes; i++) {
            to[used++] = (uint8_t)end[i];
        }
    }
}
