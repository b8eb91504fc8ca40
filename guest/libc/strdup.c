/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of strings from malloc(). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

char *strndup(const char *text, size_t n)
{
    size_t len = strnlen(text, n);
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *strdup(const char *text)
{
    return strndup(text, SIZE_MAX);
}
