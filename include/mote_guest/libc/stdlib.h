/* SPDX-License-Identifier: Apache-2.0 */
/* The guest C library: memory, numbers, sorting. exit() and abort() end the guest. */
#ifndef MOTE_GUEST_LIBC_STDLIB_H
#define MOTE_GUEST_LIBC_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 0x7fffffff

typedef struct {
    int quot;
    int rem;
} div_t;
typedef struct {
    long quot;
    long rem;
} ldiv_t;
typedef struct {
    long long quot;
    long long rem;
} lldiv_t;

void *malloc(size_t n) __attribute__((malloc));
void *calloc(size_t count, size_t n) __attribute__((malloc));
void *realloc(void *old, size_t n);
void *reallocarray(void *old, size_t count, size_t n);
void *aligned_alloc(size_t alignment, size_t n) __attribute__((malloc));
int posix_memalign(void **made, size_t alignment, size_t n);
void free(void *memory);

void abort(void) __attribute__((noreturn));
void exit(int status) __attribute__((noreturn));
void _Exit(int status) __attribute__((noreturn));
int atexit(void (*fn)(void));
char *getenv(const char *name);

int abs(int value);
long labs(long value);
long long llabs(long long value);
div_t div(int a, int b);
ldiv_t ldiv(long a, long b);
lldiv_t lldiv(long long a, long long b);

int atoi(const char *text);
long atol(const char *text);
long long atoll(const char *text);
double atof(const char *text);
long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
long long strtoll(const char *text, char **end, int base);
unsigned long long strtoull(const char *text, char **end, int base);
double strtod(const char *text, char **end);
float strtof(const char *text, char **end);
long double strtold(const char *text, char **end);

void qsort(void *base, size_t count, size_t n, int (*compare)(const void *, const void *));
void qsort_r(void *base, size_t count, size_t n, int (*compare)(const void *, const void *, void *),
             void *context);
void *bsearch(const void *key, const void *base, size_t count, size_t n,
              int (*compare)(const void *, const void *));

int rand(void);
int rand_r(unsigned *seed);
void srand(unsigned seed);

#ifdef __cplusplus
}
#endif

#endif
