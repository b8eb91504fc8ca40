/* SPDX-License-Identifier: Apache-2.0 */
/* Taking snapshots and restoring them. */
#include "host/sandbox/snapshot.h"

#include "abi/memory_map.h"
#include "host/base/error.h"
#include "host/os/clock.h"
#include "host/sandbox/operations.h"
#include "host/snapshot/frozen.h"
#include <stddef.h>
#include <string.h>

#define FIRST_STACK_ROOM 4u

struct mote_snapshot {
    _Atomic unsigned n_refs;
    mote_image *image;            /* a reference is held */
    struct mt_template *template; /* a use of it is held */
    struct mt_frozen frozen;
    uint64_t zero_from; /* guest address: the sparse part is zero from here on */
    uint64_t dispatch;  /* of a 0.1 guest */
    uint64_t origin;    /* id of the sandbox whose definitions its memory holds */
    bool has_cpu;       /* a 0.1 guest has none: each call enters it anew */
    struct mt_cpu cpu;
};

/* More is not asked of an allocator; code for vector registers would rely on more and fault. */
_Static_assert(_Alignof(struct mote_snapshot) <= _Alignof(max_align_t), "on the heap");

/* ---- Objects ---- */

static mote_snapshot *make(mote_sandbox *sandbox, mote_error *err)
{
    mote_snapshot *snapshot = mt_alloc_zero(&sandbox->allocator, sizeof(*snapshot));
    if (snapshot == NULL) {
        (void)mt_fail(err, MOTE_E_MEMORY, "no memory for a snapshot");
        return NULL;
    }
    atomic_init(&snapshot->n_refs, 1);
    snapshot->image = sandbox->image;
    atomic_fetch_add(&sandbox->image->n_refs, 1);
    snapshot->template = sandbox->template;
    mt_template_hold(sandbox->image, sandbox->template);
    return snapshot;
}

mote_snapshot *mote_snapshot_ref(mote_snapshot *snapshot)
{
    if (snapshot != NULL)
        atomic_fetch_add(&snapshot->n_refs, 1);
    return snapshot;
}

void mote_snapshot_unref(mote_snapshot *snapshot)
{
    if (snapshot == NULL || atomic_fetch_sub(&snapshot->n_refs, 1) != 1)
        return;
    mote_image *image = snapshot->image;
    mote_allocator allocator = image->parsed.allocator;
    mt_frozen_fini(&snapshot->frozen);
    mt_template_put(image, snapshot->template);
    mt_release(&allocator, snapshot);
    mote_image_unref(image);
}

uint64_t mote_snapshot_bytes(const mote_snapshot *snapshot)
{
    return snapshot != NULL ? snapshot->frozen.n_content * MT_PAGE_BYTES : 0;
}

/* ---- A sandbox and its base ---- */

/* Page sets are made with the first snapshot: most sandboxes never have one. */
static mote_status make_sets(mote_sandbox *sandbox, mote_error *err)
{
    struct mt_history *history = &sandbox->history;
    uint64_t n_pages = sandbox->buffers.window.len_bytes / MT_PAGE_BYTES;
    if (sandbox->buffers.window.written != NULL)
        return MOTE_OK;
    if (!mt_page_set_init(&history->written, &sandbox->allocator, n_pages) ||
        !mt_page_set_init(&history->pages, &sandbox->allocator, n_pages)) {
        mt_page_set_fini(&history->written, &sandbox->allocator);
        mt_page_set_fini(&history->pages, &sandbox->allocator);
        return mt_fail(err, MOTE_E_MEMORY, "no memory to list written pages");
    }
    sandbox->buffers.window.written = &history->written;
    return MOTE_OK;
}

static void set_base(mote_sandbox *sandbox, mote_snapshot *snapshot)
{
    struct mt_history *history = &sandbox->history;
    if (history->base == snapshot)
        return;
    mote_snapshot *before = history->base;
    history->base = mote_snapshot_ref(snapshot);
    mote_snapshot_unref(before);
}

/* Memory is equal to a snapshot from here on. */
static mote_status begin_tracking(mote_sandbox *sandbox, mote_snapshot *snapshot, mote_error *err)
{
    if (sandbox->history.base != snapshot) {
        mote_status status = sandbox->driver->track(sandbox->machine, snapshot->zero_from, err);
        if (status != MOTE_OK)
            return status;
    }
    set_base(sandbox, snapshot);
    mt_page_set_clear(&sandbox->history.written);
    return MOTE_OK;
}

/* ---- Take ---- */

/* Where the sparse part has nothing any more. */
static uint64_t end_of_sparse_content(const mote_sandbox *sandbox, const struct mt_frozen *frozen)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    uint64_t start = sandbox->buffers.window.start;
    uint64_t first = (layout->sparse_start - start) / MT_PAGE_BYTES;
    uint64_t end = (layout->sparse_end - start) / MT_PAGE_BYTES;
    return start + mt_frozen_end_of_content(frozen, first, end) * MT_PAGE_BYTES;
}

