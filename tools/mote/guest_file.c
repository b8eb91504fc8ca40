/* SPDX-License-Identifier: Apache-2.0 */
/* Guest files. */
#include "tools/mote/guest_file.h"

#include "tools/mote/usage.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *guest_file_abi_name(const mote_image_facts *facts, char to[24])
{
    if (facts->abi == MOTE_ABI_HYPERLIGHT_0_1)
        snprintf(to, 24, "hyperlight 0.1");
    else
        snprintf(to, 24, "mote %" PRIu32, facts->abi_version);
    return to;
}

mote_status guest_file_map(const mote_image *image, const mote_config *config,
                           mote_region **regions, size_t *n_regions, mote_error *err)
{
    size_t n = 0;
    mote_status status = mote_image_map(image, config, NULL, 0, &n, err);
    if (status != MOTE_OK)
        return status;
    mote_region *listed = calloc(n > 0 ? n : 1, sizeof(*listed));
    if (listed == NULL)
        return memory_fail(err);
    status = mote_image_map(image, config, listed, n, &n, err);
    if (status != MOTE_OK) {
        free(listed);
        return status;
    }
    *regions = listed;
    *n_regions = n;
    return MOTE_OK;
}
