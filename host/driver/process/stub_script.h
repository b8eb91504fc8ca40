/* SPDX-License-Identifier: Apache-2.0 */
/* What every child of a zygote does before it runs a guest; see stub_child.S. */
#ifndef MOTE_HOST_DRIVER_PROCESS_STUB_SCRIPT_H
#define MOTE_HOST_DRIVER_PROCESS_STUB_SCRIPT_H

#include "host/driver/process/stub_layout.h"
#include <stdbool.h>
#include <stdint.h>

/* A mask of processors as long as the kernel's may be. */
#define STUB_PROCESSORS_BYTES 1024u

/* What depends on plan and kernel. */
struct stub_facts {
    const struct mt_stub_plan *plan;
    long zygote;          /* its process */
    bool has_close_range; /* the kernel does, and lets us */
    bool can_move;        /* likewise, from one processor to another */
};

struct stub_child_call;

/* Write down both scripts. Before the zygote's first child. */
void stub_write_scripts(const struct stub_facts *facts);

const struct stub_child_call *stub_script(bool is_tracked);

#endif
