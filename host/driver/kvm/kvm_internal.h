/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the KVM driver.
 *
 *   prepare.c        what all machines of a plan share: /dev/kvm, CPUID, one mapping of monitor
 *                    pages and page tables
 *   monitor_pages.c  GDT, IDT, TSS, gates, stub page, vector image
 *   page_tables.c    page tables from regions
 *   machine.c        VM, private memory, life and death
 *   slots.c          memory slots
 *   task_type.c      the self-test that tells what TR must look like
 *   vcpu.c           special registers, entering ring 3, running
 *   selectors.c      the thread's segment selectors, which kvm_pvm does not keep
 *   exit.c           what an exit of KVM means
 *   tracking.c       which pages the guest wrote
 *   cpu_state.c      the virtual CPU for snapshots
 *   examine.c        what KVM can do on this host
 */
#ifndef MOTE_HOST_DRIVER_KVM_KVM_INTERNAL_H
#define MOTE_HOST_DRIVER_KVM_KVM_INTERNAL_H

#include "abi/memory_map.h"
#include "host/driver/kvm/kvm.h"
#include "host/os/alarm.h"
#include <linux/kvm.h>

/* Guest addresses of the monitor's supervisor pages. The first and last page of the monitor's range
 * stay unmapped. */
#define MT_KVM_GATES (MT_MONITOR_START + 0x1000)
#define MT_KVM_TABLES (MT_MONITOR_START + 0x2000) /* GDT, TSS and its I/O bitmap */
#define MT_KVM_IDT (MT_MONITOR_START + 0x3000)
/* The slot that backs them, the stub page and the vector image. */
#define MT_KVM_MONITOR_SLOT_START MT_KVM_GATES
#define MT_KVM_MONITOR_SLOT_END (MT_VECTOR_IMAGE + MT_VECTOR_IMAGE_MAX_BYTES)
#define MT_KVM_MONITOR_SLOT_BYTES (MT_KVM_MONITOR_SLOT_END - MT_KVM_MONITOR_SLOT_START)

/* Where LSTAR points: behind the gates, on a page that ring 3 cannot reach. On kvm_pvm `syscall`
 * jumps there without leaving ring 3, and faults. */
#define MT_KVM_SYSCALL_LANDING (MT_KVM_GATES + 0x800)

/* Selectors in the GDT. */
enum {
    MT_KVM_KERNEL_CODE = 0x10,
    MT_KVM_KERNEL_DATA = 0x18,
    MT_KVM_USER_DATA = 0x28 | 3,
    MT_KVM_USER_CODE = 0x30 | 3,
    MT_KVM_TASK = 0x40
};

#define MT_KVM_TSS_OFFSET 0x100u /* in the page at MT_KVM_TABLES */
#define MT_KVM_GDT_BYTES 0x50u
#define MT_KVM_IDT_BYTES 0x1000u
#define MT_KVM_PORTS 256u /* covered by the I/O bitmap; higher ones lie past the TSS limit */
#define MT_KVM_TSS_BYTES (0x68u + MT_KVM_PORTS / 8 + 1)

#define MT_KVM_MAX_CPUID 128u

struct mt_kvm_prepared {
    const struct mt_plan *plan;
    mote_allocator allocator;
    int kvm_fd;
    size_t run_bytes;            /* size of the mapping of struct kvm_run */
    uint8_t *monitor;            /* MT_KVM_MONITOR_SLOT_BYTES, then the page tables */
    uint8_t *tables;             /* plan->tables_len_bytes */
    uint64_t vector_image_bytes; /* whole pages */
    uint64_t xcr0;               /* of the guest */
    uint64_t cr4;                /* of the guest */
    struct kvm_cpuid2 *cpuid;
    uint64_t private_start; /* guest address of the private memory */
    uint64_t private_len_bytes;
    uint64_t resume_offset; /* of the resume image from the private memory's start */
    const uint8_t *shared;  /* pages that all sandboxes share, at shared_start; may be none */
    uint64_t shared_start;
    uint64_t shared_len_bytes;
};

struct mt_machine {
    const struct mt_kvm_prepared *prepared;
    int vm_fd;
    int vcpu_fd;
    struct kvm_run *run;
    uint8_t *reserved; /* host range with guards on both sides of the private memory */
    size_t reserved_bytes;
    uint8_t *private_memory; /* with the resume image behind it */
    uint8_t *own_tables;     /* where the plan has a sparse part; NULL: those of the plan */
    uint64_t sparse_start;   /* of the slot that is not logged */
    bool is_logging;
    uint64_t *log;          /* room for the log of the slot that is logged; NULL before the first */
    uint64_t log_words;     /* room in it */
    uint64_t resume_id;     /* which state the resume image holds; 0 for none */
    bool is_settled;        /* nothing is pending from the last exit */
    struct kvm_sregs ring3; /* what the special registers are set to on entry */
    struct mt_alarm *alarm; /* of the thread that ran it last; NULL before the first run */
    uint64_t deadline_ns;
    uint64_t n_system_calls;
    bool is_in_monitor; /* the last exit left it in ring 0: it must be entered before it runs */
    bool is_loaded;     /* the next run begins at the resume stub: the CPU is what was loaded */
};

void mt_kvm_fill_monitor(uint8_t *monitor, const struct mt_plan *plan);

