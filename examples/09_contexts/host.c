/* SPDX-License-Identifier: Apache-2.0 */
/* A host that serves one customer after the other with the same sandbox: several calls each, which
 * see what the customer's earlier ones did, and nothing of other customers'. */
#include <mote/mote.h>
#include <stdio.h>
#include <stdlib.h>

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
        status = mote_sandbox_evolve(sandbox, NULL, NULL, err); /* what contexts come back to */
    }
    if (status != MOTE_OK) {
        mote_sandbox_destroy(sandbox);
        return status;
    }
    *out = sandbox;
    return MOTE_OK;
}

static mote_status add_all(mote_sandbox *sandbox, const uint32_t *prices, size_t n, mote_error *err)
{
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < n && status == MOTE_OK; i++) {
        const mote_value price = mote_u32(prices[i]);
        status = mote_call(sandbox, "Add", &price, 1, MOTE_TYPE_U32, NULL, err);
    }
    return status;
}

/* One context: whatever came of its calls, the next one begins with an empty bill. */
static mote_status serve(mote_sandbox *sandbox, const char *name, const uint32_t *prices, size_t n,
                         mote_error *err)
{
    mote_status status = mote_context_begin(sandbox, err);
    if (status != MOTE_OK) {
        return status;
    }
    mote_value bill;
    status = add_all(sandbox, prices, n, err);
    if (status == MOTE_OK) {
        status = mote_call(sandbox, "Bill", NULL, 0, MOTE_TYPE_STR, &bill, err);
    }
    if (status == MOTE_OK) {
        printf("%s: %s\n", name, bill.as.str.data); /* the text is there until the next call */
    }
    mote_status finished = mote_context_finish(sandbox, status == MOTE_OK ? err : NULL);
    return status == MOTE_OK ? finished : status;
}

/* What a context does not allow, and what becomes of one whose guest crashes. */
static mote_status show_limits(mote_sandbox *sandbox, mote_error *err)
{
    mote_status status = mote_context_begin(sandbox, err);
    if (status != MOTE_OK) {
        return status;
    }
    mote_status reset = mote_call_reset(sandbox, "Bill", NULL, 0, MOTE_TYPE_STR, NULL, NULL);
    printf("a call that resets, in a context: %s\n", mote_status_name(reset));
    mote_status broken = mote_call(sandbox, "Break", NULL, 0, MOTE_TYPE_VOID, NULL, NULL);
    printf("Break: %s\n", mote_status_name(broken));
    return mote_context_finish(sandbox, err);
}

int main(int argc, char **argv)
{
    static const uint32_t ann[] = {20, 15, 7};
    static const uint32_t bob[] = {7};
    if (argc != 2) {
        fprintf(stderr, "usage: host GUEST\n");
        return 2;
    }
    mote_error err;
    mote_sandbox *sandbox = NULL;
    mote_status status = start(argv[1], &sandbox, &err);
    if (status == MOTE_OK) {
        status = serve(sandbox, "Ann", ann, sizeof(ann) / sizeof(ann[0]), &err);
    }
    if (status == MOTE_OK) {
        status = serve(sandbox, "Bob", bob, sizeof(bob) / sizeof(bob[0]), &err);
    }
    if (status == MOTE_OK) {
        status = show_limits(sandbox, &err);
    }
    if (status == MOTE_OK) {
        status = serve(sandbox, "Eve", NULL, 0, &err);
    }
    if (status != MOTE_OK) {
        fprintf(stderr, "%s: %s\n", mote_status_name(status), err.text);
    }
    mote_sandbox_destroy(sandbox);
    return status == MOTE_OK ? 0 : 1;
}
