/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots taken, restored, pushed and popped in any order, of two sandboxes of one image, between
 * writes of the guests and calls. After each restore the memory is what a plain copy of it was when
 * the snapshot was taken, whichever pages the driver says were written.
 *
 * Input: operations of four bytes: which, on which sandbox and snapshot, where, and a value.
 */
#include "fuzz/fuzz_sandbox.h"

#include "abi/memory_map.h"
#include <stdlib.h>
#include <string.h>

#define N_SANDBOXES 2u
#define N_SNAPSHOTS 6u
#define MAX_DEPTH 8u
#define MAX_OPERATIONS 200u

/* A plain copy of a memory. */
struct copy {
    mote_snapshot *snapshot; /* NULL where there is only the copy: the sandbox's stack has it */
    uint8_t *bytes;
};

struct life {
    mote_sandbox *sandbox;
    struct copy stack[MAX_DEPTH];
    size_t depth;
};

struct story {
    struct life lives[N_SANDBOXES];
    struct copy kept[N_SNAPSHOTS];
    size_t len_bytes;
};

static void record_memory(const mote_sandbox *sandbox, struct copy *copy, size_t len_bytes)
{
    if (copy->bytes == NULL)
        copy->bytes = malloc(len_bytes);
    FUZZ_REQUIRE(copy->bytes != NULL);
    memcpy(copy->bytes, sandbox->buffers.window.host, len_bytes);
}

/* The region of host functions is the sandbox's own, not the snapshot's. */
static void require_memory(const mote_sandbox *sandbox, const struct copy *copy, size_t len_bytes)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    const uint8_t *now = sandbox->buffers.window.host;
    size_t own = layout->start[MT_PLACE_HOST_DEFINITIONS] - sandbox->buffers.window.start;
    size_t own_end = own + layout->len_bytes[MT_PLACE_HOST_DEFINITIONS];
    FUZZ_REQUIRE(memcmp(now, copy->bytes, own) == 0);
    FUZZ_REQUIRE(memcmp(now + own_end, copy->bytes + own_end, len_bytes - own_end) == 0);
}

/* ---- Operations ---- */

static void write_byte(const struct story *story, mote_sandbox *sandbox, uint8_t where,
                       uint8_t value)
{
    size_t n_pages = story->len_bytes / MT_PAGE_BYTES;
    size_t page = where % n_pages;
    sandbox->buffers.window.host[page * MT_PAGE_BYTES + where] = value;
    mt_script_wrote(sandbox->machine, page, 1);
}

static void call(mote_sandbox *sandbox, uint8_t value, bool resets)
{
    const char text[] = {(char)(value % 64 + 32), 0};
    const mote_value arg = mote_str(text);
    struct mt_script_step step = fuzz_done(sandbox);
    mt_script_play(sandbox->machine, &step, 1);
    (void)(resets ? mote_call_reset : mote_call)(sandbox, "Echo", &arg, 1, MOTE_TYPE_STR, NULL,
                                                 NULL);
}

static void take(struct story *story, mote_sandbox *sandbox, size_t which)
{
    struct copy *copy = &story->kept[which];
    mote_snapshot *snapshot = NULL;
    if (mote_sandbox_state_get(sandbox) != MOTE_SANDBOX_READY)
        return;
    FUZZ_REQUIRE(mote_snapshot_take(sandbox, &snapshot, NULL) == MOTE_OK);
    mote_snapshot_unref(copy->snapshot);
    copy->snapshot = snapshot;
    record_memory(sandbox, copy, story->len_bytes);
}

static void restore(const struct story *story, mote_sandbox *sandbox, size_t which)
{
    const struct copy *copy = &story->kept[which];
    if (copy->snapshot == NULL)
        return;
    FUZZ_REQUIRE(mote_sandbox_restore(sandbox, copy->snapshot, NULL) == MOTE_OK);
    FUZZ_REQUIRE(mote_sandbox_state_get(sandbox) == MOTE_SANDBOX_READY);
    require_memory(sandbox, copy, story->len_bytes);
}

static void push(const struct story *story, struct life *life)
{
    bool is_ready = mote_sandbox_state_get(life->sandbox) == MOTE_SANDBOX_READY;
    if (!is_ready || life->depth == MAX_DEPTH)
        return;
    FUZZ_REQUIRE(mote_sandbox_push(life->sandbox, NULL) == MOTE_OK);
    record_memory(life->sandbox, &life->stack[life->depth], story->len_bytes);
    life->depth++;
    FUZZ_REQUIRE(mote_sandbox_depth(life->sandbox) == life->depth);
}

