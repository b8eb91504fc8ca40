/* SPDX-License-Identifier: Apache-2.0 */
/* A host that survives everything its guest does, and knows what it was. */
#include <mote/mote.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_error(const mote_error *err)
{
    printf("  %s, which means: %s\n", mote_status_name(err->code), mote_status_meaning(err->code));
    if (err->code == MOTE_E_GUEST_ERROR) {
        printf("  code %" PRIu64 ": %s\n", err->guest_code, err->message);
    }
    if (err->code == MOTE_E_GUEST_FAULT) {
        printf("  %s at address %" PRIu64 ": %s\n", err->fault.name, err->fault.address,
               err->fault.cause);
    }
}

static void divide(mote_sandbox *sandbox, const char *label, const mote_value *args, size_t n_args)
{
    mote_error err;
    mote_value quotient;
    printf("%s\n", label);
    if (mote_call(sandbox, "Divide", args, n_args, MOTE_TYPE_I32, &quotient, &err) == MOTE_OK) {
        printf("  %d\n", quotient.as.i32);
    } else {
        print_error(&err);
    }
}

static void peek(mote_sandbox *sandbox)
{
    mote_error err;
    mote_value address = mote_u64(0);
    printf("Peek(0)\n");
    if (mote_call(sandbox, "Peek", &address, 1, MOTE_TYPE_I32, NULL, &err) == MOTE_OK) {
        printf("  there is something there\n");
    } else {
        print_error(&err);
    }
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
    mote_error err;
    mote_sandbox *sandbox = NULL;
    if (mote_open(argv[1], &config, &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "open: %s\n", err.text);
        return 1;
    }
    const mote_value possible[] = {mote_i32(42), mote_i32(6)};
    const mote_value impossible[] = {mote_i32(42), mote_i32(0)};
    divide(sandbox, "Divide(42, 0)", impossible, 2);
    divide(sandbox, "Divide(42)", possible, 1);
    divide(sandbox, "Divide(42, 6)", possible, 2);
    peek(sandbox);
    divide(sandbox, "Divide(42, 6)", possible, 2);
    mote_sandbox_destroy(sandbox);
    return 0;
}
