/* SPDX-License-Identifier: Apache-2.0 */
/* Guest files: their ABI and memory map. */
#ifndef MOTE_TOOLS_MOTE_GUEST_FILE_H
#define MOTE_TOOLS_MOTE_GUEST_FILE_H

#include <mote/image.h>

/* What the image was built to: "mote 1", "hyperlight 0.1". */
const char *guest_file_abi_name(const mote_image_facts *facts, char to[24]);

/* The regions of a sandbox of the image. The caller releases *regions with free(). */
mote_status guest_file_map(const mote_image *image, const mote_config *config,
                           mote_region **regions, size_t *n_regions, mote_error *err);

#endif
