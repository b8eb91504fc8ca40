/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What objects ask for that were compiled against glibc with _FORTIFY_SOURCE, such as Debian's
 * static libraries: the same functions, told how large the destination is.
 */
#include <mote_guest/moteg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's names have no header of ours. There, stdout and stderr are variables. */
void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__mempcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__memmove_chk(void *to, const void *from, size_t n, size_t room);
void *__memset_chk(void *to, int byte, size_t n, size_t room);
char *__strcpy_chk(char *to, const char *from, size_t room);
char *__stpcpy_chk(char *to, const char *from, size_t room);
char *__strncpy_chk(char *to, const char *from, size_t n, size_t room);
char *__stpncpy_chk(char *to, const char *from, size_t n, size_t room);
char *__strcat_chk(char *to, const char *from, size_t room);
char *__strncat_chk(char *to, const char *from, size_t n, size_t room);
int __vsnprintf_chk(char *to, size_t n, int flag, size_t room, const char *format, va_list args)
    MOTEG_PRINTF(5, 0);
int __snprintf_chk(char *to, size_t n, int flag, size_t room, const char *format, ...)
    MOTEG_PRINTF(5, 6);
int __vsprintf_chk(char *to, int flag, size_t room, const char *format, va_list args)
    MOTEG_PRINTF(4, 0);
int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...) MOTEG_PRINTF(4, 5);
int __vprintf_chk(int flag, const char *format, va_list args) MOTEG_PRINTF(2, 0);
int __printf_chk(int flag, const char *format, ...) MOTEG_PRINTF(2, 3);
int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args) MOTEG_PRINTF(3, 0);
int __fprintf_chk(FILE *file, int flag, const char *format, ...) MOTEG_PRINTF(3, 4);

#undef stdout
#undef stderr
extern FILE *const stdout;
extern FILE *const stderr;
FILE *const stdout = &moteg_standard_output;
FILE *const stderr = &moteg_standard_error;

static void need(size_t n, size_t room)
{
    if (n > room)
        moteg_abort(MOTEG_CODE_STACK_SMASHED, "buffer overflow: %zu bytes into %zu", n, room);
}

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
    need(n, room);
    return memcpy(to, from, n);
}

void *__mempcpy_chk(void *to, const void *from, size_t n, size_t room)
{
    need(n, room);
    return mempcpy(to, from, n);
}

void *__memmove_chk(void *to, const void *from, size_t n, size_t room)
{
    need(n, room);
    return memmove(to, from, n);
}

void *__memset_chk(void *to, int byte, size_t n, size_t room)
{
    need(n, room);
    return memset(to, byte, n);
}

char *__strcpy_chk(char *to, const char *from, size_t room)
{
    __stpcpy_chk(to, from, room);
    return to;
}

char *__stpcpy_chk(char *to, const char *from, size_t room)
{
    need(strlen(from) + 1, room);
    return stpcpy(to, from);
}

char *__strncpy_chk(char *to, const char *from, size_t n, size_t room)
{
    need(n, room);
    return strncpy(to, from, n);
}

char *__stpncpy_chk(char *to, const char *from, size_t n, size_t room)
{
    need(n, room);
    return stpncpy(to, from, n);
}

char *__strcat_chk(char *to, const char *from, size_t room)
{
    size_t n = strlen(from);
    need(strlen(to) + n + 1, room);
    return strncat(to, from, n);
}

char *__strncat_chk(char *to, const char *from, size_t n, size_t room)
{
    need(strlen(to) + strnlen(from, n) + 1, room);
    return strncat(to, from, n);
}

int __vsnprintf_chk(char *to, size_t n, int flag, size_t room, const char *format, va_list args)
{
    (void)flag;
    need(n, room);
    return vsnprintf(to, n, format, args);
}

int __snprintf_chk(char *to, size_t n, int flag, size_t room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = __vsnprintf_chk(to, n, flag, room, format, args);
    va_end(args);
    return len;
}

int __vsprintf_chk(char *to, int flag, size_t room, const char *format, va_list args)
{
    (void)flag;
    int len = vsnprintf(to, room, format, args);
    if (len >= 0)
        need((size_t)len + 1, room);
    return len;
}

int __sprintf_chk(char *to, int flag, size_t room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = __vsprintf_chk(to, flag, room, format, args);
    va_end(args);
    return len;
}

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args)
{
    (void)flag;
    return vfprintf(file, format, args);
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = __vfprintf_chk(file, flag, format, args);
    va_end(args);
    return len;
}

int __vprintf_chk(int flag, const char *format, va_list args)
{
    return __vfprintf_chk(stdout, flag, format, args);
}

int __printf_chk(int flag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = __vprintf_chk(flag, format, args);
    va_end(args);
    return len;
}
