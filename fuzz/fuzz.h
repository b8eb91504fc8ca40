/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: requirements, bytes taken from the input, an allocator that counts.
 */
#ifndef MOTE_FUZZ_FUZZ_H
#define MOTE_FUZZ_FUZZ_H

#include <mote/config.h>
#include <mote/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The entry point of every target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

/* What must hold for every input; where it does not, the process ends with a message. */
#define FUZZ_REQUIRE(condition) fuzz_require((condition), #condition, __FILE__, __LINE__)
void fuzz_require(bool condition, const char *text, const char *file, int line);

/* An error is complete: its code is the status, its text one line that is not empty. */
void fuzz_require_error(mote_status status, const mote_error *err);

/* ---- The input as a stream; past its end it is zeroes ---- */

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

void fuzz_take(struct fuzz_input *input, void *to, size_t n);
uint8_t fuzz_take_u8(struct fuzz_input *input);
uint16_t fuzz_take_u16(struct fuzz_input *input);
uint32_t fuzz_take_u32(struct fuzz_input *input);
uint64_t fuzz_take_u64(struct fuzz_input *input);
/* At most n bytes of the input itself; *n becomes how many there are. */
const uint8_t *fuzz_take_bytes(struct fuzz_input *input, size_t *n);

/* ---- Allocations ---- */

/* Refuses, and remembers, what would pass the cap: the target decides whether that is wrong. What
 * would pass the smaller limit is refused only to save time. */
struct fuzz_counter {
    size_t n_live;
    size_t live_bytes;
    size_t cap_bytes;
    bool is_over_cap;
    size_t limit_bytes; /* 0 for none */
    bool is_over_limit;
};

mote_allocator fuzz_allocator(struct fuzz_counter *counter);

#endif