static void pop(const struct story *story, struct life *life)
{
    mote_status status = mote_sandbox_pop(life->sandbox, NULL);
    FUZZ_REQUIRE((status == MOTE_OK) == (life->depth >= 2));
    if (status != MOTE_OK)
        return;
    life->depth--;
    require_memory(life->sandbox, &life->stack[life->depth - 1], story->len_bytes);
}

static void restore_top(const struct story *story, const struct life *life)
{
    mote_status status = mote_sandbox_restore(life->sandbox, NULL, NULL);
    FUZZ_REQUIRE((status == MOTE_OK) == (life->depth >= 1));
    if (status == MOTE_OK)
        require_memory(life->sandbox, &life->stack[life->depth - 1], story->len_bytes);
}

/* A restore that fails leaves a sandbox that can be restored whole. */
static void fail_restore(const struct story *story, mote_sandbox *sandbox, size_t which,
                         uint8_t value)
{
    static const enum mt_script_operation operations[] = {MT_SCRIPT_QUIESCE, MT_SCRIPT_LIST_WRITTEN,
                                                          MT_SCRIPT_TRACK, MT_SCRIPT_LOAD};
    const struct copy *copy = &story->kept[which];
    enum mt_script_operation operation = operations[value % 4];
    if (copy->snapshot == NULL)
        return;
    mt_script_fail_next(operation, MOTE_E_SYSTEM);
    mote_status status = mote_sandbox_restore(sandbox, copy->snapshot, NULL);
    mt_script_fail_next(operation, MOTE_OK);
    FUZZ_REQUIRE(mote_sandbox_state_get(sandbox) ==
                 (status == MOTE_OK ? MOTE_SANDBOX_READY : MOTE_SANDBOX_POISONED));
}

static void operate(struct story *story, struct fuzz_input *input)
{
    uint8_t which = fuzz_take_u8(input);
    uint8_t whose = fuzz_take_u8(input);
    uint8_t where = fuzz_take_u8(input);
    uint8_t value = fuzz_take_u8(input);
    struct life *life = &story->lives[whose % N_SANDBOXES];
    size_t snapshot = (whose / N_SANDBOXES) % N_SNAPSHOTS;
    switch (which % 10) {
    case 0:
    case 1:
        write_byte(story, life->sandbox, where, value);
        break;
    case 2:
        call(life->sandbox, value, false);
        break;
    case 3:
        take(story, life->sandbox, snapshot);
        break;
    case 4:
    case 5:
        restore(story, life->sandbox, snapshot);
        break;
    case 6:
        push(story, life);
        break;
    case 7:
        pop(story, life);
        break;
    case 8:
        restore_top(story, life);
        break;
    default:
        fail_restore(story, life->sandbox, snapshot, value);
        break;
    }
}

/* ---- All of it ---- */

static void begin(struct story *story)
{
    const mote_config config = MOTE_CONFIG_INIT;
    for (size_t i = 0; i < N_SANDBOXES; i++) {
        story->lives[i].sandbox = fuzz_create(false, &config);
        mt_script_tells_writes(story->lives[i].sandbox->machine);
    }
    fuzz_make_ready(story->lives[0].sandbox);
    story->len_bytes = story->lives[0].sandbox->buffers.window.len_bytes;
}

static void end(struct story *story)
{
    for (size_t i = 0; i < N_SNAPSHOTS; i++) {
        mote_snapshot_unref(story->kept[i].snapshot);
        free(story->kept[i].bytes);
    }
    for (size_t i = 0; i < N_SANDBOXES; i++) {
        FUZZ_REQUIRE(mote_sandbox_destroy(story->lives[i].sandbox) == MOTE_OK);
        for (size_t k = 0; k < MAX_DEPTH; k++)
            free(story->lives[i].stack[k].bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static struct story story;
    struct fuzz_input input = {data, len_bytes};
    memset(&story, 0, sizeof(story));
    begin(&story);
    for (size_t i = 0; i < MAX_OPERATIONS && input.left > 0; i++)
        operate(&story, &input);
    end(&story);
    return 0;
}
