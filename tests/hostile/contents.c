/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into a sandbox's memory. */
#include "tests/hostile/contents.h"

#include "host/sandbox/sandbox.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint8_t *contents_copy(const mote_sandbox *sandbox)
{
    const struct mt_window *window = &sandbox->buffers.window;
    uint8_t *copy = malloc(window->len_bytes);
    assert_non_null(copy);
    memcpy(copy, window->host, window->len_bytes);
    return copy;
}

static bool is_monitors(const mote_sandbox *sandbox, uint64_t address)
{
    const struct mt_region *region = mt_template_region_at(sandbox->template, address);
    return region != NULL && region->backing == MT_BACKING_MONITOR;
}

bool contents_are(const mote_sandbox *sandbox, const uint8_t *wanted)
{
    const struct mt_window *window = &sandbox->buffers.window;
    for (uint64_t i = 0; i < window->len_bytes; i += MT_PAGE_BYTES) {
        if (memcmp(window->host + i, wanted + i, MT_PAGE_BYTES) == 0 ||
            is_monitors(sandbox, window->start + i))
            continue;
        print_message("the page at 0x%" PRIx64 " differs\n", window->start + i);
        return false;
    }
    return true;
}

size_t contents_count(const mote_sandbox *sandbox, const void *bytes, size_t n)
{
    const uint8_t *at = sandbox->buffers.window.host;
    const uint8_t *end = at + sandbox->buffers.window.len_bytes;
    size_t n_found = 0;
    while ((at = memmem(at, (size_t)(end - at), bytes, n)) != NULL) {
        n_found++;
        at++;
    }
    return n_found;
}
