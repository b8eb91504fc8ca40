/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest host: start a guest in a virtual machine and call a function of it. */
#include <mote/mote.h>
#include <stdio.h>
#include <stdlib.h>

static int say_hello(mote_sandbox *sandbox, mote_error *err)
{
    mote_value name = mote_str("world");
    mote_value greeting;
    if (mote_call(sandbox, "SayHello", &name, 1, MOTE_TYPE_STR, &greeting, err) != MOTE_OK) {
        fprintf(stderr, "call: %s\n", err->text);
        return 1;
    }
    printf("%s\n", greeting.as.str.data);
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
    mote_error err;
    mote_sandbox *sandbox = NULL;
    if (mote_open(argv[1], &config, &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "open: %s\n", err.text);
        return 1;
    }
    int status = say_hello(sandbox, &err);
    mote_sandbox_destroy(sandbox);
    return status;
}
