/* SPDX-License-Identifier: Apache-2.0 */
/* Heapsort: tables of a hostile file may have any order. */
#include "host/image/sort.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct heap {
    uint8_t *elements;
    size_t element_bytes;
    int (*compare)(const void *a, const void *b);
};

static uint8_t *element(const struct heap *heap, size_t index)
{
    return heap->elements + index * heap->element_bytes;
}

static void swap(const struct heap *heap, size_t a, size_t b)
{
    uint8_t kept[MT_SORT_MAX_ELEMENT_BYTES];
    memcpy(kept, element(heap, a), heap->element_bytes);
    memcpy(element(heap, a), element(heap, b), heap->element_bytes);
    memcpy(element(heap, b), kept, heap->element_bytes);
}

static bool is_less(const struct heap *heap, size_t a, size_t b)
{
    return heap->compare(element(heap, a), element(heap, b)) < 0;
}

static void copy(const struct heap *heap, size_t to, size_t from)
{
    memcpy(element(heap, to), element(heap, from), heap->element_bytes);
}

/* Move the element at root down to where no child is greater; the heap ends before end. What is
 * moved down comes from the heap's end and mostly belongs there: the greater children move up all
 * the way first, which takes half the comparisons. */
static void sift_down(const struct heap *heap, size_t root, size_t end)
{
    _Alignas(max_align_t) uint8_t kept[MT_SORT_MAX_ELEMENT_BYTES]; /* is compared */
    size_t hole = root;
    memcpy(kept, element(heap, root), heap->element_bytes);
    for (size_t child = 2 * root + 1; child < end; child = 2 * hole + 1) {
        if (child + 1 < end && is_less(heap, child, child + 1))
            child++;
        copy(heap, hole, child);
        hole = child;
    }
    for (size_t parent = (hole - 1) / 2; hole > root; parent = (hole - 1) / 2) {
        if (heap->compare(element(heap, parent), kept) >= 0)
            break;
        copy(heap, hole, parent);
        hole = parent;
    }
    memcpy(element(heap, hole), kept, heap->element_bytes);
}

static bool is_sorted(const struct heap *heap, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (is_less(heap, i, i - 1))
            return false;
    }
    return true;
}

void mt_sort(void *elements, size_t n, size_t element_bytes,
             int (*compare)(const void *a, const void *b))
{
    const struct heap heap = {elements, element_bytes, compare};
    if (is_sorted(&heap, n))
        return;
    for (size_t i = n / 2; i > 0; i--)
        sift_down(&heap, i - 1, n);
    for (size_t end = n - 1; end > 0; end--) {
        swap(&heap, 0, end);
        sift_down(&heap, 0, end);
    }
}
