/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of strings from malloc(). */
#include "guest/libc/own.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

MT_MAY_BE_THE_GUESTS char *strndup(const char *text, size_t n)
{
    size_t len = strnlen(text, n);
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

MT_MAY_BE_THE_GUESTS char *strdup(const char *text)
{
    return strndup(text, SIZE_MAX);
}
