/* SPDX-License-Identifier: Apache-2.0 */
/* Freezing memory, and bringing it back. */
#include "host/snapshot/frozen.h"

#include "host/base/page.h"
#include "host/base/error.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES_PER_UNIT (MT_LARGE_PAGE_BYTES / MT_PAGE_BYTES)

/* ---- Taking ---- */

/* Zero pages; only those that are touched take room. NULL when there is no memory. */
static void *map_zeros(uint64_t len_bytes)
{
    void *made = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return made != MAP_FAILED ? made : NULL;
}

static void take_run(struct mt_frozen *frozen, const struct mt_window *window, uint64_t first,
                     uint64_t n)
{
    for (uint64_t page = first; page < first + n; page++) {
        uint8_t *to = frozen->content + frozen->n_content * MT_PAGE_BYTES;
        memcpy(to, window->host + page * MT_PAGE_BYTES, MT_PAGE_BYTES);
        if (mt_page_is_zero(to))
            continue;
        frozen->page_of[frozen->n_content] = (uint32_t)page;
        frozen->n_content++;
        frozen->place[page] = (uint32_t)frozen->n_content;
    }
}

mote_status mt_frozen_take(struct mt_frozen *out, const struct mt_window *window,
                           const struct mt_page_set *used, mote_error *err)
{
    struct mt_frozen made = {.n_pages = window->len_bytes / MT_PAGE_BYTES};
    /* One page more than can be needed: the last one may turn out to be zero. */
    made.content_room_pages = mt_page_set_count(used) + 1;
    made.content = map_zeros(made.content_room_pages * MT_PAGE_BYTES);
    made.page_of = map_zeros(made.content_room_pages * sizeof(made.page_of[0]));
    made.place = map_zeros((made.n_pages + 1) * sizeof(made.place[0]));
    if (made.content == NULL || made.page_of == NULL || made.place == NULL) {
        int failure = errno;
        mt_frozen_fini(&made);
        return mt_fail_errno(err, MOTE_E_MEMORY, failure, "mmap of a snapshot");
    }
    if (madvise(made.content, made.content_room_pages * MT_PAGE_BYTES, MADV_DONTDUMP) != 0) {
        int failure = errno;
        mt_frozen_fini(&made);
        return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "madvise(MADV_DONTDUMP)");
    }
    uint64_t first = 0;
    uint64_t n;
    for (; mt_page_set_next_run(used, &first, &n); first += n)
        take_run(&made, window, first, n);
    if (mprotect(made.content, made.content_room_pages * MT_PAGE_BYTES, PROT_READ) != 0) {
        int failure = errno;
        mt_frozen_fini(&made);
        return mt_fail_errno(err, MOTE_E_MEMORY, failure, "mprotect of a snapshot");
    }
    *out = made;
    return MOTE_OK;
}

void mt_frozen_fini(struct mt_frozen *frozen)
{
    if (frozen->content != NULL)
        munmap(frozen->content, frozen->content_room_pages * MT_PAGE_BYTES);
    if (frozen->page_of != NULL)
        munmap(frozen->page_of, frozen->content_room_pages * sizeof(frozen->page_of[0]));
    if (frozen->place != NULL)
        munmap(frozen->place, (frozen->n_pages + 1) * sizeof(frozen->place[0]));
    *frozen = (struct mt_frozen){0};
}

/* ---- Restoring ---- */

/* How many pages from first on, n at most, are all zero, or all not zero. */
static uint64_t alike(const struct mt_frozen *frozen, uint64_t first, uint64_t n)
{
    bool is_content = frozen->place[first] != 0;
    uint64_t count = 1;
    while (count < n && (frozen->place[first + count] != 0) == is_content)
        count++;
    return count;
}

/* Pages that follow each other lie so in content as well. */
static void copy_back(const struct mt_frozen *frozen, const struct mt_window *window,
                      uint64_t first, uint64_t n)
{
    const uint8_t *from = frozen->content + (frozen->place[first] - 1ull) * MT_PAGE_BYTES;
    memcpy(window->host + first * MT_PAGE_BYTES, from, n * MT_PAGE_BYTES);
}

static void clear(const struct mt_window *window, uint64_t first, uint64_t n)
{
    memset(window->host + first * MT_PAGE_BYTES, 0, n * MT_PAGE_BYTES);
}

/* Clear what is not a whole large page, and give the rest back. */
static mote_status make_zero(const struct mt_window *window, uint64_t first, uint64_t n,
                             const struct mt_discard *discard, mote_error *err)
{
    uint64_t shift = window->start / MT_PAGE_BYTES % PAGES_PER_UNIT;
    uint64_t end = first + n;
    uint64_t unit = (first + shift + PAGES_PER_UNIT - 1) / PAGES_PER_UNIT * PAGES_PER_UNIT - shift;
    uint64_t unit_end = (end + shift) / PAGES_PER_UNIT * PAGES_PER_UNIT - shift;
    if (unit >= unit_end || unit_end > end) {
        clear(window, first, n);
        return MOTE_OK;
    }
    clear(window, first, unit - first);
    clear(window, unit_end, end - unit_end);
    return discard->fn(discard->context, unit, unit_end - unit, err);
}

static mote_status restore_run(const struct mt_frozen *frozen, const struct mt_window *window,
                               uint64_t first, uint64_t n, const struct mt_discard *discard,
                               mote_error *err)
{
    mote_status status = MOTE_OK;
    uint64_t end = first + n;
    while (first < end && status == MOTE_OK) {
        uint64_t count = alike(frozen, first, end - first);
        if (frozen->place[first] != 0)
            copy_back(frozen, window, first, count);
        else
            status = make_zero(window, first, count, discard, err);
        first += count;
    }
    return status;
}

mote_status mt_frozen_restore(const struct mt_frozen *frozen, const struct mt_window *window,
                              const struct mt_page_set *pages, const struct mt_discard *discard,
                              mote_error *err)
{
    uint64_t first = 0;
    uint64_t n;
    for (; mt_page_set_next_run(pages, &first, &n); first += n) {
        mote_status status = restore_run(frozen, window, first, n, discard, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}

/* ---- Looking ---- */

void mt_frozen_add_content(const struct mt_frozen *frozen, struct mt_page_set *set)
{
    for (uint64_t i = 0; i < frozen->n_content; i++)
        mt_page_set_add(set, frozen->page_of[i]);
}

uint64_t mt_frozen_end_of_content(const struct mt_frozen *frozen, uint64_t first, uint64_t end)
{
    while (end > first && frozen->place[end - 1] == 0)
        end--;
    return end;
}
