/* SPDX-License-Identifier: Apache-2.0 */
/* The same gzip file decompressed by the same library, in turns: natively, and by a new guest. */
#include "bench/inflate.h"
#include "bench/clock.h"
#include "bench/fail.h"
#include "bench/guest.h"
#include "bench/prose.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PLAIN_BYTES = 16 << 20, ROOM_BYTES = 64 << 10, LEVEL = 6, TURNS = 15 };
enum { GZIP_WINDOW_BITS = 15 + 16 };

struct buffers {
    uint8_t *plain;
    uint8_t *inflated;
    uint8_t *copy;
    uint8_t *compressed;
    size_t compressed_bytes;
};

static void buffers_free(struct buffers *buffers)
{
    free(buffers->plain);
    free(buffers->inflated);
    free(buffers->copy);
    free(buffers->compressed);
}

/* All of it is touched: no turn pays for a page that comes into being. */
static uint8_t *touched(size_t len_bytes)
{
    uint8_t *start = malloc(len_bytes);
    if (start != NULL) {
        memset(start, 1, len_bytes);
    }
    return start;
}

static mote_status compress_plain(struct buffers *buffers, mote_error *err)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return fail(err, MOTE_E_MEMORY, "zlib cannot start to compress");
    }
    stream.next_in = buffers->plain;
    stream.avail_in = PLAIN_BYTES;
    stream.next_out = buffers->compressed;
    stream.avail_out = PLAIN_BYTES;
    int result = deflate(&stream, Z_FINISH);
    buffers->compressed_bytes = stream.total_out;
    deflateEnd(&stream);
    return result == Z_STREAM_END ? MOTE_OK : fail(err, MOTE_E_BUG, "deflate() gave %d", result);
}

static mote_status buffers_make(struct buffers *buffers, mote_error *err)
{
    buffers->plain = touched(PLAIN_BYTES);
    buffers->inflated = touched(PLAIN_BYTES);
    buffers->copy = touched(PLAIN_BYTES);
    buffers->compressed = touched(PLAIN_BYTES);
    if (!buffers->plain || !buffers->inflated || !buffers->copy || !buffers->compressed) {
        return fail(err, MOTE_E_MEMORY, "no memory for %d bytes, four times", PLAIN_BYTES);
    }
    prose_write(buffers->plain, PLAIN_BYTES);
    return compress_plain(buffers, err);
}

static mote_status inflate_natively(const struct buffers *buffers, double *us, mote_error *err)
{
    double start_us = clock_now_us();
    z_stream stream = {0};
    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
        return fail(err, MOTE_E_MEMORY, "zlib cannot start to decompress");
    }
    stream.next_in = buffers->compressed;
    stream.avail_in = (uInt)buffers->compressed_bytes;
    stream.next_out = buffers->inflated;
    stream.avail_out = PLAIN_BYTES;
    int result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    memcpy(buffers->copy, buffers->inflated, PLAIN_BYTES);
    *us = clock_now_us() - start_us;
    if (result != Z_STREAM_END || memcmp(buffers->copy, buffers->plain, PLAIN_BYTES) != 0) {
        return fail(err, MOTE_E_BUG, "zlib decompressed wrongly: %d", result);
    }
    return MOTE_OK;
}

static mote_status inflate_in_guest(mote_sandbox *sandbox, const struct buffers *buffers,
                                    double *us, mote_error *err)
{
    mote_value argument = mote_bytes(buffers->compressed, buffers->compressed_bytes);
    mote_value result;
    double start_us = clock_now_us();
    mote_status status = mote_call(sandbox, "Inflate", &argument, 1, MOTE_TYPE_BYTES, &result, err);
    *us = clock_now_us() - start_us;
    if (status != MOTE_OK) {
        return status;
    }
    if (result.as.bytes.len_bytes != PLAIN_BYTES ||
        memcmp(result.as.bytes.data, buffers->plain, PLAIN_BYTES) != 0) {
        return fail(err, MOTE_E_BUG, "the guest decompressed wrongly");
    }
    return MOTE_OK;
}

/* One turn: natively once, then two calls of a new sandbox. */
static mote_status take_turn(mote_image *image, const char *driver, const struct buffers *buffers,
                             struct inflate *inflate, mote_error *err)
{
    double native_us = 0;
    double first_us = 0;
    double second_us = 0;
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = driver;
    config.input_bytes = buffers->compressed_bytes + ROOM_BYTES;
    config.output_bytes = PLAIN_BYTES + ROOM_BYTES;
    config.time_limit_us = 60000000;
    mote_sandbox *sandbox = NULL;
    mote_status status = guest_start(image, &config, &sandbox, err);
    if (status != MOTE_OK) {
        return status;
    }
    status = inflate_in_guest(sandbox, buffers, &first_us, err);
    if (status == MOTE_OK) {
        status = inflate_in_guest(sandbox, buffers, &second_us, err);
    }
    mote_sandbox_destroy(sandbox);
    if (status == MOTE_OK) {
        status = inflate_natively(buffers, &native_us, err);
    }
    if (status == MOTE_OK) {
        samples_add(&inflate->native, native_us);
        samples_add(&inflate->first, first_us);
        samples_add(&inflate->second, second_us);
    }
    return status;
}

mote_status inflate_measure(mote_image *image, const char *driver, struct inflate *inflate,
                            mote_error *err)
{
    struct buffers buffers = {0};
    double warm_up_us = 0;
    mote_status status = buffers_make(&buffers, err);
    if (status == MOTE_OK) {
        status = inflate_natively(&buffers, &warm_up_us, err);
    }
    for (int i = 0; i < TURNS && status == MOTE_OK; i++) {
        status = take_turn(image, driver, &buffers, inflate, err);
    }
    inflate->compressed_bytes = buffers.compressed_bytes;
    inflate->plain_bytes = PLAIN_BYTES;
    buffers_free(&buffers);
    return status;
}
