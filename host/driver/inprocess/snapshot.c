/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For snapshots: every page counts as used, and as written. A guest at rest is its stack pointer:
 * all else lies in its memory.
 */
#include "host/driver/inprocess/inprocess_internal.h"

#include "host/base/error.h"
#include "host/driver/inprocess/switch.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

static atomic_uint_least64_t last_id;

mote_status mt_inprocess_quiesce(struct mt_machine *machine, mote_error *err)
{
    (void)machine;
    (void)err;
    return MOTE_OK;
}

mote_status mt_inprocess_list_used(struct mt_machine *machine, struct mt_page_set *set,
                                   mote_error *err)
{
    (void)err;
    mt_page_set_add_run(set, 0, machine->prepared->private_len_bytes / MT_PAGE_BYTES);
    return MOTE_OK;
}

mote_status mt_inprocess_track(struct mt_machine *machine, uint64_t zero_from, mote_error *err)
{
    (void)machine;
    (void)zero_from;
    (void)err;
    return MOTE_OK;
}

mote_status mt_inprocess_discard(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages,
                                 mote_error *err)
{
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (fallocate(machine->memory, mode, (off_t)(first_page * MT_PAGE_BYTES),
                  (off_t)(n_pages * MT_PAGE_BYTES)) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "fallocate of guest memory");
    return MOTE_OK;
}

/* The registers that a waiting guest goes on with; the others it has given up. */
static void read_waiting(const struct mt_machine *machine, struct mt_cpu *out)
{
    uint64_t general[(WAITING_BYTES - WAITING_GENERAL) / sizeof(uint64_t)];
    const uint64_t rsp = mt_inprocess_the_switch.guest_rsp;
    const uint8_t *from = mt_inprocess_at(machine, rsp, WAITING_BYTES);
    *out = (struct mt_cpu){0};
    if (!machine->can_run || from == NULL)
        return;
    memcpy(general, from + WAITING_GENERAL, sizeof(general));
    out->r15 = general[0];
    out->r14 = general[1];
    out->r13 = general[2];
    out->r12 = general[3];
    out->rbx = general[4];
    out->rbp = general[5];
    out->rsi = general[6];
    out->rdi = general[7];
    out->rip = general[8];
    out->rsp = rsp + WAITING_BYTES;
}

mote_status mt_inprocess_save(struct mt_machine *machine, struct mt_cpu *out, mote_error *err)
{
    (void)err;
    read_waiting(machine, out);
    out->id = atomic_fetch_add(&last_id, 1) + 1;
    return MOTE_OK;
}

/* What the guest waits with is in the memory that the caller restores; RSP is 0 for one that had
 * returned. To valgrind memory under the stack pointer holds nothing, and the host has written it
 * by another address: it counts again when it is mapped anew. */
mote_status mt_inprocess_load(struct mt_machine *machine, const struct mt_cpu *cpu, mote_error *err)
{
    mote_status status = mt_inprocess_map_private(machine, err);
    if (status != MOTE_OK)
        return status;
    machine->can_run = cpu->rsp != 0;
    mt_inprocess_the_switch = (struct mt_switch){.guest_rsp = cpu->rsp - WAITING_BYTES};
    return MOTE_OK;
}

void mt_inprocess_inspect(struct mt_machine *machine, struct mt_cpu *out)
{
    read_waiting(machine, out);
}