/* Write page tables for the plan's regions and the monitor. resume_gpa is where the resume image
 * lies. MOTE_E_BUG when the area is too small for them. */
mote_status mt_kvm_fill_tables(uint8_t *tables, const struct mt_plan *plan,
                               uint64_t vector_image_bytes, uint64_t resume_gpa, mote_error *err);
/* Clear the dirty bits of what the guest may write in [start, end). */
void mt_kvm_clear_dirty_bits(uint8_t *tables, const struct mt_plan *plan, uint64_t start,
                             uint64_t end);
/* Clear the accessed bits of what leads to whole page tables of [start, end), whose dirty bits are
 * clear: until the CPU sets one again nobody need look at that table. Before the first run. */
void mt_kvm_clear_accessed_bits(uint8_t *tables, const struct mt_plan *plan, uint64_t start,
                                uint64_t end);
/* Add the pages of [start, end) whose dirty bits are set; numbers count from first_address. */
void mt_kvm_collect_dirty_bits(const uint8_t *tables, const struct mt_plan *plan, uint64_t start,
                               uint64_t end, uint64_t first_address, struct mt_page_set *set);

mote_status mt_kvm_prepare(const struct mt_plan *plan, const mote_allocator *allocator, void **out,
                           mote_error *err);
void mt_kvm_unprepare(void *prepared);

/* Open /dev/kvm and check that it is one. MOTE_E_NO_HYPERVISOR. */
mote_status mt_kvm_open(int *kvm_fd, mote_error *err);

/* The type field of TR that this host takes: found by a self-test at the first machine of the
 * process. */
mote_status mt_kvm_task_type(uint8_t *task_type, mote_error *err);

mote_status mt_kvm_create(void *prepared, struct mt_machine **out, struct mt_window *window,
                          mote_error *err);
mote_status mt_kvm_make_machine(const struct mt_kvm_prepared *prepared, uint8_t task_type,
                                struct mt_machine **out, mote_error *err);
void mt_kvm_destroy(struct mt_machine *machine, bool is_copy);

/* Give a new VM its memory. */
mote_status mt_kvm_set_slots(const struct mt_machine *machine, mote_error *err);
/* Set the slots of private memory anew, after their bounds have changed: is_new_bounds; or only
 * whether they are logged. */
mote_status mt_kvm_move_private_slots(const struct mt_machine *machine, bool is_new_bounds,
                                      mote_error *err);
/* After that failed, and the bounds are again what they were: as many of the slots as can be had.
 * Their log begins anew. */
void mt_kvm_put_back_private_slots(const struct mt_machine *machine);
/* Add the pages that the log of the logged slot has. */
mote_status mt_kvm_read_log(struct mt_machine *machine, struct mt_page_set *set, mote_error *err);
/* Pages of the logged slot. */
uint64_t mt_kvm_n_logged_pages(const struct mt_machine *machine);

/* Give a new vCPU its CPUID, special registers, XCR0 and MSRs. */
mote_status mt_kvm_set_up_vcpu(struct mt_machine *machine, uint8_t task_type, mote_error *err);
/* Let the next run start at these registers, in ring 3, as they are. */
void mt_kvm_set_registers(struct mt_machine *machine, const struct kvm_regs *registers);
void mt_kvm_enter(struct mt_machine *machine, const struct mt_registers *registers);
mote_status mt_kvm_begin(struct mt_machine *machine, uint64_t deadline_ns, mote_error *err);
mote_status mt_kvm_run(struct mt_machine *machine, struct mt_exit *out, mote_error *err);

/* Segment selectors of this thread. */
struct mt_kvm_selectors {
    uint16_t ds, es, fs, gs;
};

static inline struct mt_kvm_selectors mt_kvm_selectors(void)
{
    struct mt_kvm_selectors now;
    __asm__ volatile("movw %%ds, %0" : "=r"(now.ds));
    __asm__ volatile("movw %%es, %0" : "=r"(now.es));
    __asm__ volatile("movw %%fs, %0" : "=r"(now.fs));
    __asm__ volatile("movw %%gs, %0" : "=r"(now.gs));
    return now;
}

void mt_kvm_put_selectors_back(struct mt_kvm_selectors before);
bool mt_kvm_kick(struct mt_machine *machine);

mote_status mt_kvm_quiesce(struct mt_machine *machine, mote_error *err);
mote_status mt_kvm_list_used(struct mt_machine *machine, struct mt_page_set *set, mote_error *err);
mote_status mt_kvm_track(struct mt_machine *machine, uint64_t zero_from, mote_error *err);
mote_status mt_kvm_list_written(struct mt_machine *machine, struct mt_page_set *set,
                                mote_error *err);
mote_status mt_kvm_discard(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages,
                           mote_error *err);
mote_status mt_kvm_save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err);
mote_status mt_kvm_load(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err);
void mt_kvm_inspect(struct mt_machine *machine, struct mt_cpu *out);

/* Whether an address lies in the gates, on a supervisor page. */
bool mt_kvm_is_in_gates(uint64_t rip);

/* Say what the exit in machine->run means. */
void mt_kvm_read_exit(const struct mt_machine *machine, struct mt_exit *out);

void mt_kvm_examine(mote_driver_report *report);

#endif
