/* SPDX-License-Identifier: Apache-2.0 */
/* Functions on NUL-terminated strings. */
#include "guest/libc/block.h"
#include "guest/libc/own.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

/* The functions that return a pointer into a const argument are declared so by ISO C. */
static char *writable(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* Aligned blocks cannot cross into a page that the string does not touch; the bytes before
 * and after it are looked at, which AddressSanitizer does not know to be harmless. */
__attribute__((no_sanitize("address"))) size_t strlen(const char *text)
{
    size_t before = (uintptr_t)text % MT_BLOCK_BYTES;
    const char *block = text - before;
    const mt_block zero = mt_block_of(0);
    unsigned found = mt_block_equal(*(const mt_block *)(const void *)block, zero);
    found = found >> before << before;
    while (found == 0) {
        block += MT_BLOCK_BYTES;
        found = mt_block_equal(*(const mt_block *)(const void *)block, zero);
    }
    return (size_t)(block - text) + (size_t)__builtin_ctz(found);
}

MT_MAY_BE_THE_GUESTS size_t strnlen(const char *text, size_t n)
{
    const char *end = memchr(text, '\0', n);
    return end != NULL ? (size_t)(end - text) : n;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] || a[i] == '\0')
            return (unsigned char)a[i] - (unsigned char)b[i];
    }
    return 0;
}

MT_MAY_BE_THE_GUESTS int strcoll(const char *a, const char *b)
{
    return strcmp(a, b);
}

int strncasecmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int left = tolower((unsigned char)a[i]), right = tolower((unsigned char)b[i]);
        if (left != right || left == '\0')
            return left - right;
    }
    return 0;
}

MT_MAY_BE_THE_GUESTS int strcasecmp(const char *a, const char *b)
{
    return strncasecmp(a, b, SIZE_MAX);
}

char *strchrnul(const char *text, int c)
{
    while (*text != '\0' && *text != (char)c)
        text++;
    return writable(text);
}

char *strchr(const char *text, int c)
{
    const char *found = strchrnul(text, c);
    return *found == (char)c ? writable(found) : NULL;
}

MT_MAY_BE_THE_GUESTS char *strrchr(const char *text, int c)
{
    return memrchr(text, c, strlen(text) + 1);
}

char *strstr(const char *text, const char *part)
{
    return memmem(text, strlen(text), part, strlen(part));
}

size_t strspn(const char *text, const char *set)
{
    size_t n = 0;
    while (text[n] != '\0' && strchr(set, text[n]) != NULL)
        n++;
    return n;
}

size_t strcspn(const char *text, const char *set)
{
    size_t n = 0;
    while (text[n] != '\0' && strchr(set, text[n]) == NULL)
        n++;
    return n;
}

MT_MAY_BE_THE_GUESTS char *strpbrk(const char *text, const char *set)
{
    text += strcspn(text, set);
    return *text != '\0' ? writable(text) : NULL;
}

MT_MAY_BE_THE_GUESTS char *stpcpy(char *to, const char *from)
{
    size_t n = strlen(from);
    memcpy(to, from, n + 1);
    return to + n;
}

MT_MAY_BE_THE_GUESTS char *strcpy(char *to, const char *from)
{
    memcpy(to, from, strlen(from) + 1);
    return to;
}

char *strncpy(char *to, const char *from, size_t n)
{
    size_t len = strnlen(from, n);
    memcpy(to, from, len);
    memset(to + len, 0, n - len);
    return to;
}

char *stpncpy(char *to, const char *from, size_t n)
{
    return strncpy(to, from, n) + strnlen(from, n);
}

MT_MAY_BE_THE_GUESTS char *strcat(char *to, const char *from)
{
    memcpy(to + strlen(to), from, strlen(from) + 1);
    return to;
}

char *strncat(char *to, const char *from, size_t n)
{
    size_t len = strnlen(from, n);
    char *end = to + strlen(to);
    memcpy(end, from, len);
    end[len] = '\0';
    return to;
}

MT_MAY_BE_THE_GUESTS char *strtok_r(char *text, const char *separators, char **rest)
{
    char *token = text != NULL ? text : *rest;
    token += strspn(token, separators);
    char *end = token + strcspn(token, separators);
    *rest = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return end != token ? token : NULL;
}

MT_MAY_BE_THE_GUESTS char *strtok(char *text, const char *separators)
{
    static char nothing[1];
    static char *rest = nothing; /* before the first text there is no token */
    return strtok_r(text, separators, &rest);
}

MT_MAY_BE_THE_GUESTS char *strerror(int number)
{
    static const struct {
        int number;
        const char *text;
    } texts[] = {
        {0, "Success"},
        {EPERM, "Operation not permitted"},
        {ENOENT, "No such file or directory"},
        {EINTR, "Interrupted system call"},
        {EIO, "Input/output error"},
        {EBADF, "Bad file descriptor"},
        {EAGAIN, "Resource temporarily unavailable"},
        {ENOMEM, "Cannot allocate memory"},
        {EACCES, "Permission denied"},
        {EFAULT, "Bad address"},
        {EEXIST, "File exists"},
        {EINVAL, "Invalid argument"},
        {EDOM, "Numerical argument out of domain"},
        {ERANGE, "Numerical result out of range"},
        {ENOSYS, "Function not implemented"},
        {EILSEQ, "Invalid or incomplete multibyte or wide character"},
        {EOVERFLOW, "Value too large for defined data type"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].number == number)
            return writable(texts[i].text);
    }
    return writable("Unknown error");
}
