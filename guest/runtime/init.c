/* SPDX-License-Identifier: Apache-2.0 */
/* From the entry to the loop that serves calls. */
#include "abi/memory_map.h"
#include "abi/note.h"
#include "abi/ports.h"
#include "guest/libc/heap.h"
#include "guest/runtime/runtime.h"
#include "guest/runtime/start.h"

#include <stdlib.h>

_Static_assert(START_STUB_OUT == MT_STUB_PAGE + MT_STUB_OUT, "start.h");
_Static_assert(START_PEB_RUN_MODE == offsetof(struct mt_peb, run_mode), "start.h");
_Static_assert(START_RUN_MODE_HYPERVISOR == MT_RUN_MODE_HYPERVISOR, "start.h");
_Static_assert(START_NOTE_TYPE == MT_NOTE_TYPE, "start.h");
_Static_assert(START_NOTE_ABI_VERSION == MT_NOTE_ABI_VERSION, "start.h");

/* Constructors, in the linker's order. */
typedef void (*constructor)(void);
extern const constructor __init_array_start[] __attribute__((weak, visibility("hidden")));
extern const constructor __init_array_end[] __attribute__((weak, visibility("hidden")));

/* What guests of Hyperlight 0.1's C API have for moteg_main(). */
__attribute__((weak)) void hyperlight_main(void);

__attribute__((weak)) void moteg_main(void)
{
    if (hyperlight_main != NULL)
        hyperlight_main();
}

static void read_peb(const struct mt_peb *peb)
{
    const volatile uint64_t *from = (const volatile uint64_t *)peb;
    uint64_t *to = (uint64_t *)&mt_peb;
    for (size_t i = 0; i < sizeof(mt_peb) / sizeof(uint64_t); i++)
        to[i] = from[i];
}

static void run_user_code(void *context)
{
    (void)context;
    for (const constructor *next = __init_array_start; next < __init_array_end; next++)
        (*next)();
    moteg_main();
}

void mt_run(const struct mt_peb *peb, uint64_t seed, uint64_t page_bytes, uint64_t max_log_level)
{
    (void)page_bytes;
    read_peb(peb);
    mt_records_init(max_log_level);
    /* As in Hyperlight 0.1: numbers differ from sandbox to sandbox. */
    srand((unsigned)(seed >> 32));
    mt_heap_init((void *)(uintptr_t)mt_peb.heap, mt_peb.heap_bytes, seed);
    mt_thread_init();
    mt_dispatch_init();
    mt_run_catching(run_user_code, NULL);
    for (;;) {
        mt_leave();
        mt_dispatch();
    }
}
