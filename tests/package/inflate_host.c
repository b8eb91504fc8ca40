/* SPDX-License-Identifier: Apache-2.0 */
/* The demo as one program: decompress standard input to standard output inside a sandbox. */
#include <mote/mote.h>
#include <stdio.h>

enum { INPUT_BYTES = 4 << 20, OUTPUT_BYTES = 32 << 20, SPARE_BYTES = 64 << 10 };

static unsigned char input[INPUT_BYTES];

static int fail(const mote_error *err)
{
    fprintf(stderr, "%s: %s\n", mote_status_name(err->code), err->text);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: inflate_host DRIVER GUEST\n");
        return 2;
    }
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = argv[1];
    config.input_bytes = INPUT_BYTES + SPARE_BYTES;
    config.output_bytes = OUTPUT_BYTES;
    config.time_limit_us = 60 * 1000 * 1000;
    mote_error err;
    mote_sandbox *sandbox;
    if (mote_open(argv[2], &config, &sandbox, &err) != MOTE_OK)
        return fail(&err);
    mote_value data = mote_bytes(input, fread(input, 1, sizeof(input), stdin));
    mote_value plain;
    if (mote_call(sandbox, "Inflate", &data, 1, MOTE_TYPE_BYTES, &plain, &err) != MOTE_OK)
        return fail(&err);
    if (fwrite(plain.as.bytes.data, 1, plain.as.bytes.len_bytes, stdout) !=
        plain.as.bytes.len_bytes)
        return 1;
    return fflush(stdout) != 0 || mote_sandbox_destroy(sandbox) != MOTE_OK;
}
