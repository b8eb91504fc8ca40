/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that keeps a table of words between calls, and has a function that breaks everything. */
#include <mote_guest/moteg.h>

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 100u

static char *words[MAX_WORDS];
static uint32_t n_words;

MOTEG_FUNCTION(u32, Learn, (str, word))
{
    if (n_words == MAX_WORDS)
        moteg_fail(1, "no more than %u words", MAX_WORDS);
    words[n_words] = malloc(strlen(word) + 1);
    if (words[n_words] == NULL)
        moteg_fail(2, "no memory for %s", word);
    strcpy(words[n_words], word);
    return ++n_words;
}

MOTEG_FUNCTION(bool, Knows, (str, word))
{
    for (uint32_t i = 0; i < n_words; i++) {
        if (strcmp(words[i], word) == 0)
            return true;
    }
    return false;
}

MOTEG_FUNCTION(void, Break)
{
    memset(words, 0x11, sizeof(words));
    words[0][0] = 'x'; /* an address that leads nowhere */
}
