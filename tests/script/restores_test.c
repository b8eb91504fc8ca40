/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots and restores of two sandboxes in any order, between writes: after each restore the
 * memory is what a plain copy of it was. The guests' writes are told by the page, so that a restore
 * that looks at too few pages is seen; and it is counted, so that one that looks at too many is.
 */
#include "tests/script/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_SNAPSHOTS 4u
#define DEFAULT_STORIES 40u
#define N_OPERATIONS 60u

/* Fewer where each takes long: under valgrind. */
static unsigned long n_stories(void)
{
    const char *text = getenv("MOTE_STORIES");
    return text != NULL ? strtoul(text, NULL, 10) : DEFAULT_STORIES;
}

struct copy {
    mote_snapshot *snapshot;
    uint8_t *bytes;
};

struct story {
    struct guest guest;
    mote_sandbox *sandboxes[2];
    uint8_t definitions[2][MT_PAGE_BYTES]; /* of host functions: each sandbox has its own */
    struct copy copies[N_SNAPSHOTS];
    size_t len_bytes;
};

static mote_status answer(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context, (void)args, (void)n_args, (void)err;
    *result = mote_void();
    return MOTE_OK;
}

static const uint8_t *definitions_of(const mote_sandbox *sandbox)
{
    const struct mt_window *window = &sandbox->buffers.window;
    return window->host +
           (sandbox->template->layout.start[MT_PLACE_HOST_DEFINITIONS] - window->start);
}

static void begin(struct story *story)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.driver = "script";
    memset(story, 0, sizeof(*story));
    guest_open(&story->guest, GUEST_MOTE, NULL);
    story->sandboxes[0] = story->guest.sandbox;
    assert_fine(
        mote_sandbox_create(story->guest.image, &config, &story->sandboxes[1], &last_error));
    for (size_t i = 0; i < 2; i++)
        mt_script_tells_writes(story->sandboxes[i]->machine);
    const mote_host_function function = {.name = "Extra", .fn = answer, .returns = MOTE_TYPE_VOID};
    assert_fine(mote_sandbox_register(story->sandboxes[1], &function, &last_error));
    guest_start(&story->guest);
    assert_fine(guest_init(&story->guest));
    story->len_bytes = story->sandboxes[0]->buffers.window.len_bytes;
    for (size_t i = 0; i < 2; i++)
        memcpy(story->definitions[i], definitions_of(story->sandboxes[i]), MT_PAGE_BYTES);
}

static void end(struct story *story)
{
    for (size_t i = 0; i < N_SNAPSHOTS; i++) {
        mote_snapshot_unref(story->copies[i].snapshot);
        free(story->copies[i].bytes);
    }
    mote_sandbox_destroy(story->sandboxes[1]);
    guest_close(&story->guest);
}

static void write_somewhere(const struct story *story, mote_sandbox *sandbox)
{
    size_t page = (size_t)random() % (story->len_bytes / MT_PAGE_BYTES);
    sandbox->buffers.window.host[page * MT_PAGE_BYTES + (size_t)random() % MT_PAGE_BYTES] =
        (uint8_t)random();
    mt_script_wrote(sandbox->machine, page, 1);
}

/* As the host writes: the driver does not see it. */
static void write_as_host(mote_sandbox *sandbox)
{
    uint64_t value = (uint64_t)random();
    mt_guest_write_u64(&sandbox->buffers.window, mt_gva(sandbox->buffers.input + 64), value);
}

static void take(struct story *story, mote_sandbox *sandbox, struct copy *copy)
{
    mote_snapshot *snapshot;
    if (mote_sandbox_state_get(sandbox) != MOTE_SANDBOX_READY)
        return;
    assert_fine(mote_snapshot_take(sandbox, &snapshot, &last_error));
    mote_snapshot_unref(copy->snapshot);
    copy->snapshot = snapshot;
    copy->bytes = realloc(copy->bytes, story->len_bytes);
    assert_non_null(copy->bytes);
    memcpy(copy->bytes, sandbox->buffers.window.host, story->len_bytes);
}

static void assert_same_memory(const struct story *story, const mote_sandbox *sandbox,
                               const struct copy *copy)
{
    const struct mt_layout *layout = &sandbox->template->layout;
    size_t own = layout->start[MT_PLACE_HOST_DEFINITIONS] - sandbox->buffers.window.start;
    size_t own_end = own + layout->len_bytes[MT_PLACE_HOST_DEFINITIONS];
    assert_memory_equal(sandbox->buffers.window.host, copy->bytes, own);
    assert_memory_equal(sandbox->buffers.window.host + own_end, copy->bytes + own_end,
                        story->len_bytes - own_end);
    assert_memory_equal(definitions_of(sandbox), story->definitions[sandbox == story->sandboxes[1]],
                        MT_PAGE_BYTES);
}

static void restore(const struct story *story, mote_sandbox *sandbox, const struct copy *copy)
{
    if (copy->snapshot == NULL)
        return;
    assert_fine(mote_sandbox_restore(sandbox, copy->snapshot, &last_error));
    assert_same_memory(story, sandbox, copy);
}

