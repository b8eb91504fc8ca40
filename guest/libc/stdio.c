/* SPDX-License-Identifier: Apache-2.0 */
/* printf() and its family, on the host's HostPrint or in memory. */
#include "guest/libc/own.h"
#include "guest/libc/print.h"
#include "guest/libc/standard_output.h"
#include <mote_guest/moteg.h>

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct moteg_file {
    bool is_urgent;
};

struct moteg_file moteg_standard_output = {.is_urgent = false};
struct moteg_file moteg_standard_error = {.is_urgent = true};

/* The engine's sink is the first member, so that a put() function finds the rest. */
struct memory_sink {
    struct mt_sink sink;
    char *to;
    size_t room; /* without the NUL */
};

static void put_to_memory(struct mt_sink *sink, const char *text, size_t len_bytes)
{
    struct memory_sink *memory = (struct memory_sink *)(void *)sink;
    size_t n = len_bytes < memory->room ? len_bytes : memory->room;
    memcpy(memory->to, text, n);
    memory->to += n;
    memory->room -= n;
}

static void put_to_nowhere(struct mt_sink *sink, const char *text, size_t len_bytes)
{
    (void)sink;
    (void)text;
    (void)len_bytes;
}

static void put_to_output(struct mt_sink *sink, const char *text, size_t len_bytes)
{
    (void)sink;
    mt_standard_output(text, len_bytes);
}

struct function_sink {
    struct mt_sink sink;
    moteg_put put;
    void *context;
};

static void put_to_function(struct mt_sink *sink, const char *text, size_t len_bytes)
{
    const struct function_sink *to = (struct function_sink *)(void *)sink;
    to->put(to->context, text, len_bytes);
}

int moteg_vprint_to(moteg_put put, void *context, const char *format, va_list args)
{
    struct function_sink to = {.sink = {.put = put_to_function}, .put = put, .context = context};
    return mt_print_to(&to.sink, format, args);
}

int moteg_print_to(moteg_put put, void *context, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = moteg_vprint_to(put, context, format, args);
    va_end(args);
    return n;
}

int vsnprintf(char *to, size_t room, const char *format, va_list args)
{
    if (room == 0) {
        struct mt_sink nowhere = {.put = put_to_nowhere};
        return mt_print_to(&nowhere, format, args);
    }
    struct memory_sink memory = {
        .sink = {.put = put_to_memory},
        .to = to,
        .room = room - 1,
    };
    int n = mt_print_to(&memory.sink, format, args);
    *memory.to = '\0';
    return n;
}

int snprintf(char *to, size_t room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to, room, format, args);
    va_end(args);
    return n;
}

int vsprintf(char *to, const char *format, va_list args)
{
    /* The caller vouches for the room: as much as an address space may have above it. */
    return vsnprintf(to, SIZE_MAX - (uintptr_t)to, format, args);
}

int sprintf(char *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsprintf(to, format, args);
    va_end(args);
    return n;
}

static void flush_if_urgent(const FILE *file)
{
    if (file->is_urgent)
        mt_standard_output_flush();
}

int vfprintf(FILE *file, const char *format, va_list args)
{
    struct mt_sink sink = {.put = put_to_output};
    int n = mt_print_to(&sink, format, args);
    flush_if_urgent(file);
    return n;
}

int fprintf(FILE *file, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vfprintf(file, format, args);
    va_end(args);
    return n;
}

int vprintf(const char *format, va_list args)
{
    return vfprintf(stdout, format, args);
}

int printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vprintf(format, args);
    va_end(args);
    return n;
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file)
{
    size_t len_bytes;
    if (__builtin_mul_overflow(size, count, &len_bytes) || len_bytes == 0)
        return 0;
    mt_standard_output(data, len_bytes);
    flush_if_urgent(file);
    return count;
}

int fputs(const char *text, FILE *file)
{
    fwrite(text, 1, strlen(text), file);
    return 0;
}

MT_MAY_BE_THE_GUESTS int puts(const char *text)
{
    mt_standard_output(text, strlen(text));
    mt_standard_output("\n", 1);
    return 0;
}

int fputc(int c, FILE *file)
{
    char byte = (char)c;
    fwrite(&byte, 1, 1, file);
    return (unsigned char)byte;
}

int putc(int c, FILE *file)
{
    return fputc(c, file);
}

MT_MAY_BE_THE_GUESTS int putchar(int c)
{
    return fputc(c, stdout);
}

int fflush(FILE *file)
{
    (void)file;
    mt_standard_output_flush();
    return 0;
}
