/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: memory and strings. Functions are as in ISO C and POSIX. */
#ifndef MOTE_GUEST_LIBC_STRING_H
#define MOTE_GUEST_LIBC_STRING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *to, const void *from, size_t n);
void *mempcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *data, int byte, size_t n);
void *memrchr(const void *data, int byte, size_t n);
void *memmem(const void *data, size_t n, const void *part, size_t n_part);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
int strcoll(const char *a, const char *b);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t n);
char *strchr(const char *text, int c);
char *strchrnul(const char *text, int c);
char *strrchr(const char *text, int c);
char *strstr(const char *text, const char *part);
size_t strspn(const char *text, const char *set);
size_t strcspn(const char *text, const char *set);
char *strpbrk(const char *text, const char *set);
char *strcpy(char *to, const char *from);
char *strncpy(char *to, const char *from, size_t n);
char *stpcpy(char *to, const char *from);
char *stpncpy(char *to, const char *from, size_t n);
char *strcat(char *to, const char *from);
char *strncat(char *to, const char *from, size_t n);
char *strdup(const char *text);
char *strndup(const char *text, size_t n);
char *strtok_r(char *text, const char *separators, char **rest);
char *strtok(char *text, const char *separators);
char *strerror(int number);

#ifdef __cplusplus
}
#endif

#endif
