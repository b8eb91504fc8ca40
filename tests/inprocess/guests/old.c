/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of the 0.1 ABI that looks at its run mode, as that system's own guest library does: in
 * the host's process its entry and its dispatch function return (docs/drivers.md). Every
 * function that it is asked for counts the calls.
 */
#include "abi/peb.h"
#include "wire/wire.h"

#define WIN64 __attribute__((ms_abi))

static struct mt_peb *peb;
static int32_t n_calls;

static void finish(void)
{
    if (peb->run_mode != MT_RUN_MODE_IN_PROCESS_LINUX)
        __asm__ volatile("hlt" : : : "memory");
}

static WIN64 void dispatch(void)
{
    const struct mt_wire_value value = {.type = MT_WIRE_I32, .as.i32 = ++n_calls};
    uint64_t *sp = (uint64_t *)(uintptr_t)peb->output;
    uint8_t *to = (uint8_t *)(uintptr_t)(peb->output + *sp);
    uint64_t start = *sp;
    size_t len_bytes = mt_wire_build_result(to, 256, &value);
    *(uint64_t *)(void *)(to + len_bytes) = start;
    *sp = start + len_bytes + sizeof(uint64_t);
    finish();
}

WIN64 void entrypoint(struct mt_peb *given, uint64_t seed, uint64_t page_bytes,
                      uint64_t max_log_level);

WIN64 void entrypoint(struct mt_peb *given, uint64_t seed, uint64_t page_bytes,
                      uint64_t max_log_level)
{
    (void)seed;
    (void)page_bytes;
    (void)max_log_level;
    peb = given;
    peb->dispatch_function = (uint64_t)(uintptr_t)dispatch;
    finish();
}
