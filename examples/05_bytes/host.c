/* SPDX-License-Identifier: Apache-2.0 */
/* A host that moves a megabyte into its guest, and another one out of it. */
#include <mote/mote.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1 << 20, ROOM_BYTES = 64 << 10 };

static void write_text(uint8_t *text)
{
    static const char sentence[] = "bytes go in, bytes come out. ";
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        text[i] = (uint8_t)sentence[i % (sizeof sentence - 1)];
    }
}

static int upper(mote_sandbox *sandbox, const uint8_t *text)
{
    mote_error err;
    mote_value argument = mote_bytes(text, TEXT_BYTES);
    mote_value result;
    if (mote_call(sandbox, "Upper", &argument, 1, MOTE_TYPE_BYTES, &result, &err) != MOTE_OK) {
        fprintf(stderr, "call: %s\n", err.text);
        return 1;
    }
    mote_bytes_view bytes = result.as.bytes; /* the sandbox's, until its next call */
    printf("%d bytes in: %.27s...\n", TEXT_BYTES, (const char *)text);
    printf("%zu bytes out: %.27s...\n", bytes.len_bytes, (const char *)bytes.data);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: host GUEST\n");
        return 2;
    }
    uint8_t *text = malloc(TEXT_BYTES);
    if (text == NULL) {
        perror("malloc");
        return 1;
    }
    write_text(text);
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    config.driver = getenv("MOTE_DRIVER");
    config.input_bytes = TEXT_BYTES + ROOM_BYTES;
    config.output_bytes = TEXT_BYTES + ROOM_BYTES;
    mote_error err;
    mote_sandbox *sandbox = NULL;
    int status = 1;
    if (mote_open(argv[1], &config, &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "open: %s\n", err.text);
    } else {
        status = upper(sandbox, text);
    }
    mote_sandbox_destroy(sandbox);
    free(text);
    return status;
}
