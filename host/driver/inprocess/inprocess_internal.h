/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the in-process driver know of each other. */
#ifndef MOTE_HOST_DRIVER_INPROCESS_INPROCESS_INTERNAL_H
#define MOTE_HOST_DRIVER_INPROCESS_INPROCESS_INTERNAL_H

#include "host/driver/inprocess/inprocess.h"
#include <stdatomic.h>

struct mt_inprocess_prepared {
    const struct mt_plan *plan;
    mote_allocator allocator;
    uint64_t end; /* of all regions */
    uint64_t private_start;
    uint64_t private_len_bytes;
};

/* Known to switch.S. The guest knows its address and can write it, as all of the process. */
struct mt_switch {
    uint64_t host_rsp;  /* where the host's registers lie, while the guest runs */
    uint64_t guest_rsp; /* where the guest's lie, while it waits */
    uint64_t rcx, rdx, r8, r9;
    uint64_t rip; /* where to start it; 0: it goes on with what lies at guest_rsp */
    uint32_t mxcsr;
    uint32_t x87_control;
    uint32_t exit; /* EXIT_* */
    uint32_t port;
    uint32_t value;
};

/* Private memory is a file that is mapped twice: for the host, all of it to be written, and at the
 * guest's addresses with the guest's rights. */
struct mt_machine {
    struct mt_inprocess_prepared *prepared;
    int memory; /* the file */
    uint8_t *host_view;
    bool has_addresses; /* the guest's, from MT_BASE_ADDRESS to the end */
    bool can_run;       /* it was entered, and has not returned */
    _Atomic bool is_kicked;
    uint64_t cpu_time_ns;
    uint64_t n_system_calls;
};

/* There is one, since one machine of a process has the guest's addresses. Guests keep its address,
 * in their snapshots too: it stays the same from machine to machine. */
extern struct mt_switch mt_inprocess_the_switch;

/* switch.S */
void mt_inprocess_switch(struct mt_switch *at);
void mt_inprocess_returned(void);
void mt_inprocess_out(void);

/* machine.c */
mote_status mt_inprocess_create(void *prepared, struct mt_machine **out, struct mt_window *window,
                                mote_error *err);
void mt_inprocess_destroy(struct mt_machine *machine, bool is_copy);
/* Map the file at the guest's addresses, again if it is mapped. */
mote_status mt_inprocess_map_private(const struct mt_machine *machine, mote_error *err);

/* vcpu.c */
void mt_inprocess_enter(struct mt_machine *machine, const struct mt_registers *registers);
mote_status mt_inprocess_run(struct mt_machine *machine, struct mt_exit *out, mote_error *err);
/* The host's view of a run of the guest's private memory; NULL where it is not all in there. */
uint8_t *mt_inprocess_at(const struct mt_machine *machine, uint64_t address, uint64_t len_bytes);

/* snapshot.c */
mote_status mt_inprocess_quiesce(struct mt_machine *machine, mote_error *err);
mote_status mt_inprocess_list_used(struct mt_machine *machine, struct mt_page_set *set,
                                   mote_error *err);
mote_status mt_inprocess_track(struct mt_machine *machine, uint64_t zero_from, mote_error *err);
mote_status mt_inprocess_discard(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages,
                                 mote_error *err);
mote_status mt_inprocess_save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err);
mote_status mt_inprocess_load(struct mt_machine *machine, const struct mt_cpu *cpu,
                              mote_error *err);
void mt_inprocess_inspect(struct mt_machine *machine, struct mt_cpu *out);

#endif
