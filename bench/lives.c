/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes that are made, give one result and go. */
#include "bench/lives.h"
#include "bench/clock.h"
#include "bench/guest.h"

enum { LIVES = 100, WARM_UP_LIVES = 5 };

/* The image is open already; what it takes to read and parse it is no part of a creation. */
static mote_status live(mote_image *image, const mote_config *config, double *create_us,
                        double *destroy_us, mote_error *err)
{
    mote_sandbox *sandbox = NULL;
    double start_us = clock_now_us();
    mote_status status = guest_start(image, config, &sandbox, err);
    if (status != MOTE_OK) {
        return status;
    }
    status = guest_call(sandbox, "Nothing", err);
    double result_us = clock_now_us();
    mote_sandbox_destroy(sandbox);
    *destroy_us = clock_now_us() - result_us;
    *create_us = result_us - start_us;
    return status;
}

mote_status lives_measure(mote_image *image, const char *driver, struct lives *lives,
                          mote_error *err)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = driver;
    for (int i = 0; i < WARM_UP_LIVES + LIVES; i++) {
        double create_us = 0;
        double destroy_us = 0;
        mote_status status = live(image, &config, &create_us, &destroy_us, err);
        if (status != MOTE_OK) {
            return status;
        }
        if (i >= WARM_UP_LIVES) {
            samples_add(&lives->create, create_us);
            samples_add(&lives->destroy, destroy_us);
        }
    }
    return MOTE_OK;
}
