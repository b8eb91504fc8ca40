/* SPDX-License-Identifier: Apache-2.0 */
/* qsort(), qsort_r() and bsearch(). Sorting is by heap: in place, without recursion, never
 * quadratic. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int (*comparison)(const void *, const void *);

/* What elements are compared with. */
struct order {
    int (*compare)(const void *, const void *, void *);
    void *context;
};

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
    uint8_t kept[64];
    while (n != 0) {
        size_t part = n < sizeof(kept) ? n : sizeof(kept);
        memcpy(kept, a, part);
        memcpy(a, b, part);
        memcpy(b, kept, part);
        a += part;
        b += part;
        n -= part;
    }
}

/* Let the element at root sink until neither of its two children is larger. */
static void sink(uint8_t *base, size_t root, size_t count, size_t n, const struct order *order)
{
    while (root < count / 2) {
        size_t child = 2 * root + 1;
        if (child + 1 < count &&
            order->compare(base + child * n, base + (child + 1) * n, order->context) < 0)
            child++;
        if (order->compare(base + root * n, base + child * n, order->context) >= 0)
            return;
        swap(base + root * n, base + child * n, n);
        root = child;
    }
}

void qsort_r(void *base, size_t count, size_t n, int (*compare)(const void *, const void *, void *),
             void *context)
{
    const struct order order = {compare, context};
    for (size_t root = count / 2; root > 0; root--)
        sink(base, root - 1, count, n, &order);
    for (size_t left = count; left > 1; left--) {
        swap(base, (uint8_t *)base + (left - 1) * n, n);
        sink(base, 0, left - 1, n, &order);
    }
}

static int compare_without_context(const void *a, const void *b, void *context)
{
    return (*(const comparison *)context)(a, b);
}

void qsort(void *base, size_t count, size_t n, comparison compare)
{
    qsort_r(base, count, n, compare_without_context, &compare);
}

void *bsearch(const void *key, const void *base, size_t count, size_t n, comparison compare)
{
    const uint8_t *low = base;
    while (count != 0) {
        const uint8_t *middle = low + count / 2 * n;
        int order = compare(key, middle);
        if (order == 0)
            return (void *)(uintptr_t)middle;
        if (order > 0) {
            low = middle + n;
            count--;
        }
        count /= 2;
    }
    return NULL;
}
