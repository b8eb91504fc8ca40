/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that decompresses gzip and zlib data with Debian's own zlib, straight into its result. */
#include <mote_guest/moteg.h>

#include <string.h>
#include <zlib.h>

/* inflateInit2()'s windowBits: the largest window, and which format to expect (zlib.h). */
#define ZLIB_FORMAT MAX_WBITS
#define GZIP_FORMAT (MAX_WBITS + 16)

/* zlib's memory ends with the call, also when moteg_fail() ends it. */
static voidpf allocate(voidpf context, uInt count, uInt n)
{
    (void)context;
    return moteg_call_memory((size_t)count * n);
}

static void release(voidpf context, voidpf memory)
{
    (void)context;
    (void)memory;
}

static bool starts_as_gzip(const uint8_t *data, size_t len_bytes)
{
    return len_bytes >= 2 && data[0] == 0x1F && data[1] == 0x8B;
}

/* RFC 1950, section 2.2: method 8, and a check in the two bytes taken as one number. */
static bool starts_as_zlib(const uint8_t *data, size_t len_bytes)
{
    return len_bytes >= 2 && (data[0] & 0x0F) == Z_DEFLATED && (data[0] * 256 + data[1]) % 31 == 0;
}

static int format_of(moteg_bytes data)
{
    if (data.len_bytes < 2)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "input of %zu bytes is too short for gzip or zlib data",
                   data.len_bytes);
    if (starts_as_gzip(data.data, data.len_bytes))
        return GZIP_FORMAT;
    if (starts_as_zlib(data.data, data.len_bytes))
        return ZLIB_FORMAT;
    moteg_fail(MOTEG_CODE_GUEST_ERROR,
               "input is neither gzip nor zlib data: it begins with %02x %02x", data.data[0],
               data.data[1]);
}

/* Everything that is not the end of a stream ends the call. */
static void check(const z_stream *stream, int status, size_t offset, size_t room_bytes)
{
    switch (status) {
    case Z_STREAM_END:
        return;
    case Z_OK:
    case Z_BUF_ERROR:
        if (stream->avail_out == 0 && stream->avail_in != 0)
            moteg_fail(MOTEG_CODE_GUEST_ERROR,
                       "output is larger than the %zu bytes that the output buffer takes",
                       room_bytes);
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "input is truncated: it ends at offset %zu", offset);
    case Z_NEED_DICT:
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "input needs a preset dictionary, at offset %zu",
                   offset);
    default:
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "input is damaged at offset %zu: %s", offset,
                   stream->msg != NULL ? stream->msg : zError(status));
    }
}

static bool is_zero(const uint8_t *data, size_t len_bytes)
{
    return len_bytes == 0 ||
           (data[0] == 0 && (len_bytes == 1 || memcmp(data, data + 1, len_bytes - 1) == 0));
}

/* What follows the last stream: gzip accepts zeroes, as tapes pad with them, and ignores the rest
 * with a warning. */
static void judge_rest(moteg_bytes data, size_t offset)
{
    size_t rest_bytes = data.len_bytes - offset;
    if (!is_zero(data.data + offset, rest_bytes))
        moteg_log(MOTEG_LOG_WARNING, "trailing garbage ignored: %zu bytes at offset %zu",
                  rest_bytes, offset);
}

MOTEG_FUNCTION(bytes, Inflate, (bytes, data))
{
    int format = format_of(data);
    size_t room_bytes;
    uint8_t *to = moteg_result_reserve(&room_bytes);
    if (to == NULL)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "output buffer takes no bytes at all");
    /* A sandbox has less memory than zlib's 32-bit counts reach. */
    z_stream stream = {
        .next_in = (z_const Bytef *)(uintptr_t)data.data,
        .avail_in = (uInt)data.len_bytes,
        .next_out = to,
        .avail_out = (uInt)room_bytes,
        .zalloc = allocate,
        .zfree = release,
    };
    int status = inflateInit2(&stream, format);
    if (status != Z_OK)
        moteg_fail(MOTEG_CODE_GUEST_ERROR, "zlib does not start: %s", zError(status));
    size_t offset = 0;
    do {
        if (offset != 0)
            inflateReset(&stream);
        status = inflate(&stream, Z_FINISH);
        offset = data.len_bytes - stream.avail_in;
        check(&stream, status, offset, room_bytes);
    } while (format == GZIP_FORMAT && starts_as_gzip(data.data + offset, stream.avail_in));
    judge_rest(data, offset);
    return (moteg_bytes){to, room_bytes - stream.avail_out};
}
