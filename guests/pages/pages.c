/* SPDX-License-Identifier: Apache-2.0 */
/* The guest that restores are measured with: it writes to as many pages as it is told. */
#include <mote_guest/moteg.h>

#include <stdlib.h>

#define PAGE_BYTES 4096u
#define N_PAGES 128u /* of each kind */

static uint8_t data[N_PAGES * PAGE_BYTES];
static uint8_t *heap; /* as much of the heap's first part as there is, up to N_PAGES */
static uint32_t n_heap_pages;

void moteg_main(void)
{
    for (n_heap_pages = N_PAGES; n_heap_pages > 0 && heap == NULL; n_heap_pages /= 2)
        heap = malloc(n_heap_pages * PAGE_BYTES);
    n_heap_pages *= 2;
}

static uint8_t *page_at(uint32_t n)
{
    uint32_t index = n / 2;
    if (n % 2 == 0 || index >= n_heap_pages)
        return data + index % N_PAGES * PAGE_BYTES;
    return heap + index * PAGE_BYTES;
}

/* Write to n pages, every other one of the image's data and of the heap. */
MOTEG_FUNCTION(void, WritePages, (u32, n))
{
    for (uint32_t i = 0; i < n; i++)
        (*(volatile uint8_t *)page_at(i))++;
}
