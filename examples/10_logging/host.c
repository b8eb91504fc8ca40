/* SPDX-License-Identifier: Apache-2.0 */
/* A host that keeps its guest's log: the levels that it wants, escaped, and not too many. */
#include <mote/mote.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RECORDS_PER_S = 1, RECORDS_AT_ONCE = 5, LIMIT_US = 60000000, PAUSE_NS = 100000000 };

/* A guest may write what it likes, a line break and a line that looks like another's, too. */
static void put_escaped(const char *text, size_t len_bytes)
{
    for (size_t i = 0; i < len_bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7F || byte == '\\') {
            printf("\\x%02x", byte);
        } else {
            putchar(byte);
        }
    }
}

static void keep_record(void *context, const mote_log_record *record)
{
    static const char *const levels[] = {"off", "error", "warn", "info", "debug", "trace"};
    (void)context;
    printf("%-5s ", levels[record->level]);
    if (record->n_dropped > 0) {
        printf("(the library's own) ");
    }
    put_escaped(record->message.data, record->message.len_bytes);
    printf("\n");
}

static void keep_print(void *context, const char *text, size_t len_bytes)
{
    (void)context;
    bool is_line = len_bytes > 0 && text[len_bytes - 1] == '\n';
    printf("print ");
    put_escaped(text, is_line ? len_bytes - 1 : len_bytes);
    printf("\n");
}

static mote_status call(mote_sandbox *sandbox, const char *function, mote_value arg,
                        mote_type returns, mote_error *err)
{
    return mote_call(sandbox, function, &arg, 1, returns, NULL, err);
}

static mote_status make_calls(mote_sandbox *sandbox, mote_error *err)
{
    const struct timespec pause = {1 / RECORDS_PER_S, PAUSE_NS};
    mote_status status = call(sandbox, "Register", mote_str("Ann"), MOTE_TYPE_U32, err);
    if (status == MOTE_OK) {
        const mote_value forged = mote_str("Eve\nerror all is lost");
        status = call(sandbox, "Register", forged, MOTE_TYPE_U32, err);
    }
    if (status == MOTE_OK) {
        status = call(sandbox, "Chatter", mote_u32(1000), MOTE_TYPE_VOID, err);
    }
    nanosleep(&pause, NULL); /* until there is room for a record again */
    if (status == MOTE_OK) {
        status = call(sandbox, "Register", mote_str("Bob"), MOTE_TYPE_U32, err);
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: host GUEST\n");
        return 2;
    }
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    config.driver = getenv("MOTE_DRIVER");
    config.time_limit_us = LIMIT_US;
    config.max_log = MOTE_LOG_DEBUG;
    config.log_is_set = true;
    config.log = keep_record;
    config.print = keep_print;
    config.log_rate_per_s = RECORDS_PER_S;
    config.log_burst = RECORDS_AT_ONCE;
    mote_error err;
    mote_sandbox *sandbox = NULL;
    mote_status status = mote_open(argv[1], &config, &sandbox, &err);
    if (status == MOTE_OK) {
        status = make_calls(sandbox, &err);
    }
    if (status != MOTE_OK) {
        fprintf(stderr, "%s\n", err.text);
    }
    mote_sandbox_destroy(sandbox);
    return status == MOTE_OK ? 0 : 1;
}
