/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of the monitor, the same in every sandbox but for the two stack addresses: descriptor
 * tables (Intel SDM volume 3, 3.4.5, 6.11, 6.14.1, 7.2.3; I/O bitmap: volume 1, 19.5.2), gates,
 * stub page and vector image. None of them is writable for the CPU either: all accessed bits are
 * preset.
 */
#include "host/driver/kvm/kvm_internal.h"

#include "abi/ports.h"
#include "monitor/monitor.h"
#include <stddef.h>
#include <string.h>

#define DOUBLE_FAULT_VECTOR 8u
#define BREAKPOINT_VECTOR 3u
#define MXCSR_DEFAULT 0x1F80u

/* 32-bit task state segments grew into this one: SDM volume 3, figure 8-11. */
struct task_state {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_bitmap_offset;
    uint8_t io_bitmap[MT_KVM_PORTS / 8 + 1];
} __attribute__((packed));

_Static_assert(offsetof(struct task_state, rsp) == 4, "TSS layout");
_Static_assert(offsetof(struct task_state, ist) == 36, "TSS layout");
_Static_assert(offsetof(struct task_state, io_bitmap_offset) == 102, "TSS layout");
_Static_assert(offsetof(struct task_state, io_bitmap) == 0x68, "TSS layout");
_Static_assert(sizeof(struct task_state) == MT_KVM_TSS_BYTES, "TSS layout");

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t stack_table_index;
    uint8_t type;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t reserved;
};

_Static_assert(sizeof(struct gate) * 256 == MT_KVM_IDT_BYTES, "IDT layout");

/* Present 64-bit interrupt gates: callable from ring 0, and from ring 3. */
#define GATE_SUPERVISOR 0x8Eu
#define GATE_USER 0xEEu

static const uint64_t gdt[MT_KVM_GDT_BYTES / 8] = {
    [MT_KVM_KERNEL_CODE / 8] = 0x00AF9B000000FFFF,
    [MT_KVM_KERNEL_DATA / 8] = 0x00CF93000000FFFF,
    [MT_KVM_USER_DATA / 8] = 0x00CFF3000000FFFF,
    [MT_KVM_USER_CODE / 8] = 0x00AFFB000000FFFF,
};

static const uint16_t allowed_ports[] = {MT_PORT_LOG, MT_PORT_CALL, MT_PORT_ABORT, MT_PORT_DONE,
                                         MT_PORT_TRY_CALL};

static uint8_t *page_at(uint8_t *monitor, uint64_t guest_address)
{
    return monitor + (guest_address - MT_KVM_MONITOR_SLOT_START);
}

static void fill_task_state(uint8_t *to, const struct mt_plan *plan)
{
    struct task_state state = {
        .rsp = {plan->exception_stack},
        .ist = {plan->double_fault_stack},
        .io_bitmap_offset = offsetof(struct task_state, io_bitmap),
    };
    memset(state.io_bitmap, 0xFF, sizeof(state.io_bitmap));
    for (size_t i = 0; i < sizeof(allowed_ports) / sizeof(allowed_ports[0]); i++)
        state.io_bitmap[allowed_ports[i] / 8] &= (uint8_t) ~(1u << (allowed_ports[i] % 8));
    memcpy(to, &state, sizeof(state));
}

static void fill_idt(uint8_t *to)
{
    for (unsigned vector = 0; vector < MT_MONITOR_GATES; vector++) {
        uint64_t target = MT_KVM_GATES + vector * MT_MONITOR_GATE_BYTES;
        struct gate gate = {
            .offset_low = (uint16_t)target,
            .selector = MT_KVM_KERNEL_CODE,
            .stack_table_index = vector == DOUBLE_FAULT_VECTOR ? 1 : 0,
            .type = vector == BREAKPOINT_VECTOR ? GATE_USER : GATE_SUPERVISOR,
            .offset_middle = (uint16_t)(target >> 16),
        };
        memcpy(to + vector * sizeof(gate), &gate, sizeof(gate));
    }
}

/* XSAVE's standard format with no component present resets all of them; only MXCSR is always
 * loaded from the image (SDM volume 1, 13.8.1). */
static void fill_vector_image(uint8_t *to)
{
    const uint32_t mxcsr = MXCSR_DEFAULT;
    memcpy(to + 24, &mxcsr, sizeof(mxcsr));
}

void mt_kvm_fill_monitor(uint8_t *monitor, const struct mt_plan *plan)
{
    memcpy(page_at(monitor, MT_KVM_GATES), mt_monitor_gates,
           (size_t)(mt_monitor_gates_end - mt_monitor_gates));
    memcpy(page_at(monitor, MT_KVM_TABLES), gdt, sizeof(gdt));
    fill_task_state(page_at(monitor, MT_KVM_TABLES) + MT_KVM_TSS_OFFSET, plan);
    fill_idt(page_at(monitor, MT_KVM_IDT));
    memcpy(page_at(monitor, MT_STUB_PAGE), mt_monitor_stub_page,
           (size_t)(mt_monitor_stub_page_end - mt_monitor_stub_page));
    fill_vector_image(page_at(monitor, MT_VECTOR_IMAGE));
}