static void operate(struct story *story)
{
    mote_sandbox *sandbox = story->sandboxes[random() % 2];
    struct copy *copy = &story->copies[(size_t)random() % N_SNAPSHOTS];
    switch (random() % 6) {
    case 0:
        take(story, sandbox, copy);
        break;
    case 1:
    case 2:
        restore(story, sandbox, copy);
        break;
    case 3:
        write_as_host(sandbox);
        break;
    default:
        write_somewhere(story, sandbox);
        break;
    }
}

static void test_memory_is_what_it_was_whatever_came_between(void **state)
{
    (void)state;
    srandom(3);
    for (unsigned i = 0; i < n_stories(); i++) {
        struct story story;
        begin(&story);
        for (unsigned k = 0; k < N_OPERATIONS; k++)
            operate(&story);
        end(&story);
    }
}

static uint64_t looked_at(const mote_sandbox *sandbox)
{
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    assert_fine(mote_sandbox_stats_get(sandbox, &stats, &last_error));
    return stats.last_restored_pages;
}

/* Again and again to the same snapshot: what was written, and nothing else. */
static void test_a_restore_to_the_same_snapshot_looks_at_what_was_written(void **state)
{
    (void)state;
    struct story story;
    struct copy *copy = &story.copies[0];
    begin(&story);
    mote_sandbox *sandbox = story.sandboxes[0];
    take(&story, sandbox, copy);
    restore(&story, sandbox, copy);
    uint64_t n_before = looked_at(sandbox);
    const uint64_t heap = guest_place(&story.guest, MT_PLACE_HEAP);
    uint64_t page = (heap - sandbox->buffers.window.start) / MT_PAGE_BYTES;
    mt_script_wrote(sandbox->machine, page, 3);
    restore(&story, sandbox, copy);
    assert_int_equal(looked_at(sandbox), n_before + 3);
    /* Tracking is begun with a snapshot, and not with every restore. */
    uint64_t n_tracks = mt_script_record_of(sandbox->machine).n_tracks;
    assert_int_equal(n_tracks, 1);
    restore(&story, sandbox, copy);
    assert_int_equal(mt_script_record_of(sandbox->machine).n_tracks, n_tracks);
    end(&story);
}

static void test_a_snapshot_of_another_image_is_refused(void **state)
{
    (void)state;
    struct story story;
    struct guest other;
    begin(&story);
    guest_ready(&other, GUEST_MOTE, NULL);
    take(&story, story.sandboxes[0], &story.copies[0]);
    assert_error(mote_sandbox_restore(other.sandbox, story.copies[0].snapshot, &last_error),
                 MOTE_E_SNAPSHOT);
    assert_state(&other, MOTE_SANDBOX_READY);
    guest_close(&other);
    end(&story);
}

static void test_the_stack_grows_with_what_is_pushed(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    mote_sandbox *sandbox = story.sandboxes[0];
    uint8_t *first = sandbox->buffers.window.host;
    for (unsigned i = 0; i < 20; i++) {
        first[0] = (uint8_t)i;
        mt_script_wrote(sandbox->machine, 0, 1);
        assert_fine(mote_sandbox_push(sandbox, &last_error));
    }
    for (unsigned i = 19; i > 0; i--) {
        assert_fine(mote_sandbox_pop(sandbox, &last_error));
        assert_int_equal(first[0], i - 1);
    }
    end(&story);
}

/* What was told of operations, in its order: "name(" where one began, "name)" where it ended. */
static char told[256];

static void hear_span(void *context, const mote_span *span)
{
    size_t used = strlen(told);
    (void)context;
    snprintf(told + used, sizeof(told) - used, "%s%c", span->operation, span->is_end ? ')' : '(');
    assert_true(span->time_ns > 0);
    /* Its time is counted from where it began. */
    assert_true(span->is_end ? span->duration_ns < span->time_ns : span->duration_ns == 0);
}

static void test_spans_tell_of_snapshots_and_restores(void **state)
{
    (void)state;
    struct guest guest;
    mote_config config = MOTE_CONFIG_INIT;
    config.span = hear_span;
    guest_ready(&guest, GUEST_MOTE, &config);
    told[0] = '\0';
    assert_fine(mote_sandbox_push(guest.sandbox, &last_error));
    assert_string_equal(told, "snapshot(snapshot)");
    told[0] = '\0';
    assert_fine(mote_sandbox_restore(guest.sandbox, NULL, &last_error));
    assert_string_equal(told, "restore(restore)");
    guest_close(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_what_it_was_whatever_came_between),
        cmocka_unit_test(test_a_restore_to_the_same_snapshot_looks_at_what_was_written),
        cmocka_unit_test(test_a_snapshot_of_another_image_is_refused),
        cmocka_unit_test(test_the_stack_grows_with_what_is_pushed),
        cmocka_unit_test(test_spans_tell_of_snapshots_and_restores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
