/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a guest between marks, for count_plugin.c. Prints its own start address, the guest's,
 * and how often it called. */
#include "tests/gates/mark.h"

#include <mote/mote.h>

#include <inttypes.h>
#include <stdio.h>

enum { WARM_UP_CALLS = 200, CALLS = 1000 };
extern const char __executable_start[];

static mote_status nothing(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)err;
    *result = mote_void();
    return MOTE_OK;
}

/* Where the guest lies in its memory: the image is what follows the page tables. */
static mote_status find_start(const mote_image *image, uint64_t *start, mote_error *err)
{
    mote_region regions[2];
    size_t n = 0;
    mote_status status = mote_image_map(image, NULL, regions, 2, &n, err);
    if (status == MOTE_OK)
        *start = regions[1].start;
    return status;
}

static mote_status open_guest(const char *path, mote_sandbox **out, uint64_t *start,
                              mote_error *err)
{
    static const mote_host_function function = {
        .name = "Nothing", .fn = nothing, .returns = MOTE_TYPE_VOID};
    mote_image *image = NULL;
    mote_status status = mote_image_open(path, NULL, &image, err);
    if (status == MOTE_OK)
        status = find_start(image, start, err);
    if (status == MOTE_OK)
        status = mote_sandbox_create(image, NULL, out, err);
    if (status == MOTE_OK)
        status = mote_sandbox_register(*out, &function, err);
    if (status == MOTE_OK)
        status = mote_sandbox_init(*out, err);
    mote_image_unref(image);
    return status;
}

static int call(mote_sandbox *sandbox, const char *function, int n)
{
    mote_error err;
    for (int i = 0; i < n; i++) {
        if (mote_call(sandbox, function, NULL, 0, MOTE_TYPE_ANY, NULL, &err) != MOTE_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    mote_sandbox *sandbox = NULL;
    uint64_t guest_start = 0;
    mote_error err;
    if (argc != 2)
        return 2;
    if (open_guest(argv[1], &sandbox, &guest_start, &err) != MOTE_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int failed = call(sandbox, "Nothing", WARM_UP_CALLS);
    failed |= call(sandbox, "HostNothing", WARM_UP_CALLS);
    MARK(0);
    failed |= call(sandbox, "Nothing", CALLS);
    MARK(1);
    failed |= call(sandbox, "HostNothing", CALLS);
    MARK(2);
    printf("%p 0x%" PRIx64 " %d\n", (const void *)__executable_start, guest_start, CALLS);
    return failed | (mote_sandbox_destroy(sandbox) != MOTE_OK);
}