static mote_status fill(mote_sandbox *sandbox, mote_snapshot *snapshot, mote_error *err)
{
    const struct mt_driver *driver = sandbox->driver;
    struct mt_page_set *used = &sandbox->history.pages;
    mt_page_set_clear(used);
    mote_status status = driver->quiesce(sandbox->machine, err);
    if (status == MOTE_OK)
        status = driver->list_used(sandbox->machine, used, err);
    if (status == MOTE_OK)
        status = mt_frozen_take(&snapshot->frozen, &sandbox->buffers.window, used, err);
    if (status != MOTE_OK)
        return status;
    snapshot->zero_from = end_of_sparse_content(sandbox, &snapshot->frozen);
    snapshot->dispatch = sandbox->dispatch;
    snapshot->origin = sandbox->id;
    snapshot->has_cpu = sandbox->image->parsed.facts.abi != MOTE_ABI_HYPERLIGHT_0_1;
    return snapshot->has_cpu ? driver->save(sandbox->machine, &snapshot->cpu, err) : MOTE_OK;
}

static mote_status take(mote_sandbox *sandbox, mote_snapshot **out, mote_error *err)
{
    mote_status status = make_sets(sandbox, err);
    if (status != MOTE_OK)
        return status;
    mote_snapshot *snapshot = make(sandbox, err);
    if (snapshot == NULL)
        return MOTE_E_MEMORY;
    status = fill(sandbox, snapshot, err);
    if (status == MOTE_OK) {
        status = begin_tracking(sandbox, snapshot, err);
        if (status != MOTE_OK)
            set_base(sandbox, NULL); /* what was written since is not known any more */
    }
    if (status != MOTE_OK) {
        mote_snapshot_unref(snapshot);
        return status;
    }
    sandbox->stats.snapshots++;
    *out = snapshot;
    return MOTE_OK;
}

static mote_status observe_begin(const mote_sandbox *sandbox, mote_span_kind kind,
                                 uint64_t *started_ns, mote_error *err)
{
    *started_ns = 0;
    if (mt_observe_is_on(sandbox)) {
        mt_observe_begin(sandbox, kind, "");
        *started_ns = mt_clock_ns();
    }
    return mt_observe_check_process(sandbox, err);
}

static mote_status observe_end(const mote_sandbox *sandbox, mote_span_kind kind,
                               uint64_t started_ns, mote_status status, mote_error *err)
{
    if (mt_observe_is_on(sandbox))
        mt_observe_tell_end(sandbox, kind, "", started_ns, mt_clock_ns(), status);
    mote_status process = mt_observe_check_process(sandbox, err);
    return process == MOTE_OK ? status : process;
}

mote_status mt_snapshot_take(mote_sandbox *sandbox, mote_snapshot **out, mote_error *err)
{
    uint64_t started_ns;
    mote_snapshot *made = NULL;
    mote_status status = observe_begin(sandbox, MOTE_SPAN_SNAPSHOT, &started_ns, err);
    if (status != MOTE_OK)
        return status;
    status = take(sandbox, &made, err);
    status = observe_end(sandbox, MOTE_SPAN_SNAPSHOT, started_ns, status, err);
    if (status == MOTE_OK)
        *out = made;
    else
        mote_snapshot_unref(made);
    return status;
}

/* ---- Restore ---- */

/* All pages in which memory may differ from the snapshot. */
static mote_status list_pages(mote_sandbox *sandbox, const mote_snapshot *snapshot, mote_error *err)
{
    struct mt_history *history = &sandbox->history;
    mt_page_set_clear(&history->pages);
    if (history->base != snapshot) {
        mt_frozen_add_content(&snapshot->frozen, &history->pages);
        if (history->base == NULL)
            return sandbox->driver->list_used(sandbox->machine, &history->pages, err);
        mt_frozen_add_content(&history->base->frozen, &history->pages);
    }
    mt_page_set_add_all(&history->pages, &history->written);
    return sandbox->driver->list_written(sandbox->machine, &history->pages, err);
}

static mote_status give_back(void *context, uint64_t first_page, uint64_t n_pages, mote_error *err)
{
    const mote_sandbox *sandbox = context;
    return sandbox->driver->discard(sandbox->machine, first_page, n_pages, err);
}

static mote_status restore_memory(mote_sandbox *sandbox, mote_snapshot *snapshot, mote_error *err)
{
    const struct mt_discard discard = {give_back, sandbox};
    mote_status status = list_pages(sandbox, snapshot, err);
    if (status == MOTE_OK)
        status = mt_frozen_restore(&snapshot->frozen, &sandbox->buffers.window,
                                   &sandbox->history.pages, &discard, err);
    if (status == MOTE_OK)
        status = begin_tracking(sandbox, snapshot, err);
    return status;
}

