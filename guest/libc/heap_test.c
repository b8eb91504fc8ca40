/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's malloc(): it hands out what it has, never twice, takes all of it back, and notices
 * when it is abused. */
#include "guest/libc/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

void *guest_malloc(size_t n);
void *guest_calloc(size_t count, size_t n);
void *guest_realloc(void *old, size_t n);
void *guest_reallocarray(void *old, size_t count, size_t n);
void *guest_aligned_alloc(size_t alignment, size_t n);
int guest_posix_memalign(void **made, size_t alignment, size_t n);
void guest_free(void *memory);
size_t moteg_heap_bytes(void);
size_t moteg_heap_used_bytes(void);

#define HEAP_BYTES 0x20000u
#define HEADER_BYTES 16u
static _Alignas(4096) uint8_t heap[HEAP_BYTES];

static jmp_buf corrupt;
static const char *what_is_corrupt;

void mt_heap_is_corrupt(const char *what, const void *where)
{
    (void)where;
    what_is_corrupt = what;
    longjmp(corrupt, 1);
}

/* Whether statement ends in a report of corruption that has word in it. */
#define assert_corrupt(statement, word) \
    do { \
        if (setjmp(corrupt) == 0) { \
            statement; \
            fail_msg("not noticed: %s", #statement); \
        } \
        assert_non_null(strstr(what_is_corrupt, word)); \
    } while (0)

static int reset(void **state)
{
    (void)state;
    memset(heap, 0, sizeof(heap));
    mt_heap_init(heap, sizeof(heap), 0x123456789ABCDEFu);
    return 0;
}

static void test_the_whole_heap_is_one_chunk_again(void **state)
{
    (void)state;
    assert_int_equal(moteg_heap_bytes(), HEAP_BYTES);
    size_t most = HEAP_BYTES - HEADER_BYTES;
    void *all = guest_malloc(most);
    assert_non_null(all);
    assert_int_equal(moteg_heap_used_bytes(), HEAP_BYTES);
    assert_null(guest_malloc(1));
    guest_free(all);
    assert_int_equal(moteg_heap_used_bytes(), 0);
    assert_null(guest_malloc(most + 1));
    all = guest_malloc(most);
    assert_non_null(all);
    guest_free(all);
}

static void test_a_request_too_large_is_null(void **state)
{
    (void)state;
    assert_null(guest_malloc(SIZE_MAX));
    assert_null(guest_malloc(SIZE_MAX - 15));
    assert_null(guest_malloc((size_t)UINT32_MAX * 16));
    assert_null(guest_calloc(SIZE_MAX / 2, 3));
    assert_null(guest_calloc(SIZE_MAX, SIZE_MAX));
    assert_null(guest_reallocarray(NULL, SIZE_MAX / 2, 3));
    assert_null(guest_aligned_alloc(64, SIZE_MAX));
    assert_null(guest_aligned_alloc(SIZE_MAX / 2 + 1, 1));
    assert_null(guest_aligned_alloc(24, 1));
    assert_null(guest_aligned_alloc(0, 1));
    assert_int_equal(moteg_heap_used_bytes(), 0);
}

static void test_no_heap_gives_nothing(void **state)
{
    (void)state;
    for (size_t n = 0; n < 32; n++) {
        mt_heap_init(heap, n, 1);
        assert_null(guest_malloc(0));
    }
    mt_heap_init(heap, 32, 1);
    assert_non_null(guest_malloc(16));
    mt_heap_init(heap + 1, HEAP_BYTES - 1, 1);
    assert_int_equal((uintptr_t)guest_malloc(1) % 16, 0);
}

static void test_calloc_is_zero_on_used_memory(void **state)
{
    (void)state;
    uint8_t *used = guest_malloc(5000);
    memset(used, 0xAA, 5000);
    guest_free(used);
    uint8_t *zero = guest_calloc(100, 80);
    assert_non_null(zero);
    for (size_t i = 0; i < 8000; i++)
        assert_int_equal(zero[i], 0);
    guest_free(zero);
}

static void test_calloc_leaves_fresh_memory_alone(void **state)
{
    (void)state;
    /* Fresh memory is zero by contract; a mark in it shows whether it is written. */
    heap[HEAP_BYTES / 2] = 0x5A;
    uint8_t *fresh = guest_calloc(1, HEAP_BYTES - 4096);
    assert_non_null(fresh);
    assert_int_equal(heap[HEAP_BYTES / 2], 0x5A);
    guest_free(fresh);
}

static void test_realloc_keeps_the_content(void **state)
{
    (void)state;
    uint8_t *memory = guest_realloc(NULL, 10);
    memcpy(memory, "0123456789", 10);
    void *grown_in_place = guest_realloc(memory, 1000);
    assert_ptr_equal(grown_in_place, memory);
    assert_memory_equal(memory, "0123456789", 10);
    uint8_t *wall = guest_malloc(1);
    uint8_t *moved = guest_realloc(memory, 4000);
    assert_ptr_not_equal(moved, memory);
    assert_memory_equal(moved, "0123456789", 10);
    assert_null(guest_realloc(moved, HEAP_BYTES));
    assert_memory_equal(moved, "0123456789", 10);
    uint8_t *shrunk = guest_realloc(moved, 10);
    assert_ptr_equal(shrunk, moved);
    guest_free(shrunk);
    guest_free(wall);
    assert_int_equal(moteg_heap_used_bytes(), 0);
    assert_non_null(guest_malloc(HEAP_BYTES - HEADER_BYTES));
}

static void test_alignment_is_kept(void **state)
{
    (void)state;
    void *kept[64];
    size_t n = 0;
    for (size_t alignment = 1; alignment <= 8192; alignment *= 2) {
        for (size_t i = 0; i < 3; i++) {
            void *made = guest_aligned_alloc(alignment, 100);
            assert_non_null(made);
            assert_int_equal((uintptr_t)made % (alignment < 16 ? 16 : alignment), 0);
            memset(made, 0xFF, 100);
            kept[n++] = made;
        }
    }
    void *memory = NULL;
    assert_int_equal(guest_posix_memalign(&memory, 3, 1), 22);
    assert_int_equal(guest_posix_memalign(&memory, 64, HEAP_BYTES), 12);
    assert_null(memory);
    while (n != 0)
        guest_free(kept[--n]);
    assert_int_equal(moteg_heap_used_bytes(), 0);
    assert_non_null(guest_malloc(HEAP_BYTES - HEADER_BYTES));
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

struct piece {
    uint8_t *memory;
    size_t len_bytes;
    uint8_t mark;
};

static void check_and_free(struct piece *piece)
{
    for (size_t i = 0; i < piece->len_bytes; i++)
        assert_int_equal(piece->memory[i], piece->mark);
    guest_free(piece->memory);
    piece->memory = NULL;
}

static void use_at_random(void)
{
    static struct piece pieces[100];
    uint64_t seed = 777;
    int n_refused = 0;
    for (int step = 0; step < 40000; step++) {
        uint64_t random = next_random(&seed);
        struct piece *piece = &pieces[random % 100];
        size_t n =
            random >> 32 & 15 ? (size_t)(random >> 40) % 300 : (size_t)(random >> 40) % 20000;
        if (piece->memory != NULL && random >> 20 & 1) {
            size_t kept = n < piece->len_bytes ? n : piece->len_bytes;
            uint8_t *moved = guest_realloc(piece->memory, n);
            if (moved == NULL)
                continue;
            for (size_t i = 0; i < kept; i++)
                assert_int_equal(moved[i], piece->mark);
            piece->memory = moved;
        } else {
            if (piece->memory != NULL)
                check_and_free(piece);
            piece->memory = guest_malloc(n);
            if (piece->memory == NULL) {
                n_refused++;
                continue;
            }
        }
        piece->len_bytes = n;
        piece->mark = (uint8_t)random;
        memset(piece->memory, piece->mark, n);
    }
    assert_true(n_refused > 0);
    for (size_t i = 0; i < 100; i++) {
        if (pieces[i].memory != NULL)
            check_and_free(&pieces[i]);
    }
    assert_int_equal(moteg_heap_used_bytes(), 0);
    assert_non_null(guest_malloc(HEAP_BYTES - HEADER_BYTES));
}

static void test_random_use_never_overlaps(void **state)
{
    (void)state;
    if (setjmp(corrupt) != 0)
        fail_msg("%s", what_is_corrupt);
    use_at_random();
}

static void test_abuse_is_noticed(void **state)
{
    (void)state;
    uint8_t *first = guest_malloc(32);
    uint8_t *second = guest_malloc(32);
    uint8_t *third = guest_malloc(32);
    (void)third;
    assert_corrupt(guest_free(first + 16), "overwritten");
    assert_corrupt(guest_free(first + 1), "not from malloc");
    uint8_t *volatile start = heap;
    assert_corrupt(guest_free(start - 16), "not from malloc");
    assert_corrupt(guest_free(heap + HEAP_BYTES), "not from malloc");
    guest_free(first);
    assert_corrupt(guest_free(first), "freed before");
    reset(NULL);
    first = guest_malloc(32);
    second = guest_malloc(32);
    memset(first, 0, 40);
    assert_corrupt(guest_free(second), "overwritten");
    reset(NULL);
    first = guest_malloc(32);
    second = guest_malloc(32);
    guest_free(first);
    memset(first, 0x11, 8);
    first[0] = (uint8_t)(uintptr_t)second;
    memcpy(first, &second, sizeof(second));
    assert_corrupt(guest_malloc(32), "freed memory");
}

/* A chunk that its neighbour took in is no chunk any more: neither the one that was freed after the
 * one before it, nor the one that was freed before. */
static void test_a_second_free_is_noticed_after_a_merge(void **state)
{
    (void)state;
    uint8_t *first = guest_malloc(40), *second = guest_malloc(40), *third = guest_malloc(40);
    (void)third;
    guest_free(first);
    guest_free(second);
    assert_corrupt(guest_free(second), "freed before");
    assert_corrupt(guest_free(first), "freed before");
    reset(NULL);
    first = guest_malloc(40);
    second = guest_malloc(40);
    third = guest_malloc(40);
    guest_free(second);
    guest_free(first);
    assert_corrupt(guest_free(second), "freed before");
    reset(NULL);
    first = guest_malloc(40);
    second = guest_malloc(40);
    third = guest_malloc(40);
    guest_malloc(40);
    guest_free(first);
    guest_free(third);
    guest_free(second);
    assert_corrupt(guest_free(second), "freed before");
    assert_corrupt(guest_free(third), "freed before");
}

/* Growing in place takes in the chunk behind, whose own header is content then. */
static void test_a_second_free_is_noticed_after_growth(void **state)
{
    (void)state;
    uint8_t *first = guest_malloc(40), *second = guest_malloc(40);
    guest_malloc(40);
    guest_free(second);
    assert_ptr_equal(guest_realloc(first, 80), first);
    assert_corrupt(guest_free(second), "freed before");
}

static void test_freeing_null_is_nothing(void **state)
{
    (void)state;
    guest_free(NULL);
    assert_int_equal(moteg_heap_used_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_whole_heap_is_one_chunk_again, reset),
        cmocka_unit_test_setup(test_a_request_too_large_is_null, reset),
        cmocka_unit_test_setup(test_no_heap_gives_nothing, reset),
        cmocka_unit_test_setup(test_calloc_is_zero_on_used_memory, reset),
        cmocka_unit_test_setup(test_calloc_leaves_fresh_memory_alone, reset),
        cmocka_unit_test_setup(test_realloc_keeps_the_content, reset),
        cmocka_unit_test_setup(test_alignment_is_kept, reset),
        cmocka_unit_test_setup(test_random_use_never_overlaps, reset),
        cmocka_unit_test_setup(test_abuse_is_noticed, reset),
        cmocka_unit_test_setup(test_a_second_free_is_noticed_after_a_merge, reset),
        cmocka_unit_test_setup(test_a_second_free_is_noticed_after_growth, reset),
        cmocka_unit_test_setup(test_freeing_null_is_nothing, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
