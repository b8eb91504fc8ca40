/* SPDX-License-Identifier: Apache-2.0 */
/* Guest files. */
#include "tools/mote/guest_file.h"

#include "tools/mote/usage.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* There is no search path: a name without a folder is looked for in the current one. */
static void say_what_was_searched(const char *path, mote_error *err)
{
    char folder[PATH_MAX];
    size_t used = strlen(err->text);
    if (path[0] != '/' && getcwd(folder, sizeof(folder)) != NULL)
        snprintf(err->text + used, sizeof(err->text) - used,
                 "; searched in the current folder %s only", folder);
    else
        snprintf(err->text + used, sizeof(err->text) - used, "; searched at this path only");
}

mote_status guest_file_open(const char *path, mote_image **image, mote_error *err)
{
    mote_status status = mote_image_open(path, NULL, image, err);
    if (status == MOTE_E_IMAGE_OPEN)
        say_what_was_searched(path, err);
    return status;
}

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

const mote_function *guest_file_function(const mote_image *image, const char *name)
{
    const mote_function *function = mote_image_function(image, 0);
    for (size_t i = 1; function != NULL && strcmp(function->name, name) != 0; i++)
        function = mote_image_function(image, i);
    return function;
}
