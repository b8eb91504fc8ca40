/* SPDX-License-Identifier: Apache-2.0 */
/* A host that gives its guest 50 ms, and does not wait longer. */
#include <mote/mote.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_US = 50000, PATIENCE_US = 1000000 };

static int spin(mote_sandbox *sandbox)
{
    mote_error err;
    mote_status status = mote_call(sandbox, "Spin", NULL, 0, MOTE_TYPE_VOID, NULL, &err);
    if (status != MOTE_E_TIME_LIMIT) {
        fprintf(stderr, "call: %s\n", status == MOTE_OK ? "it came back" : err.text);
        return 1;
    }
    printf("%s: stopped in a %s after %" PRIu64 " ms or a little more\n", mote_status_name(status),
           err.limit.phase, err.limit.limit_us / 1000);
    if (err.limit.elapsed_us < LIMIT_US || err.limit.elapsed_us > PATIENCE_US) {
        fprintf(stderr, "it took %" PRIu64 " us\n", err.limit.elapsed_us);
        return 1;
    }
    bool is_poisoned = mote_sandbox_state_get(sandbox) == MOTE_SANDBOX_POISONED;
    printf("the sandbox is %s\n", is_poisoned ? "poisoned: destroy it" : "usable");
    return 0;
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
    mote_error err;
    mote_sandbox *sandbox = NULL;
    if (mote_open(argv[1], &config, &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "open: %s\n", err.text);
        return 1;
    }
    int status = spin(sandbox);
    mote_sandbox_destroy(sandbox);
    return status;
}
