/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a message whose size prefix another thread flips, and compares what was judged with what
 * was copied: a compiler that read guest memory again in place of the copy would show. It is built
 * at every level of optimisation by test_fetch_once.py.
 */
#include "host/memory/buffers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BASE 0x300000u
#define BUFFER_BYTES 0x2000u
#define MESSAGE_BYTES 64u
#define OTHER_PREFIX 12u
#define HUGE_PREFIX 0x7FFFFFFFu
#define ENOUGH 200000u
#define MAX_SECONDS 20

static uint8_t *alias;
static _Atomic bool is_over;

static void *flip(void *unused)
{
    volatile uint32_t *prefix = (volatile uint32_t *)(void *)(alias + 8);
    (void)unused;
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        *prefix = HUGE_PREFIX;
        *prefix = OTHER_PREFIX;
        *prefix = MESSAGE_BYTES - 4;
    }
    return NULL;
}

static int fail(const char *what, unsigned long long value)
{
    printf("%s: %llu\n", what, value);
    return 1;
}

/* One pop; *is_refused tells how it ended. */
static int pop(const struct mt_buffers *buffers, const mote_allocator *allocator,
               struct mt_copy *copy, bool *is_refused)
{
    struct mt_element element;
    size_t n = 0;
    size_t len_bytes = 0;
    uint32_t prefix;
    if (mt_buffers_list_output(buffers, &element, 1, &n, NULL) != MOTE_OK || n != 1)
        return fail("elements", n);
    mote_status status = mt_buffers_copy(buffers, &element, allocator, copy, &len_bytes, NULL);
    *is_refused = status != MOTE_OK;
    if (*is_refused)
        return status == MOTE_E_PROTOCOL ? 0 : fail("status", (unsigned long long)status);
    memcpy(&prefix, copy->data, sizeof(prefix));
    if (len_bytes != (uint64_t)prefix + 4 || copy->room_bytes > BUFFER_BYTES)
        return fail("a length that was fetched again", len_bytes);
    return 0;
}

int main(void)
{
    int fd = memfd_create("guest", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, BUFFER_BYTES) != 0)
        return fail("memfd", 0);
    uint8_t *memory = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    alias = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED || alias == MAP_FAILED)
        return fail("mmap", 0);
    const struct mt_buffers buffers = {
        .window = {memory, BASE, BUFFER_BYTES}, .output = BASE, .output_bytes = BUFFER_BYTES};
    const uint64_t top = 8 + MESSAGE_BYTES + 8;
    const uint64_t back_pointer = 8;
    memcpy(alias, &top, sizeof(top));
    memcpy(alias + top - 8, &back_pointer, sizeof(back_pointer));
    mote_allocator allocator;
    mt_allocator_set(&allocator, NULL);
    struct mt_copy copy = {0};
    pthread_t thread;
    if (pthread_create(&thread, NULL, flip, NULL) != 0)
        return fail("pthread_create", 0);
    size_t counts[2] = {0, 0};
    int status = 0;
    time_t end = time(NULL) + MAX_SECONDS;
    while (status == 0 && (counts[0] < ENOUGH || counts[1] < ENOUGH) && time(NULL) < end) {
        bool is_refused = false;
        status = pop(&buffers, &allocator, &copy, &is_refused);
        counts[is_refused]++;
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    if (status == 0 && (counts[0] < ENOUGH || counts[1] < ENOUGH))
        return fail("too few outcomes of one kind", counts[0] < counts[1] ? counts[0] : counts[1]);
    return status;
}
