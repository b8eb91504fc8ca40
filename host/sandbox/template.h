/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template is what all sandboxes of one image and configuration share: the layout, the image
 * relocated for its place in it, and what the driver prepared. Images keep theirs and hand them out
 * again.
 */
#ifndef MOTE_HOST_SANDBOX_TEMPLATE_H
#define MOTE_HOST_SANDBOX_TEMPLATE_H

#include "host/driver/driver.h"
#include "host/memory/layout.h"
#include <pthread.h>
#include <stdatomic.h>

struct mt_template {
    struct mt_template *next; /* (I) */
    unsigned n_users;         /* (I) sandboxes that were made of it */
    const struct mt_driver *driver;
    struct mt_layout layout;
    struct mt_region *regions;
    size_t n_regions;
    struct mt_plan plan;
    uint8_t *placed; /* the image as it stands in memory; read-only pages */
    uint64_t placed_bytes;
    uint64_t private_copy_bytes; /* how much of the private part of it is not zero */
    void *prepared;
    /* (I) the image's lock; all else is set once */
};

struct mote_image {
    struct mt_image parsed; /* set once */
    _Atomic unsigned n_refs;
    pthread_mutex_t lock;
    struct mt_template *templates; /* (lock) */
};

/* The template for a driver and sizes: an old one, or a new one. Given back by mt_template_put().
 */
mote_status mt_template_get(mote_image *image, const struct mt_driver *driver,
                            const struct mt_sizes *sizes, struct mt_template **out,
                            mote_error *err);
/* Count one more use of a template that is in use. */
void mt_template_hold(mote_image *image, struct mt_template *template);
void mt_template_put(mote_image *image, struct mt_template *template);

/* Destroy all templates of an image that has no sandboxes left. */
void mt_templates_fini(mote_image *image);

/* Bytes of the image at a guest address, for looking at instructions. Returns how many there are,
 * at most n; 0 outside the image. Not guest memory: what the guest wrote does not show. */
size_t mt_template_code_at(const struct mt_template *template, uint64_t address, uint8_t *to,
                           size_t n);

/* The region that an address lies in; NULL for none. */
const struct mt_region *mt_template_region_at(const struct mt_template *template, uint64_t address);

#endif
