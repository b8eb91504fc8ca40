/* SPDX-License-Identifier: Apache-2.0 */
/* The process environment block. */
#include "host/memory/peb.h"

#include "abi/memory_map.h"
#include "abi/peb.h"

void mt_peb_write(const struct mt_layout *layout, const struct mt_window *window,
                  uint64_t cookie_seed)
{
    const struct mt_sizes *sizes = &layout->sizes;
    struct mt_peb peb = {
        .security_cookie_seed = cookie_seed,
        .host_definitions_bytes = sizes->host_definitions,
        .host_definitions = layout->start[MT_PLACE_HOST_DEFINITIONS],
        .host_exception_bytes = sizes->host_exception,
        .guest_error_bytes = sizes->guest_error,
        .guest_error = layout->start[MT_PLACE_GUEST_ERROR],
        .code = layout->start[MT_PLACE_CODE],
        .run_mode = MT_RUN_MODE_HYPERVISOR,
        .input_bytes = sizes->input,
        .input = layout->start[MT_PLACE_INPUT],
        .output_bytes = sizes->output,
        .output = layout->start[MT_PLACE_OUTPUT],
        .panic_bytes = sizes->guest_panic,
        .panic = layout->start[MT_PLACE_PANIC],
        .heap_bytes = sizes->heap,
        .heap = layout->start[MT_PLACE_HEAP],
        .stack_min = layout->start[MT_PLACE_STACK],
        .stack = mt_layout_end(layout, MT_PLACE_STACK),
        .kernel_stack = mt_layout_end(layout, MT_PLACE_KERNEL_STACK),
        .boot_stack = mt_layout_end(layout, MT_PLACE_BOOT_STACK),
    };
    mt_guest_write(window, mt_gva(layout->start[MT_PLACE_PEB]), &peb, sizeof(peb));
}

_Static_assert(offsetof(struct mt_peb, outb_context) ==
                       offsetof(struct mt_peb, outb_function) + 8 &&
                   offsetof(struct mt_peb, run_mode) == offsetof(struct mt_peb, outb_context) + 8,
               "three words in a row");

void mt_peb_set_way_out(const struct mt_layout *layout, const struct mt_window *window,
                        const struct mt_way_out *way_out)
{
    const uint64_t words[] = {way_out->function, way_out->context, way_out->run_mode};
    uint64_t peb = layout->start[MT_PLACE_PEB];
    mt_guest_write(window, mt_gva(peb + offsetof(struct mt_peb, outb_function)), words,
                   sizeof(words));
}

uint64_t mt_peb_dispatch_function(const struct mt_layout *layout, const struct mt_window *window)
{
    uint64_t dispatch = 0;
    mt_guest_read_u64(
        window, mt_gva(layout->start[MT_PLACE_PEB] + offsetof(struct mt_peb, dispatch_function)),
        &dispatch);
    return dispatch;
}
