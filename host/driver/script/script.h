/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The script driver: it replays a list of exits, so that everything above the drivers is tested
 * without a virtual CPU. It is in no library: a program that links mote_script finds it under the
 * name "script", beside the drivers that everybody has.
 *
 * A script belongs to a machine. Runs take it up where the one before left it; what it says to
 * write happens in the machine's private memory, as if the guest had done it.
 */
#ifndef MOTE_HOST_DRIVER_SCRIPT_SCRIPT_H
#define MOTE_HOST_DRIVER_SCRIPT_SCRIPT_H

#include "host/driver/driver.h"

/* What a guest writes. Where it has no private memory, the step is MOTE_E_BUG. */
struct mt_script_write {
    uint64_t address; /* guest-virtual */
    const void *bytes;
    uint64_t len_bytes;
};

/* One turn of run(): writes, then act, then the wait, then the exit or the error. */
struct mt_script_step {
    const struct mt_script_write *writes;
    size_t n_writes;
    void (*act)(struct mt_machine *machine, void *context); /* NULL for nothing */
    void *context;
    bool waits;         /* until the deadline or a kick, whichever comes first */
    mote_status status; /* an error: run() fails with it, and gives no exit */
    struct mt_exit exit;
};

/* What was asked of a machine. */
struct mt_script_record {
    uint64_t n_enters;
    struct mt_registers entered; /* the last time */
    uint64_t n_begins;
    uint64_t deadline_ns; /* of the last begin */
    uint64_t n_runs;
    uint64_t n_kicks;
    uint64_t n_quiesces;
    uint64_t n_saves;
    uint64_t n_loads;
    uint64_t loaded_id; /* of the last load */
    uint64_t n_tracks;
    uint64_t zero_from; /* of the last track */
};

enum mt_script_operation {
    MT_SCRIPT_PREPARE,
    MT_SCRIPT_CREATE,
    MT_SCRIPT_BEGIN,
    MT_SCRIPT_QUIESCE,
    MT_SCRIPT_LIST_USED,
    MT_SCRIPT_TRACK,
    MT_SCRIPT_LIST_WRITTEN,
    MT_SCRIPT_SAVE,
    MT_SCRIPT_LOAD,
    MT_SCRIPT_KICK, /* it is not sent; whatever the status */
    MT_SCRIPT_N_OPERATIONS
};

extern const struct mt_driver mt_driver_script;

/* Give a machine its script, in place of what is left of the one before. The steps, and all that
 * they point to, live until they are played. Past its end run() is MOTE_E_BUG. */
void mt_script_play(struct mt_machine *machine, const struct mt_script_step *steps, size_t n_steps);

size_t mt_script_n_left(const struct mt_machine *machine);

/* kicks come from other threads: n_kicks is right once they have been joined. */
struct mt_script_record mt_script_record_of(const struct mt_machine *machine);

/* The machine's private memory. */
struct mt_window mt_script_memory(const struct mt_machine *machine);

/* From now on list_written() tells what the script wrote and what mt_script_wrote() was told; until
 * then, all pages. */
void mt_script_tells_writes(struct mt_machine *machine);
/* Say that pages were written behind the script's back. */
void mt_script_wrote(struct mt_machine *machine, uint64_t first_page, uint64_t n_pages);

/* Processor time that the guest seems to have had, from now on. */
void mt_script_set_cpu_time(struct mt_machine *machine, uint64_t cpu_time_ns);

/* Let the calling thread's next operation of that kind fail. */
void mt_script_fail_next(enum mt_script_operation operation, mote_status status);

#endif
