/* SPDX-License-Identifier: Apache-2.0 */
/* The engine of the printf() family, and how it writes numbers. */
#ifndef MOTE_GUEST_LIBC_PRINT_H
#define MOTE_GUEST_LIBC_PRINT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where printed text goes, piece by piece. */
struct mt_sink {
    void (*put)(struct mt_sink *sink, const char *text, size_t len_bytes);
    uint64_t total_bytes; /* counted by the engine */
};

/* Print to a sink. Returns the number of bytes, or -1 when it is no int or the format is bad. */
int mt_print_to(struct mt_sink *sink, const char *format, va_list args);

/* One conversion: what stands between % and its letter, and the letter. */
struct mt_conversion {
    bool left, plus, space, alternate, zero;
    int width;
    int precision; /* -1 for none */
    char letter;
};

/* Print a number with its sign, padded; for the letters f F e E g G a A. */
void mt_print_double(struct mt_sink *sink, const struct mt_conversion *conversion, double value);

void mt_put(struct mt_sink *sink, const char *text, size_t len_bytes);
void mt_put_repeated(struct mt_sink *sink, char c, int n);

#endif
