/* SPDX-License-Identifier: Apache-2.0 */
/* A host that lets its guest call a function, which fails where it has no answer. */
#include <mote/mote.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct price {
    const char *item;
    int64_t cents;
};

enum { CODE_NO_PRICE = 1 };

/* Number and types of the arguments are checked before this runs. context is the list of prices. */
static mote_status price_in_cents(void *context, const mote_value *args, size_t n_args,
                                  mote_value *result, mote_error *err)
{
    (void)n_args;
    const char *item = args[0].as.str.data;
    for (const struct price *price = context; price->item != NULL; price++) {
        if (strcmp(price->item, item) == 0) {
            *result = mote_i64(price->cents);
            return MOTE_OK;
        }
    }
    return mote_host_fail(err, CODE_NO_PRICE, "no price for %s", item);
}

static mote_status start(const char *path, struct price *prices, mote_sandbox **out,
                         mote_error *err)
{
    const mote_host_function function = {
        .name = "PriceInCents",
        .fn = price_in_cents,
        .context = prices,
        .returns = MOTE_TYPE_I64,
        .n_params = 1,
        .params = {MOTE_TYPE_STR},
    };
    mote_image *image = NULL;
    mote_status status = mote_image_open(path, NULL, &image, err);
    if (status != MOTE_OK) {
        return status;
    }
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    config.driver = getenv("MOTE_DRIVER");
    mote_sandbox *sandbox = NULL;
    status = mote_sandbox_create(image, &config, &sandbox, err);
    mote_image_unref(image); /* the sandbox holds a reference of its own */
    if (status == MOTE_OK) {
        status = mote_sandbox_register(sandbox, &function, err);
    }
    if (status == MOTE_OK) {
        status = mote_sandbox_init(sandbox, err);
    }
    if (status != MOTE_OK) {
        mote_sandbox_destroy(sandbox);
        return status;
    }
    *out = sandbox;
    return MOTE_OK;
}

static void print_total(mote_sandbox *sandbox, const char *item, int32_t count)
{
    mote_error err;
    mote_value args[] = {mote_str(item), mote_i32(count)};
    mote_value total;
    mote_status status = mote_call(sandbox, "TotalInCents", args, 2, MOTE_TYPE_I64, &total, &err);
    if (status == MOTE_OK) {
        printf("%d x %s: %" PRId64 " cents\n", count, item, total.as.i64);
    } else if (status == MOTE_E_HOST_FUNCTION) {
        printf("%d x %s: %s failed with code %" PRIu64 ": %s\n", count, item, err.function,
               err.guest_code, err.message);
    } else {
        printf("%d x %s: %s\n", count, item, err.text);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: host GUEST\n");
        return 2;
    }
    struct price prices[] = {{"apple", 25}, {"bread", 180}, {NULL, 0}};
    mote_error err;
    mote_sandbox *sandbox = NULL;
    if (start(argv[1], prices, &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "start: %s\n", err.text);
        return 1;
    }
    print_total(sandbox, "apple", 4);
    print_total(sandbox, "bread", 2);
    print_total(sandbox, "gold", 1);
    mote_sandbox_destroy(sandbox);
    return 0;
}
