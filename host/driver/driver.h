/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver must do: run one guest's virtual CPU over regions of memory, and say why it
 * stopped. A driver knows regions, registers and exits, nothing else; it decides nothing and calls
 * nobody. To add one: fill the table, add a line to drivers.c.
 */
#ifndef MOTE_HOST_DRIVER_DRIVER_H
#define MOTE_HOST_DRIVER_DRIVER_H

#include "abi/memory_map.h"
#include "host/base/alloc.h"
#include "host/base/region.h"
#include <mote/driver.h>
#include <stddef.h>
#include <string.h>

/* All that a driver is told about the sandboxes of one image and configuration. */
struct mt_plan {
    const struct mt_region *regions; /* ascending; live as long as what is prepared from them */
    size_t n_regions;
    uint64_t tables_start;       /* guest address of the page-table area */
    uint64_t tables_len_bytes;   /* its size */
    uint64_t exception_stack;    /* end of the stack that exceptions are delivered on */
    uint64_t double_fault_stack; /* end of the stack for a fault in the monitor itself */
    uint64_t sparse_start; /* whole large pages of private memory that are zero at first and may */
    uint64_t sparse_end; /* never be used: written pages are told by the large page; may be none */
};

/* Registers to start a guest with. All others, and the vector state, are reset. */
struct mt_registers {
    uint64_t rip;
    uint64_t rsp;
    uint64_t rcx;
    uint64_t rdx;
    uint64_t r8;
    uint64_t r9;
};

/* All that ring 3 can change of a virtual CPU, as a snapshot keeps it. */
struct mt_cpu {
    uint64_t id; /* no two that differ have the same */
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t fs_base, gs_base;
    uint64_t vector_len_bytes;
    uint64_t vector_components; /* that the area has room for: XCR0 of the guest */
    /* XSAVE area in its standard form (SDM volume 1, 13.4) */
    uint8_t vector[MT_VECTOR_IMAGE_MAX_BYTES];
};

enum mt_exit_kind {
    MT_EXIT_PORT,        /* the guest wrote to a port, or tried something like it */
    MT_EXIT_FAULT,       /* the guest raised an exception */
    MT_EXIT_REFUSED,     /* the guest tried a system call: fault.rip and fault.rsp say where */
    MT_EXIT_INTERRUPTED, /* a signal came: a deadline, a kick, or neither */
    MT_EXIT_DIED         /* the virtual CPU stopped and cannot go on */
};

struct mt_exit {
    enum mt_exit_kind kind;
    struct {
        uint16_t number;
        uint8_t value;
        uint8_t size_bytes; /* of one access; 1 is the only one that the ABI has */
        uint32_t count;     /* of accesses; likewise */
        bool is_in;
    } port;
    struct {
        uint8_t vector;
        uint32_t error_code; /* 0 where the vector has none */
        uint64_t address;    /* CR2, for vector 14 */
        uint64_t rip;
        uint64_t rsp;
        bool is_syscall; /* the guest used `syscall`: rip is where */
    } fault;
    char died[96]; /* one line on what happened */
};

/* Nothing is known yet. The line is left as it is, but for its end: it is long. */
static inline void mt_exit_clear(struct mt_exit *exit)
{
    memset(exit, 0, offsetof(struct mt_exit, died));
    exit->died[0] = '\0';
}

/* One virtual CPU and its memory; each driver has its own. */
struct mt_machine;

struct mt_driver {
    const char *name;
    const char *isolation;
    bool is_hardware;
    bool is_for_debugging; /* nothing is isolated and nothing stops a guest: only chosen by name,
                              never measured, and limits on time are not looked at */

    /* Fill a report that is zeroed but for struct_size. Opens and closes what it needs. */
    void (*examine)(mote_driver_report *report);

    /* Make what all sandboxes of a plan share. Any thread. */
    mote_status (*prepare)(const struct mt_plan *plan, const mote_allocator *allocator, void **out,
                           mote_error *err);
    void (*unprepare)(void *prepared);

