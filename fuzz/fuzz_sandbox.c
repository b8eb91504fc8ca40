/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes on the script driver. */
#include "fuzz/fuzz_sandbox.h"

#include "abi/peb.h"
#include "host/image/elf_maker.h"
#include <string.h>

/* A note of another type is none: the file is then one of 0.1. */
#define OTHER_NOTE_TYPE 77u

struct guest {
    mote_image *image;
    struct fuzz_counter counter;
    bool has_template;
    size_t n_live_before; /* blocks, before the sandbox that was made last */
};

static struct guest guests[2];

static void make_image(struct guest *guest, bool is_01)
{
    static struct elf_maker maker;
    guest->counter.cap_bytes = SIZE_MAX;
    const mote_allocator allocator = fuzz_allocator(&guest->counter);
    elf_maker_fill(&maker);
    maker.code[FUZZ_HLT] = 0xF4;
    if (is_01)
        maker.note.header.n_type = OTHER_NOTE_TYPE;
    FUZZ_REQUIRE(mote_image_from_bytes(&maker, sizeof(maker), &allocator, &guest->image, NULL) ==
                 MOTE_OK);
}

mote_image *fuzz_image(bool is_01)
{
    struct guest *guest = &guests[is_01];
    if (guest->image == NULL)
        make_image(guest, is_01);
    return guest->image;
}

static mote_sandbox *create(bool is_01, const mote_config *config)
{
    mote_config ours = *config;
    mote_sandbox *sandbox = NULL;
    ours.driver = "script";
    ours.input_bytes = FUZZ_BUFFER_BYTES;
    ours.output_bytes = FUZZ_BUFFER_BYTES;
    ours.guest_error_bytes = FUZZ_ERROR_BYTES;
    ours.heap_bytes = 4096;
    ours.stack_bytes = 4096;
    guests[is_01].counter.cap_bytes = SIZE_MAX;
    FUZZ_REQUIRE(mote_sandbox_create(fuzz_image(is_01), &ours, &sandbox, NULL) == MOTE_OK);
    return sandbox;
}

mote_sandbox *fuzz_create(bool is_01, const mote_config *config)
{
    struct guest *guest = &guests[is_01];
    /* The first sandbox leaves a template behind. */
    if (!guest->has_template)
        FUZZ_REQUIRE(mote_sandbox_destroy(create(is_01, config)) == MOTE_OK);
    guest->has_template = true;
    guest->n_live_before = guest->counter.n_live;
    mote_sandbox *sandbox = create(is_01, config);
    guest->counter.is_over_cap = false;
    return sandbox;
}

/* There are two copies, each as large as a message can be, and one is released before it grows. */
void fuzz_set_cap(const mote_sandbox *sandbox)
{
    struct fuzz_counter *counter = &guests[fuzz_is_01(sandbox)].counter;
    counter->cap_bytes = counter->live_bytes + 2ull * FUZZ_BUFFER_BYTES;
}

void fuzz_destroy(mote_sandbox *sandbox)
{
    struct guest *guest = &guests[fuzz_is_01(sandbox)];
    FUZZ_REQUIRE(!guest->counter.is_over_cap);
    FUZZ_REQUIRE(sandbox->result_copy.room_bytes <= FUZZ_BUFFER_BYTES);
    FUZZ_REQUIRE(sandbox->message_copy.room_bytes <= FUZZ_BUFFER_BYTES);
    FUZZ_REQUIRE(mote_sandbox_destroy(sandbox) == MOTE_OK);
    FUZZ_REQUIRE(guest->counter.n_live == guest->n_live_before);
}

bool fuzz_is_01(const mote_sandbox *sandbox)
{
    return sandbox->image->parsed.facts.abi == MOTE_ABI_HYPERLIGHT_0_1;
}

uint64_t fuzz_place(const mote_sandbox *sandbox, enum mt_place place)
{
    return sandbox->template->layout.start[place];
}

struct mt_script_step fuzz_done(const mote_sandbox *sandbox)
{
    struct mt_script_step step = {.status = MOTE_OK};
    if (fuzz_is_01(sandbox)) {
        step.exit.kind = MT_EXIT_FAULT;
        step.exit.fault.vector = 13;
        step.exit.fault.rip = fuzz_place(sandbox, MT_PLACE_CODE) + FUZZ_CODE + FUZZ_HLT;
    } else {
        step.exit.kind = MT_EXIT_PORT;
        step.exit.port.number = MT_PORT_DONE;
        step.exit.port.size_bytes = 1;
        step.exit.port.count = 1;
    }
    return step;
}

void fuzz_make_ready(mote_sandbox *sandbox)
{
    const uint64_t dispatch = fuzz_place(sandbox, MT_PLACE_CODE) + FUZZ_CODE + FUZZ_DISPATCH;
    const struct mt_script_write write = {
        .address = fuzz_place(sandbox, MT_PLACE_PEB) + offsetof(struct mt_peb, dispatch_function),
        .bytes = &dispatch,
        .len_bytes = sizeof(dispatch),
    };
    struct mt_script_step step = fuzz_done(sandbox);
    step.writes = &write;
    step.n_writes = 1;
    mt_script_play(sandbox->machine, &step, 1);
    FUZZ_REQUIRE(mote_sandbox_init(sandbox, NULL) == MOTE_OK);
}

void fuzz_require_state(const mote_sandbox *sandbox, mote_status status, bool is_init)
{
    mote_sandbox_state wanted = MOTE_SANDBOX_POISONED;
    if (status == MOTE_OK || (status == MOTE_E_GUEST_ERROR && !is_init))
        wanted = MOTE_SANDBOX_READY;
    else if (status == MOTE_E_GUEST_DIED || status == MOTE_E_SYSTEM)
        wanted = MOTE_SANDBOX_DEAD;
    FUZZ_REQUIRE(mote_sandbox_state_get(sandbox) == wanted);
}
