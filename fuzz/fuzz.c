/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. */
#include "fuzz/fuzz.h"

#include "host/base/text.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_require(bool condition, const char *text, const char *file, int line)
{
    if (condition)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
    abort();
}

void fuzz_require_error(mote_status status, const mote_error *err)
{
    if (status == MOTE_OK)
        return;
    size_t len = strnlen(err->text, sizeof(err->text));
    FUZZ_REQUIRE(err->code == status);
    FUZZ_REQUIRE(len > 0 && len < sizeof(err->text));
    FUZZ_REQUIRE(mt_utf8_is_valid(err->text, len));
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)err->text[i];
        FUZZ_REQUIRE((byte >= 0x20 && byte != 0x7F) || byte == '\t');
    }
    size_t message_len = strnlen(err->message, sizeof(err->message));
    FUZZ_REQUIRE(message_len < sizeof(err->message));
    FUZZ_REQUIRE(mt_utf8_is_valid(err->message, message_len));
    FUZZ_REQUIRE(strnlen(err->function, sizeof(err->function)) < sizeof(err->function));
    FUZZ_REQUIRE(strnlen(err->subject, sizeof(err->subject)) < sizeof(err->subject));
}

/* ---- Input ---- */

void fuzz_take(struct fuzz_input *input, void *to, size_t n)
{
    size_t n_there = n < input->left ? n : input->left;
    memset(to, 0, n);
    if (n_there > 0)
        memcpy(to, input->at, n_there);
    input->at += n_there;
    input->left -= n_there;
}

uint8_t fuzz_take_u8(struct fuzz_input *input)
{
    uint8_t value;
    fuzz_take(input, &value, sizeof(value));
    return value;
}

uint16_t fuzz_take_u16(struct fuzz_input *input)
{
    uint16_t value;
    fuzz_take(input, &value, sizeof(value));
    return value;
}

uint32_t fuzz_take_u32(struct fuzz_input *input)
{
    uint32_t value;
    fuzz_take(input, &value, sizeof(value));
    return value;
}

uint64_t fuzz_take_u64(struct fuzz_input *input)
{
    uint64_t value;
    fuzz_take(input, &value, sizeof(value));
    return value;
}

const uint8_t *fuzz_take_bytes(struct fuzz_input *input, size_t *n)
{
    const uint8_t *at = input->at;
    if (*n > input->left)
        *n = input->left;
    input->at += *n;
    input->left -= *n;
    return at;
}

/* ---- Allocations ---- */

static bool passes(const struct fuzz_counter *counter, size_t more_bytes, size_t most_bytes)
{
    return more_bytes > most_bytes || counter->live_bytes > most_bytes - more_bytes;
}

static bool has_room(struct fuzz_counter *counter, size_t more_bytes)
{
    bool is_over_cap = passes(counter, more_bytes, counter->cap_bytes);
    bool is_over_limit =
        counter->limit_bytes != 0 && passes(counter, more_bytes, counter->limit_bytes);
    counter->is_over_cap |= is_over_cap;
    counter->is_over_limit |= is_over_limit;
    return !is_over_cap && !is_over_limit;
}

static void count(struct fuzz_counter *counter, void *block)
{
    counter->n_live++;
    counter->live_bytes += malloc_usable_size(block);
}

static void discount(struct fuzz_counter *counter, void *block)
{
    FUZZ_REQUIRE(counter->n_live > 0);
    counter->n_live--;
    counter->live_bytes -= malloc_usable_size(block);
}

static void *count_allocate(void *context, size_t len_bytes)
{
    void *block = has_room(context, len_bytes) ? malloc(len_bytes) : NULL;
    if (block != NULL)
        count(context, block);
    return block;
}

static void count_release(void *context, void *block)
{
    discount(context, block);
    free(block);
}

static void *count_reallocate(void *context, void *block, size_t len_bytes)
{
    if (block == NULL)
        return count_allocate(context, len_bytes);
    if (!has_room(context, len_bytes))
        return NULL;
    discount(context, block);
    void *moved = realloc(block, len_bytes);
    count(context, moved != NULL ? moved : block);
    return moved;
}

mote_allocator fuzz_allocator(struct fuzz_counter *counter)
{
    return (mote_allocator){count_allocate, count_reallocate, count_release, counter};
}