    /* Make a machine; *window is its private memory, zeroed. prepared must outlive it. */
    mote_status (*create)(void *prepared, struct mt_machine **out, struct mt_window *window,
                          mote_error *err);
    /* is_copy: in a forked child, where only descriptors and heap are ours to release. */
    void (*destroy)(struct mt_machine *machine, bool is_copy);

    /* How long a wait for the guest may spin before it sleeps; not at all before this is called.
     * Before the first run. NULL: this driver does not wait for its guests. */
    void (*spin)(struct mt_machine *machine, uint64_t spin_ns);

    /* Say how guests reach their host. NULL: through the stub page. */
    void (*find_way_out)(struct mt_machine *machine, struct mt_way_out *out);

    /* Let the next run start at these registers, with everything that ring 3 can change reset. */
    void (*enter)(struct mt_machine *machine, const struct mt_registers *registers);

    /* Say that the calling thread is going to run the machine, until about deadline_ns. */
    mote_status (*begin)(struct mt_machine *machine, uint64_t deadline_ns, mote_error *err);

    /* Run, or go on, until the guest needs the host or a signal comes. Only after begin. */
    mote_status (*run)(struct mt_machine *machine, struct mt_exit *out, mote_error *err);

    /* Make the run that is going on, or the next one, end with MT_EXIT_INTERRUPTED. From any thread
     * between begin and the end of the call; async-signal-safe. False when the calling thread could
     * not: it may be under a filter of system calls. */
    bool (*kick)(struct mt_machine *machine);

    /* ---- For snapshots. Between runs, by who may run the machine; pages are numbered from the
     * start of the private memory. ---- */

    /* Bring the machine to rest: it cannot write memory, and the next run completes nothing that an
     * earlier one began. A guest that does not wait behind a port exit does not go on from here:
     * the next run is entered, or loaded. All that follows needs this. */
    mote_status (*quiesce)(struct mt_machine *machine, mote_error *err);

    /* Add every page that may hold something else than zeros. Of a machine that is not at rest, as
     * it is now. */
    mote_status (*list_used)(struct mt_machine *machine, struct mt_page_set *set, mote_error *err);

    /* From now on remember which pages the guest writes. Memory from zero_from on to the end of the
     * plan's sparse part is zero now. May be called again, when that has changed. Where it fails
     * the machine goes on, but what was written so far may be forgotten. */
    mote_status (*track)(struct mt_machine *machine, uint64_t zero_from, mote_error *err);

    /* Add every page that the guest may have written since it was first tracked: a page once
     * written is told again each time. */
    mote_status (*list_written)(struct mt_machine *machine, struct mt_page_set *set,
                                mote_error *err);

    /* Make pages zero by giving them back. */
    mote_status (*discard)(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages,
                           mote_error *err);

    /* Forget what the guest left with the driver, outside of its memory, where a later call might
     * look. The next run starts from a saved state, or is entered. NULL: there is no such place. */
    void (*forget)(struct mt_machine *machine);

    /* Read the virtual CPU, which waits behind a port exit, or was loaded and has not run since. */
    mote_status (*save)(struct mt_machine *machine, struct mt_cpu *out, mote_error *err);

    /* Let the next run start from a saved state; of this machine, or of another of the same plan.
     * cpu is not needed any more when it returns. */
    mote_status (*load)(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err);

    /* Read the virtual CPU as it was at the last exit, whatever that was, or as it was loaded
     * since. For people: what cannot be told is 0. */
    void (*inspect)(struct mt_machine *machine, struct mt_cpu *out);

    /* Processor time that the guest has had, by a clock that stands still while it does not run;
     * on some drivers its host functions run on the same clock. */
    uint64_t (*cpu_time_ns)(const struct mt_machine *machine);

    /* System calls made since creation to run the machine. */
    uint64_t (*n_system_calls)(const struct mt_machine *machine);
};

#endif