/* Names of the other sandbox's functions must not be left behind shorter ones. */
static void clear_definitions(const mote_sandbox *sandbox, const mote_snapshot *snapshot)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    const struct mt_window *window = &sandbox->buffers.window;
    const struct mt_gva start = mt_gva(layout->start[MT_PLACE_HOST_DEFINITIONS]);
    uint64_t first = (start.value - window->start) / MT_PAGE_BYTES;
    uint64_t n_pages = layout->len_bytes[MT_PLACE_HOST_DEFINITIONS] / MT_PAGE_BYTES;
    uint64_t end = mt_frozen_end_of_content(&snapshot->frozen, first, first + n_pages);
    uint64_t len_bytes = (end - first) * MT_PAGE_BYTES;
    uint8_t *to = mt_guest_build_at(window, start, len_bytes);
    if (to != NULL)
        memset(to, 0, len_bytes);
    mt_guest_built(window, start, len_bytes);
}

/* The definitions in a snapshot are those of the sandbox that it was taken of. */
static mote_status restore_definitions(mote_sandbox *sandbox, const mote_snapshot *snapshot,
                                       mote_error *err)
{
    if (snapshot->origin == sandbox->id)
        return MOTE_OK;
    clear_definitions(sandbox, snapshot);
    return mt_sandbox_publish_definitions(sandbox, err);
}

static mote_status restore(mote_sandbox *sandbox, mote_snapshot *snapshot, mote_error *err)
{
    if (snapshot->template != sandbox->template)
        return mt_fail(err, MOTE_E_SNAPSHOT,
                       "the snapshot is of another image, configuration or driver");
    mote_status status = make_sets(sandbox, err);
    if (status == MOTE_OK)
        status = sandbox->driver->quiesce(sandbox->machine, err);
    if (status == MOTE_OK)
        status = restore_memory(sandbox, snapshot, err);
    if (status == MOTE_OK && sandbox->driver->forget != NULL)
        sandbox->driver->forget(sandbox->machine);
    if (status == MOTE_OK)
        status = restore_definitions(sandbox, snapshot, err);
    if (status == MOTE_OK && snapshot->has_cpu)
        status = sandbox->driver->load(sandbox->machine, &snapshot->cpu, err);
    if (status != MOTE_OK) {
        set_base(sandbox, NULL);
        return status;
    }
    sandbox->dispatch = snapshot->dispatch;
    sandbox->last_fault.kind = MT_EXIT_PORT; /* it is undone */
    sandbox->stats.restores++;
    sandbox->stats.last_restored_pages = mt_page_set_count(&sandbox->history.pages);
    mt_metrics_add(sandbox->settings.metrics, MT_COUNTER_RESTORED_PAGES,
                   sandbox->stats.last_restored_pages);
    return MOTE_OK;
}

mote_status mt_snapshot_restore(mote_sandbox *sandbox, mote_snapshot *snapshot, mote_error *err)
{
    uint64_t started_ns;
    mote_status status = observe_begin(sandbox, MOTE_SPAN_RESTORE, &started_ns, err);
    if (status != MOTE_OK)
        return status;
    status = restore(sandbox, snapshot, err);
    return observe_end(sandbox, MOTE_SPAN_RESTORE, started_ns, status, err);
}

/* ---- The stack ---- */

static mote_status make_stack_room(mote_sandbox *sandbox, mote_error *err)
{
    struct mt_history *history = &sandbox->history;
    if (history->depth < history->room)
        return MOTE_OK;
    size_t room = history->room > 0 ? 2 * history->room : FIRST_STACK_ROOM;
    void *grown = mt_realloc(&sandbox->allocator, history->stack, room * sizeof(mote_snapshot *));
    if (grown == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a stack of %zu snapshots", room);
    history->stack = grown;
    history->room = room;
    return MOTE_OK;
}

mote_status mt_history_push(mote_sandbox *sandbox, mote_error *err)
{
    mote_snapshot *snapshot = NULL;
    mote_status status = make_stack_room(sandbox, err);
    if (status == MOTE_OK)
        status = mt_snapshot_take(sandbox, &snapshot, err);
    if (status == MOTE_OK)
        sandbox->history.stack[sandbox->history.depth++] = snapshot;
    return status;
}

mote_status mt_history_top(const mote_sandbox *sandbox, size_t n_below, mote_snapshot **top,
                           mote_error *err)
{
    const struct mt_history *history = &sandbox->history;
    if (history->depth <= n_below)
        return mt_fail(err, MOTE_E_NO_SNAPSHOT,
                       "the sandbox has %zu snapshots on its stack, and needs %zu", history->depth,
                       n_below + 1);
    *top = history->stack[history->depth - 1 - n_below];
    return MOTE_OK;
}

void mt_history_drop(mote_sandbox *sandbox)
{
    struct mt_history *history = &sandbox->history;
    history->depth--;
    mote_snapshot_unref(history->stack[history->depth]);
}

void mt_history_fini(mote_sandbox *sandbox)
{
    struct mt_history *history = &sandbox->history;
    while (history->depth > 0)
        mt_history_drop(sandbox);
    mote_snapshot_unref(history->base);
    mt_release(&sandbox->allocator, history->stack);
    mt_page_set_fini(&history->written, &sandbox->allocator);
    mt_page_set_fini(&history->pages, &sandbox->allocator);
}
