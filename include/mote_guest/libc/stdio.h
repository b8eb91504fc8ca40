/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest C library: printing. There are no files: stdout is gathered and reaches the host's
 * HostPrint at the next exit, stderr at once.
 */
#ifndef MOTE_GUEST_LIBC_STDIO_H
#define MOTE_GUEST_LIBC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EOF (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define BUFSIZ 1024

typedef struct moteg_file FILE;
extern struct moteg_file moteg_standard_output;
extern struct moteg_file moteg_standard_error;
#define stdout (&moteg_standard_output)
#define stderr (&moteg_standard_error)

#define MOTEG_LIKE_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

int printf(const char *format, ...) MOTEG_LIKE_PRINTF(1, 2);
int vprintf(const char *format, va_list args) MOTEG_LIKE_PRINTF(1, 0);
int fprintf(FILE *file, const char *format, ...) MOTEG_LIKE_PRINTF(2, 3);
int vfprintf(FILE *file, const char *format, va_list args) MOTEG_LIKE_PRINTF(2, 0);
int sprintf(char *to, const char *format, ...) MOTEG_LIKE_PRINTF(2, 3);
int vsprintf(char *to, const char *format, va_list args) MOTEG_LIKE_PRINTF(2, 0);
int snprintf(char *to, size_t room, const char *format, ...) MOTEG_LIKE_PRINTF(3, 4);
int vsnprintf(char *to, size_t room, const char *format, va_list args) MOTEG_LIKE_PRINTF(3, 0);
int puts(const char *text);
int putchar(int c);
int putc(int c, FILE *file);
int fputc(int c, FILE *file);
int fputs(const char *text, FILE *file);
size_t fwrite(const void *data, size_t size, size_t count, FILE *file);
int fflush(FILE *file);

#undef MOTEG_LIKE_PRINTF

#ifdef __cplusplus
}
#endif

#endif
