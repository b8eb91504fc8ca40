/* SPDX-License-Identifier: Apache-2.0 */
/* Data to compress that is the same in every run and as compressible as prose. */
#ifndef MOTE_BENCH_PROSE_H
#define MOTE_BENCH_PROSE_H

#include <stddef.h>
#include <stdint.h>

/* Fill len_bytes with sentences of invented words: frequent words are far more frequent than rare
 * ones, and some words like to follow each other, as in a language. */
void prose_write(uint8_t *to, size_t len_bytes);

#endif
