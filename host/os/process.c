/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mark is a page that the kernel zeroes in a forked child (MADV_WIPEONFORK, madvise(2)); it
 * holds the moment when it was found zero, which is later in a child. No process id: a child in a
 * namespace of its own may have its parent's, and so may one whose parent has ended. One page per
 * process, mapped at the first sandbox and kept.
 */
#include "host/os/process.h"

#include "host/base/error.h"
#include "host/os/clock.h"
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

typedef _Atomic uint64_t mark_page;

static mark_page *_Atomic page;

static uint64_t mark_on(mark_page *mark)
{
    uint64_t value = atomic_load_explicit(mark, memory_order_relaxed);
    if (value != 0)
        return value;
    uint64_t now_ns = mt_clock_ns();
    return atomic_compare_exchange_strong(mark, &value, now_ns) ? now_ns : value;
}

mote_status mt_process_mark(uint64_t *mark, mote_error *err)
{
    mark_page *known = atomic_load(&page);
    if (known == NULL) {
        size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
        void *made =
            mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (made == MAP_FAILED)
            return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of the process mark");
        if (madvise(made, page_bytes, MADV_WIPEONFORK) != 0) {
            int failure = errno;
            munmap(made, page_bytes);
            return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "madvise(MADV_WIPEONFORK)");
        }
        if (atomic_compare_exchange_strong(&page, &known, made))
            known = made;
        else
            munmap(made, page_bytes);
    }
    *mark = mark_on(known);
    return MOTE_OK;
}

bool mt_process_is(uint64_t mark)
{
    mark_page *known = atomic_load_explicit(&page, memory_order_relaxed);
    return known != NULL && mark_on(known) == mark;
}
