/* SPDX-License-Identifier: Apache-2.0 */
/* A host that teaches its guest something once, and serves each request from that state. */
#include <mote/mote.h>
#include <stdio.h>
#include <stdlib.h>

static mote_status learn(mote_sandbox *sandbox, const char *word, mote_error *err)
{
    const mote_value arg = mote_str(word);
    return mote_call(sandbox, "Learn", &arg, 1, MOTE_TYPE_U32, NULL, err);
}

/* Runs in the sandbox's evolution: what it does stays. */
static mote_status teach(void *context, mote_sandbox *sandbox, mote_error *err)
{
    (void)context;
    mote_status status = learn(sandbox, "apple", err);
    return status == MOTE_OK ? learn(sandbox, "bread", err) : status;
}

static mote_status start(const char *path, mote_sandbox **out, mote_error *err)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    config.driver = getenv("MOTE_DRIVER");
    mote_image *image = NULL;
    mote_sandbox *sandbox = NULL;
    mote_status status = mote_image_open(path, NULL, &image, err);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_sandbox_create(image, &config, &sandbox, err);
    mote_image_unref(image); /* the sandbox holds a reference of its own */
    if (status == MOTE_OK) {
        status = mote_sandbox_evolve(sandbox, teach, NULL, err);
    }
    if (status != MOTE_OK) {
        mote_sandbox_destroy(sandbox);
        return status;
    }
    *out = sandbox;
    return MOTE_OK;
}

static void print_knows(mote_sandbox *sandbox, const char *word)
{
    mote_error err;
    const mote_value arg = mote_str(word);
    mote_value knows;
    if (mote_call(sandbox, "Knows", &arg, 1, MOTE_TYPE_BOOL, &knows, &err) != MOTE_OK) {
        printf("%s: %s\n", word, err.text);
        return;
    }
    printf("%s: %s\n", word, knows.as.boolean ? "known" : "not known");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: host GUEST\n");
        return 2;
    }
    mote_error err;
    mote_sandbox *sandbox = NULL;
    if (start(argv[1], &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "start: %s\n", err.text);
        return 1;
    }
    const mote_value salt = mote_str("salt");
    if (mote_call_reset(sandbox, "Learn", &salt, 1, MOTE_TYPE_U32, NULL, &err) == MOTE_OK) {
        printf("learnt salt, for the time of one call\n");
    }
    print_knows(sandbox, "salt");
    mote_status status = mote_call_reset(sandbox, "Break", NULL, 0, MOTE_TYPE_VOID, NULL, &err);
    printf("Break: %s\n", mote_status_name(status));
    print_knows(sandbox, "apple");
    mote_sandbox_destroy(sandbox);
    return 0;
}
